// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// How much of the past is read at once.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/event_log.h"
#include "server/past_events.h"
#include "tests/integration/requests.h"

namespace dmem::server {
namespace {

constexpr int kCharges = 40, kItems = 1000, kChargesOfUncharge = 20;

// 40 charges of 1000 items each, each a command, and then two commands that uncharge 20 of them.
class PastStepsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(Call(server_, &Stub::Register, RegisterOf("n2/gpu0", 1000000)).ok());
    for (int i = 0; i < kCharges; ++i) {
      v1::ChargeRequest request = ChargeOf(absl::StrCat("c", i), "/c0", "n2/gpu0", 1);
      for (int k = 1; k < kItems; ++k) {
        v1::ChargeItem* item = request.add_items();
        item->set_cgroup(absl::StrCat("/c", k));
        item->set_region("n2/gpu0");
        item->set_bytes(1);
      }
      const auto answer = Call(server_, &Stub::Charge, request);
      ASSERT_TRUE(answer.ok()) << answer.status.error_message();
    }
    full_ = NewestEvent(server_);
    for (int i = 0; i < kCharges; i += kChargesOfUncharge) {
      v1::UnchargeRequest request;
      for (int k = 0; k < kChargesOfUncharge; ++k) request.add_charge_ids(absl::StrCat("c", i + k));
      ASSERT_TRUE(Call(server_, &Stub::Uncharge, request).ok());
    }
  }

  TestServer server_;
  v1::Event full_;  // The last one before anything was uncharged.
};

TEST_F(PastStepsTest, AStepHasSoManyItemsOrOneCommand) {
  const EventLog log(&server_.store());
  PastEvents past(&log, NewestEvent(server_).sequence());
  ASSERT_TRUE(past.DownTo(0).ok());
  size_t steps_of_one = 0, charged = 0, uncharged = 0;
  for (bool is_done = false; !is_done;) {
    size_t items = 0;
    std::set<uint64_t> sequences;
    const absl::StatusOr<bool> step = past.Step([&](const v1::Event& event) {
      sequences.insert(event.sequence());
      charged += event.charge_granted().items_size();
      uncharged += event.charge_changed().items_size();
      items += 1 + event.charge_granted().items_size() + event.charge_changed().items_size();
    });
    ASSERT_TRUE(step.ok()) << step.status();
    is_done = *step;
    if (items > PastEvents::kStepItemsMax) {
      EXPECT_EQ(sequences.size(), 1u) << items;
      ++steps_of_one;
    }
  }
  EXPECT_EQ(steps_of_one, 2u) << "an uncharge has more than a step, and is not cut";
  EXPECT_EQ(charged, size_t{kCharges} * kItems);
  EXPECT_EQ(uncharged, size_t{kCharges} * kItems);
}

TEST_F(PastStepsTest, WhoHeldGoesBackOverCommandsWithMoreItemsThanAStepHas) {
  v1::WhoHeldRequest who;
  who.set_region("n2/gpu0");
  who.set_cgroup("/c7");
  *who.mutable_at() = full_.time();
  const auto held = Call(server_, &Stub::WhoHeld, who);
  ASSERT_TRUE(held.ok()) << held.status.error_message();
  EXPECT_EQ(held.response.holdings_size(), kCharges);
  EXPECT_EQ(held.response.omitted_items(), 0u);
  for (const v1::Holding& holding : held.response.holdings()) EXPECT_EQ(holding.bytes(), 1u);
}

// Reads of the past on threads of their own, and how they ended so far.
class PastReads {
 public:
  explicit PastReads(TestServer* server) : server_(*server) {}
  ~PastReads() { Join(); }

  void StartWhoHeld(const v1::WhoHeldRequest& request) { Start(&Stub::WhoHeld, request); }
  void StartReport(const v1::ReportUsageRequest& request) { Start(&Stub::ReportUsage, request); }
  // Returns once one has ended: every call does, in the end.
  void AwaitFirst() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return !ended_.empty(); });
  }
  void Join() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  std::vector<grpc::Status> ended() {
    std::lock_guard<std::mutex> lock(mutex_);
    return ended_;
  }

 private:
  template <typename Method, typename Request>
  void Start(Method method, const Request& request) {
    threads_.emplace_back([this, method, request] {
      const grpc::Status status = Call(server_, method, request).status;
      std::lock_guard<std::mutex> lock(mutex_);
      ended_.push_back(status);
      changed_.notify_one();
    });
  }

  TestServer& server_;
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<grpc::Status> ended_;
};

TEST(PastReadsTest, TheFifthReadOfThePastAtOnceIsRefusedAndTheOthersAreNot) {
  TestServer server;
  ASSERT_TRUE(Call(server, &Stub::Register, RegisterOf("n1/gpu0", 1000)).ok());
  // A read begins with a state that holds all that came before it. While a commit is held there is
  // none, so that no read can end but by being refused.
  server.store().BlockAppends();
  std::thread charge([&server] {
    EXPECT_TRUE(Call(server, &Stub::Charge, ChargeOf("c", "/a", "n1/gpu0", 1)).ok());
  });
  server.store().WaitForBlockedAppend();
  v1::WhoHeldRequest who;
  who.set_region("n1/gpu0");
  v1::ReportUsageRequest report;
  report.mutable_from()->set_seconds(1);
  PastReads reads(&server);
  for (int i = 0; i < 3; ++i) reads.StartWhoHeld(who);
  for (int i = 0; i < 2; ++i) reads.StartReport(report);
  reads.AwaitFirst();
  const std::vector<grpc::Status> refused = reads.ended();
  server.store().ReleaseAll();
  charge.join();
  reads.Join();

  ASSERT_EQ(refused.size(), 1u);
  EXPECT_EQ(refused[0].error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ErrorInfoOf(refused[0]).reason(), "OVERLOADED");
  EXPECT_THAT(refused[0].error_message(),
              ::testing::HasSubstr("reads of the past is full (bound 4)"));
  EXPECT_GT(RetryInfoOf(refused[0]).retry_delay().nanos() +
                RetryInfoOf(refused[0]).retry_delay().seconds(),
            0);
  const std::vector<grpc::Status> ended = reads.ended();
  EXPECT_EQ(std::count_if(ended.begin(), ended.end(), [](const auto& s) { return s.ok(); }), 4);
  // Their places are free again.
  EXPECT_TRUE(Call(server, &Stub::WhoHeld, who).ok());
}

}  // namespace
}  // namespace dmem::server
