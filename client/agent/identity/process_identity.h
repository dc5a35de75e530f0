// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_IDENTITY_PROCESS_IDENTITY_H_
#define DMEMD_CLIENT_AGENT_IDENTITY_PROCESS_IDENTITY_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace dmem::client {

// Kubernetes' class of a pod, which is part of its cgroup's path.
enum class Qos { kUnknown, kGuaranteed, kBurstable, kBestEffort };

// Guaranteed, Burstable, BestEffort, as in a pod's status.qosClass; empty for kUnknown.
absl::string_view QosName(Qos qos);
// The reverse; kUnknown for any other text.
Qos QosOf(absl::string_view name);

// What the path of a process's cgroup tells about it.
//
// Paths are those of the cgroup namespace of the reader. They are empty where they lead out of it
// ("/../"): then the reader cannot know where that is. So run the agent in the node's namespace.
struct ProcessIdentity {
  std::string cgroup;  // The process's own.
  // As in the pod's metadata; of a static pod its config hash. Empty: the process is of no pod. If
  // there are pods in a pod (a cluster in a container), it is the outermost: this node's kubelet
  // knows only that.
  std::string pod_uid;
  Qos qos = Qos::kUnknown;  // Of the pod.
  // The pod's; empty without a pod, or where the runtime gave the container a cgroup elsewhere.
  std::string pod_cgroup;
  // As its runtime calls it, without the runtime's name. Empty: the process is in no container.
  // Containers without a pod have one too.
  std::string container_id;
  std::string runtime;           // containerd, cri-o or docker; empty where the path does not tell.
  std::string container_cgroup;  // The container's, above what it made inside; empty without one.
  // A runtime's process beside a container (CRI-O's conmon): of the pod, in no container.
  bool is_runtime_helper = false;
};

// Reads one cgroup path. Knows the systemd and the cgroupfs driver of kubelet, with any parent
// slice or directory above; containerd, CRI-O and Docker; static pods. What it does not recognize
// is of no pod and no container.
ProcessIdentity IdentityOfCgroup(absl::string_view path);

// Reads the text of /proc/PID/cgroup, of cgroup v1, v2 or both: of all lines whose path is of a
// pod, the one with the longest path; without such a line, of a container; else the longest, and
// v2's first among equals. INVALID_ARGUMENT: there is no line of the form ID:CONTROLLERS:PATH.
absl::StatusOr<ProcessIdentity> ParseProcCgroup(absl::string_view text);

// Reads PROC_ROOT/PID/cgroup. NOT_FOUND: there is no such process (any more). Other errors name the
// file. A pid that was used again is a new process: ask again for each measurement.
absl::StatusOr<ProcessIdentity> IdentityOfProcess(absl::string_view proc_root, int64_t pid);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_IDENTITY_PROCESS_IDENTITY_H_
