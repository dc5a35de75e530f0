// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/when.h"

#include <gtest/gtest.h>

namespace dmem::client {
namespace {

// 2023-11-14T22:13:20Z.
const absl::Time kNow = absl::FromUnixSeconds(1700000000);

TEST(WhenTest, ATimeIsReadAsPeopleTypeIt) {
  const struct {
    const char* text;
    const char* time;
  } kCases[] = {
      {"22:13", "2023-11-14T22:13:00.000000Z"},
      {"22:13:20", "2023-11-14T22:13:20.000000Z"},
      // Later than now: it was so late yesterday.
      {"22:13:21", "2023-11-13T22:13:21.000000Z"},
      {"23:00", "2023-11-13T23:00:00.000000Z"},
      {"2023-11-01", "2023-11-01T00:00:00.000000Z"},
      {"2023-11-01T14:02", "2023-11-01T14:02:00.000000Z"},
      {"2023-11-01 14:02", "2023-11-01T14:02:00.000000Z"},
      {"2023-11-01T14:02:03.25", "2023-11-01T14:02:03.250000Z"},
      {"2023-11-01T14:02:03Z", "2023-11-01T14:02:03.000000Z"},
      {"2023-11-01T14:02:03.000001+02:00", "2023-11-01T12:02:03.000001Z"},
      {"90s", "2023-11-14T22:11:50.000000Z"},
      {"24h", "2023-11-13T22:13:20.000000Z"},
      {"0", "2023-11-14T22:13:20.000000Z"},
  };
  for (const auto& c : kCases) {
    const absl::StatusOr<absl::Time> time = ParseWhen(c.text, kNow);
    ASSERT_TRUE(time.ok()) << c.text << ": " << time.status();
    EXPECT_EQ(FormatWhen(*time), c.time) << c.text;
    EXPECT_EQ(FromProto(ToProto(*time)), *time) << c.text;
  }
}

TEST(WhenTest, WhatIsNoTimeIsRefused) {
  for (const char* text : {"", "noon", "25:00", "-5m", "2023-13-01", "14"}) {
    const absl::StatusOr<absl::Time> time = ParseWhen(text, kNow);
    ASSERT_FALSE(time.ok()) << text;
    EXPECT_TRUE(absl::IsInvalidArgument(time.status()));
  }
}

TEST(WhenTest, TimesBefore1970AreRoundedToTheirMicrosecond) {
  const absl::Time time = absl::FromUnixMicros(-1);
  EXPECT_EQ(ToProto(time).seconds(), -1);
  EXPECT_EQ(ToProto(time).nanos(), 999999000);
}

}  // namespace
}  // namespace dmem::client
