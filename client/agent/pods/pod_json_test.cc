// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/pods/pod_json.h"

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "gtest/gtest.h"

namespace dmem::client {
namespace {

constexpr char kPod[] = R"({
  "kind": "Pod", "apiVersion": "v1",
  "metadata": {
    "namespace": "ml", "name": "train-0", "uid": "1858680e-b044-4fd5-9dd4-f137e30e2180",
    "labels": {"kueue.x-k8s.io/cluster-queue-name": "team-a", "odd": 7},
    "annotations": {"example.com/project": "p1"},
    "deletionTimestamp": "2026-11-22T12:00:30Z", "deletionGracePeriodSeconds": 30
  },
  "spec": {
    "nodeName": "node-17",
    "initContainers": [{"name": "setup"}],
    "containers": [{"name": "main"}, {"name": "sidecar"}]
  },
  "status": {
    "phase": "Running", "qosClass": "Burstable",
    "initContainerStatuses": [{"name": "setup", "containerID": "containerd://aaa"}],
    "containerStatuses": [
      {"name": "main", "containerID": "containerd://bbb", "allocatedResourcesStatus": [
        {"name": "nvidia.com/gpu", "resources": [{"resourceID": "GPU-1", "health": "Healthy"},
                                                 {"resourceID": "GPU-2"}]},
        {"name": "claim:gpu/one", "resources": [{"resourceID": "nvidia.com/gpu=GPU-3"}]}]},
      {"name": "sidecar"}],
    "ephemeralContainerStatuses": [{"name": "debug", "containerID": "cri-o://ccc"}]
  }
})";

absl::StatusOr<Pod> Read(const std::string& text) { return PodOfJson(*ParseJson(text)); }

TEST(PodJsonTest, APodHasWhatKubernetesSays) {
  const absl::StatusOr<Pod> pod = Read(kPod);
  ASSERT_TRUE(pod.ok()) << pod.status();
  EXPECT_TRUE(pod->is_described);
  EXPECT_EQ(pod->name_space, "ml");
  EXPECT_EQ(pod->name, "train-0");
  EXPECT_EQ(pod->uid, "1858680e-b044-4fd5-9dd4-f137e30e2180");
  EXPECT_EQ(pod->cgroup_uid, pod->uid);
  EXPECT_EQ(pod->node, "node-17");
  EXPECT_EQ(pod->phase, "Running");
  EXPECT_EQ(pod->qos_class, "Burstable");
  EXPECT_EQ(pod->labels.size(), 1u);
  EXPECT_EQ(pod->labels.at("kueue.x-k8s.io/cluster-queue-name"), "team-a");
  EXPECT_EQ(pod->annotations.at("example.com/project"), "p1");
  EXPECT_TRUE(pod->is_deleting);
  EXPECT_EQ(pod->deletion_time, absl::FromUnixSeconds(1795348830));
  EXPECT_FALSE(HasEnded(*pod));
}

TEST(PodJsonTest, ContainersOfEachKindHaveTheirIds) {
  const absl::StatusOr<Pod> pod = Read(kPod);
  ASSERT_TRUE(pod.ok()) << pod.status();
  ASSERT_EQ(pod->containers.size(), 4u);
  EXPECT_EQ(pod->containers[0].name, "setup");
  EXPECT_EQ(pod->containers[0].id, "aaa");
  EXPECT_EQ(pod->containers[1].id, "bbb");
  EXPECT_EQ(pod->containers[2].name, "sidecar");
  EXPECT_EQ(pod->containers[2].id, "");
  EXPECT_EQ(pod->containers[3].id, "ccc");
}

TEST(PodJsonTest, DevicesAreThoseOfTheStatusWhereItHasThem) {
  const absl::StatusOr<Pod> pod = Read(kPod);
  ASSERT_TRUE(pod.ok()) << pod.status();
  EXPECT_TRUE(pod->has_devices_known);
  const std::vector<PodDevice>& devices = pod->containers[1].devices;
  ASSERT_EQ(devices.size(), 3u);
  EXPECT_EQ(devices[0].resource, "nvidia.com/gpu");
  EXPECT_EQ(devices[1].ids, std::vector<std::string>{"GPU-2"});
  EXPECT_EQ(devices[2].ids, std::vector<std::string>{"GPU-3"});
  EXPECT_EQ(devices[2].claim, "ml/gpu");

  const absl::StatusOr<Pod> without =
      Read(R"({"metadata": {"namespace": "a", "name": "b", "uid": "c"}})");
  ASSERT_TRUE(without.ok());
  EXPECT_FALSE(without->has_devices_known);
}

TEST(PodJsonTest, AStaticPodsCgroupIsCalledByItsConfigHash) {
  const absl::StatusOr<Pod> pod = Read(R"({"metadata": {
    "namespace": "kube-system", "name": "etcd-node-17", "uid": "mirror-uid",
    "annotations": {"kubernetes.io/config.mirror": "b1e89a2fcc688644de3eb95aee8025ce"}}})");
  ASSERT_TRUE(pod.ok()) << pod.status();
  EXPECT_EQ(pod->uid, "mirror-uid");
  EXPECT_EQ(pod->cgroup_uid, "b1e89a2fcc688644de3eb95aee8025ce");
}

TEST(PodJsonTest, APodWithoutANameIsRefused) {
  const struct {
    const char* text;
    const char* error;
  } cases[] = {
      {"7", "no metadata.namespace"},
      {"{}", "no metadata.namespace"},
      {R"({"metadata": []})", "no metadata.namespace"},
      {R"({"metadata": {"namespace": "a"}})", "\"a/\" has no metadata.name"},
      {R"({"metadata": {"namespace": "a", "name": "b"}})", "\"a/b\" has no metadata.uid"},
      {R"({"metadata": {"namespace": "a", "name": "b", "uid": 7}})", "no metadata.uid"},
  };
  for (const auto& c : cases) {
    const absl::Status status = Read(c.text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.text;
    EXPECT_TRUE(absl::StrContains(status.message(), c.error)) << status;
  }
}

TEST(PodJsonTest, WhatHasAnotherTypeIsAsIfItWereNotThere) {
  const absl::StatusOr<Pod> pod = Read(R"({
    "metadata": {"namespace": "a", "name": "b", "uid": "c", "labels": 7, "annotations": [1],
                 "deletionTimestamp": "soon"},
    "spec": {"nodeName": {}, "containers": {"name": "x"}, "initContainers": 3},
    "status": {"phase": 1, "containerStatuses": [3, {"name": "main", "containerID": 4,
               "allocatedResourcesStatus": [{"resources": "x"}, {"name": "r", "resources": [5]}]},
               {"containerID": "x"}]}})");
  ASSERT_TRUE(pod.ok()) << pod.status();
  EXPECT_TRUE(pod->labels.empty());
  EXPECT_EQ(pod->node, "");
  EXPECT_TRUE(pod->is_deleting);
  EXPECT_EQ(pod->deletion_time, absl::InfiniteFuture());
  ASSERT_EQ(pod->containers.size(), 1u);
  EXPECT_EQ(pod->containers[0].id, "");
  EXPECT_TRUE(pod->containers[0].devices.empty());
}

TEST(PodJsonTest, ListsAreReadInEachForm) {
  const std::string pod = R"({"metadata": {"namespace": "a", "name": "b", "uid": "c"}})";
  for (const std::string& text : {"[" + pod + "]", R"({"items": [)" + pod + "]}",
                                  R"({"kind": "PodList", "items": [)" + pod + "]}"}) {
    const absl::StatusOr<std::vector<Pod>> pods = PodsOfJson(*ParseJson(text));
    ASSERT_TRUE(pods.ok()) << text;
    EXPECT_EQ(pods->size(), 1u);
  }
  for (const char* text : {"[]", R"({"items": []})", R"({"items": null})"}) {
    EXPECT_TRUE(PodsOfJson(*ParseJson(text))->empty()) << text;
  }
  for (const char* text : {"{}", "7", R"({"items": {}})", R"([7])", R"({"items": [{}]})"}) {
    EXPECT_FALSE(PodsOfJson(*ParseJson(text)).ok()) << text;
  }
}

TEST(PodJsonTest, TextThatIsNoJsonIsRefused) {
  for (const char* text : {"", "{", "[1,]", "{\"a\": \"\xff\"}", "1 2"}) {
    EXPECT_EQ(ParseJson(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace dmem::client
