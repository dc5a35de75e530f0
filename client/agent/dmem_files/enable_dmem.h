// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_DMEM_FILES_ENABLE_DMEM_H_
#define DMEMD_CLIENT_AGENT_DMEM_FILES_ENABLE_DMEM_H_

#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "client/agent/dmem_files/cgroup_files.h"

namespace dmem::client {

// Gives `cgroup` its dmem files: +dmem in the cgroup.subtree_control of every cgroup above it, from
// the root down, where it is not there yet. `enabled` is what is known to have it, and grows.
//
// REQUIRES: CheckCgroupPath(cgroup) is OK.
// Errors: those of CgroupFiles. What was enabled before the one that failed stays.
absl::Status EnableDmemAbove(CgroupFiles& files, absl::string_view cgroup,
                             std::set<std::string>& enabled);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_DMEM_FILES_ENABLE_DMEM_H_
