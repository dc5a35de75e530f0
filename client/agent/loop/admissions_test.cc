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
      holding.charge_id = "c";
      holding.region = region;
    }
  }

  void Hold(const std::string& region, bool is_reserved = false) {
    KnownItem& item = known_.emplace_back();
    item.charge_id = "c";
    item.region = region;
    item.is_reserved = is_reserved;
  }
  std::set<std::string> Update(UnreachablePolicy policy = UnreachablePolicy::kDeny) {
    admissions_.Update(sight_, books_, known_, is_connected_, policy);
    return admissions_.pods();
  }

  NodeSight sight_;
  NodeBooks books_;
  std::vector<KnownItem> known_;
  bool is_connected_ = true;
  Admissions admissions_;
};

TEST_F(AdmissionsTest, PodStartsOnceAllThatItIsToHoldIsHeld) {
  EXPECT_THAT(Update(), IsEmpty());
  Hold("n1/gpu0");
  EXPECT_THAT(Update(), IsEmpty());
  Hold("n1/gpu1", /*is_reserved=*/true);
  EXPECT_THAT(Update(), IsEmpty()) << "reserved is not held";
  known_.back().is_reserved = false;
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
