// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/simulation/simulated_process.h"

#include <utility>

#include "server/recovery.h"

namespace dmem::simulation {

SimulatedProcess::SimulatedProcess(World* world, std::shared_ptr<server::MemoryMedium> medium,
                                   int64_t clock_skew_us)
    : world_(world),
      clock_skew_us_(clock_skew_us),
      store_(world, std::move(medium)),
      events_(&store_),
      readers_(0, 1) {
  readers_.Stop();
}

SimulatedProcess::~SimulatedProcess() {
  service_ = nullptr;
  keeper_ = nullptr;
  // Views go back to the writer before it goes.
  checkpoint_view_ = server::ReadView();
  checkpointer_ = nullptr;
  writer_ = nullptr;
}

absl::Status SimulatedProcess::Recover(const server::IdGenerator& ids) {
  absl::StatusOr<server::Recovered> recovered = server::Recover(&store_, &ledger_);
  if (!recovered.ok()) return recovered.status();
  ledger_.SetLayout(recovered->epoch);
  ledger_.KeepChanges(true);
  writer_ = std::make_unique<server::Writer>(
      server::WriterOptions(), &ledger_, &store_, recovered->epoch, ids, [this] { return Clock(); },
      [this](const absl::Status& error) { world_->Note(error.ToString()); });
  checkpointer_ = std::make_unique<server::Checkpointer>(
      server::CheckpointerOptions(), writer_.get(), &store_,
      recovered->checkpoint == nullptr ? nullptr : writer_->Adopt(std::move(recovered->checkpoint)),
      recovered->checkpoint_hash);
  keeper_ = std::make_unique<server::SessionKeeper>(writer_.get());
  service_ = std::make_unique<server::QuotaService>(writer_.get(), &readers_, &readers_,
                                                    keeper_.get(), &events_, /*watchers=*/nullptr,
                                                    &metrics_, "simulated", "simulated");
  return absl::OkStatus();
}

void SimulatedProcess::RequestCheckpoint(std::function<void()> is_there) {
  writer_->RequestView(
      [this, is_there = std::move(is_there)](absl::StatusOr<server::ReadView> view) {
        if (!view.ok()) return;
        checkpoint_view_ = *std::move(view);
        is_there();
      });
}

// After a failure the store takes nothing more, and the writer's next append says so.
void SimulatedProcess::MakeCheckpoint() {
  const absl::Status status = checkpointer_->Take(std::exchange(checkpoint_view_, {}));
  if (!status.ok()) world_->Note(status.ToString());
}

}  // namespace dmem::simulation
