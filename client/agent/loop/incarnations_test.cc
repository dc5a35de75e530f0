// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/loop/incarnations.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "client/agent/testing/temp_directory.h"

namespace dmem::client {
namespace {

class IncarnationsTest : public ::testing::Test {
 protected:
  IncarnationsTest() {
    Boot(1000);
    device_.region = "gpu0";
    device_.token = "a b";  // Tokens are opaque.
  }

  // A boot, or the same as before with another clock.
  void Boot(int seconds, const std::string& id = "") {
    root_.Write("stat", absl::StrCat("cpu 1 2 3\nbtime ", seconds, "\n"));
    if (!id.empty()) root_.Write("sys/kernel/random/boot_id", id + "\n");
  }
  Incarnations Load() {
    absl::StatusOr<Incarnations> loaded = Incarnations::Load(root_.path(), root_.path() + "/state");
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    return *std::move(loaded);
  }

  TempDirectory root_;
  Device device_;
};

TEST_F(IncarnationsTest, NodesIsItsBootTime) { EXPECT_EQ(Load().node(), 1000u); }

TEST_F(IncarnationsTest, DeviceThatStaysTheSameKeepsItsNumberAlsoAcrossAgents) {
  Incarnations first = Load();
  EXPECT_EQ(first.Of(device_), 1000000u);
  EXPECT_EQ(first.Of(device_), 1000000u);
  EXPECT_TRUE(first.status().ok()) << first.status();
  EXPECT_EQ(Load().Of(device_), 1000000u);
}

TEST_F(IncarnationsTest, AnotherTokenIsANewerIncarnation) {
  EXPECT_EQ(Load().Of(device_), 1000000u);
  device_.token = "c";
  EXPECT_EQ(Load().Of(device_), 1000001u) << "also when no agent saw the change";
  EXPECT_EQ(Load().Of(device_), 1000001u);
}

TEST_F(IncarnationsTest, DeviceThatFailedAndWorksAgainHasBeenReset) {
  Incarnations first = Load();
  device_.failed = true;
  EXPECT_EQ(first.Of(device_), 1000000u) << "it has not been reset yet";
  device_.failed = false;
  EXPECT_EQ(Load().Of(device_), 1000001u);
}

TEST_F(IncarnationsTest, BootIsNewerThanAnyResetBefore) {
  Load().Of(device_);
  device_.token = "c";
  const uint64_t before = Load().Of(device_);
  Boot(1001);
  EXPECT_GT(Load().Of(device_), before);
}

TEST_F(IncarnationsTest, ClockThatIsSetWhileTheNodeRunsMakesNoOtherIncarnation) {
  Boot(1000, "b-1");
  Incarnations first = Load();
  EXPECT_EQ(first.node(), 1000u);
  const uint64_t before = first.Of(device_);
  for (const int seconds : {1001, 999, 5}) {
    Boot(seconds, "b-1");
    EXPECT_EQ(Load().node(), 1000u) << seconds;
    EXPECT_EQ(Load().Of(device_), before) << seconds;
  }
}

TEST_F(IncarnationsTest, BootIsNewerThanTheOneBeforeAlsoIfTheClockWasSetBack) {
  Boot(1000, "b-1");
  const uint64_t before = Load().Of(device_);
  Boot(900, "b-2");
  EXPECT_EQ(Load().node(), 1001u);
  EXPECT_GT(Load().Of(device_), before);
  Boot(2000, "b-3");
  EXPECT_EQ(Load().node(), 2000u);
}

TEST_F(IncarnationsTest, FileIsWrittenOnlyWhenThereIsSomethingNew) {
  device_.token.clear();
  Incarnations incarnations = Load();
  incarnations.Of(device_);
  const std::string other = "not written again";
  root_.Write("state/incarnations", other);
  incarnations.Of(device_);
  EXPECT_EQ(root_.Read("state/incarnations"), other);
  device_.token = "1";
  incarnations.Of(device_);
  EXPECT_NE(root_.Read("state/incarnations"), other);
}

TEST_F(IncarnationsTest, LostFileIsMadeGoodByTheAuthoritysNumber) {
  Incarnations lost = Load();
  lost.AtLeast("gpu0", 1000007);
  EXPECT_EQ(lost.Of(device_), 1000007u);
  lost.AtLeast("gpu0", 1000003);
  EXPECT_EQ(lost.Of(device_), 1000007u) << "never back";
  lost.AtLeast("gpu0", 999000001);
  EXPECT_EQ(lost.Of(device_), 1000007u) << "of another boot";
}

TEST_F(IncarnationsTest, FileThatIsGarbageCountsForNothing) {
  root_.Write("state/incarnations",
              "1000 gpu0 5000 works =61\n1000 gpu0\n999 gpu0 5 works =61\n\n");
  EXPECT_EQ(Load().Of(device_), 1000000u);
}

TEST_F(IncarnationsTest, DirectoryThatCannotBeWrittenIsReportedAndNothingElse) {
  root_.Write("state", "a file");
  Incarnations incarnations = Load();
  EXPECT_EQ(incarnations.Of(device_), 1000000u);
  EXPECT_FALSE(incarnations.status().ok());
}

TEST_F(IncarnationsTest, WithoutABootTimeThereIsAnErrorThatNamesTheFile) {
  root_.Write("stat", "cpu 1 2 3\n");
  const absl::Status status = Incarnations::Load(root_.path(), root_.path()).status();
  EXPECT_EQ(status.message(), absl::StrCat("proc_root \"", root_.path(), "\": ", root_.path(),
                                           "/stat has no line \"btime SECONDS\""));
}

}  // namespace
}  // namespace dmem::client
