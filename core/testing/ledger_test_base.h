// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What the tests of the ledger share.

#ifndef CORE_TESTING_LEDGER_TEST_BASE_H_
#define CORE_TESTING_LEDGER_TEST_BASE_H_

#include <string>
#include <vector>

#include "core/errors.h"
#include "core/invariants.h"
#include "core/ledger.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dmem {

inline ByteCount B(uint64_t bytes) { return ByteCount(bytes); }

// A ledger whose every step is audited. Helpers hide requests, never assertions.
class LedgerTest : public ::testing::Test {
 protected:
  void TearDown() override { Audit(); }

  void Audit() {
    EXPECT_THAT(CheckInvariants(ledger_.state()).violations, ::testing::IsEmpty());
    EXPECT_THAT(ledger_.deadlines().Check(ledger_.state()), ::testing::IsEmpty());
  }

  absl::Time Tick() {
    now_ += absl::Seconds(1);
    return now_;
  }

  absl::StatusOr<RegisterResult> Register(absl::string_view name, uint64_t capacity,
                                          absl::string_view parent = "", uint64_t incarnation = 0) {
    RegisterCommand command;
    command.time = Tick();
    command.name = name;
    command.capacity = B(capacity);
    command.parent = parent;
    command.incarnation = incarnation;
    auto result = ledger_.Register(command);
    Audit();
    return result;
  }

  absl::StatusOr<bool> RegisterGroup(absl::string_view name, absl::string_view parent = "") {
    auto result = ledger_.RegisterGroup({Tick(), name, parent});
    Audit();
    return result;
  }

  absl::StatusOr<ChargeResult> Charge(absl::string_view id,
                                      const std::vector<ChargeItemSpec>& items,
                                      Mode mode = Mode::kStrict) {
    ChargeCommand command;
    command.time = Tick();
    command.charge_id = id;
    command.created_at = created_at_.value_or(now_);
    command.items = items;
    command.mode = mode;
    auto result = ledger_.Charge(command);
    Audit();
    return result;
  }

  // A charge with a ttl.
  absl::StatusOr<ChargeResult> Reserve(absl::string_view id,
                                       const std::vector<ChargeItemSpec>& items,
                                       absl::Duration ttl = absl::Minutes(5)) {
    ChargeCommand command;
    command.time = Tick();
    command.charge_id = id;
    command.created_at = created_at_.value_or(now_);
    command.items = items;
    command.ttl = ttl;
    auto result = ledger_.Charge(command);
    Audit();
    return result;
  }

  absl::StatusOr<CommitReservationResult> Commit(
      absl::string_view id, absl::string_view commit_id,
      const std::vector<PlacementSpec>& placements = {}) {
    auto result = ledger_.CommitReservation({Tick(), id, commit_id, placements});
    Audit();
    return result;
  }

  absl::StatusOr<CancelReservationResult> Cancel(absl::string_view id) {
    auto result = ledger_.CancelReservation({Tick(), id});
    Audit();
    return result;
  }

  absl::StatusOr<RequestReleaseResult> RequestRelease(const std::vector<absl::string_view>& ids,
                                                      absl::string_view requested_by = "me",
                                                      absl::string_view reason = "tests") {
    auto result = ledger_.RequestRelease({Tick(), ids, requested_by, reason});
    Audit();
    return result;
  }

  absl::StatusOr<UnchargeResult> Uncharge(const std::vector<absl::string_view>& ids) {
    auto result = ledger_.Uncharge({Tick(), ids});
    Audit();
    return result;
  }

  absl::StatusOr<ResizeResult> Resize(const std::vector<ResizeItemSpec>& items,
                                      Mode mode = Mode::kStrict) {
    auto result = ledger_.Resize({Tick(), items, mode});
    Audit();
    return result;
  }

  absl::StatusOr<SetLimitsResult> SetMax(absl::string_view cgroup, absl::string_view region,
                                         uint64_t max, bool apply = false,
                                         absl::optional<bool> observe = absl::nullopt) {
    LimitsUpdate update;
    update.cgroup = cgroup;
    update.region = region;
    update.max = B(max);
    update.observe = observe;
    return SetLimits({update}, apply);
  }

  absl::StatusOr<SetLimitsResult> SetLimits(const std::vector<LimitsUpdate>& updates,
                                            bool apply = false) {
    SetLimitsCommand command;
    command.time = Tick();
    command.updates = updates;
    command.apply_below_usage = apply;
    auto result = ledger_.SetLimits(command);
    Audit();
    return result;
  }

  absl::StatusOr<CreateCgroupResult> Create(absl::string_view path) {
    auto result = ledger_.CreateCgroup({Tick(), path, absl::nullopt});
    Audit();
    return result;
  }

  absl::StatusOr<DeleteCgroupResult> Delete(absl::string_view path) {
    auto result = ledger_.DeleteCgroup({Tick(), path});
    Audit();
    return result;
  }

  const State& state() const { return ledger_.state(); }
  PageCounter Counter(absl::string_view cgroup, absl::string_view region) const {
    const Index c = state().FindCgroup(cgroup), r = state().FindRegion(region);
    const Index pool = c == kNone || r == kNone ? kNone : state().FindPool(c, r);
    return pool == kNone ? PageCounter() : state().pools[pool].counter;
  }
  uint64_t Usage(absl::string_view cgroup, absl::string_view region) const {
    return Counter(cgroup, region).usage.value();
  }

  Ledger ledger_;
  absl::Time now_ = absl::FromUnixSeconds(1700000000);
  absl::optional<absl::Time> created_at_;
};

inline std::string ReasonOf(const absl::Status& status) { return FactsOf(status).reason; }

inline std::string Fact(const absl::Status& status, absl::string_view key) {
  for (const auto& [name, value] : FactsOf(status).metadata) {
    if (name == key) return value;
  }
  return "(none)";
}

}  // namespace dmem

#endif  // CORE_TESTING_LEDGER_TEST_BASE_H_
