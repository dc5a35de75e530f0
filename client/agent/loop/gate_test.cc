// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/loop/gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "client/agent/testing/temp_directory.h"

namespace dmem::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class GateTest : public ::testing::Test {
 protected:
  // A node on which those that are open and closed are all the pods.
  static GateState StateOf(std::set<std::string> open,
                           std::map<std::string, std::string> closed = {}) {
    GateState state;
    state.present = open;
    for (const auto& pod : closed) state.present->insert(pod.first);
    state.open = std::move(open);
    state.closed = std::move(closed);
    return state;
  }

  bool IsOpen(const std::string& uid) const { return directory_.Exists(uid); }
  std::string Why(const std::string& uid) const { return WhyClosed(directory_.path(), uid); }

  TempDirectory directory_;
  Gate gate_{directory_.path()};
};

TEST_F(GateTest, FilesComeAndGoWithThePodsThatMayStart) {
  EXPECT_TRUE(gate_.Set(StateOf({"a", "b"})).ok());
  EXPECT_TRUE(IsOpen("a") && IsOpen("b"));
  EXPECT_TRUE(gate_.Set(StateOf({"b"})).ok());
  EXPECT_FALSE(IsOpen("a"));
  EXPECT_TRUE(IsOpen("b"));
  EXPECT_THAT(gate_.opened(), ElementsAre("b"));
}

TEST_F(GateTest, WhatSomebodyRemovesIsMadeAgain) {
  const GateState state = StateOf({"a"}, {{"b", "full"}});
  EXPECT_TRUE(gate_.Set(state).ok());
  directory_.Remove("a");
  directory_.Remove(".b.why");
  EXPECT_TRUE(gate_.Set(state).ok());
  EXPECT_TRUE(IsOpen("a"));
  EXPECT_EQ(Why("b"), "full");
}

TEST_F(GateTest, DirectoryThatIsNotThereIsNeverMadeAndFilledOnceItIs) {
  const std::string path = directory_.path() + "/gate";
  Gate gate(path);
  for (const GateState& state : {GateState(), StateOf({"a"}, {{"b", "full"}})}) {
    const absl::Status status = gate.Set(state);
    EXPECT_TRUE(absl::IsNotFound(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("make it, or mount it"));
    EXPECT_FALSE(directory_.Exists("gate"));
    EXPECT_THAT(gate.opened(), IsEmpty());
  }
  directory_.Write("gate/README", "made anew");
  EXPECT_TRUE(gate.Set(StateOf({"a"}, {{"b", "full"}})).ok());
  EXPECT_TRUE(IsOpen("gate/a"));
  EXPECT_EQ(WhyClosed(path, "b"), "full");
  directory_.Remove("gate");
  EXPECT_FALSE(gate.Set(StateOf({"a"}, {{"b", "full"}})).ok());
  directory_.Write("gate/README", "made anew again");
  EXPECT_TRUE(gate.Set(StateOf({"a"}, {{"b", "full"}})).ok());
  EXPECT_TRUE(IsOpen("gate/a"));
  EXPECT_EQ(WhyClosed(path, "b"), "full");
}

TEST_F(GateTest, LeaveOfAnAgentBeforeStandsUntilItsPodIsKnownToBeGone) {
  EXPECT_TRUE(Gate(directory_.path()).Set(StateOf({"a", "b"})).ok());
  GateState state;
  EXPECT_TRUE(gate_.Set(state).ok());
  EXPECT_TRUE(IsOpen("a") && IsOpen("b")) << "nobody knows which pods there are";
  state.present = {"a"};
  state.closed["a"] = "full";
  EXPECT_TRUE(gate_.Set(state).ok());
  EXPECT_TRUE(IsOpen("a"));
  EXPECT_EQ(Why("a"), "") << "it does not wait";
  EXPECT_THAT(gate_.opened(), ElementsAre("a"));
  EXPECT_FALSE(IsOpen("b"));
}

TEST_F(GateTest, FilesThatNoAgentMadeStay) {
  directory_.Write("lock", "");
  directory_.Write("README", "what this is for");
  directory_.Write(".keep", "");
  directory_.Write("below/file", "");
  EXPECT_TRUE(gate_.Set(StateOf({})).ok());
  EXPECT_EQ(directory_.Files().size(), 4u);
}

TEST_F(GateTest, WhatCannotBeRemovedIsSaidAndTriedAgain) {
  directory_.Write(".a.why/file", "a directory in the way");
  const absl::Status status = gate_.Set(StateOf({}));
  EXPECT_THAT(std::string(status.message()),
              StartsWith("cannot remove " + directory_.path() + "/.a.why"));
  directory_.Remove(".a.why/file");
  directory_.Remove(".a.why");
  directory_.Write(".a.why", "old");
  EXPECT_TRUE(gate_.Set(StateOf({})).ok());
  EXPECT_FALSE(directory_.Exists(".a.why"));
}

TEST_F(GateTest, NameThatLeadsOutOfTheDirectoryMakesNothing) {
  EXPECT_TRUE(gate_.Set(StateOf({"../x", "", ".", "a/b"}, {{"../y", "full"}})).ok());
  EXPECT_FALSE(IsOpen("../x"));
  EXPECT_FALSE(directory_.Exists("../.y.why"));
  EXPECT_FALSE(IsGateName("../x"));
  EXPECT_FALSE(IsGateName(""));
  EXPECT_TRUE(IsGateName("0a-1b"));
}

TEST_F(GateTest, SaysWhyAPodWaitsAsLongAsItDoes) {
  EXPECT_TRUE(gate_.Set(StateOf({}, {{"a", "5 short"}, {"b", "full"}})).ok());
  EXPECT_EQ(Why("a"), "5 short");
  EXPECT_TRUE(gate_.Set(StateOf({"b"}, {{"a", "4 short"}})).ok());
  EXPECT_EQ(Why("a"), "4 short");
  EXPECT_EQ(Why("b"), "");
  EXPECT_FALSE(directory_.Exists(".b.why"));
  EXPECT_EQ(Why("../a"), "");
}

TEST_F(GateTest, WhatAnAgentBeforeSaidOrLeftUnfinishedIsForgotten) {
  EXPECT_TRUE(
      Gate(directory_.path()).Set(StateOf({}, {{"a", "full"}, {"b", "full"}, {"c", "full"}})).ok());
  directory_.Write(".b.why.new", "ful");
  directory_.Write(".d.new", "dmem");
  directory_.Write(".keep", "somebody else's");
  EXPECT_TRUE(gate_.Set(StateOf({"a"}, {{"c", "5 short"}})).ok());
  EXPECT_EQ(Why("c"), "5 short");
  EXPECT_EQ(directory_.Files().size(), 3u) << "a, .c.why and .keep";
}

TEST_F(GateTest, WhoWaitsIsToldThatTheAgentIsStoppedUntilTheNextOneSaysMore) {
  const GateState state = StateOf({"b"}, {{"a", "5 short"}});
  EXPECT_TRUE(gate_.Set(state).ok());
  EXPECT_TRUE(gate_.Stop().ok());
  EXPECT_THAT(Why("a"), HasSubstr("is stopped"));
  EXPECT_THAT(Why("a"), HasSubstr("5 short"));
  EXPECT_TRUE(IsOpen("b")) << "leave that was given stands";
  EXPECT_TRUE(Gate(directory_.path()).Set(state).ok());
  EXPECT_EQ(Why("a"), "5 short");
}

TEST_F(GateTest, NoDirectoryIsNoGate) {
  Gate gate("");
  EXPECT_TRUE(gate.Set(StateOf({"a"}, {{"b", "full"}})).ok());
  EXPECT_TRUE(gate.Stop().ok());
}

}  // namespace
}  // namespace dmem::client
