// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/kept_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

#include "client/testing/mock_connection.h"

namespace dmem::client {
namespace {

using ::testing::NiceMock;

constexpr int kSecondsMax = 30;

// Answers for one session, and counts.
class Sessions {
 public:
  std::shared_ptr<Connection> Connect() {
    auto connection = std::make_shared<NiceMock<MockConnection>>();
    ON_CALL(*connection, OpenSession)
        .WillByDefault([this](const v1::OpenSessionRequest& request,
                              auto) -> absl::StatusOr<v1::OpenSessionResponse> {
          const std::lock_guard<std::mutex> lock(mutex_);
          if (!error_.ok()) return error_;
          opened_ = request;
          v1::OpenSessionResponse response;
          response.mutable_session()->set_id(++next_id_);
          response.set_sequence(next_id_);
          return response;
        });
    ON_CALL(*connection, KeepAlive)
        .WillByDefault([this](const v1::KeepAliveRequest& request,
                              auto) -> absl::StatusOr<v1::KeepAliveResponse> {
          const std::lock_guard<std::mutex> lock(mutex_);
          last_kept_ = request.session();
          ++kept_;
          changed_.notify_all();
          if (!error_.ok()) return error_;
          v1::KeepAliveResponse response;
          response.set_sequence(100 + kept_);
          return response;
        });
    ON_CALL(*connection, CloseSession)
        .WillByDefault([this](const v1::CloseSessionRequest& request,
                              auto) -> absl::StatusOr<v1::CloseSessionResponse> {
          const std::lock_guard<std::mutex> lock(mutex_);
          if (!error_.ok()) return error_;
          closed_ = request.session();
          return v1::CloseSessionResponse();
        });
    return connection;
  }

  void Fail(absl::Status error) {
    const std::lock_guard<std::mutex> lock(mutex_);
    error_ = std::move(error);
  }
  // Waits for `count` more KeepAlives.
  bool AwaitKeepAlives(int count) {
    std::unique_lock<std::mutex> lock(mutex_);
    const int target = kept_ + count;
    return changed_.wait_for(lock, std::chrono::seconds(kSecondsMax),
                             [&] { return kept_ >= target; });
  }
  uint64_t last_kept() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return last_kept_;
  }
  uint64_t closed() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return closed_;
  }
  v1::OpenSessionRequest opened() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return opened_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  absl::Status error_;
  v1::OpenSessionRequest opened_;
  uint64_t next_id_ = 0, last_kept_ = 0, closed_ = 0;
  int kept_ = 0;
};

class KeptSessionTest : public ::testing::Test {
 protected:
  KeptSessionTest() {
    RetryPolicy once;
    once.attempts_max = 1;
    KeptSessionOptions options;
    options.owner = "test";
    options.node = "n1";
    options.incarnation = 7;
    options.ttl = absl::Milliseconds(3);
    session_ =
        std::make_unique<KeptSession>(std::make_shared<Client>(server_.Connect(), once), options);
  }

  Sessions server_;
  std::unique_ptr<KeptSession> session_;
};

TEST_F(KeptSessionTest, OpenedOnceAndKeptAliveAgainAndAgain) {
  EXPECT_EQ(session_->id(), 0u);
  ASSERT_EQ(*session_->Open(), 1u);
  EXPECT_EQ(*session_->Open(), 1u) << "it is open";
  EXPECT_EQ(server_.opened().node(), "n1");
  EXPECT_EQ(server_.opened().incarnation(), 7u);
  EXPECT_FALSE(server_.opened().nonce().empty());
  EXPECT_TRUE(server_.AwaitKeepAlives(3));
  EXPECT_EQ(server_.last_kept(), 1u);
  EXPECT_GE(session_->sequence(), 1u);
}

TEST_F(KeptSessionTest, ServerThatDoesNotAnswerEndsNothing) {
  ASSERT_TRUE(session_->Open().ok());
  server_.Fail(absl::UnavailableError("down"));
  EXPECT_TRUE(server_.AwaitKeepAlives(3));
  EXPECT_EQ(session_->id(), 1u);
  EXPECT_TRUE(session_->ended().ok());
}

TEST_F(KeptSessionTest, SessionThatWasFencedHasEndedAndSaysWhy) {
  ASSERT_TRUE(session_->Open().ok());
  server_.Fail(absl::AbortedError("fenced"));
  EXPECT_TRUE(server_.AwaitKeepAlives(1));
  // The answer is taken in after it was given.
  while (session_->id() != 0) std::this_thread::yield();
  EXPECT_EQ(session_->ended().message(), "fenced");
  server_.Fail(absl::OkStatus());
  EXPECT_EQ(*session_->Open(), 2u);
  EXPECT_TRUE(session_->ended().ok());
}

TEST_F(KeptSessionTest, ErrorOfOpeningIsReturnedAndTheNextOpenTriesAgain) {
  server_.Fail(absl::UnavailableError("down"));
  EXPECT_TRUE(absl::IsUnavailable(session_->Open().status()));
  server_.Fail(absl::OkStatus());
  EXPECT_TRUE(session_->Open().ok());
}

TEST_F(KeptSessionTest, ClosedSessionIsOpenNoMore) {
  EXPECT_TRUE(session_->Close().ok()) << "nothing to close";
  ASSERT_TRUE(session_->Open().ok());
  EXPECT_TRUE(session_->Close().ok());
  EXPECT_EQ(server_.closed(), 1u);
  EXPECT_EQ(session_->id(), 0u);
}

}  // namespace
}  // namespace dmem::client
