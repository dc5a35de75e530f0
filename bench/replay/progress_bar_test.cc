// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "bench/replay/progress_bar.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

namespace dmem::replay {
namespace {

class ProgressBarTest : public ::testing::Test {
 protected:
  absl::Time now_ = absl::FromUnixSeconds(1000);
  std::function<absl::Time()> clock_ = [this] { return now_; };
  std::ostringstream out_;
};

TEST_F(ProgressBarTest, OnATerminalOneLineIsRedrawnAtMostTenTimesASecondAndEnded) {
  ProgressBar bar(ProgressBar::Style::kTerminal, clock_, &out_);
  bar.Update("replaying", 1, 4, 1);
  now_ += absl::Milliseconds(99);
  bar.Update("replaying", 2, 4, 2);  // Too soon.
  now_ += absl::Milliseconds(1);
  bar.Update("replaying", 3, 4, 3);
  bar.Update("replaying", 4, 4, 0);  // The end always shows.
  EXPECT_EQ(out_.str(),
            "\rreplaying   [#######.....................]  25%  1/4  1 live\x1b[K"
            "\rreplaying   [#####################.......]  75%  3/4  30/s  3 live\x1b[K"
            "\rreplaying   [############################] 100%  4/4  40/s\x1b[K\n");
}

TEST_F(ProgressBarTest, ElsewhereThereIsALineForEachTenth) {
  ProgressBar bar(ProgressBar::Style::kLines, clock_, &out_);
  for (size_t done = 1; done <= 40; ++done) {
    now_ += absl::Milliseconds(500);
    bar.Update("registering", done, 40, 0);
  }
  std::string line;
  std::istringstream lines(out_.str());
  std::vector<std::string> all;
  while (std::getline(lines, line)) all.push_back(line);
  ASSERT_EQ(all.size(), 10u) << out_.str();
  EXPECT_EQ(all[0], "registering [##..........................]  10%  4/40  3/s");
  EXPECT_EQ(all[9], "registering [############################] 100%  40/40  2/s");
}

TEST_F(ProgressBarTest, AnotherPhaseStartsAnew) {
  ProgressBar bar(ProgressBar::Style::kLines, clock_, &out_);
  bar.Update("registering", 1, 1, 0);
  now_ += absl::Seconds(10);
  bar.Update("replaying", 1, 2, 1);
  EXPECT_EQ(out_.str(),
            "registering [############################] 100%  1/1\n"
            "replaying   [##############..............]  50%  1/2  1 live\n");
}

}  // namespace
}  // namespace dmem::replay
