// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_FAKE_MAKE_FAKE_BACKEND_H_
#define DMEMD_CLIENT_AGENT_FAKE_MAKE_FAKE_BACKEND_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "client/agent/device_backend.h"

namespace dmem::client {

// From the configuration: directory (an absolute path) or command (an absolute path and arguments,
// separated by blanks), one of the two; enforce; check_cgroups (true: a cgroup that is not below
// `cgroup_root` is gone; for a directory); timeout (100ms to 1m; for a command).
//
// INVALID_ARGUMENT: an option is unknown or not valid.
absl::StatusOr<std::unique_ptr<DeviceBackend>> MakeFakeBackend(const BackendOptions& options,
                                                               const std::string& cgroup_root,
                                                               const MemoryOverrides& memory);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_FAKE_MAKE_FAKE_BACKEND_H_
