// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// SimulatedProcess: a dmemd without threads and ports.

#ifndef TESTS_SIMULATION_SIMULATED_PROCESS_H_
#define TESTS_SIMULATION_SIMULATED_PROCESS_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "core/ledger.h"
#include "server/checkpointer.h"
#include "server/event_log.h"
#include "server/id_generator.h"
#include "server/quota_service.h"
#include "server/reader_pool.h"
#include "server/rpc_metrics.h"
#include "server/session_keeper.h"
#include "server/writer.h"
#include "tests/simulation/simulated_store.h"
#include "tests/simulation/world.h"

namespace dmem::simulation {

// What is in dmemd's process below gRPC's wire: QuotaService with its validation, the writer, the
// session keeper, the checkpointer, recovery. What their threads do is asked for by the owner, step
// by step.
class SimulatedProcess {
 public:
  // `clock_skew_us`: how far its clock is from the world's. All must outlive it.
  SimulatedProcess(World* world, std::shared_ptr<server::MemoryMedium> medium,
                   int64_t clock_skew_us);
  SimulatedProcess(const SimulatedProcess&) = delete;
  SimulatedProcess& operator=(const SimulatedProcess&) = delete;
  // As a power cut: what is queued is never answered.
  ~SimulatedProcess();

  // First of all. Errors: those of server::Recover. `ids`: those that it will make.
  absl::Status Recover(const server::IdGenerator& ids);

  // Asks the writer for a view; `is_there` is called in one of its steps.
  void RequestCheckpoint(std::function<void()> is_there);
  // With the view that came. The store may fail.
  void MakeCheckpoint();

  int64_t Clock() const { return world_->now_us() + clock_skew_us_; }
  const State& state() const { return ledger_.state(); }
  SimulatedStore& store() { return store_; }
  server::Writer& writer() { return *writer_; }
  server::SessionKeeper& keeper() { return *keeper_; }
  server::QuotaService& service() { return *service_; }

 private:
  World* const world_;
  const int64_t clock_skew_us_;
  SimulatedStore store_;
  server::EventLog events_;
  Ledger ledger_;
  server::RpcMetrics metrics_;
  server::ReaderPool readers_;  // Stopped: runs what it is given at once.
  std::unique_ptr<server::Writer> writer_;
  std::unique_ptr<server::SessionKeeper> keeper_;
  std::unique_ptr<server::Checkpointer> checkpointer_;
  std::unique_ptr<server::QuotaService> service_;
  server::ReadView checkpoint_view_;
};

}  // namespace dmem::simulation

#endif  // TESTS_SIMULATION_SIMULATED_PROCESS_H_
