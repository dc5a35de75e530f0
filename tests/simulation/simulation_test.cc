// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/simulation/simulation.h"

#include "absl/strings/str_join.h"
#include "gtest/gtest.h"

namespace dmem::simulation {
namespace {

constexpr uint64_t kSeeds = 2000;

TEST(SimulationTest, OneSeedIsOneRun) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    Options options;
    options.seed = seed;
    const Result once = Simulate(options), again = Simulate(options);
    EXPECT_EQ(once.trace_hash, again.trace_hash) << "seed " << seed;
    EXPECT_EQ(once.counts.ToString(), again.counts.ToString()) << "seed " << seed;
    options.seed = seed + 1;
    EXPECT_NE(once.trace_hash, Simulate(options).trace_hash) << "seed " << seed;
  }
}

TEST(SimulationTest, HistoryIsLinearizableAndNothingAcknowledgedIsLost) {
  Counts counts;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Options options;
    options.seed = seed;
    const Result result = Simulate(options);
    counts.Add(result.counts);
    ASSERT_EQ(result.violation, "")
        << absl::StrJoin(result.trace, "\n")
        << "\nagain: bazel run //tests/simulation -- --seeds=1 --verbose --seed=" << seed;
  }
  RecordProperty("counts", counts.ToString());
  SCOPED_TRACE(counts.ToString());
  // What did not happen was not tried.
  EXPECT_GT(counts.power_cuts, 500U);
  EXPECT_GT(counts.restarts, 500U);
  EXPECT_GT(counts.failed_appends, 100U);
  EXPECT_GT(counts.kept_failed_appends, 50U);
  EXPECT_GT(counts.checkpoints, 500U);
  EXPECT_GT(counts.failed_checkpoints, 20U);
  EXPECT_GT(counts.deaths, 500U);
  EXPECT_GT(counts.lost_requests, 500U);
  EXPECT_GT(counts.lost_answers, 500U);
  EXPECT_GT(counts.duplicates, 500U);
  EXPECT_GT(counts.slow_messages, 500U);
  EXPECT_GT(counts.timeouts, 100U);
  EXPECT_GT(counts.replayed, 500U);
  EXPECT_GT(counts.refused, 500U);
  EXPECT_GT(counts.taken_back, 100U);
  EXPECT_GT(counts.kept_unanswered, 100U);
  EXPECT_GT(counts.reads, 1000U);
}

}  // namespace
}  // namespace dmem::simulation
