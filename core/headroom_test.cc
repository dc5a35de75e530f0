// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/headroom.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/testing/ledger_test_base.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dmem {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// cluster
// |- h100 - n1/gpu0, n1/gpu1 (node n1), n2/gpu0, n2/gpu1 (n2): 80 each
// |- spare - box (no node): 100
class HeadroomTest : public LedgerTest {
 protected:
  void SetUp() override {
    ASSERT_TRUE(RegisterGroup("cluster").ok());
    ASSERT_TRUE(RegisterGroup("h100", "cluster").ok());
    ASSERT_TRUE(RegisterGroup("spare", "cluster").ok());
    for (const char* region : {"n1/gpu0", "n1/gpu1", "n2/gpu0", "n2/gpu1"}) {
      RegisterAt(region, absl::string_view(region, 2), "h100", 80);
    }
    RegisterAt("box", "", "spare", 100);
  }

  void RegisterAt(absl::string_view name, absl::string_view node, absl::string_view parent,
                  uint64_t capacity) {
    RegisterCommand command;
    command.time = Tick();
    command.name = name;
    command.node = node;
    command.parent = parent;
    command.capacity = B(capacity);
    ASSERT_TRUE(ledger_.Register(command).ok());
  }

  Headroom Find(absl::string_view cgroup, absl::string_view region, uint32_t items, uint64_t bytes,
                bool same_node = false) {
    return FindHeadroom(state(), {*FindNearestCgroup(state(), cgroup), state().FindRegion(region),
                                  items, B(bytes), same_node});
  }

  std::vector<std::string> Places(const Headroom& headroom) {
    std::vector<std::string> places;
    for (const HeadroomPlace& place : headroom.places) {
      places.push_back(absl::StrCat(state().RegionName(place.region), " ", place.items));
    }
    return places;
  }

  std::vector<std::string> Nodes(const Headroom& headroom) {
    std::vector<std::string> nodes;
    for (const HeadroomNode& node : headroom.nodes) {
      nodes.push_back(absl::StrCat(node.name, " ", node.count));
    }
    return nodes;
  }

  std::vector<std::string> Limits(const Headroom& headroom) {
    std::vector<std::string> limits;
    for (const HeadroomLimit& limit : headroom.limits) {
      const PoolRecord& pool = state().pools[limit.pool];
      limits.push_back(absl::StrCat(state().CgroupName(pool.cgroup), " in ",
                                    state().RegionName(pool.region), " ", limit.short_by.value()));
    }
    return limits;
  }
};

TEST_F(HeadroomTest, AnEmptyClusterIsFilledRegionByRegion) {
  const Headroom headroom = Find("/a", "cluster", 1, 40);
  EXPECT_EQ(headroom.count, 10u);
  EXPECT_TRUE(headroom.is_exact);
  EXPECT_EQ(headroom.count_at_most, 10u);
  EXPECT_THAT(Places(headroom),
              ElementsAre("n1/gpu0 2", "n1/gpu1 2", "n2/gpu0 2", "n2/gpu1 2", "box 2"));
  EXPECT_THAT(headroom.nodes, IsEmpty());
  EXPECT_EQ(headroom.hole, B(100));
  EXPECT_EQ(headroom.hole_region, state().FindRegion("box"));
  EXPECT_EQ(headroom.free, B(420));
  EXPECT_EQ(headroom.unusable, B(20));
}

TEST_F(HeadroomTest, AFullRegionIsNamedByItsCapacityTheNearestToOneMoreFirst) {
  EXPECT_THAT(Limits(Find("/a", "cluster", 1, 40)),
              ElementsAre("/ in box 20", "/ in n1/gpu0 40", "/ in n1/gpu1 40", "/ in n2/gpu0 40",
                          "/ in n2/gpu1 40"));
}

TEST_F(HeadroomTest, OneChargeHasAtMostOneItemInARegion) {
  // 5 regions, 3 a charge: 3 charges would take all 10 places but one, if none were on the same.
  const Headroom headroom = Find("/a", "cluster", 3, 40);
  EXPECT_EQ(headroom.count, 3u);
  EXPECT_EQ(headroom.places_total, 5u);
  const Headroom too_wide = Find("/a", "cluster", 6, 1);
  EXPECT_EQ(too_wide.count, 0u);
  EXPECT_TRUE(too_wide.too_few_regions);
  EXPECT_THAT(too_wide.limits, IsEmpty());
}

TEST_F(HeadroomTest, LimitsOfEveryLevelAndAncestorHold) {
  ASSERT_TRUE(SetMax("/a", "cluster", 130).ok());
  ASSERT_TRUE(SetMax("/a/b", "h100", 90).ok());
  EXPECT_EQ(Find("/a/b/c", "h100", 1, 40).count, 2u);
  EXPECT_THAT(Limits(Find("/a/b/c", "h100", 1, 40)), ElementsAre("/a/b in h100 30"));
  // Above the group asked for, too.
  EXPECT_EQ(Find("/a", "h100", 1, 40).count, 3u);
  EXPECT_THAT(Limits(Find("/a", "h100", 1, 40)), ElementsAre("/a in cluster 30"));
  EXPECT_EQ(Find("/a/b", "cluster", 1, 40).count, 3u);
  EXPECT_EQ(Find("/a/b", "n1/gpu0", 1, 40).count, 2u);
  EXPECT_EQ(Find("/other", "h100", 1, 40).count, 8u);
}

TEST_F(HeadroomTest, AnObservedMaxDoesNotBind) {
  ASSERT_TRUE(SetMax("/a", "cluster", 10, false, true).ok());
  EXPECT_EQ(Find("/a", "h100", 1, 40).count, 8u);
}

TEST_F(HeadroomTest, WhatIsOverLacksThatToo) {
  ASSERT_TRUE(Charge("c", {{"/a", "n1/gpu0", B(100), absl::nullopt}}, Mode::kForce).ok());
  const Headroom headroom = Find("/a", "n1/gpu0", 1, 10);
  EXPECT_EQ(headroom.count, 0u);
  EXPECT_THAT(Limits(headroom), ElementsAre("/ in n1/gpu0 30"));
  EXPECT_EQ(headroom.free, B(0));
  EXPECT_EQ(headroom.hole_region, kNone);
}

TEST_F(HeadroomTest, ItemsOfAReservationOnAGroupTakeTheRoomOfTheGroup) {
  ASSERT_TRUE(SetMax("/a", "h100", 160).ok());
  ChargeCommand command;
  command.time = Tick();
  command.charge_id = "reserved";
  command.created_at = now_;
  command.ttl = absl::Minutes(5);
  const std::vector<ChargeItemSpec> items = {{"/a", "h100", B(100), absl::nullopt}};
  command.items = items;
  ASSERT_TRUE(ledger_.Charge(command).ok());
  EXPECT_EQ(Find("/a", "h100", 1, 40).count, 1u);
}

TEST_F(HeadroomTest, OnOneNodeChargesAreCountedByNode) {
  ASSERT_TRUE(Charge("c", {{"/a", "n1/gpu1", B(50), absl::nullopt}}).ok());
  const Headroom headroom = Find("/a", "cluster", 2, 40, true);
  EXPECT_EQ(headroom.count, 2u);
  EXPECT_THAT(Nodes(headroom), ElementsAre("n2 2"));
  EXPECT_EQ(headroom.nodes_total, 1u);
  EXPECT_THAT(Places(headroom), ElementsAre("n2/gpu0 2", "n2/gpu1 2"));
  // n1 is stopped by one counter, n2 by two.
  EXPECT_THAT(Limits(headroom),
              ElementsAre("/ in n1/gpu1 10", "/ in n2/gpu0 40", "/ in n2/gpu1 40"));
}

TEST_F(HeadroomTest, ARegionWithoutANodeIsANodeOfItsOwn) {
  RegisterAt("box2", "", "spare", 100);
  EXPECT_EQ(Find("/a", "spare", 2, 40).count, 2u);
  const Headroom gang = Find("/a", "spare", 2, 40, true);
  EXPECT_EQ(gang.count, 0u);
  EXPECT_TRUE(gang.too_few_regions);
  const Headroom single = Find("/a", "spare", 1, 40, true);
  EXPECT_EQ(single.count, 4u);
  EXPECT_THAT(Nodes(single), ElementsAre(" 2", " 2"));
}

TEST_F(HeadroomTest, ALimitOnAGroupOfManyNodesTakesWholeCharges) {
  ASSERT_TRUE(SetMax("/a", "h100", 199).ok());
  const Headroom headroom = Find("/a", "cluster", 2, 40, true);
  EXPECT_TRUE(headroom.is_exact);
  EXPECT_EQ(headroom.count, 2u);
  EXPECT_THAT(Nodes(headroom), ElementsAre("n1 2"));
  // n2 has room: nothing but the limit is in the way. (n1's regions are full as well.)
  EXPECT_THAT(Limits(headroom), ElementsAre("/a in h100 41"));
  EXPECT_EQ(headroom.unusable, B(199 + 100 - 160));
}

TEST_F(HeadroomTest, RegionsThatTakeNoChargesAreLeftOutWithTheReason) {
  ASSERT_TRUE(Charge("c", {{"/a", "n1/gpu0", B(50), absl::nullopt}}).ok());
  ASSERT_TRUE(ledger_.Cordon({Tick(), "n1/gpu0", true}).ok());
  ASSERT_TRUE(ledger_.Cordon({Tick(), "n1/gpu1", true}).ok());
  ASSERT_TRUE(Charge("d", {{"/a", "n2/gpu1", B(50), absl::nullopt}}).ok());
  ASSERT_TRUE(ledger_.Unregister({Tick(), "n2/gpu1", false}).ok());
  const Headroom headroom = Find("/a", "h100", 1, 40);
  EXPECT_EQ(headroom.count, 2u);
  EXPECT_EQ(headroom.free, B(80));
  ASSERT_EQ(headroom.left_out.size(), 2u);
  EXPECT_EQ(headroom.left_out[0].reason, "REGION_CORDONED");
  EXPECT_EQ(headroom.left_out[0].regions, 2u);
  EXPECT_EQ(headroom.left_out[0].free, B(110));
  EXPECT_EQ(headroom.left_out[1].reason, "REGION_GONE");
  EXPECT_EQ(headroom.left_out[1].regions, 1u);
  EXPECT_EQ(headroom.left_out[1].free, B(0));
}

TEST_F(HeadroomTest, TheBoundsOnChargesItemsAndCgroupsBoundTheCount) {
  ConfigureCommand configure;
  configure.time = Tick();
  configure.settings.charges_max = 3;
  ledger_.Configure(configure);
  EXPECT_EQ(Find("/a", "h100", 1, 1).count, 3u);
  EXPECT_EQ(Find("/a", "h100", 1, 1).bounded_by, "charges");
  EXPECT_THAT(Find("/a", "h100", 1, 1).limits, IsEmpty());
  // Counters come first where they allow no more either.
  EXPECT_EQ(Find("/a", "n1/gpu0", 1, 25).count, 3u);
  EXPECT_EQ(Find("/a", "n1/gpu0", 1, 25).bounded_by, "");
  EXPECT_THAT(Limits(Find("/a", "n1/gpu0", 1, 25)), ElementsAre("/ in n1/gpu0 20"));
  configure.time = Tick();
  configure.settings.items_max = 5;
  ledger_.Configure(configure);
  EXPECT_EQ(Find("/a", "h100", 2, 1).count, 2u);
  EXPECT_EQ(Find("/a", "h100", 2, 1).bounded_by, "charge items");
  configure.time = Tick();
  configure.settings.cgroups_max = 2;
  ledger_.Configure(configure);
  EXPECT_EQ(Find("/a", "h100", 1, 1).count, 3u);
  EXPECT_EQ(Find("/a/b", "h100", 1, 1).count, 0u);
  EXPECT_EQ(Find("/a/b", "h100", 1, 1).bounded_by, "cgroups");
}

// A charge counts the cgroups that it makes for each of its items.
TEST_F(HeadroomTest, ACgroupThatIsMissingIsCountedForEachItemAsAChargeDoes) {
  ConfigureCommand configure;
  configure.time = Tick();
  configure.settings.cgroups_max = 2;
  ledger_.Configure(configure);
  const std::vector<ChargeItemSpec> items = {{"/a", "n1/gpu0", B(1), absl::nullopt},
                                             {"/a", "n1/gpu1", B(1), absl::nullopt}};
  ASSERT_EQ(ReasonOf(Charge("c", items, Mode::kCheckOnly).status()), "TOO_MANY");
  EXPECT_EQ(Find("/a", "h100", 2, 1).count, 0u);
  EXPECT_EQ(Find("/a", "h100", 2, 1).bounded_by, "cgroups");
  EXPECT_GT(Find("/a", "h100", 1, 1).count, 0u);
}

TEST_F(HeadroomTest, ThereIsNoHoleWhereABoundAllowsNoChargeAtAll) {
  EXPECT_EQ(Find("/a", "h100", 1, 1).hole, B(80));
  ASSERT_TRUE(Charge("c1", {{"/a", "n1/gpu0", B(10), absl::nullopt}}).ok());
  for (uint64_t Settings::*bound : {&Settings::charges_max, &Settings::items_max}) {
    ConfigureCommand configure;
    configure.time = Tick();
    configure.settings.*bound = 1;
    ledger_.Configure(configure);
    ASSERT_EQ(ReasonOf(Charge("c2", {{"/a", "n1/gpu0", B(1), absl::nullopt}}).status()),
              "TOO_MANY");
    EXPECT_EQ(Find("/a", "h100", 1, 1).hole, B(0));
    EXPECT_EQ(Find("/a", "h100", 1, 1).hole_region, kNone);
  }
}

TEST_F(HeadroomTest, WithoutALimitOnlyTheCounterItselfEnds) {
  RegisterCommand command;
  command.time = Tick();
  command.name = "endless";
  command.capacity = B(100);
  command.grantable = kUnlimited;
  ASSERT_TRUE(ledger_.Register(command).ok());
  const Headroom headroom = Find("/a", "endless", 1, uint64_t{1} << 62);
  EXPECT_EQ(headroom.count, 1u);
  EXPECT_EQ(headroom.free, kUnlimited);
  EXPECT_EQ(headroom.unusable, kUnlimited);
  EXPECT_EQ(headroom.hole, kUnlimited);
  EXPECT_EQ(Find("/a", "endless", 1, 1).bounded_by, "charges");
}

TEST_F(HeadroomTest, ListsAreBoundedAndSayOfHowMany) {
  for (int i = 0; i < 1100; ++i) RegisterAt(absl::StrCat("r", i), absl::StrCat("m", i), "spare", 8);
  const Headroom headroom = Find("/a", "spare", 1, 8, true);
  EXPECT_EQ(headroom.count, 1112u);
  EXPECT_EQ(headroom.nodes.size(), 1000u);
  EXPECT_EQ(headroom.nodes_total, 1101u);
  EXPECT_EQ(headroom.places.size(), 1000u);
  EXPECT_EQ(headroom.places_total, 1101u);
  EXPECT_EQ(headroom.nodes[0].count, 12u);  // The box: largest first.
  EXPECT_EQ(headroom.limits.size(), 100u);
}

}  // namespace
}  // namespace dmem
