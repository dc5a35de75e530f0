// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Power cuts and full disks at every single operation of a small life of a store: what was
// acknowledged is there afterwards, once, and nothing that never was.

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/store/rocksdb_store.h"
#include "server/store/testing/power_cut_env.h"
#include "server/store/testing/scratch_directory.h"
#include "server/store/testing/seed.h"
#include "server/store/testing/workload.h"

namespace dmem::server {
namespace {

using Unsynced = PowerCutEnv::Unsynced;

// How much more than in the presubmit is done; the target power_cut_deep_test sets it.
int Depth() {
  const char* depth = std::getenv("DMEMD_DEEP");
  int value = 1;
  return depth != nullptr && absl::SimpleAtoi(depth, &value) && value > 0 ? value : 1;
}

class PowerCutTest : public ::testing::Test {
 protected:
  void SetUp() override { Clear(); }

  void Clear() {
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_);
    known_ = Acknowledged();
  }

  StoreOptions Options(PowerCutEnv& disk) const {
    StoreOptions options;
    options.data_dir = root_ + "/data";
    options.env = disk.env();
    options.log_buffer_bytes = 64 << 10;
    options.log_retention_bytes = 128 << 10;
    options.block_cache_bytes = 1 << 20;
    options.sync = sync_;
    // Every operation in the order of the calls, as far as that is ours.
    options.high_water_interval = high_water_interval_;
    return options;
  }

  // Makes the store, fills it over two lives, and closes it. Stops at the first error.
  absl::Status Live(PowerCutEnv& disk) {
    for (int life = 0; life < 2; ++life) {
      RocksDbStore store(Options(disk));
      Workload workload(&known_);
      const absl::StatusOr<RecoveredLog> log = workload.Recover(store);
      if (!log.ok()) return log.status();
      absl::Status status = workload.Run(store, /*records=*/16, /*checkpoint_every=*/6);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  // Recovers, checks, and goes on working for a moment.
  absl::Status ComeBack() {
    PowerCutEnv disk(root_);
    {
      RocksDbStore store(Options(disk));
      Workload workload(&known_);
      const absl::StatusOr<RecoveredLog> log = workload.Recover(store);
      if (!log.ok()) return log.status();
      absl::Status status = workload.Run(store, /*records=*/3, /*checkpoint_every=*/2);
      if (!status.ok()) return status;
    }
    RocksDbStore store(Options(disk));
    return Workload(&known_).Recover(store).status();
  }

  // How many operations a whole life takes.
  int64_t Operations() {
    Clear();
    PowerCutEnv disk(root_);
    EXPECT_TRUE(Live(disk).ok());
    return disk.operations();
  }

  const ScratchDirectory scratch_;
  const std::string root_ = scratch_.path() + "/disk";
  bool sync_ = true;
  absl::Duration high_water_interval_ = absl::ZeroDuration();
  Acknowledged known_;
};

TEST_F(PowerCutTest, NothingAcknowledgedIsLostWhereverThePowerGoes) {
  const int64_t operations = Operations();
  ASSERT_GT(operations, 150);
  // In the presubmit the even operations or the odd ones, as the seed says; else all.
  const int stride = Depth() > 1 ? 1 : 2;
  for (int64_t cut = TestSeed() % stride; cut < operations; cut += stride) {
    Clear();
    PowerCutEnv disk(root_);
    disk.CutAt(cut);
    Live(disk).IgnoreError();
    disk.Cut();
    disk.Settle(Unsynced::kDropped, 0);
    const absl::Status status = ComeBack();
    ASSERT_TRUE(status.ok()) << "cut at operation " << cut << ": " << status;
  }
}

TEST_F(PowerCutTest, NothingAcknowledgedIsLostWhenPartOfWhatWasNotSyncedIsThere) {
  const uint64_t seed = TestSeed();
  const int64_t operations = Operations();
  const int stride = Depth() > 1 ? 1 : 3;
  for (int round = 0; round < Depth(); ++round) {
    for (int64_t cut = seed % stride; cut < operations; cut += stride) {
      Clear();
      PowerCutEnv disk(root_);
      disk.CutAt(cut);
      Live(disk).IgnoreError();
      disk.Cut();
      disk.Settle(Unsynced::kPartKept, seed + round * operations + cut);
      const absl::Status status = ComeBack();
      ASSERT_TRUE(status.ok()) << "seed " << seed << ", round " << round << ", cut at operation "
                               << cut << ": " << status;
    }
  }
}

// Cuts during the recovery from cuts.
TEST_F(PowerCutTest, NothingAcknowledgedIsLostInAChainOfCuts) {
  const uint64_t seed = TestSeed();
  std::mt19937_64 rng(seed);
  for (int chain = 0; chain < 5 * Depth(); ++chain) {
    Clear();
    for (int cut = 0; cut < 12; ++cut) {
      PowerCutEnv disk(root_);
      disk.CutAt(std::uniform_int_distribution<int64_t>(0, 120)(rng));
      const absl::Status lived = Live(disk);
      ASSERT_FALSE(absl::IsDataLoss(lived) || absl::IsInternal(lived))
          << "seed " << seed << ", chain " << chain << ", cut " << cut << ": " << lived;
      disk.Cut();
      disk.Settle(cut % 3 == 0 ? Unsynced::kDropped : Unsynced::kPartKept, rng());
    }
    const absl::Status status = ComeBack();
    ASSERT_TRUE(status.ok()) << "seed " << seed << ", chain " << chain << ": " << status;
  }
}

// The same with the high-water mark as in production, on its own thread and therefore late.
TEST_F(PowerCutTest, NothingAcknowledgedIsLostWithALateHighWaterMark) {
  const uint64_t seed = TestSeed();
  std::mt19937_64 rng(seed);
  high_water_interval_ = absl::Milliseconds(1);
  for (int i = 0; i < 40 * Depth(); ++i) {
    Clear();
    PowerCutEnv disk(root_);
    disk.CutAt(std::uniform_int_distribution<int64_t>(30, 250)(rng));
    Live(disk).IgnoreError();
    disk.Cut();
    disk.Settle(Unsynced::kPartKept, rng());
    const absl::Status status = ComeBack();
    ASSERT_TRUE(status.ok()) << "seed " << seed << ", round " << i << ": " << status;
  }
}

// The canary: without syncs the same cuts must be noticed, or the tests above prove nothing.
TEST_F(PowerCutTest, WithoutSyncsAcknowledgedRecordsAreLostAndNoticed) {
  sync_ = false;
  int lost = 0;
  const int64_t operations = Operations();
  for (int64_t cut = 0; cut < operations; cut += 10) {
    Clear();
    PowerCutEnv disk(root_);
    disk.CutAt(cut);
    Live(disk).IgnoreError();
    disk.Cut();
    disk.Settle(Unsynced::kDropped, 0);
    if (absl::IsDataLoss(ComeBack())) ++lost;
  }
  EXPECT_GT(lost, 3);
}

TEST_F(PowerCutTest, FullDiskAtAnyOperationIsReportedAndLosesNothing) {
  const int64_t operations = Operations();
  for (const bool and_later : {true, false}) {
    int reported = 0;
    // In the presubmit every operation fails in one of the two ways, else in both.
    const int stride = Depth() > 1 ? 1 : 2;
    for (int64_t at = and_later ? 0 : stride - 1; at < operations; at += stride) {
      Clear();
      PowerCutEnv disk(root_);
      disk.FailAt(at, and_later);
      const absl::Status lived = Live(disk);
      ASSERT_FALSE(absl::IsDataLoss(lived) || absl::IsInternal(lived))
          << "full at operation " << at << ": " << lived;
      if (!lived.ok()) ++reported;
      disk.StopFailing();
      const absl::Status status = ComeBack();
      ASSERT_TRUE(status.ok()) << "full at operation " << at << ": " << status;
    }
    // A failed sync or append is reported; a failed delete of an old file, say, need not be.
    EXPECT_GT(reported, operations / 2 / stride) << and_later;
  }
}

// A sync fails, or the process ends before it; a restart finds what was written, because the
// operating system still has it; then the power goes. What the restart has shown must not go with
// it.
TEST_F(PowerCutTest, WhatARestartHasShownStaysThroughAPowerCut) {
  const int64_t operations = Operations();
  const int stride = Depth() > 1 ? 1 : 7;
  for (const bool and_later : {true, false}) {
    for (int64_t at = TestSeed() % stride; at < operations; at += stride) {
      SCOPED_TRACE(absl::StrCat("failed at operation ", at, and_later ? " and later" : ""));
      Clear();
      PowerCutEnv disk(root_);
      disk.FailAt(at, and_later);
      Live(disk).IgnoreError();
      disk.StopFailing();
      {
        RocksDbStore store(Options(disk));
        const absl::Status status = Workload(&known_).Recover(store).status();
        ASSERT_TRUE(status.ok()) << status;
      }
      disk.Cut();
      disk.Settle(Unsynced::kDropped, 0);
      const absl::Status status = ComeBack();
      ASSERT_TRUE(status.ok()) << status;
    }
  }
}

TEST_F(PowerCutTest, FailedStoreTakesNothingMoreEvenWhenTheDiskHasSpaceAgain) {
  PowerCutEnv disk(root_);
  RocksDbStore store(Options(disk));
  Workload workload(&known_);
  ASSERT_TRUE(workload.Recover(store).ok());
  ASSERT_TRUE(workload.Run(store, 3, 2).ok());
  disk.FailAt(disk.operations(), /*and_later=*/true);
  EXPECT_TRUE(absl::IsUnavailable(workload.Run(store, 1, 2)));
  disk.StopFailing();
  EXPECT_TRUE(absl::IsFailedPrecondition(workload.Run(store, 1, 2)));
  EXPECT_TRUE(absl::IsFailedPrecondition(store.Checkpoint({known_.checkpoint, "", {}, {}})));
}

}  // namespace
}  // namespace dmem::server
