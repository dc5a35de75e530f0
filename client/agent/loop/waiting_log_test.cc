// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/loop/waiting_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "absl/strings/str_cat.h"

namespace dmem::client {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class WaitingLogTest : public ::testing::Test {
 protected:
  void Pass(const std::map<std::string, WaitingPod>& waiting) {
    lines_.clear();
    log_.Update(waiting, now_);
  }

  static std::map<std::string, WaitingPod> One(const std::string& reason, const std::string& why) {
    return {{"u1", {"ml/web", reason, why}}};
  }

  std::vector<std::string> lines_;
  absl::Time now_ = absl::UnixEpoch();
  WaitingLog log_{[this](const std::string& event, const std::string& what) {
    lines_.push_back(absl::StrCat(event, ": ", what));
  }};
};

TEST_F(WaitingLogTest, BeginningAndEndAreLoggedOnce) {
  Pass(One("CAPACITY", "5 short"));
  EXPECT_THAT(lines_, ElementsAre("waits: pod ml/web waits for memory: 5 short"));
  now_ += absl::Hours(1);
  Pass(One("CAPACITY", "4 short"));
  EXPECT_THAT(lines_, IsEmpty()) << "for the same reason";
  Pass({});
  EXPECT_THAT(lines_, ElementsAre("waits_no_more: pod ml/web"));
  Pass({});
  EXPECT_THAT(lines_, IsEmpty());
}

TEST_F(WaitingLogTest, AnotherReasonIsLoggedAtMostOnceAMinute) {
  Pass(One("CAPACITY", "full"));
  now_ += absl::Seconds(59);
  Pass(One("UNANSWERED", "no answer"));
  EXPECT_THAT(lines_, IsEmpty());
  now_ += absl::Seconds(1);
  Pass(One("UNANSWERED", "no answer"));
  EXPECT_THAT(lines_, ElementsAre("waits: pod ml/web waits for memory: no answer"));
  now_ += absl::Minutes(1);
  Pass(One("CAPACITY", "full"));
  EXPECT_THAT(lines_, ElementsAre("waits: pod ml/web waits for memory: full"));
}

TEST_F(WaitingLogTest, NewPodWhoseDevicesKubeletSaysSoonIsNotLogged) {
  Pass(One(kDevicesUnknown, "not known"));
  now_ += absl::Seconds(29);
  Pass(One(kDevicesUnknown, "not known"));
  EXPECT_THAT(lines_, IsEmpty());
  Pass({});
  EXPECT_THAT(lines_, IsEmpty()) << "nor its end";
  Pass(One(kDevicesUnknown, "not known"));
  now_ += absl::Seconds(30);
  Pass(One(kDevicesUnknown, "not known"));
  EXPECT_THAT(lines_, ElementsAre("waits: pod ml/web waits for memory: not known"));
}

}  // namespace
}  // namespace dmem::client
