// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/wait_at_gate.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "client/agent/testing/temp_directory.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dmem::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The pod u1. What happens while it waits is in `events_`, by seconds after the beginning.
class WaitAtGateTest : public ::testing::Test {
 protected:
  absl::Status Wait(const std::string& uid = "u1") {
    GateWait wait;
    wait.directory = directory_.path() + below_;
    wait.uid = uid;
    wait.timeout = absl::Seconds(60);
    wait.now = [this] { return now_; };
    wait.pause = [this](absl::Duration duration) {
      now_ += duration;
      for (; !events_.empty() && now_ >= absl::UnixEpoch() + events_.begin()->first;
           events_.erase(events_.begin()))
        events_.begin()->second();
    };
    wait.say = [this](const std::string& line) { lines_.push_back(line); };
    return WaitAtGate(wait);
  }

  // As the agent says it.
  void Say(const std::string& why) { directory_.Write(".u1.why", why + "\n"); }

  TempDirectory directory_;
  std::string below_;
  absl::Time now_ = absl::UnixEpoch();
  std::map<absl::Duration, std::function<void()>> events_;
  std::vector<std::string> lines_;
};

TEST_F(WaitAtGateTest, EndsOnceTheFileIsThere) {
  events_[absl::Seconds(50)] = [this] { directory_.Write("u1", ""); };
  EXPECT_TRUE(Wait().ok());
  EXPECT_EQ(now_, absl::UnixEpoch() + absl::Seconds(50));
  EXPECT_TRUE(Wait().ok()) << "it is there already";
  EXPECT_THAT(lines_, IsEmpty());
}

TEST_F(WaitAtGateTest, SaysWhyAndAgainWhenThatHasChangedAtMostEachHalfMinute) {
  Say("5 short");
  events_[absl::Seconds(10)] = [this] { Say("4 short"); };
  events_[absl::Seconds(20)] = [this] { Say("3 short"); };
  const absl::Status status = Wait();
  EXPECT_TRUE(absl::IsDeadlineExceeded(status));
  EXPECT_EQ(status.message(), "pod u1 may not start yet: 3 short");
  EXPECT_THAT(lines_,
              ElementsAre("pod u1 waits for memory: 5 short", "pod u1 waits for memory: 3 short"));
}

TEST_F(WaitAtGateTest, WhereNobodySaysWhyThatIsSaid) {
  EXPECT_THAT(std::string(Wait().message()), HasSubstr("dmem-agent says nothing of it"));
  below_ = "/none";
  EXPECT_THAT(std::string(Wait().message()),
              HasSubstr("/none: No such file or directory (is the agent's gate_dir mounted"));
}

TEST_F(WaitAtGateTest, NameThatIsNoUidIsRefusedAtOnce) {
  EXPECT_TRUE(absl::IsInvalidArgument(Wait("../u1")));
  EXPECT_EQ(now_, absl::UnixEpoch());
}

}  // namespace
}  // namespace dmem::client
