// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/backend_options.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dmem::client {
namespace {

using ::testing::ElementsAre;

TEST(OptionReaderTest, ValidOptionsAreStoredAndAbsentOnesLeaveTheDefault) {
  const BackendOptions options = {{"on", "true"}, {"off", "false"},    {"path", "/a b"},
                                  {"text", "x"},  {"words", " a\tb "}, {"time", "1500ms"}};
  OptionReader reader("fake", options);
  bool on = false;
  bool off = true;
  bool absent = true;
  std::string path;
  std::string text;
  std::vector<std::string> words;
  absl::Duration time;
  reader.Bool("on", on);
  reader.Bool("off", off);
  reader.Bool("absent", absent);
  reader.Path("path", path);
  reader.Text("text", text);
  reader.Words("words", words);
  reader.Duration("time", absl::Milliseconds(10), absl::Seconds(2), time);
  EXPECT_TRUE(reader.Finish().ok());
  EXPECT_TRUE(on);
  EXPECT_FALSE(off);
  EXPECT_TRUE(absent);
  EXPECT_EQ(path, "/a b");
  EXPECT_EQ(text, "x");
  EXPECT_THAT(words, ElementsAre("a", "b"));
  EXPECT_EQ(time, absl::Milliseconds(1500));
}

TEST(OptionReaderTest, EverythingThatIsWrongIsSaidAtOnceAndChangesNoTarget) {
  const BackendOptions options = {{"bool", "yes"}, {"path", "a/b"}, {"text", ""}, {"words", " "},
                                  {"time", "5"},   {"late", "3s"},  {"typo", "1"}};
  OptionReader reader("fake", options);
  bool boolean = true;
  std::string path = "/p";
  std::string text = "t";
  std::vector<std::string> words = {"w"};
  absl::Duration time = absl::Seconds(1);
  reader.Bool("bool", boolean);
  reader.Path("path", path);
  reader.Text("text", text);
  reader.Words("words", words);
  reader.Duration("time", absl::Seconds(1), absl::Seconds(2), time);
  reader.Duration("late", absl::Seconds(1), absl::Seconds(2), time);
  const absl::Status status = reader.Finish();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(),
            "fake: option bool \"yes\" is neither true nor false; "
            "fake: option path \"a/b\" is no absolute path; "
            "fake: option text \"\" is empty; "
            "fake: option words \" \" has no word; "
            "fake: option time \"5\" is no duration such as 500ms or 5s; "
            "fake: option late \"3s\" is not between 1s and 2s; "
            "fake: there is no option typo; there are bool, late, path, text, time, words");
  EXPECT_TRUE(boolean);
  EXPECT_EQ(path, "/p");
  EXPECT_EQ(text, "t");
  EXPECT_THAT(words, ElementsAre("w"));
  EXPECT_EQ(time, absl::Seconds(1));
}

}  // namespace
}  // namespace dmem::client
