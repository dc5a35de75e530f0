// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The tables and descriptions are tested where commands print them, in dmemctl_*_test.cc.

#include "client/cli/render.h"

#include <gtest/gtest.h>

namespace dmem::client {
namespace {

TEST(RenderTest, AgeHasAtMostTwoUnits) {
  const struct {
    absl::Duration age;
    const char* text;
  } kCases[] = {
      {absl::Seconds(-5), "0s"},
      {absl::ZeroDuration(), "0s"},
      {absl::Milliseconds(1999), "1s"},
      {absl::Seconds(119), "119s"},
      {absl::Minutes(2), "2m"},
      {absl::Seconds(192), "3m12s"},
      {absl::Minutes(10) + absl::Seconds(5), "10m"},
      {absl::Minutes(179), "179m"},
      {absl::Hours(3), "3h"},
      {absl::Hours(5) + absl::Minutes(12), "5h12m"},
      {absl::Hours(47), "47h"},
      {absl::Hours(48), "2d"},
      {absl::Hours(76), "3d4h"},
      {absl::Hours(24 * 40), "40d"},
      {absl::Hours(24 * 365 * 3), "3y"},
  };
  for (const auto& c : kCases) EXPECT_EQ(Age(c.age), c.text) << c.age;
}

TEST(RenderTest, BytesOfAChargeSaturate) {
  v1::Charge charge;
  for (int i = 0; i < 3; ++i) charge.add_items()->set_bytes(9223372036854775806u);
  Repeated<v1::Charge> charges;
  *charges.Add() = charge;
  EXPECT_EQ(ChargeTable(charges, absl::UnixEpoch()).Render(false),
            "<none>  held  max  3  <none>  <none>  <none>  0s\n");
}

}  // namespace
}  // namespace dmem::client
