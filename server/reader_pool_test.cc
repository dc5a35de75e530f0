// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/reader_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <string>

namespace dmem::server {
namespace {

TEST(ReaderPoolTest, PlacesAreBoundedAndFreeAgainAfterTheWork) {
  ReaderPool pool(/*threads=*/1, /*queue_max=*/2);
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  std::promise<void> entered;
  ASSERT_TRUE(pool.Reserve());
  pool.Submit([&] {
    entered.set_value();
    released.wait();
  });
  entered.get_future().wait();
  ASSERT_TRUE(pool.Reserve());
  EXPECT_FALSE(pool.Reserve()) << "the running one counts";
  pool.Cancel();
  EXPECT_TRUE(pool.Reserve());
  std::promise<void> second;
  pool.Submit([&second] { second.set_value(); });
  release.set_value();
  second.get_future().wait();
  pool.Stop();
  EXPECT_TRUE(pool.Reserve());
  EXPECT_TRUE(pool.Reserve());
}

TEST(ReaderPoolTest, StopFinishesWhatHasQueued) {
  std::atomic<int> done{0};
  ReaderPool pool(/*threads=*/2, /*queue_max=*/100);
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(pool.Reserve());
    pool.Submit([&done] { ++done; });
  }
  pool.Stop();
  EXPECT_EQ(done.load(), 100);
}

TEST(ReaderPoolTest, StepsTakeTurnsWithOtherWorkAndKeepOnePlace) {
  ReaderPool pool(/*threads=*/1, /*queue_max=*/2);
  std::string order;  // Of the only thread.
  std::promise<void> release;
  ASSERT_TRUE(pool.Reserve());
  ASSERT_TRUE(pool.Reserve());
  pool.SubmitSteps([&, waits = release.get_future().share(), steps = 0]() mutable {
    waits.wait();
    order += 's';
    return ++steps == 3;
  });
  pool.Submit([&order] { order += 'w'; });
  EXPECT_FALSE(pool.Reserve());
  release.set_value();
  pool.Stop();
  EXPECT_EQ(order, "swss");
  EXPECT_TRUE(pool.Reserve());
  EXPECT_TRUE(pool.Reserve());
}

TEST(ReaderPoolTest, WorkSubmittedAfterStopIsDoneOnTheCallersThread) {
  ReaderPool pool(/*threads=*/1, /*queue_max=*/1);
  ASSERT_TRUE(pool.Reserve());
  pool.Stop();
  std::thread::id where;
  pool.Submit([&where] { where = std::this_thread::get_id(); });
  EXPECT_EQ(where, std::this_thread::get_id());
}

TEST(ReaderPoolTest, StepsSubmittedAfterStopAreAllDone) {
  ReaderPool pool(/*threads=*/1, /*queue_max=*/1);
  ASSERT_TRUE(pool.Reserve());
  pool.Stop();
  int steps = 0;
  pool.SubmitSteps([&steps] { return ++steps == 3; });
  EXPECT_EQ(steps, 3);
}

}  // namespace
}  // namespace dmem::server
