// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_LOOP_AGENT_H_
#define DMEMD_CLIENT_AGENT_LOOP_AGENT_H_

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/agent/config/agent_config.h"
#include "client/agent/loop/agent_clocks.h"
#include "client/agent/loop/agent_metrics.h"
#include "client/agent/loop/authority_link.h"
#include "client/agent/loop/gate.h"
#include "client/agent/loop/node_watcher.h"
#include "client/agent/loop/waiting_log.h"
#include "client/client.h"

namespace dmem::client {

// The limits that a pass would have stand, of pods' cgroups and of nothing else.
std::vector<Limit> LimitsOf(const NodeBooks& books);

// The node's agent: looks at the node, brings the authority in step with it, and makes limits
// stand. One thread at a time.
//
// While no authority answers, limits that stand are left as they are, and pods' limits are made to
// stand as ever; only a tenant's directory waits for news.
class Agent {
 public:
  // Something that happened, for the log: an event in lower_snake_case, and what it was.
  using LogFunction = std::function<void(const std::string& event, const std::string& what)>;

  // `config`, `incarnations` and `metrics` must outlive the agent.
  Agent(const AgentConfig* config, std::unique_ptr<NodeWatcher> watcher,
        const std::shared_ptr<Client>& client, Incarnations* incarnations, AgentMetrics* metrics,
        AgentClocks clocks, LogFunction log, const LinkParts& parts = {});

  // Looks once, and does what follows. Never fails: what went wrong is logged when it begins and
  // when it ends, and counted.
  void Pass();

  // After the last pass: tells who waits at the gate. What is held stays held, and limits stand.
  void Stop();

  // Between two passes: asks whether the limits of tenants with a directory here have changed, and
  // makes what has changed stand, so that nobody waits for a whole interval. Does nothing if the
  // authority did not answer the pass before; what goes wrong is for the next one to say.
  void FollowTenants();

 private:
  // Whether it says what it should.
  bool SetGate(LinkReport* report, std::vector<absl::Status>* problems);
  void MakeLimitsStand(const NodeBooks& books, const LinkReport& report,
                       std::vector<absl::Status>* problems);
  void KeepLowerOnes(std::vector<Limit>* limits);
  void AddTenantLimits(bool is_connected, std::vector<absl::Status>* problems,
                       std::vector<Limit>* limits);
  void AskTenantLimits(std::vector<absl::Status>* problems);
  void WatchOverGrants(const NodeBooks& books);
  void LogChanges(const std::vector<absl::Status>& problems);

  const AgentConfig& config_;
  const std::unique_ptr<NodeWatcher> watcher_;
  const std::shared_ptr<Client> client_;
  AgentMetrics* const metrics_;
  const std::function<absl::Time()> monotonic_now_;
  const LogFunction log_;
  AuthorityLink link_;
  Gate gate_;

  NodeSight sight_;            // Of the last look.
  bool is_connected_ = false;  // In it.
  // As last told by the authority, by directory and region.
  std::map<std::pair<std::string, std::string>, Limit> tenant_limits_;
  std::vector<LimitState> limit_states_;
  std::set<std::string> problems_;  // Of the last pass.
  WaitingLog waiting_log_;
  // Since when a holding uses more than is booked, by charge and region; and whether that is
  // logged.
  std::map<std::pair<std::string, std::string>, std::pair<absl::Time, bool>> over_since_;
};

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_LOOP_AGENT_H_
