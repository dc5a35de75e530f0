// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/books/holding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace dmem::client {
namespace {

using ::testing::ElementsAre;
using ::testing::Optional;

class HoldingTest : public ::testing::Test {
 protected:
  Holding& Add(const std::string& uid, uint64_t booked,
               HoldingState state = HoldingState::kRunning) {
    Holding& holding = holdings_.emplace_back();
    holding.charge_id = "job-7";
    holding.cgroup = "/ns/ml";
    holding.region = "n1/gpu0";
    holding.pod_uid = uid;
    holding.booked_bytes = booked;
    holding.state = state;
    holding.forced_bytes = state == HoldingState::kPending ? 0 : booked;
    return holding;
  }
  KnownItem& Know(uint64_t bytes, const std::string& cgroup = "/ns/ml") {
    KnownItem& item = known_.emplace_back();
    item.charge_id = "job-7";
    item.cgroup = cgroup;
    item.region = "n1/gpu0";
    item.bytes = bytes;
    return item;
  }
  std::vector<std::optional<uint64_t>> Charged() {
    std::vector<Holding> holdings = holdings_;
    ShareOut(known_, &holdings);
    ShareOut(known_, &holdings);  // Changes nothing.
    std::vector<std::optional<uint64_t>> charged;
    charged.reserve(holdings.size());
    for (const Holding& holding : holdings) charged.push_back(holding.charged_bytes);
    return charged;
  }

  std::vector<Holding> holdings_;
  std::vector<KnownItem> known_;
};

TEST_F(HoldingTest, WhatIsOnlyReservedIsNotCharged) {
  Add("u1", 8);
  EXPECT_THAT(Charged(), ElementsAre(std::nullopt));
  KnownItem& item = Know(8);
  item.is_reserved = true;
  EXPECT_THAT(Charged(), ElementsAre(std::nullopt));
  item.is_reserved = false;
  EXPECT_THAT(Charged(), ElementsAre(Optional(8)));
}

TEST_F(HoldingTest, WhoWaitsIsChargedOnceAllThatItIsToHaveIsThere) {
  Add("u1", 8, HoldingState::kPending);
  KnownItem& item = Know(7);
  EXPECT_THAT(Charged(), ElementsAre(std::nullopt));
  item.bytes = 8;
  EXPECT_THAT(Charged(), ElementsAre(Optional(8)));
  holdings_[0].state = HoldingState::kRunning;
  item.bytes = 7;
  EXPECT_THAT(Charged(), ElementsAre(Optional(7)));
}

TEST_F(HoldingTest, OfAnItemWhatRunsComesFirstAndThenWhatWaitsTheSmallestFirst) {
  Add("u1", 3, HoldingState::kPending);
  Add("u2", 8);
  Add("u3", 2, HoldingState::kPending);
  KnownItem& item = Know(8);
  EXPECT_THAT(Charged(), ElementsAre(std::nullopt, Optional(8), std::nullopt));
  item.bytes = 11;
  EXPECT_THAT(Charged(), ElementsAre(std::nullopt, Optional(8), Optional(2)));
  item.bytes = 13;
  EXPECT_THAT(Charged(), ElementsAre(Optional(3), Optional(8), Optional(2)));
}

TEST_F(HoldingTest, WhoWaitsIsNotChargedOutOfWhatAGonePodStillUses) {
  Add("u1", 0, HoldingState::kEnding).is_as_charged = true;
  holdings_[0].measured_bytes = 8;
  Add("u2", 8);
  Add("u3", 8, HoldingState::kPending);
  Know(16);
  EXPECT_THAT(Charged(), ElementsAre(Optional(8), Optional(8), std::nullopt));
}

TEST_F(HoldingTest, OfPodsOfWhichNothingIsSaidEachHasWhatItUsesAndTheyShareTheRest) {
  for (const char* uid : {"u1", "u2", "u3"}) Add(uid, 0).is_as_charged = true;
  holdings_[2].state = HoldingState::kPending;
  holdings_[1].measured_bytes = 9;
  Know(16);
  EXPECT_THAT(Charged(), ElementsAre(Optional(3), Optional(13), Optional(0)));
}

TEST_F(HoldingTest, WhoWaitsAndOfWhichNothingIsSaidIsNotChargedWhereTheOthersHaveAll) {
  Add("u1", 8);
  Add("u2", 0, HoldingState::kPending).is_as_charged = true;
  Add("u3", 8, HoldingState::kPending);
  KnownItem& item = Know(8);
  EXPECT_THAT(Charged(), ElementsAre(Optional(8), std::nullopt, std::nullopt));
  item.bytes = 16;
  EXPECT_THAT(Charged(), ElementsAre(Optional(8), std::nullopt, Optional(8)));
  item.bytes = 17;
  EXPECT_THAT(Charged(), ElementsAre(Optional(8), Optional(0), Optional(8)));
}

TEST_F(HoldingTest, LimitOfOneThatWantsMoreOfASharedItemIsWhatItHas) {
  Holding& raised = Add("u1", 80);
  raised.forced_bytes = 8;
  raised.is_limited = true;
  raised.max_bytes = 80;
  Add("u2", 8);
  Know(16);
  ShareOut(known_, &holdings_);
  EXPECT_EQ(holdings_[0].charged_bytes, 8u);
  EXPECT_EQ(holdings_[0].max_bytes, 8u);
  EXPECT_EQ(holdings_[1].charged_bytes, 8u);
}

TEST_F(HoldingTest, LimitIsNeverMoreThanIsCharged) {
  Holding& holding = Add("u1", 9);
  holding.is_limited = true;
  holding.max_bytes = 9;
  holding.low_bytes = 8;
  KnownItem& item = Know(6);
  ShareOut(known_, &holdings_);
  EXPECT_EQ(holding.max_bytes, 6u);
  EXPECT_EQ(holding.low_bytes, 6u);
  // One that had no limit: its annotation was taken away, and there is no room for the device.
  holding.is_limited = false;
  holding.max_bytes = kNoLimit;
  ShareOut(known_, &holdings_);
  EXPECT_TRUE(holding.is_limited);
  EXPECT_EQ(holding.max_bytes, 6u);
  // By measure the charge follows what is used: no limit may.
  holding.max_bytes = 9;
  item.is_measured_basis = true;
  ShareOut(known_, &holdings_);
  EXPECT_EQ(holding.max_bytes, 9u);
}

TEST_F(HoldingTest, EachTenantHasItsOwnItemOfACharge) {
  Add("u1", 8).cgroup = "/ns/other";
  Add("u2", 5);
  Know(5);
  Know(8, "/ns/other");
  ShareOut(known_, &holdings_);
  EXPECT_EQ(holdings_[0].item->cgroup, "/ns/other");
  EXPECT_EQ(holdings_[1].item->cgroup, "/ns/ml");
  // One whose mapping has changed has the item that nobody else holds under.
  holdings_[0].cgroup = "/ns/new";
  ShareOut(known_, &holdings_);
  EXPECT_EQ(holdings_[0].item->cgroup, "/ns/other");
  EXPECT_EQ(holdings_[0].cgroup, "/ns/new");
}

TEST_F(HoldingTest, WhatAChargeHasInACgroupIsMovedOnAllDevicesOrOnNone) {
  Add("u1", 8);
  Add("u2", 8).region = "n1/gpu1";
  Know(8);
  Know(8).region = "n1/gpu1";
  holdings_[1].cgroup = "/ns/new";
  ShareOut(known_, &holdings_);
  EXPECT_EQ(holdings_[1].cgroup, "/ns/ml") << "to move it would take u1's along";
  holdings_[0].cgroup = "/ns/newer";
  holdings_[1].cgroup = "/ns/new";
  ShareOut(known_, &holdings_);
  EXPECT_EQ(holdings_[0].cgroup, "/ns/newer");
  EXPECT_EQ(holdings_[1].cgroup, "/ns/newer");
}

TEST_F(HoldingTest, ReservationOfAnotherTenantIsNotTaken) {
  Add("u1", 8).cgroup = "/ns/other";
  Know(8).is_reserved = true;
  ShareOut(known_, &holdings_);
  EXPECT_FALSE(holdings_[0].item.has_value());
}

}  // namespace
}  // namespace dmem::client
