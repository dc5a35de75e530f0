// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/pass_pace.h"

#include <gtest/gtest.h>

namespace dmem::client {
namespace {

class PassPaceTest : public ::testing::Test {
 protected:
  // The pause after a pass of this length, and goes on after it.
  absl::Duration PauseAfter(absl::Duration pass) {
    now_ += pass;
    const absl::Duration pause = pace_.Pause();
    now_ += pause;
    return pause;
  }

  absl::Time now_ = absl::FromUnixSeconds(1000);
  PassPace pace_{[this] { return now_; }, absl::Seconds(1)};
};

TEST_F(PassPaceTest, PassesBeginAnIntervalApartHoweverLongTheyTake) {
  EXPECT_EQ(PauseAfter(absl::Milliseconds(300)), absl::Milliseconds(700));
  EXPECT_EQ(PauseAfter(absl::ZeroDuration()), absl::Seconds(1));
  EXPECT_EQ(PauseAfter(absl::Milliseconds(900)), absl::Milliseconds(100));
}

TEST_F(PassPaceTest, PassThatTakesLongerIsFollowedByATenthOfThePauseAndNotByAFlood) {
  EXPECT_EQ(PauseAfter(absl::Seconds(5)), absl::Milliseconds(100));
  EXPECT_EQ(PauseAfter(absl::ZeroDuration()), absl::Seconds(1)) << "what was missed is not made up";
}

TEST_F(PassPaceTest, HalfwayIsHalfAnIntervalAfterThePassBegan) {
  now_ += absl::Milliseconds(200);
  EXPECT_EQ(pace_.UntilHalfway(), absl::Milliseconds(300));
  EXPECT_EQ(PauseAfter(absl::ZeroDuration()), absl::Milliseconds(800));
  now_ += absl::Milliseconds(700);
  EXPECT_EQ(pace_.UntilHalfway(), -absl::Milliseconds(200));
}

}  // namespace
}  // namespace dmem::client
