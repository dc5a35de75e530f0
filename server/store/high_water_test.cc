// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/store/high_water.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rocksdb/env.h"

namespace dmem::server {
namespace {

using ::testing::HasSubstr;

class HighWaterTest : public ::testing::Test {
 protected:
  void SetUp() override { std::remove(path_.c_str()); }

  absl::StatusOr<HighWater> Read() {
    const auto file = HighWaterFile::Open(env_, path_);
    if (!file.ok()) return file.status();
    return (*file)->value();
  }

  std::string Contents() const {
    std::ifstream in(path_, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  void SetContents(const std::string& contents) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << contents;
  }

  // A file in which sequence 10 was written, then 20.
  void WriteTenThenTwenty() {
    ASSERT_TRUE(HighWaterFile::Create(env_, path_).ok());
    auto file = HighWaterFile::Open(env_, path_);
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE((*file)->Write({1, 10}).ok());
    ASSERT_TRUE((*file)->Write({1, 20}).ok());
  }

  rocksdb::Env* const env_ = rocksdb::Env::Default();
  const std::string path_ = absl::StrCat(::testing::TempDir(), "/high_water_test");
};

TEST_F(HighWaterTest, NewFileIsAtZero) {
  ASSERT_TRUE(HighWaterFile::Create(env_, path_).ok());
  EXPECT_EQ(Read()->epoch, 0u);
  EXPECT_EQ(Read()->sequence, 0u);
}

TEST_F(HighWaterTest, LastWriteIsReadBack) {
  ASSERT_TRUE(HighWaterFile::Create(env_, path_).ok());
  for (uint64_t i = 1; i <= 5; ++i) {
    auto file = HighWaterFile::Open(env_, path_);
    ASSERT_TRUE(file.ok());
    for (uint64_t j = 0; j < i; ++j) ASSERT_TRUE((*file)->Write({i, 10 * i + j}).ok());
    EXPECT_EQ(Read()->epoch, i);
    EXPECT_EQ(Read()->sequence, 10 * i + i - 1);
  }
}

TEST_F(HighWaterTest, HigherEpochWinsOverHigherSequence) {
  ASSERT_TRUE(HighWaterFile::Create(env_, path_).ok());
  auto file = HighWaterFile::Open(env_, path_);
  ASSERT_TRUE((*file)->Write({1, 20}).ok());
  ASSERT_TRUE((*file)->Write({2, 15}).ok());
  EXPECT_EQ(Read()->epoch, 2u);
  EXPECT_EQ(Read()->sequence, 15u);
}

TEST_F(HighWaterTest, DamageAnywhereInTheNewerSlotLeavesTheOlder) {
  WriteTenThenTwenty();
  const std::string intact = Contents();
  const size_t begin = intact.find("sequence 20") >= 4096 ? 4096 : 0;
  const size_t length = intact.find('\n', begin) - begin + 1;
  for (size_t at = 0; at < length; ++at) {
    std::string damaged = intact;
    damaged[begin + at] = static_cast<char>(damaged[begin + at] ^ 1);
    SetContents(damaged);
    ASSERT_EQ(Read()->sequence, 10u) << at;
    // The next write mends the damaged slot, not the one intact slot.
    auto file = HighWaterFile::Open(env_, path_);
    ASSERT_TRUE((*file)->Write({1, 30}).ok());
    ASSERT_EQ(Contents().find("sequence 30") >= 4096 ? 4096u : 0u, begin);
  }
}

TEST_F(HighWaterTest, EveryTruncationIsAnOlderMarkOrAnErrorThatNamesTheFile) {
  WriteTenThenTwenty();
  const std::string intact = Contents();
  for (size_t size = 0; size < intact.size(); size += size % 4096 < 100 ? 1 : 71) {
    SetContents(intact.substr(0, size));
    const absl::StatusOr<HighWater> value = Read();
    if (value.ok()) {
      EXPECT_TRUE(value->sequence == 10 || value->sequence == 20) << size;
      EXPECT_GT(size, 20u);
    } else {
      EXPECT_TRUE(absl::IsDataLoss(value.status())) << size;
      EXPECT_THAT(std::string(value.status().message()), HasSubstr(path_));
      EXPECT_LT(size, 100u);
    }
  }
}

TEST_F(HighWaterTest, MissingFileAndTwoDamagedSlotsAreDataLoss) {
  EXPECT_TRUE(absl::IsDataLoss(Read().status()));
  EXPECT_THAT(std::string(Read().status().message()), HasSubstr(path_));
  WriteTenThenTwenty();
  std::string damaged = Contents();
  damaged[25] ^= 1;
  damaged[4096 + 25] ^= 1;
  SetContents(damaged);
  EXPECT_TRUE(absl::IsDataLoss(Read().status()));
}

}  // namespace
}  // namespace dmem::server
