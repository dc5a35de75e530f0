// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/loop/node_watcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/agent/testing/scripted_sources.h"
#include "client/agent/testing/temp_directory.h"

namespace dmem::client {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr char kPodCgroup[] =
    "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podu1.slice";

class NodeWatcherTest : public ::testing::Test {
 protected:
  NodeWatcherTest() {
    config_.node_name = "n1";
    config_.proc_root = root_.path() + "/proc";
    config_.cgroup_root = root_.path() + "/cgroup";
    first_.devices = {DeviceOf("gpu0")};
    second_.devices = {DeviceOf("npu0")};
  }

  static Device DeviceOf(const std::string& region) {
    Device device;
    device.region = region;
    device.capacity_bytes = 100;
    device.used_bytes = 7;
    return device;
  }

  void MakeWatcher(bool with_kubelet, bool with_described) {
    std::vector<std::unique_ptr<DeviceBackend>> backends;
    backends.push_back(std::make_unique<ScriptedBackend>(&first_));
    backends.push_back(std::make_unique<ScriptedBackend>(&second_));
    watcher_ = std::make_unique<NodeWatcher>(
        &config_, std::move(backends),
        with_kubelet ? std::make_unique<ScriptedPodSource>(&kubelet_) : nullptr,
        with_described ? std::make_unique<ScriptedPodSource>(&described_) : nullptr);
  }

  NodeSight Look() {
    std::vector<absl::Status> problems;
    NodeSight sight = watcher_->Look(&problems);
    problems_.clear();
    for (const absl::Status& problem : problems) problems_.emplace_back(problem.message());
    return sight;
  }

  // A process of the pod with this uid.
  void AddProcess(int64_t pid, const std::string& region, const std::string& cgroup) {
    root_.Write(absl::StrCat("proc/", pid, "/cgroup"), absl::StrCat("0::", cgroup, "\n"));
    first_.usage.processes.push_back({pid, region, 5});
  }

  TempDirectory root_;
  AgentConfig config_;
  BackendScript first_, second_;
  PodSnapshot kubelet_, described_;
  std::vector<std::string> problems_;
  std::unique_ptr<NodeWatcher> watcher_;
};

TEST_F(NodeWatcherTest, PodsAreCompleteOnlyIfSomebodyWhoKnowsUidsAnswered) {
  for (const bool with_kubelet : {false, true}) {
    for (const bool with_described : {false, true}) {
      MakeWatcher(with_kubelet, with_described);
      EXPECT_EQ(Look().pods_are_complete, with_described);
    }
  }
  MakeWatcher(true, true);
  kubelet_.status = absl::UnavailableError("no socket");
  EXPECT_FALSE(Look().pods_are_complete);
  EXPECT_THAT(problems_, ElementsAre("pods: no socket"));
}

TEST_F(NodeWatcherTest, PodIsMappedAndItsCgroupIsFoundWhereKubeletPutsIt) {
  Pod pod;
  pod.name_space = "ml";
  pod.name = "web";
  pod.cgroup_uid = "u1";
  pod.qos_class = "Burstable";
  described_.pods = {pod};
  MakeWatcher(false, true);
  NodeSight sight = Look();
  ASSERT_EQ(sight.pods.size(), 1u);
  EXPECT_EQ(sight.pods[0].mapped.cgroup, "/ns/ml");
  EXPECT_EQ(sight.pods[0].node_cgroup, "") << "there is none";
  EXPECT_THAT(first_.asked, IsEmpty());

  root_.Write(absl::StrCat("cgroup", kPodCgroup, "/cgroup.procs"), "");
  first_.usage.cgroups = {{kPodCgroup, "gpu0", 5, {}}};
  sight = Look();
  EXPECT_EQ(sight.pods[0].node_cgroup, kPodCgroup);
  EXPECT_THAT(first_.asked, ElementsAre(kPodCgroup));
  EXPECT_THAT(sight.cgroup_usage, ElementsAre(Pair(Pair(kPodCgroup, "gpu0"), 5)));
  EXPECT_THAT(sight.cgroup_usage_before, IsEmpty());

  first_.usage.cgroups = {{kPodCgroup, "gpu0", 6, {}}};
  sight = Look();
  EXPECT_THAT(sight.cgroup_usage, ElementsAre(Pair(Pair(kPodCgroup, "gpu0"), 6)));
  EXPECT_THAT(sight.cgroup_usage_before, ElementsAre(Pair(Pair(kPodCgroup, "gpu0"), 5)));
}

TEST_F(NodeWatcherTest, AfterAFailedScanTheDevicesStayAndNothingIsKnownOfTheirUse) {
  first_.usage.listed_regions = {"gpu0"};
  MakeWatcher(false, true);
  NodeSight sight = Look();
  ASSERT_EQ(sight.devices.size(), 2u);
  EXPECT_EQ(sight.devices[0].used_bytes, 7u);
  EXPECT_THAT(sight.listed_regions, ElementsAre("gpu0"));

  first_.failure = absl::UnavailableError("the driver is being loaded");
  sight = Look();
  ASSERT_EQ(sight.devices.size(), 2u);
  EXPECT_EQ(sight.devices[0].region, "gpu0");
  EXPECT_FALSE(sight.devices[0].used_bytes.has_value());
  EXPECT_EQ(sight.devices[1].used_bytes, 7u) << "the other backend's";
  EXPECT_THAT(sight.listed_regions, IsEmpty());
  EXPECT_THAT(problems_, ElementsAre("fake: the driver is being loaded"));
}

TEST_F(NodeWatcherTest, OfTwoBackendsThatKnowADeviceTheFirstCounts) {
  second_.devices = {DeviceOf("gpu0"), DeviceOf("npu0")};
  second_.devices[0].capacity_bytes = 1;
  second_.usage.processes = {{1, "gpu0", 9}};
  second_.usage.listed_regions = {"gpu0", "npu0"};
  MakeWatcher(false, true);
  const NodeSight sight = Look();
  ASSERT_EQ(sight.devices.size(), 2u);
  EXPECT_EQ(sight.devices[0].capacity_bytes, 100u);
  EXPECT_THAT(sight.processes, IsEmpty());
  EXPECT_THAT(sight.listed_regions, ElementsAre("npu0"));
}

TEST_F(NodeWatcherTest, ProcessesAreTracedToTheirPodsAndThoseThatHaveEndedAreNone) {
  first_.usage.listed_regions = {"gpu0"};
  AddProcess(11, "gpu0",
             absl::StrCat(kPodCgroup, "/cri-containerd-", std::string(64, 'a'), ".scope"));
  AddProcess(12, "gpu0", "/user.slice/session-1.scope");
  AddProcess(13, "gpu0", "/");
  root_.Remove("proc/13");
  MakeWatcher(false, true);
  const NodeSight sight = Look();
  ASSERT_EQ(sight.processes.size(), 2u);
  EXPECT_EQ(sight.processes[0].pod_uid, "u1");
  EXPECT_EQ(sight.processes[0].used_bytes, 5u);
  EXPECT_EQ(sight.processes[1].pod_uid, "");
  EXPECT_THAT(sight.listed_regions, ElementsAre("gpu0"));
  EXPECT_THAT(problems_, IsEmpty());
}

TEST_F(NodeWatcherTest, ProcessThatCannotBeTracedLeavesItsRegionUnlisted) {
  first_.devices = {DeviceOf("gpu0"), DeviceOf("gpu1")};
  first_.usage.listed_regions = {"gpu0", "gpu1"};
  first_.usage.processes = {{11, "gpu0", 5}};
  root_.Write("proc/11/cgroup", "no line of a cgroup\n");
  MakeWatcher(false, true);
  const NodeSight sight = Look();
  EXPECT_THAT(sight.processes, IsEmpty());
  EXPECT_THAT(sight.listed_regions, ElementsAre("gpu1"));
  EXPECT_EQ(problems_.size(), 1u);
}

TEST_F(NodeWatcherTest, LimitsGoToTheBackendOfTheirRegionAndKeepTheirOrder) {
  MakeWatcher(false, true);
  Look();
  const std::vector<LimitState> states =
      watcher_->Apply({{"/a", "npu0", 0, 1}, {"/a", "gone0", 0, 2}, {"/a", "gpu0", 0, 3}});
  ASSERT_EQ(states.size(), 3u);
  EXPECT_EQ(states[0].limit.max_bytes, 1u);
  EXPECT_EQ(states[0].outcome, LimitOutcome::kWritten);
  EXPECT_EQ(states[1].outcome, LimitOutcome::kFailed);
  EXPECT_EQ(states[1].status.message(), "no device gone0");
  EXPECT_EQ(states[2].limit.max_bytes, 3u);
  ASSERT_EQ(first_.applied.size(), 1u);
  EXPECT_EQ(first_.applied[0].max_bytes, 3u);
}

TEST_F(NodeWatcherTest, DryRunReadsBackAndAppliesNothing) {
  config_.dry_run = true;
  MakeWatcher(false, true);
  Look();
  const std::vector<LimitState> states = watcher_->Apply({{"/a", "gpu0", 0, 1}});
  ASSERT_EQ(states.size(), 1u);
  EXPECT_EQ(states[0].outcome, LimitOutcome::kDrifted);
  EXPECT_THAT(first_.applied, IsEmpty());
}

TEST_F(NodeWatcherTest, NodeIsAsCapableAsItsLeastCapableBackend) {
  first_.capability = Capability::kEnforcing;
  second_.capability = Capability::kWatching;
  MakeWatcher(false, true);
  EXPECT_EQ(watcher_->capability(), Capability::kWatching);
  EXPECT_EQ(NodeWatcher(&config_, {}, nullptr, nullptr).capability(), Capability::kBlind);
}

}  // namespace
}  // namespace dmem::client
