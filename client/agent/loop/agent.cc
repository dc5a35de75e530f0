// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/loop/agent.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "client/agent/config/about_key.h"
#include "client/cli/byte_size.h"
#include "client/error_facts.h"

namespace dmem::client {

std::vector<Limit> LimitsOf(const NodeBooks& books) {
  std::map<std::pair<std::string, std::string>, Limit> limits;  // By cgroup and region.
  for (const Holding& holding : books.holdings) {
    if (!holding.is_limited || holding.node_cgroup.empty()) continue;
    limits[{holding.node_cgroup, holding.local_region}] = {
        holding.node_cgroup, holding.local_region, holding.low_bytes, holding.max_bytes};
  }
  std::vector<Limit> all;
  all.reserve(limits.size());
  for (auto& limit : limits) all.push_back(std::move(limit.second));
  return all;
}

Agent::Agent(const AgentConfig* config, std::unique_ptr<NodeWatcher> watcher,
             const std::shared_ptr<Client>& client, Incarnations* incarnations,
             AgentMetrics* metrics, AgentClocks clocks, LogFunction log, const LinkParts& parts)
    : config_(*config),
      watcher_(std::move(watcher)),
      client_(client),
      metrics_(metrics),
      monotonic_now_(clocks.monotonic_now),
      log_(std::move(log)),
      link_(config, client, incarnations, std::move(clocks), parts),
      gate_(config->gate_dir),
      waiting_log_(log_) {}

void Agent::Pass() {
  std::vector<absl::Status> problems;
  link_.Connect();
  sight_ = watcher_->Look(&problems);
  NodeBooks books;
  LinkReport report = link_.Sync(sight_, &books);
  problems.insert(problems.end(), report.problems.begin(), report.problems.end());
  is_connected_ = report.is_connected;
  MakeLimitsStand(books, report, &problems);
  const bool gate_works = SetGate(&report, &problems);
  WatchOverGrants(books);
  LogChanges(problems);
  for (const std::string& pod : report.let_in) {
    log_("let_in", absl::StrCat("pod ", pod, " may start although nothing is charged for it: ",
                                "nobody has answered for unreachable_grace; it is recorded once ",
                                "dmemd does"));
  }
  waiting_log_.Update(report.waiting, monotonic_now_());
  PassFigures figures;
  figures.is_connected = report.is_connected;
  figures.capability = watcher_->capability();
  figures.problems = problems.size();
  figures.reconciled_differences = report.reconciled_differences;
  figures.reconciled_as_of = report.reconciled_as_of;
  figures.reported_as_of = report.reported_as_of;
  figures.devices = sight_.devices;
  figures.holdings = std::move(books.holdings);
  figures.limits = limit_states_;
  figures.node = config_.node_name;
  for (const auto& waiting : report.waiting) ++figures.waiting[waiting.second.reason];
  if (!config_.gate_dir.empty()) figures.gate_works = gate_works;
  metrics_->Set(std::move(figures));
}

// Who has leave of an agent before does not wait.
bool Agent::SetGate(LinkReport* report, std::vector<absl::Status>* problems) {
  GateState state;
  state.open = report->admitted;
  for (const auto& [uid, waiting] : report->waiting) state.closed[uid] = waiting.why;
  if (sight_.pods_are_complete) state.present.emplace();
  for (const SeenPod& seen : sight_.pods) {
    // Only kubelet knows it so far, and a file there may be its.
    if (seen.pod.cgroup_uid.empty()) state.present.reset();
    if (state.present.has_value()) state.present->insert(seen.pod.cgroup_uid);
  }
  const absl::Status status = gate_.Set(state);
  for (const std::string& uid : gate_.opened()) report->waiting.erase(uid);
  link_.Admit(gate_.opened());
  if (!status.ok()) problems->push_back(AboutKey("gate_dir", config_.gate_dir, status));
  return status.ok();
}

void Agent::Stop() {
  const absl::Status status = gate_.Stop();
  if (!status.ok())
    log_("problem", std::string(AboutKey("gate_dir", config_.gate_dir, status).message()));
}

void Agent::FollowTenants() {
  if (!is_connected_ || config_.tenant_directories.empty()) return;
  const auto before = tenant_limits_;
  std::vector<absl::Status> problems;
  AskTenantLimits(&problems);
  std::vector<Limit> changed;
  for (const auto& [place, limit] : tenant_limits_) {
    const auto was = before.find(place);
    if (was == before.end() || was->second.low_bytes != limit.low_bytes ||
        was->second.max_bytes != limit.max_bytes)
      changed.push_back(limit);
  }
  if (!changed.empty()) watcher_->Apply(changed);
}

// What is charged is not known yet: a pod's limit that an agent before set is not lifted for what
// an annotation says now.
void Agent::KeepLowerOnes(std::vector<Limit>* limits) {
  const std::vector<LimitState> standing = watcher_->LookAtLimits(*limits);
  for (size_t i = 0; i < limits->size(); ++i) {
    Limit& limit = (*limits)[i];
    limit.max_bytes = std::min(limit.max_bytes, standing[i].max_bytes.value_or(kNoLimit));
    limit.low_bytes = std::min(limit.low_bytes, limit.max_bytes);
  }
}

void Agent::MakeLimitsStand(const NodeBooks& books, const LinkReport& report,
                            std::vector<absl::Status>* problems) {
  std::vector<Limit> limits = LimitsOf(books);
  if (!report.has_listed) KeepLowerOnes(&limits);
  AddTenantLimits(report.is_connected, problems, &limits);
  limit_states_ = watcher_->Apply(limits);
  for (const LimitState& state : limit_states_) {
    if (state.status.ok() || state.outcome == LimitOutcome::kUnsupported ||
        state.outcome == LimitOutcome::kGone)
      continue;
    problems->push_back(absl::Status(
        state.status.code(), absl::StrCat("limit of ", state.limit.cgroup, " in ",
                                          state.limit.region, ": ", state.status.message())));
  }
}

// What the authority has set for the tenants that have a directory on this node.
void Agent::AddTenantLimits(bool is_connected, std::vector<absl::Status>* problems,
                            std::vector<Limit>* limits) {
  if (is_connected) AskTenantLimits(problems);
  for (const TenantDirectory& tenant : config_.tenant_directories) {
    for (const Device& device : sight_.devices) {
      const auto told = tenant_limits_.find({tenant.directory, device.region});
      if (told != tenant_limits_.end()) limits->push_back(told->second);
    }
  }
}

// What is not answered stays as it was told last.
void Agent::AskTenantLimits(std::vector<absl::Status>* problems) {
  for (const TenantDirectory& tenant : config_.tenant_directories) {
    for (const Device& device : sight_.devices) {
      v1::GetPoolRequest request;
      request.set_cgroup(tenant.cgroup);
      request.set_region(absl::StrCat(config_.node_name, "/", device.region));
      const absl::StatusOr<v1::GetPoolResponse> response = client_->GetPool(request);
      if (!response.ok()) {
        const absl::Status& status = response.status();
        problems->push_back(
            absl::Status(status.code(), absl::StrCat("GetPool: ", status.message())));
        if (IsUnanswered(status)) return;
        continue;
      }
      const v1::Pool& pool = response->pool();
      // Backends have one guarantee, low: the larger of the tenant's two.
      tenant_limits_[{tenant.directory, device.region}] = {
          tenant.directory, device.region, std::max(pool.min_bytes(), pool.low_bytes()),
          pool.max_bytes()};
    }
  }
}

void Agent::WatchOverGrants(const NodeBooks& books) {
  std::map<std::pair<std::string, std::string>, std::pair<absl::Time, bool>> over;
  for (const Holding& holding : books.holdings) {
    const uint64_t charged = holding.charged_bytes.value_or(holding.booked_bytes);
    if (holding.is_measured_basis || holding.measured_bytes.value_or(0) <= charged) continue;
    const auto key = std::make_pair(holding.id_base, holding.region);
    const auto before = over_since_.find(key);
    auto& since = over.emplace(key, std::make_pair(monotonic_now_(), false)).first->second;
    if (before != over_since_.end()) since = before->second;
    if (!since.second && monotonic_now_() - since.first >= config_.over_grant_grace) {
      since.second = true;
      log_("over_grant",
           absl::StrCat("pod ", holding.pod_namespace, "/", holding.pod_name, " uses ",
                        FormatByteSize(*holding.measured_bytes), " of ", holding.region, ", ",
                        FormatByteSize(*holding.measured_bytes - charged), " more than booked"));
    }
  }
  over_since_ = std::move(over);
}

void Agent::LogChanges(const std::vector<absl::Status>& problems) {
  std::set<std::string> now;
  for (const absl::Status& problem : problems) now.insert(std::string(problem.message()));
  for (const std::string& problem : now) {
    if (problems_.count(problem) == 0) log_("problem", problem);
  }
  for (const std::string& problem : problems_) {
    if (now.count(problem) == 0) log_("problem_ended", problem);
  }
  problems_ = std::move(now);
}

}  // namespace dmem::client
