// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_CLI_ORDER_H_
#define DMEMD_CLIENT_CLI_ORDER_H_

#include "absl/strings/string_view.h"

namespace dmem::client {

// Orders cgroups as a walk of the tree from "/" meets them, siblings by name: /a, /a/b, /a-b. Dying
// cgroups ("@ID") come last, by id.
bool CgroupLess(absl::string_view a, absl::string_view b);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_CLI_ORDER_H_
