// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/pass_health.h"

#include "gtest/gtest.h"

namespace dmem::client {
namespace {

class PassHealthTest : public ::testing::Test {
 protected:
  absl::Time now_ = absl::FromUnixSeconds(1000);
  PassHealth health_{[this] { return now_; }, absl::Minutes(5)};
};

TEST_F(PassHealthTest, AnAgentThatStartsHasAsLongForItsFirstPassAsForAnyOther) {
  now_ += absl::Minutes(5);
  EXPECT_TRUE(health_.Check().ok());
  now_ += absl::Seconds(1);
  EXPECT_EQ(health_.Check(),
            absl::UnavailableError(
                "no look at the node has ended since the start 5m1s ago, more than 5m"));
}

TEST_F(PassHealthTest, TheEndOfAPassCountsFromThenOn) {
  now_ += absl::Minutes(6);
  health_.PassEnded();
  EXPECT_TRUE(health_.Check().ok()) << "it is heard again";
  now_ += absl::Minutes(5);
  EXPECT_TRUE(health_.Check().ok());
  now_ += absl::Seconds(1);
  EXPECT_EQ(health_.Check(),
            absl::UnavailableError("the last look at the node ended 5m1s ago, more than 5m"));
}

}  // namespace
}  // namespace dmem::client
