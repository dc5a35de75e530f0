// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/books/charge_ids.h"

#include <gtest/gtest.h>

#include <string>

namespace dmem::client {
namespace {

TEST(ChargeIdsTest, LongNamesMakeBasesThatAreShortAndDifferent) {
  const std::string long_a(200, 'a'), long_b(200, 'b');
  EXPECT_EQ(PodIdBase("u1", "gpu0"), "pod/u1/gpu0");
  EXPECT_LE(PodIdBase("u1", long_a).size(), 108u);
  EXPECT_NE(PodIdBase("u1", long_a), PodIdBase("u1", long_b));
  EXPECT_NE(PodIdBase("u1", long_a), PodIdBase("u2", long_a));
  EXPECT_NE(HostIdBase("u1", long_a), PodIdBase("u1", long_a));
  EXPECT_EQ(PodIdBase("u1"), "pod/u1");
  EXPECT_LE(PodIdBase(long_a).size(), 108u);
  EXPECT_NE(PodIdBase(long_a), PodIdBase(long_b));
}

TEST(ChargeIdsTest, TildeOfANameIsNotTakenForTheEndOfTheBase) {
  EXPECT_EQ(PodIdBase("u1", "gpu~0").find('~'), std::string::npos);
}

TEST(ChargeIdsTest, IdsOfTwoMomentsDiffer) {
  EXPECT_EQ(ChargeIdAt("pod/u1/gpu0", absl::FromUnixMicros(31)), "pod/u1/gpu0~1f");
  EXPECT_LE(ChargeIdAt(std::string(108, 'a'), absl::FromUnixMicros(INT64_MAX)).size(), 128u);
}

}  // namespace
}  // namespace dmem::client
