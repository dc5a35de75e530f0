// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/fake/command.h"

#include <signal.h>

#include <string>

#include "absl/strings/numbers.h"
#include "client/agent/testing/temp_directory.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dmem::client {
namespace {

using ::testing::HasSubstr;

const absl::Duration kLong = absl::Seconds(60);

absl::StatusOr<std::string> Shell(const std::string& script, const std::string& input = "",
                                  absl::Duration timeout = kLong) {
  return RunCommand({"/bin/sh", "-c", script, "script", "a b", "$c"}, input, timeout);
}

std::string ErrorOf(const absl::StatusOr<std::string>& result) {
  EXPECT_TRUE(absl::IsUnavailable(result.status())) << result.status();
  return std::string(result.status().message());
}

TEST(CommandTest, TheProgramGetsItsArgumentsAndInputAndItsOutputComesBack) {
  const auto printed = Shell("echo \"$1|$2\"; cat", "in\nput");
  ASSERT_TRUE(printed.ok()) << printed.status();
  EXPECT_EQ(*printed, "a b|$c\nin\nput");
}

TEST(CommandTest, LargeInputAndOutputPass) {
  const std::string large(3 << 20, 'x');
  const auto printed = Shell("cat", large);
  ASSERT_TRUE(printed.ok()) << printed.status();
  EXPECT_EQ(*printed, large);
}

TEST(CommandTest, AProgramThatReadsNothingIsNoProblem) {
  EXPECT_EQ(*Shell("echo done", std::string(3 << 20, 'x')), "done\n");
}

TEST(CommandTest, AnotherStatusIsAnErrorWithItsFirstComplaint) {
  EXPECT_THAT(ErrorOf(Shell("echo part; echo no such device >&2; echo more >&2; exit 3")),
              HasSubstr("ended with status 3: no such device"));
  EXPECT_THAT(ErrorOf(Shell("kill -TERM $$")), HasSubstr("was killed by signal 15"));
}

TEST(CommandTest, AProgramThatCannotBeStartedIsAnError) {
  EXPECT_FALSE(RunCommand({"/not/there"}, "", kLong).ok());
}

TEST(CommandTest, TooMuchOutputIsAnErrorAndEndsTheProgram) {
  EXPECT_THAT(ErrorOf(Shell("while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done")),
              HasSubstr("printed more than 4194304 bytes"));
}

TEST(CommandTest, AProgramThatHangsIsKilledWithAllThatItStarted) {
  const TempDirectory directory;
  const std::string pid_file = directory.path() + "/pid";
  EXPECT_THAT(ErrorOf(Shell("cat /dev/zero >/dev/null & echo $! > " + pid_file + "; wait", "",
                            absl::Seconds(1))),
              HasSubstr("took longer than 1s"));
  int pid = 0;
  ASSERT_TRUE(absl::SimpleAtoi(directory.Read("pid"), &pid));
  // Killed: it is gone, or nobody has asked for its status yet.
  std::string state = "gone";
  if (::kill(pid, 0) == 0) {
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string number;
    std::string name;
    stat >> number >> name >> state;
  }
  EXPECT_TRUE(state == "gone" || state == "Z" || state == "X") << state;
}

TEST(CommandTest, AProgramThatClosesItsOutputAndGoesOnIsWaitedFor) {
  EXPECT_THAT(ErrorOf(Shell("exec >&- 2>&-; i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; "
                            "exit 7")),
              HasSubstr("ended with status 7"));
}

}  // namespace
}  // namespace dmem::client
