// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/loop/waiting_pods.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/agent/books/pod_annotations.h"

namespace dmem::client {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The pod ml/web, u1, which waits for gpu0.
class WaitingPodsTest : public ::testing::Test {
 protected:
  WaitingPodsTest() {
    Pod& pod = sight_.pods.emplace_back().pod;
    pod.name_space = "ml";
    pod.name = "web";
    pod.cgroup_uid = "u1";
    pod.phase = "Pending";
    pod.has_devices_known = true;
    AddHolding("n1/gpu0");
  }

  void AddHolding(const std::string& region) {
    Holding& holding = books_.holdings.emplace_back();
    holding.state = HoldingState::kPending;
    holding.pod_uid = "u1";
    holding.region = region;
  }

  std::map<std::string, WaitingPod> Waiting(bool is_connected = true) const {
    return WaitingPods(sight_, books_, admitted_, is_connected,
                       [this](const Holding& holding) -> const WaitingList::Refused* {
                         const auto it = refused_.find(holding.region);
                         return it == refused_.end() ? nullptr : &it->second;
                       });
  }
  WaitingPod One(bool is_connected = true) const { return Waiting(is_connected).at("u1"); }

  void Refuse(const std::string& region, const std::string& reason, const std::string& why) {
    refused_[region] = {"", absl::UnixEpoch(), reason, why};
  }

  NodeSight sight_;
  NodeBooks books_;
  std::set<std::string> admitted_;
  std::map<std::string, WaitingList::Refused> refused_;
};

TEST_F(WaitingPodsTest, WhatWasRefusedIsSaidWithItsRegions) {
  AddHolding("n1/gpu1");
  AddHolding("n1/gpu2");
  Refuse("n1/gpu0", "CAPACITY", "full");
  Refuse("n1/gpu1", "CAPACITY", "full");
  Refuse("n1/gpu2", "REGION_CORDONED", "cordoned");
  EXPECT_EQ(One().pod, "ml/web");
  EXPECT_EQ(One().reason, "CAPACITY");
  EXPECT_EQ(One().why, "n1/gpu0, n1/gpu1: full; n1/gpu2: cordoned");
}

TEST_F(WaitingPodsTest, WhoMayStartOrHasStartedOrIsGoingDoesNotWait) {
  admitted_ = {"u1"};
  EXPECT_THAT(Waiting(), IsEmpty());
  admitted_.clear();
  books_.holdings[0].state = HoldingState::kRunning;
  sight_.pods[0].pod.phase = "Running";
  EXPECT_THAT(Waiting(), IsEmpty());
  sight_.pods[0].pod.phase = "Pending";
  sight_.pods[0].pod.is_deleting = true;
  EXPECT_THAT(Waiting(), IsEmpty());
}

TEST_F(WaitingPodsTest, PodThatCouldNotAskSaysWhetherAnybodyAnswers) {
  EXPECT_EQ(One(false).reason, kUnanswered);
  EXPECT_THAT(One(false).why, HasSubstr("n1/gpu0: the authority does not answer"));
  EXPECT_EQ(One(true).reason, kNotAsked);
  books_.holdings.clear();
  EXPECT_EQ(One(false).reason, kUnanswered);
  EXPECT_EQ(One(true).reason, kNotAsked);
}

TEST_F(WaitingPodsTest, PodOfWhoseDevicesNothingIsKnownSaysWhat) {
  books_.holdings.clear();
  sight_.has_unscanned_devices = true;
  EXPECT_EQ(One().reason, kNotScanned);
  EXPECT_THAT(One().why, HasSubstr("has not answered since dmem-agent started"));
  sight_.pods[0].pod.has_devices_known = false;
  EXPECT_EQ(One().reason, kDevicesUnknown);
  EXPECT_THAT(One().why, HasSubstr("kubelet has not said it"));
}

TEST_F(WaitingPodsTest, AnnotationThatCannotBeReadIsSaidWithTheReason) {
  sight_.pods[0].pod.annotations[kLimitAnnotation] = "40 gigs";
  Refuse("n1/gpu0", "CAPACITY", "full");
  EXPECT_EQ(One().reason, "CAPACITY");
  EXPECT_THAT(One().why, HasSubstr("n1/gpu0: full; annotation dmemd/limit of pod ml/web is not"));
}

}  // namespace
}  // namespace dmem::client
