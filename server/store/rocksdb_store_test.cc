// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What only the RocksDB engine does: its directory, torn and missing logs, the high-water mark,
// retention. The contract is in store_contract_test.cc, power cuts are in power_cut_test.cc, damage
// to every file in damage_test.cc.

#include "server/store/rocksdb_store.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/log_scan.h"
#include "server/store/testing/recorder.h"

namespace dmem::server {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

class RocksDbStoreTest : public ::testing::Test {
 protected:
  void SetUp() override { fs::remove_all(directory_); }

  StoreOptions Options() const {
    StoreOptions options;
    options.data_dir = directory_;
    options.log_buffer_bytes = 64 << 10;
    options.block_cache_bytes = 1 << 20;
    options.high_water_interval = absl::InfiniteDuration();
    return options;
  }

  // A store with `records` records of one sequence each, closed.
  void Make(int records) {
    RocksDbStore store(Options());
    Recorder seen;
    const absl::StatusOr<RecoveredLog> log = store.Recover(seen);
    ASSERT_TRUE(log.ok()) << log.status();
    for (int i = 1; i <= records; ++i) {
      const uint64_t sequence = log->last_sequence + i;
      ASSERT_TRUE(
          store.Append(log->epoch, {sequence, sequence}, absl::StrCat("record ", sequence)).ok());
    }
  }

  absl::StatusOr<RecoveredLog> Recover(Recorder* seen = nullptr) {
    RocksDbStore store(Options());
    Recorder unseen;
    return store.Recover(seen != nullptr ? *seen : unseen);
  }

  // Of the newest write-ahead log.
  std::string NewestLog() const {
    std::vector<std::string> logs;
    for (const auto& entry : fs::directory_iterator(directory_ + "/db")) {
      if (entry.path().extension() == ".log") logs.push_back(entry.path().string());
    }
    return logs.empty() ? "" : *std::max_element(logs.begin(), logs.end());
  }

  static std::string Read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  static void Write(const std::string& path, const std::string& contents) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << contents;
  }

  // Sets the high-water mark back to what a crash within its interval would have left.
  void ForgetHighWater(const std::string& older) { Write(directory_ + "/HIGH_WATER", older); }

  const std::string directory_ =
      absl::StrCat(::testing::TempDir(), "rocksdb_store_test-",
                   ::testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(RocksDbStoreTest, SecondStoreOnTheSameDirectoryIsRefusedAndHarmsNothing) {
  RocksDbStore store(Options());
  Recorder seen;
  const absl::StatusOr<RecoveredLog> log = store.Recover(seen);
  ASSERT_TRUE(log.ok());
  const absl::Status second = Recover().status();
  EXPECT_EQ(second.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.message()), HasSubstr(directory_));
  EXPECT_TRUE(store.Append(log->epoch, {1, 1}, "still ours").ok());
}

TEST_F(RocksDbStoreTest, ForeignDirectoryIsRefusedAndLeftAsItWas) {
  fs::create_directories(directory_);
  Write(directory_ + "/notes.txt", "mine");
  EXPECT_EQ(Recover().status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_), fs::directory_iterator()), 1);
}

TEST_F(RocksDbStoreTest, FormatWithoutDatabaseNeverStartsEmpty) {
  Make(3);
  fs::remove_all(directory_ + "/db");
  const absl::Status status = Recover().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(directory_ + "/db"));
  EXPECT_FALSE(fs::exists(directory_ + "/db/CURRENT"));
}

TEST_F(RocksDbStoreTest, UnfinishedStoreIsMadeAnew) {
  Make(0);
  fs::rename(directory_ + "/FORMAT", directory_ + "/FORMAT.new");
  fs::remove(directory_ + "/HIGH_WATER");
  fs::remove(directory_ + "/db/CURRENT");
  Make(2);
  Recorder seen;
  ASSERT_TRUE(Recover(&seen).ok());
  EXPECT_THAT(seen.records, ElementsAre("record 1", "record 2"));
}

// Otherwise the scan that decides between a torn tail and damage would be of another format.
TEST_F(RocksDbStoreTest, ScanReadsWhatRocksDbWrote) {
  Make(40);
  const std::string contents = Read(NewestLog());
  const LogScan scan = ScanLog(contents);
  EXPECT_FALSE(scan.damaged);
  EXPECT_EQ(scan.valid_bytes, contents.size());
  EXPECT_EQ(scan.records, 41u) << "the epoch and 40 records";
}

TEST_F(RocksDbStoreTest, TornTailAfterTheHighWaterMarkIsDroppedAndReported) {
  Make(0);
  const std::string high_water = Read(directory_ + "/HIGH_WATER");
  Make(3);
  ForgetHighWater(high_water);
  const std::string log = NewestLog();
  fs::resize_file(log, fs::file_size(log) - 5);
  Recorder seen;
  const absl::StatusOr<RecoveredLog> recovered = Recover(&seen);
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_EQ(recovered->last_sequence, 2u);
  EXPECT_THAT(recovered->dropped_tail, AllOf(HasSubstr(log), HasSubstr("after sequence 2")));
  EXPECT_THAT(seen.records, ElementsAre("record 1", "record 2"));
  // And the tail is gone for good: the next start is clean.
  const absl::StatusOr<RecoveredLog> again = Recover();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->dropped_tail, "");
  EXPECT_EQ(again->last_sequence, 2u);
}

TEST_F(RocksDbStoreTest, TornTailBeforeTheHighWaterMarkIsRefused) {
  Make(3);
  const std::string log = NewestLog();
  fs::resize_file(log, fs::file_size(log) - 5);
  const absl::Status status = Recover().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr(log), HasSubstr("ends at sequence 2"),
                    HasSubstr("sequence 3 was acknowledged"), HasSubstr("HIGH_WATER")));
}

// RocksDB's own default opens this without a word, and without half of the records.
TEST_F(RocksDbStoreTest, FlippedByteInTheMiddleIsRefusedEvenAfterTheHighWaterMark) {
  Make(0);
  const std::string high_water = Read(directory_ + "/HIGH_WATER");
  Make(100);
  ForgetHighWater(high_water);
  const std::string log = NewestLog();
  std::string contents = Read(log);
  contents[contents.size() / 2] ^= 1;
  Write(log, contents);
  const absl::Status status = Recover().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr(absl::StrCat(log, " is damaged at byte ")),
                    HasSubstr("after sequence 4"), HasSubstr("not a write that a power cut")));
}

TEST_F(RocksDbStoreTest, MissingNewestLogIsRefused) {
  Make(3);
  fs::remove(NewestLog());
  const absl::Status status = Recover().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr(".log"), HasSubstr("sequence 3 was acknowledged")));
}

TEST_F(RocksDbStoreTest, OlderCopyOfTheDatabaseIsRefusedByItsEpoch) {
  Make(3);
  fs::copy(directory_ + "/db", directory_ + "/copy", fs::copy_options::recursive);
  Make(0);
  fs::remove_all(directory_ + "/db");
  fs::rename(directory_ + "/copy", directory_ + "/db");
  const absl::Status status = Recover().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("epoch 1"), HasSubstr("epoch 2")));
}

TEST_F(RocksDbStoreTest, HighWaterMarkIsWrittenWithoutBeingAsked) {
  StoreOptions options = Options();
  options.high_water_interval = absl::Milliseconds(1);
  RocksDbStore store(options);
  Recorder seen;
  const absl::StatusOr<RecoveredLog> log = store.Recover(seen);
  ASSERT_TRUE(log.ok());
  ASSERT_TRUE(store.Append(log->epoch, {1, 5}, "r").ok());
  while (!absl::StrContains(Read(directory_ + "/HIGH_WATER"), "sequence 5 ")) {
    std::this_thread::yield();
  }
}

TEST_F(RocksDbStoreTest, LeftoverOfACheckpointIsDeletedAndItsDatabaseFileStays) {
  {
    RocksDbStore store(Options());
    Recorder seen;
    const absl::StatusOr<RecoveredLog> log = store.Recover(seen);
    ASSERT_TRUE(store.Append(log->epoch, {1, 1}, "r").ok());
    ASSERT_TRUE(store.Checkpoint({1, "s", {}, {{"a", "1"}}}).ok());
  }
  // As after a crash between RocksDB's link and unlink: two names of one file.
  for (const auto& entry : fs::directory_iterator(directory_ + "/db")) {
    if (entry.path().extension() == ".sst" && !fs::exists(directory_ + "/checkpoint.sst")) {
      fs::create_hard_link(entry.path(), directory_ + "/checkpoint.sst");
    }
  }
  ASSERT_TRUE(fs::exists(directory_ + "/checkpoint.sst"));
  Recorder seen;
  ASSERT_TRUE(Recover(&seen).ok());
  EXPECT_FALSE(fs::exists(directory_ + "/checkpoint.sst"));
  EXPECT_EQ(seen.objects["a"], "1");
  Recorder again;
  ASSERT_TRUE(Recover(&again).ok());
  EXPECT_EQ(again.objects["a"], "1");
}

TEST_F(RocksDbStoreTest, OldRecordsGoWhenACheckpointCoversThemAndOnlyThen) {
  StoreOptions options = Options();
  options.log_retention_bytes = 256 << 10;
  const std::string record(8 << 10, 'r');
  const auto log_bytes = [this] {
    uint64_t bytes = 0;
    for (const auto& entry : fs::directory_iterator(directory_ + "/db")) {
      std::error_code gone;
      const uint64_t size = fs::file_size(entry.path(), gone);
      if (!gone && entry.path().extension() == ".sst") bytes += size;
    }
    return bytes;
  };
  uint64_t last = 0;
  {
    RocksDbStore store(options);
    Recorder seen;
    const absl::StatusOr<RecoveredLog> log = store.Recover(seen);
    ASSERT_TRUE(log.ok());
    for (; last < 400; ++last) {
      ASSERT_TRUE(store.Append(log->epoch, {last + 1, last + 1}, record).ok());
    }
  }
  {
    RocksDbStore store(options);
    Recorder seen;
    const absl::StatusOr<RecoveredLog> log = store.Recover(seen);
    ASSERT_TRUE(log.ok());
    EXPECT_EQ(seen.records.size(), 400u) << "no checkpoint covers them: all are kept";
    EXPECT_GT(log_bytes(), 400u * record.size() * 9 / 10);
    // RocksDB moves files out of level 0, from where none can be dropped, in its own time.
    while (log_bytes() > 1 << 20) {
      ++last;
      ASSERT_TRUE(store.Append(log->epoch, {last, last}, record).ok());
      ASSERT_TRUE(store.Checkpoint({last - 20, "s", {}, {}}).ok());
      ASSERT_LT(last, 20000u) << "old records are never dropped";
    }
  }
  Recorder seen;
  RocksDbStore store(options);
  const absl::StatusOr<RecoveredLog> log = store.Recover(seen);
  ASSERT_TRUE(log.ok()) << log.status();
  EXPECT_EQ(log->last_sequence, last);
  EXPECT_EQ(seen.records.size(), 20u);
}

}  // namespace
}  // namespace dmem::server
