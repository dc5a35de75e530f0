// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/loop/admissions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace dmem::client {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// The pod u1, which is to hold something of two devices.
class AdmissionsTest : public ::testing::Test {
 protected:
  AdmissionsTest() {
    sight_.pods_are_complete = true;
    Pod& pod = sight_.pods.emplace_back().pod;
    pod.cgroup_uid = "u1";
    pod.has_devices_known = true;
    pod.containers = {{"main", "", {{"gpu", {"GPU-a", "GPU-b"}, "", ""}}}};
    for (const char* region : {"n1/gpu0", "n1/gpu1"}) {
      Holding& holding = books_.holdings.emplace_back();
      holding.pod_uid = "u1";
      holding.region = region;
    }
    sight_.pods[0].pod.name_space = "ml";
    sight_.pods[0].pod.name = "web";
  }

  std::set<std::string> Update(UnreachablePolicy policy = UnreachablePolicy::kDeny) {
    admissions_.Update(sight_, books_, is_connected_, {policy, grace_}, now_);
    return admissions_.pods();
  }

  NodeSight sight_;
  NodeBooks books_;
  bool is_connected_ = true;
  absl::Duration grace_ = absl::ZeroDuration();
  absl::Time now_ = absl::FromUnixSeconds(1000);
  Admissions admissions_;
};

TEST_F(AdmissionsTest, PodStartsOnceAllThatItIsToHoldIsHeld) {
  EXPECT_THAT(Update(), IsEmpty());
  books_.holdings[0].charged_bytes = 8;
  EXPECT_THAT(Update(), IsEmpty());
  books_.holdings[1].charged_bytes = 8;
  EXPECT_THAT(Update(), ElementsAre("u1"));
  EXPECT_FALSE(admissions_.IsUnheard("u1"));
}

TEST_F(AdmissionsTest, WhileNobodyAnswersThePolicyDecides) {
  is_connected_ = false;
  EXPECT_THAT(Update(UnreachablePolicy::kDeny), IsEmpty());
  EXPECT_THAT(Update(UnreachablePolicy::kAllow), ElementsAre("u1"));
  EXPECT_TRUE(admissions_.IsUnheard("u1"));
  is_connected_ = true;
  EXPECT_THAT(Update(UnreachablePolicy::kDeny), ElementsAre("u1")) << "it may have started";
}

TEST_F(AdmissionsTest, PolicyAllowsOnlyOnceNobodyHasAnsweredForTheGrace) {
  grace_ = absl::Seconds(15);
  const auto update_after = [this](absl::Duration time) {
    now_ += time;
    return Update(UnreachablePolicy::kAllow);
  };
  is_connected_ = false;
  EXPECT_THAT(update_after(absl::ZeroDuration()), IsEmpty());
  EXPECT_THAT(update_after(absl::Seconds(14)), IsEmpty()) << "a restart lets nobody through";
  is_connected_ = true;
  EXPECT_THAT(update_after(absl::Seconds(1)), IsEmpty());
  is_connected_ = false;
  EXPECT_THAT(update_after(absl::Seconds(1)), IsEmpty()) << "it begins anew";
  EXPECT_THAT(admissions_.newly_unheard(), IsEmpty());
  EXPECT_THAT(update_after(absl::Seconds(15)), ElementsAre("u1"));
  EXPECT_THAT(admissions_.newly_unheard(), ElementsAre("ml/web"));
  EXPECT_THAT(update_after(absl::Seconds(1)), ElementsAre("u1"));
  EXPECT_THAT(admissions_.newly_unheard(), IsEmpty()) << "said once";
}

TEST_F(AdmissionsTest, LeaveOfAnAgentBeforeStandsAndWhatFollowsIsRecordedLate) {
  admissions_.Admit({"u1"});
  EXPECT_THAT(Update(), ElementsAre("u1"));
  EXPECT_TRUE(admissions_.IsUnheard("u1"));
  EXPECT_THAT(admissions_.newly_unheard(), IsEmpty());
  for (Holding& holding : books_.holdings) holding.charged_bytes = 8;
  Update();
  EXPECT_FALSE(admissions_.IsUnheard("u1")) << "all is charged";
}

TEST_F(AdmissionsTest, PolicyDecidesForPodsWithDevicesWhileOnesSoftwareHasNeverAnswered) {
  sight_.has_unscanned_devices = true;
  books_.holdings.clear();  // Its devices are not known to be there.
  EXPECT_THAT(Update(UnreachablePolicy::kDeny), IsEmpty());
  EXPECT_THAT(Update(UnreachablePolicy::kAllow), ElementsAre("u1"));
  sight_.pods[0].pod.cgroup_uid = "u2";
  sight_.pods[0].pod.containers[0].devices.clear();
  EXPECT_THAT(Update(UnreachablePolicy::kDeny), ElementsAre("u2")) << "it has none";
}

TEST_F(AdmissionsTest, PodThatIsGoneIsForgottenUnlessASourceFails) {
  is_connected_ = false;
  Update(UnreachablePolicy::kAllow);
  sight_.pods.clear();
  sight_.pods_are_complete = false;
  EXPECT_THAT(Update(), ElementsAre("u1"));
  sight_.pods_are_complete = true;
  EXPECT_THAT(Update(), IsEmpty());
  EXPECT_FALSE(admissions_.IsUnheard("u1"));
}

TEST_F(AdmissionsTest, PodWhoseDevicesAreNotKnownWaitsWhateverThePolicy) {
  sight_.pods[0].pod.has_devices_known = false;
  is_connected_ = false;
  EXPECT_THAT(Update(UnreachablePolicy::kAllow), IsEmpty());
}

}  // namespace
}  // namespace dmem::client
