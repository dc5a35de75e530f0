// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// SimulatedServer: a dmemd that is cut off and started again.

#ifndef TESTS_SIMULATION_SIMULATED_SERVER_H_
#define TESTS_SIMULATION_SIMULATED_SERVER_H_

#include <grpcpp/grpcpp.h>
#include <grpcpp/test/default_reactor_test_peer.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "absl/types/optional.h"
#include "core/state_codec.h"
#include "server/store/memory_store.h"
#include "tests/simulation/oracle.h"
#include "tests/simulation/simulated_process.h"
#include "tests/simulation/world.h"

namespace dmem::simulation {

// Runs a process: its steps, the disk's delays, ticks, checkpoints, power cuts and restarts; and
// checks its state after each step and each restart. Calls QuotaService's methods as gRPC does.
class SimulatedServer {
 public:
  SimulatedServer(World* world, Oracle* oracle) : world_(world), oracle_(oracle) {}
  SimulatedServer(const SimulatedServer&) = delete;
  SimulatedServer& operator=(const SimulatedServer&) = delete;
  ~SimulatedServer() { process_ = nullptr; }  // Before its calls.

  void Start();
  void CutPower();
  // From now on nothing fails.
  void Heal();

  bool is_up() const { return process_ != nullptr; }

  using Context = grpc::CallbackServerContext;
  template <typename Request, typename Response>
  using Method = grpc::ServerUnaryReactor* (server::QuotaService::*)(Context*, const Request*,
                                                                     Response*);
  // Called once, or not at all if the power is cut before. `witness` is null if the answer says
  // nothing about the state.
  template <typename Response>
  using Answer = std::function<void(const grpc::Status&, const Response&, const Witness* witness)>;

  // A request has arrived. REQUIRES: is_up().
  template <typename Request, typename Response>
  void Take(Method<Request, Response> method, const Request& request, const Question& question,
            Answer<Response> answer);

 private:
  struct CallBase {
    virtual ~CallBase() = default;
    virtual void Lose() = 0;
    Context context;
    absl::optional<uint64_t> place;
    bool is_finished = false;
  };
  template <typename Request, typename Response>
  struct Call final : CallBase {
    void Lose() override {
      answer(grpc::Status(grpc::StatusCode::UNAVAILABLE, "connection reset"), Response(), nullptr);
    }
    Request request;
    Response response;
    Answer<Response> answer;
  };

  template <typename Response>
  auto CheckSequence(const Response& response, int) -> decltype(response.sequence(), void()) {
    CheckAnsweredSequence(response.sequence());
  }
  template <typename Response>
  void CheckSequence(const Response&, long) {}  // NOLINT: the worse match
  void CheckAnsweredSequence(uint64_t sequence);

  // An event of this process, if it is still there then.
  void Later(int64_t delay_us, std::function<void()> event);
  void StepSoon();
  void Step();
  void Commit();
  void Tick();
  void CheckpointLater();
  void CutPowerLater();
  void CheckStep();
  void CheckRecovered(const server::IdGenerator& ids);

  World* const world_;
  Oracle* const oracle_;
  const std::shared_ptr<server::MemoryMedium> medium_ = std::make_shared<server::MemoryMedium>();
  std::map<uint64_t, std::unique_ptr<CallBase>> calls_;  // In the order of their arrival.
  std::unique_ptr<SimulatedProcess> process_;
  uint64_t next_call_ = 0;
  uint64_t starts_ = 0;
  bool is_step_due_ = false, is_commit_due_ = false, is_failing_ = false, is_healed_ = false;
  uint64_t checked_sequence_ = 0;
  std::map<uint64_t, StateHash> hashes_;  // By sequence, at the end of steps.
};

template <typename Request, typename Response>
void SimulatedServer::Take(Method<Request, Response> method, const Request& request,
                           const Question& question, Answer<Response> answer) {
  auto owned = std::make_unique<Call<Request, Response>>();
  Call<Request, Response>* const call = owned.get();
  const uint64_t id = next_call_++;
  call->request = request;
  call->answer = std::move(answer);
  calls_.emplace(id, std::move(owned));
  const grpc::testing::DefaultReactorTestPeer peer(
      &call->context, [this, call, id](const grpc::Status& status) {
        call->is_finished = true;
        // Not here: gRPC's object is still in use.
        Later(0, [this, id] { calls_.erase(id); });
        if (!call->place.has_value() || status.error_code() == grpc::StatusCode::UNAVAILABLE) {
          return call->answer(status, call->response, nullptr);
        }
        const Witness witness = oracle_->Answer(*call->place, process_->store().durable_sequence());
        if (status.ok()) CheckSequence(call->response, 0);
        call->answer(status, call->response, &witness);
      });
  (process_->service().*method)(&call->context, &call->request, &call->response);
  // Refused at once, it was not queued.
  if (!call->is_finished) call->place = oracle_->Queue(question);
  StepSoon();
}

}  // namespace dmem::simulation

#endif  // TESTS_SIMULATION_SIMULATED_SERVER_H_
