// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/pods/pod_source.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace dmem::client {
namespace {

// As kubelet tells: devices by container.
Pod Held(const std::string& name, const std::string& container, const std::string& device) {
  Pod pod;
  pod.name_space = "ml";
  pod.name = name;
  pod.has_devices_known = true;
  PodContainer main;
  main.name = container;
  if (!device.empty()) main.devices.push_back({"nvidia.com/gpu", {device}, "", ""});
  pod.containers.push_back(main);
  return pod;
}

// As the API server tells: uid and container ids.
Pod Described(const std::string& name, const std::string& uid, const std::string& container_id) {
  Pod pod;
  pod.name_space = "ml";
  pod.name = name;
  pod.is_described = true;
  pod.uid = uid;
  pod.cgroup_uid = uid;
  pod.containers.push_back({"main", container_id, {}});
  return pod;
}

PodSnapshot Snapshot(std::vector<Pod> pods, int seconds) {
  PodSnapshot snapshot;
  snapshot.pods = std::move(pods);
  snapshot.as_of = absl::FromUnixSeconds(seconds);
  return snapshot;
}

TEST(CombinePodsTest, APodHasDevicesFromKubeletAndTheRestFromTheOther) {
  const PodSnapshot kubelet = Snapshot({Held("a", "main", "GPU-1")}, 20);
  const PodSnapshot api = Snapshot({Described("a", "uid-a", "c0ffee")}, 10);
  const PodSnapshot combined = CombinePods(&kubelet, &api);
  ASSERT_EQ(combined.pods.size(), 1u);
  const Pod& pod = combined.pods[0];
  EXPECT_TRUE(pod.is_described);
  EXPECT_TRUE(pod.has_devices_known);
  EXPECT_EQ(pod.uid, "uid-a");
  ASSERT_EQ(pod.containers.size(), 1u);
  EXPECT_EQ(pod.containers[0].id, "c0ffee");
  ASSERT_EQ(pod.containers[0].devices.size(), 1u);
  EXPECT_EQ(pod.containers[0].devices[0].ids[0], "GPU-1");
  EXPECT_EQ(combined.as_of, absl::FromUnixSeconds(10));
  EXPECT_TRUE(combined.status.ok());
}

TEST(CombinePodsTest, APodThatOneLacksIsThereWithWhatTheOtherKnows) {
  const PodSnapshot kubelet = Snapshot({Held("b", "main", "GPU-1")}, 1);
  const PodSnapshot api = Snapshot({Described("a", "uid-a", "c0ffee")}, 1);
  const PodSnapshot combined = CombinePods(&kubelet, &api);
  ASSERT_EQ(combined.pods.size(), 2u);
  EXPECT_EQ(combined.pods[0].name, "a");
  EXPECT_FALSE(combined.pods[0].has_devices_known);
  EXPECT_EQ(combined.pods[1].name, "b");
  EXPECT_FALSE(combined.pods[1].is_described);
  EXPECT_TRUE(combined.pods[1].has_devices_known);
}

TEST(CombinePodsTest, ContainersThatOneLacksAreAddedAndDevicesThatBothKnowAreThereOnce) {
  Pod api_pod = Described("a", "uid-a", "c0ffee");
  api_pod.containers[0].devices.push_back({"gpu.nvidia.com", {"GPU-1"}, "ml/claim", ""});
  Pod kubelet_pod = Held("a", "main", "GPU-1");
  kubelet_pod.containers[0].devices.push_back({"nvidia.com/gpu", {"GPU-2"}, "", ""});
  kubelet_pod.containers.push_back({"side", "", {{"nvidia.com/gpu", {"GPU-3"}, "", ""}}});
  const PodSnapshot kubelet = Snapshot({kubelet_pod}, 1);
  const PodSnapshot api = Snapshot({api_pod}, 1);
  const PodSnapshot combined = CombinePods(&kubelet, &api);
  ASSERT_EQ(combined.pods.size(), 1u);
  ASSERT_EQ(combined.pods[0].containers.size(), 2u);
  EXPECT_EQ(combined.pods[0].containers[0].devices.size(), 2u);
  EXPECT_EQ(combined.pods[0].containers[0].devices[1].ids[0], "GPU-2");
  EXPECT_EQ(combined.pods[0].containers[1].name, "side");
}

TEST(CombinePodsTest, OfTwoPodsOfOneNameNobodyKnowsWhichHasWhichDevice) {
  const PodSnapshot kubelet = Snapshot({Held("a", "main", "GPU-1"), Held("a", "main", "GPU-2")}, 1);
  const PodSnapshot api = Snapshot({Described("a", "new", "c0ffee")}, 1);
  PodSnapshot combined = CombinePods(&kubelet, &api);
  ASSERT_EQ(combined.pods.size(), 1u);
  EXPECT_EQ(combined.pods[0].uid, "new");
  EXPECT_FALSE(combined.pods[0].has_devices_known);
  EXPECT_TRUE(combined.pods[0].containers[0].devices.empty());

  const PodSnapshot one = Snapshot({Held("a", "main", "GPU-1")}, 1);
  const PodSnapshot two = Snapshot({Described("a", "old", "1"), Described("a", "new", "2")}, 1);
  combined = CombinePods(&one, &two);
  ASSERT_EQ(combined.pods.size(), 2u);
  EXPECT_FALSE(combined.pods[0].has_devices_known);
  EXPECT_FALSE(combined.pods[1].has_devices_known);
}

TEST(CombinePodsTest, TheFirstFailureIsKept) {
  PodSnapshot kubelet = Snapshot({}, 1);
  PodSnapshot api = Snapshot({}, 2);
  api.status = absl::UnavailableError("api");
  EXPECT_EQ(CombinePods(&kubelet, &api).status.message(), "api");
  kubelet.status = absl::UnavailableError("kubelet");
  EXPECT_EQ(CombinePods(&kubelet, &api).status.message(), "kubelet");
}

TEST(CombinePodsTest, OneSourceAloneIsLeftAsItIs) {
  const PodSnapshot kubelet = Snapshot({Held("a", "main", "GPU-1")}, 7);
  EXPECT_EQ(CombinePods(&kubelet, nullptr).pods.size(), 1u);
  EXPECT_EQ(CombinePods(nullptr, &kubelet).as_of, absl::FromUnixSeconds(7));
  EXPECT_EQ(CombinePods(nullptr, nullptr).as_of, absl::InfinitePast());
}

}  // namespace
}  // namespace dmem::client
