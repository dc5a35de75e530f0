// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/fake/command.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

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
  const std::string pipe = directory.path() + "/pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  // What the shell starts holds the pipe, and does nothing else for ever.
  EXPECT_THAT(
      ErrorOf(Shell("{ echo started >&9; exec cat /dev/zero; } 9>" + pipe + " >/dev/null & wait",
                    "", absl::Seconds(2))),
      HasSubstr("took longer than 2s"));
  std::string written;
  char buffer[64];
  ssize_t size = -1;
  while (size != 0) {  // The pipe ends when nobody holds it any more.
    pollfd polled = {reader, POLLIN, 0};
    ASSERT_EQ(::poll(&polled, 1, 60000), 1) << "what the shell started is still there";
    size = ::read(reader, buffer, sizeof(buffer));
    if (size > 0) written.append(buffer, static_cast<size_t>(size));
  }
  EXPECT_EQ(written, "started\n");
  ::close(reader);
}

TEST(CommandTest, AProgramThatClosesItsOutputAndGoesOnIsWaitedFor) {
  EXPECT_THAT(ErrorOf(Shell("exec >&- 2>&-; i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; "
                            "exit 7")),
              HasSubstr("ended with status 7"));
}

}  // namespace
}  // namespace dmem::client
