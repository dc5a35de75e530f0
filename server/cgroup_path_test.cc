// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/cgroup_path.h"

#include "gtest/gtest.h"

namespace dmem::server {
namespace {

TEST(CgroupPathTest, EveryPathIsAtOrBelowTheRoot) {
  EXPECT_TRUE(IsPathAtOrBelow("/", "/"));
  EXPECT_TRUE(IsPathAtOrBelow("/a/b", "/"));
}

TEST(CgroupPathTest, APathIsBelowWhatItsComponentsBeginWith) {
  EXPECT_TRUE(IsPathAtOrBelow("/a", "/a"));
  EXPECT_TRUE(IsPathAtOrBelow("/a/b/c", "/a/b"));
  EXPECT_FALSE(IsPathAtOrBelow("/ab", "/a")) << "the name only begins so";
  EXPECT_FALSE(IsPathAtOrBelow("/a", "/a/b"));
  EXPECT_FALSE(IsPathAtOrBelow("/", "/a"));
  EXPECT_FALSE(IsPathAtOrBelow("/b/a", "/a"));
}

}  // namespace
}  // namespace dmem::server
