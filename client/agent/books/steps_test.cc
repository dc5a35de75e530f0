// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/books/steps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "client/agent/books/charge_ids.h"

namespace dmem::client {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr uint64_t kGib = uint64_t{1} << 30;

Holding PodOn(const std::string& uid, uint64_t booked) {
  Holding holding;
  holding.id_base = PodIdBase(uid, "gpu0");
  holding.cgroup = "/ns/ml";
  holding.region = "n1/gpu0";
  holding.local_region = "gpu0";
  holding.booked_bytes = booked;
  holding.pod_uid = uid;
  return holding;
}

KnownItem Known(const Holding& holding) {
  KnownItem item;
  item.charge_id = holding.charge_id;
  item.cgroup = holding.cgroup;
  item.region = holding.region;
  item.bytes = holding.booked_bytes;
  item.is_measured_basis = holding.is_measured_basis;
  return item;
}

class StepsTest : public ::testing::Test {
 protected:
  StepsTest() {
    options_.now = absl::FromUnixMicros(1500000);
    options_.session = 7;
  }
  Steps Make() { return MakeSteps(Shared(), known_, options_); }
  std::vector<v1::HeldItem> Held() { return HeldItems(Shared()); }
  bool IsUnplaced() { return HasUnplaced(Shared()); }
  // Of resizes, the mode and the bytes.
  std::vector<std::pair<v1::ChargeMode, uint64_t>> Resizes() {
    std::vector<std::pair<v1::ChargeMode, uint64_t>> resizes;
    for (const Steps::Resize& resize : Make().resizes)
      resizes.emplace_back(resize.request.mode(), resize.request.items(0).bytes());
    return resizes;
  }
  NodeBooks Shared() const {
    NodeBooks books = books_;
    for (Holding& holding : books.holdings) {
      if (holding.state != HoldingState::kPending && holding.forced_bytes == 0)
        holding.forced_bytes = holding.booked_bytes;
    }
    ShareOut(known_, &books.holdings);
    return books;
  }

  NodeBooks books_;
  std::vector<KnownItem> known_;
  StepOptions options_;
};

TEST_F(StepsTest, WhatRunsIsRecordedByForceAndWhatWaitsAsks) {
  books_.holdings = {PodOn("u1", kGib), PodOn("u2", kGib)};
  books_.holdings[1].state = HoldingState::kPending;
  const Steps steps = Make();
  ASSERT_THAT(steps.charges, SizeIs(2));
  const v1::ChargeRequest& running = steps.charges[0];
  EXPECT_EQ(running.mode(), v1::CHARGE_MODE_FORCE);
  EXPECT_EQ(running.charge_id(), "pod/u1/gpu0~16e360");
  EXPECT_EQ(running.session(), 7u);
  EXPECT_EQ(running.created_at().seconds(), 1);
  EXPECT_EQ(running.created_at().nanos(), 500000000);
  EXPECT_EQ(running.owner().uid(), "u1");
  ASSERT_EQ(running.items_size(), 1);
  EXPECT_EQ(running.items(0).bytes(), kGib);
  EXPECT_EQ(steps.charges[1].mode(), v1::CHARGE_MODE_STRICT);
}

TEST_F(StepsTest, WhatIsKnownAsItIsNeedsNothing) {
  books_.holdings = {PodOn("u1", kGib)};
  books_.holdings[0].charge_id = "pod/u1/gpu0~1";
  known_ = {Known(books_.holdings[0])};
  const Steps steps = Make();
  EXPECT_THAT(steps.charges, IsEmpty());
  EXPECT_THAT(steps.commits, IsEmpty());
  EXPECT_THAT(steps.moves, IsEmpty());
  EXPECT_THAT(steps.resizes, IsEmpty());
  EXPECT_THAT(steps.releases, IsEmpty());
}

TEST_F(StepsTest, ReservationThatThePodNamesIsCommittedOntoItsRegions) {
  books_.holdings = {PodOn("u1", kGib), PodOn("u1", kGib)};
  books_.holdings[0].charge_id = books_.holdings[1].charge_id = "job-7";
  books_.holdings[1].region = "n1/gpu1";
  const Steps steps = Make();
  EXPECT_THAT(steps.charges, IsEmpty());
  ASSERT_THAT(steps.commits, SizeIs(1));
  const v1::CommitRequest& commit = steps.commits.at({"job-7", "/ns/ml"}).request;
  EXPECT_EQ(commit.charge_id(), "job-7");
  ASSERT_EQ(commit.placements_size(), 2);
  EXPECT_EQ(commit.placements(0).region(), "n1/gpu0");
  EXPECT_EQ(commit.placements(1).region(), "n1/gpu1");
  EXPECT_EQ(commit.placements(1).bytes(), kGib);
  EXPECT_EQ(Make().commits.at({"job-7", "/ns/ml"}).request.commit_id(), commit.commit_id())
      << "sent again it is the same commit";
}

TEST_F(StepsTest, ItemThatIsReservedOnTheRegionIsCommitted) {
  books_.holdings = {PodOn("u1", kGib)};
  books_.holdings[0].charge_id = "job-7";
  known_ = {Known(books_.holdings[0])};
  known_[0].is_reserved = true;
  EXPECT_THAT(Make().commits, SizeIs(1));
}

TEST_F(StepsTest, ChangedMappingMovesTheCharge) {
  books_.holdings = {PodOn("u1", kGib)};
  books_.holdings[0].charge_id = "pod/u1/gpu0~1";
  known_ = {Known(books_.holdings[0])};
  known_[0].cgroup = "/unmapped/ns/ml";
  const Steps steps = Make();
  ASSERT_THAT(steps.moves, SizeIs(1));
  EXPECT_EQ(steps.moves[0].from_cgroup(), "/unmapped/ns/ml");
  EXPECT_EQ(steps.moves[0].to_cgroup(), "/ns/ml");
}

TEST_F(StepsTest, ChargeOfSeveralDevicesIsMovedOnce) {
  books_.holdings = {PodOn("u1", kGib), PodOn("u1", kGib)};
  books_.holdings[1].region = "n1/gpu1";
  for (Holding& holding : books_.holdings) {
    holding.charge_id = "pod/u1~1";
    known_.push_back(Known(holding));
    known_.back().cgroup = "/unmapped/ns/ml";
  }
  EXPECT_THAT(Make().moves, SizeIs(1));
}

TEST_F(StepsTest, OnlyWhatIsBookedByMeasureFollowsTheMeasureBeyondTheThreshold) {
  options_.resize_threshold_bytes = 10;
  books_.holdings = {PodOn("u1", kGib), PodOn("u2", kGib), PodOn("u3", kGib)};
  for (Holding& holding : books_.holdings) {
    holding.charge_id = holding.id_base + "~1";
    holding.is_measured_basis = holding.pod_uid != "u3";
    known_.push_back(Known(holding));
  }
  books_.holdings[0].booked_bytes = kGib + 10;
  books_.holdings[1].booked_bytes = kGib - 11;
  books_.holdings[2].measured_bytes = 2 * kGib;
  const Steps steps = Make();
  ASSERT_THAT(steps.resizes, SizeIs(1));
  EXPECT_EQ(steps.resizes[0].request.items(0).charge_id(), "pod/u2/gpu0~1");
  EXPECT_EQ(steps.resizes[0].request.items(0).bytes(), kGib - 11);
}

TEST_F(StepsTest, ReleaseOfAPodThatIsGoingIsAskedForOnce) {
  books_.holdings = {PodOn("u1", kGib), PodOn("u1", kGib)};
  books_.holdings[1].region = "n1/gpu1";
  for (Holding& holding : books_.holdings) {
    holding.charge_id = "job-7";
    holding.state = HoldingState::kEnding;
    known_.push_back(Known(holding));
  }
  EXPECT_THAT(Make().releases, ElementsAre("job-7"));
  for (KnownItem& item : known_) item.is_releasing = true;
  EXPECT_THAT(Make().releases, IsEmpty());
}

TEST_F(StepsTest, ChargeIsGivenBackOnceAndOnlyWhenAllThatItHasOnTheNodeIsFree) {
  Holding first = PodOn("u1", kGib), second = PodOn("u1", kGib);
  first.charge_id = second.charge_id = "job-7";
  second.region = "n1/gpu1";
  known_ = {Known(first), Known(second)};
  books_.freed = {{known_[0], "nobody is there"}};
  EXPECT_THAT(Make().free, IsEmpty()) << "UnchargeItems would give back the other one too";
  books_.freed.push_back({known_[1], "nobody is there either"});
  ASSERT_THAT(Make().free, SizeIs(1));
  EXPECT_EQ(Make().free[0].charge_id, "job-7");
  EXPECT_THAT(Make().free[0].regions, ElementsAre("n1/gpu0", "n1/gpu1"))
      << "what it has where nobody can look stays";
}

TEST_F(StepsTest, ChargeThatAnotherPodHoldsUnderIsNotGivenBack) {
  // Two pods of one job had the device; one of them is gone.
  Holding other = PodOn("u2", kGib);
  other.charge_id = "job-7";
  KnownItem item = Known(other);
  known_ = {item};
  books_.holdings = {other};
  books_.freed = {{item, "no process of pod u1 is on gpu0"}};
  EXPECT_THAT(Make().free, IsEmpty());
}

TEST_F(StepsTest, PodThatJoinsTheItemOfAnotherIsAddedToIt) {
  books_.holdings = {PodOn("u1", kGib), PodOn("u2", 2 * kGib)};
  for (Holding& holding : books_.holdings) holding.charge_id = "job-7";
  known_ = {Known(books_.holdings[0])};
  const Steps steps = Make();
  EXPECT_THAT(steps.commits, IsEmpty());
  ASSERT_THAT(steps.resizes, SizeIs(1));
  EXPECT_EQ(steps.resizes[0].request.items(0).charge_id(), "job-7");
  EXPECT_EQ(steps.resizes[0].request.items(0).bytes(), 3 * kGib);
  EXPECT_EQ(steps.resizes[0].request.mode(), v1::CHARGE_MODE_FORCE) << "it runs";
  known_[0].bytes = 3 * kGib;
  EXPECT_THAT(Make().resizes, IsEmpty());
  // What a pod that has gone held stays until all of them have.
  books_.holdings.pop_back();
  EXPECT_THAT(Make().resizes, IsEmpty());
}

TEST_F(StepsTest, ItemThatPodsShareByMeasureIsResizedToTheirSum) {
  books_.holdings = {PodOn("u1", kGib), PodOn("u2", 2 * kGib)};
  for (Holding& holding : books_.holdings) {
    holding.charge_id = "job-7";
    holding.is_measured_basis = true;
  }
  known_ = {Known(books_.holdings[0])};
  const Steps steps = Make();
  ASSERT_THAT(steps.resizes, SizeIs(1));
  EXPECT_EQ(steps.resizes[0].request.items(0).bytes(), 3 * kGib);
}

TEST_F(StepsTest, ReleaseOfAChargeIsNotAskedForWhileAnotherPodRunsUnderIt) {
  books_.holdings = {PodOn("u1", kGib), PodOn("u2", kGib)};
  for (Holding& holding : books_.holdings) holding.charge_id = "job-7";
  known_ = {Known(books_.holdings[0])};
  known_[0].bytes = 2 * kGib;
  books_.holdings[0].state = HoldingState::kEnding;
  EXPECT_THAT(Make().releases, IsEmpty());
  books_.holdings[1].state = HoldingState::kEnding;
  EXPECT_THAT(Make().releases, ElementsAre("job-7"));
}

TEST_F(StepsTest, PodsThatShareAnItemAreListedTogetherInItsSum) {
  books_.holdings = {PodOn("u1", kGib), PodOn("u2", 2 * kGib)};
  for (Holding& holding : books_.holdings) {
    holding.charge_id = "job-7";
    holding.measured_bytes = 5;
  }
  const std::vector<v1::HeldItem> held = Held();
  ASSERT_THAT(held, SizeIs(1));
  EXPECT_EQ(held[0].bytes(), 3 * kGib);
  const std::vector<v1::MeasuredItem> measured = MeasuredItems(books_);
  ASSERT_THAT(measured, SizeIs(1));
  EXPECT_EQ(measured[0].measured_bytes(), 10u);
}

TEST_F(StepsTest, PodsThatShareAReservationOnADeviceAreOnePlacementOfTheirSum) {
  // The authority refuses a commit that has a cgroup and region twice.
  books_.holdings = {PodOn("u1", kGib), PodOn("u2", 2 * kGib)};
  for (Holding& holding : books_.holdings) holding.charge_id = "job-7";
  books_.holdings[0].pod_namespace = "ml";
  books_.holdings[0].pod_name = "web";
  const Steps steps = Make();
  ASSERT_THAT(steps.commits, SizeIs(1));
  const v1::CommitRequest& commit = steps.commits.at({"job-7", "/ns/ml"}).request;
  ASSERT_EQ(commit.placements_size(), 1);
  EXPECT_EQ(commit.placements(0).bytes(), 3 * kGib);
  EXPECT_THAT(steps.commits.at({"job-7", "/ns/ml"}).pods, ElementsAre("ml/web", "u2"));
}

TEST_F(StepsTest, TenantsOfAReservationCommitEachForItself) {
  // One that the reservation has nothing for must not keep the others from theirs.
  books_.holdings = {PodOn("u1", kGib), PodOn("u2", 2 * kGib)};
  for (Holding& holding : books_.holdings) holding.charge_id = "job-7";
  books_.holdings[1].cgroup = "/ns/other";
  const Steps steps = Make();
  ASSERT_THAT(steps.commits, SizeIs(2));
  const v1::CommitRequest& ml = steps.commits.at({"job-7", "/ns/ml"}).request;
  const v1::CommitRequest& other = steps.commits.at({"job-7", "/ns/other"}).request;
  EXPECT_EQ(ml.placements(0).bytes(), kGib);
  EXPECT_EQ(other.placements(0).cgroup(), "/ns/other");
  EXPECT_NE(ml.commit_id(), other.commit_id());
  // Once both are held, each has its own item.
  known_ = {Known(books_.holdings[0]), Known(books_.holdings[1])};
  EXPECT_THAT(Make().commits, IsEmpty());
  EXPECT_THAT(Resizes(), IsEmpty());
  EXPECT_THAT(Make().moves, IsEmpty());
  EXPECT_THAT(Held(), SizeIs(2));
}

TEST_F(StepsTest, PodThatWaitsToJoinAnItemAsksAndIsNotAddedByForce) {
  books_.holdings = {PodOn("u1", kGib), PodOn("u2", 2 * kGib), PodOn("u3", kGib)};
  for (Holding& holding : books_.holdings) holding.charge_id = "job-7";
  books_.holdings[1].state = books_.holdings[2].state = HoldingState::kPending;
  known_ = {Known(books_.holdings[0])};
  EXPECT_THAT(Resizes(), ElementsAre(Pair(v1::CHARGE_MODE_STRICT, 2 * kGib),
                                     Pair(v1::CHARGE_MODE_STRICT, 4 * kGib)));
  EXPECT_TRUE(Make().resizes[0].is_waiting);
  EXPECT_EQ(Held()[0].bytes(), kGib) << "a list is taken by FORCE";
  // Who runs is added whatever the limits say, and before who waits.
  books_.holdings[0].booked_bytes = 5 * kGib;
  EXPECT_THAT(Resizes(), ElementsAre(Pair(v1::CHARGE_MODE_FORCE, 5 * kGib),
                                     Pair(v1::CHARGE_MODE_STRICT, 6 * kGib),
                                     Pair(v1::CHARGE_MODE_STRICT, 8 * kGib)));
}

TEST_F(StepsTest, RaisedLimitOfAPodThatSharesAnItemAsksToo) {
  // A second pod with the same reservation is no way past a quota.
  books_.holdings = {PodOn("u1", 80 * kGib), PodOn("u2", 8 * kGib)};
  for (Holding& holding : books_.holdings) holding.charge_id = "job-7";
  books_.holdings[0].forced_bytes = 8 * kGib;  // As before.
  known_ = {Known(books_.holdings[1])};
  known_[0].bytes = 16 * kGib;
  EXPECT_THAT(Resizes(), ElementsAre(Pair(v1::CHARGE_MODE_STRICT, 88 * kGib)));
  EXPECT_EQ(Make().resizes[0].pod_uid, "u1");
  EXPECT_FALSE(Make().resizes[0].is_waiting);
  EXPECT_EQ(Held()[0].bytes(), 16 * kGib);
}

TEST_F(StepsTest, SmallPodThatWaitsDoesNotWaitForALargeOne) {
  books_.holdings = {PodOn("u1", 8 * kGib), PodOn("u2", 100 * kGib), PodOn("u3", kGib)};
  for (Holding& holding : books_.holdings) holding.charge_id = "job-7";
  books_.holdings[1].state = books_.holdings[2].state = HoldingState::kPending;
  known_ = {Known(books_.holdings[0])};
  EXPECT_THAT(Resizes(), ElementsAre(Pair(v1::CHARGE_MODE_STRICT, 9 * kGib),
                                     Pair(v1::CHARGE_MODE_STRICT, 109 * kGib)));
  EXPECT_EQ(Make().resizes[0].pod_uid, "u3");
}

TEST_F(StepsTest, ChargeByMeasureIsNeverLessThanIsUsedWhateverItsPodSays) {
  Holding& holding = books_.holdings.emplace_back(PodOn("u1", kGib));
  holding.charge_id = "pod/u1/gpu0~1";
  holding.measured_bytes = 5 * kGib;
  known_ = {Known(holding)};
  known_[0].is_measured_basis = true;
  known_[0].bytes = 5 * kGib;
  EXPECT_THAT(Resizes(), IsEmpty());
  EXPECT_EQ(Held()[0].bytes(), 5 * kGib);
}

TEST_F(StepsTest, PodWithSeveralDevicesAsksForAllOrNone) {
  books_.holdings = {PodOn("u1", kGib), PodOn("u1", 2 * kGib), PodOn("u2", kGib)};
  books_.holdings[1].region = "n1/gpu1";
  for (Holding& holding : books_.holdings) holding.state = HoldingState::kPending;
  Steps steps = Make();
  ASSERT_THAT(steps.charges, SizeIs(2));
  EXPECT_EQ(steps.charges[0].charge_id(), "pod/u1~16e360");
  ASSERT_EQ(steps.charges[0].items_size(), 2);
  EXPECT_EQ(steps.charges[0].items(1).region(), "n1/gpu1");
  EXPECT_EQ(steps.charges[0].mode(), v1::CHARGE_MODE_STRICT);
  EXPECT_EQ(steps.charges[1].charge_id(), "pod/u2/gpu0~16e360");
  // What runs is recorded device by device: one that takes nothing must not keep the others back.
  for (Holding& holding : books_.holdings) holding.state = HoldingState::kRunning;
  steps = Make();
  ASSERT_THAT(steps.charges, SizeIs(3));
  EXPECT_EQ(steps.charges[0].charge_id(), "pod/u1/gpu0~16e360");
}

TEST_F(StepsTest, RaisedLimitOfAPodAsksAndALoweredOneGivesBackWhatIsNotUsed) {
  Holding& holding = books_.holdings.emplace_back(PodOn("u1", 4 * kGib));
  holding.charge_id = "pod/u1/gpu0~1";
  known_ = {Known(holding)};
  holding.booked_bytes = 6 * kGib;
  EXPECT_THAT(Resizes(), ElementsAre(Pair(v1::CHARGE_MODE_STRICT, 6 * kGib)));
  EXPECT_FALSE(Make().resizes[0].is_waiting);
  EXPECT_EQ(Held()[0].bytes(), 4 * kGib) << "as it is charged";
  holding.booked_bytes = 2 * kGib;
  EXPECT_THAT(Resizes(), IsEmpty()) << "nobody knows what it uses";
  holding.measured_bytes = 3 * kGib;
  EXPECT_THAT(Resizes(), ElementsAre(Pair(v1::CHARGE_MODE_STRICT, 3 * kGib)));
  holding.measured_bytes = kGib;
  EXPECT_THAT(Resizes(), ElementsAre(Pair(v1::CHARGE_MODE_STRICT, 2 * kGib)));
  holding.measured_bytes.reset();
  holding.state = HoldingState::kPending;
  EXPECT_THAT(Resizes(), ElementsAre(Pair(v1::CHARGE_MODE_STRICT, 2 * kGib))) << "it uses nothing";
  holding.state = HoldingState::kEnding;
  EXPECT_THAT(Resizes(), IsEmpty());
  // Of a reservation others may have held what is more.
  holding.state = HoldingState::kRunning;
  holding.measured_bytes = kGib;
  holding.charge_id = known_[0].charge_id = "job-7";
  EXPECT_THAT(Resizes(), IsEmpty());
}

TEST_F(StepsTest, WhatAPodThatIsGoneHadOfASharedItemIsGivenBackOnceItIsFree) {
  books_.holdings = {PodOn("u1", kGib), PodOn("u2", 2 * kGib)};
  for (Holding& holding : books_.holdings) holding.charge_id = "job-7";
  books_.holdings[1].state = HoldingState::kPending;
  known_ = {Known(books_.holdings[0])};
  known_[0].bytes = 8 * kGib;
  EXPECT_THAT(Resizes(), IsEmpty());
  for (Holding& holding : books_.holdings) holding.is_rest_free = true;
  EXPECT_THAT(Resizes(), ElementsAre(Pair(v1::CHARGE_MODE_STRICT, 3 * kGib)))
      << "not what waits to join: it has its place";
  books_.holdings[0].measured_bytes = 4 * kGib;
  EXPECT_THAT(Resizes(), ElementsAre(Pair(v1::CHARGE_MODE_STRICT, 6 * kGib))) << "nor what is used";
  books_.holdings.pop_back();
  books_.holdings[0].measured_bytes.reset();
  EXPECT_THAT(Resizes(), ElementsAre(Pair(v1::CHARGE_MODE_STRICT, kGib)));
}

TEST_F(StepsTest, ItemThatAPodHasLeftNeverGrowsByThat) {
  // A pod has gone from the device; of what it left there nothing is known but the item.
  books_.holdings = {PodOn("u1", kGib), PodOn("u2", 0)};
  for (Holding& holding : books_.holdings) holding.charge_id = "job-7";
  books_.holdings[1].is_as_charged = true;
  books_.holdings[1].state = HoldingState::kEnding;
  for (const bool is_measured : {false, true}) {
    known_ = {Known(books_.holdings[0])};
    known_[0].bytes = 3 * kGib;
    known_[0].is_measured_basis = is_measured;
    EXPECT_THAT(Resizes(), IsEmpty());
    EXPECT_EQ(Held()[0].bytes(), 3 * kGib);
  }
}

TEST_F(StepsTest, ChargeByMeasureOfAPodThatSaysItsLimitSinceAsksForThatOnce) {
  Holding& holding = books_.holdings.emplace_back(PodOn("u1", 4 * kGib));
  holding.charge_id = "pod/u1/gpu0~1";
  holding.measured_bytes = holding.forced_bytes = 2 * kGib;
  known_ = {Known(holding)};
  known_[0].is_measured_basis = true;
  known_[0].bytes = kGib;
  EXPECT_THAT(Resizes(), ElementsAre(Pair(v1::CHARGE_MODE_FORCE, 2 * kGib),
                                     Pair(v1::CHARGE_MODE_STRICT, 4 * kGib)))
      << "what is used is recorded; the rest may be refused";
  EXPECT_EQ(Held()[0].bytes(), 2 * kGib);
  known_[0].bytes = 4 * kGib;
  EXPECT_THAT(Resizes(), IsEmpty());
}

TEST_F(StepsTest, ItemsOfAChargeAreNeighboursInTheListForReconcile) {
  books_.holdings = {PodOn("u1", kGib), PodOn("u2", kGib), PodOn("u1", kGib)};
  books_.holdings[0].charge_id = books_.holdings[2].charge_id = "job-7";
  books_.holdings[1].charge_id = "a";
  books_.holdings[2].region = "n1/gpu1";
  std::vector<std::string> ids;
  for (const v1::HeldItem& item : Held()) ids.push_back(item.charge_id());
  EXPECT_THAT(ids, ElementsAre("a", "job-7", "job-7"));
}

TEST_F(StepsTest, PodThatWaitsIsListedOnlyIfItHoldsAlready) {
  books_.holdings = {PodOn("u1", kGib)};
  books_.holdings[0].state = HoldingState::kPending;
  books_.holdings[0].charge_id = "job-7";
  EXPECT_THAT(Held(), IsEmpty()) << "reserved on a group, or not at all";
  known_ = {Known(books_.holdings[0])};
  known_[0].is_reserved = true;
  EXPECT_THAT(Held(), IsEmpty()) << "reserved: the list would commit it";
  known_[0].is_reserved = false;
  EXPECT_THAT(Held(), SizeIs(1)) << "held: left out, it would be given back";
}

TEST_F(StepsTest, OnlyWhatRunsUnderAnIdThatDoesNotHoldItIsUnplaced) {
  books_.holdings = {PodOn("u1", kGib)};
  EXPECT_FALSE(IsUnplaced()) << "it has no id yet, and gets a charge of its own";
  books_.holdings[0].charge_id = "job-7";
  EXPECT_TRUE(IsUnplaced());
  books_.holdings[0].state = HoldingState::kPending;
  EXPECT_FALSE(IsUnplaced());
  books_.holdings[0].state = HoldingState::kRunning;
  known_ = {Known(books_.holdings[0])};
  EXPECT_FALSE(IsUnplaced());
  known_[0].is_reserved = true;
  EXPECT_TRUE(IsUnplaced());
}

TEST_F(StepsTest, ListForReconcileHasWhatIsChargedAndMeasuredListWhatIsKnown) {
  books_.holdings = {PodOn("u1", kGib), PodOn("u2", 2 * kGib)};
  books_.holdings[0].charge_id = "pod/u1/gpu0~1";
  books_.holdings[0].is_measured_basis = true;
  EXPECT_THAT(MeasuredItems(books_), IsEmpty());
  books_.holdings[0].measured_bytes = 5;
  const std::vector<v1::HeldItem> held = Held();
  ASSERT_THAT(held, SizeIs(1)) << "u2 has no charge yet";
  EXPECT_EQ(held[0].charge_id(), "pod/u1/gpu0~1");
  EXPECT_EQ(held[0].basis(), v1::BASIS_MEASURED);
  EXPECT_EQ(held[0].bytes(), kGib);
  ASSERT_THAT(MeasuredItems(books_), SizeIs(1));
  EXPECT_EQ(MeasuredItems(books_)[0].measured_bytes(), 5u);
}

}  // namespace
}  // namespace dmem::client
