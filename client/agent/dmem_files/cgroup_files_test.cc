// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/dmem_files/cgroup_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "client/agent/testing/temp_directory.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dmem::client {
namespace {

using ::testing::HasSubstr;

// A tree of plain files. What is the kernel's alone is shown with a simulated one, in
// dmem_files_backend_test.
class CgroupFilesTest : public ::testing::Test {
 protected:
  const TempDirectory tree_;
  const std::unique_ptr<CgroupFiles> files_ = MakeCgroupFiles(tree_.path());
};

TEST_F(CgroupFilesTest, AWriteReplacesTheLineOfItsRegionAndLeavesTheOthers) {
  tree_.Write("a/dmem.max", "r10 1000\nr1 max\nr2 77\n");
  ASSERT_TRUE(files_->WriteLimit("/a", "dmem.max", "r1", "5").ok());
  EXPECT_EQ(tree_.Read("a/dmem.max"), "r10 1000\nr1 5\nr2 77\n");
  ASSERT_TRUE(files_->WriteLimit("/a", "dmem.max", "r10", "1").ok());
  EXPECT_EQ(tree_.Read("a/dmem.max"), "r10 1\nr1 5\nr2 77\n");
  ASSERT_TRUE(files_->WriteLimit("/a", "dmem.max", "r3", "max").ok());
  EXPECT_EQ(tree_.Read("a/dmem.max"), "r10 1\nr1 5\nr2 77\nr3 max\n");
}

TEST_F(CgroupFilesTest, AnEmptyOrTornFileGetsWholeLines) {
  tree_.Write("a/dmem.max", "");
  ASSERT_TRUE(files_->WriteLimit("/a", "dmem.max", "r1", "5").ok());
  EXPECT_EQ(tree_.Read("a/dmem.max"), "r1 5\n");
  tree_.Write("a/dmem.max", "r1 5\nr1 6\nr2 7");
  ASSERT_TRUE(files_->WriteLimit("/a", "dmem.max", "r1", "8").ok());
  EXPECT_EQ(tree_.Read("a/dmem.max"), "r1 8\nr2 7\n");
}

TEST_F(CgroupFilesTest, TheControllerIsAddedToThoseThatAreThere) {
  tree_.Write("cgroup.subtree_control", "cpu memory\n");
  ASSERT_TRUE(files_->EnableDmem("/").ok());
  EXPECT_EQ(tree_.Read("cgroup.subtree_control"), "cpu memory dmem\n");
  tree_.Write("a/cgroup.subtree_control", "");
  ASSERT_TRUE(files_->EnableDmem("/a").ok());
  EXPECT_EQ(tree_.Read("a/cgroup.subtree_control"), "dmem\n");
}

TEST_F(CgroupFilesTest, AFileThatIsNotThereIsNotMade) {
  tree_.Write("a/other", "");
  EXPECT_TRUE(absl::IsNotFound(files_->WriteLimit("/a", "dmem.max", "r1", "5")));
  EXPECT_TRUE(absl::IsNotFound(files_->EnableDmem("/a")));
  EXPECT_TRUE(absl::IsNotFound(files_->Read("/a", "dmem.max").status()));
  EXPECT_TRUE(absl::IsNotFound(files_->Read("/gone", "dmem.max").status()));
  EXPECT_TRUE(absl::IsNotFound(files_->CheckWritable("/a", "dmem.max")));
  EXPECT_EQ(tree_.Files().size(), 1u);
}

TEST_F(CgroupFilesTest, ACgroupIsADirectory) {
  tree_.Write("a/file", "");
  EXPECT_TRUE(files_->CheckCgroup("/").ok());
  EXPECT_TRUE(files_->CheckCgroup("/a").ok());
  EXPECT_TRUE(absl::IsNotFound(files_->CheckCgroup("/a/file")));
  EXPECT_TRUE(absl::IsNotFound(files_->CheckCgroup("/b")));
}

TEST_F(CgroupFilesTest, AWriteThatTheSystemRefusesIsAnErrorThatNamesTheFile) {
  tree_.Write("a/x", "");
  std::filesystem::create_symlink("/dev/full", tree_.path() + "/a/dmem.max");
  const absl::Status full = files_->WriteLimit("/a", "dmem.max", "r1", "5");
  EXPECT_TRUE(absl::IsUnavailable(full)) << full;
  EXPECT_THAT(std::string(full.message()), HasSubstr(tree_.path() + "/a/dmem.max"));

  std::filesystem::create_directory(tree_.path() + "/a/dmem.low");
  EXPECT_TRUE(absl::IsUnavailable(files_->WriteLimit("/a", "dmem.low", "r1", "5")));
  EXPECT_TRUE(absl::IsUnavailable(files_->Read("/a", "dmem.low").status()));
}

TEST_F(CgroupFilesTest, NothingIsWaitedFor) {
  tree_.Write("a/x", "");
  // Nobody ever writes to it, or reads from it.
  ASSERT_EQ(::mkfifo((tree_.path() + "/a/dmem.max").c_str(), 0600), 0);
  const auto read = files_->Read("/a", "dmem.max");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, "");
  EXPECT_FALSE(files_->WriteLimit("/a", "dmem.max", "r1", "5").ok());
}

TEST_F(CgroupFilesTest, AnEndlessFileIsAnError) {
  tree_.Write("a/x", "");
  std::filesystem::create_symlink("/dev/zero", tree_.path() + "/a/dmem.current");
  EXPECT_TRUE(absl::IsUnavailable(files_->Read("/a", "dmem.current").status()));
}

TEST_F(CgroupFilesTest, WithoutPermissionItIsPermissionDenied) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everything";
  tree_.Write("a/dmem.max", "r1 1\n");
  std::filesystem::permissions(tree_.path() + "/a/dmem.max", std::filesystem::perms::none);
  EXPECT_TRUE(absl::IsPermissionDenied(files_->Read("/a", "dmem.max").status()));
  EXPECT_TRUE(absl::IsPermissionDenied(files_->WriteLimit("/a", "dmem.max", "r1", "5")));
  EXPECT_TRUE(absl::IsPermissionDenied(files_->CheckWritable("/a", "dmem.max")));
}

}  // namespace
}  // namespace dmem::client
