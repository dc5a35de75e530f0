// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What nodes measured, unattributed memory, and charges that move.

#include <map>
#include <string>
#include <vector>

#include "core/ledger.h"
#include "core/state_codec.h"
#include "core/state_restorer.h"
#include "core/testing/ledger_test_base.h"
#include "core/views.h"

namespace dmem {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class LedgerMeasuredTest : public LedgerTest {
 protected:
  absl::StatusOr<ReportMeasuredResult> Report(const std::vector<MeasuredRegionSpec>& regions,
                                              const std::vector<MeasuredItemSpec>& items = {}) {
    auto result = ledger_.ReportMeasured({Tick(), 0, regions, items});
    Audit();
    return result;
  }

  absl::StatusOr<MoveChargeResult> Move(absl::string_view id, absl::string_view from,
                                        absl::string_view to) {
    auto result = ledger_.MoveCharge({Tick(), 0, id, from, to});
    Audit();
    return result;
  }

  // A charge of one item.
  absl::Status Take(absl::string_view id, absl::string_view cgroup, uint64_t bytes,
                    Mode mode = Mode::kStrict) {
    return Charge(id, {{cgroup, "r", B(bytes), absl::nullopt}}, mode).status();
  }

  void SetPolicy(UnattributedPolicy policy) {
    ConfigureCommand command;
    command.time = Tick();
    command.settings.unattributed = policy;
    ledger_.Configure(command);
    Audit();
  }

  RegionView Region(absl::string_view name = "r") const {
    return ViewRegion(state(), state().FindRegion(name));
  }
  ChargeView ChargeOf(absl::string_view id) const {
    return ViewCharge(state(), state().FindCharge(id));
  }
};

TEST_F(LedgerMeasuredTest, MeasuredBytesAreShownWithTheirTimeAndChangeNoUsage) {
  ASSERT_TRUE(Register("r", 100).ok());
  ASSERT_TRUE(Take("c", "/a", 40).ok());
  EXPECT_FALSE(ChargeOf("c").items[0].measured.has_value());
  ASSERT_TRUE(Report({{"r", B(55), true}}, {{"c", "/a", "r", B(50)}}).ok());
  EXPECT_EQ(Usage("/a", "r"), 40u);
  EXPECT_EQ(ChargeOf("c").items[0].bytes, B(40));
  EXPECT_EQ(ChargeOf("c").items[0].measured, B(50));
  EXPECT_EQ(ChargeOf("c").items[0].measured_at_us, absl::ToUnixMicros(now_));
  EXPECT_EQ(Region().device_used, B(55));
  EXPECT_EQ(Region().device_used_at_us, absl::ToUnixMicros(now_));
  EXPECT_EQ(Region().measured, B(50));
  EXPECT_EQ(Region().over_grant, B(10));
  EXPECT_EQ(Region().unattributed, B(5));
}

TEST_F(LedgerMeasuredTest, OverGrantFollowsWhatIsMeasuredResizedAndGivenBack) {
  ASSERT_TRUE(Register("r", 100).ok());
  ASSERT_TRUE(Take("c1", "/a", 10).ok());
  ASSERT_TRUE(Take("c2", "/b", 20).ok());
  ASSERT_TRUE(Report({}, {{"c1", "/a", "r", B(15)}, {"c2", "/b", "r", B(5)}}).ok());
  EXPECT_EQ(Region().over_grant, B(5)) << "what one uses less does not excuse the other";
  ASSERT_TRUE(Resize({{"c1", "/a", "r", B(12), absl::nullopt}}).ok());
  EXPECT_EQ(Region().over_grant, B(3));
  ASSERT_TRUE(Resize({{"c2", "/b", "r", B(1), absl::nullopt}}).ok());
  EXPECT_EQ(Region().over_grant, B(7));
  ASSERT_TRUE(Report({}, {{"c2", "/b", "r", B(0)}}).ok());
  EXPECT_EQ(Region().over_grant, B(3));
  ASSERT_TRUE(Uncharge({"c1"}).ok());
  EXPECT_EQ(Region().over_grant, B(0));
  EXPECT_EQ(Region().measured, B(0));
}

TEST_F(LedgerMeasuredTest, BytesThatBelongToNoChargeAreNotGrantedAndTheRefusalSaysSo) {
  ASSERT_TRUE(Register("r", 100).ok());
  ASSERT_TRUE(Take("c1", "/a", 20).ok());
  // 50 in use, 20 of them the charge's: 30 are nobody's, and 70 of 100 are left to grant.
  ASSERT_TRUE(Report({{"r", B(50), true}}, {{"c1", "/a", "r", B(20)}}).ok());
  const absl::Status status = Take("c2", "/b", 51);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(status), "UNATTRIBUTED");
  EXPECT_EQ(Fact(status, "usage_bytes"), "20");
  EXPECT_EQ(Fact(status, "max_bytes"), "70");
  EXPECT_EQ(Fact(status, "grantable_bytes"), "100");
  EXPECT_EQ(Fact(status, "unattributed_bytes"), "30");
  EXPECT_EQ(Fact(status, "short_bytes"), "1");
  EXPECT_EQ(Fact(status, "largest_grantable_bytes"), "50");
  EXPECT_EQ(Fact(status, "counter_cgroup"), "(none)") << "nobody's limit was hit";
  EXPECT_EQ(ReasonOf(Take("c2", "/b", 81)), "CAPACITY") << "too much without them, too";
  EXPECT_TRUE(Take("c2", "/b", 50).ok());
}

TEST_F(LedgerMeasuredTest, WhatRunsIsRecordedHoweverLittleIsGrantableAndOverMeansGrantable) {
  ASSERT_TRUE(Register("r", 100).ok());
  ASSERT_TRUE(Report({{"r", B(90), true}}).ok());
  ASSERT_TRUE(Take("c1", "/a", 60, Mode::kForce).ok());
  EXPECT_EQ(Region().over, B(0)) << "60 of 100";
  ASSERT_TRUE(Take("c2", "/a", 50, Mode::kForce).ok());
  EXPECT_EQ(Region().over, B(10));
}

TEST_F(LedgerMeasuredTest, WhatIsChargedAfterAReportHidesNothingOfIt) {
  // If a charge that was never measured counted as what is in use, each would make room for
  // another.
  ASSERT_TRUE(Register("r", 100).ok());
  ASSERT_TRUE(Report({{"r", B(50), true}}).ok());
  ASSERT_TRUE(Take("c1", "/a", 50).ok());
  EXPECT_EQ(ReasonOf(Take("c2", "/a", 1)), "UNATTRIBUTED");
  // The node has not heard of c1 yet, so c1 holds nothing there.
  ASSERT_TRUE(Report({{"r", B(50), true}}).ok());
  EXPECT_EQ(Region().unattributed, B(50));
  EXPECT_EQ(ReasonOf(Take("c2", "/a", 1)), "UNATTRIBUTED");
}

TEST_F(LedgerMeasuredTest, WhatIsGivenBackAfterAReportIsFreeAtOnce) {
  ASSERT_TRUE(Register("r", 100).ok());
  ASSERT_TRUE(Take("c1", "/a", 60).ok());
  ASSERT_TRUE(Report({{"r", B(70), true}}, {{"c1", "/a", "r", B(60)}}).ok());
  ASSERT_TRUE(Uncharge({"c1"}).ok());
  EXPECT_EQ(Region().unattributed, B(10));
  EXPECT_TRUE(Take("c2", "/a", 90).ok());
}

TEST_F(LedgerMeasuredTest, ANodeThatCannotTellItemsApartHasItsBookedBytesAttributed) {
  ASSERT_TRUE(Register("r", 100).ok());
  ASSERT_TRUE(Take("c1", "/a", 40).ok());
  ASSERT_TRUE(Report({{"r", B(55), false}}).ok());
  EXPECT_EQ(Region().unattributed, B(15));
  ASSERT_TRUE(Report({{"r", B(55), false}}, {{"c1", "/a", "r", B(30)}}).ok());
  EXPECT_EQ(Region().unattributed, B(25)) << "what is measured counts as measured";
}

TEST_F(LedgerMeasuredTest, ReservedBytesAndRoomBesideGrantableTakeUnattributedBytesFirst) {
  RegisterCommand command;
  command.time = Tick();
  command.name = "r";
  command.capacity = B(100);
  command.reserved = B(10);
  command.grantable = B(60);  // 30 are left for what is not managed.
  ASSERT_TRUE(ledger_.Register(command).ok());
  ASSERT_TRUE(Report({{"r", B(40), true}}).ok());
  EXPECT_EQ(Region().unattributed, B(30));
  EXPECT_EQ(Counter("/", "r").max, B(60));
  ASSERT_TRUE(Report({{"r", B(45), true}}).ok());
  EXPECT_EQ(Counter("/", "r").max, B(55));
  ASSERT_TRUE(Report({{"r", B(100), true}}).ok());
  EXPECT_EQ(Counter("/", "r").max, B(0));
}

TEST_F(LedgerMeasuredTest, AnUnlimitedRegionStaysUnlimited) {
  RegisterCommand command;
  command.time = Tick();
  command.name = "r";
  command.capacity = B(100);
  command.grantable = kUnlimited;
  ASSERT_TRUE(ledger_.Register(command).ok());
  ASSERT_TRUE(Report({{"r", B(100), true}}).ok());
  EXPECT_TRUE(Take("c", "/a", 1000).ok());
}

TEST_F(LedgerMeasuredTest, ThePolicyIgnoreGrantsAsIfNothingWereUnattributed) {
  ASSERT_TRUE(Register("r", 100).ok());
  ASSERT_TRUE(Report({{"r", B(50), true}}).ok());
  SetPolicy(UnattributedPolicy::kIgnore);
  ASSERT_TRUE(Take("c", "/a", 100).ok());
  EXPECT_EQ(Region().unattributed, B(50)) << "still shown";
  SetPolicy(UnattributedPolicy::kReduce);
  EXPECT_EQ(ReasonOf(Take("c2", "/a", 1)), "CAPACITY");
  ASSERT_TRUE(Uncharge({"c"}).ok());
  EXPECT_EQ(ReasonOf(Take("c3", "/a", 51)), "UNATTRIBUTED");
}

TEST_F(LedgerMeasuredTest, ANewerIncarnationForgetsWhatWasSeenOnTheDevice) {
  ASSERT_TRUE(Register("r", 100, "", 1).ok());
  ASSERT_TRUE(Take("c", "/a", 10).ok());
  ASSERT_TRUE(Report({{"r", B(80), true}}, {{"c", "/a", "r", B(30)}}).ok());
  ASSERT_TRUE(Register("r", 100, "", 2).ok());
  EXPECT_EQ(Region().unattributed, B(0));
  EXPECT_EQ(Region().over_grant, B(0));
  EXPECT_EQ(Region().device_used_at_us, 0);
  EXPECT_TRUE(Take("c2", "/a", 100).ok());
}

TEST_F(LedgerMeasuredTest, AReportNamesTheItemsThatNoChargeHasAndTakesTheRest) {
  ASSERT_TRUE(Register("r", 100).ok());
  ASSERT_TRUE(Take("c", "/a", 10).ok());
  const auto result = Report({}, {{"gone", "/a", "r", B(1)},
                                  {"c", "/a", "r", B(7)},
                                  {"c", "/b", "r", B(1)},
                                  {"c", "/a", "other", B(1)}});
  ASSERT_TRUE(result.ok());
  EXPECT_THAT(result->unknown_items, ElementsAre(0, 2, 3));
  EXPECT_EQ(ChargeOf("c").items[0].measured, B(7));
  const uint64_t before = state().scalars.sequence;
  ASSERT_TRUE(Report({}, {{"gone", "/a", "r", B(1)}}).ok());
  EXPECT_EQ(state().scalars.sequence, before) << "nothing of it is known: nothing to record";
}

TEST_F(LedgerMeasuredTest, AReportOnWhatIsNoRegionChangesNothing) {
  ASSERT_TRUE(RegisterGroup("g").ok());
  ASSERT_TRUE(Register("r", 100).ok());
  ASSERT_TRUE(Register("old", 100).ok());
  ASSERT_TRUE(Take("c", "/a", 10).ok());
  ASSERT_TRUE(Charge("c2", {{"/a", "old", B(1), absl::nullopt}}).ok());
  ASSERT_TRUE(ledger_.Unregister({Tick(), "old", false}).ok());
  EXPECT_EQ(ReasonOf(Report({{"r", B(1), true}, {"none", B(1), true}}).status()),
            "REGION_NOT_FOUND");
  EXPECT_EQ(ReasonOf(Report({{"g", B(1), true}}, {{"c", "/a", "r", B(1)}}).status()), "WRONG_KIND");
  EXPECT_EQ(ReasonOf(Report({{"old@3", B(1), true}}).status()), "REGION_GONE");
  EXPECT_EQ(Region().device_used_at_us, 0);
  EXPECT_FALSE(ChargeOf("c").items[0].measured.has_value());
}

TEST_F(LedgerMeasuredTest, TheMeasuredIntegralIsExact) {
  ASSERT_TRUE(Register("r", 100).ok());
  ASSERT_TRUE(Take("c", "/a", 10).ok());
  const auto integral = [this] {
    return static_cast<uint64_t>(state().MeasuredByteMicroseconds(
        state().charges[state().FindCharge("c")].first_item, absl::ToUnixMicros(now_)));
  };
  EXPECT_EQ(integral(), 0u);
  ASSERT_TRUE(Report({}, {{"c", "/a", "r", B(5)}}).ok());
  now_ += absl::Seconds(9);
  ASSERT_TRUE(Report({}, {{"c", "/a", "r", B(2)}}).ok());  // After 10 s in all.
  now_ += absl::Seconds(3);
  EXPECT_EQ(integral(), (5u * 10 + 2 * 3) * 1000000);
}

TEST_F(LedgerMeasuredTest, CheckpointsHoldWhatWasMeasuredAlsoWhereNothingElseChanged) {
  ASSERT_TRUE(Register("r", 100).ok());
  ASSERT_TRUE(Take("c", "/a", 10).ok());
  StateDelta first = DiffStates(nullptr, StateHash(), state());
  std::map<std::string, std::string> objects(first.puts.begin(), first.puts.end());
  auto base = ledger_.TakeSnapshot();
  ASSERT_TRUE(Report({{"r", B(30), true}}, {{"c", "/a", "r", B(12)}}).ok());
  StateDelta delta = DiffStates(&base->state, first.hash, state());
  ledger_.Release(std::move(base));
  EXPECT_THAT(delta.deletes, IsEmpty());
  for (const auto& [key, value] : delta.puts) objects[key] = value;
  Ledger again;
  StateRestorer restorer(&again);
  for (const auto& [key, value] : objects) ASSERT_TRUE(restorer.AddObject(key, value).ok());
  ASSERT_TRUE(restorer.Finish().ok());
  EXPECT_EQ(HashOf(again.state()), HashOf(state()));
  EXPECT_EQ(delta.hash, HashOf(state()));
  EXPECT_THAT(CheckInvariants(again.state()).violations, IsEmpty());
  EXPECT_EQ(ViewCharge(again.state(), again.state().FindCharge("c")).items[0].measured, B(12));
  EXPECT_EQ(ViewRegion(again.state(), again.state().FindRegion("r")).unattributed, B(18));
}

TEST_F(LedgerMeasuredTest, AMovedChargeCountsInItsNewCgroupAndTheTotalNeverChanges) {
  // g ← r;  / ← /a ← /a/x (the charge), / ← /b (max 5) ← /b/y
  ASSERT_TRUE(RegisterGroup("g").ok());
  ASSERT_TRUE(Register("r", 100, "g").ok());
  ASSERT_TRUE(SetMax("/b", "g", 5).ok());
  ASSERT_TRUE(Take("c", "/a/x", 30).ok());
  ASSERT_TRUE(Report({}, {{"c", "/a/x", "r", B(40)}}).ok());
  const auto result = Move("c", "/a/x", "/b/y");
  ASSERT_TRUE(result.ok()) << "FORCE: what runs is not refused; " << result.status();
  EXPECT_EQ(result->moved_items, 1u);
  for (const char* region : {"r", "g"}) {
    EXPECT_EQ(Usage("/a", region), 0u);
    EXPECT_EQ(Usage("/b/y", region), 30u);
    EXPECT_EQ(Usage("/b", region), 30u);
    EXPECT_EQ(Usage("/", region), 30u);
    EXPECT_EQ(Counter("/", region).peak, B(30));
  }
  EXPECT_EQ(state().FindCgroup("/a"), kNone) << "implicit, and empty now";
  EXPECT_EQ(ChargeOf("c").items[0].cgroup, "/b/y");
  EXPECT_EQ(ChargeOf("c").items[0].measured, B(40));
  EXPECT_EQ(Region().over_grant, B(10));
}

TEST_F(LedgerMeasuredTest, AMoveSentAgainFindsItDone) {
  ASSERT_TRUE(Register("r", 100).ok());
  ASSERT_TRUE(Take("c", "/a", 30).ok());
  ASSERT_TRUE(Move("c", "/a", "/b").ok());
  const uint64_t before = state().scalars.sequence;
  const auto again = Move("c", "/a", "/b");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->moved_items, 0u);
  EXPECT_EQ(state().scalars.sequence, before);
}

TEST_F(LedgerMeasuredTest, AMoveMovesTheItemsOfOneCgroupAndMergesWithWhatIsThere) {
  ASSERT_TRUE(Register("r", 100).ok());
  ASSERT_TRUE(Register("s", 100).ok());
  ASSERT_TRUE(Charge("c", {{"/a", "r", B(1), absl::nullopt},
                           {"/b", "r", B(2), absl::nullopt},
                           {"/a", "s", B(4), absl::nullopt},
                           {"/x", "s", B(8), absl::nullopt}})
                  .ok());
  ASSERT_TRUE(Report({}, {{"c", "/a", "r", B(3)}, {"c", "/b", "r", B(5)}}).ok());
  ASSERT_TRUE(Move("c", "/a", "/b").ok());
  const ChargeView charge = ChargeOf("c");
  ASSERT_EQ(charge.items.size(), 3u);
  EXPECT_EQ(charge.items[0].cgroup + charge.items[0].region, "/br");
  EXPECT_EQ(charge.items[0].bytes, B(3));
  EXPECT_EQ(charge.items[0].measured, B(8));
  EXPECT_EQ(charge.items[1].cgroup + charge.items[1].region, "/bs");
  EXPECT_EQ(charge.items[1].bytes, B(4));
  EXPECT_EQ(charge.items[2].cgroup + charge.items[2].region, "/xs");
  EXPECT_FALSE(charge.is_partial);
  EXPECT_EQ(Usage("/", "r"), 3u);
  EXPECT_EQ(Usage("/", "s"), 12u);
}

TEST_F(LedgerMeasuredTest, AMergeNearTheEndOfACounterDoesNotPassIt) {
  RegisterCommand command;
  command.time = Tick();
  command.name = "r";
  command.capacity = B(1);
  command.grantable = kUnlimited;
  ASSERT_TRUE(ledger_.Register(command).ok());
  const uint64_t half = kUnlimited.value() / 2;
  ASSERT_TRUE(
      Charge("c", {{"/a", "r", B(half), absl::nullopt}, {"/b", "r", B(half), absl::nullopt}}).ok());
  ASSERT_TRUE(Report({}, {{"c", "/a", "r", kUnlimited}, {"c", "/b", "r", kUnlimited}}).ok());
  ASSERT_TRUE(Move("c", "/a", "/b").ok());
  EXPECT_EQ(Usage("/b", "r"), 2 * half);
}

TEST_F(LedgerMeasuredTest, AMoveThatCannotBeSaysWhy) {
  ASSERT_TRUE(Register("r", 100).ok());
  ASSERT_TRUE(Take("c", "/a", 30).ok());
  ASSERT_TRUE(Take("d", "/d", 1).ok());
  ASSERT_TRUE(Delete("/d").ok());
  EXPECT_EQ(ReasonOf(Move("none", "/a", "/b").status()), "CHARGE_NOT_FOUND");
  EXPECT_EQ(ReasonOf(Move("c", "/b", "/e").status()), "ITEM_NOT_FOUND");
  EXPECT_EQ(ReasonOf(Move("c", "/a", "@99").status()), "CGROUP_NOT_FOUND");
  EXPECT_EQ(ReasonOf(Move("c", "/a", "@2").status()), "CGROUP_DYING");
  const auto freed = Move("d", "@2", "/a");
  ASSERT_TRUE(freed.ok());
  EXPECT_THAT(freed->freed_cgroups, ElementsAre(2)) << "its last charge left it";
  ASSERT_TRUE(Uncharge({"c"}).ok());
  EXPECT_EQ(ReasonOf(Move("c", "/a", "/b").status()), "ALREADY_RELEASED");
}

TEST_F(LedgerMeasuredTest, TheChargesOfAPoolStayNewestFirstWhereverTheyMoved) {
  ASSERT_TRUE(Register("r", 100).ok());
  ASSERT_TRUE(Take("c1", "/a", 1).ok());
  ASSERT_TRUE(Take("c2", "/b", 1).ok());
  ASSERT_TRUE(Take("c3", "/a", 1).ok());
  ASSERT_TRUE(Move("c2", "/b", "/a").ok());
  std::vector<std::string> ids;
  const Index pool = state().FindPool(state().FindCgroup("/a"), state().FindRegion("r"));
  for (Index i = state().pools[pool].first_item; i != kNone; i = state().items[i].next_in_pool)
    ids.emplace_back(state().charges[state().items[i].charge].id.view());
  EXPECT_THAT(ids, ElementsAre("c3", "c2", "c1"));
}

}  // namespace
}  // namespace dmem
