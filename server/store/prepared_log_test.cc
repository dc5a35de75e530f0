// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/store/prepared_log.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "gtest/gtest.h"
#include "server/store/testing/scratch_directory.h"

namespace dmem::server {
namespace {

namespace fs = std::filesystem;

using rocksdb::FileOptions;
using rocksdb::IOOptions;

std::string Contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

class PreparedLogTest : public ::testing::Test {
 protected:
  PreparedLogTest() : path_(scratch_.path() + "/000001.log") {
    const rocksdb::IOStatus status =
        NewPreparedLog(rocksdb::FileSystem::Default().get(), path_, FileOptions(), &log_, nullptr);
    EXPECT_TRUE(status.ok()) << status.ToString();
  }
  void Append(const std::string& data) {
    ASSERT_TRUE(log_->Append(data, IOOptions(), nullptr).ok());
    ASSERT_TRUE(log_->Sync(IOOptions(), nullptr).ok());
    written_ += data;
    ASSERT_EQ(log_->GetFileSize(IOOptions(), nullptr), written_.size());
  }

  ScratchDirectory scratch_;
  const std::string path_;
  std::unique_ptr<rocksdb::FSWritableFile> log_;
  std::string written_;
};

TEST_F(PreparedLogTest, SmallAppendsGoIntoZerosThatAreThere) {
  Append("one");
  const uintmax_t size = fs::file_size(path_);
  EXPECT_GT(size, 100000u);
  for (int i = 0; i < 20; ++i) Append(std::string(1000, static_cast<char>('a' + i)));
  EXPECT_EQ(fs::file_size(path_), size) << "a sync has no new length to make durable";
  const std::string contents = Contents(path_);
  EXPECT_EQ(contents.substr(0, written_.size()), written_);
  EXPECT_EQ(contents.find_first_not_of('\0', written_.size()), std::string::npos);
}

TEST_F(PreparedLogTest, ZerosAreWrittenAgainWhenTheyAreUsedUp) {
  Append("one");
  const uintmax_t size = fs::file_size(path_);
  while (written_.size() <= size) Append(std::string(10000, 'x'));
  EXPECT_GT(fs::file_size(path_), size);
  EXPECT_EQ(Contents(path_).substr(0, written_.size()), written_);
}

TEST_F(PreparedLogTest, LargeAppendsAreNotWrittenTwice) {
  Append(std::string(200000, 'x'));
  EXPECT_EQ(Contents(path_), written_);
}

TEST_F(PreparedLogTest, ClosingLeavesWhatWasWritten) {
  Append("one");
  Append(std::string(50000, 'x'));
  Append("three");
  ASSERT_TRUE(log_->Close(IOOptions(), nullptr).ok());
  EXPECT_EQ(Contents(path_), written_);
}

TEST_F(PreparedLogTest, TruncatedItGoesOnFromThere) {
  Append("one two");
  ASSERT_TRUE(log_->Truncate(3, IOOptions(), nullptr).ok());
  written_ = "one";
  Append(" three");
  EXPECT_EQ(Contents(path_).substr(0, written_.size()), "one three");
}

}  // namespace
}  // namespace dmem::server
