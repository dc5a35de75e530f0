// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_CHARGE_ID_H_
#define DMEMD_CLIENT_CHARGE_ID_H_

#include <string>

namespace dmem::client {

// A charge_id that nobody else has: "c-" and 96 random bits in hexadecimal. Thread safe.
std::string NewChargeId();

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_CHARGE_ID_H_
