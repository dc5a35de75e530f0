// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include <cstdio>

#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "tests/crash/crash_run.h"
#include "tests/crash/dmemd_victim.h"
#include "tests/crash/report.h"

namespace dmem::crash {
namespace {

TEST(TortureTest, NothingAcknowledgedIsLostOrDoubledInTwentyKills) {
  DmemdVictim victim("server/dmemd");
  CrashRunOptions options;
  options.seed = static_cast<uint64_t>(absl::GetCurrentTimeNanos());
  const CrashReport report = RunCrashes(victim, options);
  std::printf("%s\n", Summary(report, "kills").c_str());
  EXPECT_TRUE(report.violations.empty()) << "seed " << options.seed << "\n"
                                         << absl::StrJoin(report.violations.texts(), "\n");
  EXPECT_EQ(report.crashes, 20);
  // That they were kills of a server at work: calls were under way at most of them.
  EXPECT_GT(report.stats.settled, 20u);
  EXPECT_GT(report.stats.acknowledged, 1000u);
  EXPECT_GT(report.stats.refused, 20u);
}

// The canary: a server that forgets must be found out, at its first kill.
TEST(TortureTest, ServerThatForgetsIsFoundOut) {
  DmemdVictim victim("server/dmemd", "memory");
  CrashRunOptions options;
  options.crashes = 5;
  const CrashReport report = RunCrashes(victim, options);
  EXPECT_GT(report.violations.lost(), 0u) << Summary(report, "kills");
  EXPECT_EQ(report.crashes, 1);
}

}  // namespace
}  // namespace dmem::crash
