// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What the tests of sessions share.

#ifndef CORE_TESTING_SESSION_TEST_BASE_H_
#define CORE_TESTING_SESSION_TEST_BASE_H_

#include <string>
#include <vector>

#include "core/testing/ledger_test_base.h"

namespace dmem {

// A ledger in which time passes by Ticks, one a second, as in the server.
class SessionTest : public LedgerTest {
 protected:
  // The owner's name is its nonce too: the same words are the same request.
  absl::StatusOr<OpenSessionResult> TryOpen(absl::string_view owner, absl::string_view node,
                                            uint64_t incarnation,
                                            absl::Duration ttl = absl::Seconds(60)) {
    auto result = ledger_.OpenSession({now_, owner, node, incarnation, ttl, owner});
    Audit();
    return result;
  }
  // REQUIRES: the ledger takes it.
  uint64_t Open(absl::string_view owner, absl::string_view node, uint64_t incarnation) {
    const auto result = TryOpen(owner, node, incarnation);
    EXPECT_TRUE(result.ok()) << result.status();
    return state().sessions[result->session].id;
  }
  absl::Status Close(uint64_t session) {
    absl::Status status = ledger_.CloseSession({now_, session});
    Audit();
    return status;
  }
  absl::StatusOr<RegisterResult> RegisterIn(uint64_t session, absl::string_view name,
                                            absl::string_view node, uint64_t capacity,
                                            absl::string_view parent = "",
                                            uint64_t incarnation = 0) {
    RegisterCommand command;
    command.time = now_;
    command.session = session;
    command.name = name;
    command.node = node;
    command.capacity = B(capacity);
    command.parent = parent;
    command.incarnation = incarnation;
    auto result = ledger_.Register(command);
    Audit();
    return result;
  }
  absl::StatusOr<FenceResult> Fence(absl::string_view node, bool forget = false,
                                    absl::optional<uint64_t> incarnation = absl::nullopt) {
    auto result = ledger_.Fence({now_, node, incarnation, "node object deleted", forget});
    Audit();
    return result;
  }
  absl::Status DeclareNotReady(absl::string_view node, bool not_ready = true) {
    absl::Status status = ledger_.DeclareNotReady({now_, node, not_ready, "kubelet stopped"});
    Audit();
    return status;
  }
  absl::Status ReportFailed(uint64_t session, absl::string_view region, bool failed = true) {
    absl::Status status =
        ledger_.ReportRegionState({now_, session, region, failed, "fell off the bus"}).status();
    Audit();
    return status;
  }

  // Seconds pass, each with a Tick in which all of `heard` are renewed.
  void Pass(int64_t seconds, const std::vector<uint64_t>& heard = {}) {
    std::vector<Renewal> renewals;
    renewals.reserve(heard.size());
    for (const uint64_t session : heard) renewals.push_back({session, absl::ZeroDuration()});
    for (; seconds > 0; --seconds) {
      now_ += absl::Seconds(1);
      ledger_.Tick({now_, renewals});
    }
    Audit();
  }
  // Time passes during which nobody is there.
  void Outage(absl::Duration duration) {
    now_ += duration;
    ledger_.Resume({now_});
    Audit();
  }

  SessionState StateOf(uint64_t session) const {
    return state().sessions[state().FindSession(session)].state;
  }
  bool IsForgotten(uint64_t session) const { return state().FindSession(session) == kNone; }
  RegionState RegionStateOf(absl::string_view region) const {
    return state().RegionStateOf(state().FindRegion(region));
  }
  absl::StatusOr<ChargeResult> ChargeOne(absl::string_view id, absl::string_view cgroup,
                                         absl::string_view region, uint64_t bytes,
                                         Mode mode = Mode::kStrict) {
    return Charge(id, {{cgroup, region, B(bytes), absl::nullopt}}, mode);
  }
};

}  // namespace dmem

#endif  // CORE_TESTING_SESSION_TEST_BASE_H_
