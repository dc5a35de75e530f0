// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/protection.h"

#include <algorithm>
#include <cstdint>
#include <ostream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/testing/tree.h"
#include "gtest/gtest.h"

namespace dmem {

std::ostream& operator<<(std::ostream& out, ByteCount bytes) { return out << bytes.value(); }

std::ostream& operator<<(std::ostream& out, EvictDecision decision) {
  switch (decision) {
    case EvictDecision::kMayEvict:
      return out << "MAY_EVICT";
    case EvictDecision::kProtectedByLow:
      return out << "PROTECTED_BY_LOW";
    case EvictDecision::kProtectedByMin:
      return out << "PROTECTED_BY_MIN";
    case EvictDecision::kOutside:
      return out << "OUTSIDE";
  }
  return out;
}

namespace {

class ProtectionTest : public ::testing::Test {
 protected:
  ProtectionTest() { tree_.Region("r"); }

  EffectiveProtection Protection(absl::string_view path, absl::string_view limit = "/") {
    return ProtectionOf(tree_.state(), tree_.PoolOf(path, "r"), tree_.CgroupOf(limit));
  }
  uint64_t Emin(absl::string_view path, absl::string_view limit = "/") {
    return Protection(path, limit).emin.value();
  }
  uint64_t Elow(absl::string_view path, absl::string_view limit = "/") {
    return Protection(path, limit).elow.value();
  }
  // `limit` empty: none.
  EvictDecision Ask(absl::string_view limit, absl::string_view cgroup, bool ignore_low = false) {
    return EvictValuable(tree_.state(), limit.empty() ? kNone : tree_.CgroupOf(limit),
                         tree_.CgroupOf(cgroup), tree_.RegionOf("r"), ignore_low)
        .decision;
  }

  TestTree tree_;
};

// ---- Where 64 bits wrap: the table of the conformance description, 5.1 ----

// /p holds `parent_min`; its two jobs want and use the same each.
struct TwoJobs {
  std::string parent, job_min, job_use;
  uint64_t emin_of_job;
};

TEST(ProtectionTableTest, TwoEqualJobsShareTheirTenantsMinAtRealSizes) {
  const TwoJobs cases[] = {
      {"min=40Gi", "40Gi", "30Gi", 21474836480},               // The kernel: 0.
      {"min=59Gi", "40Gi", "30Gi", 31675383808},               // 178956970.
      {"min=8Gi", "6Gi", "6Gi", 4294967296},                   // 0.
      {"min=4Gi", "6Gi", "6Gi", 2147483648},                   // 715827882.
      {"min=12Gi", "6Gi", "6Gi", 6442450944},                  // Claims fit exactly.
      {"min=12884897792", "6Gi", "6Gi", 6442448896},           // 715825834.
      {"min=2251799813685247", "0", "8Gi", 1125899906842623},  // 1073741823.
      {"min=max", "0", "8Gi", (uint64_t{1} << 62) - 1},        // Our own unlimited, halved.
  };
  for (const TwoJobs& c : cases) {
    SCOPED_TRACE(absl::StrCat("/p ", c.parent, ", jobs min=", c.job_min, " use=", c.job_use));
    TestTree tree;
    tree.Region("r").Draw(
        "r", absl::StrCat("/p ", c.parent, "; /p/a min=", c.job_min, " use=", c.job_use,
                          "; /p/b min=", c.job_min, " use=", c.job_use));
    for (const char* job : {"/p/a", "/p/b"}) {
      const Index pool = tree.PoolOf(job, "r");
      EXPECT_EQ(ProtectionOf(tree.state(), pool, kRootCgroup).emin.value(), c.emin_of_job) << job;
      EXPECT_EQ(ProtectionOf(tree.state(), pool, kRootCgroup).elow.value(), 0u) << job;
    }
  }
}

TEST_F(ProtectionTest, FloatingLowIsExactAtRealSizes) {
  tree_.Draw("r", "/q low=12Gi; /q/c use=12Gi; /q/d use=3Gi");
  EXPECT_EQ(Elow("/q/c"), 10307921510u);  // The kernel: 0.
  EXPECT_EQ(Elow("/q/d"), 2576980377u);   // 286331153.
}

TEST_F(ProtectionTest, AnOnlyJobBelowItsTenantsMinIsNotEvictable) {
  tree_.Draw("r", "/s min=5Gi; /s/x use=5368705024");
  EXPECT_EQ(Emin("/s/x"), 5368709120u);  // The kernel: 1932732661, and evictable.
  EXPECT_EQ(Ask("", "/s/x", /*ignore_low=*/true), EvictDecision::kProtectedByMin);
}

TEST_F(ProtectionTest, DoublePrecisionWouldBeOneByteShort) {
  // The description's section 4: 2 GiB of claims of 98 GiB, of 49 GiB.
  tree_.Draw("r", "/p min=49Gi; /p/a min=2Gi use=2Gi; /p/b min=96Gi use=96Gi");
  EXPECT_EQ(Emin("/p/a"), 1073741824u);
}

// ---- The rules, one by one ----

TEST_F(ProtectionTest, FirstLevelHasItsSettingsWhateverIsUsed) {
  tree_.Draw("r", "/a min=10 low=7 use=3; /b min=1000 low=2000 use=3");
  EXPECT_EQ(Emin("/a"), 10u);
  EXPECT_EQ(Elow("/a"), 7u);
  EXPECT_EQ(Emin("/b"), 1000u);
  EXPECT_EQ(Elow("/b"), 2000u);
}

TEST_F(ProtectionTest, OvercommittedClaimsShareInProportionToWhatIsUsed) {
  // Claims 60 and 20 of 40: floor(60*40/80), floor(20*40/80). /p/idle claims nothing.
  tree_.Draw("r", "/p min=40; /p/a min=60 use=80; /p/b min=100 use=20; /p/idle min=1000; /p use=7");
  EXPECT_EQ(Emin("/p/a"), 30u);
  EXPECT_EQ(Emin("/p/b"), 10u);
  EXPECT_EQ(Emin("/p/idle"), 0u);
}

TEST_F(ProtectionTest, SharesAreRoundedDown) {
  tree_.Draw("r", "/p min=10; /p/a min=10 use=10; /p/b min=10 use=10; /p/c min=10 use=10");
  EXPECT_EQ(Emin("/p/a"), 3u);
}

TEST_F(ProtectionTest, WhatNobodyClaimsFloatsToUnprotectedUsage) {
  // 100 - 30 claimed = 70 float, over U - S = 200 - 30 = 170 unprotected bytes, of which a has 90,
  // b 50 and /p itself 30, which nobody gets: 30 + floor(70*90/170) and floor(70*50/170).
  tree_.Draw("r", "/p min=100 use=30; /p/a min=30 use=120; /p/b use=50");
  EXPECT_EQ(Emin("/p/a"), 30u + 37u);
  EXPECT_EQ(Emin("/p/b"), 20u);
}

TEST_F(ProtectionTest, ProtectionCanExceedUsageButNotTheParents) {
  tree_.Draw("r", "/p min=100; /p/a use=10; /p/b use=30");
  EXPECT_EQ(Emin("/p/a"), 25u);
  EXPECT_EQ(Emin("/p/b"), 75u);
}

TEST_F(ProtectionTest, MinAndLowAreSeparateAndLowMayBeSmaller) {
  tree_.Draw("r", "/p min=100 low=10; /p/a min=5 low=50 use=50; /p/b use=50");
  EXPECT_EQ(Emin("/p/a"), 5u + 45u);  // 95 float over 95 unprotected: 5 + 45, and 50.
  EXPECT_EQ(Elow("/p/a"), 10u);
  EXPECT_EQ(Elow("/p/b"), 0u);
}

TEST_F(ProtectionTest, TheLimitsOwnSettingsAndThoseAboveItDoNotMatter) {
  tree_.Draw("r", "/a min=4; /a/b min=20 use=10; /a/b/c min=8 use=8");
  EXPECT_EQ(Emin("/a/b", "/"), 4u);
  EXPECT_EQ(Emin("/a/b", "/a"), 20u);
  EXPECT_EQ(Emin("/a/b/c", "/a/b"), 8u);
  EXPECT_EQ(Emin("/a/b/c", "/a/b/c"), 0u);
  EXPECT_EQ(Elow("/", "/"), 0u);
}

TEST_F(ProtectionTest, DyingSiblingsClaimNothingAndTakeTheirUsageShare) {
  tree_.Draw("r", "/p min=30; /p/a use=40; /p/b min=20 use=20");
  EXPECT_EQ(Emin("/p/a"), 10u);  // What /p/b does not claim.
  EXPECT_EQ(Emin("/p/b"), 20u);
  const uint64_t id = tree_.state().cgroups[tree_.CgroupOf("/p/b")].id;
  tree_.Delete("/p/b");
  EXPECT_EQ(Emin("/p/a"), 20u);  // 30 float over 60 unprotected bytes.
  EXPECT_EQ(Emin(absl::StrCat("@", id)), 10u);
}

// ---- The evict decision: order of the conformance description, 3.6 ----

struct Question {
  std::string limit, cgroup;
  bool ignore_low;
  EvictDecision decision;
};

TEST_F(ProtectionTest, TheEvictDecisionIsMadeInTheKernelsOrder) {
  tree_.Draw("r", R"(
      /p min=4 low=2;   /p/min  min=10 low=20 use=8;
      /p/low low=30 use=20;
      /p/over min=5 low=6 use=7;
      /p/inverted min=6 low=3 use=7;
      /p/empty min=5;
      /q use=1; / use=1)");
  const EvictDecision kYes = EvictDecision::kMayEvict;
  const EvictDecision kLow = EvictDecision::kProtectedByLow;
  const EvictDecision kMin = EvictDecision::kProtectedByMin;
  const EvictDecision kOutside = EvictDecision::kOutside;
  const Question cases[] = {
      // 1: the limit itself, also where it is empty or protected.
      {"/p/min", "/p/min", false, kYes},
      {"/p/empty", "/p/empty", false, kYes},
      // 2: the root as limit, whatever is protected, and before 3: also itself.
      {"/", "/p/min", false, kYes},
      {"/", "/p/empty", false, kYes},
      {"/", "/", false, kYes},
      // 3: not below.
      {"/p", "/q", true, kOutside},
      {"/q", "/p/over", true, kOutside},
      {"/p/over", "/p", true, kOutside},
      {"/p", "/", true, kOutside},
      // 5, 6: usage within emin; usage 0 is.
      {"/p", "/p/min", false, kMin},
      {"/p", "/p/min", true, kMin},
      {"/p", "/p/empty", true, kMin},
      {"", "/p/empty", true, kMin},
      // 7 and 9: within elow.
      {"/p", "/p/low", false, kLow},
      {"/p", "/p/low", true, kYes},
      // 8: above both, also where elow is the smaller.
      {"/p", "/p/over", false, kYes},
      {"/p", "/p/inverted", false, kYes},
      // 4: none is from the root, and there protection holds: /p has 4 and 2 only.
      {"", "/p", false, kYes},
      {"", "/p/min", false, kYes},
      {"", "/q", false, kYes},
      {"", "/", false, kYes},
  };
  for (const Question& c : cases) {
    SCOPED_TRACE(
        absl::StrCat("limit \"", c.limit, "\", ", c.cgroup, c.ignore_low ? ", again" : ""));
    EXPECT_EQ(Ask(c.limit, c.cgroup, c.ignore_low), c.decision);
  }
}

TEST_F(ProtectionTest, UsageEqualToProtectionIsProtected) {
  tree_.Draw("r", "/a min=5 use=5; /b low=5 use=5; /c min=4 low=4 use=5");
  EXPECT_EQ(Ask("", "/a", true), EvictDecision::kProtectedByMin);
  EXPECT_EQ(Ask("", "/b"), EvictDecision::kProtectedByLow);
  EXPECT_EQ(Ask("", "/c"), EvictDecision::kMayEvict);
}

TEST_F(ProtectionTest, APoolNeverMadeIsEmpty) {
  tree_.Region("other").Draw("other", "/a use=1; /a/b use=1");
  EXPECT_EQ(Ask("", "/a/b", true), EvictDecision::kProtectedByMin);
  EXPECT_EQ(Ask("/a", "/a/b", true), EvictDecision::kProtectedByMin);
  EXPECT_EQ(Ask("/a", "/a"), EvictDecision::kMayEvict);
}

TEST_F(ProtectionTest, TheAnswerCarriesTheNumbersItWasDecidedBy) {
  tree_.Draw("r", "/p; /p/a min=5 low=9 use=7");
  const EvictAnswer answer =
      EvictValuable(tree_.state(), tree_.CgroupOf("/p"), tree_.CgroupOf("/p/a"),
                    tree_.RegionOf("r"), /*ignore_low=*/false);
  EXPECT_EQ(answer.decision, EvictDecision::kProtectedByLow);
  EXPECT_EQ(answer.usage, ByteCount(7));
  EXPECT_EQ(answer.protection.emin, ByteCount(5));
  EXPECT_EQ(answer.protection.elow, ByteCount(9));
}

TEST_F(ProtectionTest, AGroupIsAskedLikeARegion) {
  TestTree tree;
  tree.Group("g").Region("r1", "g").Region("r2", "g");
  tree.Draw("g", "/a min=10").Draw("r1", "/a use=6").Draw("r2", "/a use=4");
  const auto ask = [&](absl::string_view region) {
    return EvictValuable(tree.state(), kNone, tree.CgroupOf("/a"), tree.RegionOf(region), true)
        .decision;
  };
  EXPECT_EQ(ask("g"), EvictDecision::kProtectedByMin);
  EXPECT_EQ(ask("r1"), EvictDecision::kMayEvict);
}

// ---- Against a naive model ----

// A cgroup tree in arrays; everything is recomputed from the bytes charged.
struct Model {
  struct Node {
    int parent = 0;  // Of the root: itself.
    std::string name;
    uint64_t own = 0, min = 0, low = 0;
  };
  std::vector<Node> nodes;

  using Wide = unsigned __int128;

  bool IsAtOrBelow(int node, int ancestor) const {
    while (node != ancestor && node != 0) node = nodes[node].parent;
    return node == ancestor;
  }
  Wide Usage(int node) const {
    Wide sum = 0;
    for (size_t i = 0; i < nodes.size(); ++i) {
      if (IsAtOrBelow(static_cast<int>(i), node)) sum += nodes[i].own;
    }
    return sum;
  }
  Wide Claim(int node, uint64_t Node::*setting) const {
    return std::min<Wide>(Usage(node), nodes[node].*setting);
  }
  Wide Effective(int node, int limit, uint64_t Node::*setting) const {
    if (node == limit) return 0;
    const int parent = nodes[node].parent;
    if (parent == limit) return nodes[node].*setting;
    const Wide available = Effective(parent, limit, setting);
    Wide claimed = 0;
    for (size_t i = 1; i < nodes.size(); ++i) {
      if (nodes[i].parent == parent) claimed += Claim(static_cast<int>(i), setting);
    }
    const Wide claim = Claim(node, setting);
    if (claimed > available) return claim * available / claimed;
    const Wide shared_by = Usage(parent) - claimed;
    if (available > claimed && shared_by > 0 && Usage(node) > claim) {
      return claim + (available - claimed) * (Usage(node) - claim) / shared_by;
    }
    return claim;
  }
};

class RandomTree {
 public:
  RandomTree(uint64_t seed, bool large) : random_(seed), large_(large) {
    model.nodes.push_back({0, "/", 0, 0, 0});
    tree.Region("r");
    const int size = 2 + Below(20);
    for (int i = 1; i < size; ++i) AddNode(i);
    DeleteSome();
  }

  Model model;
  TestTree tree;

 private:
  uint64_t Below(uint64_t n) { return random_() % n; }
  // Up to 64 of them sum to less than 2^63.
  uint64_t Amount() {
    if (Below(4) == 0) return 0;
    if (!large_) return Below(50);
    return (random_() >> (7 + Below(40))) & ~(Below(2) == 0 ? uint64_t{0} : uint64_t{4095});
  }

  void AddNode(int i) {
    Model::Node node;
    node.parent = static_cast<int>(Below(3) == 0 ? i - 1 : Below(i));
    const std::string& above = model.nodes[node.parent].name;
    node.name = absl::StrCat(above == "/" ? "" : above, "/", i);
    node.own = Amount();
    node.min = Below(16) == 0 ? kUnlimited.value() : Amount();
    node.low = Amount();
    tree.Draw("r", absl::StrCat(node.name, " min=", node.min, " use=", node.own / 3, ",",
                                node.own - node.own / 3, " low=", node.low));
    model.nodes.push_back(std::move(node));
  }

  void DeleteSome() {
    for (size_t i = 1; i < model.nodes.size(); ++i) {
      Model::Node& node = model.nodes[i];
      const bool is_leaf =
          std::none_of(model.nodes.begin(), model.nodes.end(), [&](const Model::Node& other) {
            return &other != &node && other.parent == static_cast<int>(i);
          });
      if (!is_leaf || Below(6) != 0) continue;
      const std::string path = node.name;
      node.name = absl::StrCat("@", tree.state().cgroups[tree.CgroupOf(path)].id);
      node.min = node.low = 0;
      tree.Delete(path);
    }
  }

  std::mt19937_64 random_;
  const bool large_;
};

void ExpectAgreesWithModel(uint64_t seed, bool large) {
  SCOPED_TRACE(absl::StrCat("seed ", seed, large ? ", large" : ", small"));
  RandomTree random(seed, large);
  const Model& model = random.model;
  const State& state = random.tree.state();
  for (int limit = 0; limit < static_cast<int>(model.nodes.size()); ++limit) {
    for (int node = 0; node < static_cast<int>(model.nodes.size()); ++node) {
      if (!model.IsAtOrBelow(node, limit)) continue;
      const Index pool = random.tree.PoolOf(model.nodes[node].name, "r");
      ASSERT_EQ(state.pools[pool].counter.usage.value(), model.Usage(node));
      const EffectiveProtection protection =
          ProtectionOf(state, pool, random.tree.CgroupOf(model.nodes[limit].name));
      ASSERT_TRUE(protection.emin.value() == model.Effective(node, limit, &Model::Node::min) &&
                  protection.elow.value() == model.Effective(node, limit, &Model::Node::low))
          << model.nodes[node].name << " relative to " << model.nodes[limit].name << ": "
          << protection.emin << " and " << protection.elow;
    }
  }
}

TEST(ProtectionModelTest, RandomSmallTreesAgreeWithANaiveModel) {
  for (uint64_t seed = 1; seed <= 300; ++seed) ExpectAgreesWithModel(seed, /*large=*/false);
}

TEST(ProtectionModelTest, RandomLargeTreesAgreeWithANaiveModel) {
  for (uint64_t seed = 1; seed <= 300; ++seed) ExpectAgreesWithModel(seed, /*large=*/true);
}

// I5: below the first level, the children's emin (elow) sum to at most the parent's.
TEST(ProtectionModelTest, ChildrenNeverHaveMoreThanTheirParent) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    RandomTree random(seed, seed % 2 == 0);
    const auto& nodes = random.model.nodes;
    const auto protection = [&](int node) {
      return ProtectionOf(random.tree.state(), random.tree.PoolOf(nodes[node].name, "r"),
                          kRootCgroup);
    };
    for (int parent = 1; parent < static_cast<int>(nodes.size()); ++parent) {
      unsigned __int128 emin = 0, elow = 0;
      for (int child = 1; child < static_cast<int>(nodes.size()); ++child) {
        if (nodes[child].parent != parent) continue;
        emin += protection(child).emin.value();
        elow += protection(child).elow.value();
      }
      EXPECT_LE(emin, protection(parent).emin.value()) << nodes[parent].name;
      EXPECT_LE(elow, protection(parent).elow.value()) << nodes[parent].name;
    }
  }
}

}  // namespace
}  // namespace dmem
