// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef TESTS_FUZZ_PLAYER_H_
#define TESTS_FUZZ_PLAYER_H_

#include <google/protobuf/duration.pb.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/ledger.h"
#include "dmem/v1/quota_service.pb.h"
#include "server/apply.h"
#include "tests/fuzz/calls.h"
#include "tests/fuzz/fail.h"

namespace dmem::fuzz {

// What dmemd does with requests between gRPC and the store: validates, applies, records. Fails if
// an invariant breaks, or if the records or a checkpoint do not give the same state again.
class Player {
 public:
  Player() { ledger_.KeepChanges(true); }

  void Play(const Calls& calls);
  // The ends of it: both ways of recovery.
  void CheckReplay() const;
  void CheckCheckpoint() const;

  const Ledger& ledger() const { return ledger_; }
  const std::vector<std::string>& records() const { return records_; }

 private:
  template <typename Response, typename Request>
  void Command(const google::protobuf::Message& call);
  template <typename Response, typename Request>
  void ReadOnly(const google::protobuf::Message& call);
  template <typename Request>
  void ValidateOnly(const google::protobuf::Message& call);
  void BatchCharge(const google::protobuf::Message& call);
  void Pass(const google::protobuf::Message& call);

  int64_t Now() const;
  server::CommandInput NextInput();
  template <typename Request>
  void Record(const server::CommandInput& input, const absl::Status& outcome,
              const Request& request);

  using Handler = void (Player::*)(const google::protobuf::Message& call);
  static Handler HandlerOf(const google::protobuf::Descriptor* type);

  Ledger ledger_;
  int64_t clock_us_ = 1'000'000'000'000;
  uint64_t ids_ = 0;
  std::vector<std::string> records_;
};

}  // namespace dmem::fuzz

#endif  // TESTS_FUZZ_PLAYER_H_
