// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/simulation/oracle.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace dmem::simulation {
namespace {

// Whether the request has a session: the generator gives one to other commands, too.
bool CarriesSession(model::Kind kind) {
  switch (kind) {
    case model::Kind::kRegister:
    case model::Kind::kCharge:
    case model::Kind::kUncharge:
    case model::Kind::kResize:
    case model::Kind::kReportRegionState:
    case model::Kind::kReconcile:
    case model::Kind::kReportMeasured:
    case model::Kind::kMoveCharge:
      return true;
    default:
      return false;
  }
}

}  // namespace

uint64_t Oracle::Queue(Question question) {
  tasks_.push_back({std::move(question), absl::nullopt});
  return next_place_++;
}

void Oracle::Run(int64_t time_us) {
  for (Task& task : tasks_) {
    if (!task.run_at_us.has_value()) task.run_at_us = time_us;
  }
}

Witness Oracle::Answer(uint64_t place, uint64_t durable) {
  Witness witness;
  witness.place = place;
  if (place < next_place_ - tasks_.size()) {
    world_->Violate(absl::StrCat("task ", place, " is answered twice, or after a later one"));
    return witness;
  }
  while (next_place_ - tasks_.size() <= place) {
    if (!tasks_.front().run_at_us.has_value()) {
      world_->Violate(absl::StrCat("task ", place, " is answered before it was run"));
      return witness;
    }
    witness.expected = Apply(&tasks_.front());
    tasks_.pop_front();
  }
  answered_ = place;
  if (view().sequence > durable) {
    world_->Violate(absl::StrCat("answered from sequence ", view().sequence, " while only ",
                                 durable, " is durable"));
  }
  return witness;
}

void Oracle::Recover(uint64_t sequence, server::IdGenerator ids) {
  if (sequence < view().sequence) {
    world_->Violate(
        absl::StrCat("acknowledged sequence ", view().sequence, " is lost: recovered ", sequence));
  }
  while (view().sequence < sequence && !tasks_.empty() && tasks_.front().run_at_us.has_value()) {
    Apply(&tasks_.front());
    ++world_->counts().kept_unanswered;
    tasks_.pop_front();
  }
  if (view().sequence != sequence) {
    world_->Violate(absl::StrCat("recovered sequence ", sequence, ", but what was run goes up to ",
                                 view().sequence));
  }
  world_->counts().taken_back += tasks_.size();
  tasks_.clear();
  heard_us_.clear();
  ids_ = ids;
}

std::string Oracle::Apply(Task* task) {
  // As the server's: never before that of a command that changed something.
  const int64_t time_us = std::max(changed_at_us_, *task->run_at_us);
  const Question& question = task->question;
  if (question.keep_alive.has_value()) return KeepAlive(*question.keep_alive, time_us);
  if (!question.command.has_value()) return PoolText(question.cgroup, question.region);
  model::Command command = *question.command;
  command.time_us = time_us;
  if (command.kind == model::Kind::kReconcile) command.nonce = ids_.Next();
  if (command.kind == model::Kind::kTick) {
    for (const auto& [session, heard_us] : heard_us_) {
      command.renewals.emplace_back(session, std::max<int64_t>(0, time_us - heard_us));
    }
    heard_us_.clear();
  }
  const uint64_t before = view().sequence;
  std::string answer = model_.Apply(command);
  if (view().sequence != before) changed_at_us_ = time_us;
  // Whoever calls is alive.
  if (CarriesSession(command.kind)) Hear(command.session, time_us);
  return answer;
}

std::string Oracle::KeepAlive(uint64_t session, int64_t time_us) {
  const std::string state = StateOf(session);
  if (state.empty()) return "NOT_FOUND SESSION_NOT_FOUND";
  if (state != "ACTIVE" && state != "SILENT") return absl::StrCat("ABORTED SESSION_", state);
  Hear(session, time_us);
  return absl::StrCat("OK ", session, " ", state, " at ", view().sequence);
}

void Oracle::Hear(uint64_t session, int64_t time_us) {
  const std::string state = StateOf(session);
  if (state == "ACTIVE" || state == "SILENT") heard_us_[session] = time_us;
}

std::string Oracle::StateOf(uint64_t session) const {
  const std::string start = absl::StrCat("session ", session, " ");
  for (const model::LeaseRow& row : view().leases) {
    if (!absl::StartsWith(row.text, start)) continue;
    for (const char* state : {"ACTIVE", "SILENT", "CLOSED", "SUPERSEDED", "FENCED"}) {
      if (absl::StrContains(row.text, absl::StrCat(" ", state, " ttl="))) return state;
    }
  }
  return "";
}

std::string Oracle::PoolText(const std::string& cgroup, const std::string& region) const {
  const model::View& all = view();
  const auto region_row = std::find_if(all.regions.begin(), all.regions.end(),
                                       [&](const auto& row) { return row.name == region; });
  if (region_row == all.regions.end()) return "NOT_FOUND REGION_NOT_FOUND";
  const auto cgroup_row = std::find_if(all.cgroups.begin(), all.cgroups.end(),
                                       [&](const auto& row) { return row.name == cgroup; });
  if (cgroup_row == all.cgroups.end()) {
    if (absl::StartsWith(cgroup, "@")) return "NOT_FOUND CGROUP_NOT_FOUND";
    return PoolAnswer(model::PoolRow(), all.sequence);
  }
  const auto pool = std::find_if(all.pools.begin(), all.pools.end(), [&](const auto& row) {
    return row.cgroup == cgroup_row->id && row.region == region_row->id;
  });
  return PoolAnswer(pool == all.pools.end() ? model::PoolRow() : *pool, all.sequence);
}

// Without what depends on the time of the read, and the max of a root pool, which is its region's.
std::string PoolAnswer(const model::PoolRow& row, uint64_t sequence) {
  return absl::StrCat("OK usage=", row.usage, " own=", row.own, " peak=", row.peak,
                      " min=", row.min, " low=", row.low, " etag=", row.etag,
                      " refusals=", row.refusals, " at ", sequence);
}

}  // namespace dmem::simulation
