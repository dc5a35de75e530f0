// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// SimulatedConnection: a network on which messages are late, lost and doubled.

#ifndef TESTS_SIMULATION_SIMULATED_CONNECTION_H_
#define TESTS_SIMULATION_SIMULATED_CONNECTION_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "client/connection.h"
#include "tests/simulation/coroutine.h"
#include "tests/simulation/rpcs.h"
#include "tests/simulation/simulated_server.h"
#include "tests/simulation/world.h"

namespace dmem::simulation {

// What a party does to wait: gives its turn back until an event wakes it, or it dies.
class Waiter {
 public:
  Waiter(World* world, Coroutine** coroutine) : world_(world), coroutine_(coroutine) {}

  // Returns when so much time has passed; at once when dead.
  void Sleep(int64_t us);
  // Returns when Wake was called with the ticket, or when dead.
  uint64_t NewTicket() { return ++ticket_; }
  void Await(uint64_t ticket);
  void Wake(uint64_t ticket);

  // Whoever waits stops waiting, and does not wait again until reborn.
  void Die();
  void Revive() { is_dead_ = false; }
  bool is_dead() const { return is_dead_; }

 private:
  World* const world_;
  Coroutine** const coroutine_;
  uint64_t ticket_ = 0;
  uint64_t awaited_ = 0;  // 0: nothing.
  bool is_dead_ = false;
};

// One party's connection. Each call is one attempt.
class SimulatedConnection final : public client::Connection {
 public:
  SimulatedConnection(World* world, Oracle* oracle, SimulatedServer* server, Waiter* waiter,
                      std::string party)
      : world_(world),
        oracle_(oracle),
        server_(server),
        waiter_(waiter),
        party_(std::move(party)) {}

  // What the next calls ask.
  void Ask(Question question) {
    question_ = std::move(question);
    attempts_ = 0;
  }
  // Of the last attempt; none if its answer came from no state, or none came.
  const absl::optional<Witness>& witness() const { return witness_; }

#define DMEM_RPC(Name)                                                      \
  absl::StatusOr<v1::Name##Response> Name(const v1::Name##Request& request, \
                                          absl::Duration timeout) override;
  DMEM_FOR_EACH_UNARY_RPC(DMEM_RPC)
#undef DMEM_RPC
  absl::Status Watch(const v1::WatchRequest&,
                     const std::function<bool(const v1::WatchResponse&)>&) override {
    return absl::UnimplementedError("no party watches");
  }

 private:
  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(SimulatedServer::Method<Request, Response> method,
                                const Request& request, absl::string_view name,
                                absl::Duration timeout);
  int64_t Delay();
  // The client may send a call again only if that is safe (docs/client.md).
  void CheckAttempts();

  World* const world_;
  Oracle* const oracle_;
  SimulatedServer* const server_;
  Waiter* const waiter_;
  const std::string party_;
  Question question_;
  int attempts_ = 0;  // To have it answered.
  absl::optional<Witness> witness_;
};

// The other way round than client::FromGrpcStatus.
grpc::Status ToGrpc(const absl::Status& status);

}  // namespace dmem::simulation

#endif  // TESTS_SIMULATION_SIMULATED_CONNECTION_H_
