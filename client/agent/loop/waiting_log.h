// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_LOOP_WAITING_LOG_H_
#define DMEMD_CLIENT_AGENT_LOOP_WAITING_LOG_H_

#include <functional>
#include <map>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "client/agent/loop/waiting_pods.h"

namespace dmem::client {

// Lines of the log on pods that wait to start: when it begins, when the reason becomes another one
// (by how much a pod is short changes all the time), and when it ends. For a pod at most one line a
// minute, and its end; and none for one of which kubelet says after a moment which devices it has,
// as it does of every new pod. One thread at a time.
class WaitingLog {
 public:
  using LogFunction = std::function<void(const std::string& event, const std::string& what)>;

  explicit WaitingLog(LogFunction log) : log_(std::move(log)) {}

  // All that wait now, by uid. `now` only grows.
  void Update(const std::map<std::string, WaitingPod>& waiting, absl::Time now);

 private:
  struct Entry {
    std::string pod;
    absl::Time since;
    std::string reason;  // As logged; empty: not yet.
    absl::Time logged_at;
  };

  const LogFunction log_;
  std::map<std::string, Entry> entries_;  // By uid.
};

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_LOOP_WAITING_LOG_H_
