// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The disk that loses power must itself be right: too kind, and the tests on it prove nothing.

#include "server/store/testing/power_cut_env.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "rocksdb/env.h"

namespace dmem::server {
namespace {

using Unsynced = PowerCutEnv::Unsynced;
namespace fs = std::filesystem;

class PowerCutEnvTest : public ::testing::Test {
 protected:
  void SetUp() override {
    disk_.reset();
    fs::remove_all(root_);
    fs::create_directories(root_);
    // Durable from the start.
    std::ofstream(Path("old")) << "old contents";
    disk_ = std::make_unique<PowerCutEnv>(root_);
  }

  std::string Path(const std::string& name) const { return root_ + "/" + name; }

  std::unique_ptr<rocksdb::WritableFile> Create(const std::string& name,
                                                const std::string& contents, bool sync) {
    std::unique_ptr<rocksdb::WritableFile> file;
    EXPECT_TRUE(disk_->env()->NewWritableFile(Path(name), &file, rocksdb::EnvOptions()).ok());
    EXPECT_TRUE(file->Append(contents).ok());
    EXPECT_TRUE(!sync || file->Sync().ok());
    return file;
  }

  void SyncDirectory(const std::string& path) {
    std::unique_ptr<rocksdb::Directory> directory;
    ASSERT_TRUE(disk_->env()->NewDirectory(path, &directory).ok());
    ASSERT_TRUE(directory->Fsync().ok());
  }

  void CutAndSettle(Unsynced unsynced = Unsynced::kDropped, uint64_t seed = 0) {
    disk_->Cut();
    disk_->Settle(unsynced, seed);
  }

  std::optional<std::string> Read(const std::string& name) const {
    if (!fs::exists(Path(name))) return std::nullopt;
    std::ifstream in(Path(name), std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }

  const std::string root_ = absl::StrCat(::testing::TempDir(), "power_cut_env_test");
  std::unique_ptr<PowerCutEnv> disk_;
};

TEST_F(PowerCutEnvTest, WhatWasThereBeforeIsThereAfter) {
  CutAndSettle();
  EXPECT_EQ(Read("old"), "old contents");
}

TEST_F(PowerCutEnvTest, BytesStayOnlyWhenTheFileIsSyncedAndTheNameOnlyWhenItsDirectoryIs) {
  Create("both", "synced", true)->Append(" not synced").PermitUncheckedError();
  Create("name only", "not synced", false);
  SyncDirectory(root_);
  Create("bytes only", "synced", true);
  CutAndSettle();
  EXPECT_EQ(Read("both"), "synced");
  EXPECT_EQ(Read("name only"), "");
  EXPECT_EQ(Read("bytes only"), std::nullopt);
}

TEST_F(PowerCutEnvTest, RenameAndDeleteAreUndoneUnlessTheDirectoryIsSynced) {
  Create("a", "a", true);
  Create("b", "b", true);
  Create("c", "c", true);
  SyncDirectory(root_);
  ASSERT_TRUE(disk_->env()->RenameFile(Path("a"), Path("b")).ok());
  ASSERT_TRUE(disk_->env()->DeleteFile(Path("c")).ok());
  ASSERT_TRUE(disk_->env()->DeleteFile(Path("old")).ok());
  CutAndSettle();
  EXPECT_EQ(Read("a"), "a");
  EXPECT_EQ(Read("b"), "b");
  EXPECT_EQ(Read("c"), "c");
  EXPECT_EQ(Read("old"), "old contents");
}

TEST_F(PowerCutEnvTest, RenameAndDeleteStayWhenTheDirectoryIsSynced) {
  Create("a", "a", true);
  ASSERT_TRUE(disk_->env()->RenameFile(Path("a"), Path("old")).ok());
  Create("c", "c", true);
  ASSERT_TRUE(disk_->env()->DeleteFile(Path("c")).ok());
  SyncDirectory(root_);
  CutAndSettle();
  EXPECT_EQ(Read("a"), std::nullopt);
  EXPECT_EQ(Read("old"), "a");
  EXPECT_EQ(Read("c"), std::nullopt);
}

TEST_F(PowerCutEnvTest, OverwritesAndTruncationsAreUndoneUnlessTheFileIsSynced) {
  for (const bool sync : {false, true}) {
    SetUp();
    std::unique_ptr<rocksdb::RandomRWFile> file;
    ASSERT_TRUE(disk_->env()->NewRandomRWFile(Path("old"), &file, rocksdb::EnvOptions()).ok());
    ASSERT_TRUE(file->Write(4, "CON").ok());
    ASSERT_TRUE(file->Write(0, "O").ok());
    ASSERT_TRUE(!sync || file->Sync().ok());
    Create("cut", "0123456789", true).reset();
    SyncDirectory(root_);
    std::unique_ptr<rocksdb::WritableFile> cut;
    ASSERT_TRUE(disk_->env()->ReopenWritableFile(Path("cut"), &cut, rocksdb::EnvOptions()).ok());
    ASSERT_TRUE(cut->Truncate(3).ok());
    ASSERT_TRUE(!sync || cut->Sync().ok());
    CutAndSettle();
    EXPECT_EQ(Read("old"), sync ? "Old CONtents" : "old contents");
    EXPECT_EQ(Read("cut"), sync ? "012" : "0123456789");
  }
}

// A file with two names: emptying it by one name must show under the other.
TEST_F(PowerCutEnvTest, HardLinksStayOneFile) {
  ASSERT_TRUE(disk_->env()->LinkFile(Path("old"), Path("second")).ok());
  SyncDirectory(root_);
  CutAndSettle();
  EXPECT_EQ(Read("second"), "old contents");
  EXPECT_TRUE(fs::equivalent(Path("old"), Path("second")));
}

TEST_F(PowerCutEnvTest, DirectoryThatWasNotSyncedGoesWithAllThatIsInIt) {
  ASSERT_TRUE(disk_->env()->CreateDir(Path("kept")).ok());
  SyncDirectory(root_);
  ASSERT_TRUE(disk_->env()->CreateDir(Path("lost")).ok());
  for (const std::string name : {"kept", "lost"}) {
    Create(name + "/file", "synced", true);
    SyncDirectory(Path(name));
  }
  CutAndSettle();
  EXPECT_EQ(Read("kept/file"), "synced");
  EXPECT_FALSE(fs::exists(Path("lost")));
}

TEST_F(PowerCutEnvTest, EverythingFailsAfterTheCutAndNothingMoreBecomesDurable) {
  const auto file = Create("a", "1", true);
  SyncDirectory(root_);
  disk_->Cut();
  EXPECT_FALSE(file->Append("2").ok());
  EXPECT_FALSE(file->Sync().ok());
  EXPECT_FALSE(disk_->env()->DeleteFile(Path("a")).ok());
  EXPECT_FALSE(disk_->env()->RenameFile(Path("a"), Path("b")).ok());
  std::string contents;
  EXPECT_FALSE(rocksdb::ReadFileToString(disk_->env(), Path("a"), &contents).ok());
  disk_->Settle(Unsynced::kDropped, 0);
  EXPECT_EQ(Read("a"), "1");
}

TEST_F(PowerCutEnvTest, CutComesInTheMiddleOfTheOperationWithItsNumber) {
  const int64_t start = disk_->operations();
  disk_->CutAt(start + 3);  // Create, append, sync, then the directory's sync.
  const auto file = Create("a", "1", true);
  EXPECT_FALSE(disk_->is_cut());
  std::unique_ptr<rocksdb::Directory> directory;
  ASSERT_TRUE(disk_->env()->NewDirectory(root_, &directory).ok());
  EXPECT_FALSE(directory->Fsync().ok());
  EXPECT_TRUE(disk_->is_cut());
  disk_->Settle(Unsynced::kDropped, 0);
  EXPECT_EQ(Read("a"), std::nullopt);
}

TEST_F(PowerCutEnvTest, PartsOfWhatWasNotSyncedAreKeptByTheSeed) {
  std::set<std::string> seen;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    SetUp();
    Create("a", "synced ", true)->Append("0123456789").PermitUncheckedError();
    SyncDirectory(root_);
    ASSERT_TRUE(disk_->env()->DeleteFile(Path("old")).ok());
    CutAndSettle(Unsynced::kPartKept, seed);
    const std::string contents = *Read("a");
    EXPECT_EQ(contents.substr(0, 7), "synced ");
    const std::string tail = contents.substr(7);
    const bool prefix = tail == std::string("0123456789").substr(0, tail.size());
    EXPECT_TRUE(prefix || tail == std::string(tail.size(), '\0')) << tail;
    seen.insert(absl::StrCat(tail.empty()       ? "none"
                             : !prefix          ? "zeros"
                             : tail.size() < 10 ? "part"
                                                : "all",
                             fs::exists(Path("old")) ? ", deleted" : ", there"));
  }
  EXPECT_EQ(seen.size(), 8u) << "each of four outcomes with each of two";
}

TEST_F(PowerCutEnvTest, FullDiskWritesHalfAndSaysSo) {
  const auto file = Create("a", "1234", false);
  disk_->FailAt(disk_->operations(), /*and_later=*/false);
  EXPECT_TRUE(file->Append("5678").IsNoSpace());
  EXPECT_EQ(Read("a"), "123456");
  EXPECT_TRUE(file->Append("9").ok()) << "only the one";
  disk_->FailAt(disk_->operations() + 1, /*and_later=*/true);
  EXPECT_TRUE(file->Append("0").ok());
  EXPECT_TRUE(file->Sync().IsNoSpace());
  EXPECT_TRUE(file->Sync().IsNoSpace()) << "and all later";
  disk_->StopFailing();
  EXPECT_TRUE(file->Sync().ok());
}

}  // namespace
}  // namespace dmem::server
