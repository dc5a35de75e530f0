// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include <cstdio>

#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "tests/crash/crash_run.h"
#include "tests/crash/power_cut_victim.h"
#include "tests/crash/report.h"

namespace dmem::crash {
namespace {

CrashRunOptions Options(int cuts) {
  CrashRunOptions options;
  options.crashes = cuts;
  options.seed = static_cast<uint64_t>(absl::GetCurrentTimeNanos());
  options.between = absl::Milliseconds(300);
  return options;
}

TEST(PowerCutTest, NothingAcknowledgedIsLostOrDoubledInTwentyCuts) {
  PowerCutVictim victim(/*sync=*/true);
  const CrashRunOptions options = Options(20);
  const CrashReport report = RunCrashes(victim, options);
  std::printf("%s\n", Summary(report, "cuts").c_str());
  EXPECT_TRUE(report.violations.empty()) << "seed " << options.seed << "\n"
                                         << absl::StrJoin(report.violations.texts(), "\n");
  EXPECT_EQ(report.crashes, 20);
  EXPECT_GT(report.stats.settled, 20u);
  EXPECT_GT(report.stats.acknowledged, 500u);
}

// The canary: without syncs the same cuts must be found out, or the test above proves nothing.
TEST(PowerCutTest, WithoutSyncsTheLossIsFoundOut) {
  PowerCutVictim victim(/*sync=*/false);
  const CrashRunOptions options = Options(20);
  const CrashReport report = RunCrashes(victim, options);
  std::printf("%s\n", Summary(report, "cuts").c_str());
  EXPECT_FALSE(report.violations.empty()) << "seed " << options.seed;
  EXPECT_LE(report.crashes, 10) << "seed " << options.seed;
}

}  // namespace
}  // namespace dmem::crash
