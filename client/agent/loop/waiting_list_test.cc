// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/loop/waiting_list.h"

#include <gtest/gtest.h>

#include "client/testing/error_of_server.h"

namespace dmem::client {
namespace {

TEST(WaitingListTest, RefusalCountsInTheNextPassAndNoLongerUnlessItIsAddedAgain) {
  WaitingList list;
  list.BeginPass();
  list.Add("a", {"8", absl::UnixEpoch(), "CAPACITY", "full"});
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
  list.Add("a", {"8", absl::UnixEpoch(), "CAPACITY", "full"});
  list.BeginPass();
  EXPECT_EQ(list.Before("a", "9"), nullptr);
}

TEST(WaitingListTest, ReasonIsTheAuthoritysOrElseTheCode) {
  const absl::Status full = ErrorOfServer(absl::StatusCode::kResourceExhausted, "CAPACITY",
                                          "2048 bytes are too much", {{"bytes", "2048"}});
  const auto refused = WaitingList::Refused::By(full, "8", absl::UnixEpoch());
  EXPECT_EQ(refused.asked, "8");
  EXPECT_EQ(refused.reason, "CAPACITY");
  EXPECT_EQ(refused.why, "2KiB are too much");
  EXPECT_EQ(WaitingList::Refused::By(absl::NotFoundError("no"), "", absl::UnixEpoch()).reason,
            "NOT_FOUND");
}

}  // namespace
}  // namespace dmem::client
