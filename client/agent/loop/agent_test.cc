// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/loop/agent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/agent/books/pod_annotations.h"
#include "client/agent/testing/scripted_agent.h"
#include "client/agent/testing/temp_directory.h"
#include "client/testing/mock_connection.h"

namespace dmem::client {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::NiceMock;
using ::testing::Return;
using ::testing::StartsWith;

Holding LimitedHolding(const std::string& cgroup, uint64_t low, uint64_t max) {
  Holding holding;
  holding.node_cgroup = cgroup;
  holding.local_region = "gpu0";
  holding.is_limited = true;
  holding.low_bytes = low;
  holding.max_bytes = max;
  return holding;
}

TEST(LimitsOfTest, OnlyPodsThatSayTheirLimitAndHaveACgroupAreLimited) {
  NodeBooks books;
  books.holdings = {LimitedHolding("/b", 1, 2), LimitedHolding("", 3, 4),
                    LimitedHolding("/a", 5, 6), LimitedHolding("/c", 7, 8)};
  books.holdings[3].is_limited = false;
  const std::vector<Limit> limits = LimitsOf(books);
  ASSERT_EQ(limits.size(), 2u);
  EXPECT_EQ(limits[0].cgroup, "/a");
  EXPECT_EQ(limits[0].low_bytes, 5u);
  EXPECT_EQ(limits[0].max_bytes, 6u);
  EXPECT_EQ(limits[1].cgroup, "/b");
  EXPECT_EQ(limits[1].region, "gpu0");
}

// A node with one device, and a tenant's directory; the authority knows nothing and takes all.
class AgentTest : public ::testing::Test {
 protected:
  AgentTest() {
    root_.Write("proc/stat", "btime 1000\n");
    config_.node_name = "n1";
    config_.proc_root = root_.path() + "/proc";
    config_.cgroup_root = root_.path();
    config_.gate_dir = root_.path();
    config_.over_grant_grace = absl::Seconds(30);
    config_.unreachable_grace = absl::ZeroDuration();
    config_.tenant_directories = {{"/teams/vision", "/vision.slice"}};
    config_.state_dir = root_.path() + "/state";
    incarnations_ =
        std::make_unique<Incarnations>(*Incarnations::Load(config_.proc_root, config_.state_dir));
    Device& device = script_.devices.emplace_back();
    device.region = "gpu0";
    device.capacity_bytes = 100;
    device.device_ids = {"GPU-a"};
    script_.usage.listed_regions = {"gpu0"};
    AnswerAll();
    MakeAgent();
  }

  // One that has seen nothing yet.
  void MakeAgent() {
    agent_ = ScriptedAgent(
        {&config_, &script_, &pods_, incarnations_.get(), &metrics_, &log_}, connection_,
        [this] { return now_ - set_back_; }, [this] { return now_; });
  }

  void AnswerAll() {
    v1::OpenSessionResponse session;
    session.mutable_session()->set_id(7);
    ON_CALL(*connection_, OpenSession).WillByDefault(Return(session));
    ON_CALL(*connection_, Register).WillByDefault(Return(v1::RegisterResponse()));
    ON_CALL(*connection_, Reconcile).WillByDefault(Return(v1::ReconcileResponse()));
    ON_CALL(*connection_, ReportMeasured).WillByDefault(Return(v1::ReportMeasuredResponse()));
    ON_CALL(*connection_, ListCharges).WillByDefault(Return(v1::ListChargesResponse()));
    ON_CALL(*connection_, Charge).WillByDefault([](const v1::ChargeRequest& request, auto) {
      v1::ChargeResponse response;
      response.mutable_charge()->set_charge_id(request.charge_id());
      *response.mutable_charge()->mutable_items() = request.items();
      return absl::StatusOr<v1::ChargeResponse>(response);
    });
    ON_CALL(*connection_, GetPool).WillByDefault([this](const v1::GetPoolRequest& request, auto) {
      asked_pools_.push_back(absl::StrCat(request.cgroup(), " in ", request.region()));
      if (request.region() == unknown_region_)
        return absl::StatusOr<v1::GetPoolResponse>(absl::NotFoundError("no such region"));
      return pool_;
    });
    SetPool(0, 0, kNoLimit);
  }

  void AddDevice(const std::string& region) {
    Device device;
    device.region = region;
    device.capacity_bytes = 100;
    script_.devices.push_back(device);
  }

  void SetPool(uint64_t min, uint64_t low, uint64_t max) {
    v1::GetPoolResponse response;
    response.mutable_pool()->set_min_bytes(min);
    response.mutable_pool()->set_low_bytes(low);
    response.mutable_pool()->set_max_bytes(max);
    pool_ = response;
  }

  // The pod u1, which has the device, with a limit of 8 bytes, and uses so many.
  void AddPod(const std::string& phase, uint64_t used) {
    Pod pod;
    pod.name_space = "ml";
    pod.name = "web";
    pod.uid = pod.cgroup_uid = "u1";
    pod.phase = phase;
    pod.annotations[kLimitAnnotation] = "8";
    pod.has_devices_known = true;
    pod.containers = {{"main", "", {{"gpu", {"GPU-a"}, "", ""}}}};
    pods_.pods = {pod};
    if (used == 0) return;
    root_.Write("proc/11/cgroup", absl::StrCat("0::/kubepods/podu1/", std::string(64, 'a'), "\n"));
    script_.usage.processes = {{11, "gpu0", used}};
  }

  // -1: there is none.
  double Metric(const std::string& name) const {
    for (const prometheus::MetricFamily& family : metrics_.Collect()) {
      if (family.name == name && !family.metric.empty()) return family.metric[0].gauge.value;
    }
    return -1;
  }

  void Pass() {
    script_.applied.clear();
    agent_->Pass();
  }

  TempDirectory root_;
  AgentConfig config_;
  absl::Time now_ = absl::FromUnixSeconds(2000);
  absl::Duration set_back_;  // By how much the clock that people have is.
  BackendScript script_;
  PodSnapshot pods_;
  absl::StatusOr<v1::GetPoolResponse> pool_ = absl::UnknownError("not set");
  std::vector<std::string> asked_pools_, log_;
  std::string unknown_region_;  // To GetPool.
  AgentMetrics metrics_;
  std::shared_ptr<NiceMock<MockConnection>> connection_ =
      std::make_shared<NiceMock<MockConnection>>();
  std::unique_ptr<Incarnations> incarnations_;
  std::unique_ptr<Agent> agent_;
};

TEST_F(AgentTest, TenantsDirectoryGetsTheLargerGuaranteeAndTheMaxOfItsPoolInEachDevice) {
  SetPool(3, 2, 50);
  Pass();
  EXPECT_THAT(asked_pools_, ElementsAre("/teams/vision in n1/gpu0"));
  ASSERT_EQ(script_.applied.size(), 1u);
  EXPECT_EQ(script_.applied[0].cgroup, "/vision.slice");
  EXPECT_EQ(script_.applied[0].region, "gpu0");
  EXPECT_EQ(script_.applied[0].low_bytes, 3u);
  EXPECT_EQ(script_.applied[0].max_bytes, 50u);
}

TEST_F(AgentTest, TenantsLimitsStayAsLastToldWhileNobodyAnswers) {
  SetPool(0, 0, 50);
  Pass();
  pool_ = absl::UnavailableError("away");
  Pass();
  ASSERT_EQ(script_.applied.size(), 1u);
  EXPECT_EQ(script_.applied[0].max_bytes, 50u);
  SetPool(0, 0, 60);
  Pass();
  EXPECT_EQ(script_.applied[0].max_bytes, 60u);
}

TEST_F(AgentTest, LimitThatStandsIsNotRaisedBeforeTheAuthorityHasSaidWhatIsCharged) {
  AddPod("Running", 1);
  pods_.pods[0].annotations[kLimitAnnotation] = "80";
  pods_.pods[0].qos_class = "Guaranteed";
  root_.Write("kubepods/podu1/cgroup.procs", "");
  script_.standing_max_bytes = 8;
  ON_CALL(*connection_, OpenSession).WillByDefault(Return(absl::UnavailableError("away")));
  MakeAgent();
  Pass();
  ASSERT_EQ(script_.applied.size(), 1u);
  EXPECT_EQ(script_.applied[0].max_bytes, 8u);
  AnswerAll();
  Pass();
  ASSERT_EQ(script_.applied.size(), 2u) << "the tenant's is there too";
  EXPECT_EQ(script_.applied[0].max_bytes, 80u) << "it is charged";
}

TEST_F(AgentTest, BetweenPassesOnlyTenantsLimitsThatHaveChangedAreWritten) {
  AddDevice("gpu1");
  agent_->FollowTenants();
  EXPECT_THAT(asked_pools_, IsEmpty()) << "nobody has answered yet";
  SetPool(0, 0, 50);
  Pass();
  script_.applied.clear();
  agent_->FollowTenants();
  EXPECT_THAT(script_.applied, IsEmpty());
  SetPool(0, 0, 60);
  unknown_region_ = "n1/gpu0";
  agent_->FollowTenants();
  ASSERT_EQ(script_.applied.size(), 1u);
  EXPECT_EQ(script_.applied[0].region, "gpu1");
  EXPECT_EQ(script_.applied[0].max_bytes, 60u);
  ON_CALL(*connection_, Reconcile).WillByDefault(Return(absl::UnavailableError("away")));
  now_ += config_.reconcile_interval;
  Pass();
  asked_pools_.clear();
  agent_->FollowTenants();
  EXPECT_THAT(asked_pools_, IsEmpty());
}

TEST_F(AgentTest, TenantsLimitsInOtherDevicesStandWhenOneIsNotKnownToTheAuthority) {
  AddDevice("gpu1");
  unknown_region_ = "n1/gpu0";
  SetPool(0, 0, 50);
  Pass();
  ASSERT_EQ(script_.applied.size(), 1u);
  EXPECT_EQ(script_.applied[0].region, "gpu1");
  EXPECT_EQ(script_.applied[0].max_bytes, 50u);
  // What was told of it once stays.
  unknown_region_.clear();
  Pass();
  unknown_region_ = "n1/gpu0";
  SetPool(0, 0, 60);
  Pass();
  ASSERT_EQ(script_.applied.size(), 2u);
  EXPECT_EQ(script_.applied[0].region, "gpu0");
  EXPECT_EQ(script_.applied[0].max_bytes, 50u);
  EXPECT_EQ(script_.applied[1].max_bytes, 60u);
}

TEST_F(AgentTest, TenantsLimitsAreAskedForOnceWhenNobodyAnswers) {
  AddDevice("gpu1");
  pool_ = absl::UnavailableError("away");
  Pass();
  EXPECT_THAT(asked_pools_, ElementsAre("/teams/vision in n1/gpu0"));
}

TEST_F(AgentTest, StateThatCannotBeWrittenIsAProblem) {
  root_.Write("state", "a file");
  Pass();
  const std::string state = root_.path() + "/state";
  EXPECT_THAT(log_,
              Contains(absl::StrCat("problem: state_dir \"", state, "\": cannot write ", state,
                                    "/incarnations: Not a directory (make it a directory "
                                    "that dmem-agent can write)")));
}

TEST_F(AgentTest, PodWhoseDeviceWasNeverScannedWaitsOnlyWhereThePolicyIsToDeny) {
  config_.when_unreachable = UnreachablePolicy::kDeny;
  MakeAgent();
  script_.failure = absl::UnavailableError("the driver is loading");
  AddPod("Pending", 0);
  Pass();
  EXPECT_FALSE(root_.Exists("u1"));
  script_.failure = absl::OkStatus();
  Pass();
  EXPECT_TRUE(root_.Exists("u1"));

  config_.when_unreachable = UnreachablePolicy::kAllow;
  MakeAgent();
  root_.Remove("u1");
  script_.failure = absl::UnavailableError("the driver is loading");
  Pass();
  EXPECT_TRUE(root_.Exists("u1"));
}

TEST_F(AgentTest, PodWithoutADeviceStartsAlsoWhereNoneWasEverScanned) {
  config_.when_unreachable = UnreachablePolicy::kDeny;
  MakeAgent();
  script_.failure = absl::UnavailableError("no driver");
  AddPod("Pending", 0);
  pods_.pods[0].containers[0].devices.clear();
  Pass();
  EXPECT_TRUE(root_.Exists("u1"));
}

TEST_F(AgentTest, ProblemIsLoggedWhenItBeginsAndWhenItEnds) {
  pods_.status = absl::UnavailableError("no list");
  Pass();
  Pass();
  EXPECT_THAT(log_, ElementsAre("problem: pods: no list"));
  pods_.status = absl::OkStatus();
  Pass();
  EXPECT_THAT(log_, ElementsAre("problem: pods: no list", "problem_ended: pods: no list"));
}

TEST_F(AgentTest, LimitThatDoesNotStandIsAProblemUnlessNothingCanBeDone) {
  for (const LimitOutcome outcome :
       {LimitOutcome::kStands, LimitOutcome::kUnsupported, LimitOutcome::kGone}) {
    script_.outcome.outcome = outcome;
    script_.outcome.status = outcome == LimitOutcome::kStands
                                 ? absl::OkStatus()
                                 : absl::FailedPreconditionError("cannot");
    Pass();
    EXPECT_THAT(log_, IsEmpty());
  }
  script_.outcome.outcome = LimitOutcome::kDrifted;
  Pass();
  EXPECT_THAT(log_, ElementsAre("problem: limit of /vision.slice in gpu0: cannot"));
}

TEST_F(AgentTest, OverGrantIsLoggedOnceWhenItsGraceIsOverAndAgainWhenItComesBack) {
  AddPod("Running", 11);
  Pass();
  now_ += absl::Seconds(29);
  Pass();
  EXPECT_THAT(log_, IsEmpty());
  now_ += absl::Seconds(1);
  Pass();
  Pass();
  const std::string line = "over_grant: pod ml/web uses 11B of n1/gpu0, 3B more than booked";
  EXPECT_THAT(log_, ElementsAre(line));
  AddPod("Running", 8);
  Pass();
  AddPod("Running", 11);
  Pass();
  now_ += absl::Seconds(29);
  Pass();
  EXPECT_THAT(log_, ElementsAre(line)) << "the grace begins anew";
  now_ += absl::Seconds(1);
  Pass();
  EXPECT_THAT(log_, ElementsAre(line, line));
}

TEST_F(AgentTest, GraceOfAnOverGrantGoesOnWhereTheClockIsSetBack) {
  AddPod("Running", 11);
  Pass();
  now_ += absl::Seconds(30);
  set_back_ = absl::Hours(1);
  Pass();
  EXPECT_THAT(log_, Contains(StartsWith("over_grant: ")));
}

TEST_F(AgentTest, PodWhoseDeviceWasNeverScannedIsToldSoAndCounted) {
  config_.when_unreachable = UnreachablePolicy::kDeny;
  MakeAgent();
  script_.failure = absl::UnavailableError("the driver is loading");
  AddPod("Pending", 0);
  Pass();
  EXPECT_THAT(root_.Read(".u1.why"), StartsWith("the software of a device has not answered"));
  EXPECT_THAT(log_, Contains(StartsWith("waits: pod ml/web waits for memory: the software")));
  EXPECT_EQ(Metric("dmem_agent_pods_waiting"), 1);
}

TEST_F(AgentTest, PodThatHasLeaveOfAnAgentBeforeDoesNotWait) {
  AddPod("Pending", 0);
  Pass();
  ASSERT_TRUE(root_.Exists("u1"));
  ON_CALL(*connection_, Charge).WillByDefault(Return(absl::ResourceExhaustedError("full")));
  MakeAgent();
  Pass();
  EXPECT_THAT(log_, IsEmpty());
  EXPECT_FALSE(root_.Exists(".u1.why"));
  EXPECT_EQ(Metric("dmem_agent_pods_waiting"), -1);
}

TEST_F(AgentTest, PodThatWaitsHasItsFileOnceItIsCharged) {
  AddPod("Pending", 0);
  ON_CALL(*connection_, Charge).WillByDefault(Return(absl::ResourceExhaustedError("full")));
  Pass();
  EXPECT_FALSE(root_.Exists("u1"));
  EXPECT_EQ(root_.Read(".u1.why"), "n1/gpu0: full\n");
  Pass();
  const std::string line = "waits: pod ml/web waits for memory: n1/gpu0: full";
  EXPECT_THAT(log_, ElementsAre(line)) << "once, and that it waits is no problem";
  AnswerAll();
  Pass();
  EXPECT_TRUE(root_.Exists("u1"));
  EXPECT_FALSE(root_.Exists(".u1.why"));
  EXPECT_THAT(log_, ElementsAre(line, "waits_no_more: pod ml/web"));
  pods_.pods.clear();
  Pass();
  EXPECT_FALSE(root_.Exists("u1"));
}

TEST_F(AgentTest, GateDirectoryThatIsNotThereIsNamedWithItsKeyAlsoWhenNobodyIsAtTheGate) {
  config_.gate_dir = root_.path() + "/none";
  MakeAgent();
  Pass();
  EXPECT_THAT(log_, ElementsAre(StartsWith(absl::StrCat("problem: gate_dir \"", config_.gate_dir,
                                                        "\": cannot be listed"))));
  EXPECT_FALSE(root_.Exists("none"));
  EXPECT_EQ(Metric("dmem_agent_gate_works"), 0);
  root_.Write("none/made", "by somebody");
  Pass();
  EXPECT_EQ(Metric("dmem_agent_gate_works"), 1);
}

TEST_F(AgentTest, LeaveToStartOutlivesTheAgentAndGoesOnceItsPodIsKnownToBeGone) {
  AddPod("Running", 8);
  Pass();
  EXPECT_TRUE(root_.Exists("u1"));
  const std::vector<Pod> none;
  const std::vector<Pod> all = std::exchange(pods_.pods, none);
  pods_.status = absl::UnavailableError("no list");
  MakeAgent();
  Pass();
  EXPECT_TRUE(root_.Exists("u1"));
  pods_.status = absl::OkStatus();
  pods_.pods = all;
  pods_.pods[0].cgroup_uid.clear();  // Only kubelet knows it so far.
  Pass();
  EXPECT_TRUE(root_.Exists("u1"));
  pods_.pods.clear();
  Pass();
  EXPECT_FALSE(root_.Exists("u1"));
}

TEST_F(AgentTest, WhoWaitsIsToldThatTheAgentStops) {
  AddPod("Pending", 0);
  ON_CALL(*connection_, Charge).WillByDefault(Return(absl::ResourceExhaustedError("full")));
  Pass();
  agent_->Stop();
  EXPECT_THAT(root_.Read(".u1.why"), StartsWith("dmem-agent of this node is stopped"));
}

}  // namespace
}  // namespace dmem::client
