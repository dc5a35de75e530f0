// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/charge_target.h"

#include "core/testing/ledger_test_base.h"
#include "gtest/gtest.h"

namespace dmem {
namespace {

class ChargeTargetTest : public LedgerTest {
 protected:
  std::string Refusal(absl::string_view region) {
    return ReasonOf(CheckTakesCharges(state(), state().FindRegion(region), region));
  }
};

TEST_F(ChargeTargetTest, ARegionTakesChargesUnlessItIsCordonedOrGone) {
  ASSERT_TRUE(Register("gpu0", 100).ok());
  EXPECT_EQ(Refusal("gpu0"), "");
  ASSERT_TRUE(ledger_.Cordon({Tick(), "gpu0", true}).ok());
  EXPECT_EQ(Refusal("gpu0"), "REGION_CORDONED");
  ASSERT_TRUE(ledger_.Cordon({Tick(), "gpu0", false}).ok());
  EXPECT_EQ(Refusal("gpu0"), "");
  ASSERT_TRUE(Charge("c", {{"/a", "gpu0", B(1), absl::nullopt}}).ok());
  ASSERT_TRUE(ledger_.Cordon({Tick(), "gpu0", true}).ok());
  ASSERT_TRUE(ledger_.Unregister({Tick(), "gpu0", false}).ok());
  EXPECT_EQ(Refusal("gpu0@1"), "REGION_GONE");
}

TEST_F(ChargeTargetTest, TheNearestCgroupIsWhereTheMissingOnesWouldBeMade) {
  ASSERT_TRUE(Create("/a").ok());
  const auto there = FindNearestCgroup(state(), "/a");
  ASSERT_TRUE(there.ok());
  EXPECT_EQ(there->cgroup, state().FindCgroup("/a"));
  EXPECT_EQ(there->missing, 0u);
  const auto below = FindNearestCgroup(state(), "/a/b/c");
  ASSERT_TRUE(below.ok());
  EXPECT_EQ(below->cgroup, state().FindCgroup("/a"));
  EXPECT_EQ(below->missing, 2u);
  const auto beside = FindNearestCgroup(state(), "/b");
  ASSERT_TRUE(beside.ok());
  EXPECT_EQ(beside->cgroup, kRootCgroup);
  EXPECT_EQ(ReasonOf(FindNearestCgroup(state(), "@77").status()), "CGROUP_NOT_FOUND");
}

TEST_F(ChargeTargetTest, WhatMayNotBeMadeImplicitlyIsNotFound) {
  ASSERT_TRUE(Create("/a").ok());
  ConfigureCommand configure;
  configure.settings.implicit_cgroups = ImplicitCgroups::kBelowExplicit;
  configure.time = Tick();
  ledger_.Configure(configure);
  EXPECT_TRUE(FindNearestCgroup(state(), "/a/b").ok());
  EXPECT_EQ(ReasonOf(FindNearestCgroup(state(), "/b").status()), "CGROUP_NOT_FOUND");
  configure.settings.implicit_cgroups = ImplicitCgroups::kOff;
  configure.time = Tick();
  ledger_.Configure(configure);
  EXPECT_EQ(ReasonOf(FindNearestCgroup(state(), "/a/b").status()), "CGROUP_NOT_FOUND");
}

}  // namespace
}  // namespace dmem
