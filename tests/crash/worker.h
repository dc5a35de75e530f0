// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_TESTS_CRASH_WORKER_H_
#define DMEMD_TESTS_CRASH_WORKER_H_

#include <cstdint>
#include <deque>
#include <map>
#include <random>
#include <set>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/connection.h"
#include "dmem/v1/quota_service.pb.h"
#include "tests/crash/observation.h"
#include "tests/crash/violations.h"

namespace dmem::crash {

// A server that is up answers long before; one that went away is noticed by its connection.
inline constexpr absl::Duration kAnswerTimeout = absl::Seconds(60);

struct HeldCharge {
  v1::ChargeRequest request;  // As first sent.
  v1::Charge charge;          // As last acknowledged, without what an outage moves.
  // Answered in full. A batch's answer does not show the charge: it is then what was asked for.
  bool exact = true;
};

struct PoolLimits {
  uint64_t min_bytes = 0;
  uint64_t low_bytes = 0;
  uint64_t max_bytes = 0;
  v1::Enforcement enforcement = v1::ENFORCEMENT_UNSPECIFIED;
  uint64_t etag = 0;  // 0: never set.
  bool operator==(const PoolLimits& other) const;
};
PoolLimits LimitsOf(const v1::Pool& pool);
// The charge without the end of its ttl, which an outage of the server moves.
v1::Charge Lasting(v1::Charge charge);
// The charge after what it had reserved was committed.
v1::Charge Committed(v1::Charge charge);

// What one client knows to be so, because it was acknowledged.
struct AcknowledgedState {
  std::map<std::string, HeldCharge> held;  // By charge id.
  std::map<PoolKey, PoolLimits> limits;    // Of the pools whose limits were ever set.
};

struct WorkerStats {
  uint64_t acknowledged = 0;  // Calls answered OK, batches by the charge.
  uint64_t refused = 0;
  uint64_t settled = 0;  // Calls whose answer a crash took, and what became of them is known.
  void Add(const WorkerStats& more);
};

// A client that charges, resizes, uncharges and sets limits in cgroups of its own, one call at a
// time, and remembers of each call what was sent, before it is sent, and what was acknowledged. Its
// charge ids and created_at are its own, so that a call can be sent again after a crash.
//
// Thread-compatible.
class Worker {
 public:
  struct Options {
    int number = 0;  // Names its cgroup and the ids of its charges.
    uint64_t seed = 0;
    bool batches = true;  // Whether it uses BatchCharge, too.
    size_t held_max = 80;
  };
  explicit Worker(const Options& options);

  // Makes one call. Returns false if no answer told what became of it; then Reconcile and Settle
  // come first, on a server that is up again.
  bool Step(client::Connection& server);

  // Compares what a server shows after a crash with what was acknowledged. The call under way at
  // the crash may have been applied, wholly, or not at all; which of it is kept for Settle.
  void Reconcile(const Observation& observed, Violations* violations);

  // Finds out, through the interface, what became of the call under way: sends it again with the
  // same ids, or cancels it. The answer must be that of what Reconcile saw. Then sends again a few
  // calls that had been answered before the crash: none may be applied twice.
  // REQUIRES: Reconcile, and nothing was sent since.
  void Settle(client::Connection& server);

  const AcknowledgedState& state() const { return state_; }
  const WorkerStats& stats() const { return stats_; }
  // Of answers, since the beginning.
  const Violations& violations() const { return violations_; }
  // The highest sequence in an answer.
  uint64_t sequence_max() const { return sequence_max_; }
  // Whether an id is one that this worker made.
  bool IsOwn(absl::string_view charge_id) const;

 private:
  using Call =
      std::variant<std::monostate, v1::ChargeRequest, v1::BatchChargeRequest, v1::UnchargeRequest,
                   v1::ResizeRequest, v1::SetLimitsRequest, v1::CommitRequest>;

  Call NextCall();
  v1::ChargeRequest NewCharge(int items);
  Call NewBatch();
  Call NewUncharge();
  Call NewResize();
  Call NewSetLimits();
  Call NewCommit();
  bool Send(client::Connection& server);

  // What the sender of a call knows of it.
  enum class Sent { kFirst, kAgainNotApplied, kAgainApplied };

  // Take in an answer, by the kind of call. False if it does not tell what became of the call.
  bool Finish(const v1::ChargeRequest& request, const absl::StatusOr<v1::ChargeResponse>& answer,
              Sent sent);
  bool Finish(const v1::BatchChargeRequest& request,
              const absl::StatusOr<v1::BatchChargeResponse>& answer,
              const std::set<std::string>& applied);
  bool Finish(const v1::UnchargeRequest& request,
              const absl::StatusOr<v1::UnchargeResponse>& answer, Sent sent);
  bool Finish(const v1::ResizeRequest& request, const absl::StatusOr<v1::ResizeResponse>& answer,
              Sent sent);
  bool Finish(const v1::SetLimitsRequest& request,
              const absl::StatusOr<v1::SetLimitsResponse>& answer, Sent sent);
  bool Finish(const v1::CommitRequest& request, const absl::StatusOr<v1::CommitResponse>& answer,
              Sent sent);
  void Granted(const v1::ChargeRequest& request, const v1::ChargeResponse& answer, Sent sent);
  void Spend(const std::string& charge_id);

  void ReconcileHeld(const Observation& observed, Violations* violations);
  void ReconcileNotHeld(const Observation& observed, Violations* violations);
  void ReconcileLimits(const Observation& observed, Violations* violations);
  void Cancel(client::Connection& server, const v1::ChargeRequest& request);
  void ReplaySome(client::Connection& server);

  std::string NewId();
  std::string RandomCgroup();
  const std::string& RandomHeld();
  uint64_t RandomBytes();
  int Below(int bound);
  void Saw(uint64_t sequence);
  // False if `status` does not tell whether the call was applied.
  bool IsAnswer(const absl::Status& status);

  const Options options_;
  const std::string cgroup_;
  const std::string id_prefix_;
  std::mt19937_64 random_;
  uint64_t next_id_ = 1;

  AcknowledgedState state_;
  std::set<std::string> refused_;
  std::set<std::string> spent_;
  std::deque<v1::ChargeRequest> recently_spent_;  // Since the last crash, the last few.
  Call pending_;

  // What Reconcile saw of pending_.
  bool applied_ = false;
  std::set<std::string> applied_ids_;  // Of charges under way.
  std::map<PoolKey, PoolLimits> observed_limits_;

  WorkerStats stats_;
  Violations violations_;
  uint64_t sequence_max_ = 0;
};

}  // namespace dmem::crash

#endif  // DMEMD_TESTS_CRASH_WORKER_H_
