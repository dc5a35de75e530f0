// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_TESTING_SCRIPTED_AGENT_H_
#define DMEMD_CLIENT_AGENT_TESTING_SCRIPTED_AGENT_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/agent/loop/agent.h"
#include "client/agent/testing/scripted_sources.h"

namespace dmem::client {

// What a ScriptedAgent is made of. All must outlive it.
struct AgentScript {
  const AgentConfig* config;
  BackendScript* devices;
  const PodSnapshot* pods;
  Incarnations* incarnations;
  AgentMetrics* metrics;
  std::vector<std::string>* log;  // Gets "EVENT: WHAT" of all that is logged.
};

// The agent's loop over scripted devices and pods, which sends each call once. Without
// `monotonic_now` nobody sets the clock.
inline std::unique_ptr<Agent> ScriptedAgent(const AgentScript& script,
                                            std::shared_ptr<Connection> connection,
                                            const std::function<absl::Time()>& now,
                                            const std::function<absl::Time()>& monotonic_now = {}) {
  std::vector<std::unique_ptr<DeviceBackend>> backends;
  backends.push_back(std::make_unique<ScriptedBackend>(script.devices));
  RetryPolicy once;
  once.attempts_max = 1;
  return std::make_unique<Agent>(
      script.config,
      std::make_unique<NodeWatcher>(script.config, std::move(backends), nullptr,
                                    std::make_unique<ScriptedPodSource>(script.pods)),
      std::make_shared<Client>(std::move(connection), once), script.incarnations, script.metrics,
      AgentClocks{now, monotonic_now ? monotonic_now : now},
      [log = script.log](const std::string& event, const std::string& what) {
        log->push_back(absl::StrCat(event, ": ", what));
      });
}

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_TESTING_SCRIPTED_AGENT_H_
