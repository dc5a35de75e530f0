// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What only the memory engine does; the contract is in store_contract_test.cc.

#include "server/store/memory_store.h"

#include <atomic>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/testing/recorder.h"

namespace dmem::server {
namespace {

using ::testing::ElementsAre;

uint64_t Recover(MemoryStore& store) {
  Recorder seen;
  const auto log = store.Recover(seen);
  EXPECT_TRUE(log.ok()) << log.status();
  return log->epoch;
}

std::vector<std::string> RecordsOn(const std::shared_ptr<MemoryMedium>& medium) {
  MemoryStore store(medium);
  Recorder seen;
  EXPECT_TRUE(store.Recover(seen).ok());
  return seen.records;
}

TEST(MemoryStoreTest, FailedAppendIsReportedOnceAndThenTheStoreTakesNothing) {
  MemoryStore store;
  const uint64_t epoch = Recover(store);
  ASSERT_TRUE(store.Append(epoch, {1, 1}, "a").ok());
  store.FailNextAppend(absl::UnavailableError("disk full"));
  EXPECT_EQ(store.Append(epoch, {2, 2}, "b"), absl::UnavailableError("disk full"));
  EXPECT_EQ(store.Append(epoch, {2, 2}, "b").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store.Checkpoint({1, "", {}, {}}).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(RecordsOn(store.medium()), ElementsAre("a"));
}

TEST(MemoryStoreTest, FailedAppendMayLeaveItsRecord) {
  MemoryStore store;
  const uint64_t epoch = Recover(store);
  store.FailNextAppend(absl::UnavailableError("no answer"), MemoryStore::Loss::kKept);
  EXPECT_FALSE(store.Append(epoch, {1, 1}, "a").ok());
  EXPECT_THAT(RecordsOn(store.medium()), ElementsAre("a"));
}

TEST(MemoryStoreTest, FailedCheckpointLeavesTheOldOneAndFailsTheStore) {
  MemoryStore store;
  const uint64_t epoch = Recover(store);
  ASSERT_TRUE(store.Append(epoch, {1, 1}, "a").ok());
  store.FailNextCheckpoint(absl::UnavailableError("disk full"));
  EXPECT_EQ(store.Checkpoint({1, "", {}, {}}), absl::UnavailableError("disk full"));
  EXPECT_EQ(store.Append(epoch, {2, 2}, "b").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(RecordsOn(store.medium()), ElementsAre("a"));
}

TEST(MemoryStoreTest, NewerStoreOnTheSameMediumFencesTheOlder) {
  MemoryStore older;
  const uint64_t old_epoch = Recover(older);
  MemoryStore newer(older.medium());
  const uint64_t epoch = Recover(newer);
  EXPECT_EQ(older.Append(old_epoch, {1, 1}, "late").code(), absl::StatusCode::kAborted);
  EXPECT_TRUE(newer.Append(epoch, {1, 1}, "a").ok());
  EXPECT_THAT(RecordsOn(older.medium()), ElementsAre("a"));
}

TEST(MemoryStoreTest, BlockedAppendDoesNothingUntilReleased) {
  MemoryStore store;
  const uint64_t epoch = Recover(store);
  store.BlockAppends();
  std::atomic<bool> done{false};
  std::thread appender([&] {
    EXPECT_TRUE(store.Append(epoch, {1, 1}, "a").ok());
    done = true;
  });
  store.WaitForBlockedAppend();
  EXPECT_FALSE(done);
  EXPECT_TRUE(store.Checkpoint({0, "", {}, {}}).ok()) << "checkpoints are not held up";
  store.ReleaseAll();
  appender.join();
  EXPECT_TRUE(done);
}

TEST(MemoryStoreTest, BlockedCheckpointDoesNotHoldUpAppends) {
  MemoryStore store;
  const uint64_t epoch = Recover(store);
  ASSERT_TRUE(store.Append(epoch, {1, 1}, "a").ok());
  store.BlockCheckpoints();
  std::thread checkpointer([&] { EXPECT_TRUE(store.Checkpoint({1, "", {}, {}}).ok()); });
  store.WaitForBlockedCheckpoint();
  EXPECT_TRUE(store.Append(epoch, {2, 2}, "b").ok());
  store.ReleaseAll();
  checkpointer.join();
  EXPECT_THAT(RecordsOn(store.medium()), ElementsAre("b"));
}

}  // namespace
}  // namespace dmem::server
