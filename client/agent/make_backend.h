// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_MAKE_BACKEND_H_
#define DMEMD_CLIENT_AGENT_MAKE_BACKEND_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/agent/device_backend.h"

namespace dmem::client {

// The backend of a kind that a configuration names: dmem, nvml or fake, with `options` as they are
// there. Nothing on the node is looked at before its first Scan, so a configuration can be checked
// anywhere.
//
// INVALID_ARGUMENT: there is no such kind, or an option is unknown or not valid; says everything
//   that is wrong with the options.
absl::StatusOr<std::unique_ptr<DeviceBackend>> MakeDeviceBackend(absl::string_view kind,
                                                                 const BackendOptions& options,
                                                                 const std::string& cgroup_root,
                                                                 const MemoryOverrides& memory);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_MAKE_BACKEND_H_
