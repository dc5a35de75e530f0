// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/loop/authority_link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/agent/books/pod_annotations.h"
#include "client/agent/loop/testing/authority_link_fixture.h"
#include "client/testing/error_of_server.h"

namespace dmem::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Return;
using ::testing::UnorderedElementsAre;

TEST_F(AuthorityLinkTest, WhatIsGrantedAfterTheNodeWasLookedAtIsNotTakenForALeak) {
  link_->Connect();
  NodeSight sight;
  sight.node = "n1";
  sight.devices = {DeviceOf("gpu0")};
  const uint64_t looked_at = sequence_;
  // Somebody is granted memory on the node between the look and the list.
  v1::Charge charge;
  charge.set_charge_id("job-7");
  v1::ChargeItem* item = charge.add_items();
  item->set_region("n1/gpu0");
  item->set_bytes(1);
  charges_.push_back(charge);
  sequence_ += 100;
  NodeBooks books;
  EXPECT_TRUE(link_->Sync(sight, &books).is_connected);
  ASSERT_EQ(reconciles_.size(), 1u);
  EXPECT_LE(reconciles_[0].as_of(), looked_at);
  EXPECT_TRUE(reconciles_[0].last());

  // The next look is after that.
  now_ += config_.reconcile_interval;
  link_->Connect();
  link_->Sync(sight, &books);
  ASSERT_EQ(reconciles_.size(), 2u);
  EXPECT_GT(reconciles_[1].as_of(), looked_at + 100);
}

TEST_F(AuthorityLinkTest, ListAndReportAreOfTheTimeOfTheLook) {
  NodeSight sight;
  sight.node = "n1";
  sight.devices = {DeviceOf("gpu0")};
  sight.devices[0].used_bytes = 5;
  const absl::Time looked_at = now_;
  link_->Connect();
  now_ += absl::Milliseconds(70);  // So long was the look.
  NodeBooks books;
  LinkReport report = link_->Sync(sight, &books);
  EXPECT_EQ(report.reconciled_as_of, looked_at);
  EXPECT_EQ(report.reported_as_of, looked_at);

  // A pass in which neither was due, and one in which both were refused.
  link_->Connect();
  report = link_->Sync(sight, &books);
  EXPECT_EQ(report.reconciled_as_of, looked_at);
  now_ += config_.reconcile_interval;
  ON_CALL(*connection_, Reconcile)
      .WillByDefault(::testing::Return(absl::AbortedError("begin anew")));
  ON_CALL(*connection_, ReportMeasured)
      .WillByDefault(::testing::Return(absl::AbortedError("no such session")));
  link_->Connect();
  report = link_->Sync(sight, &books);
  EXPECT_EQ(report.reconciled_as_of, looked_at);
  EXPECT_EQ(report.reported_as_of, looked_at);
  EXPECT_EQ(report.problems.size(), 2u);
}

TEST_F(AuthorityLinkTest, StepThatIsRefusedDoesNotHoldUpTheListForReconcile) {
  link_->Connect();
  NodeSight sight;
  sight.node = "n1";
  sight.devices = {DeviceOf("gpu0"), DeviceOf("gpu1")};
  sight.processes = {{"gpu0", 5, ""}, {"gpu1", 6, ""}};
  ON_CALL(*connection_, Charge).WillByDefault(Return(absl::FailedPreconditionError("it is LOST")));
  NodeBooks books;
  const LinkReport report = link_->Sync(sight, &books);
  EXPECT_EQ(report.problems.size(), 2u);
  ASSERT_EQ(reconciles_.size(), 1u);
  EXPECT_TRUE(reconciles_[0].last());
  EXPECT_EQ(report.reconciled_as_of, now_);
}

TEST_F(AuthorityLinkTest, ListIsOfTheDevicesThatAreSeenAndRegisteredAndOfNoOthers) {
  // The agent has begun anew; of two devices one's driver has not answered, one says no capacity.
  NodeSight sight = OnePod("Running");
  sight.has_unscanned_devices = true;
  sight.devices.push_back(DeviceOf("gpu1"));
  sight.devices[1].capacity_bytes = 0;
  sight.processes = {{"gpu1", 5, ""}};
  link_->Connect();
  NodeBooks books;
  link_->Sync(sight, &books);
  ASSERT_EQ(reconciles_.size(), 1u);
  ASSERT_EQ(reconciles_[0].regions_size(), 1);
  EXPECT_EQ(reconciles_[0].regions(0), "n1/gpu0");
  ASSERT_EQ(reconciles_[0].items_size(), 1);
  EXPECT_EQ(reconciles_[0].items(0).region(), "n1/gpu0");
  // Nothing is seen: nothing is said.
  sight.devices.clear();
  sight.processes.clear();
  now_ += config_.reconcile_interval;
  link_->Connect();
  link_->Sync(sight, &books);
  EXPECT_EQ(reconciles_.size(), 1u);
}

TEST_F(AuthorityLinkTest, WhatIsChargedIsNotKnownBeforeARegionHasBeenRegistered) {
  ON_CALL(*connection_, Register).WillByDefault(Return(absl::UnavailableError("it went down")));
  NodeBooks books;
  for (int pass = 0; pass < 2; ++pass) {
    link_->Connect();
    EXPECT_FALSE(link_->Sync(OnePod("Running"), &books).has_listed)
        << "limits that stand would be lifted for what annotations say";
  }
}

TEST_F(AuthorityLinkTest, OnlyWhereItIsKnownToBeFreeIsAChargeGivenBack) {
  v1::Charge charge;  // Of two devices, of which one is not seen.
  charge.set_charge_id("pod/u1~1f");
  for (const char* region : {"n1/gpu0", "n1/gpu1"}) charge.add_items()->set_region(region);
  charges_ = {charge};
  NodeSight sight = OnePod("Running");
  sight.pods.clear();
  sight.pods_are_complete = true;
  sight.listed_regions = {"gpu0"};
  ON_CALL(*connection_, RequestRelease).WillByDefault(Return(v1::RequestReleaseResponse()));
  EXPECT_CALL(*connection_, UnchargeItems).WillOnce([](const v1::UnchargeItemsRequest& r, auto) {
    EXPECT_EQ(r.regions_size(), 1);
    EXPECT_EQ(r.regions(0), "n1/gpu0");
    return absl::StatusOr<v1::UnchargeItemsResponse>(v1::UnchargeItemsResponse());
  });
  link_->Connect();
  NodeBooks books;
  link_->Sync(sight, &books);
}

TEST_F(AuthorityLinkTest, WhatRunsAndWasRefusedAChargeIsRecordedByTheList) {
  link_->Connect();
  NodeSight sight;
  sight.node = "n1";
  sight.devices = {DeviceOf("gpu0")};
  sight.processes = {{"gpu0", 5, ""}};
  std::vector<std::string> refused;
  ON_CALL(*connection_, Charge).WillByDefault([&](const v1::ChargeRequest& request, auto) {
    refused.push_back(request.charge_id());
    return absl::StatusOr<v1::ChargeResponse>(absl::ResourceExhaustedError("no room"));
  });
  NodeBooks books;
  link_->Sync(sight, &books);
  ASSERT_EQ(refused.size(), 1u);
  ASSERT_EQ(reconciles_.size(), 1u);
  ASSERT_EQ(reconciles_[0].items_size(), 1);
  EXPECT_EQ(reconciles_[0].items(0).charge_id(), refused[0]);
  EXPECT_EQ(reconciles_[0].items(0).bytes(), 5u);
}

TEST_F(AuthorityLinkTest, StateThatCannotBeKeptIsSaid) {
  root_.Write("state", "a file in the way");
  NodeSight sight;
  sight.node = "n1";
  std::vector<std::string> problems;
  for (int pass = 0; pass < 2; ++pass) {
    NodeBooks books;
    link_->Connect();
    SeenPod& seen = sight.pods.emplace_back();
    seen.pod.cgroup_uid = absl::StrCat("u", pass);
    seen.pod.annotations[kChargeAnnotation] = "job-7";
    problems.clear();
    for (const absl::Status& problem : link_->Sync(sight, &books).problems)
      problems.emplace_back(problem.message());
  }
  EXPECT_THAT(problems, UnorderedElementsAre(HasSubstr("/state/reservations: "),
                                             HasSubstr("/state/incarnations: ")));
}

TEST_F(AuthorityLinkTest, RegionThatTheAuthorityHasNotAnyMoreIsRegisteredAgain) {
  NodeSight sight;
  sight.node = "n1";
  sight.devices = {DeviceOf("gpu0")};
  std::vector<std::string> registered;
  ON_CALL(*connection_, Register).WillByDefault([&](const v1::RegisterRequest& request, auto) {
    registered.push_back(request.region().name());
    refused_.clear();
    return absl::StatusOr<v1::RegisterResponse>(v1::RegisterResponse());
  });
  v1::ReconcileResponse different;
  different.set_differences_total(1);
  ON_CALL(*connection_, Reconcile).WillByDefault(Return(different));
  const auto pass = [&] {
    NodeBooks books;
    now_ += config_.reconcile_interval;
    link_->Connect();
    link_->Sync(sight, &books);
  };
  pass();
  EXPECT_THAT(registered, ElementsAre("n1/gpu0"));
  refused_ = "n1/gpu0";  // An admin has unregistered it.
  pass();
  EXPECT_THAT(registered, ElementsAre("n1/gpu0", "n1/gpu0"));
}

TEST_F(AuthorityLinkTest, NothingIsReportedOfANodeOfWhichNothingIsTaken) {
  refused_ = "n1/gpu0";
  EXPECT_CALL(*connection_, ReportMeasured).Times(0);
  link_->Connect();
  NodeSight sight;
  sight.node = "n1";
  sight.devices = {DeviceOf("gpu0")};
  sight.devices[0].used_bytes = 5;
  NodeBooks books;
  EXPECT_EQ(link_->Sync(sight, &books).problems.size(), 1u);
}

// What was asked of an authority that has these groups.
class GroupsTest : public AuthorityLinkTest {
 protected:
  GroupsTest() {
    config_.groups = {"model/{model}", "cluster", "site"};
    sight_.node = "n1";
    sight_.devices = {DeviceOf("gpu0")};
    sight_.devices[0].model = "H100";
    ON_CALL(*connection_, Register)
        .WillByDefault([this](const v1::RegisterRequest& request,
                              auto) -> absl::StatusOr<v1::RegisterResponse> {
          const std::string& parent = request.region().parent();
          asked_.push_back(absl::StrCat(request.region().name(), " in ", parent));
          if (groups_.count(parent) == 0)
            return ErrorOfServer(absl::StatusCode::kNotFound, "PARENT_NOT_FOUND");
          return v1::RegisterResponse();
        });
    ON_CALL(*connection_, ListRegions).WillByDefault([this](const v1::ListRegionsRequest&, auto) {
      v1::ListRegionsResponse response;
      for (const std::string& group : groups_) response.add_groups()->set_name(group);
      return absl::StatusOr<v1::ListRegionsResponse>(response);
    });
    ON_CALL(*connection_, RegisterGroup)
        .WillByDefault([this](const v1::RegisterGroupRequest& request, auto) {
          asked_.push_back(absl::StrCat("group ", request.name(), " in ", request.parent()));
          groups_.insert(request.name());
          return absl::StatusOr<v1::RegisterGroupResponse>(v1::RegisterGroupResponse());
        });
  }

  std::vector<std::string> Pass() {
    asked_.clear();
    NodeBooks books;
    link_->Connect();
    EXPECT_TRUE(link_->Sync(sight_, &books).problems.empty());
    return asked_;
  }

  NodeSight sight_;
  std::set<std::string> groups_;
  std::vector<std::string> asked_;
};

TEST_F(GroupsTest, GroupsThatAreNotThereAreMadeFromTheOutsideIn) {
  EXPECT_THAT(Pass(),
              ElementsAre("n1/gpu0 in model/H100", "group site in ", "group cluster in site",
                          "group model/H100 in cluster", "n1/gpu0 in model/H100"));
  EXPECT_THAT(Pass(), ElementsAre());
}

TEST_F(GroupsTest, GroupThatIsThereStaysWhereItIs) {
  groups_ = {"cluster"};
  EXPECT_THAT(Pass(), ElementsAre("n1/gpu0 in model/H100", "group site in ",
                                  "group model/H100 in cluster", "n1/gpu0 in model/H100"));
}

TEST_F(AuthorityLinkTest, DeviceThatIsNotTakenDoesNotHoldUpTheOthers) {
  refused_ = "n1/gpu0";
  link_->Connect();
  NodeSight sight;
  sight.node = "n1";
  sight.devices = {DeviceOf("gpu0"), DeviceOf("gpu1")};
  sight.processes = {{"gpu0", 5, ""}, {"gpu1", 5, ""}};
  NodeBooks books;
  const LinkReport report = link_->Sync(sight, &books);
  EXPECT_TRUE(report.is_connected);
  ASSERT_EQ(charges_.size(), 1u);
  EXPECT_EQ(charges_[0].items(0).region(), "n1/gpu1");
  std::vector<std::string> problems;
  for (const absl::Status& problem : report.problems) problems.emplace_back(problem.message());
  EXPECT_THAT(problems, ElementsAre("Register: no"));
}

}  // namespace
}  // namespace dmem::client
