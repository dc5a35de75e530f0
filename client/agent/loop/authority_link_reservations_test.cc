// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What holds under a scheduler's reservation.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "client/agent/books/pod_annotations.h"
#include "client/agent/loop/testing/authority_link_fixture.h"

namespace dmem::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Return;
using ::testing::SizeIs;

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

TEST_F(AuthorityLinkTest, PodsThatShareAReservationOverTwoDevicesMakeNoItemLarger) {
  NodeSight sight = OnePod("Running");
  sight.devices.push_back(DeviceOf("gpu1"));
  sight.devices[1].device_ids = {"GPU-b"};
  sight.pods.push_back(sight.pods[0]);
  sight.pods[1].pod.cgroup_uid = "u2";
  sight.pods[1].pod.containers[0].devices[0].ids = {"GPU-b"};
  v1::Charge charge;
  charge.set_charge_id("job-7");
  for (const char* region : {"n1/gpu0", "n1/gpu1"}) {
    v1::ChargeItem* item = charge.add_items();
    item->set_region(region);
    item->set_bytes(8);
  }
  for (SeenPod& seen : sight.pods)
    seen.pod.annotations = {{kChargeAnnotation, "job-7"}, {kLimitAnnotation, "8"}};
  ON_CALL(*connection_, ListCharges).WillByDefault([&](const v1::ListChargesRequest&, auto) {
    v1::ListChargesResponse response;
    *response.add_charges() = charge;
    return absl::StatusOr<v1::ListChargesResponse>(response);
  });
  EXPECT_CALL(*connection_, Resize).Times(0);
  for (int pass = 0; pass < 2; ++pass) {  // No source of pods answers: nothing is evidence.
    NodeBooks books;
    link_->Connect();
    link_->Sync(sight, &books);
  }
  ASSERT_FALSE(reconciles_.empty());
  ASSERT_EQ(reconciles_[0].items_size(), 2);
  for (const v1::HeldItem& item : reconciles_[0].items()) EXPECT_EQ(item.bytes(), 8u);
}

TEST_F(AuthorityLinkTest, PodThatWaitsToJoinAnItemOfItsReservationWaitsUntilThereIsRoomForBoth) {
  NodeSight sight = OnePod("Running");
  sight.pods.push_back(sight.pods[0]);
  sight.pods[1].pod.cgroup_uid = "u2";
  sight.pods[1].pod.phase = "Pending";
  for (SeenPod& seen : sight.pods)
    seen.pod.annotations = {{kChargeAnnotation, "job-7"}, {kLimitAnnotation, "8"}};
  v1::Charge charge;
  charge.set_charge_id("job-7");
  charge.add_items()->set_region("n1/gpu0");
  charge.mutable_items(0)->set_bytes(8);
  charges_ = {charge};
  absl::Status answer = absl::ResourceExhaustedError("full");
  std::vector<v1::ChargeMode> asked;
  ON_CALL(*connection_, Resize)
      .WillByDefault(
          [&](const v1::ResizeRequest& request, auto) -> absl::StatusOr<v1::ResizeResponse> {
            asked.push_back(request.mode());
            if (!answer.ok()) return answer;
            return v1::ResizeResponse();
          });
  const auto pass = [&] {
    NodeBooks books;
    link_->Connect();
    return link_->Sync(sight, &books);
  };
  LinkReport report = pass();
  EXPECT_THAT(asked, ElementsAre(v1::CHARGE_MODE_STRICT));
  EXPECT_THAT(report.admitted, ElementsAre("u1"));
  EXPECT_EQ(report.waiting.at("u2").why, "n1/gpu0: full");
  answer = absl::OkStatus();
  EXPECT_THAT(pass().admitted, ElementsAre("u1", "u2"));
}

TEST_F(RefusedCommitTest, IsNotSentWhileNothingKeepsWhoseItIs) {
  root_.Write("state/reservations/in_the_way", "");
  sight_.pods[0].pod.phase = "Pending";
  MakeLink();
  EXPECT_CALL(*connection_, Commit).Times(0);
  Pass();
  const LinkReport report = Pass();
  EXPECT_THAT(report.waiting.at("u1").why, HasSubstr("reservations"));
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

TEST_F(AuthorityLinkTest, AuthorityIsAskedOfAChargeOnADeviceThatIsAwayOnceAMinute) {
  NodeSight sight = OnePod("Running");
  sight.pods_are_complete = true;
  sight.pods[0].pod.annotations[kChargeAnnotation] = "job-7";
  v1::Charge charge;
  charge.set_charge_id("job-7");
  charge.add_items()->set_region("n2/gpu0");
  charge.add_items()->set_region("n1/gpu0");
  charges_ = {charge};
  const auto pass = [&] {
    NodeBooks books;
    link_->Connect();
    return link_->Sync(sight, &books).problems;
  };
  pass();
  sight.pods.clear();
  sight.devices.clear();
  MakeLink();
  int asked = 0;
  absl::StatusOr<v1::ListChargesResponse> answer = absl::UnavailableError("no answer");
  ON_CALL(*connection_, ListCharges).WillByDefault([&](const v1::ListChargesRequest& r, auto) {
    EXPECT_EQ(r.charge_id(), "job-7");
    ++asked;
    return answer;
  });
  EXPECT_THAT(pass(), SizeIs(1));
  answer.emplace();
  *answer->add_charges() = charge;
  for (int i = 0; i < 3; ++i) EXPECT_THAT(pass(), IsEmpty());
  EXPECT_EQ(asked, 2) << "again only while there was no answer";
  now_ += absl::Minutes(1);
  answer->clear_charges();
  pass();
  EXPECT_EQ(asked, 3);
  now_ += absl::Minutes(1);
  pass();
  EXPECT_EQ(asked, 3) << "it is forgotten";
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
  // Of a device that is away, or that says nothing, nothing is known, and nothing is forgotten.
  const std::vector<Device> devices = std::exchange(sight.devices, {});
  MakeLink();
  pass();
  sight.devices = devices;
  sight.devices[0].capacity_bytes = 0;
  MakeLink();
  pass();
  sight.devices = devices;

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
