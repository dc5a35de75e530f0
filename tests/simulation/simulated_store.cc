// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/simulation/simulated_store.h"

#include "absl/strings/str_cat.h"

namespace dmem::simulation {

using server::MemoryStore;

absl::StatusOr<server::RecoveredLog> SimulatedStore::Recover(server::RecoveryVisitor& visitor) {
  absl::StatusOr<server::RecoveredLog> log = store_.Recover(visitor);
  if (log.ok()) durable_sequence_ = log->last_sequence;
  return log;
}

absl::Status SimulatedStore::Append(uint64_t epoch, server::SequenceRange range,
                                    absl::string_view record) {
  if (!is_healed_ && world_->rng().Chance(world_->faults().fail_append)) {
    const bool is_kept = world_->rng().Chance(500);
    store_.FailNextAppend(absl::UnavailableError("simulated"),
                          is_kept ? MemoryStore::Loss::kKept : MemoryStore::Loss::kLost);
    ++world_->counts().failed_appends;
    world_->counts().kept_failed_appends += is_kept ? 1 : 0;
  }
  absl::Status status = store_.Append(epoch, range, record);
  if (status.ok()) durable_sequence_ = range.last;
  world_->Note(absl::StrCat("append ", range.first, "-", range.last, " ", status.ToString()));
  return status;
}

absl::Status SimulatedStore::Checkpoint(const server::CheckpointDelta& delta) {
  if (!is_healed_ && world_->rng().Chance(world_->faults().fail_checkpoint)) {
    store_.FailNextCheckpoint(absl::UnavailableError("simulated"));
    ++world_->counts().failed_checkpoints;
  }
  absl::Status status = store_.Checkpoint(delta);
  world_->counts().checkpoints += status.ok() ? 1 : 0;
  world_->Note(absl::StrCat("checkpoint ", delta.sequence, " ", status.ToString()));
  return status;
}

}  // namespace dmem::simulation
