// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/loop/node_watcher.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/agent/identity/pod_cgroups.h"
#include "client/agent/identity/process_identity.h"

namespace dmem::client {
namespace {

absl::Status Prefixed(absl::string_view who, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(who, ": ", status.message()));
}

}  // namespace

NodeWatcher::NodeWatcher(const AgentConfig* config,
                         std::vector<std::unique_ptr<DeviceBackend>> backends,
                         std::unique_ptr<PodSource> kubelet, std::unique_ptr<PodSource> described)
    : config_(*config),
      backends_(std::move(backends)),
      kubelet_(std::move(kubelet)),
      described_(std::move(described)),
      scanned_(backends_.size()),
      was_scanned_(backends_.size(), false) {}

NodeSight NodeWatcher::Look(std::vector<absl::Status>* problems) {
  NodeSight sight;
  sight.node = config_.node_name;
  // Pods first: one that starts meanwhile is a process of an unknown pod for a second; the other
  // way round, a process that ended would be of a pod that is gone.
  LookAtPods(&sight, problems);
  LookAtDevices(&sight, problems);
  return sight;
}

void NodeWatcher::LookAtPods(NodeSight* sight, std::vector<absl::Status>* problems) {
  PodSnapshot kubelet, described;
  if (kubelet_ != nullptr) kubelet = kubelet_->List();
  if (described_ != nullptr) described = described_->List();
  if (kubelet_ == nullptr && described_ == nullptr) return;
  PodSnapshot all = CombinePods(kubelet_ == nullptr ? nullptr : &kubelet,
                                described_ == nullptr ? nullptr : &described);
  if (!all.status.ok()) problems->push_back(Prefixed("pods", all.status));
  // kubelet's list alone has no uids, so that nothing can be told to be gone.
  sight->pods_are_complete = all.status.ok() && described_ != nullptr;
  for (Pod& pod : all.pods) {
    SeenPod& seen = sight->pods.emplace_back();
    seen.mapped = MapPod(config_.mapping, pod);
    if (!pod.cgroup_uid.empty()) {
      const auto candidates =
          PodCgroupCandidates(config_.kubelet_cgroup_root, pod.cgroup_uid, QosOf(pod.qos_class));
      if (candidates.ok()) {
        const auto found = FindCgroup(config_.cgroup_root, *candidates);
        if (found.ok()) seen.node_cgroup = *found;
      }
    }
    seen.pod = std::move(pod);
  }
}

void NodeWatcher::LookAtDevices(NodeSight* sight, std::vector<absl::Status>* problems) {
  std::set<std::string> cgroups;
  for (const SeenPod& pod : sight->pods) {
    if (!pod.node_cgroup.empty()) cgroups.insert(pod.node_cgroup);
  }
  const std::vector<std::string> asked(cgroups.begin(), cgroups.end());
  for (size_t i = 0; i < backends_.size(); ++i) {
    DeviceBackend* backend = backends_[i].get();
    absl::StatusOr<DeviceScan> scan = backend->Scan();
    const bool is_scanned = scan.ok();
    if (is_scanned) {
      for (const absl::Status& problem : scan->problems)
        problems->push_back(Prefixed(backend->name(), problem));
      scanned_[i] = std::move(scan->devices);
      was_scanned_[i] = true;
    } else {
      problems->push_back(Prefixed(backend->name(), scan.status()));
      // How much is in use is not known any more, and must be evidence of nothing.
      for (Device& device : scanned_[i]) device.used_bytes.reset();
    }
    for (const Device& device : scanned_[i]) {
      // Of two backends that know a device, the first in the configuration.
      const auto [it, is_new] = by_region_.emplace(device.region, backend);
      if (is_new || it->second == backend) sight->devices.push_back(device);
    }
    if (is_scanned) Measure(backend, asked, sight, problems);
  }
  sight->has_unscanned_devices =
      std::find(was_scanned_.begin(), was_scanned_.end(), false) != was_scanned_.end();
  std::sort(sight->devices.begin(), sight->devices.end(),
            [](const Device& a, const Device& b) { return a.region < b.region; });
  sight->cgroup_usage_before = std::exchange(cgroup_usage_before_, sight->cgroup_usage);
}

void NodeWatcher::Measure(DeviceBackend* backend, const std::vector<std::string>& cgroups,
                          NodeSight* sight, std::vector<absl::Status>* problems) {
  const absl::StatusOr<Usage> usage = backend->Measure(cgroups);
  if (!usage.ok()) {
    problems->push_back(Prefixed(backend->name(), usage.status()));
    return;
  }
  for (const absl::Status& problem : usage->problems)
    problems->push_back(Prefixed(backend->name(), problem));
  const auto is_ours = [&](const std::string& region) {
    const auto it = by_region_.find(region);
    return it != by_region_.end() && it->second == backend;
  };
  for (const CgroupUsage& cgroup : usage->cgroups) {
    if (is_ours(cgroup.region))
      sight->cgroup_usage[{cgroup.cgroup, cgroup.region}] = cgroup.used_bytes;
  }
  std::set<std::string> listed;
  for (const std::string& region : usage->listed_regions) {
    if (is_ours(region)) listed.insert(region);
  }
  for (const ProcessUsage& process : usage->processes) {
    if (!is_ours(process.region)) continue;
    const absl::StatusOr<ProcessIdentity> identity =
        IdentityOfProcess(config_.proc_root, process.pid);
    if (absl::IsNotFound(identity.status())) continue;  // It has ended since.
    if (!identity.ok()) {
      // Whose it is cannot be said, so nothing follows from who is not there.
      problems->push_back(Prefixed("process", identity.status()));
      listed.erase(process.region);
      continue;
    }
    sight->processes.push_back({process.region, process.used_bytes, identity->pod_uid});
  }
  sight->listed_regions.insert(listed.begin(), listed.end());
}

std::vector<LimitState> NodeWatcher::Apply(const std::vector<Limit>& limits) {
  return ForEachBackend(limits, config_.dry_run ? &DeviceBackend::ReadBack : &DeviceBackend::Apply);
}

std::vector<LimitState> NodeWatcher::LookAtLimits(const std::vector<Limit>& limits) {
  return ForEachBackend(limits, &DeviceBackend::ReadBack);
}

// Those of each backend's regions.
std::vector<LimitState> NodeWatcher::ForEachBackend(
    const std::vector<Limit>& limits,
    std::vector<LimitState> (DeviceBackend::*call)(const std::vector<Limit>&)) {
  std::vector<LimitState> states(limits.size());
  for (const std::unique_ptr<DeviceBackend>& backend : backends_) {
    std::vector<Limit> mine;
    std::vector<size_t> places;
    for (size_t i = 0; i < limits.size(); ++i) {
      const auto it = by_region_.find(limits[i].region);
      if (it == by_region_.end() || it->second != backend.get()) continue;
      mine.push_back(limits[i]);
      places.push_back(i);
    }
    if (mine.empty()) continue;
    std::vector<LimitState> of_mine = (backend.get()->*call)(mine);
    for (size_t i = 0; i < places.size(); ++i) states[places[i]] = std::move(of_mine[i]);
  }
  for (size_t i = 0; i < limits.size(); ++i) {
    if (by_region_.count(limits[i].region) > 0) continue;
    states[i].limit = limits[i];
    states[i].status = absl::NotFoundError(absl::StrCat("no device ", limits[i].region));
  }
  return states;
}

Capability NodeWatcher::capability() const {
  Capability least = backends_.empty() ? Capability::kBlind : Capability::kEnforcing;
  for (const auto& backend : backends_) least = std::min(least, backend->capability());
  return least;
}

}  // namespace dmem::client
