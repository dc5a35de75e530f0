// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What waits for leave to start, and what holds under a scheduler's reservation.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "client/agent/loop/testing/authority_link_fixture.h"
#include "client/testing/error_of_server.h"

namespace dmem::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Return;

// A pod whose reservation is committed, and refused.
class RefusedCommitTest : public AuthorityLinkTest {
 protected:
  RefusedCommitTest() {
    sight_ = OnePod("");
    sight_.pods_are_complete = true;
    sight_.pods[0].pod.annotations[kChargeAnnotation] = "job-7";
    sight_.pods[0].mapped.cgroup = "/ns/ml";
    Refuse(absl::ResourceExhaustedError("the device is full"));
    // All is as the first pass leaves it.
    link_->Connect();
    NodeSight before = sight_;
    before.pods.clear();
    NodeBooks books;
    link_->Sync(before, &books);
    reconciles_.clear();
  }

  void Refuse(const absl::Status& status) {
    ON_CALL(*connection_, Commit).WillByDefault(::testing::Return(status));
  }

  LinkReport Pass() {
    link_->Connect();
    NodeBooks books;
    return link_->Sync(sight_, &books);
  }

  NodeSight sight_;
};

TEST_F(RefusedCommitTest, WhatRunsIsRecordedByAListAtOnceAndNotChargedBesideIt) {
  sight_.pods[0].pod.phase = "Running";
  EXPECT_CALL(*connection_, Charge).Times(0);
  const LinkReport report = Pass();
  EXPECT_TRUE(report.problems.empty());
  ASSERT_EQ(reconciles_.size(), 1u) << "the interval is not over";
  ASSERT_EQ(reconciles_[0].items_size(), 1);
  EXPECT_EQ(reconciles_[0].items(0).charge_id(), "job-7");
  EXPECT_EQ(reconciles_[0].items(0).bytes(), kGib);
}

TEST_F(RefusedCommitTest, WhatWaitsIsNotListedSaysWhyAndAsksAgainNotEachTime) {
  sight_.pods[0].pod.phase = "Pending";
  sight_.pods[0].pod.name_space = "ml";
  sight_.pods[0].pod.name = "web";
  EXPECT_CALL(*connection_, Charge).Times(0);
  EXPECT_CALL(*connection_, Commit).Times(2);
  for (int pass = 0; pass < 11; ++pass) {
    now_ += absl::Seconds(1);
    const LinkReport report = Pass();
    EXPECT_EQ(report.admitted.count("u1"), 0u);
    ASSERT_EQ(report.waiting.count("u1"), 1u) << "also when it did not ask";
    EXPECT_EQ(report.waiting.at("u1").pod, "ml/web");
    EXPECT_EQ(report.waiting.at("u1").why, "n1/gpu0: the device is full");
  }
  EXPECT_EQ(reconciles_.size(), 0u);
}

TEST_F(RefusedCommitTest, PodOfAReservationThatHasEndedIsChargedAsAnyOther) {
  sight_.pods[0].pod.phase = "Running";
  Refuse(absl::NotFoundError("no such charge"));
  Pass();
  EXPECT_EQ(charges_.size(), 0u) << "found out in this pass";
  Pass();
  ASSERT_EQ(charges_.size(), 1u);
  EXPECT_EQ(charges_[0].charge_id().substr(0, 12), "pod/u1/gpu0~");
}

TEST_F(RefusedCommitTest, ThatAReservationHasEndedIsRememberedAsLongAsItsPodIsThere) {
  sight_.pods[0].pod.phase = "Running";
  int commits = 0;
  ON_CALL(*connection_, Commit).WillByDefault([&commits](const v1::CommitRequest&, auto) {
    ++commits;
    return absl::StatusOr<v1::CommitResponse>(absl::NotFoundError("no such charge"));
  });
  ON_CALL(*connection_, RequestRelease).WillByDefault(Return(v1::RequestReleaseResponse()));
  ON_CALL(*connection_, UnchargeItems).WillByDefault([this](const v1::UnchargeItemsRequest&, auto) {
    charges_.clear();
    return absl::StatusOr<v1::UnchargeItemsResponse>(v1::UnchargeItemsResponse());
  });
  for (int i = 0; i < 3; ++i) Pass();
  EXPECT_EQ(commits, 1) << "not asked for again and again";
  ASSERT_EQ(charges_.size(), 1u);
  const SeenPod pod = sight_.pods[0];
  sight_.pods.clear();
  sight_.listed_regions = {"gpu0"};  // Nothing runs on it.
  Pass();
  Pass();
  EXPECT_EQ(charges_.size(), 0u);
  // The next pod with a reservation of that name.
  sight_.pods = {pod};
  sight_.pods[0].pod.cgroup_uid = "u2";
  Pass();
  EXPECT_EQ(commits, 2);
}

TEST_F(AuthorityLinkTest, PodThatWaitsAsksInEarnestOnceAndAgainWhenItWouldBeGranted) {
  NodeSight sight = OnePod("Pending");
  SeenPod& seen = sight.pods[0];
  seen.pod.name_space = "ml";
  seen.pod.name = "web";
  seen.mapped.cgroup = "/ns/ml";
  absl::Status answer = absl::ResourceExhaustedError("full");
  std::vector<v1::ChargeMode> asked;
  ON_CALL(*connection_, Charge)
      .WillByDefault(
          [&](const v1::ChargeRequest& request, auto) -> absl::StatusOr<v1::ChargeResponse> {
            asked.push_back(request.mode());
            if (!answer.ok()) return answer;
            return Granted(request);
          });
  const auto pass = [&] {
    NodeBooks books;
    asked.clear();
    now_ += absl::Seconds(1);
    link_->Connect();
    return link_->Sync(sight, &books);
  };
  LinkReport report = pass();
  EXPECT_THAT(asked, ElementsAre(v1::CHARGE_MODE_STRICT));
  EXPECT_EQ(report.waiting.at("u1").why, "n1/gpu0: full");
  EXPECT_EQ(report.waiting.at("u1").pod, "ml/web");
  EXPECT_TRUE(report.problems.empty()) << "that it waits is no problem of the agent's";
  answer = ErrorOfServer(absl::StatusCode::kFailedPrecondition, "REGION_CORDONED");
  report = pass();
  EXPECT_THAT(asked, ElementsAre(v1::CHARGE_MODE_CHECK_ONLY));
  EXPECT_EQ(report.waiting.count("u1"), 1u);
  EXPECT_TRUE(report.problems.empty());
  pass();
  EXPECT_THAT(asked, ElementsAre(v1::CHARGE_MODE_CHECK_ONLY));
  seen.pod.annotations[kLimitAnnotation] = "5";  // Something else: a refusal of its own.
  pass();
  EXPECT_THAT(asked, ElementsAre(v1::CHARGE_MODE_STRICT));
  answer = absl::UnavailableError("nobody answers");
  config_.when_unreachable = UnreachablePolicy::kDeny;
  report = pass();
  EXPECT_FALSE(report.is_connected);
  EXPECT_THAT(asked, ElementsAre(v1::CHARGE_MODE_CHECK_ONLY));
  EXPECT_THAT(report.waiting.at("u1").why, HasSubstr("n1/gpu0: the authority does not answer"));
  config_.when_unreachable = UnreachablePolicy::kAllow;
  report = pass();
  EXPECT_THAT(report.admitted, ElementsAre("u1"));
  EXPECT_TRUE(report.waiting.empty()) << "it does not wait";
  answer = absl::OkStatus();
  pass();
  EXPECT_THAT(asked, ElementsAre(v1::CHARGE_MODE_STRICT)) << "what was refused before is not known";
}

TEST_F(AuthorityLinkTest, PodThatWaitedIsChargedInThePassInWhichThereIsRoom) {
  const NodeSight sight = OnePod("Pending");
  const auto pass = [&] {
    NodeBooks books;
    link_->Connect();
    return link_->Sync(sight, &books);
  };
  EXPECT_CALL(*connection_, Charge).WillOnce(Return(absl::ResourceExhaustedError("full")));
  EXPECT_TRUE(pass().admitted.empty());
  ::testing::Mock::VerifyAndClearExpectations(connection_.get());
  EXPECT_CALL(*connection_, Charge)
      .Times(2)
      .WillRepeatedly([](const v1::ChargeRequest& request, auto) {
        return absl::StatusOr<v1::ChargeResponse>(Granted(request));
      });
  const LinkReport report = pass();
  EXPECT_THAT(report.admitted, ElementsAre("u1"));
  EXPECT_TRUE(report.waiting.empty());
}

TEST_F(AuthorityLinkTest, IdOfAPodsReservationIsForgottenOnceThePodAndTheChargeAreGone) {
  NodeSight sight;
  sight.node = "n1";
  sight.devices = {DeviceOf("gpu0")};
  sight.listed_regions = {"gpu0"};
  sight.pods_are_complete = true;
  SeenPod& seen = sight.pods.emplace_back();
  seen.pod.cgroup_uid = "u1";
  seen.pod.annotations[kChargeAnnotation] = "job-7";
  seen.pod.containers = {{"main", "", {{"gpu", {"GPU-a"}, "", ""}}}};
  sight.devices[0].device_ids = {"GPU-a"};
  // The authority says each time that something was different, so that it is asked again.
  v1::ReconcileResponse different;
  different.set_differences_total(1);
  ON_CALL(*connection_, Reconcile).WillByDefault(Return(different));
  ON_CALL(*connection_, RequestRelease).WillByDefault(Return(v1::RequestReleaseResponse()));
  int freed = 0;
  ON_CALL(*connection_, UnchargeItems).WillByDefault([&](const v1::UnchargeItemsRequest&, auto) {
    ++freed;
    charges_.clear();
    return absl::StatusOr<v1::UnchargeItemsResponse>(v1::UnchargeItemsResponse());
  });
  const auto pass = [&] {
    NodeBooks books;
    now_ += config_.reconcile_interval;
    link_->Connect();
    link_->Sync(sight, &books);
  };
  v1::Charge charge;
  charge.set_charge_id("job-7");
  charge.add_items()->set_region("n1/gpu0");
  charges_ = {charge};
  pass();
  EXPECT_EQ(freed, 0);
  sight.pods.clear();
  pass();
  EXPECT_EQ(freed, 1) << "it was the pod's";
  pass();
  // One that somebody else makes under the same id is not the pod's.
  charges_ = {charge};
  pass();
  pass();
  EXPECT_EQ(freed, 1);
}

TEST_F(AuthorityLinkTest, AgentThatStartsAnewHoldsOnToAReservationWhosePodWentMeanwhile) {
  NodeSight sight = OnePod("Running");  // gpu0 does not say which processes are on it.
  sight.devices[0].used_bytes = 1;
  sight.pods_are_complete = true;
  sight.pods[0].pod.annotations[kChargeAnnotation] = "job-7";
  v1::Charge charge;
  charge.set_charge_id("job-7");
  v1::ChargeItem* item = charge.add_items();
  item->set_region("n1/gpu0");
  item->set_bytes(kGib);
  charges_ = {charge};
  ON_CALL(*connection_, RequestRelease).WillByDefault(Return(v1::RequestReleaseResponse()));
  ON_CALL(*connection_, UnchargeItems).WillByDefault(Return(v1::UnchargeItemsResponse()));
  const auto pass = [&] {
    NodeBooks books;
    link_->Connect();
    link_->Sync(sight, &books);
  };
  pass();
  sight.pods.clear();
  sight.has_unscanned_devices = true;  // Of those nothing is known: nothing is forgotten.
  charges_.clear();
  MakeLink();
  pass();
  sight.has_unscanned_devices = false;
  charges_ = {charge};

  EXPECT_CALL(*connection_, UnchargeItems).Times(0);
  MakeLink();
  pass();
  ASSERT_EQ(reconciles_.back().items_size(), 1) << "it would be given back";
  EXPECT_EQ(reconciles_.back().items(0).charge_id(), "job-7");
  EXPECT_EQ(reconciles_.back().items(0).bytes(), kGib);
  ::testing::Mock::VerifyAndClearExpectations(connection_.get());

  EXPECT_CALL(*connection_, UnchargeItems).Times(1);
  sight.devices[0].used_bytes = 0;
  pass();
}

}  // namespace
}  // namespace dmem::client
