// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_CONFIG_ABOUT_KEY_H_
#define DMEMD_CLIENT_AGENT_CONFIG_ABOUT_KEY_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace dmem::client {

// An error of the node that a key of the configuration leads to, with what to look at there:
// `gate_dir "/run/x": cannot make ...`. OK stays OK.
absl::Status AboutKey(absl::string_view key, absl::string_view value, const absl::Status& status);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_CONFIG_ABOUT_KEY_H_
