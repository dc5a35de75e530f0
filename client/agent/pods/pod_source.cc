// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/pods/pod_source.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>

namespace dmem::client {
namespace {

using PodName = std::pair<std::string, std::string>;  // Namespace and name.

PodName NameOf(const Pod& pod) { return {pod.name_space, pod.name}; }

// Device plugins' ids are the same in both; a dynamic resource's first id is, in its pool.
bool IsSame(const PodDevice& a, const PodDevice& b) {
  return std::find_first_of(a.ids.begin(), a.ids.end(), b.ids.begin(), b.ids.end()) !=
             a.ids.end() &&
         (a.pool.empty() || b.pool.empty() || a.pool == b.pool);
}

void AddContainer(const PodContainer& from, Pod& to) {
  const auto it = std::find_if(to.containers.begin(), to.containers.end(),
                               [&from](const auto& other) { return other.name == from.name; });
  if (it == to.containers.end()) {
    to.containers.push_back(from);
    return;
  }
  if (it->id.empty()) it->id = from.id;
  for (const PodDevice& device : from.devices) {
    const bool known = std::any_of(it->devices.begin(), it->devices.end(),
                                   [&device](const auto& other) { return IsSame(device, other); });
    if (!known) it->devices.push_back(device);
  }
}

void DropDevices(Pod& pod) {
  pod.has_devices_known = false;
  for (PodContainer& container : pod.containers) container.devices.clear();
}

std::map<PodName, int> CountNames(const std::vector<Pod>& pods) {
  std::map<PodName, int> counts;
  for (const Pod& pod : pods) ++counts[NameOf(pod)];
  return counts;
}

}  // namespace

PodSnapshot CombinePods(const PodSnapshot* kubelet, const PodSnapshot* described) {
  if (kubelet == nullptr) return described == nullptr ? PodSnapshot() : *described;
  if (described == nullptr) return *kubelet;
  PodSnapshot combined = *described;
  combined.as_of = std::min(kubelet->as_of, described->as_of);
  combined.status = kubelet->status.ok() ? described->status : kubelet->status;

  const std::map<PodName, int> kubelet_counts = CountNames(kubelet->pods);
  const std::map<PodName, int> described_counts = CountNames(described->pods);
  std::set<PodName> ambiguous;
  for (const std::map<PodName, int>* counts : {&kubelet_counts, &described_counts}) {
    for (const auto& [name, count] : *counts) {
      if (count > 1) ambiguous.insert(name);
    }
  }
  std::map<PodName, Pod*> by_name;
  for (Pod& pod : combined.pods) by_name[NameOf(pod)] = &pod;
  std::vector<Pod> others;
  for (const Pod& pod : kubelet->pods) {
    const auto it = by_name.find(NameOf(pod));
    if (it == by_name.end()) {
      others.push_back(pod);
    } else if (ambiguous.count(NameOf(pod)) == 0) {
      for (const PodContainer& container : pod.containers) AddContainer(container, *it->second);
      it->second->has_devices_known |= pod.has_devices_known;
    }
  }
  combined.pods.insert(combined.pods.end(), others.begin(), others.end());
  for (Pod& pod : combined.pods) {
    if (ambiguous.count(NameOf(pod)) != 0) DropDevices(pod);
  }
  SortPods(combined.pods);
  return combined;
}

void SortPods(std::vector<Pod>& pods) {
  std::sort(pods.begin(), pods.end(), [](const Pod& a, const Pod& b) {
    return std::tie(a.name_space, a.name, a.uid) < std::tie(b.name_space, b.name, b.uid);
  });
}

}  // namespace dmem::client
