// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/pods/file_pod_source.h"

#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/agent/testing/temp_directory.h"
#include "gtest/gtest.h"

namespace dmem::client {
namespace {

std::string PodText(const std::string& name, const std::string& node) {
  return absl::StrCat(R"({"metadata": {"namespace": "ml", "name": ")", name, R"(", "uid": "u-)",
                      name, R"("}, "spec": {"nodeName": ")", node, R"("}})");
}

class FilePodSourceTest : public ::testing::Test {
 protected:
  TempDirectory directory_;
  absl::Time now_ = absl::FromUnixSeconds(100);
  const std::unique_ptr<PodSource> source_ =
      MakeFilePodSource(directory_.path() + "/pods.json", "node-17", [this] { return now_; });
};

TEST_F(FilePodSourceTest, PodsOfThisNodeAndOfNoneAreListed) {
  directory_.Write("pods.json", absl::StrCat("[", PodText("c", "node-17"), ",",
                                             PodText("b", "node-18"), ",", PodText("a", ""), "]"));
  const PodSnapshot snapshot = source_->List();
  ASSERT_TRUE(snapshot.status.ok()) << snapshot.status;
  ASSERT_EQ(snapshot.pods.size(), 2u);
  EXPECT_EQ(snapshot.pods[0].name, "a");
  EXPECT_EQ(snapshot.pods[1].name, "c");
  EXPECT_EQ(snapshot.as_of, now_);
}

TEST_F(FilePodSourceTest, AChangedFileIsReadAgainEvenWithinOneTickAndOfOneLength) {
  for (const char* name : {"a", "b", "c"}) {
    directory_.Write("pods.json", absl::StrCat("[", PodText(name, "node-17"), "]"));
    EXPECT_EQ(source_->List().pods.at(0).name, name);
  }
}

TEST_F(FilePodSourceTest, AFileThatIsGoneOrBrokenLeavesTheLastListAndSaysWhy) {
  const absl::Status missing = source_->List().status;
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(absl::StartsWith(missing.message(), "pods.file \"")) << missing;
  EXPECT_EQ(source_->List().as_of, absl::InfinitePast());
  directory_.Write("pods.json", absl::StrCat("[", PodText("a", "node-17"), "]"));
  ASSERT_TRUE(source_->List().status.ok());
  now_ += absl::Seconds(5);
  for (const char* broken : {"[", "{}", "[{}]"}) {
    directory_.Write("pods.json", broken);
    const PodSnapshot snapshot = source_->List();
    EXPECT_EQ(snapshot.status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_TRUE(absl::StrContains(snapshot.status.message(), "pods.json")) << snapshot.status;
    EXPECT_EQ(snapshot.pods.size(), 1u);
    EXPECT_EQ(snapshot.as_of, absl::FromUnixSeconds(100));
  }
  // The same text as before the damage.
  directory_.Write("pods.json", absl::StrCat("[", PodText("a", "node-17"), "]"));
  EXPECT_TRUE(source_->List().status.ok());
  EXPECT_EQ(source_->List().as_of, now_);
}

}  // namespace
}  // namespace dmem::client
