// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// All agents come back at once to a dmemd that was killed. DMEMD_DEEP=1 in the environment: 10,000
// of them, and within 30 seconds.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "tests/storm/storm_run.h"

namespace dmem::storm {
namespace {

TEST(StormTest, AfterAllAgentsCameBackAtOnceEveryChargeIsThereOnceAndNoSessionHasExpired) {
  const bool is_deep = std::getenv("DMEMD_DEEP") != nullptr;
  StormOptions options;
  if (!is_deep) {
    options.sessions = 200;
    options.session_ttl = absl::Seconds(10);  // The shortest that there is.
  }
  const StormReport report = RunStorm(options);
  EXPECT_THAT(report.violations, ::testing::IsEmpty());
  EXPECT_GE(report.keep_alives, static_cast<uint64_t>(options.sessions));
  std::printf("%d sessions on %d connections: reconciled after %.2f s\n", options.sessions,
              report.connections, absl::ToDoubleSeconds(report.until_reconciled));
  if (is_deep) {
    EXPECT_LE(report.until_reconciled, absl::Seconds(30));
  }
}

}  // namespace
}  // namespace dmem::storm
