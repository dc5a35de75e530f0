// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef TESTS_SIMULATION_SIMULATED_STORE_H_
#define TESTS_SIMULATION_SIMULATED_STORE_H_

#include <cstdint>
#include <memory>

#include "server/store/memory_store.h"
#include "tests/simulation/world.h"

namespace dmem::simulation {

// A disk that fails as the seed wants: an append fails with its record on the disk or not, a
// checkpoint fails. What Append was not called for yet is what a power cut takes.
class SimulatedStore final : public server::Store {
 public:
  // `medium` outlives the server, as a disk does.
  SimulatedStore(World* world, std::shared_ptr<server::MemoryMedium> medium)
      : world_(world), store_(std::move(medium)) {}

  absl::StatusOr<server::RecoveredLog> Recover(server::RecoveryVisitor& visitor) override;
  absl::Status Append(uint64_t epoch, server::SequenceRange range,
                      absl::string_view record) override;
  absl::Status Checkpoint(const server::CheckpointDelta& delta) override;
  absl::Status Read(uint64_t from, uint64_t to, const server::ReadVisitor& visit) override {
    return store_.Read(from, to, visit);
  }
  absl::StatusOr<server::KeptRecords> Kept() override { return store_.Kept(); }

  // The last sequence of which Append said that it is durable, or that Recover showed.
  uint64_t durable_sequence() const { return durable_sequence_; }
  // From now on nothing fails.
  void Heal() { is_healed_ = true; }

 private:
  World* const world_;
  server::MemoryStore store_;
  uint64_t durable_sequence_ = 0;
  bool is_healed_ = false;
};

}  // namespace dmem::simulation

#endif  // TESTS_SIMULATION_SIMULATED_STORE_H_
