// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/model/episode.h"

#include <algorithm>
#include <random>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/charge_target.h"
#include "core/errors.h"
#include "core/headroom.h"
#include "core/invariants.h"
#include "core/limit_text.h"
#include "core/state_restorer.h"
#include "tests/model/headroom_check.h"
#include "tests/model/plan_check.h"
#include "tests/model/protection_check.h"

namespace dmem {
namespace model {
namespace {

constexpr int64_t kSkewUs = 60000000;

}  // namespace

Episode::~Episode() { ReleaseSnapshots(); }

void Episode::ReleaseSnapshots() {
  for (Taken& taken : taken_) runner_.ledger().Release(std::move(taken.snapshot));
  taken_.clear();
  if (checkpoint_ != nullptr) runner_.ledger().Release(std::move(checkpoint_));
}

std::string Episode::Step(const Command& command) {
  const std::string expected = model_.Apply(command);
  answer_ = runner_.Apply(command);
  time_us_ = command.time_us;
  commands_.push_back(command);
  if (expected != answer_) return absl::StrCat("expected ", expected, "\n     got ", answer_);
  std::string difference = Difference(model_.view(), LookAt(runner_.state(), command.time_us));
  if (difference.empty()) difference = CheckIds(command);
  // What else is looked at follows from the command, so that a shortened list does the same.
  std::mt19937_64 dice(static_cast<uint64_t>(command.time_us));
  if (difference.empty()) difference = CompareSomeProtection(dice());
  if (difference.empty()) difference = CompareFile(dice());
  if (difference.empty() && dice() % 4 == 0) difference = CompareHeadroom(dice());
  if (difference.empty()) difference = CheckPlan(runner_.state(), model_, dice());
  if (difference.empty()) difference = CheckMaxima(command);
  if (difference.empty()) difference = CheckSnapshots(command, dice());
  if (difference.empty()) {
    const AuditReport report = CheckInvariants(runner_.state());
    if (report.violations_total > 0) {
      difference = absl::StrCat("violations: ", absl::StrJoin(report.violations, "; "));
    }
  }
  if (difference.empty() && dice() % 16 == 0) difference = Checkpoint();
  if (difference.empty() && dice() % 64 == 0) difference = Restart(command.time_us);
  return difference;
}

std::string Episode::Finish() {
  std::string difference = Checkpoint();
  if (difference.empty()) difference = Restart(time_us_);
  // I9: the same commands give the same state, whatever restarts and readers there were.
  LedgerRunner again;
  for (const Command& command : commands_) again.Apply(command);
  if (difference.empty() && HashOf(again.state()) != HashOf(runner_.state())) {
    difference = "another state hash after the same commands";
  }
  return difference;
}

// The changes since the last checkpoint, added to all before, must be all objects there are.
std::string Episode::Checkpoint() {
  const State& state = runner_.state();
  const StateDelta delta =
      DiffStates(checkpoint_ == nullptr ? nullptr : &checkpoint_->state, checkpoint_hash_, state);
  for (const std::string& key : delta.deletes) objects_.erase(key);
  for (const auto& [key, value] : delta.puts) objects_[key] = value;
  const StateDelta all = DiffStates(nullptr, StateHash(), state);
  if (objects_ != std::map<std::string, std::string>(all.puts.begin(), all.puts.end())) {
    return absl::StrCat("checkpoints do not add up: expected ", all.puts.size(),
                        " objects\n     got ", objects_.size());
  }
  if (delta.hash != HashOf(state)) {
    return absl::StrCat("expected state hash ", HashOf(state).ToHex(), "\n     got ",
                        delta.hash.ToHex());
  }
  if (checkpoint_ != nullptr) runner_.ledger().Release(std::move(checkpoint_));
  checkpoint_ = runner_.ledger().TakeSnapshot();
  checkpoint_hash_ = delta.hash;
  return "";
}

// Goes on with a ledger made from the objects of the present one.
std::string Episode::Restart(int64_t time_us) {
  StateDelta all = DiffStates(nullptr, StateHash(), runner_.state());
  std::sort(all.puts.begin(), all.puts.end());
  auto ledger = std::make_unique<Ledger>();
  StateRestorer restorer(ledger.get());
  for (const auto& [key, value] : all.puts) {
    const absl::Status status = restorer.AddObject(key, value);
    if (!status.ok()) return absl::StrCat("restart: expected OK\n     got ", status.ToString());
  }
  const absl::Status status = restorer.Finish();
  if (!status.ok()) return absl::StrCat("restart: expected OK\n     got ", status.ToString());
  if (HashOf(ledger->state()) != all.hash) return "restart: another state hash";
  const AuditReport report = CheckInvariants(ledger->state());
  if (report.violations_total > 0) {
    return absl::StrCat("restart: violations: ", absl::StrJoin(report.violations, "; "));
  }
  const std::string difference = Difference(model_.view(), LookAt(ledger->state(), time_us));
  if (!difference.empty()) return absl::StrCat("restart: ", difference);
  ReleaseSnapshots();
  objects_.clear();
  checkpoint_hash_ = StateHash();
  runner_.ContinueWith(std::move(ledger));
  return "";
}

// In one region, relative to one cgroup, for all at or below it.
std::string Episode::CompareSomeProtection(uint64_t dice) const {
  const View& view = model_.view();
  if (view.regions.empty()) return "";
  ProtectionQuestion question;
  question.region = view.regions[dice % view.regions.size()];
  question.limit = view.cgroups[(dice >> 8) % view.cgroups.size()];
  question.ignore_low = (dice >> 16) % 2 == 0;
  question.is_full = (dice >> 17) % 4 == 0;
  return CompareProtection(runner_.state(), model_, question);
}

// In one cgroup, one file.
std::string Episode::CompareFile(uint64_t dice) const {
  static constexpr const char* kFiles[] = {"dmem.capacity", "dmem.current", "dmem.peak",
                                           "dmem.min",      "dmem.low",     "dmem.max"};
  const std::string file = kFiles[dice % 6];
  const View& view = model_.view();
  const std::string cgroup = view.cgroups[(dice >> 8) % view.cgroups.size()].name;
  const absl::StatusOr<std::string> text =
      ReadLimitFile(runner_.state(), runner_.state().FindCgroup(cgroup), file, 1 << 20);
  const std::string got = text.ok() ? *text
                                    : absl::StrCat(absl::StatusCodeToString(text.status().code()),
                                                   " ", FactsOf(text.status()).reason);
  const std::string expected = model_.ReadFile(cgroup, file);
  if (got == expected) return "";
  return absl::StrCat(file, " of ", cgroup, ": expected ", expected, "\n     got ", got);
}

// Of some shape, in a state as it is.
std::string Episode::CompareHeadroom(uint64_t dice) const {
  const Shape shape = ShapeFor(model_.view(), dice);
  const State& state = runner_.state();
  const auto error_of = [](const absl::Status& status) {
    return absl::StrCat(absl::StatusCodeToString(status.code()), " ", FactsOf(status).reason);
  };
  HeadroomAnswer answer;
  HeadroomRequest request;
  request.region = state.FindRegion(shape.region);
  const absl::StatusOr<NearestCgroup> cgroup = FindNearestCgroup(state, shape.cgroup);
  // As the server has it: what cannot be asked.
  if (request.region == kNone) {
    answer.error = "NOT_FOUND REGION_NOT_FOUND";
  } else if (shape.items > 1 && !state.regions[request.region].is_group) {
    answer.error = "FAILED_PRECONDITION WRONG_KIND";
  } else if (!cgroup.ok()) {
    answer.error = error_of(cgroup.status());
  } else {
    request.cgroup = *cgroup;
    request.items = static_cast<uint32_t>(shape.items);
    request.bytes = ByteCount(shape.bytes);
    request.same_node = shape.same_node;
    const Headroom headroom = FindHeadroom(state, request);
    answer.count = headroom.count;
    answer.count_at_most = headroom.count_at_most;
    answer.hole = headroom.hole.value();
    answer.is_exact = headroom.is_exact;
  }
  return CheckHeadroom(model_, shape, answer);
}

// I2, on what the ledger shows.
std::string Episode::CheckMaxima(const Command& command) const {
  if (command.kind != Kind::kCharge || command.mode != ChargeMode::kStrict ||
      !absl::StartsWith(answer_, "OK") || answer_ == "OK replayed") {
    return "";
  }
  const State& state = runner_.state();
  for (const Item& item : command.items) {
    if (item.bytes == 0) continue;
    const Index leaf = state.FindPool(state.FindCgroup(item.cgroup), state.FindRegion(item.region));
    for (Index level = leaf; level != kNone; level = state.pools[level].group_pool) {
      for (Index i = level; i != kNone; i = state.pools[i].counter.parent) {
        const PoolRecord& pool = state.pools[i];
        if (pool.is_observed || pool.counter.usage <= pool.counter.max) continue;
        return absl::StrCat("I2: expected at most ", pool.counter.max.value(), " in ",
                            state.CgroupName(pool.cgroup), "\n     got ",
                            pool.counter.usage.value());
      }
    }
  }
  return "";
}

// I8: an id is charged at most once. However old a tombstone is, and whether or not it is still
// kept: what it covered is not granted.
std::string Episode::CheckIds(const Command& command) {
  std::map<std::string, int64_t> live;  // To created_at.
  for (const ChargeRow& charge : model_.view().charges) live[charge.id] = charge.created_at_us;
  if (command.kind == Kind::kCharge && absl::StartsWith(answer_, "OK") &&
      answer_ != "OK replayed") {
    const auto covered = covered_until_us_.find(command.charge_id);
    if (covered != covered_until_us_.end() && command.created_at_us <= covered->second) {
      return absl::StrCat("expected no charge under ", command.charge_id,
                          ", which was spent\n     got ", answer_);
    }
  }
  for (const auto& [id, created_at_us] : live_) {
    if (live.count(id) > 0) continue;
    int64_t& covered_us = covered_until_us_[id];
    covered_us = std::max({covered_us, created_at_us, command.time_us});
  }
  if (command.kind == Kind::kCancel && absl::StartsWith(answer_, "OK NEVER_SEEN")) {
    covered_until_us_[command.charge_id] = command.time_us + kSkewUs;
  }
  if (command.kind == Kind::kUncharge && absl::StartsWith(answer_, "OK")) {
    const std::vector<std::string> words =
        absl::StrSplit(answer_, absl::ByAnyChar(" ,"), absl::SkipEmpty());
    for (size_t i = 0; i < command.charge_ids.size(); ++i) {
      // Its charge may still come, stamped by a clock that is ahead.
      if (words.at(i + 1) == "NEVER_SEEN") {
        covered_until_us_[command.charge_ids[i]] = command.time_us + kSkewUs;
      }
    }
  }
  live_ = std::move(live);
  return "";
}

std::string Episode::CheckSnapshots(const Command& command, uint64_t dice) {
  if (!taken_.empty() && dice % 16 == 0) {
    const size_t which = (dice >> 8) % taken_.size();
    Taken taken = std::move(taken_[which]);
    taken_.erase(taken_.begin() + static_cast<int64_t>(which));
    const std::string difference =
        Difference(taken.view, LookAt(taken.snapshot->state, taken.time_us));
    runner_.ledger().Release(std::move(taken.snapshot));
    if (!difference.empty()) return absl::StrCat("a snapshot changed: ", difference);
  }
  if (taken_.size() < 4 && (dice >> 4) % 16 == 0) {
    taken_.push_back({runner_.ledger().TakeSnapshot(), model_.view(), command.time_us});
  }
  return "";
}

std::vector<Command> Shorten(std::vector<Command> commands) {
  // Cuts what comes after the difference; tells whether there was one.
  const auto differs = [](std::vector<Command>* list) {
    Episode episode;
    for (size_t i = 0; i < list->size(); ++i) {
      if (episode.Step((*list)[i]).empty()) continue;
      list->resize(i + 1);
      return true;
    }
    return !episode.Finish().empty();
  };
  for (size_t part = commands.size() / 2; part > 0;) {
    bool is_shorter = false;
    for (size_t from = 0; from < commands.size();) {
      std::vector<Command> rest(commands.begin(), commands.begin() + static_cast<int64_t>(from));
      const size_t to = std::min(commands.size(), from + part);
      rest.insert(rest.end(), commands.begin() + static_cast<int64_t>(to), commands.end());
      if (differs(&rest)) {
        commands = std::move(rest);
        is_shorter = true;
      } else {
        from = to;
      }
    }
    if (!is_shorter || part > 1) part /= 2;
  }
  return commands;
}

}  // namespace model
}  // namespace dmem
