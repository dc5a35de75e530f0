// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/checkpointer.h"

#include <algorithm>
#include <future>
#include <utility>

#include "server/base/background_thread.h"
#include "server/clock.h"
#include "server/log.h"
#include "server/recovery.h"

namespace dmem::server {

namespace {

// How often the number of sequences is looked at.
constexpr absl::Duration kPoll = absl::Milliseconds(200);

}  // namespace

Checkpointer::Checkpointer(const CheckpointerOptions& options, Writer* writer, Store* store,
                           std::shared_ptr<const Snapshot> base, const StateHash& base_hash)
    : options_(options),
      writer_(writer),
      store_(store),
      base_(std::move(base)),
      base_hash_(base_hash) {
  if (base_ != nullptr) last_sequence_.store(base_->state.scalars.sequence);
}

Checkpointer::~Checkpointer() {
  MutexLock lock(&mutex_);
  stopping_ = true;
}

void Checkpointer::Start() {
  thread_ = std::thread([this] { Loop(); });
}

absl::Status Checkpointer::Stop() {
  {
    MutexLock lock(&mutex_);
    if (stopping_) return absl::OkStatus();
    stopping_ = true;
    wake_.NotifyOne();
  }
  if (thread_.joinable()) thread_.join();
  absl::Status status = writer_->failed() ? absl::OkStatus() : MakeCheckpoint();
  base_ = nullptr;
  return status;
}

void Checkpointer::Loop() {
  BecomeBackgroundThread();
  int64_t last_ns = MonotonicNanoseconds();
  for (;;) {
    {
      MutexLock lock(&mutex_);
      if (!stopping_) wake_.WaitFor(&mutex_, std::min(kPoll, options_.interval));
      if (stopping_) return;
    }
    const uint64_t behind =
        writer_->stats().committed_sequence.load(std::memory_order_relaxed) - last_sequence();
    const absl::Duration since = absl::Nanoseconds(MonotonicNanoseconds() - last_ns);
    if (behind == 0 || (behind < options_.sequences && since < options_.interval)) continue;
    if (absl::Status status = MakeCheckpoint(); !status.ok()) {
      // The store takes nothing more after this, and says so to the writer's next append.
      Log(LogLevel::kError, "checkpoint_failed", {{"error", status.ToString()}});
      return;
    }
    last_ns = MonotonicNanoseconds();
  }
}

absl::Status Checkpointer::MakeCheckpoint() {
  auto promise = std::make_shared<std::promise<absl::StatusOr<ReadView>>>();
  writer_->RequestView(
      [promise](absl::StatusOr<ReadView> view) { promise->set_value(std::move(view)); });
  absl::StatusOr<ReadView> view = promise->get_future().get();
  return view.ok() ? Take(*std::move(view)) : view.status();
}

absl::Status Checkpointer::Take(ReadView view) {
  const int64_t started_ns = MonotonicNanoseconds();
  const State& state = view.state();
  const uint64_t sequence = state.scalars.sequence;
  if (sequence == last_sequence()) return absl::OkStatus();
  StateDelta changes = DiffStates(base_ == nullptr ? nullptr : &base_->state, base_hash_, state);
  CheckpointDelta delta;
  delta.sequence = sequence;
  delta.keep_from = options_.keep_from(sequence);
  delta.summary = EncodeSummary(state, changes.hash);
  delta.deletes = std::move(changes.deletes);
  delta.puts.reserve(changes.puts.size());
  for (auto& put : changes.puts) {
    delta.puts.push_back({std::move(put.first), std::move(put.second)});
  }
  const size_t puts = delta.puts.size();
  const size_t deletes = delta.deletes.size();
  if (absl::Status status = store_->Checkpoint(delta); !status.ok()) return status;
  base_ = std::move(view.snapshot);
  base_hash_ = changes.hash;
  last_sequence_.store(sequence, std::memory_order_relaxed);
  const int64_t duration_us = (MonotonicNanoseconds() - started_ns) / 1000;
  last_duration_us_.store(duration_us, std::memory_order_relaxed);
  Log(LogLevel::kInfo, "checkpoint",
      {{"sequence", sequence},
       {"puts", static_cast<uint64_t>(puts)},
       {"deletes", static_cast<uint64_t>(deletes)},
       {"seconds", duration_us / 1e6}});
  return absl::OkStatus();
}

}  // namespace dmem::server
