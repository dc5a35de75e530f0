// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "bench/replay/usage_trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace dmem::replay {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::StatusOr<UsageTrace> Read(const std::string& rows) {
  const std::string path = ::testing::TempDir() + "/usage_trace_test.csv";
  std::ofstream(path) << "timestamp_s,used_bytes,container\n" << rows;
  return ReadUsageTrace(path);
}

TEST(UsageTraceTest, ContainersAreSortedAndSamplesKeepFileOrder) {
  const auto trace = Read("3,10,zeta\n1,20,alpha\n2,0,zeta\n");
  ASSERT_TRUE(trace.ok()) << trace.status();
  EXPECT_THAT(trace->containers, ElementsAre("alpha", "zeta"));
  ASSERT_EQ(trace->samples.size(), 3u);
  EXPECT_EQ(trace->samples[0].container, 1u);
  EXPECT_EQ(trace->samples[0].bytes, 10u);
  EXPECT_EQ(trace->samples[1].container, 0u);
  EXPECT_EQ(trace->samples[2].bytes, 0u);
  EXPECT_EQ(trace->samples[2].line, 4u);
}

TEST(UsageTraceTest, BadSamplesAreErrorsThatNameLineAndColumn) {
  EXPECT_THAT(std::string(Read("1,1,a\n2,-5,a\n").status().message()),
              HasSubstr("csv:3: column \"used_bytes\": \"-5\""));
  EXPECT_THAT(std::string(Read("1,1,\n").status().message()),
              HasSubstr("csv:2: column \"container\": is empty"));
}

}  // namespace
}  // namespace dmem::replay
