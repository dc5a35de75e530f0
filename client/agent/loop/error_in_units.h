// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_LOOP_ERROR_IN_UNITS_H_
#define DMEMD_CLIENT_AGENT_LOOP_ERROR_IN_UNITS_H_

#include <string>

#include "absl/status/status.h"

namespace dmem::client {

// What an error of dmemd says to people, with the amounts that its facts name as FormatByteSize has
// them: "charge of 8GiB to ..." for "charge of 8589934592 bytes to ...". Of other errors the
// message.
std::string ErrorInUnits(const absl::Status& status);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_LOOP_ERROR_IN_UNITS_H_
