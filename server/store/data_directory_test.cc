// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/store/data_directory.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rocksdb/env.h"

namespace dmem::server {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class DataDirectoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
  }

  void Write(const std::string& name, const std::string& contents) {
    std::ofstream(directory_ + "/" + name) << contents;
  }

  absl::StatusOr<DirectoryState> Inspect() { return InspectDirectory(env_, directory_); }

  rocksdb::Env* const env_ = rocksdb::Env::Default();
  const std::string directory_ = absl::StrCat(::testing::TempDir(), "/data_directory_test");
};

TEST_F(DataDirectoryTest, MissingDirectoryIsEmpty) {
  std::filesystem::remove_all(directory_);
  EXPECT_EQ(*Inspect(), DirectoryState::kEmpty);
  EXPECT_FALSE(std::filesystem::exists(directory_)) << "inspecting makes nothing";
}

TEST_F(DataDirectoryTest, LockAndLostAndFoundAreNothing) {
  Write("LOCK", "1\n");
  std::filesystem::create_directory(directory_ + "/lost+found");
  EXPECT_EQ(*Inspect(), DirectoryState::kEmpty);
}

TEST_F(DataDirectoryTest, BegunStoreIsUnfinishedAndFinishedStoreIsAStore) {
  std::filesystem::remove_all(directory_);
  ASSERT_TRUE(MakeDirectory(env_, directory_).ok());
  ASSERT_TRUE(MakeDirectory(env_, directory_).ok()) << "it may be there";
  ASSERT_TRUE(BeginStore(env_, directory_).ok());
  EXPECT_EQ(*Inspect(), DirectoryState::kUnfinished);
  Write("anything", "of ours");
  EXPECT_EQ(*Inspect(), DirectoryState::kUnfinished);
  ASSERT_TRUE(FinishStore(env_, directory_).ok());
  EXPECT_EQ(*Inspect(), DirectoryState::kStore);
}

TEST_F(DataDirectoryTest, NonEmptyDirectoryWithoutFormatIsRefusedByName) {
  Write("holiday.jpg", "");
  const absl::Status status = Inspect().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr(directory_), HasSubstr("holiday.jpg"), HasSubstr("FORMAT")));
}

TEST_F(DataDirectoryTest, AnotherFormatIsRefusedWithBothNumbersAndWhatToUse) {
  const std::pair<const char*, const char*> kCases[] = {{"7", "a newer dmemd"},
                                                        {"1", "the dmemd that wrote it"}};
  for (const auto& [format, use] : kCases) {
    Write("FORMAT", absl::StrCat("dmemd store format ", format, "\n"));
    const absl::Status status = Inspect().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr(absl::StrCat("has store format ", format)),
                      HasSubstr("reads store format 2"), HasSubstr(use)));
  }
}

TEST_F(DataDirectoryTest, UnreadableFormatIsDataLossByName) {
  for (const char* text :
       {"", "dmemd store format 2", "dmemd store format 0\n", "dmemd store format x\n",
        "dmemd store forma\x74 2 \n\n", "Dmemd store format 2\n"}) {
    Write("FORMAT", text);
    const absl::Status status = Inspect().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(directory_ + "/FORMAT"));
  }
}

TEST_F(DataDirectoryTest, FileInPlaceOfTheDirectoryIsRefused) {
  std::filesystem::remove_all(directory_);
  std::ofstream(directory_) << "a file";
  EXPECT_EQ(Inspect().status().code(), absl::StatusCode::kFailedPrecondition) << "a file";
  EXPECT_EQ(MakeDirectory(env_, directory_ + "/below").code(),
            absl::StatusCode::kFailedPrecondition);
  std::filesystem::remove(directory_);
}

TEST_F(DataDirectoryTest, MissingParentIsRefusedByName) {
  const absl::Status status = MakeDirectory(env_, directory_ + "/no/such");
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr(directory_ + "/no/such"));
}

TEST_F(DataDirectoryTest, SecondLockIsRefusedWithDirectoryAndPidUntilTheFirstIsGone) {
  auto first = DirectoryLock::Acquire(directory_);
  ASSERT_TRUE(first.ok()) << first.status();
  const absl::Status second = DirectoryLock::Acquire(directory_).status();
  EXPECT_EQ(second.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.message()),
              AllOf(HasSubstr(directory_), HasSubstr(absl::StrCat("pid ", ::getpid()))));
  first->reset();
  EXPECT_TRUE(DirectoryLock::Acquire(directory_).ok());
}

TEST_F(DataDirectoryTest, DirectoryThatCannotBeWrittenIsRefusedByName) {
  // What holds for root as well: there is no such directory to write to.
  const absl::Status missing = DirectoryLock::Acquire(directory_ + "/none").status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(missing.message()),
              AllOf(HasSubstr(directory_ + "/none"), HasSubstr("not writable")));
  if (::geteuid() == 0) return;  // Permissions do not bind root.
  std::filesystem::permissions(
      directory_, std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  EXPECT_EQ(DirectoryLock::Acquire(directory_).status().code(),
            absl::StatusCode::kFailedPrecondition);
  std::filesystem::permissions(directory_, std::filesystem::perms::owner_all);
}

}  // namespace
}  // namespace dmem::server
