// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/loop/gate.h"

#include <gtest/gtest.h>

#include <string>

#include "client/agent/testing/temp_directory.h"

namespace dmem::client {
namespace {

class GateTest : public ::testing::Test {
 protected:
  bool IsOpen(const std::string& uid) const { return directory_.Exists(uid); }

  TempDirectory directory_;
};

TEST_F(GateTest, FilesComeAndGoWithThePodsThatMayStart) {
  Gate gate(directory_.path());
  EXPECT_TRUE(gate.Set({"a", "b"}, {}).ok());
  EXPECT_TRUE(IsOpen("a") && IsOpen("b"));
  EXPECT_TRUE(gate.Set({"b"}, {}).ok());
  EXPECT_FALSE(IsOpen("a"));
  EXPECT_TRUE(IsOpen("b"));
}

TEST_F(GateTest, FilesOfOthersStay) {
  Gate(directory_.path()).Set({"a"}, {}).IgnoreError();
  Gate gate(directory_.path());
  EXPECT_TRUE(gate.Set({}, {}).ok());
  EXPECT_TRUE(IsOpen("a")) << "of an agent before, whose pods may run";
}

TEST_F(GateTest, NameThatLeadsOutOfTheDirectoryMakesNothing) {
  Gate gate(directory_.path());
  EXPECT_TRUE(gate.Set({"../x", "", ".", "a/b"}, {{"../y", "full"}}).ok());
  EXPECT_FALSE(IsOpen("../x"));
  EXPECT_FALSE(directory_.Exists("../.y.why"));
  EXPECT_FALSE(IsGateName("../x"));
  EXPECT_FALSE(IsGateName(""));
  EXPECT_TRUE(IsGateName("0a-1b"));
}

TEST_F(GateTest, SaysWhyAPodWaitsAsLongAsItDoes) {
  Gate gate(directory_.path());
  EXPECT_TRUE(gate.Set({}, {{"a", "5 short"}, {"b", "full"}}).ok());
  EXPECT_EQ(WhyClosed(directory_.path(), "a"), "5 short");
  EXPECT_TRUE(gate.Set({"b"}, {{"a", "4 short"}}).ok());
  EXPECT_EQ(WhyClosed(directory_.path(), "a"), "4 short");
  EXPECT_EQ(WhyClosed(directory_.path(), "b"), "");
  EXPECT_FALSE(directory_.Exists(".b.why"));
  EXPECT_EQ(WhyClosed(directory_.path(), "../a"), "");
}

TEST_F(GateTest, WhatAnAgentBeforeSaidIsForgotten) {
  EXPECT_TRUE(Gate(directory_.path()).Set({}, {{"a", "full"}, {"b", "full"}}).ok());
  directory_.Write(".keep", "somebody else's");
  EXPECT_TRUE(Gate(directory_.path()).Set({"a"}, {{"c", "full"}}).ok());
  EXPECT_EQ(WhyClosed(directory_.path(), "a"), "");
  EXPECT_EQ(WhyClosed(directory_.path(), "b"), "");
  EXPECT_EQ(WhyClosed(directory_.path(), "c"), "full");
  EXPECT_TRUE(directory_.Exists(".keep"));
}

TEST_F(GateTest, DirectoryThatIsNotThereIsAnErrorThatNamesTheFile) {
  Gate gate(directory_.path() + "/none");
  const absl::Status status = gate.Set({"a"}, {});
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_NE(status.message().find("/none/a"), absl::string_view::npos);
}

TEST_F(GateTest, NoDirectoryIsNoGate) { EXPECT_TRUE(Gate("").Set({"a"}, {{"b", "full"}}).ok()); }

}  // namespace
}  // namespace dmem::client
