// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/simulation/simulated_server.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/invariants.h"
#include "tests/model/ledger_runner.h"

namespace dmem::simulation {
namespace {

constexpr int64_t kTickUs = 1'000'000;
constexpr int64_t kRestartUsMax = 5'000'000;
// How far a machine's clock may be off, from one start to the next.
constexpr int64_t kClockSkewUsMax = 10'000'000;

}  // namespace

void SimulatedServer::Later(int64_t delay_us, std::function<void()> event) {
  world_->After(delay_us, [this, start = starts_, event = std::move(event)] {
    if (process_ != nullptr && start == starts_) event();
  });
}

void SimulatedServer::Start() {
  Random& random = world_->rng();
  ++starts_;
  is_step_due_ = is_commit_due_ = is_failing_ = false;
  const int64_t skew_us =
      random.Chance(500) ? 0 : random.Between(-kClockSkewUsMax, kClockSkewUsMax);
  process_ = std::make_unique<SimulatedProcess>(world_, medium_, skew_us);
  if (is_healed_) process_->store().Heal();
  const server::IdGenerator ids(random.Next());
  if (const absl::Status status = process_->Recover(ids); !status.ok()) {
    world_->Violate(absl::StrCat("recovery: ", status.ToString()));
    process_ = nullptr;
    return;
  }
  CheckRecovered(ids);
  world_->Note(absl::StrCat("started, at sequence ", process_->state().scalars.sequence));
  model::Command resume;
  resume.kind = model::Kind::kResume;
  const uint64_t place = oracle_->Queue({resume, absl::nullopt, "", ""});
  const absl::Status queued =
      process_->keeper().EnqueueResume([this, place](const absl::Status& status) {
        if (status.ok()) oracle_->Answer(place, process_->store().durable_sequence());
      });
  if (!queued.ok()) world_->Violate(absl::StrCat("resume: ", queued.ToString()));
  StepSoon();
  Later(kTickUs, [this] { Tick(); });
  CheckpointLater();
  CutPowerLater();
}

void SimulatedServer::CutPower() {
  world_->Note("power cut");
  ++world_->counts().power_cuts;
  process_ = nullptr;
  // Some callers see their connection break, the others nothing.
  for (const auto& [id, call] : calls_) {
    if (!call->is_finished && world_->rng().Chance(700)) call->Lose();
  }
  calls_.clear();
  world_->After(world_->rng().Between(1, is_healed_ ? 1 : kRestartUsMax), [this] {
    ++world_->counts().restarts;
    Start();
  });
}

void SimulatedServer::Heal() {
  is_healed_ = true;
  if (process_ != nullptr) process_->store().Heal();
}

void SimulatedServer::StepSoon() {
  if (is_step_due_) return;
  is_step_due_ = true;
  Later(world_->rng().Between(0, world_->faults().step_us_max), [this] { Step(); });
}

void SimulatedServer::Step() {
  is_step_due_ = false;
  oracle_->Run(process_->Clock());
  process_->writer().Step();
  CheckStep();
  if (process_->writer().failed() && !is_failing_) {
    is_failing_ = true;
    Later(world_->rng().Between(1, kRestartUsMax), [this] { CutPower(); });
  }
  if (is_commit_due_) return;
  is_commit_due_ = true;
  Later(world_->rng().Between(0, world_->faults().append_us_max), [this] { Commit(); });
}

// The power may go just before the record is on the disk, or just after, before anybody is told.
void SimulatedServer::Commit() {
  is_commit_due_ = false;
  const bool is_cut = !is_healed_ && world_->rng().Chance(world_->faults().cut_at_commit);
  if (is_cut && world_->rng().Chance(500)) return CutPower();
  if (!process_->writer().CommitStep()) return;
  if (is_cut) return CutPower();
  StepSoon();
}

void SimulatedServer::Tick() {
  model::Command tick;
  tick.kind = model::Kind::kTick;
  const auto place = std::make_shared<uint64_t>();
  const absl::Status queued =
      process_->keeper().EnqueueTick([this, place](const absl::StatusOr<bool>& has_more) {
        if (!has_more.ok()) return;
        ++world_->counts().ticks;
        oracle_->Answer(*place, process_->store().durable_sequence());
        Later(*has_more ? 0 : kTickUs, [this] { Tick(); });
      });
  if (!queued.ok()) return;  // It fails, and is started again.
  *place = oracle_->Queue({tick, absl::nullopt, "", ""});
  StepSoon();
}

void SimulatedServer::CheckpointLater() {
  const int64_t every_us = world_->faults().checkpoint_every_us;
  if (every_us == 0) return;
  Later(world_->rng().Between(1, 2 * every_us), [this] {
    process_->RequestCheckpoint([this] {
      Later(world_->rng().Between(0, world_->faults().append_us_max), [this] {
        process_->MakeCheckpoint();
        if (!is_healed_ && world_->rng().Chance(world_->faults().cut_at_commit)) {
          return CutPower();
        }
        CheckpointLater();
        StepSoon();  // The view has come back.
      });
    });
    StepSoon();
  });
}

void SimulatedServer::CutPowerLater() {
  const int64_t every_us = world_->faults().power_cut_every_us;
  if (every_us == 0 || is_healed_) return;
  Later(world_->rng().Between(1, 2 * every_us), [this] {
    if (!is_healed_) CutPower();
  });
}

void SimulatedServer::CheckStep() {
  const State& state = process_->state();
  if (state.scalars.sequence == checked_sequence_) return;
  checked_sequence_ = state.scalars.sequence;
  const AuditReport report = CheckInvariants(state);
  if (report.violations_total > 0) {
    world_->Violate(absl::StrCat("invariants: ", absl::StrJoin(report.violations, "; ")));
  }
  hashes_[checked_sequence_] = HashOf(state);
}

void SimulatedServer::CheckRecovered(const server::IdGenerator& ids) {
  const State& state = process_->state();
  const uint64_t sequence = state.scalars.sequence;
  oracle_->Recover(sequence, ids);
  const auto committed = hashes_.find(sequence);
  if (sequence > 0 && committed == hashes_.end()) {
    world_->Violate(absl::StrCat("recovered sequence ", sequence, " is the end of no batch"));
  } else if (sequence > 0 && committed->second != HashOf(state)) {
    world_->Violate(absl::StrCat("the state recovered at sequence ", sequence,
                                 " is not the one that was there"));
  }
  hashes_.erase(hashes_.upper_bound(sequence), hashes_.end());
  checked_sequence_ = sequence;
  const int64_t time_us = std::max(state.scalars.time_us, process_->Clock());
  const std::string difference =
      model::Difference(oracle_->view(), model::LookAt(state, time_us), /*with_time=*/false);
  if (!difference.empty()) world_->Violate(absl::StrCat("recovered state: ", difference));
}

void SimulatedServer::CheckAnsweredSequence(uint64_t sequence) {
  if (sequence == oracle_->view().sequence) return;
  world_->Violate(
      absl::StrCat("an answer says sequence ", sequence, ", it is ", oracle_->view().sequence));
}

}  // namespace dmem::simulation
