// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/loop/admissions.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

namespace dmem::client {
namespace {

bool HasDevices(const Pod& pod) {
  return std::any_of(pod.containers.begin(), pod.containers.end(),
                     [](const PodContainer& container) { return !container.devices.empty(); });
}

// Whether each pod that is to hold something holds all of it.
std::map<std::string, bool> HoldAll(const NodeBooks& books, const std::vector<KnownItem>& known) {
  std::set<std::pair<std::string, std::string>> held;  // Charge id, region.
  for (const KnownItem& item : known) {
    if (!item.is_reserved) held.emplace(item.charge_id, item.region);
  }
  std::map<std::string, bool> hold_all;
  for (const Holding& holding : books.holdings) {
    if (holding.pod_uid.empty()) continue;
    bool& all = hold_all.emplace(holding.pod_uid, true).first->second;
    all = all && held.count({holding.charge_id, holding.region}) > 0;
  }
  return hold_all;
}

}  // namespace

void Admissions::Update(const NodeSight& sight, const NodeBooks& books,
                        const std::vector<KnownItem>& known, bool is_connected,
                        UnreachablePolicy policy) {
  const std::map<std::string, bool> hold_all = HoldAll(books, known);
  std::set<std::string> present;
  for (const SeenPod& pod : sight.pods) {
    const std::string& uid = pod.pod.cgroup_uid;
    if (uid.empty() || !pod.pod.has_devices_known) continue;
    present.insert(uid);
    const auto it = hold_all.find(uid);
    const bool is_seen = !sight.has_unscanned_devices || !HasDevices(pod.pod);
    if (is_seen && (it == hold_all.end() || it->second)) {
      pods_.insert(uid);
    } else if ((!is_seen || !is_connected) && policy == UnreachablePolicy::kAllow) {
      pods_.insert(uid);
      unheard_.insert(uid);
    }
  }
  if (!sight.pods_are_complete) return;
  for (std::set<std::string>* uids : {&pods_, &unheard_}) {
    for (auto it = uids->begin(); it != uids->end();)
      it = present.count(*it) > 0 ? std::next(it) : uids->erase(it);
  }
}

}  // namespace dmem::client
