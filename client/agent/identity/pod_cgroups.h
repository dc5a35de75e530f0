// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_IDENTITY_POD_CGROUPS_H_
#define DMEMD_CLIENT_AGENT_IDENTITY_POD_CGROUPS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/agent/identity/process_identity.h"

namespace dmem::client {

// Where kubelet may have put a pod's cgroup, of which one exists: the reverse of IdentityOfCgroup.
// The paths begin below the cgroup root. First systemd's, then cgroupfs's; with Qos::kUnknown those
// of each class.
//
// `kubelet_root` is kubelet's --cgroup-root: "/", or "/kubelet" in a kind cluster, of which systemd
// makes kubelet.slice. `uid` is the pod's as ProcessIdentity has it. INVALID_ARGUMENT: one of them
// cannot be part of a path.
absl::StatusOr<std::vector<std::string>> PodCgroupCandidates(absl::string_view kubelet_root,
                                                             absl::string_view uid, Qos qos);

// The same for a container of it: below each candidate of the pod, under the names of each runtime.
absl::StatusOr<std::vector<std::string>> ContainerCgroupCandidates(absl::string_view kubelet_root,
                                                                   absl::string_view uid, Qos qos,
                                                                   absl::string_view container_id);

// The first of `candidates` that is a directory below `cgroup_root`, the directory where cgroup2 is
// mounted. NOT_FOUND: none is.
absl::StatusOr<std::string> FindCgroup(absl::string_view cgroup_root,
                                       const std::vector<std::string>& candidates);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_IDENTITY_POD_CGROUPS_H_
