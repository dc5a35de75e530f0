// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/planned_state.h"

#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/protection.h"
#include "core/testing/tree.h"
#include "gtest/gtest.h"

namespace dmem {
namespace {

struct Drawn {
  std::string path, limits;
  uint64_t own;
};

// A chain and bushes of pools in "r", up to 12; amounts below `scale`.
std::vector<Drawn> RandomPools(std::mt19937_64* rng, uint64_t scale) {
  std::vector<Drawn> pools;
  std::uniform_int_distribution<uint64_t> amount(0, scale - 1);
  for (int i = 0; i < 12; ++i) {
    const std::string above =
        pools.empty() || (*rng)() % 4 == 0 ? "" : pools[(*rng)() % pools.size()].path;
    pools.push_back(
        {absl::StrCat(above, "/", i),
         absl::StrCat(" min=", (*rng)() % 2 * amount(*rng), " low=", (*rng)() % 2 * amount(*rng)),
         amount(*rng)});
  }
  return pools;
}

void Draw(TestTree* tree, const std::vector<Drawn>& pools) {
  tree->Group("g").Region("r", "g");
  for (const Drawn& pool : pools) {
    tree->Draw("r", absl::StrCat(pool.path, pool.limits, " use=", pool.own));
    tree->Draw("g", absl::StrCat(pool.path, pool.limits));
  }
}

// What is taken on paper gives the numbers of a ledger where it was never charged.
TEST(PlannedStateTest, ProtectionIsThatOfAStateWithoutWhatWasTaken) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    std::mt19937_64 rng(seed);
    std::vector<Drawn> pools = RandomPools(&rng, seed % 2 == 0 ? 30 : uint64_t{1} << 55);
    TestTree before, after;
    Draw(&before, pools);
    PlannedState planned(before.state(), kRootCgroup);
    for (int i = 0; i < 5; ++i) {
      Drawn& pool = pools[rng() % pools.size()];
      const uint64_t bytes = rng() % (pool.own + 1);
      planned.Load(before.PoolOf(pool.path, "r"));
      planned.Evict(ByteCount(bytes));
      pool.own -= bytes;
    }
    Draw(&after, pools);
    for (const Drawn& pool : pools) {
      planned.Load(before.PoolOf(pool.path, "r"));
      ASSERT_EQ(planned.levels(), 2);
      EXPECT_EQ(planned.PoolAt(1), before.PoolOf(pool.path, "g"));
      const EffectiveProtection expected =
          ProtectionOf(after.state(), after.PoolOf(pool.path, "r"), kRootCgroup);
      for (int level = 0; level < 2; ++level) {
        const EffectiveProtection protection = planned.ProtectionAfter(level, ByteCount());
        EXPECT_EQ(protection.emin.value(), expected.emin.value()) << pool.path;
        EXPECT_EQ(protection.elow.value(), expected.elow.value()) << pool.path;
      }
    }
  }
}

// LargestEviction by its definition: from 0 up, the first x without headroom.
TEST(PlannedStateTest, LargestEvictionIsWhereAByteLoopEnds) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    std::mt19937_64 rng(seed);
    const std::vector<Drawn> pools = RandomPools(&rng, seed % 3 == 0 ? 8 : 200);
    TestTree tree;
    Draw(&tree, pools);
    PlannedState planned(tree.state(), kRootCgroup);
    for (const Drawn& pool : pools) {
      planned.Load(tree.PoolOf(pool.path, "r"));
      for (const bool ignore_low : {false, true}) {
        uint64_t x = 0;
        while (x < pool.own && !planned.HeadroomAfter(ByteCount(x), ignore_low).is_zero()) ++x;
        EXPECT_EQ(planned.LargestEviction(ByteCount(pool.own), ignore_low).value(), x) << pool.path;
      }
    }
  }
}

// What the search relies on, where no byte loop could go.
TEST(PlannedStateTest, HeadroomNeverRisesAndFallsByAtMostAByteAByteAtRealSizes) {
  int stopped = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    std::mt19937_64 rng(seed);
    const std::vector<Drawn> pools = RandomPools(&rng, uint64_t{1} << (34 + seed % 25));
    TestTree tree;
    Draw(&tree, pools);
    PlannedState planned(tree.state(), kRootCgroup);
    for (const Drawn& pool : pools) {
      planned.Load(tree.PoolOf(pool.path, "r"));
      const auto headroom = [&](uint64_t x) {
        return planned.HeadroomAfter(ByteCount(x), false).value();
      };
      for (int i = 0; i < 20; ++i) {
        uint64_t less = rng() % (pool.own + 1), more = rng() % (pool.own + 1);
        if (less > more) std::swap(less, more);
        EXPECT_GE(headroom(less), headroom(more));
        EXPECT_LE(headroom(less) - headroom(more), more - less);
      }
      const uint64_t most = planned.LargestEviction(ByteCount(pool.own), false).value();
      EXPECT_TRUE(most == 0 || headroom(most - 1) > 0);
      EXPECT_TRUE(most == pool.own || headroom(most) == 0);
      stopped += most > 0 && most < pool.own;
    }
  }
  EXPECT_GT(stopped, 300);
}

}  // namespace
}  // namespace dmem
