// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/loop/waiting_list.h"

#include <gtest/gtest.h>

namespace dmem::client {
namespace {

TEST(WaitingListTest, RefusalCountsInTheNextPassAndNoLongerUnlessItIsAddedAgain) {
  WaitingList list;
  list.BeginPass();
  list.Add("a", {"8", absl::UnixEpoch(), "full"});
  EXPECT_EQ(list.Before("a", "8"), nullptr);
  ASSERT_NE(list.Now("a"), nullptr);
  EXPECT_EQ(list.Now("b"), nullptr);
  list.BeginPass();
  EXPECT_EQ(list.Now("a"), nullptr);
  ASSERT_NE(list.Before("a", "8"), nullptr);
  EXPECT_EQ(list.Before("a", "8")->why, "full");
  EXPECT_EQ(list.Before("b", "8"), nullptr);
  list.Add("a", *list.Before("a", "8"));
  list.BeginPass();
  EXPECT_NE(list.Before("a", "8"), nullptr);
  list.BeginPass();
  EXPECT_EQ(list.Before("a", "8"), nullptr);
}

TEST(WaitingListTest, WhoAsksForSomethingElseHasNotBeenRefusedIt) {
  WaitingList list;
  list.Add("a", {"8", absl::UnixEpoch(), "full"});
  list.BeginPass();
  EXPECT_EQ(list.Before("a", "9"), nullptr);
}

}  // namespace
}  // namespace dmem::client
