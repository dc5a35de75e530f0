// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_PODS_POD_H_
#define DMEMD_CLIENT_AGENT_PODS_POD_H_

#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace dmem::client {

// A device, or a part of one, that kubelet gave to a container.
struct PodDevice {
  // The extended resource (nvidia.com/gpu), or the driver of a dynamic resource (gpu.nvidia.com).
  std::string resource;
  // What it may be called, the likeliest first: a device plugin's id; or, of a dynamic resource,
  // the device's name in its pool, then the names of its CDI devices without "VENDOR/CLASS=". To be
  // compared with Device::device_ids.
  std::vector<std::string> ids;
  // Of dynamic resources: NAMESPACE/NAME of the claim, and the pool; empty otherwise.
  std::string claim;
  std::string pool;
};

struct PodContainer {
  std::string name;
  // As its runtime calls it, without "containerd://". Empty: not started, or not known.
  std::string id;
  std::vector<PodDevice> devices;
};

// What is known about a pod. Which fields are there depends on the source.
struct Pod {
  std::string name_space;  // `namespace` is a word of the language.
  std::string name;
  // From the API server or a file. If false, all down to `is_deleting` is empty.
  bool is_described = false;
  std::string uid;
  // What its cgroup is called by: the uid, or of a static pod the hash of its configuration, while
  // the uid is that of its mirror in the API.
  std::string cgroup_uid;
  std::string node;
  std::string phase;      // Pending, Running, Succeeded, Failed, Unknown.
  std::string qos_class;  // Guaranteed, Burstable, BestEffort.
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
  // Somebody deleted it; it ends at deletion_time, when its grace is over, or is forced to.
  bool is_deleting = false;
  absl::Time deletion_time = absl::InfiniteFuture();
  // Whether its devices are known: an empty list says that it has none.
  bool has_devices_known = false;
  std::vector<PodContainer> containers;  // Init and ephemeral ones too, each name once.
};

// Succeeded or Failed: none of its containers runs or will run.
inline bool HasEnded(const Pod& pod) { return pod.phase == "Succeeded" || pod.phase == "Failed"; }

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_PODS_POD_H_
