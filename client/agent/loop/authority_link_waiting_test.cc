// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What waits for leave to start, or for more.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "client/agent/books/pod_annotations.h"
#include "client/agent/loop/testing/authority_link_fixture.h"
#include "client/testing/error_of_server.h"

namespace dmem::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Return;
using ::testing::SizeIs;

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
  ON_CALL(*connection_, Uncharge).WillByDefault(Return(v1::UnchargeResponse()));
  pass();
  EXPECT_THAT(asked, ElementsAre(v1::CHARGE_MODE_FORCE)) << "it has leave";
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

TEST_F(AuthorityLinkTest, PodThatWasLetInIsRecordedByForceAlsoBeforeItHasStarted) {
  const NodeSight sight = OnePod("Pending");
  config_.when_unreachable = UnreachablePolicy::kAllow;
  config_.unreachable_grace = absl::Seconds(15);
  absl::Status answer = absl::UnavailableError("away");
  ON_CALL(*connection_, OpenSession).WillByDefault(Return(absl::UnavailableError("away")));
  const auto pass = [&](absl::Duration time) {
    NodeBooks books;
    now_ += time;
    link_->Connect();
    return link_->Sync(sight, &books);
  };
  EXPECT_THAT(pass(absl::ZeroDuration()).admitted, IsEmpty());
  EXPECT_THAT(pass(absl::Seconds(14)).admitted, IsEmpty()) << "a restart of dmemd lets nobody in";
  LinkReport report = pass(absl::Seconds(1));
  EXPECT_THAT(report.admitted, ElementsAre("u1"));
  EXPECT_THAT(report.let_in, SizeIs(1)) << "to be logged";
  EXPECT_THAT(pass(absl::Seconds(1)).let_in, IsEmpty()) << "once";

  v1::OpenSessionResponse session;
  session.mutable_session()->set_id(7);
  ON_CALL(*connection_, OpenSession).WillByDefault(Return(session));
  std::vector<v1::ChargeRequest> asked;
  ON_CALL(*connection_, Charge).WillByDefault([&](const v1::ChargeRequest& request, auto) {
    asked.push_back(request);
    return absl::StatusOr<v1::ChargeResponse>(Granted(request));
  });
  report = pass(absl::Seconds(1));
  ASSERT_THAT(asked, SizeIs(1));
  EXPECT_EQ(asked[0].mode(), v1::CHARGE_MODE_FORCE) << "it has leave, and may start at any moment";
  EXPECT_EQ(asked[0].labels().count("dmemd/recorded-late"), 1u);
  EXPECT_THAT(report.admitted, ElementsAre("u1"));
}

// The pod u1 runs, and has 8 bytes charged on gpu0.
class RaisedLimitTest : public AuthorityLinkTest {
 protected:
  RaisedLimitTest() {
    sight_ = OnePod("Running");
    sight_.pods[0].pod.name_space = "ml";
    sight_.pods[0].pod.name = "web";
    SetLimit("8");
    ON_CALL(*connection_, Resize)
        .WillByDefault(
            [this](const v1::ResizeRequest& request, auto) -> absl::StatusOr<v1::ResizeResponse> {
              asked_.push_back(request.mode());
              if (!answer_.ok()) return answer_;
              return v1::ResizeResponse();
            });
    Pass();
  }

  void SetLimit(const std::string& limit) {
    sight_.pods[0].pod.annotations[kLimitAnnotation] = limit;
  }
  LinkReport Pass() {
    asked_.clear();
    now_ += absl::Seconds(1);
    link_->Connect();
    return link_->Sync(sight_, &books_);
  }
  const Holding& One() { return books_.holdings.at(0); }

  NodeSight sight_;
  NodeBooks books_;
  absl::Status answer_;
  std::vector<v1::ChargeMode> asked_;
};

TEST_F(RaisedLimitTest, IsChargedFirst) {
  EXPECT_EQ(One().max_bytes, 8u);
  SetLimit("12");
  EXPECT_THAT(Pass().problems, IsEmpty());
  EXPECT_THAT(asked_, ElementsAre(v1::CHARGE_MODE_STRICT));
  EXPECT_EQ(One().max_bytes, 12u);
  EXPECT_EQ(One().charged_bytes, 12u);
  Pass();
  EXPECT_THAT(asked_, IsEmpty());
}

TEST_F(RaisedLimitTest, IsNotSetWhereItIsRefusedAndIsOneProblemUntilThereIsRoom) {
  SetLimit("12");
  answer_ = absl::ResourceExhaustedError("/ns/ml has 9 of 9");
  const LinkReport first = Pass();
  EXPECT_THAT(asked_, ElementsAre(v1::CHARGE_MODE_STRICT));
  ASSERT_THAT(first.problems, SizeIs(1));
  EXPECT_EQ(std::string(first.problems[0].message()),
            "pod ml/web keeps what is charged for it in n1/gpu0 and does not get 12B: /ns/ml has 9 "
            "of 9");
  EXPECT_EQ(One().max_bytes, 8u);
  EXPECT_EQ(One().charged_bytes, 8u);
  EXPECT_THAT(first.admitted, ElementsAre("u1")) << "it runs";
  answer_ = absl::ResourceExhaustedError("/ns/ml has 8 of 9");
  const LinkReport second = Pass();
  EXPECT_THAT(asked_, ElementsAre(v1::CHARGE_MODE_CHECK_ONLY))
      << "not a record of refusal a second";
  ASSERT_THAT(second.problems, SizeIs(1));
  EXPECT_EQ(second.problems[0].message(), first.problems[0].message()) << "the same problem";
  now_ += absl::Hours(1);
  Pass();
  EXPECT_THAT(asked_, ElementsAre(v1::CHARGE_MODE_STRICT)) << "records of refusals do not stay";
  answer_ = absl::OkStatus();
  EXPECT_THAT(Pass().problems, IsEmpty());
  EXPECT_THAT(asked_, ElementsAre(v1::CHARGE_MODE_CHECK_ONLY, v1::CHARGE_MODE_STRICT));
  EXPECT_EQ(One().max_bytes, 12u);
}

TEST_F(AuthorityLinkTest, PodWhoseTenantIsNotThereIsToldSo) {
  ON_CALL(*connection_, Charge)
      .WillByDefault(Return(
          ErrorOfServer(absl::StatusCode::kNotFound, "CGROUP_NOT_FOUND", "no cgroup \"/ns/ml\"")));
  for (int pass = 0; pass < 2; ++pass) {
    NodeBooks books;
    link_->Connect();
    const LinkReport report = link_->Sync(OnePod("Pending"), &books);
    EXPECT_EQ(report.waiting.at("u1").reason, "CGROUP_NOT_FOUND");
    EXPECT_EQ(report.waiting.at("u1").why, "n1/gpu0: no cgroup \"/ns/ml\"");
    EXPECT_THAT(report.problems, SizeIs(1));
  }
}

TEST_F(AuthorityLinkTest, PodWithTwoDevicesHoldsNothingWhileItWaitsForOneOfThem) {
  NodeSight sight = OnePod("Pending");
  sight.devices.push_back(DeviceOf("gpu1"));
  sight.devices[1].device_ids = {"GPU-b"};
  sight.pods[0].pod.containers[0].devices[0].ids = {"GPU-a", "GPU-b"};
  config_.when_unreachable = UnreachablePolicy::kDeny;
  absl::Status answer = absl::ResourceExhaustedError("full");
  std::vector<v1::ChargeRequest> asked;
  ON_CALL(*connection_, Charge)
      .WillByDefault(
          [&](const v1::ChargeRequest& request, auto) -> absl::StatusOr<v1::ChargeResponse> {
            asked.push_back(request);
            if (!answer.ok()) return answer;
            return Granted(request);
          });
  const auto pass = [&] {
    NodeBooks books;
    asked.clear();
    link_->Connect();
    return link_->Sync(sight, &books);
  };
  LinkReport report = pass();
  ASSERT_THAT(asked, SizeIs(1));
  EXPECT_EQ(asked[0].items_size(), 2);
  EXPECT_EQ(report.waiting.at("u1").why, "n1/gpu0, n1/gpu1: full");
  answer = absl::UnavailableError("it may have arrived");
  pass();  // Asks what the answer would be.
  pass();
  const std::string sent = asked[0].charge_id();
  EXPECT_EQ(asked[0].mode(), v1::CHARGE_MODE_STRICT);
  answer = absl::OkStatus();
  now_ += absl::Seconds(1);
  EXPECT_THAT(pass().admitted, ElementsAre("u1"));
  ASSERT_THAT(asked, SizeIs(1));
  EXPECT_EQ(asked[0].charge_id(), sent) << "it may have arrived";
}

TEST_F(AuthorityLinkTest, UnansweredChargeOfAllDevicesIsSpentBeforeEachIsChargedOnItsOwn) {
  NodeSight sight = OnePod("Pending");
  sight.devices.push_back(DeviceOf("gpu1"));
  sight.devices[1].device_ids = {"GPU-b"};
  sight.pods[0].pod.containers[0].devices[0].ids = {"GPU-a", "GPU-b"};
  std::string sent;
  ON_CALL(*connection_, Charge)
      .WillByDefault(
          [&](const v1::ChargeRequest& request, auto) -> absl::StatusOr<v1::ChargeResponse> {
            sent = request.charge_id();
            return absl::UnavailableError("it may have arrived");
          });
  const auto pass = [&] {
    NodeBooks books;
    link_->Connect();
    link_->Sync(sight, &books);
  };
  pass();
  sight.pods[0].pod.phase = "Running";
  std::vector<std::string> order;
  ON_CALL(*connection_, Uncharge).WillByDefault([&](const v1::UnchargeRequest& request, auto) {
    order.push_back("spend " + request.charge_ids(0).substr(0, 7));
    EXPECT_EQ(request.charge_ids(0), sent);
    return absl::StatusOr<v1::UnchargeResponse>(v1::UnchargeResponse());
  });
  ON_CALL(*connection_, Charge).WillByDefault([&](const v1::ChargeRequest& request, auto) {
    order.push_back(request.charge_id().substr(0, 11));
    return absl::StatusOr<v1::ChargeResponse>(Granted(request));
  });
  pass();
  EXPECT_THAT(order, ElementsAre("spend pod/u1~", "pod/u1/gpu0", "pod/u1/gpu1"));
}

}  // namespace
}  // namespace dmem::client
