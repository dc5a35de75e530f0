// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_PODS_POD_SOURCE_H_
#define DMEMD_CLIENT_AGENT_PODS_POD_SOURCE_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/agent/pods/pod.h"

namespace dmem::client {

struct PodSnapshot {
  // Sorted by namespace, name and uid.
  std::vector<Pod> pods;
  // The time of the last word from the source: `pods` is what it said then. InfinitePast: it never
  // said anything, and `pods` is empty because nothing is known.
  absl::Time as_of = absl::InfinitePast();
  // Why there is nothing newer; OK: this is all that the source has. A pod that is absent is gone
  // only if this is OK.
  absl::Status status;
};

// Where facts about this node's pods come from: kubelet, the API server, a file.
//
// Thread safety: one thread at a time.
class PodSource {
 public:
  PodSource() = default;
  PodSource(const PodSource&) = delete;
  PodSource& operator=(const PodSource&) = delete;
  virtual ~PodSource() = default;

  // For logs and metrics: kubelet, api-server, file.
  virtual absl::string_view name() const = 0;

  // What is known now. Takes at most the timeout that the source was made with. After a failure the
  // last good list is still there, with the reason in `status`; the next call tries again.
  virtual PodSnapshot List() = 0;
};

// One list of two: kubelet's, which knows devices, and the API server's or a file's, which knows
// uids, labels and container ids. Null: there is no such source. Joined by namespace and name; the
// containers of a pod by name.
//
// A pod that one of them lacks is there with what the other knows; devices that both know of are
// there once. as_of is the older of the two, status the first that is not OK. If one of them has
// two pods of one name (a forced deletion, then a new pod of that name), nothing tells which has
// which device: has_devices_known is false for that name until one of them is gone.
PodSnapshot CombinePods(const PodSnapshot* kubelet, const PodSnapshot* described);

// For sources: the order of PodSnapshot::pods.
void SortPods(std::vector<Pod>& pods);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_PODS_POD_SOURCE_H_
