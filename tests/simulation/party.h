// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Party: a program that uses the client library.

#ifndef TESTS_SIMULATION_PARTY_H_
#define TESTS_SIMULATION_PARTY_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/client.h"
#include "tests/model/generator.h"
#include "tests/model/grpc_runner.h"
#include "tests/simulation/client_stub.h"
#include "tests/simulation/coroutine.h"
#include "tests/simulation/oracle.h"
#include "tests/simulation/simulated_connection.h"
#include "tests/simulation/simulated_server.h"
#include "tests/simulation/world.h"

namespace dmem::simulation {

// Makes random calls through the real client, one after the other, and compares what it learns with
// what the oracle says. A call of which it learns nothing it may make again later: the same, with
// the same ids. It may die at any time, also while a call is under way, and comes back with what it
// had on its disk, or with nothing.
class Party {
 public:
  Party(World* world, Oracle* oracle, SimulatedServer* server, int number, int calls);
  Party(const Party&) = delete;
  Party& operator=(const Party&) = delete;

  void Begin();
  bool is_done() const { return coroutine_->is_done(); }

 private:
  void Live();
  void BeReborn();
  void Call();
  void Command();
  void ReadPool();
  void KeepAlive();
  model::Command NextCommand();
  // Compares; returns whether something was learned.
  bool Learn(const std::string& text);

  World* const world_;
  Oracle* const oracle_;
  const std::string name_;
  const int calls_;
  model::Generator generator_;
  // When a charge was created, by its id and the generator's time.
  std::map<std::pair<std::string, int64_t>, int64_t> created_at_us_;
  std::vector<model::Command> unsure_;  // What became of them is not known.

  Coroutine* body_ = nullptr;
  Waiter waiter_;
  std::shared_ptr<SimulatedConnection> connection_;
  client::Client client_;
  ClientStub stub_;
  model::GrpcRunner runner_;
  std::unique_ptr<Coroutine> coroutine_;
};

}  // namespace dmem::simulation

#endif  // TESTS_SIMULATION_PARTY_H_
