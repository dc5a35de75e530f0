// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/loop/admissions.h"

#include <algorithm>
#include <iterator>
#include <map>

#include "absl/strings/str_cat.h"

namespace dmem::client {
namespace {

bool HasDevices(const Pod& pod) {
  return std::any_of(pod.containers.begin(), pod.containers.end(),
                     [](const PodContainer& container) { return !container.devices.empty(); });
}

// Whether each pod that is to hold something holds all of it.
std::map<std::string, bool> HoldAll(const NodeBooks& books) {
  std::map<std::string, bool> hold_all;
  for (const Holding& holding : books.holdings) {
    if (holding.pod_uid.empty()) continue;
    bool& all = hold_all.emplace(holding.pod_uid, true).first->second;
    all = all && holding.charged_bytes.has_value();
  }
  return hold_all;
}

}  // namespace

bool Admissions::IsGraceOver(bool can_say, const Policy& policy, absl::Time now) {
  if (can_say) {
    silent_since_ = absl::InfiniteFuture();
    return false;
  }
  silent_since_ = std::min(silent_since_, now);
  return now - silent_since_ >= policy.grace;
}

// Whether all that they hold is charged is not known: it may be recorded late.
void Admissions::Admit(const std::set<std::string>& uids) {
  for (const std::string& uid : uids) {
    if (pods_.insert(uid).second) unheard_.insert(uid);
  }
}

void Admissions::Update(const NodeSight& sight, const NodeBooks& books, bool is_connected,
                        const Policy& policy, absl::Time now) {
  const std::map<std::string, bool> hold_all = HoldAll(books);
  const bool is_grace_over = IsGraceOver(is_connected && !sight.has_unscanned_devices, policy, now);
  newly_unheard_.clear();
  std::set<std::string> present;
  for (const SeenPod& pod : sight.pods) {
    const std::string& uid = pod.pod.cgroup_uid;
    if (uid.empty() || !pod.pod.has_devices_known) continue;
    present.insert(uid);
    const auto it = hold_all.find(uid);
    const bool is_seen = !sight.has_unscanned_devices || !HasDevices(pod.pod);
    if (is_seen && (it == hold_all.end() || it->second)) {
      pods_.insert(uid);
      if (it != hold_all.end() && is_connected) unheard_.erase(uid);
    } else if ((!is_seen || !is_connected) && is_grace_over &&
               policy.when_unreachable == UnreachablePolicy::kAllow) {
      if (pods_.insert(uid).second) {
        unheard_.insert(uid);
        if (pod.pod.phase != "Running")
          newly_unheard_.insert(absl::StrCat(pod.pod.name_space, "/", pod.pod.name));
      }
    }
  }
  if (!sight.pods_are_complete) return;
  for (std::set<std::string>* uids : {&pods_, &unheard_}) {
    for (auto it = uids->begin(); it != uids->end();)
      it = present.count(*it) > 0 ? std::next(it) : uids->erase(it);
  }
}

}  // namespace dmem::client
