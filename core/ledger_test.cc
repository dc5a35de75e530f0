// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Limits, cgroups, regions and snapshots; charges are in ledger_charges_test.cc.

#include "core/ledger.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/testing/ledger_test_base.h"

namespace dmem {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(LedgerTest, MaxBelowUsageIsRefusedOrApplied) {
  ASSERT_TRUE(Register("r", 100).ok());
  ASSERT_TRUE(Charge("c", {{"/a", "r", B(50), absl::nullopt}}).ok());
  const absl::Status status = SetMax("/a", "r", 40).status();
  EXPECT_EQ(ReasonOf(status), "MAX_BELOW_USAGE");
  EXPECT_EQ(Counter("/a", "r").max, kUnlimited);
  ASSERT_TRUE(SetMax("/a", "r", 40, /*apply=*/true).ok());
  EXPECT_EQ(ReasonOf(Charge("d", {{"/a", "r", B(1), absl::nullopt}}).status()), "MAX_EXCEEDED");
  EXPECT_TRUE(SetMax("/a", "r", 45).ok()) << "below usage, but above the present max";
}

TEST_F(LedgerTest, EtagIsTheSequenceOfTheLastChangeOfLimits) {
  ASSERT_TRUE(Register("r", 100).ok());
  LimitsUpdate update;
  update.cgroup = "/a";
  update.region = "r";
  update.max = B(50);
  update.etag = 0;
  absl::StatusOr<SetLimitsResult> set = SetLimits({update});
  ASSERT_TRUE(set.ok());
  EXPECT_EQ(set->limits[0].etag, state().scalars.sequence);
  ASSERT_TRUE(Charge("c", {{"/a", "r", B(5), absl::nullopt}}).ok());
  EXPECT_EQ(ReasonOf(SetLimits({update}).status()), "ETAG_MISMATCH");
  update.etag = set->limits[0].etag;
  update.max = B(60);
  EXPECT_TRUE(SetLimits({update}).ok());
}

TEST_F(LedgerTest, EtagOfALimitThatWentWithItsImplicitCgroupIsZero) {
  ASSERT_TRUE(Register("r", 100).ok());
  ASSERT_TRUE(SetMax("/a", "r", 50).ok());
  const absl::StatusOr<SetLimitsResult> set = SetMax("/a", "r", kUnlimited.value());
  ASSERT_TRUE(set.ok());
  EXPECT_EQ(set->limits[0].etag, 0u);
  EXPECT_EQ(state().FindCgroup("/a"), kNone);
}

TEST_F(LedgerTest, SetLimitsIsAllOrNothing) {
  ASSERT_TRUE(Register("r", 100).ok());
  LimitsUpdate good, bad;
  good.cgroup = "/a";
  good.region = "r";
  good.min = B(5);
  bad.cgroup = "/b";
  bad.region = "nowhere";
  EXPECT_EQ(ReasonOf(SetLimits({good, bad}).status()), "REGION_NOT_FOUND");
  EXPECT_EQ(state().FindCgroup("/a"), kNone);
}

TEST_F(LedgerTest, ADyingCgroupKeepsItsBytesAndItsPathCanBeMadeAnew) {
  ASSERT_TRUE(Register("r", 100).ok());
  ASSERT_TRUE(Create("/a").ok());
  ASSERT_TRUE(Create("/a/b").ok());
  ASSERT_TRUE(Charge("c", {{"/a/b", "r", B(10), absl::nullopt}}).ok());
  EXPECT_EQ(ReasonOf(Delete("/a").status()), "CGROUP_HAS_CHILDREN");
  const uint64_t b = Delete("/a/b")->id;
  EXPECT_EQ(ReasonOf(Charge("d", {{absl::StrCat("@", b), "r", B(1), absl::nullopt}}).status()),
            "CGROUP_DYING");
  const uint64_t a = Delete("/a")->id;
  ASSERT_TRUE(Charge("d", {{"/a/b", "r", B(1), absl::nullopt}}).ok());
  EXPECT_EQ(Usage("/a", "r"), 1u);
  EXPECT_EQ(Usage(absl::StrCat("@", a), "r"), 10u);
  EXPECT_EQ(Usage("/", "r"), 11u);
  EXPECT_THAT(Uncharge({"c"})->freed_cgroups, ElementsAre(a, b));
}

TEST_F(LedgerTest, ANewerIncarnationDropsTheItemsAndLeavesTheRestOfAGangPartial) {
  ASSERT_TRUE(Register("r1", 100, "", 1).ok());
  ASSERT_TRUE(Register("r2", 100, "", 1).ok());
  ASSERT_TRUE(
      Charge("gang", {{"/a", "r1", B(10), absl::nullopt}, {"/a", "r2", B(20), absl::nullopt}})
          .ok());
  ASSERT_TRUE(Charge("solo", {{"/b", "r1", B(5), absl::nullopt}}).ok());
  EXPECT_EQ(ReasonOf(Register("r1", 200, "", 0).status()), "STALE_INCARNATION");
  absl::StatusOr<RegisterResult> result = Register("r1", 100, "", 2);
  ASSERT_TRUE(result.ok());
  ASSERT_EQ(result->dropped.count, 2u);
  EXPECT_FALSE(result->dropped.items[0].charge_ended);
  EXPECT_TRUE(result->dropped.items[1].charge_ended);
  EXPECT_TRUE(state().charges[state().FindCharge("gang")].is_partial);
  EXPECT_EQ(Usage("/a", "r1"), 0u);
  EXPECT_EQ(Usage("/a", "r2"), 20u);
  EXPECT_EQ(ReasonOf(Charge("solo", {{"/b", "r1", B(5), absl::nullopt}}).status()),
            "ALREADY_RELEASED");
  EXPECT_EQ(ReasonOf(Charge("x", {{"/b", "r1", B(5), 1}}).status()), "INCARNATION_MISMATCH");
  EXPECT_TRUE(Charge("x", {{"/b", "r1", B(5), 2}}).ok());
}

TEST_F(LedgerTest, AnUnregisteredRegionKeepsItsChargesInItsGroupsUntilUncharged) {
  ASSERT_TRUE(RegisterGroup("g").ok());
  ASSERT_TRUE(Register("r", 100, "g").ok());
  ASSERT_TRUE(Charge("c", {{"/a", "r", B(10), absl::nullopt}}).ok());
  absl::StatusOr<UnregisterResult> gone = ledger_.Unregister({Tick(), "r", false});
  ASSERT_TRUE(gone.ok());
  EXPECT_FALSE(gone->removed);
  EXPECT_EQ(Usage("/a", "g"), 10u);
  EXPECT_EQ(ReasonOf(Charge("d", {{"/a", "r", B(1), absl::nullopt}}).status()), "REGION_NOT_FOUND");
  ASSERT_TRUE(Register("r", 50, "g").ok());
  EXPECT_EQ(Usage("/a", "r"), 0u);
  const std::string old_name = absl::StrCat("r@", gone->id);
  EXPECT_EQ(Usage("/a", old_name), 10u);
  EXPECT_EQ(ReasonOf(ledger_.UnregisterGroup({Tick(), "g"})), "GROUP_NOT_EMPTY");
  ASSERT_TRUE(Uncharge({"c"}).ok());
  EXPECT_EQ(state().FindRegion(old_name), kNone);
  EXPECT_EQ(Usage("/a", "g"), 0u);
}

TEST_F(LedgerTest, GroupsRefuseCyclesAndANinthLevel) {
  ASSERT_TRUE(RegisterGroup("g1").ok());
  for (int i = 2; i <= 8; ++i) {
    ASSERT_TRUE(RegisterGroup(absl::StrCat("g", i), absl::StrCat("g", i - 1)).ok());
  }
  EXPECT_EQ(ReasonOf(RegisterGroup("g9", "g8").status()), "GROUP_TOO_DEEP");
  EXPECT_EQ(ReasonOf(RegisterGroup("g1", "g8").status()), "GROUP_CYCLE");
  EXPECT_EQ(ReasonOf(RegisterGroup("self", "self").status()), "GROUP_CYCLE");
  EXPECT_EQ(ReasonOf(RegisterGroup("g9", "none").status()), "PARENT_NOT_FOUND");
  ASSERT_TRUE(RegisterGroup("top").ok());
  EXPECT_EQ(ReasonOf(RegisterGroup("g1", "top").status()), "GROUP_TOO_DEEP");
  ASSERT_TRUE(Register("r", 100, "g8").ok());
  EXPECT_EQ(ReasonOf(Register("g8", 100).status()), "WRONG_KIND");
  EXPECT_EQ(ReasonOf(RegisterGroup("r").status()), "WRONG_KIND");
}

TEST_F(LedgerTest, AParentChangesOnlyWhileNoChargeIsBelow) {
  ASSERT_TRUE(RegisterGroup("g").ok());
  ASSERT_TRUE(RegisterGroup("h").ok());
  ASSERT_TRUE(Register("r", 100, "g").ok());
  ASSERT_TRUE(SetMax("/a", "r", 10).ok());
  ASSERT_TRUE(Charge("c", {{"/a", "r", B(10), absl::nullopt}}).ok());
  EXPECT_EQ(ReasonOf(Register("r", 100, "h").status()), "HAS_CHARGES");
  EXPECT_EQ(ReasonOf(RegisterGroup("g", "h").status()), "HAS_CHARGES");
  ASSERT_TRUE(Uncharge({"c"}).ok());
  ASSERT_TRUE(Register("r", 100, "h").ok());
  ASSERT_TRUE(Charge("d", {{"/a", "r", B(10), absl::nullopt}}).ok());
  EXPECT_EQ(Usage("/a", "h"), 10u);
  EXPECT_EQ(Usage("/a", "g"), 0u);
}

TEST_F(LedgerTest, CordonStopsChargesAndGrowthsNotShrinks) {
  ASSERT_TRUE(Register("r", 100).ok());
  ASSERT_TRUE(Charge("c", {{"/a", "r", B(10), absl::nullopt}}).ok());
  ASSERT_TRUE(ledger_.Cordon({Tick(), "r", true}).ok());
  EXPECT_EQ(ReasonOf(Charge("d", {{"/a", "r", B(1), absl::nullopt}}).status()), "REGION_CORDONED");
  EXPECT_EQ(ReasonOf(Resize({{"c", "/a", "r", B(11), absl::nullopt}}).status()), "REGION_CORDONED");
  EXPECT_TRUE(Resize({{"c", "/a", "r", B(9), absl::nullopt}}).ok());
}

TEST_F(LedgerTest, ImplicitCgroupsFollowThePolicy) {
  ASSERT_TRUE(Register("r", 100).ok());
  ASSERT_TRUE(Create("/a").ok());
  Settings settings;
  settings.implicit_cgroups = ImplicitCgroups::kBelowExplicit;
  ledger_.Configure({Tick(), settings});
  EXPECT_EQ(ReasonOf(Charge("c", {{"/b/x", "r", B(1), absl::nullopt}}).status()),
            "CGROUP_NOT_FOUND");
  EXPECT_TRUE(Charge("c", {{"/a/x/y", "r", B(1), absl::nullopt}}).ok());
  settings.implicit_cgroups = ImplicitCgroups::kOff;
  ledger_.Configure({Tick(), settings});
  EXPECT_EQ(ReasonOf(Charge("d", {{"/a/z", "r", B(1), absl::nullopt}}).status()),
            "CGROUP_NOT_FOUND");
  EXPECT_TRUE(Charge("d", {{"/a/x/y", "r", B(1), absl::nullopt}}).ok());
}

TEST_F(LedgerTest, BoundsOnObjectsRefuseBeforeAnythingIsMade) {
  Settings settings;
  settings.cgroups_max = 3;  // With the root.
  settings.charges_max = 2;
  ledger_.Configure({Tick(), settings});
  ASSERT_TRUE(Register("r", 100).ok());
  EXPECT_EQ(ReasonOf(Charge("c", {{"/a/b/c", "r", B(1), absl::nullopt}}).status()), "TOO_MANY");
  EXPECT_TRUE(Charge("c", {{"/a/b", "r", B(1), absl::nullopt}}).ok());
  EXPECT_TRUE(Charge("d", {{"/a/b", "r", B(1), absl::nullopt}}).ok());
  EXPECT_EQ(ReasonOf(Charge("e", {{"/a/b", "r", B(1), absl::nullopt}}).status()), "TOO_MANY");
}

TEST_F(LedgerTest, ByteSecondsAreExactAndSurviveImplicitCgroups) {
  ASSERT_TRUE(Register("r", kUnlimited.value() - 1).ok());
  const uint64_t huge = uint64_t{1} << 62;
  ASSERT_TRUE(Create("/a").ok());
  ASSERT_TRUE(Charge("c", {{"/a/b", "r", B(huge), absl::nullopt}}).ok());
  const int64_t start_us = state().scalars.time_us;
  now_ += absl::Hours(1);
  ASSERT_TRUE(Uncharge({"c"}).ok());
  const int64_t end_us = state().scalars.time_us;
  const Index pool = state().FindPool(state().FindCgroup("/a"), state().FindRegion("r"));
  const unsigned __int128 expected =
      static_cast<unsigned __int128>(huge) * static_cast<uint64_t>(end_us - start_us);
  EXPECT_TRUE(state().ByteMicroseconds(pool, end_us + 12345) == expected);
}

TEST_F(LedgerTest, ASnapshotStaysAsItWasWhileTheLedgerGoesOn) {
  ASSERT_TRUE(Register("r", 1000).ok());
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(Charge(absl::StrCat("c", i),
                       {{absl::StrCat("/t", i % 7, "/j", i), "r", B(1), absl::nullopt}})
                    .ok());
  }
  std::unique_ptr<Snapshot> snapshot = ledger_.TakeSnapshot();
  for (int i = 0; i < 200; i += 2) ASSERT_TRUE(Uncharge({absl::StrCat("c", i)}).ok());
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(
        Charge(absl::StrCat("d", i), {{absl::StrCat("/u", i), "r", B(3), absl::nullopt}}).ok());
  }
  EXPECT_THAT(CheckInvariants(snapshot->state).violations, IsEmpty());
  EXPECT_EQ(snapshot->state.scalars.charges, 200u);
  EXPECT_NE(snapshot->state.FindCharge("c0"), kNone);
  EXPECT_EQ(snapshot->state.FindCharge("d0"), kNone);
  EXPECT_EQ(snapshot->state.pools[snapshot->state.regions[0].root_pool].counter.usage, B(200));
  ledger_.Release(std::move(snapshot));
  EXPECT_EQ(Usage("/", "r"), 250u);
}

TEST_F(LedgerTest, RegistrationThatKeepsPolicyChangesTheDeviceAndNotWhatWasDecided) {
  ASSERT_TRUE(RegisterGroup("model/a").ok());
  RegisterCommand command;
  command.time = Tick();
  command.name = "n1/gpu0";
  command.capacity = B(100);
  command.grantable = B(150);
  command.parent = "model/a";
  ASSERT_TRUE(ledger_.Register(command).ok());
  command.time = Tick();
  command.capacity = B(90);
  command.grantable = absl::nullopt;
  command.parent = "";
  command.keep_policy = true;
  ASSERT_TRUE(ledger_.Register(command).ok());
  Audit();
  const RegionRecord& region = ledger_.state().regions[ledger_.state().FindRegion("n1/gpu0")];
  EXPECT_EQ(region.capacity, B(90));
  EXPECT_EQ(region.grantable, B(150));
  EXPECT_EQ(region.parent, ledger_.state().FindRegion("model/a"));
  command.time = Tick();
  command.keep_policy = false;
  ASSERT_TRUE(ledger_.Register(command).ok());
  EXPECT_EQ(ledger_.state().regions[ledger_.state().FindRegion("n1/gpu0")].grantable, B(90));
  EXPECT_EQ(ledger_.state().regions[ledger_.state().FindRegion("n1/gpu0")].parent, kNone);
}

// What a charge holds goes before what it has reserved in the same place, however many there are.
TEST_F(LedgerTest, DroppedItemsOfOnePlaceAreTheHeldOneAndThenTheReservedOne) {
  ASSERT_TRUE(RegisterGroup("g").ok());
  ASSERT_TRUE(Register("gpu", 1000, "g", 1).ok());
  constexpr int kCharges = 50;
  for (int i = 0; i < kCharges; ++i) {
    const std::string id = absl::StrCat("c", i);
    ASSERT_TRUE(
        Reserve(id, {{"/a", "g", B(1), absl::nullopt}, {"/a", "gpu", B(2), absl::nullopt}}).ok());
    ASSERT_TRUE(Commit(id, "m", {{"/a", "g", "gpu", B(1), absl::nullopt}}).ok());
  }
  const auto result = Register("gpu", 1000, "g", 2);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->dropped.items.size(), 2u * kCharges);
  for (int i = 0; i < kCharges; ++i) {
    const size_t at = 2 * static_cast<size_t>(i);
    const DroppedItem &held = result->dropped.items[at], &reserved = result->dropped.items[at + 1];
    EXPECT_EQ(held.charge_id, absl::StrCat("c", i));
    EXPECT_EQ(held.bytes, B(1));
    EXPECT_FALSE(held.charge_ended);
    EXPECT_EQ(reserved.charge_id, absl::StrCat("c", i));
    EXPECT_EQ(reserved.bytes, B(2));
    EXPECT_TRUE(reserved.charge_ended);
  }
}

}  // namespace
}  // namespace dmem
