// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/books/evidence.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace dmem::client {

std::string PodInWords(const std::string& uid) {
  return uid.empty() ? "it" : absl::StrCat("pod ", uid);
}

std::string EvidenceOf(const NodeSight& sight, const std::set<std::string>& owners,
                       const Device& device) {
  if (device.failed) return "";
  if (sight.listed_regions.count(device.region) > 0) {
    std::string names;
    for (const std::string& uid : owners)
      absl::StrAppend(&names, names.empty() ? "" : " or ", PodInWords(uid));
    return absl::StrCat("no process of ", names, " is on ", device.region);
  }
  if (!device.used_bytes.has_value()) return "";
  // The device was read between the two looks at the cgroups: one that has grown since may hold
  // now what the pod held then.
  uint64_t attributed = device.reserved_bytes.value_or(0);
  for (const auto& [key, bytes] : sight.cgroup_usage) {
    if (key.second != device.region) continue;
    const auto before = sight.cgroup_usage_before.find(key);
    if (before != sight.cgroup_usage_before.end()) attributed += std::min(bytes, before->second);
  }
  if (*device.used_bytes > attributed) return "";
  return absl::StrCat("all ", *device.used_bytes, " bytes in use on ", device.region,
                      " are others'");
}

}  // namespace dmem::client
