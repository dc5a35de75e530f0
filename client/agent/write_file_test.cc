// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/write_file.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "client/agent/read_file.h"
#include "client/agent/testing/temp_directory.h"

namespace dmem::client {
namespace {

TEST(WriteFileTest, FileAndItsDirectoriesAreMadeAndWhatWasThereIsReplaced) {
  const TempDirectory root;
  const std::string path = root.path() + "/a/b/file";
  ASSERT_TRUE(WriteWholeFile(path, "a longer text").ok());
  ASSERT_TRUE(WriteWholeFile(path, std::string("x\0y", 3)).ok());
  EXPECT_EQ(*ReadSmallFile(path, 100), std::string("x\0y", 3));
  EXPECT_FALSE(root.Exists("a/b/file.new"));
}

TEST(WriteFileTest, WhatIsReplacedInADirectoryThatIsNotThereMakesNone) {
  const TempDirectory root;
  const std::string path = root.path() + "/a/file";
  EXPECT_TRUE(absl::IsUnavailable(ReplaceFile(path, root.path() + "/a/.next", "x")));
  EXPECT_FALSE(root.Exists("a"));
  root.Write("a/other", "");
  EXPECT_TRUE(ReplaceFile(path, root.path() + "/a/.next", "x").ok());
  EXPECT_EQ(root.Read("a/file"), "x");
  EXPECT_FALSE(root.Exists("a/.next"));
}

TEST(WriteFileTest, WhatCannotBeWrittenStaysAndTheErrorNamesTheFile) {
  const TempDirectory root;
  root.Write("file", "as it was");
  const absl::Status below = WriteWholeFile(root.path() + "/file/next", "x");
  EXPECT_TRUE(absl::IsUnavailable(below));
  EXPECT_TRUE(absl::StrContains(below.message(), root.path() + "/file/next: ")) << below;
  root.Write("file.new/in_the_way", "");
  const absl::Status blocked = WriteWholeFile(root.path() + "/file", "x");
  EXPECT_TRUE(absl::IsUnavailable(blocked));
  EXPECT_TRUE(absl::StrContains(blocked.message(), root.path() + "/file: ")) << blocked;
  EXPECT_EQ(*ReadSmallFile(root.path() + "/file", 100), "as it was");
}

}  // namespace
}  // namespace dmem::client
