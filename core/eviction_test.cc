// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/eviction.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/testing/tree.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dmem {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Plans on a drawn tree. Regions gpu0 and gpu1 are in cluster, alone is in no group.
class EvictionTest : public ::testing::Test {
 protected:
  EvictionTest() {
    tree_.Group("cluster").Region("gpu1", "cluster").Region("gpu0", "cluster").Region("alone");
  }

  // `limit` empty: none.
  EvictRequest Request(absl::string_view limit, absl::string_view region, uint64_t needed,
                       IgnoreLow ignore_low = IgnoreLow::kAuto) {
    EvictRequest request;
    request.limit = limit.empty() ? kNone : tree_.CgroupOf(limit);
    request.region = tree_.RegionOf(region);
    request.bytes_needed = ByteCount(needed);
    request.ignore_low = ignore_low;
    return request;
  }
  EvictPlan Plan(const EvictRequest& request) { return EvictCandidates(tree_.state(), request); }
  EvictPlan Plan(absl::string_view limit, absl::string_view region, uint64_t needed,
                 IgnoreLow ignore_low = IgnoreLow::kAuto) {
    return Plan(Request(limit, region, needed, ignore_low));
  }

  // "/a gpu0 5", and " tier 2" where it is.
  std::vector<std::string> Victims(const EvictPlan& plan) {
    std::vector<std::string> victims;
    for (const Victim& victim : plan.victims) {
      const PoolRecord& pool = tree_.state().pools[victim.pool];
      victims.push_back(absl::StrCat(tree_.state().CgroupName(pool.cgroup), " ",
                                     tree_.state().RegionName(pool.region), " ",
                                     victim.evict.value(), victim.tier == 2 ? " tier 2" : ""));
    }
    return victims;
  }
  // "charge-2 3/5" for 3 bytes of 5.
  std::vector<std::string> Charges(const Victim& victim) {
    std::vector<std::string> charges;
    for (const EvictCharge& c : victim.charges) {
      charges.push_back(absl::StrCat(tree_.state().charges[c.charge].id.view(), " ",
                                     c.evict.value(), "/", c.bytes.value()));
    }
    return charges;
  }
  std::vector<std::string> Blocked(const EvictPlan& plan) {
    std::vector<std::string> blocked;
    for (const BlockedBy& by : plan.blocked_by) {
      const PoolRecord& pool = tree_.state().pools[by.pool];
      blocked.push_back(absl::StrCat(
          tree_.state().CgroupName(pool.cgroup), " in ", tree_.state().RegionName(pool.region),
          " uses ", by.usage.value(), " of ", by.protection.value(), by.by_min ? " min" : " low"));
    }
    return blocked;
  }

  TestTree tree_;
};

TEST_F(EvictionTest, MostAboveProtectionGoesFirstAndTheLastGivesWhatIsNeeded) {
  tree_.Draw("alone", "/a use=10; /b use=30 min=25; /c use=8");
  const EvictPlan plan = Plan("", "alone", 15);
  EXPECT_THAT(Victims(plan), ElementsAre("/a alone 10", "/c alone 5"));
  EXPECT_EQ(plan.total, ByteCount(15));
  EXPECT_TRUE(plan.satisfied);
  EXPECT_FALSE(plan.hit_low);
}

TEST_F(EvictionTest, PriorityComesBeforeSizeAndIsInherited) {
  tree_.Draw("alone",
             "/a use=50 priority=1; /b use=1 priority=-1; /b/c use=2; /b/d use=3 priority=2");
  tree_.Draw("alone", "/e use=4");
  EXPECT_THAT(
      Victims(Plan("", "alone", 100)),
      ElementsAre("/b alone 1", "/b/c alone 2", "/e alone 4", "/a alone 50", "/b/d alone 3"));
}

TEST_F(EvictionTest, TiesAreDecidedByBytesOfThePathThenTheRegion) {
  tree_.Draw("gpu1", "/a/b use=5; /a use=5").Draw("gpu0", "/a-b use=5; /a/b use=5; /B use=5");
  tree_.Draw("cluster", "/a max=max");
  // In the cluster /a uses 15, /a/b 10, the others 5 each.
  EXPECT_THAT(Victims(Plan("", "cluster", 100)),
              ElementsAre("/a gpu1 5", "/a/b gpu0 5", "/a/b gpu1 5", "/B gpu0 5", "/a-b gpu0 5"));
  tree_.Draw("alone", "/a-b use=5; /a/b use=5; /B use=5; /a! use=5");
  EXPECT_THAT(Victims(Plan("", "alone", 100)),
              ElementsAre("/B alone 5", "/a! alone 5", "/a-b alone 5", "/a/b alone 5"));
}

TEST_F(EvictionTest, TiesOfDyingCgroupsAndOfPathsOfAnyLengthAreDecidedByWhatTheyAreCalled) {
  const std::string deep = absl::StrCat("/", std::string(60, 'l'), "/m/n");
  const std::vector<std::string> live = {"/a",      "/a-",       "/a-b",    "/b/c",
                                         "/b-c/d",  "/b/c-d",    "/e/f/g",  "/e/f-g",
                                         "/e/long", deep + "/o", deep + "o"};
  // Ids of one and of two digits.
  const std::vector<std::string> dying = {"/b/d", "/e/f/h", "/p", "/q", deep + "/p"};
  std::vector<std::string> expected;
  for (const char* region : {"gpu0", "gpu1"}) {
    for (const std::string& path : live) {
      tree_.Draw(region, absl::StrCat(path, " use=5"));
      expected.push_back(absl::StrCat(path, " ", region, " 5"));
    }
    for (const std::string& path : dying) tree_.Draw(region, absl::StrCat(path, " use=5"));
  }
  for (const std::string& path : dying) {
    const uint64_t id = tree_.state().cgroups[tree_.CgroupOf(path)].id;
    tree_.Delete(path);
    for (const char* region : {"gpu0", "gpu1"})
      expected.push_back(absl::StrCat("@", id, " ", region, " 5"));
  }
  // In each, a blank stands for the NUL that ends the path: neither is in a path.
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(Victims(Plan("", "cluster", 1000)), expected);
}

TEST_F(EvictionTest, TheRootsOfTwoRegionsAreATieToo) {
  tree_.Draw("gpu1", "/ use=5").Draw("gpu0", "/ use=5");
  EXPECT_THAT(Victims(Plan("", "cluster", 100)), ElementsAre("/ gpu0 5", "/ gpu1 5"));
}

// Order is made from the front and only as far as a plan gets; ties are larger than one portion.
TEST_F(EvictionTest, ThousandsOfCandidatesComeInOrderHoweverFarAPlanGets) {
  struct Expected {
    uint64_t bytes;
    std::string path;
  };
  std::vector<Expected> expected;
  for (uint64_t i = 0; i < 6000; ++i) {
    const uint64_t mixed = i * 2654435761 % 4294967296;
    const uint64_t bytes = mixed % 10 == 0 ? 5 + mixed % 4000 : 1 + mixed % 3;
    const std::string path = absl::StrCat("/tenant-", mixed % 7, "/job-", mixed % 1000, "-", i);
    tree_.Draw("alone", absl::StrCat(path, " use=", bytes));
    expected.push_back({bytes, path});
  }
  std::sort(expected.begin(), expected.end(), [](const Expected& a, const Expected& b) {
    return a.bytes != b.bytes ? a.bytes > b.bytes : a.path < b.path;
  });
  std::vector<std::string> all;
  uint64_t total = 0;
  for (const Expected& e : expected) {
    all.push_back(absl::StrCat(e.path, " alone ", e.bytes));
    total += e.bytes;
  }
  EXPECT_EQ(Victims(Plan("", "alone", total)), all);
  uint64_t needed = 0;
  for (size_t victims = 0; victims < all.size(); ++victims) {
    needed += expected[victims].bytes;
    if (victims % 397 != 0) continue;
    const std::vector<std::string> first(all.begin(),
                                         all.begin() + static_cast<std::ptrdiff_t>(victims) + 1);
    ASSERT_EQ(Victims(Plan("", "alone", needed)), first) << victims;
  }
}

TEST_F(EvictionTest, AVictimGivesOnlyItsOwnChargesNotItsChildrens) {
  tree_.Draw("alone", "/a use=3; /a/b use=20 min=20");
  tree_.Draw("alone", "/a min=20");
  EXPECT_THAT(Victims(Plan("", "alone", 100)), ElementsAre("/a alone 3"));
}

// ---- Tiers ----

TEST_F(EvictionTest, LowHoldsWhileTheRestIsEnough) {
  tree_.Draw("alone", "/a use=20 low=12; /b use=5");
  const EvictPlan plan = Plan("", "alone", 10);
  EXPECT_THAT(Victims(plan), ElementsAre("/a alone 8", "/b alone 2"));
  EXPECT_TRUE(plan.satisfied);
  EXPECT_TRUE(plan.hit_low);  // It kept 12 of /a when 2 were still needed.
  EXPECT_FALSE(Plan("", "alone", 8).hit_low);
}

TEST_F(EvictionTest, LowOpensWhenTheRestIsNotEnoughAndMinNever) {
  tree_.Draw("alone", "/a use=20 low=12 min=7; /b use=9 low=3; /c use=6 min=6");
  const EvictPlan plan = Plan("", "alone", 18);
  // Above emin: /a 13, /b 9.
  EXPECT_THAT(Victims(plan), ElementsAre("/a alone 8", "/b alone 6", "/a alone 4 tier 2"));
  EXPECT_TRUE(plan.satisfied);
  EXPECT_TRUE(plan.hit_low);
  const EvictPlan all = Plan("", "alone", 1000);
  EXPECT_THAT(Victims(all),
              ElementsAre("/a alone 8", "/b alone 6", "/a alone 5 tier 2", "/b alone 3 tier 2"));
  EXPECT_FALSE(all.satisfied);
  EXPECT_EQ(all.total, ByteCount(22));
}

TEST_F(EvictionTest, NeverKeepsLowAndSaysThatItWasHit) {
  tree_.Draw("alone", "/a use=20 low=12 min=7; /b use=4");
  const EvictPlan plan = Plan("", "alone", 100, IgnoreLow::kNever);
  EXPECT_THAT(Victims(plan), ElementsAre("/a alone 8", "/b alone 4"));
  EXPECT_FALSE(plan.satisfied);
  EXPECT_TRUE(plan.hit_low);
}

TEST_F(EvictionTest, LowIsNotHitWhereMinHoldsAsMuch) {
  tree_.Draw("alone", "/a use=20 low=12 min=12; /b use=9 low=3 min=5");
  for (const IgnoreLow mode : {IgnoreLow::kNever, IgnoreLow::kAuto, IgnoreLow::kAlways}) {
    const EvictPlan plan = Plan("", "alone", 100, mode);
    EXPECT_THAT(Victims(plan), ElementsAre("/a alone 8", "/b alone 4"));
    EXPECT_FALSE(plan.hit_low);
  }
}

TEST_F(EvictionTest, AlwaysOffersLowAfterTheRest) {
  tree_.Draw("alone", "/a use=20 low=12 priority=-1; /b use=9");
  EXPECT_THAT(Victims(Plan("", "alone", 18, IgnoreLow::kAlways)),
              ElementsAre("/a alone 8", "/b alone 9", "/a alone 1 tier 2"));
}

// ---- Protection as it is after each byte ----

TEST_F(EvictionTest, MemoryWithinAClaimIsNotOfferedThoughTheClaimFollowsTheUsage) {
  // Of 10 bytes 8 are claimed. At 7 the claim would be 7, and "at or above" true again.
  tree_.Draw("alone", "/a min=100; /a/b use=10 min=8; /a use=200");
  const EvictPlan plan = Plan("/a", "alone", 1000);
  EXPECT_THAT(Victims(plan), ElementsAre("/a alone 200", "/a/b alone 2"));
  tree_.Draw("alone", "/p min=8; /p/q use=10 min=8");
  EXPECT_THAT(Victims(Plan("", "alone", 1000)), testing::Contains("/p/q alone 2"));
}

TEST_F(EvictionTest, FloatingProtectionStopsSiblingsTogether) {
  // 10 of 30 float. /p/a gives 15 and takes /p to 15, /p/b gives 5 more: then usage is what floats.
  tree_.Draw("alone", "/p min=10; /p/a use=15; /p/b use=15");
  EXPECT_THAT(Victims(Plan("", "alone", 1000)), ElementsAre("/p/a alone 15", "/p/b alone 5"));
}

TEST_F(EvictionTest, AnEarlierVictimsGoingCountsForTheNext) {
  // Both alone could give 10. The first leaves /p with its min of 20 only.
  tree_.Draw("alone", "/p min=20; /p/a use=15 min=5; /p/b use=15 min=5");
  const EvictPlan plan = Plan("", "alone", 1000);
  EXPECT_EQ(plan.total, ByteCount(10));
  EXPECT_THAT(Victims(plan), ElementsAre("/p/a alone 10"));
}

// ---- The limit ----

TEST_F(EvictionTest, OnlyTheLimitAndWhatIsBelowItIsTouched) {
  tree_.Draw("alone", "/a use=5 min=100; /a/b use=7; /ab use=9; / use=3");
  const EvictPlan plan = Plan("/a", "alone", 100);
  // The limit's own charges are not protected by its min.
  EXPECT_THAT(Victims(plan), ElementsAre("/a alone 5", "/a/b alone 7"));
  EXPECT_FALSE(plan.satisfied);
}

TEST_F(EvictionTest, NoLimitAndTheRootAreTheSameAndProtectionHolds) {
  tree_.Draw("alone", "/a use=20 min=15; /b use=4 min=9; / use=3");
  for (const char* limit : {"", "/"}) {
    EXPECT_THAT(Victims(Plan(limit, "alone", 100)), ElementsAre("/ alone 3", "/a alone 5"));
  }
}

TEST_F(EvictionTest, ALimitWithoutAPoolGivesNothing) {
  tree_.Draw("gpu0", "/a use=5").Draw("alone", "/b use=5");
  const EvictPlan plan = Plan("/a", "alone", 1);
  EXPECT_THAT(Victims(plan), IsEmpty());
  EXPECT_FALSE(plan.satisfied);
  EXPECT_THAT(plan.blocked_by, IsEmpty());
}

// ---- Levels ----

TEST_F(EvictionTest, AFullDeviceDoesNotBreakAClusterWideGuarantee) {
  tree_.Draw("gpu0", "/a use=10; /b use=4").Draw("gpu1", "/a use=6");
  tree_.Draw("cluster", "/a min=13");
  const EvictPlan plan = Plan("", "gpu0", 12);
  EXPECT_THAT(Victims(plan), ElementsAre("/a gpu0 3", "/b gpu0 4"));
  EXPECT_FALSE(plan.satisfied);
  EXPECT_THAT(Blocked(plan), ElementsAre("/a in cluster uses 13 of 13 min"));
  EXPECT_THAT(Blocked(Plan("", "gpu0", 7)), IsEmpty());
}

TEST_F(EvictionTest, AFullClusterDoesNotBreakAGuaranteeOnADevice) {
  tree_.Draw("gpu0", "/a use=10 min=8").Draw("gpu1", "/a use=6 low=5");
  const EvictPlan never = Plan("", "cluster", 100, IgnoreLow::kNever);
  EXPECT_THAT(Victims(never), ElementsAre("/a gpu0 2", "/a gpu1 1"));
  EXPECT_THAT(Blocked(never),
              ElementsAre("/a in gpu0 uses 8 of 8 min", "/a in gpu1 uses 5 of 5 low"));
  EXPECT_TRUE(never.hit_low);
  // Low at another level opens in tier 2 too.
  const EvictPlan plan = Plan("", "cluster", 100);
  EXPECT_THAT(Victims(plan), ElementsAre("/a gpu0 2", "/a gpu1 1", "/a gpu1 5 tier 2"));
  EXPECT_THAT(Blocked(plan), ElementsAre("/a in gpu0 uses 8 of 8 min"));
}

TEST_F(EvictionTest, TheLevelAskedForIsNeverNamedAsBlocking) {
  tree_.Draw("gpu0", "/a use=10 min=8").Draw("cluster", "/a min=8");
  const EvictPlan plan = Plan("", "gpu0", 100);
  EXPECT_THAT(Victims(plan), ElementsAre("/a gpu0 2"));
  EXPECT_THAT(plan.blocked_by, IsEmpty());
}

TEST_F(EvictionTest, BlockedByIsBoundedAndNamesEachPoolOnce) {
  for (int i = 0; i < 120; ++i) {
    const std::string path = absl::StrCat("/t", i);
    tree_.Draw("gpu0", absl::StrCat(path, " use=2")).Draw("gpu1", absl::StrCat(path, " use=2"));
    tree_.Draw("cluster", absl::StrCat(path, " min=5"));
  }
  EXPECT_EQ(Plan("", "gpu0", 1000).blocked_by.size(), EvictPlan::kBlockedByMax);
}

TEST_F(EvictionTest, VictimsShowTheLevelAskedForBeforeThePlan) {
  tree_.Draw("gpu0", "/a use=10").Draw("gpu1", "/a use=6").Draw("cluster", "/a min=3 low=4");
  const EvictPlan plan = Plan("", "cluster", 1);
  ASSERT_EQ(plan.victims.size(), 1u);
  EXPECT_EQ(plan.victims[0].usage, ByteCount(16));
  EXPECT_EQ(plan.victims[0].emin, ByteCount(3));
  EXPECT_EQ(plan.victims[0].elow, ByteCount(4));
  const EvictPlan device = Plan("", "gpu0", 1);
  ASSERT_EQ(device.victims.size(), 1u);
  EXPECT_EQ(device.victims[0].usage, ByteCount(10));
  EXPECT_EQ(device.victims[0].emin, ByteCount(0));
}

TEST_F(EvictionTest, GoneRegionsAndDyingCgroupsCanBeEvicted) {
  tree_.Draw("gpu0", "/a use=10; /b use=4").Draw("gpu1", "/c use=3 min=3");
  const uint64_t id = tree_.state().cgroups[tree_.CgroupOf("/b")].id;
  const uint64_t gpu0 = tree_.state().regions[tree_.RegionOf("gpu0")].id;
  tree_.Delete("/b").Unregister("gpu0");
  EXPECT_THAT(Victims(Plan("", "cluster", 100)),
              ElementsAre(absl::StrCat("/a gpu0@", gpu0, " 10"),
                          absl::StrCat("@", id, " gpu0@", gpu0, " 4")));
}

// ---- Charges ----

TEST_F(EvictionTest, ChargesAreListedNewestFirstTheLastInPart) {
  tree_.Draw("alone", "/a use=5,6,0,7 low=4");
  EvictRequest request = Request("", "alone", 10);
  request.list_charges = true;
  EvictPlan plan = Plan(request);
  ASSERT_EQ(plan.victims.size(), 1u);
  EXPECT_THAT(Charges(plan.victims[0]), ElementsAre("charge-4 7/7", "charge-2 3/6"));
  request.list_charges = false;
  EXPECT_THAT(Plan(request).victims[0].charges, IsEmpty());
  // Tier 2 goes on within the charge that tier 1 ended in.
  request.list_charges = true;
  request.bytes_needed = ByteCount(17);
  plan = Plan(request);
  ASSERT_EQ(plan.victims.size(), 2u);
  EXPECT_THAT(Charges(plan.victims[0]),
              ElementsAre("charge-4 7/7", "charge-2 6/6", "charge-1 1/5"));
  EXPECT_THAT(Charges(plan.victims[1]), ElementsAre("charge-1 3/5"));
}

TEST_F(EvictionTest, WholeChargesThatDoNotFitAboveProtectionAreLeftOut) {
  tree_.Draw("alone", "/a use=3,9,2 min=8");
  EvictRequest request = Request("", "alone", 5);
  request.whole_charges = true;
  // 6 above min: 2 fits, 9 does not, 3 does.
  const EvictPlan plan = Plan(request);
  ASSERT_EQ(plan.victims.size(), 1u);
  EXPECT_THAT(Charges(plan.victims[0]), ElementsAre("charge-3 2/2", "charge-1 3/3"));
  EXPECT_TRUE(plan.satisfied);
}

TEST_F(EvictionTest, WholeChargesMayGiveMoreThanIsNeeded) {
  tree_.Draw("alone", "/a use=8,8");
  EvictRequest request = Request("", "alone", 9);
  request.whole_charges = true;
  EXPECT_EQ(Plan(request).total, ByteCount(16));
  request.bytes_needed = ByteCount(8);
  EXPECT_EQ(Plan(request).total, ByteCount(8));
}

TEST_F(EvictionTest, VictimsThatTheSumDoesNotNeedAreDroppedHighestPriorityFirst) {
  // In order: /a gives 2, /b 3, /c 7. Of 12 bytes 7 are needed: /c stays, as 5 are too few without
  // it; then /b goes, and /a.
  tree_.Draw("alone", "/a use=2 priority=-2; /b use=3 priority=-1; /c use=7");
  EvictRequest request = Request("", "alone", 7);
  request.whole_charges = true;
  EXPECT_THAT(Victims(Plan(request)), ElementsAre("/c alone 7"));
  request.bytes_needed = ByteCount(8);
  EXPECT_THAT(Victims(Plan(request)), ElementsAre("/a alone 2", "/c alone 7"));
}

TEST_F(EvictionTest, NothingNeededIsSatisfiedByNothing) {
  tree_.Draw("alone", "/a use=2");
  const EvictPlan plan = Plan("", "alone", 0);
  EXPECT_THAT(Victims(plan), IsEmpty());
  EXPECT_TRUE(plan.satisfied);
}

TEST_F(EvictionTest, RealSizesDoNotWrap) {
  // The tenant's 40 GiB float over its jobs' 60 GiB. Products pass 2^64.
  tree_.Draw("alone", "/p min=40Gi; /p/a use=30Gi; /p/b use=30Gi");
  const EvictPlan plan = Plan("", "alone", SizeOf("60Gi").value());
  EXPECT_EQ(plan.total, SizeOf("20Gi"));
  EXPECT_FALSE(plan.satisfied);
}

}  // namespace
}  // namespace dmem
