// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/writer.h"

#include <gtest/gtest.h>

#include <future>
#include <string>
#include <utility>
#include <vector>

#include "core/errors.h"
#include "server/store/memory_store.h"

namespace dmem::server {
namespace {

// Answers of tasks, waited for. Shared by tasks and test.
struct Outcome {
  std::promise<absl::Status> promise;
  std::shared_future<absl::Status> future = promise.get_future().share();
  bool answered() const {
    return future.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }
};

// A task made of a function, which returns whether it is done.
class TestTask final : public WriterTask {
 public:
  TestTask(std::function<bool(Turn*)> run, std::shared_ptr<Outcome> outcome,
           size_t record_bytes = 1, size_t queued_bytes = 1)
      : run_(std::move(run)),
        outcome_(std::move(outcome)),
        record_bytes_(record_bytes),
        queued_bytes_(queued_bytes) {}
  size_t record_bytes() const override { return record_bytes_; }
  size_t queued_bytes() const override { return queued_bytes_; }
  bool Run(Turn* turn) override { return run_(turn); }
  void Complete(const absl::Status& commit) override { outcome_->promise.set_value(commit); }

 private:
  const std::function<bool(Turn*)> run_;
  const std::shared_ptr<Outcome> outcome_;
  const size_t record_bytes_;
  const size_t queued_bytes_;
};

// Makes a group of that name: the smallest command that changes something.
void MakeGroup(Turn* turn, const std::string& name, size_t record_bytes = 1) {
  RegisterGroupCommand command;
  command.time = absl::FromUnixMicros(turn->NextCommandTime());
  command.name = name;
  ASSERT_TRUE(turn->ledger()->RegisterGroup(command).ok());
  turn->record()->append(record_bytes, 'x');
}

// Counts what a store holds.
class RecordCounter final : public RecoveryVisitor {
 public:
  absl::Status OnObject(absl::string_view, absl::string_view) override { return absl::OkStatus(); }
  absl::Status OnCheckpoint(uint64_t, absl::string_view) override { return absl::OkStatus(); }
  absl::Status OnRecord(SequenceRange range, absl::string_view record) override {
    ranges.push_back(range);
    largest = std::max(largest, record.size());
    return absl::OkStatus();
  }
  std::vector<SequenceRange> ranges;
  size_t largest = 0;
};

class WriterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    RecordCounter empty;
    epoch_ = store_.Recover(empty)->epoch;
    Make(WriterOptions());
    writer_->Start();
  }

  void Make(const WriterOptions& options) {
    writer_ = std::make_unique<Writer>(
        options, &ledger_, &store_, epoch_, IdGenerator(1), [this] { return clock_us_.load(); },
        [this](const absl::Status&) { ++failures_; });
  }

  std::shared_ptr<Outcome> Enqueue(std::function<bool(Turn*)> run, size_t record_bytes = 1,
                                   size_t queued_bytes = 1) {
    auto outcome = std::make_shared<Outcome>();
    std::unique_ptr<WriterTask> task =
        std::make_unique<TestTask>(std::move(run), outcome, record_bytes, queued_bytes);
    const absl::Status refused = writer_->Enqueue(task);
    EXPECT_EQ(task == nullptr, refused.ok());
    if (!refused.ok()) outcome->promise.set_value(refused);
    return outcome;
  }

  std::shared_ptr<Outcome> EnqueueGroup(const std::string& name) {
    return Enqueue([name](Turn* turn) {
      MakeGroup(turn, name);
      return true;
    });
  }

  // Returns when the writer has run it; whether it is answered is another matter.
  std::shared_ptr<Outcome> EnqueueGroupUntilApplied(const std::string& name) {
    auto applied = std::make_shared<std::promise<void>>();
    auto outcome = Enqueue([name, applied](Turn* turn) {
      MakeGroup(turn, name);
      applied->set_value();
      return true;
    });
    applied->get_future().wait();
    return outcome;
  }

  // Keeps the writer busy in a task until the promise returned is set, so that what is enqueued
  // meanwhile makes one batch after it.
  std::shared_ptr<std::promise<void>> HoldWriter() {
    auto entered = std::make_shared<std::promise<void>>();
    auto release = std::make_shared<std::promise<void>>();
    Enqueue([entered, release](Turn*) {
      entered->set_value();
      release->get_future().wait();
      return true;
    });
    entered->get_future().wait();
    return release;
  }

  absl::StatusOr<ReadView> View() {
    std::promise<absl::StatusOr<ReadView>> promise;
    writer_->RequestView(
        [&promise](absl::StatusOr<ReadView> view) { promise.set_value(std::move(view)); });
    return promise.get_future().get();
  }

  RecordCounter Durable() {
    MemoryStore reopened(store_.medium());
    RecordCounter counter;
    EXPECT_TRUE(reopened.Recover(counter).ok());
    return counter;
  }

  std::atomic<int64_t> clock_us_{1000};
  std::atomic<int> failures_{0};
  MemoryStore store_;
  uint64_t epoch_ = 0;
  Ledger ledger_;
  std::unique_ptr<Writer> writer_;
};

TEST_F(WriterTest, NothingIsAnsweredBeforeItsRecordIsDurable) {
  store_.BlockAppends();
  const auto outcome = EnqueueGroup("g1");
  store_.WaitForBlockedAppend();
  EXPECT_FALSE(outcome->answered());
  EXPECT_EQ(writer_->stats().committed_sequence.load(), 0u);
  store_.ReleaseAll();
  EXPECT_TRUE(outcome->future.get().ok());
  EXPECT_EQ(Durable().ranges.size(), 1u);
}

TEST_F(WriterTest, WhatQueuedDuringACommitSharesTheNextRecord) {
  store_.BlockAppends();
  const auto first = EnqueueGroup("g0");
  store_.WaitForBlockedAppend();
  std::vector<std::shared_ptr<Outcome>> others;
  for (int i = 1; i <= 10; ++i) others.push_back(EnqueueGroup("g" + std::to_string(i)));
  store_.ReleaseAll();
  for (const auto& outcome : others) EXPECT_TRUE(outcome->future.get().ok());
  const RecordCounter durable = Durable();
  ASSERT_EQ(durable.ranges.size(), 2u);
  EXPECT_EQ(durable.ranges[1].first, 2u);
  EXPECT_EQ(durable.ranges[1].last, 11u);
}

TEST_F(WriterTest, ReadOfWhatIsNotDurableYetIsAnsweredAfterIt) {
  const auto release = HoldWriter();
  const auto command = EnqueueGroup("g1");
  uint64_t seen = 0;
  const auto read = Enqueue(
      [&seen](Turn* turn) {
        seen = turn->state().scalars.groups;
        return true;
      },
      0);
  store_.BlockAppends();
  release->set_value();
  store_.WaitForBlockedAppend();
  EXPECT_FALSE(read->answered());
  store_.ReleaseAll();
  EXPECT_TRUE(read->future.get().ok());
  EXPECT_EQ(seen, 1u);
}

TEST_F(WriterTest, ReadOfCommittedStateNeedsNoAppend) {
  store_.BlockAppends();
  EXPECT_TRUE(Enqueue([](Turn*) { return true; }, 0)->future.get().ok());
  store_.ReleaseAll();
  EXPECT_TRUE(Durable().ranges.empty());
}

TEST_F(WriterTest, AfterAFailedAppendNothingIsAnsweredOk) {
  EXPECT_TRUE(EnqueueGroup("g0")->future.get().ok());
  const auto release = HoldWriter();
  store_.FailNextAppend(absl::UnavailableError("disk full"));
  const auto command = EnqueueGroup("g1");
  const auto read = Enqueue([](Turn*) { return true; }, 0);
  std::promise<absl::StatusOr<ReadView>> view;
  writer_->RequestView([&view](absl::StatusOr<ReadView> v) { view.set_value(std::move(v)); });
  release->set_value();
  const absl::Status answers[] = {command->future.get(), read->future.get(),
                                  view.get_future().get().status(),
                                  EnqueueGroup("g2")->future.get(), View().status()};
  for (const absl::Status& status : answers) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(FactsOf(status).reason, "STORE_FAILED");
  }
  EXPECT_EQ(failures_.load(), 1);
  EXPECT_TRUE(writer_->failed());
  EXPECT_EQ(Durable().ranges.size(), 1u);
}

TEST_F(WriterTest, TheNextBatchIsAppliedWhileOneIsOnItsWayAndAnsweredAfterIt) {
  const auto release = HoldWriter();
  const auto first = EnqueueGroup("g1"), second = EnqueueGroup("g2");
  store_.BlockAppends();
  release->set_value();
  store_.WaitForBlockedAppend();
  const auto third = EnqueueGroupUntilApplied("g3");
  std::promise<absl::StatusOr<ReadView>> view;
  writer_->RequestView([&view](absl::StatusOr<ReadView> v) { view.set_value(std::move(v)); });
  EXPECT_FALSE(first->answered() || second->answered() || third->answered());
  store_.ReleaseAll();
  EXPECT_TRUE(first->future.get().ok() && second->future.get().ok() && third->future.get().ok());
  const absl::StatusOr<ReadView> seen = view.get_future().get();
  ASSERT_TRUE(seen.ok());
  EXPECT_EQ(seen->state().scalars.groups, 3u);
  EXPECT_EQ(Durable().ranges.size(), 2u);
}

TEST_F(WriterTest, AFailedCommitTakesTheBatchThatWasFillingWithIt) {
  const auto release = HoldWriter();
  const auto first = EnqueueGroup("g1"), second = EnqueueGroup("g2");
  store_.BlockAppends();
  store_.FailNextAppend(absl::UnavailableError("disk full"));
  release->set_value();
  store_.WaitForBlockedAppend();
  const auto third = EnqueueGroupUntilApplied("g3");
  store_.ReleaseAll();
  for (const auto& outcome : {first, second, third}) {
    EXPECT_EQ(FactsOf(outcome->future.get()).reason, "STORE_FAILED");
  }
  EXPECT_EQ(Durable().ranges.size(), 0u);
}

TEST_F(WriterTest, BeyondTheBoundOfUnansweredTasksTheNextIsRefusedAndLeftAsItWas) {
  WriterOptions options;
  options.unanswered_tasks_max = 3;  // With the one that holds the writer.
  Make(options);
  writer_->Start();
  const auto release = HoldWriter();
  const auto first = EnqueueGroup("g1");
  const auto second = EnqueueGroup("g2");
  const absl::Status refused = EnqueueGroup("g3")->future.get();
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(FactsOf(refused).reason, "OVERLOADED");
  release->set_value();
  EXPECT_TRUE(first->future.get().ok());
  EXPECT_TRUE(second->future.get().ok());
  EXPECT_TRUE(EnqueueGroup("g3")->future.get().ok());
}

TEST_F(WriterTest, UnansweredTasksAreBoundedInBytesToo) {
  WriterOptions options;
  options.unanswered_bytes_max = 100;
  Make(options);
  writer_->Start();
  const auto release = HoldWriter();
  const auto noop = [](Turn*) { return true; };
  const auto large = Enqueue(noop, 0, 90);
  const absl::Status refused = Enqueue(noop, 0, 20)->future.get();
  EXPECT_EQ(FactsOf(refused).reason, "OVERLOADED");
  release->set_value();
  EXPECT_TRUE(large->future.get().ok());
  // One that is larger than the bound alone is taken when nothing else waits.
  EXPECT_TRUE(Enqueue(noop, 0, 1000)->future.get().ok());
}

TEST_F(WriterTest, StopFinishesWhatHasQueuedAndRefusesWhatComesLater) {
  const auto release = HoldWriter();
  const auto queued = EnqueueGroup("g1");
  std::thread stopper([this] { writer_->Stop(); });
  release->set_value();
  stopper.join();
  EXPECT_TRUE(queued->future.get().ok());
  EXPECT_EQ(FactsOf(EnqueueGroup("g2")->future.get()).reason, "SHUTTING_DOWN");
  EXPECT_EQ(FactsOf(View().status()).reason, "SHUTTING_DOWN");
}

TEST_F(WriterTest, CommandTimeNeverGoesBackWhenTheClockDoes) {
  std::vector<int64_t> times;
  const auto command = [&times](const std::string& name) {
    return [&times, name](Turn* turn) {
      times.push_back(turn->NextCommandTime());
      MakeGroup(turn, name);
      return true;
    };
  };
  EXPECT_TRUE(Enqueue(command("g1"))->future.get().ok());
  clock_us_ = 500;
  EXPECT_TRUE(Enqueue(command("g2"))->future.get().ok());
  clock_us_ = 2000;
  EXPECT_TRUE(Enqueue(command("g3"))->future.get().ok());
  EXPECT_EQ(times, (std::vector<int64_t>{1000, 1000, 2000}));
}

TEST_F(WriterTest, WhatDoesNotFitInARecordWaitsForTheNext) {
  const auto release = HoldWriter();
  std::vector<std::shared_ptr<Outcome>> outcomes;
  constexpr size_t kBytes = 400 << 10;
  std::promise<void> second_is_full;
  outcomes.reserve(5);
  for (int i = 0; i < 5; ++i) {
    outcomes.push_back(Enqueue(
        [i, &second_is_full](Turn* turn) {
          MakeGroup(turn, "g" + std::to_string(i), kBytes);
          if (i == 3) second_is_full.set_value();
          return true;
        },
        kBytes));
  }
  // The end of the first record's commit would end the second, full or not.
  store_.BlockAppends();
  release->set_value();
  second_is_full.get_future().wait();
  store_.ReleaseAll();
  for (const auto& outcome : outcomes) EXPECT_TRUE(outcome->future.get().ok());
  const RecordCounter durable = Durable();
  EXPECT_EQ(durable.ranges.size(), 3u);
  EXPECT_LE(durable.largest, kMaxRecordBytes);
  EXPECT_EQ(durable.ranges.back().last, 5u);
}

TEST_F(WriterTest, BetweenSlicesOfATaskOthersAreServed) {
  const auto release = HoldWriter();
  std::vector<std::string> order;
  int slices = 0;
  const auto sliced = Enqueue(
      [&](Turn*) {
        order.push_back("slice");
        return ++slices == 3;
      },
      0);
  const auto other = Enqueue(
      [&](Turn*) {
        order.push_back("other");
        return true;
      },
      0);
  release->set_value();
  EXPECT_TRUE(sliced->future.get().ok());
  EXPECT_TRUE(other->future.get().ok());
  EXPECT_EQ(order, (std::vector<std::string>{"slice", "other", "slice", "slice"}));
}

TEST_F(WriterTest, ReadersAtOneSequenceShareASnapshotAndItGoesBack) {
  EXPECT_TRUE(EnqueueGroup("g1")->future.get().ok());
  absl::StatusOr<ReadView> first = View();
  absl::StatusOr<ReadView> second = View();
  EXPECT_EQ(first->snapshot, second->snapshot);
  EXPECT_EQ(first->state().scalars.groups, 1u);
  EXPECT_TRUE(EnqueueGroup("g2")->future.get().ok());
  absl::StatusOr<ReadView> third = View();
  EXPECT_NE(third->snapshot, first->snapshot);
  EXPECT_EQ(third->state().scalars.groups, 2u);
  EXPECT_EQ(first->state().scalars.groups, 1u) << "a view does not change";
}

TEST_F(WriterTest, ViewIsNeverAheadOfWhatIsDurable) {
  store_.BlockAppends();
  const auto command = EnqueueGroup("g1");
  store_.WaitForBlockedAppend();
  std::promise<absl::StatusOr<ReadView>> promise;
  std::future<absl::StatusOr<ReadView>> future = promise.get_future();
  writer_->RequestView([&promise](absl::StatusOr<ReadView> v) { promise.set_value(std::move(v)); });
  EXPECT_EQ(future.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  store_.ReleaseAll();
  EXPECT_EQ(future.get()->state().scalars.groups, 1u);
}

TEST_F(WriterTest, ManyThreadsAndReadersSeeEveryCommandOnce) {
  constexpr int kThreads = 4;
  constexpr int kCommands = 200;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < kCommands; ++i) {
        const auto outcome = EnqueueGroup("g" + std::to_string(t) + "-" + std::to_string(i));
        EXPECT_TRUE(outcome->future.get().ok());
      }
    });
  }
  std::thread reader([this] {
    uint64_t last = 0;
    while (last < uint64_t{kThreads} * kCommands) {
      absl::StatusOr<ReadView> view = View();
      ASSERT_TRUE(view.ok());
      // A group is in the state when its command is, and never goes.
      uint64_t groups = 0;
      const State& state = view->state();
      for (Index r = state.scalars.first_region; r != kNone; r = state.regions[r].next) ++groups;
      EXPECT_EQ(groups, state.scalars.sequence);
      EXPECT_GE(groups, last);
      last = groups;
    }
  });
  for (std::thread& thread : threads) thread.join();
  reader.join();
  writer_->Stop();
  EXPECT_EQ(Durable().ranges.back().last, static_cast<uint64_t>(kThreads * kCommands));
}

}  // namespace
}  // namespace dmem::server
