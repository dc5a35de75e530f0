// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What every engine must do. Each test runs on each.

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/memory_store.h"
#include "server/store/rocksdb_store.h"
#include "server/store/store.h"
#include "server/store/testing/recorder.h"

namespace dmem::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

// Opens stores on one and the same place, one after the other.
class Place {
 public:
  virtual ~Place() = default;
  virtual std::unique_ptr<Store> Open() = 0;
};

class MemoryPlace : public Place {
 public:
  std::unique_ptr<Store> Open() override { return std::make_unique<MemoryStore>(medium_); }

 private:
  const std::shared_ptr<MemoryMedium> medium_ = std::make_shared<MemoryMedium>();
};

class RocksDbPlace : public Place {
 public:
  RocksDbPlace() { std::filesystem::remove_all(Directory()); }
  std::unique_ptr<Store> Open() override {
    StoreOptions options;
    options.data_dir = Directory();
    return std::make_unique<RocksDbStore>(options);
  }

 private:
  static std::string Directory() {
    return absl::StrCat(::testing::TempDir(), "/store_contract_test");
  }
};

struct Engine {
  std::string name;
  std::function<std::unique_ptr<Place>()> make;
};

class StoreContractTest : public ::testing::TestWithParam<Engine> {
 protected:
  // Closes the store that is open, if any, and recovers the next one.
  RecoveredLog Reopen() {
    store_.reset();
    store_ = place_->Open();
    seen_ = Recorder();
    const absl::StatusOr<RecoveredLog> log = store_->Recover(seen_);
    EXPECT_TRUE(log.ok()) << log.status();
    return log.value_or(RecoveredLog());
  }

  absl::Status Append(uint64_t first, uint64_t last, absl::string_view record) {
    return store_->Append(epoch_, {first, last}, record);
  }

  std::unique_ptr<Place> place_ = GetParam().make();
  std::unique_ptr<Store> store_;
  Recorder seen_;
  uint64_t epoch_ = 0;
};

TEST_P(StoreContractTest, NewStoreIsEmptyAtSequenceZero) {
  const RecoveredLog log = Reopen();
  EXPECT_EQ(log.epoch, 1u);
  EXPECT_EQ(log.last_sequence, 0u);
  EXPECT_EQ(log.dropped_tail, "");
  EXPECT_THAT(seen_.objects, IsEmpty());
  EXPECT_THAT(seen_.records, IsEmpty());
  EXPECT_EQ(seen_.checkpoint_sequence, 0u);
  EXPECT_EQ(seen_.summary, "");
}

TEST_P(StoreContractTest, RecordsComeBackInOrderWithTheirBytes) {
  epoch_ = Reopen().epoch;
  const std::string binary("\0\xff\n\0", 4);
  const std::string largest(kMaxRecordBytes, 'm');
  ASSERT_TRUE(Append(1, 1, "one").ok());
  ASSERT_TRUE(Append(2, 4, binary).ok());
  ASSERT_TRUE(Append(5, 5, "").ok());
  ASSERT_TRUE(Append(6, 300, largest).ok());
  EXPECT_EQ(Reopen().last_sequence, 300u);
  EXPECT_THAT(seen_.records, ElementsAre("one", binary, "", largest));
  // And once more: recovery itself lost nothing.
  EXPECT_EQ(Reopen().last_sequence, 300u);
  EXPECT_THAT(seen_.records, ElementsAre("one", binary, "", largest));
}

TEST_P(StoreContractTest, ReadGivesTheRecordsFromOneSequenceToAnother) {
  epoch_ = Reopen().epoch;
  ASSERT_TRUE(Append(1, 1, "one").ok());
  ASSERT_TRUE(Append(2, 4, "two").ok());
  ASSERT_TRUE(Append(5, 5, "three").ok());
  const auto read = [this](uint64_t from, uint64_t to) {
    std::vector<std::string> records;
    const absl::Status status =
        store_->Read(from, to, [&](SequenceRange range, absl::string_view record) {
          records.push_back(absl::StrCat(range.first, "-", range.last, " ", record));
          return true;
        });
    EXPECT_TRUE(status.ok()) << status;
    return records;
  };
  EXPECT_THAT(read(1, 5), ElementsAre("1-1 one", "2-4 two", "5-5 three"));
  EXPECT_THAT(read(3, 4), ElementsAre("2-4 two"));
  EXPECT_THAT(read(3, 100), ElementsAre("2-4 two", "5-5 three"));
  EXPECT_THAT(read(6, 100), IsEmpty());
  // What a checkpoint covers is still there.
  CheckpointDelta checkpoint;
  checkpoint.sequence = 4;
  ASSERT_TRUE(store_->Checkpoint(checkpoint).ok());
  EXPECT_THAT(read(1, 2), ElementsAre("1-1 one", "2-4 two"));
  EXPECT_EQ(store_->Kept()->oldest_sequence, 1u);
  Reopen();
  EXPECT_THAT(seen_.records, ElementsAre("three"));
  EXPECT_THAT(read(1, 5), ElementsAre("1-1 one", "2-4 two", "5-5 three"));
}

TEST_P(StoreContractTest, ReadEndsWhenItsVisitorHasEnough) {
  epoch_ = Reopen().epoch;
  ASSERT_TRUE(Append(1, 1, "one").ok());
  ASSERT_TRUE(Append(2, 2, "two").ok());
  int count = 0;
  EXPECT_TRUE(
      store_->Read(1, 2, [&](SequenceRange, absl::string_view) { return ++count < 1; }).ok());
  EXPECT_EQ(count, 1);
}

TEST_P(StoreContractTest, RecordsAfterTheCheckpointStayWhateverIsWanted) {
  epoch_ = Reopen().epoch;
  for (uint64_t i = 1; i <= 5; ++i) ASSERT_TRUE(Append(i, i, "x").ok());
  CheckpointDelta checkpoint;
  checkpoint.sequence = 2;
  checkpoint.keep_from = 100;
  ASSERT_TRUE(store_->Checkpoint(checkpoint).ok());
  EXPECT_EQ(Reopen().last_sequence, 5u);
  EXPECT_THAT(seen_.records, ElementsAre("x", "x", "x"));
}

TEST_P(StoreContractTest, TheRecordThatTheCheckpointIsAtStaysWhateverIsWanted) {
  epoch_ = Reopen().epoch;
  for (uint64_t i = 1; i <= 3; ++i) ASSERT_TRUE(Append(i, i, "x").ok());
  CheckpointDelta checkpoint;
  checkpoint.sequence = 3;
  checkpoint.keep_from = 100;
  ASSERT_TRUE(store_->Checkpoint(checkpoint).ok());
  const uint64_t oldest = store_->Kept()->oldest_sequence;
  EXPECT_GE(oldest, 1u) << "there is an oldest record as soon as there was one";
  EXPECT_LE(oldest, 3u);
}

TEST_P(StoreContractTest, AppendsGoOnAfterReopening) {
  epoch_ = Reopen().epoch;
  ASSERT_TRUE(Append(1, 2, "a").ok());
  epoch_ = Reopen().epoch;
  ASSERT_TRUE(Append(3, 3, "b").ok());
  epoch_ = Reopen().epoch;
  EXPECT_EQ(epoch_, 3u);
  EXPECT_THAT(seen_.records, ElementsAre("a", "b"));
}

TEST_P(StoreContractTest, AppendOfAnotherEpochIsAbortedAndChangesNothing) {
  epoch_ = Reopen().epoch;
  ASSERT_TRUE(Append(1, 1, "a").ok());
  const uint64_t old_epoch = epoch_;
  epoch_ = Reopen().epoch;
  EXPECT_GT(epoch_, old_epoch);
  EXPECT_EQ(store_->Append(old_epoch, {2, 2}, "b").code(), absl::StatusCode::kAborted);
  EXPECT_EQ(store_->Append(epoch_ + 1, {2, 2}, "b").code(), absl::StatusCode::kAborted);
  EXPECT_TRUE(Append(2, 2, "c").ok());
  Reopen();
  EXPECT_THAT(seen_.records, ElementsAre("a", "c"));
}

TEST_P(StoreContractTest, AppendOutOfSequenceIsRefusedAndChangesNothing) {
  epoch_ = Reopen().epoch;
  EXPECT_EQ(Append(2, 2, "x").code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(Append(1, 3, "a").ok());
  for (uint64_t first : {1, 3, 5}) {
    EXPECT_EQ(Append(first, 9, "x").code(), absl::StatusCode::kFailedPrecondition) << first;
  }
  EXPECT_TRUE(Append(4, 4, "b").ok());
  Reopen();
  EXPECT_THAT(seen_.records, ElementsAre("a", "b"));
}

TEST_P(StoreContractTest, AppendOfWhatIsNoRecordIsInvalidAndChangesNothing) {
  epoch_ = Reopen().epoch;
  EXPECT_EQ(Append(0, 0, "x").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Append(1, 0, "x").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Append(1, 1, std::string(kMaxRecordBytes + 1, 'x')).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(Append(1, 1, "a").ok());
  Reopen();
  EXPECT_THAT(seen_.records, ElementsAre("a"));
}

// Each call is wrong in its own way and in every later way as well.
TEST_P(StoreContractTest, ErrorsOfAppendAreCheckedInTheDocumentedOrder) {
  const std::string too_large(kMaxRecordBytes + 1, 'x');
  store_ = place_->Open();
  EXPECT_EQ(store_->Append(7, {9, 8}, too_large).code(), absl::StatusCode::kFailedPrecondition);
  epoch_ = Reopen().epoch;
  EXPECT_EQ(store_->Append(7, {9, 8}, too_large).code(), absl::StatusCode::kAborted);
  EXPECT_EQ(store_->Append(epoch_, {9, 8}, "").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(store_->Append(epoch_, {9, 9}, too_large).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(store_->Append(epoch_, {9, 9}, "").code(), absl::StatusCode::kFailedPrecondition);
}

TEST_P(StoreContractTest, CheckpointReplacesTheRecordsThatItCovers) {
  epoch_ = Reopen().epoch;
  for (uint64_t i = 1; i <= 4; ++i) ASSERT_TRUE(Append(i, i, absl::StrCat("r", i)).ok());
  ASSERT_TRUE(store_->Checkpoint({2, "at 2", {}, {{"b", "2"}, {"a", "1"}}}).ok());
  EXPECT_EQ(Reopen().last_sequence, 4u);
  EXPECT_THAT(seen_.objects, ElementsAre(Pair("a", "1"), Pair("b", "2")));
  EXPECT_EQ(seen_.checkpoint_sequence, 2u);
  EXPECT_EQ(seen_.summary, "at 2");
  EXPECT_THAT(seen_.records, ElementsAre("r3", "r4"));
}

TEST_P(StoreContractTest, CheckpointsAddUpAcrossReopening) {
  epoch_ = Reopen().epoch;
  for (uint64_t i = 1; i <= 3; ++i) ASSERT_TRUE(Append(i, i, "r").ok());
  const std::string binary_key("\0\1\xff", 3);
  ASSERT_TRUE(store_->Checkpoint({1, "s1", {}, {{"a", "1"}, {"b", "1"}, {binary_key, ""}}}).ok());
  ASSERT_TRUE(store_->Checkpoint({2, "s2", {"a", "never there"}, {{"b", "2"}, {"", "e"}}}).ok());
  epoch_ = Reopen().epoch;
  EXPECT_THAT(seen_.objects, ElementsAre(Pair("", "e"), Pair(binary_key, ""), Pair("b", "2")));
  ASSERT_TRUE(store_->Checkpoint({3, "s3", {"b"}, {{"a", "3"}}}).ok());
  EXPECT_EQ(Reopen().last_sequence, 3u);
  EXPECT_THAT(seen_.objects, ElementsAre(Pair("", "e"), Pair(binary_key, ""), Pair("a", "3")));
  EXPECT_EQ(seen_.summary, "s3");
  EXPECT_THAT(seen_.records, IsEmpty());
}

TEST_P(StoreContractTest, CheckpointThatReplacesAllLeavesExactlyItsObjects) {
  epoch_ = Reopen().epoch;
  ASSERT_TRUE(Append(1, 2, "r").ok());
  ASSERT_TRUE(store_->Checkpoint({2, "s", {}, {{"a", "1"}, {"b", "1"}, {"\xff", "1"}}}).ok());
  ASSERT_TRUE(store_->Checkpoint({2, "t", {}, {{"b", "2"}, {"c", "2"}}, true}).ok());
  Reopen();
  EXPECT_THAT(seen_.objects, ElementsAre(Pair("b", "2"), Pair("c", "2")));
  EXPECT_EQ(seen_.summary, "t");
  ASSERT_TRUE(store_->Checkpoint({2, "u", {}, {}, true}).ok());
  Reopen();
  EXPECT_THAT(seen_.objects, IsEmpty());
  EXPECT_EQ(seen_.summary, "u");
}

TEST_P(StoreContractTest, CheckpointWithoutAChangeMovesTheSequence) {
  epoch_ = Reopen().epoch;
  for (uint64_t i = 1; i <= 2; ++i) ASSERT_TRUE(Append(i, i, "r").ok());
  ASSERT_TRUE(store_->Checkpoint({0, "before anything", {}, {}}).ok());
  ASSERT_TRUE(store_->Checkpoint({2, "same", {}, {}}).ok());
  Reopen();
  EXPECT_EQ(seen_.checkpoint_sequence, 2u);
  EXPECT_THAT(seen_.records, IsEmpty());
}

TEST_P(StoreContractTest, ImpossibleCheckpointIsRefusedAndChangesNothing) {
  store_ = place_->Open();
  EXPECT_EQ(store_->Checkpoint({0, "", {}, {}}).code(), absl::StatusCode::kFailedPrecondition);
  epoch_ = Reopen().epoch;
  for (uint64_t i = 1; i <= 3; ++i) ASSERT_TRUE(Append(i, i, absl::StrCat("r", i)).ok());
  ASSERT_TRUE(store_->Checkpoint({2, "s", {}, {{"a", "1"}}}).ok());
  EXPECT_EQ(store_->Checkpoint({4, "x", {}, {}}).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_->Checkpoint({1, "x", {}, {}}).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(store_->Checkpoint({3, "x", {"k"}, {{"k", "1"}}}).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(store_->Checkpoint({3, "x", {}, {{"k", "1"}, {"k", "2"}}}).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(store_->Checkpoint({3, "x", {"a"}, {}, true}).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(Append(4, 4, "r4").ok());
  Reopen();
  EXPECT_THAT(seen_.objects, ElementsAre(Pair("a", "1")));
  EXPECT_EQ(seen_.summary, "s");
  EXPECT_THAT(seen_.records, ElementsAre("r3", "r4"));
}

TEST_P(StoreContractTest, RecoverWorksOnceAndComesFirst) {
  Reopen();
  Recorder again;
  EXPECT_EQ(store_->Recover(again).status().code(), absl::StatusCode::kFailedPrecondition);
}

// A visitor that refuses one of the three kinds.
class Refuser : public Recorder {
 public:
  explicit Refuser(int kind) : kind_(kind) {}
  absl::Status OnObject(absl::string_view key, absl::string_view value) override {
    return kind_ == 0 ? Refusal() : Recorder::OnObject(key, value);
  }
  absl::Status OnCheckpoint(uint64_t sequence, absl::string_view text) override {
    return kind_ == 1 ? Refusal() : Recorder::OnCheckpoint(sequence, text);
  }
  absl::Status OnRecord(SequenceRange range, absl::string_view record) override {
    return kind_ == 2 ? Refusal() : Recorder::OnRecord(range, record);
  }

 private:
  static absl::Status Refusal() { return absl::DataLossError("refused by the visitor"); }
  const int kind_;
};

TEST_P(StoreContractTest, VisitorsErrorIsReturnedAndOpensNoEpoch) {
  epoch_ = Reopen().epoch;
  ASSERT_TRUE(Append(1, 1, "r").ok());
  ASSERT_TRUE(Append(2, 2, "r").ok());
  ASSERT_TRUE(store_->Checkpoint({1, "s", {}, {{"a", "1"}}}).ok());
  for (int kind = 0; kind < 3; ++kind) {
    store_.reset();
    store_ = place_->Open();
    Refuser refuser(kind);
    EXPECT_EQ(store_->Recover(refuser).status(), absl::DataLossError("refused by the visitor"));
    EXPECT_EQ(Append(3, 3, "r").code(), absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_EQ(Reopen().epoch, epoch_ + 1);
}

TEST_P(StoreContractTest, AppendsAndCheckpointsFromTwoThreadsAllCount) {
  constexpr uint64_t kRecords = 400;
  epoch_ = Reopen().epoch;
  std::atomic<uint64_t> appended{0};
  std::thread checkpointer([&] {
    uint64_t sequence = 0;
    while (sequence < kRecords) {
      const uint64_t now = appended.load();
      if (now == sequence) {
        std::this_thread::yield();
        continue;
      }
      // As a state would: one object that counts, one for each sequence that is a checkpoint's.
      const CheckpointDelta delta{now,
                                  absl::StrCat("at ", now),
                                  {},
                                  {{"count", absl::StrCat(now)}, {absl::StrCat("c", now), "x"}}};
      ASSERT_TRUE(store_->Checkpoint(delta).ok());
      sequence = now;
    }
  });
  for (uint64_t i = 1; i <= kRecords; ++i) {
    ASSERT_TRUE(Append(i, i, absl::StrCat("r", i)).ok());
    appended.store(i);
  }
  checkpointer.join();
  EXPECT_EQ(Reopen().last_sequence, kRecords);
  EXPECT_EQ(seen_.checkpoint_sequence, kRecords);
  EXPECT_EQ(seen_.objects["count"], absl::StrCat(kRecords));
  EXPECT_THAT(seen_.records, IsEmpty());
}

TEST_P(StoreContractTest, ErrorsSayWhatWasRefusedAndWhy) {
  epoch_ = Reopen().epoch;
  EXPECT_THAT(std::string(Append(7, 7, "x").message()), HasSubstr("sequence 7"));
  EXPECT_THAT(std::string(Append(7, 7, "x").message()), HasSubstr("next is 1"));
  EXPECT_THAT(std::string(store_->Append(9, {1, 1}, "x").message()), HasSubstr("epoch 9"));
}

INSTANTIATE_TEST_SUITE_P(
    Engines, StoreContractTest,
    ::testing::Values(Engine{"Memory", [] { return std::make_unique<MemoryPlace>(); }},
                      Engine{"RocksDb", [] { return std::make_unique<RocksDbPlace>(); }}),
    [](const ::testing::TestParamInfo<Engine>& info) { return info.param.name; });

}  // namespace
}  // namespace dmem::server
