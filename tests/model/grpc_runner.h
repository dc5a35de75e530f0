// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// GrpcRunner: a server, spoken to in the model's words.

#ifndef TESTS_MODEL_GRPC_RUNNER_H_
#define TESTS_MODEL_GRPC_RUNNER_H_

#include <string>

#include "dmem/v1/quota_service.grpc.pb.h"
#include "tests/model/command.h"
#include "tests/model/headroom_check.h"

namespace dmem {
namespace model {

// Translates, and decides nothing. Charges go one by one or, by their ids, as a batch. The server's
// own clock gives each command's time; Configure is not an RPC. Thread-compatible.
class GrpcRunner {
 public:
  // `stub` must outlive this.
  explicit GrpcRunner(v1::QuotaService::StubInterface* stub) : stub_(*stub) {}

  // Applies the command and returns the answer in the words that Model::Apply uses.
  std::string Apply(const Command& command);
  HeadroomAnswer Headroom(const Shape& shape);
  // What the listings say, as far as they do: see Hide.
  View Look();

 private:
  std::string Register(const Command& c);
  std::string Unregister(const Command& c);
  std::string Charge(const Command& c);
  std::string Commit(const Command& c);
  std::string Reservation(const Command& c);
  std::string RequestRelease(const Command& c);
  std::string Uncharge(const Command& c);
  std::string Resize(const Command& c);
  std::string SetLimits(const Command& c);
  std::string Cgroup(const Command& c);
  std::string Group(const Command& c);
  std::string ReportMeasured(const Command& c);
  std::string MoveCharge(const Command& c);
  // grpc_runner_sessions.cc
  std::string Lease(const Command& c);
  std::string Reconcile(const Command& c);

  v1::QuotaService::StubInterface& stub_;
};

// Takes out of a view what no listing shows, and what depends on the server's clock.
void Hide(View* view);

}  // namespace model
}  // namespace dmem

#endif  // TESTS_MODEL_GRPC_RUNNER_H_
