// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Reservations: charges with a ttl, committed, cancelled, renewed.

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/eviction.h"
#include "core/ledger.h"
#include "core/state_codec.h"
#include "core/state_restorer.h"
#include "core/testing/ledger_test_base.h"
#include "core/views.h"

namespace dmem {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// g ← m ← n1/gpu0, n1/gpu1 (100 bytes each);  g ← k ← n2/gpu0 (100 bytes)
class LedgerReservationsTest : public LedgerTest {
 protected:
  void SetUp() override {
    ASSERT_TRUE(RegisterGroup("g").ok());
    ASSERT_TRUE(RegisterGroup("m", "g").ok());
    ASSERT_TRUE(RegisterGroup("k", "g").ok());
    ASSERT_TRUE(Register("n1/gpu0", 100, "m").ok());
    ASSERT_TRUE(Register("n1/gpu1", 100, "m").ok());
    ASSERT_TRUE(Register("n2/gpu0", 100, "k").ok());
  }

  ChargeView View(absl::string_view id) const {
    return ViewCharge(state(), state().FindCharge(id));
  }

  // "CGROUP REGION BYTES", with " reserved" behind those that are.
  std::vector<std::string> Items(absl::string_view id) const {
    std::vector<std::string> items;
    for (const ItemView& item : View(id).items) {
      items.push_back(absl::StrCat(item.cgroup, " ", item.region, " ", item.bytes.value(),
                                   item.is_reserved ? " reserved" : ""));
    }
    return items;
  }

  uint64_t Reservations(absl::string_view region) const {
    const Index i = state().FindRegion(region);
    return state().regions[i].is_group ? ViewGroup(state(), i).reservations.value()
                                       : ViewRegion(state(), i).reservations.value();
  }

  // Time passes, in seconds as for a server that runs: more between two Ticks is an outage.
  void TickUntil(absl::Time end) {
    while (now_ < end) {
      now_ = std::min(now_ + absl::Seconds(1), end);
      TickCommand tick;
      tick.time = now_;
      ledger_.Tick(tick);
      Audit();
    }
  }

  // A ledger made from this one's objects has the same hash, passes the audit, and lists the items
  // of each pool in the same order.
  void ExpectSameAfterRestart() {
    StateDelta all = DiffStates(nullptr, StateHash(), state());
    std::sort(all.puts.begin(), all.puts.end());
    Ledger ledger;
    StateRestorer restorer(&ledger);
    for (const auto& [key, value] : all.puts) ASSERT_TRUE(restorer.AddObject(key, value).ok());
    ASSERT_TRUE(restorer.Finish().ok());
    EXPECT_EQ(HashOf(ledger.state()), HashOf(state()));
    EXPECT_THAT(CheckInvariants(ledger.state()).violations, IsEmpty());
    for (Index pool = 0; pool < state().pools.size(); ++pool) {
      const PoolRecord& record = state().pools[pool];
      if (record.cgroup == kNone) continue;
      const Index other =
          ledger.state().FindPool(ledger.state().FindCgroup(state().CgroupName(record.cgroup)),
                                  ledger.state().FindRegion(state().RegionName(record.region)));
      EXPECT_EQ(IdsIn(ledger.state(), other), IdsIn(state(), pool));
    }
  }

  static std::vector<std::string> IdsIn(const State& state, Index pool) {
    std::vector<std::string> ids;
    for (Index i = state.pools[pool].first_item; i != kNone; i = state.items[i].next_in_pool)
      ids.emplace_back(state.charges[state.items[i].charge].id.view());
    return ids;
  }
};

PlacementSpec On(absl::string_view region, uint64_t bytes, absl::string_view reserved_in = "") {
  PlacementSpec placement;
  placement.cgroup = "/a";
  placement.reserved_in = reserved_in;
  placement.region = region;
  placement.bytes = B(bytes);
  return placement;
}

TEST_F(LedgerReservationsTest, ReservationOnAGroupCountsFromThatGroupUpAndNotBelow) {
  ASSERT_TRUE(Reserve("c", {{"/a/b", "m", B(150), absl::nullopt}}).ok());
  for (const char* region : {"m", "g"}) {
    for (const char* cgroup : {"/", "/a", "/a/b"}) EXPECT_EQ(Usage(cgroup, region), 150u);
    EXPECT_EQ(Reservations(region), 150u);
  }
  for (const char* region : {"k", "n1/gpu0", "n1/gpu1"}) {
    EXPECT_EQ(Usage("/", region), 0u);
    EXPECT_EQ(Reservations(region), 0u);
  }
  EXPECT_TRUE(View("c").is_reserved);
  EXPECT_EQ(View("c").expires_at_us, absl::ToUnixMicros(now_ + absl::Minutes(5)));
  EXPECT_THAT(Items("c"), ElementsAre("/a/b m 150 reserved"));
}

TEST_F(LedgerReservationsTest, OnlyAReservationMayNameAGroup) {
  EXPECT_EQ(ReasonOf(Charge("c", {{"/a", "m", B(1), absl::nullopt}}).status()), "WRONG_KIND");
  EXPECT_TRUE(Reserve("c", {{"/a", "m", B(1), absl::nullopt}}).ok());
}

TEST_F(LedgerReservationsTest, ReservationIsRefusedByTheCountersOfTheGroupsAboveIt) {
  ASSERT_TRUE(SetMax("/a", "g", 100).ok());
  ASSERT_TRUE(Reserve("c", {{"/a", "m", B(70), absl::nullopt}}).ok());
  const absl::Status status = Reserve("d", {{"/a", "k", B(31), absl::nullopt}}).status();
  EXPECT_EQ(ReasonOf(status), "MAX_EXCEEDED");
  EXPECT_EQ(Fact(status, "counter_region"), "g");
  EXPECT_EQ(Fact(status, "largest_grantable_bytes"), "30");
  // What is reserved is taken for everybody: a charge to a region below sees it too.
  EXPECT_EQ(ReasonOf(Charge("e", {{"/a", "n1/gpu0", B(31), absl::nullopt}}).status()),
            "MAX_EXCEEDED");
  EXPECT_TRUE(Charge("f", {{"/a", "n1/gpu0", B(30), absl::nullopt}}).ok());
}

TEST_F(LedgerReservationsTest, CommitInPartsNeverChangesWhatTheReservedGroupHolds) {
  ASSERT_TRUE(Reserve("c", {{"/a", "g", B(240), absl::nullopt}}).ok());
  const PageCounter before = Counter("/a", "g");
  const auto first = Commit("c", "1", {On("n1/gpu0", 80), On("n2/gpu0", 80)});
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->placed, B(160));
  EXPECT_EQ(Usage("/a", "g"), 240u);
  EXPECT_EQ(Usage("/a", "m"), 80u);
  EXPECT_EQ(Usage("/a", "k"), 80u);
  EXPECT_EQ(Usage("/a", "n1/gpu0"), 80u);
  EXPECT_THAT(Items("c"), ElementsAre("/a g 80 reserved", "/a n1/gpu0 80", "/a n2/gpu0 80"));
  EXPECT_EQ(Reservations("g"), 80u);
  EXPECT_TRUE(View("c").is_reserved) << "what is not placed stays reserved";
  ASSERT_TRUE(Commit("c", "2", {On("n1/gpu1", 80)}).ok());
  EXPECT_EQ(Usage("/a", "g"), 240u);
  EXPECT_EQ(Counter("/a", "g").peak, before.peak) << "nothing counted twice, not for a moment";
  EXPECT_THAT(Items("c"), ElementsAre("/a n1/gpu0 80", "/a n2/gpu0 80", "/a n1/gpu1 80"));
  EXPECT_FALSE(View("c").is_reserved);
  EXPECT_EQ(Reservations("g"), 0u);
  ExpectSameAfterRestart();
}

TEST_F(LedgerReservationsTest, CommitIsRefusedByTheCountersThatDoNotCountItYetAndChangesNothing) {
  ASSERT_TRUE(SetMax("/a", "m", 90).ok());
  ASSERT_TRUE(Charge("x", {{"/b", "n1/gpu0", B(40), absl::nullopt}}).ok());
  ASSERT_TRUE(Reserve("c", {{"/a", "g", B(160), absl::nullopt}}).ok());
  const StateHash before = HashOf(state());
  absl::Status status = Commit("c", "1", {On("n2/gpu0", 60), On("n1/gpu0", 61)}).status();
  EXPECT_EQ(ReasonOf(status), "CAPACITY");
  EXPECT_EQ(Fact(status, "item"), "1");
  EXPECT_EQ(Fact(status, "largest_grantable_bytes"), "60");
  EXPECT_THAT(Items("c"), ElementsAre("/a g 160 reserved"));
  status = Commit("c", "1", {On("n1/gpu0", 50), On("n1/gpu1", 50)}).status();
  EXPECT_EQ(ReasonOf(status), "MAX_EXCEEDED");
  EXPECT_EQ(Fact(status, "counter_region"), "m");
  EXPECT_EQ(Fact(status, "requested_bytes"), "100");
  EXPECT_NE(HashOf(state()), before) << "refusals are counted";
  EXPECT_EQ(Usage("/a", "m"), 0u);
  // The refused commit's id is free.
  EXPECT_TRUE(Commit("c", "1", {On("n1/gpu0", 50), On("n2/gpu0", 50)}).ok());
}

TEST_F(LedgerReservationsTest, ALimitThatIsOverDoesNotRefuseWhatItCountsAlready) {
  ASSERT_TRUE(Reserve("c", {{"/a", "g", B(80), absl::nullopt}}).ok());
  ASSERT_TRUE(SetMax("/a", "g", 10, /*apply=*/true).ok());
  EXPECT_TRUE(Commit("c", "1", {On("n1/gpu0", 80)}).ok());
  EXPECT_EQ(Usage("/a", "g"), 80u);
}

TEST_F(LedgerReservationsTest, CommitWithoutPlacementsHoldsWhatIsReservedOnRegions) {
  ASSERT_TRUE(Reserve("c", {{"/a", "n1/gpu0", B(30), absl::nullopt},
                            {"/a", "m", B(20), absl::nullopt},
                            {"/a/b", "n1/gpu1", B(10), absl::nullopt}})
                  .ok());
  EXPECT_EQ(Reservations("m"), 60u);
  EXPECT_EQ(Reservations("n1/gpu0"), 30u);
  ASSERT_TRUE(Commit("c", "1").ok());
  EXPECT_THAT(Items("c"), ElementsAre("/a n1/gpu0 30", "/a m 20 reserved", "/a/b n1/gpu1 10"));
  EXPECT_EQ(Reservations("m"), 20u);
  EXPECT_EQ(Reservations("n1/gpu0"), 0u);
  EXPECT_EQ(ReasonOf(Commit("c", "2").status()), "PLACEMENT_MISSING");
}

TEST_F(LedgerReservationsTest, RegionItemCommittedWithFewerBytesGivesTheRestBack) {
  ASSERT_TRUE(Reserve("c", {{"/a", "n1/gpu0", B(30), absl::nullopt}}).ok());
  const auto result = Commit("c", "1", {On("n1/gpu0", 12)});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->given_back, B(18));
  EXPECT_THAT(Items("c"), ElementsAre("/a n1/gpu0 12"));
  EXPECT_EQ(Usage("/", "g"), 12u);
}

TEST_F(LedgerReservationsTest, RegionItemNamedInTwoWaysIsCommittedOnce) {
  ASSERT_TRUE(Reserve("c", {{"/a", "n1/gpu0", B(30), absl::nullopt}}).ok());
  const auto result = Commit("c", "1", {On("n1/gpu0", 12), On("n1/gpu0", 4, "n1/gpu0")});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->placed, B(16));
  EXPECT_EQ(result->given_back, B(14));
  EXPECT_THAT(Items("c"), ElementsAre("/a n1/gpu0 16"));
}

TEST_F(LedgerReservationsTest, PlacementsMergeIntoTheHeldItemOfTheSameCgroupAndRegion) {
  ASSERT_TRUE(Reserve("c", {{"/a", "n1/gpu0", B(30), absl::nullopt},
                            {"/a", "m", B(20), absl::nullopt},
                            {"/a", "g", B(10), absl::nullopt}})
                  .ok());
  ASSERT_TRUE(Commit("c", "1", {On("n1/gpu0", 5, "m")}).ok());
  EXPECT_THAT(Items("c"), ElementsAre("/a n1/gpu0 30 reserved", "/a m 15 reserved",
                                      "/a g 10 reserved", "/a n1/gpu0 5"));
  EXPECT_EQ(Reservations("n1/gpu0"), 30u);
  // Not named: the item on the region itself goes first, and then the nearest group's.
  ASSERT_TRUE(Commit("c", "2", {On("n1/gpu0", 30)}).ok());
  EXPECT_THAT(Items("c"), ElementsAre("/a m 15 reserved", "/a g 10 reserved", "/a n1/gpu0 35"));
  ASSERT_TRUE(Commit("c", "3", {On("n1/gpu0", 15)}).ok());
  EXPECT_THAT(Items("c"), ElementsAre("/a g 10 reserved", "/a n1/gpu0 50"));
  ASSERT_TRUE(Commit("c", "4", {On("n1/gpu0", 10)}).ok());
  EXPECT_THAT(Items("c"), ElementsAre("/a n1/gpu0 60"));
  EXPECT_EQ(Usage("/", "g"), 60u);
}

TEST_F(LedgerReservationsTest, CommitSentAgainChangesNothingAndSaysSo) {
  ASSERT_TRUE(Reserve("c", {{"/a", "g", B(100), absl::nullopt}}).ok());
  ASSERT_TRUE(Commit("c", "1", {On("n1/gpu0", 40)}).ok());
  const uint64_t sequence = state().scalars.sequence;
  const auto again = Commit("c", "1", {On("n1/gpu0", 40)});
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->replayed);
  EXPECT_EQ(ReasonOf(Commit("c", "1", {On("n1/gpu0", 41)}).status()), "COMMIT_ID_IN_USE");
  EXPECT_EQ(state().scalars.sequence, sequence);
  // Also of the commit that placed the last of it.
  ASSERT_TRUE(Commit("c", "2", {On("n1/gpu0", 60)}).ok());
  EXPECT_TRUE(Commit("c", "2", {On("n1/gpu0", 60)})->replayed);
  EXPECT_EQ(ReasonOf(Commit("c", "3", {On("n1/gpu0", 1)}).status()), "NOT_RESERVED");
  ASSERT_TRUE(Uncharge({"c"}).ok());
  EXPECT_EQ(ReasonOf(Commit("c", "2", {On("n1/gpu0", 60)}).status()), "ALREADY_RELEASED");
  EXPECT_EQ(ReasonOf(Commit("d", "1").status()), "CHARGE_NOT_FOUND");
}

TEST_F(LedgerReservationsTest, PlacementsAreCheckedInOrder) {
  ASSERT_TRUE(Register("n1/gpu2", 100, "m", /*incarnation=*/5).ok());
  ASSERT_TRUE(Register("n1/gpu3", 100, "m").ok());
  ASSERT_TRUE(Charge("x", {{"/x", "n1/gpu3", B(1), absl::nullopt}}).ok());
  ASSERT_TRUE(ledger_.Unregister({Tick(), "n1/gpu3", false}).ok());
  ASSERT_TRUE(Register("n1/gpu4", 100, "m").ok());
  ASSERT_TRUE(Reserve("c", {{"/a", "m", B(20), absl::nullopt},
                            {"/a", "n1/gpu4", B(20), absl::nullopt},
                            {"/dead", "m", B(20), absl::nullopt}})
                  .ok());
  ASSERT_TRUE(ledger_.Cordon({Tick(), "n1/gpu4", true}).ok());
  const auto reason = [&](const PlacementSpec& placement) {
    return ReasonOf(Commit("c", "1", {placement}).status());
  };
  EXPECT_EQ(reason(On("nowhere", 1)), "REGION_NOT_FOUND");
  EXPECT_EQ(reason(On("m", 1)), "WRONG_KIND");
  EXPECT_EQ(reason(On("n1/gpu0", 1, "g")), "ITEM_NOT_FOUND");
  EXPECT_EQ(reason(On("n2/gpu0", 1)), "ITEM_NOT_FOUND");
  EXPECT_EQ(reason(On("n2/gpu0", 1, "m")), "NOT_A_MEMBER");
  EXPECT_EQ(
      reason(
          On(absl::StrCat("n1/gpu3@", state().regions[state().FindRegion("n1/gpu4")].id - 1), 1)),
      "REGION_GONE");
  PlacementSpec stale = On("n1/gpu2", 1);
  stale.region_incarnation = 4;
  EXPECT_EQ(reason(stale), "INCARNATION_MISMATCH");
  EXPECT_EQ(reason(On("n1/gpu4", 1, "m")), "REGION_CORDONED");
  EXPECT_EQ(reason(On("n1/gpu0", 21)), "RESERVATION_TOO_SMALL");
  const auto deleted = Delete("/dead");
  ASSERT_TRUE(deleted.ok());
  const std::string dying = absl::StrCat("@", deleted->id);
  PlacementSpec dead = On("n1/gpu0", 1);
  dead.cgroup = dying;
  EXPECT_EQ(reason(dead), "CGROUP_DYING");
  // What is reserved on a region is no new charge there: a cordon does not keep it.
  EXPECT_EQ(reason(On("n1/gpu4", 20)), "");
  // Two placements from one item.
  EXPECT_EQ(ReasonOf(Commit("c", "2", {On("n1/gpu0", 11), On("n1/gpu1", 10)}).status()),
            "RESERVATION_TOO_SMALL");
}

TEST_F(LedgerReservationsTest, AChargeGathersABoundedNumberOfItemsAndCommits) {
  ASSERT_TRUE(Reserve("c", {{"/a", "g", B(1000), absl::nullopt}}).ok());
  for (size_t i = 0; i < kCommitsOfChargeMax; ++i)
    ASSERT_TRUE(Commit("c", absl::StrCat(i), {On("n1/gpu0", 1)}).ok());
  const absl::Status status = Commit("c", "more", {On("n1/gpu0", 1)}).status();
  EXPECT_EQ(ReasonOf(status), "TOO_MANY");
  EXPECT_EQ(Fact(status, "object"), "commits of a charge");
  EXPECT_TRUE(Commit("c", "0", {On("n1/gpu0", 1)})->replayed);
  std::vector<std::string> names;
  for (size_t i = 0; i < kItemsOfChargeMax; ++i) names.push_back(absl::StrCat("n3/gpu", i));
  std::vector<PlacementSpec> placements;
  for (const std::string& name : names) {
    ASSERT_TRUE(ledger_
                    .Register([&] {
                      RegisterCommand command;
                      command.time = Tick();
                      command.name = name;
                      command.capacity = B(1);
                      command.parent = "g";
                      return command;
                    }())
                    .ok());
    placements.push_back(On(name, 1));
  }
  ASSERT_TRUE(Reserve("d", {{"/a", "g", B(1000), absl::nullopt}}).ok());
  EXPECT_EQ(Fact(Commit("d", "1", placements).status(), "object"), "items of a charge");
  placements.pop_back();
  EXPECT_TRUE(Commit("d", "1", placements).ok());
}

TEST_F(LedgerReservationsTest, CancelGivesBackWhatIsReservedAndKeepsWhatIsHeld) {
  ASSERT_TRUE(
      Reserve("c", {{"/a", "g", B(100), absl::nullopt}, {"/b", "n2/gpu0", B(7), absl::nullopt}})
          .ok());
  ASSERT_TRUE(Commit("c", "1", {On("n1/gpu0", 40)}).ok());
  auto result = Cancel("c");
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->outcome, CancelOutcome::kCancelled);
  EXPECT_EQ(result->cancelled, B(67));
  EXPECT_THAT(Items("c"), ElementsAre("/a n1/gpu0 40"));
  EXPECT_EQ(Usage("/", "g"), 40u);
  EXPECT_FALSE(View("c").is_partial) << "nothing was lost";
  EXPECT_EQ(state().FindCgroup("/b"), kNone);
  EXPECT_EQ(Cancel("c")->outcome, CancelOutcome::kNothingReserved);
  ASSERT_TRUE(Uncharge({"c"}).ok());
  EXPECT_EQ(Cancel("c")->outcome, CancelOutcome::kAlready);
}

TEST_F(LedgerReservationsTest, CancelOfAllEndsTheChargeAndOfAnUnseenIdSpendsIt) {
  ASSERT_TRUE(Reserve("c", {{"/a", "g", B(100), absl::nullopt}}).ok());
  created_at_ = now_;
  EXPECT_EQ(Cancel("c")->charge, kNone);
  EXPECT_EQ(Usage("/", "g"), 0u);
  EXPECT_EQ(ReasonOf(Reserve("c", {{"/a", "g", B(100), absl::nullopt}}).status()),
            "ALREADY_RELEASED");
  EXPECT_EQ(Cancel("d")->outcome, CancelOutcome::kNeverSeen);
  EXPECT_EQ(ReasonOf(Reserve("d", {{"/a", "g", B(100), absl::nullopt}}).status()),
            "ALREADY_RELEASED");
}

TEST_F(LedgerReservationsTest, UnchargeGivesBackHeldAndReservedAlike) {
  ASSERT_TRUE(Reserve("c", {{"/a", "g", B(100), absl::nullopt}}).ok());
  ASSERT_TRUE(Commit("c", "1", {On("n1/gpu0", 40)}).ok());
  ASSERT_TRUE(Uncharge({"c"}).ok());
  EXPECT_EQ(Usage("/", "g"), 0u);
  EXPECT_EQ(state().scalars.reserved_charges, 0u);
}

TEST_F(LedgerReservationsTest, RenewCountsTheTtlFromNow) {
  ASSERT_TRUE(Reserve("c", {{"/a", "g", B(100), absl::nullopt}}, absl::Seconds(30)).ok());
  const absl::Time now = Tick();
  ASSERT_TRUE(ledger_.RenewReservation({now, "c", absl::Minutes(10)}).ok());
  EXPECT_EQ(View("c").expires_at_us, absl::ToUnixMicros(now + absl::Minutes(10)));
  ASSERT_TRUE(Commit("c", "1", {On("n1/gpu0", 50), On("n1/gpu1", 50)}).ok());
  EXPECT_EQ(ReasonOf(ledger_.RenewReservation({Tick(), "c", absl::Minutes(10)}).status()),
            "NOT_RESERVED");
  EXPECT_EQ(ReasonOf(ledger_.RenewReservation({Tick(), "x", absl::Minutes(10)}).status()),
            "CHARGE_NOT_FOUND");
}

TEST_F(LedgerReservationsTest, AtTheEndOfTheTtlExactlyThePartNotPlacedComesBack) {
  ASSERT_TRUE(Reserve("c", {{"/a", "g", B(240), absl::nullopt}}, absl::Seconds(30)).ok());
  const absl::Time end = now_ + absl::Seconds(30);
  ASSERT_TRUE(Commit("c", "1", {On("n1/gpu0", 80)}).ok());
  ASSERT_TRUE(Commit("c", "2", {On("n2/gpu0", 60)}).ok());
  TickUntil(end - absl::Microseconds(1));
  EXPECT_EQ(Usage("/a", "g"), 240u);
  TickUntil(end);
  EXPECT_EQ(Usage("/a", "g"), 140u);
  EXPECT_EQ(Usage("/a", "n1/gpu0"), 80u);
  EXPECT_EQ(Usage("/a", "n2/gpu0"), 60u);
  EXPECT_THAT(Items("c"), ElementsAre("/a n1/gpu0 80", "/a n2/gpu0 60"));
  EXPECT_FALSE(View("c").is_reserved);
  EXPECT_EQ(state().scalars.reservations_expired, 1u);
  EXPECT_EQ(ReasonOf(Commit("c", "3", {On("n1/gpu1", 1)}).status()), "NOT_RESERVED");
  EXPECT_TRUE(Commit("c", "2", {On("n2/gpu0", 60)})->replayed) << "a lost answer, asked for late";
}

TEST_F(LedgerReservationsTest, AReservationThatNobodyCommitsLeavesNothingButASpentId) {
  ASSERT_TRUE(Reserve("c", {{"/a", "g", B(240), absl::nullopt}}, absl::Seconds(30)).ok());
  TickUntil(now_ + absl::Seconds(30));
  EXPECT_EQ(state().FindCharge("c"), kNone);
  EXPECT_EQ(Usage("/", "g"), 0u);
  EXPECT_EQ(ReasonOf(Commit("c", "1", {On("n1/gpu0", 1)}).status()), "ALREADY_RELEASED");
}

TEST_F(LedgerReservationsTest, SameIdWithAnotherTtlIsAnotherRequest) {
  created_at_ = now_ + absl::Seconds(1);
  ASSERT_TRUE(Reserve("c", {{"/a", "g", B(100), absl::nullopt}}, absl::Seconds(30)).ok());
  EXPECT_TRUE(Reserve("c", {{"/a", "g", B(100), absl::nullopt}}, absl::Seconds(30))->replayed);
  EXPECT_EQ(
      ReasonOf(Reserve("c", {{"/a", "g", B(100), absl::nullopt}}, absl::Seconds(31)).status()),
      "CHARGE_ID_IN_USE");
}

TEST_F(LedgerReservationsTest, NewerIncarnationDropsWhatIsReservedThereToo) {
  ASSERT_TRUE(
      Reserve("c", {{"/a", "n1/gpu0", B(10), absl::nullopt}, {"/a", "m", B(5), absl::nullopt}})
          .ok());
  ASSERT_TRUE(Register("n1/gpu0", 100, "m", /*incarnation=*/1).ok());
  EXPECT_THAT(Items("c"), ElementsAre("/a m 5 reserved"));
  EXPECT_TRUE(View("c").is_reserved);
  ASSERT_TRUE(
      Reserve("d", {{"/a", "n1/gpu0", B(10), absl::nullopt}, {"/a", "m", B(5), absl::nullopt}})
          .ok());
  ASSERT_TRUE(Commit("d", "1", {On("n1/gpu1", 5, "m")}).ok());
  ASSERT_TRUE(Register("n1/gpu0", 100, "m", /*incarnation=*/2).ok());
  EXPECT_FALSE(View("d").is_reserved);
  EXPECT_TRUE(View("d").is_partial);
}

TEST_F(LedgerReservationsTest, GroupWithReservationsKeepsItsParentAndStays) {
  ASSERT_TRUE(RegisterGroup("empty", "g").ok());
  ASSERT_TRUE(Reserve("c", {{"/a", "empty", B(10), absl::nullopt}}).ok());
  EXPECT_EQ(ReasonOf(RegisterGroup("empty", "m").status()), "HAS_CHARGES");
  EXPECT_EQ(ReasonOf(ledger_.UnregisterGroup({Tick(), "empty"})), "HAS_CHARGES");
  ASSERT_TRUE(Cancel("c").ok());
  EXPECT_TRUE(ledger_.UnregisterGroup({Tick(), "empty"}).ok());
}

TEST_F(LedgerReservationsTest, ResizeMeansTheHeldItemBeforeTheReservedOne) {
  ASSERT_TRUE(
      Reserve("c", {{"/a", "n1/gpu0", B(30), absl::nullopt}, {"/a", "m", B(20), absl::nullopt}})
          .ok());
  ASSERT_TRUE(
      Resize({{"c", "/a", "m", B(25), absl::nullopt}, {"c", "/a", "n1/gpu0", B(20), absl::nullopt}})
          .ok());
  EXPECT_EQ(Reservations("m"), 45u);
  EXPECT_EQ(Usage("/", "g"), 45u);
  ASSERT_TRUE(Commit("c", "1", {On("n1/gpu0", 5, "m")}).ok());
  ASSERT_TRUE(Resize({{"c", "/a", "n1/gpu0", B(6), absl::nullopt}}).ok());
  EXPECT_THAT(Items("c"),
              ElementsAre("/a n1/gpu0 20 reserved", "/a m 20 reserved", "/a n1/gpu0 6"));
}

TEST_F(LedgerReservationsTest, EvictPlansNeverOfferWhatIsReserved) {
  ASSERT_TRUE(
      Reserve("c", {{"/a", "n1/gpu0", B(30), absl::nullopt}, {"/a", "g", B(50), absl::nullopt}})
          .ok());
  ASSERT_TRUE(Charge("d", {{"/a", "n1/gpu0", B(20), absl::nullopt}}).ok());
  for (const bool whole : {false, true}) {
    EvictRequest request;
    request.region = state().FindRegion("g");
    request.bytes_needed = B(100);
    request.list_charges = true;
    request.whole_charges = whole;
    const EvictPlan plan = EvictCandidates(state(), request);
    EXPECT_EQ(plan.total, B(20));
    ASSERT_EQ(plan.victims.size(), 1u);
    ASSERT_EQ(plan.victims[0].charges.size(), 1u);
    EXPECT_EQ(plan.victims[0].charges[0].charge, state().FindCharge("d"));
    EXPECT_EQ(plan.victims[0].usage, B(100)) << "but it counts as usage";
  }
}

TEST_F(LedgerReservationsTest, WhatIsCommittedLaterIsNewerAlsoAfterARestart) {
  ASSERT_TRUE(Reserve("old", {{"/a", "g", B(30), absl::nullopt}}).ok());
  ASSERT_TRUE(Charge("new", {{"/a", "n1/gpu0", B(20), absl::nullopt}}).ok());
  ASSERT_TRUE(Commit("old", "1", {On("n1/gpu0", 30)}).ok());
  const Index pool = state().FindPool(state().FindCgroup("/a"), state().FindRegion("n1/gpu0"));
  EXPECT_THAT(IdsIn(state(), pool), ElementsAre("old", "new"));
  ExpectSameAfterRestart();
}

TEST_F(LedgerReservationsTest, ObservedMaxIsReportedByCommitAndRefusesNothing) {
  ASSERT_TRUE(SetMax("/a", "m", 10, false, /*observe=*/true).ok());
  ASSERT_TRUE(Reserve("c", {{"/a", "g", B(30), absl::nullopt}}).ok());
  const auto result = Commit("c", "1", {On("n1/gpu0", 30)});
  ASSERT_TRUE(result.ok());
  ASSERT_EQ(result->would_refuse.size(), 1u);
  EXPECT_EQ(result->would_refuse[0].region, "m");
}

}  // namespace
}  // namespace dmem
