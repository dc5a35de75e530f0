// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/nvml/limit_journal.h"

#include <string>

#include "client/agent/testing/temp_directory.h"
#include "gtest/gtest.h"

namespace dmem::client {
namespace {

using Value = LimitJournal::Value;

const char kGpu[] = "nvidia/GPU-1";

TEST(LimitJournalTest, ASuccessorKnowsWhatWasSetAndWhatStoodBefore) {
  const TempDirectory directory;
  const std::string path = directory.path() + "/run/agent/limits";
  const std::string odd = "/pod a\nb\\/c";
  {
    LimitJournal journal(path);
    EXPECT_TRUE(journal.Load().ok());
    EXPECT_TRUE(journal.Record("/pod1", kGpu, Value{1, 10}, Value{0, 5}).ok());
    EXPECT_TRUE(journal.Record(odd, kGpu, Value{2, 20}, Value{0, 5}).ok());
  }
  LimitJournal journal(path);
  ASSERT_TRUE(journal.Load().ok());
  EXPECT_EQ(journal.size(), 2u);
  EXPECT_TRUE(journal.HasSet("/pod1", kGpu, Value{1, 10}));
  EXPECT_TRUE(journal.HasSet("/pod1", kGpu, Value{0, 5}));
  EXPECT_TRUE(journal.HasSet(odd, kGpu, Value{2, 20}));
  EXPECT_FALSE(journal.HasSet("/pod1", kGpu, Value{1, 11}));
  EXPECT_FALSE(journal.HasSet("/pod1", "nvidia/GPU-2", Value{1, 10}));
  EXPECT_FALSE(journal.HasSet("/pod2", kGpu, Value{1, 10}));
}

TEST(LimitJournalTest, WhatIsSetAboveACgroupCountsForIt) {
  LimitJournal journal("");
  EXPECT_TRUE(journal.Record("/a/b", kGpu, Value{1, 10}, Value{0, 5}).ok());
  EXPECT_TRUE(journal.HasSetAtOrAbove("/a/b", kGpu, Value{1, 10}));
  EXPECT_TRUE(journal.HasSetAtOrAbove("/a/b/c/d", kGpu, Value{1, 10}));
  EXPECT_FALSE(journal.HasSetAtOrAbove("/a", kGpu, Value{1, 10}));
  EXPECT_FALSE(journal.HasSetAtOrAbove("/a/bc", kGpu, Value{1, 10}));
  EXPECT_FALSE(journal.HasSet("/a/b/c", kGpu, Value{1, 10}));
}

TEST(LimitJournalTest, WhatIsGoneIsForgotten) {
  LimitJournal journal("");
  EXPECT_TRUE(journal.Record("/a", kGpu, Value{1, 10}, Value{0, 5}).ok());
  EXPECT_TRUE(journal.Record("/b", kGpu, Value{1, 10}, Value{0, 5}).ok());
  journal.ForgetGone([](const std::string& cgroup) { return cgroup == "/a"; });
  EXPECT_FALSE(journal.HasSet("/a", kGpu, Value{1, 10}));
  EXPECT_TRUE(journal.HasSet("/b", kGpu, Value{1, 10}));
}

TEST(LimitJournalTest, ATornOrForeignFileIsSaidAndWhatMakesSenseIsUsed) {
  const TempDirectory directory;
  const std::string path = directory.path() + "/limits";
  LimitJournal journal(path);
  directory.Write("limits", "dmem-agent limits 1\nnvidia/GPU-1 1 10 0 5 /a\nnvidia/GPU-1 1 1");
  EXPECT_TRUE(absl::IsUnavailable(journal.Load()));
  EXPECT_EQ(journal.size(), 1u);
  EXPECT_TRUE(journal.HasSet("/a", kGpu, Value{1, 10}));
  directory.Write("limits", "something else\n");
  EXPECT_TRUE(absl::IsUnavailable(journal.Load()));
  EXPECT_EQ(journal.size(), 0u);
}

TEST(LimitJournalTest, WhereItCannotBeWrittenThisProcessStillKnows) {
  const TempDirectory directory;
  directory.Write("file", "");
  LimitJournal journal(directory.path() + "/file/limits");
  EXPECT_TRUE(absl::IsUnavailable(journal.Record("/a", kGpu, Value{1, 10}, Value{0, 5})));
  EXPECT_TRUE(journal.HasSet("/a", kGpu, Value{1, 10}));
}

}  // namespace
}  // namespace dmem::client
