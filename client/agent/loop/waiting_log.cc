// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/loop/waiting_log.h"

#include "absl/strings/str_cat.h"

namespace dmem::client {
namespace {

constexpr absl::Duration kSilence = absl::Minutes(1);
// kubelet says which devices a pod has when it makes the pod.
constexpr absl::Duration kDevicesUnknownGrace = absl::Seconds(30);

}  // namespace

void WaitingLog::Update(const std::map<std::string, WaitingPod>& waiting, absl::Time now) {
  for (const auto& [uid, pod] : waiting) {
    Entry& entry = entries_.try_emplace(uid, Entry{pod.pod, now, "", now}).first->second;
    const bool is_first = entry.reason.empty();
    if (is_first && pod.reason == kDevicesUnknown && now - entry.since < kDevicesUnknownGrace)
      continue;
    if (entry.reason == pod.reason || (!is_first && now - entry.logged_at < kSilence)) continue;
    entry.reason = pod.reason;
    entry.logged_at = now;
    log_("waits", absl::StrCat("pod ", pod.pod, " waits for memory: ", pod.why));
  }
  for (auto it = entries_.begin(); it != entries_.end();) {
    if (waiting.count(it->first) > 0) {
      ++it;
      continue;
    }
    if (!it->second.reason.empty()) log_("waits_no_more", absl::StrCat("pod ", it->second.pod));
    it = entries_.erase(it);
  }
}

}  // namespace dmem::client
