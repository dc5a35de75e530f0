// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/retry_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <vector>

#include "absl/strings/cord.h"
#include "google/rpc/error_details.pb.h"

namespace dmem::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kRetryInfoUrl[] = "type.googleapis.com/google.rpc.RetryInfo";

absl::Status RetryAfter(int seconds) {
  google::rpc::RetryInfo info;
  info.mutable_retry_delay()->set_seconds(seconds);
  absl::Status status = absl::UnavailableError("queue full");
  status.SetPayload(kRetryInfoUrl, absl::Cord(info.SerializeAsString()));
  return status;
}

// Time moves only by sleeping.
class RetryLoopTest : public ::testing::Test {
 protected:
  absl::Status Run(Idempotency idempotency, std::deque<absl::Status> answers) {
    return RetryLoop(policy_, environment_, idempotency, [&](absl::Duration timeout) {
      timeouts_.push_back(timeout);
      // Beyond the script the last answer goes on.
      const absl::Status answer = answers.front();
      if (answers.size() > 1) answers.pop_front();
      return answer;
    });
  }

  const absl::Time start_ = absl::FromUnixSeconds(1000);
  absl::Time now_ = start_;
  double chance_ = 0;
  std::vector<absl::Duration> sleeps_;
  std::vector<absl::Duration> timeouts_;
  RetryPolicy policy_;
  RetryEnvironment environment_ = {[this] { return now_; },
                                   [this](absl::Duration wait) {
                                     sleeps_.push_back(wait);
                                     now_ += wait;
                                   },
                                   [this] { return chance_; }};
};

TEST_F(RetryLoopTest, SuccessIsReturnedAfterOneAttempt) {
  EXPECT_TRUE(Run(Idempotency::kIdempotent, {absl::OkStatus()}).ok());
  EXPECT_THAT(sleeps_, IsEmpty());
  EXPECT_THAT(timeouts_, ElementsAre(absl::Seconds(10)));
}

TEST_F(RetryLoopTest, UnavailableIsTriedAgainWithDoublingWaitsInWhatIsLeftOfTheTimeout) {
  const absl::Status unavailable = absl::UnavailableError("down");
  EXPECT_TRUE(
      Run(Idempotency::kIdempotent, {unavailable, unavailable, unavailable, absl::OkStatus()})
          .ok());
  EXPECT_THAT(sleeps_, ElementsAre(absl::Milliseconds(100), absl::Milliseconds(200),
                                   absl::Milliseconds(400)));
  EXPECT_THAT(timeouts_, ElementsAre(absl::Milliseconds(10000), absl::Milliseconds(9900),
                                     absl::Milliseconds(9700), absl::Milliseconds(9300)));
}

TEST_F(RetryLoopTest, ChanceTakesUpToHalfOffTheWait) {
  chance_ = 0.5;
  EXPECT_TRUE(Run(Idempotency::kIdempotent, {absl::UnavailableError(""), absl::OkStatus()}).ok());
  EXPECT_THAT(sleeps_, ElementsAre(absl::Milliseconds(75)));
}

TEST_F(RetryLoopTest, OtherErrorsAreReturnedAsTheyAre) {
  for (const absl::Status& error : {absl::ResourceExhaustedError("full"),
                                    absl::AbortedError("etag"), absl::InternalError("bug")}) {
    timeouts_.clear();
    EXPECT_EQ(Run(Idempotency::kIdempotent, {error}), error);
    EXPECT_EQ(timeouts_.size(), 1u);
  }
}

TEST_F(RetryLoopTest, DeadlineIsNotTriedAgainAndSaysHowLongItWas) {
  policy_.timeout = absl::Seconds(3);
  const absl::Status status =
      Run(Idempotency::kIdempotent, {absl::DeadlineExceededError("Deadline Exceeded")});
  EXPECT_TRUE(absl::IsDeadlineExceeded(status));
  EXPECT_EQ(status.message(), "Deadline Exceeded (no answer within 3s)");
  EXPECT_EQ(timeouts_.size(), 1u);
}

TEST_F(RetryLoopTest, NonIdempotentRequestsAreSentOnce) {
  const absl::Status status = Run(Idempotency::kNonIdempotent, {absl::UnavailableError("down")});
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_EQ(status.message(), "down (not sent again: it may have taken effect)");
  EXPECT_EQ(timeouts_.size(), 1u);
}

TEST_F(RetryLoopTest, StopsAfterAttemptsMax) {
  policy_.attempts_max = 3;
  const absl::Status status = Run(Idempotency::kIdempotent, {absl::UnavailableError("down")});
  EXPECT_EQ(status.message(), "down (gave up after 3 attempts)");
  EXPECT_EQ(timeouts_.size(), 3u);
  EXPECT_EQ(sleeps_.size(), 2u);
}

TEST_F(RetryLoopTest, StopsBeforeTheDeadlineAndSaysSo) {
  policy_.timeout = absl::Seconds(1);
  const absl::Status status = Run(Idempotency::kIdempotent, {absl::UnavailableError("down")});
  // Waits 0.1, 0.2 and 0.4 s; another 0.8 s would end after 1 s.
  EXPECT_EQ(status.message(),
            "down (gave up after 4 attempts: the next would be after the deadline of 1s)");
  EXPECT_LT(now_, start_ + policy_.timeout);
}

TEST_F(RetryLoopTest, WaitsAsLongAsTheServerAsks) {
  EXPECT_TRUE(Run(Idempotency::kIdempotent, {RetryAfter(3), absl::OkStatus()}).ok());
  EXPECT_THAT(sleeps_, ElementsAre(absl::Seconds(3)));
}

TEST_F(RetryLoopTest, DoesNotWaitBeyondTheDeadlineForTheServer) {
  const absl::Status status = Run(Idempotency::kIdempotent, {RetryAfter(60)});
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("gave up after 1 attempt: the next would be"));
  EXPECT_THAT(sleeps_, IsEmpty());
}

TEST_F(RetryLoopTest, LastErrorKeepsItsPayloads) {
  policy_.attempts_max = 1;
  EXPECT_TRUE(Run(Idempotency::kIdempotent, {RetryAfter(1)}).GetPayload(kRetryInfoUrl).has_value());
}

TEST_F(RetryLoopTest, WaitsGrowOnlyToBackoffMax) {
  policy_.timeout = absl::Minutes(10);
  policy_.attempts_max = 8;
  EXPECT_FALSE(Run(Idempotency::kIdempotent, {absl::UnavailableError("down")}).ok());
  ASSERT_EQ(sleeps_.size(), 7u);
  EXPECT_EQ(sleeps_.back(), policy_.backoff_max);
}

}  // namespace
}  // namespace dmem::client
