// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Charge, Uncharge and Resize: rules R1 to R6.

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/ledger.h"
#include "core/testing/ledger_test_base.h"

namespace dmem {
namespace {

using LedgerChargesTest = LedgerTest;

using ::testing::ElementsAre;

TEST_F(LedgerChargesTest, ChargeCountsInTheCgroupEveryAncestorAndEveryGroup) {
  // g ← m ← n1/gpu0;  / ← /a ← /a/b
  ASSERT_TRUE(RegisterGroup("g").ok());
  ASSERT_TRUE(RegisterGroup("m", "g").ok());
  ASSERT_TRUE(Register("n1/gpu0", 100, "m").ok());
  ASSERT_TRUE(Charge("c", {{"/a/b", "n1/gpu0", B(30), absl::nullopt}}).ok());
  for (const char* region : {"n1/gpu0", "m", "g"}) {
    for (const char* cgroup : {"/", "/a", "/a/b"}) {
      EXPECT_EQ(Usage(cgroup, region), 30u) << cgroup << " in " << region;
      EXPECT_EQ(Counter(cgroup, region).peak, B(30));
    }
  }
  ASSERT_TRUE(Uncharge({"c"}).ok());
  for (const char* region : {"n1/gpu0", "m", "g"}) EXPECT_EQ(Usage("/", region), 0u);
  EXPECT_EQ(state().FindCgroup("/a"), kNone) << "implicit cgroups disappear with their last charge";
}

TEST_F(LedgerChargesTest, RefusedChargeNamesTheFirstCounterAndChangesNothingButItsRefusals) {
  ASSERT_TRUE(RegisterGroup("g").ok());
  ASSERT_TRUE(Register("r", 1000, "g").ok());
  ASSERT_TRUE(SetMax("/a", "g", 50).ok());
  ASSERT_TRUE(Charge("c1", {{"/a/x", "r", B(20), absl::nullopt}}).ok());
  const uint64_t before = state().scalars.sequence;
  const absl::Status status =
      Charge("c2", {{"/b", "r", B(5), absl::nullopt}, {"/a/y", "r", B(31), absl::nullopt}})
          .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(status), "MAX_EXCEEDED");
  EXPECT_EQ(Fact(status, "item"), "1");
  EXPECT_EQ(Fact(status, "counter_cgroup"), "/a");
  EXPECT_EQ(Fact(status, "counter_region"), "g");
  EXPECT_EQ(Fact(status, "usage_bytes"), "20");
  EXPECT_EQ(Fact(status, "requested_bytes"), "31");
  EXPECT_EQ(Fact(status, "short_bytes"), "1");
  EXPECT_EQ(Fact(status, "largest_grantable_bytes"), "30");
  EXPECT_EQ(Usage("/", "r"), 20u);
  EXPECT_EQ(Counter("/a", "g").peak, B(20));
  EXPECT_EQ(state().FindCgroup("/b"), kNone);
  EXPECT_EQ(state().FindCgroup("/a/y"), kNone);
  EXPECT_EQ(state().FindCharge("c2"), kNone);
  EXPECT_EQ(state().scalars.sequence, before + 1);
  EXPECT_EQ(
      state().pools[state().FindPool(state().FindCgroup("/a"), state().FindRegion("g"))].refusals,
      1u);
  // The id was not used up.
  EXPECT_TRUE(Charge("c2", {{"/a/y", "r", B(30), absl::nullopt}}).ok());
}

TEST_F(LedgerChargesTest, ItemsOfOneChargeSeeThoseBeforeThem) {
  ASSERT_TRUE(Register("r", 1000).ok());
  ASSERT_TRUE(SetMax("/a", "r", 50).ok());
  const absl::Status status =
      Charge("c", {{"/a/x", "r", B(30), absl::nullopt}, {"/a/y", "r", B(21), absl::nullopt}})
          .status();
  EXPECT_EQ(ReasonOf(status), "MAX_EXCEEDED");
  EXPECT_EQ(Fact(status, "item"), "1");
  EXPECT_EQ(Fact(status, "usage_bytes"), "0");
  EXPECT_EQ(Fact(status, "requested_bytes"), "51");
  EXPECT_TRUE(
      Charge("c", {{"/a/x", "r", B(30), absl::nullopt}, {"/a/y", "r", B(20), absl::nullopt}}).ok());
}

TEST_F(LedgerChargesTest, AFullRegionRefusesWithCapacityAndNoLimitingCgroup) {
  ASSERT_TRUE(Register("r", 100).ok());
  const absl::Status status = Charge("c", {{"/a", "r", B(101), absl::nullopt}}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(status), "CAPACITY");
  EXPECT_EQ(Fact(status, "counter_cgroup"), "(none)");
  EXPECT_EQ(Fact(status, "largest_grantable_bytes"), "100");
}

TEST_F(LedgerChargesTest, UnlimitedGrantableStillNeverPassesTheCounter) {
  RegisterCommand command;
  command.time = Tick();
  command.name = "r";
  command.capacity = B(1);
  command.grantable = kUnlimited;
  ASSERT_TRUE(ledger_.Register(command).ok());
  ASSERT_TRUE(Charge("c1", {{"/a", "r", kUnlimited, absl::nullopt}}).ok());
  for (const Mode mode : {Mode::kStrict, Mode::kForce}) {
    const absl::Status status = Charge("c2", {{"/b", "r", B(1), absl::nullopt}}, mode).status();
    EXPECT_EQ(ReasonOf(status), "COUNTER_OVERFLOW");
    EXPECT_EQ(Fact(status, "short_bytes"), "1");
  }
}

TEST_F(LedgerChargesTest, AnEnforcedMaxRefusesAsItselfHoweverFarBeyondItIs) {
  ASSERT_TRUE(Register("r", 50).ok());
  ASSERT_TRUE(SetMax("/a", "r", 40).ok());
  ASSERT_TRUE(Charge("c1", {{"/a", "r", B(10), absl::nullopt}}).ok());
  absl::Status status = Charge("c2", {{"/a", "r", kUnlimited, absl::nullopt}}).status();
  EXPECT_EQ(ReasonOf(status), "MAX_EXCEEDED");
  EXPECT_EQ(Fact(status, "counter_cgroup"), "/a");
  EXPECT_EQ(ReasonOf(Charge("c2", {{"/b", "r", kUnlimited, absl::nullopt}}).status()), "CAPACITY");
  status = Charge("c2", {{"/a", "r", kUnlimited, absl::nullopt}}, Mode::kForce).status();
  EXPECT_EQ(ReasonOf(status), "COUNTER_OVERFLOW");
}

// FORCE passes every max and grantable, so what it could still grant is what the counters can
// count: /a holds 10 of 40, r 30 of 50. What is said to be granted is, and a byte more is not.
TEST_F(LedgerChargesTest, UnderForceAnOverflowIsExplainedByTheCounterNotByTheMaxThatForcePasses) {
  ASSERT_TRUE(Register("r", 50).ok());
  ASSERT_TRUE(SetMax("/a", "r", 40).ok());
  ASSERT_TRUE(Charge("c1", {{"/a", "r", B(10), absl::nullopt}}).ok());
  ASSERT_TRUE(Charge("c2", {{"/b", "r", B(20), absl::nullopt}}).ok());
  const absl::Status status =
      Charge("c3", {{"/a", "r", kUnlimited, absl::nullopt}}, Mode::kForce).status();
  EXPECT_EQ(ReasonOf(status), "COUNTER_OVERFLOW");
  EXPECT_EQ(Fact(status, "counter_cgroup"), "/a");
  EXPECT_EQ(Fact(status, "max_bytes"), "40");
  EXPECT_EQ(Fact(status, "short_bytes"), "10");
  const ByteCount largest = kUnlimited.MinusOrZero(B(30));
  EXPECT_EQ(Fact(status, "largest_grantable_bytes"), absl::StrCat(largest.value()));
  const ByteCount more = largest.PlusSaturating(B(1));
  EXPECT_EQ(ReasonOf(Charge("c3", {{"/a", "r", more, absl::nullopt}}, Mode::kForce).status()),
            "COUNTER_OVERFLOW");
  EXPECT_TRUE(Charge("c3", {{"/a", "r", largest, absl::nullopt}}, Mode::kForce).ok());
}

// An observed max refuses nothing, so it is not what an overflow of its counter falls short of; the
// enforced grantable of r still bounds what would be granted.
TEST_F(LedgerChargesTest, AnOverflowOfAnObservedCounterIsNotExplainedByItsMax) {
  ASSERT_TRUE(Register("r", 50).ok());
  ASSERT_TRUE(SetMax("/a", "r", 5, false, true).ok());
  ASSERT_TRUE(Charge("c1", {{"/a", "r", B(10), absl::nullopt}}).ok());
  const absl::Status status = Charge("c2", {{"/a", "r", kUnlimited, absl::nullopt}}).status();
  EXPECT_EQ(ReasonOf(status), "COUNTER_OVERFLOW");
  EXPECT_EQ(Fact(status, "max_bytes"), "5");
  EXPECT_EQ(Fact(status, "short_bytes"), "10");
  EXPECT_EQ(Fact(status, "largest_grantable_bytes"), "40");
}

TEST_F(LedgerChargesTest, ZeroBytesAreNeverRefusedAndPinTheCgroup) {
  ASSERT_TRUE(Register("r", 100).ok());
  ASSERT_TRUE(SetMax("/a", "r", 0).ok());
  ASSERT_TRUE(Charge("c", {{"/a", "r", B(0), absl::nullopt}}).ok());
  absl::StatusOr<DeleteCgroupResult> deleted = Delete("/a");
  ASSERT_TRUE(deleted.ok());
  EXPECT_TRUE(deleted->dying);
  EXPECT_THAT(Uncharge({"c"})->freed_cgroups, ElementsAre(deleted->id));
}

TEST_F(LedgerChargesTest, CheckOnlyAnswersFullyAndChangesNothing) {
  ASSERT_TRUE(Register("r", 100).ok());
  const uint64_t before = state().scalars.sequence;
  EXPECT_TRUE(Charge("c", {{"/a", "r", B(100), absl::nullopt}}, Mode::kCheckOnly).ok());
  EXPECT_EQ(ReasonOf(Charge("c", {{"/a", "r", B(101), absl::nullopt}}, Mode::kCheckOnly).status()),
            "CAPACITY");
  EXPECT_EQ(state().scalars.sequence, before);
  EXPECT_EQ(state().FindCgroup("/a"), kNone);
}

TEST_F(LedgerChargesTest, ForceExceedsMaxAndGrantable) {
  ASSERT_TRUE(Register("r", 100).ok());
  ASSERT_TRUE(SetMax("/a", "r", 10).ok());
  ASSERT_TRUE(Charge("c", {{"/a", "r", B(200), absl::nullopt}}, Mode::kForce).ok());
  EXPECT_EQ(Usage("/", "r"), 200u);
  EXPECT_EQ(ReasonOf(Charge("d", {{"/b", "r", B(1), absl::nullopt}}).status()), "CAPACITY");
}

TEST_F(LedgerChargesTest, AnObservedMaxGrantsReportsAndCounts) {
  ASSERT_TRUE(Register("r", 100).ok());
  ASSERT_TRUE(SetMax("/a", "r", 10, false, true).ok());
  absl::StatusOr<ChargeResult> result = Charge("c", {{"/a/b", "r", B(30), absl::nullopt}});
  ASSERT_TRUE(result.ok());
  ASSERT_EQ(result->would_refuse.size(), 1u);
  EXPECT_EQ(result->would_refuse[0].cgroup, "/a");
  EXPECT_EQ(result->would_refuse[0].short_by, B(20));
  EXPECT_EQ(result->would_refuse[0].largest_grantable, B(10));
  const Index pool = state().FindPool(state().FindCgroup("/a"), state().FindRegion("r"));
  EXPECT_EQ(state().pools[pool].would_refuse, 1u);
  EXPECT_EQ(state().pools[pool].refusals, 0u);
}

// /t in r is observed with max 10, and /t/x in g with max 3.
TEST_F(LedgerChargesTest, AGangIsToldOfEachObservedCounterOnceWithAllThatItAsksOfIt) {
  ASSERT_TRUE(RegisterGroup("g").ok());
  ASSERT_TRUE(Register("r", 100, "g").ok());
  ASSERT_TRUE(SetMax("/t", "r", 10, false, true).ok());
  ASSERT_TRUE(SetMax("/t/x", "g", 3, false, true).ok());
  absl::StatusOr<ChargeResult> result = Charge("c", {{"/t/x", "r", B(4), absl::nullopt},
                                                     {"/t/y", "r", B(8), absl::nullopt},
                                                     {"/t/x/z", "r", B(1), absl::nullopt}});
  ASSERT_TRUE(result.ok());
  ASSERT_EQ(result->would_refuse.size(), 2u);
  EXPECT_EQ(result->would_refuse[0].cgroup, "/t/x");
  EXPECT_EQ(result->would_refuse[0].region, "g");
  EXPECT_EQ(result->would_refuse[0].item, 0u);
  EXPECT_EQ(result->would_refuse[0].requested, B(5));
  EXPECT_EQ(result->would_refuse[0].short_by, B(2));
  EXPECT_EQ(result->would_refuse[1].cgroup, "/t");
  EXPECT_EQ(result->would_refuse[1].region, "r");
  EXPECT_EQ(result->would_refuse[1].item, 1u);
  EXPECT_EQ(result->would_refuse[1].requested, B(13));
  EXPECT_EQ(result->would_refuse[1].short_by, B(3));
}

TEST_F(LedgerChargesTest, ALiveIdReplaysTheSameRequestAndRefusesAnother) {
  ASSERT_TRUE(Register("r", 100).ok());
  created_at_ = now_;
  ASSERT_TRUE(Charge("c", {{"/a", "r", B(10), absl::nullopt}}).ok());
  absl::StatusOr<ChargeResult> again = Charge("c", {{"/a", "r", B(10), absl::nullopt}});
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->replayed);
  EXPECT_EQ(Usage("/a", "r"), 10u);
  EXPECT_EQ(ReasonOf(Charge("c", {{"/a", "r", B(11), absl::nullopt}}).status()),
            "CHARGE_ID_IN_USE");
}

TEST_F(LedgerChargesTest, ASpentIdIsNeverChargedAgain) {
  ASSERT_TRUE(Register("r", 100).ok());
  ASSERT_TRUE(Charge("c", {{"/a", "r", B(10), absl::nullopt}}).ok());
  EXPECT_THAT(Uncharge({"c", "unseen"})->outcomes,
              ElementsAre(UnchargeOutcome::kReleased, UnchargeOutcome::kNeverSeen));
  EXPECT_THAT(Uncharge({"c", "unseen"})->outcomes,
              ElementsAre(UnchargeOutcome::kAlready, UnchargeOutcome::kAlready));
  EXPECT_EQ(ReasonOf(Charge("c", {{"/a", "r", B(10), absl::nullopt}}).status()),
            "ALREADY_RELEASED");
  EXPECT_EQ(ReasonOf(Charge("unseen", {{"/a", "r", B(10), absl::nullopt}}).status()),
            "ALREADY_RELEASED");
}

TEST_F(LedgerChargesTest, ForgottenIdsAreTooOldNeverChargedTwice) {
  Settings settings;
  settings.tombstones_max = 2;
  ledger_.Configure({Tick(), settings});
  ASSERT_TRUE(Register("r", 100).ok());
  created_at_ = now_;
  const absl::Time first = now_;
  for (const char* id : {"c1", "c2", "c3"}) {
    created_at_ = now_;
    ASSERT_TRUE(Charge(id, {{"/a", "r", B(1), absl::nullopt}}).ok());
    ASSERT_TRUE(Uncharge({id}).ok());
  }
  EXPECT_EQ(state().scalars.tombstones, 2u);
  created_at_ = first;
  EXPECT_EQ(ReasonOf(Charge("c1", {{"/a", "r", B(1), absl::nullopt}}).status()), "ID_TOO_OLD");
  created_at_ = absl::nullopt;
  EXPECT_TRUE(Charge("c4", {{"/a", "r", B(1), absl::nullopt}}).ok());
}

TEST_F(LedgerChargesTest, CreatedAtMoreThanAMinuteAheadIsInvalid) {
  ASSERT_TRUE(Register("r", 100).ok());
  created_at_ = now_ + absl::Seconds(61);
  EXPECT_TRUE(Charge("c", {{"/a", "r", B(1), absl::nullopt}}).ok());
  created_at_ = now_ + absl::Seconds(62);
  EXPECT_EQ(ReasonOf(Charge("d", {{"/a", "r", B(1), absl::nullopt}}).status()),
            "CREATED_AT_IN_FUTURE");
}

TEST_F(LedgerChargesTest, ResizeShrinksFirstThenGrowsUnderTheLimits) {
  ASSERT_TRUE(Register("r", 100).ok());
  ASSERT_TRUE(Charge("c1", {{"/a", "r", B(60), absl::nullopt}}).ok());
  ASSERT_TRUE(Charge("c2", {{"/b", "r", B(40), absl::nullopt}}).ok());
  EXPECT_EQ(ReasonOf(Resize({{"c2", "/b", "r", B(70), absl::nullopt},
                             {"c1", "/a", "r", B(31), absl::nullopt}})
                         .status()),
            "CAPACITY");
  EXPECT_EQ(Usage("/a", "r"), 60u);
  ASSERT_TRUE(
      Resize({{"c2", "/b", "r", B(70), absl::nullopt}, {"c1", "/a", "r", B(30), absl::nullopt}})
          .ok());
  EXPECT_EQ(Usage("/a", "r"), 30u);
  EXPECT_EQ(Usage("/b", "r"), 70u);
  EXPECT_EQ(Counter("/", "r").peak, B(100));
  EXPECT_EQ(ReasonOf(Resize({{"c1", "/a", "r", B(20), B(31)}}).status()),
            "EXPECTED_BYTES_MISMATCH");
  EXPECT_TRUE(Resize({{"c1", "/a", "r", B(30), B(31)}}).ok()) << "already that size";
  EXPECT_EQ(ReasonOf(Resize({{"c1", "/b", "r", B(30), absl::nullopt}}).status()), "ITEM_NOT_FOUND");
  EXPECT_EQ(ReasonOf(Resize({{"cx", "/b", "r", B(30), absl::nullopt}}).status()),
            "CHARGE_NOT_FOUND");
}

}  // namespace
}  // namespace dmem
