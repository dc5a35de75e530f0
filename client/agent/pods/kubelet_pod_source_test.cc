// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/pods/kubelet_pod_source.h"

#include <grpcpp/grpcpp.h>

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/agent/testing/temp_directory.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "kubelet/podresources/v1/api.grpc.pb.h"

namespace dmem::client {
namespace {

// What a kubelet answers, on a socket in a test's directory.
class FakeKubelet : public ::v1::PodResourcesLister::Service {
 public:
  explicit FakeKubelet(const std::string& socket) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(absl::StrCat("unix:", socket), grpc::InsecureServerCredentials());
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) ADD_FAILURE() << "cannot listen at " << socket;
  }
  ~FakeKubelet() override {
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
  }

  void Answer(const std::string& text) {
    const std::lock_guard<std::mutex> lock(mutex_);
    status_ = grpc::Status::OK;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &answer_));
  }
  void Fail(const grpc::Status& status) {
    const std::lock_guard<std::mutex> lock(mutex_);
    status_ = status;
  }

  grpc::Status List(grpc::ServerContext*, const ::v1::ListPodResourcesRequest*,
                    ::v1::ListPodResourcesResponse* response) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    *response = answer_;
    return status_;
  }

 private:
  std::mutex mutex_;
  ::v1::ListPodResourcesResponse answer_;
  grpc::Status status_;
  std::unique_ptr<grpc::Server> server_;
};

class KubeletPodSourceTest : public ::testing::Test {
 protected:
  // The address of a unix socket has room for 107 bytes, so it is named from its directory.
  KubeletPodSourceTest() { std::filesystem::current_path(directory_.path()); }
  ~KubeletPodSourceTest() override { std::filesystem::current_path(before_); }

  const std::filesystem::path before_ = std::filesystem::current_path();
  TempDirectory directory_;
  const std::string socket_ = "kubelet.sock";
  absl::Time now_ = absl::FromUnixSeconds(100);
  const std::unique_ptr<PodSource> source_ =
      MakeKubeletPodSource(socket_, absl::Seconds(20), [this] { return now_; });
};

constexpr char kPluginPod[] = R"(pod_resources {
  name: "train-0" namespace: "ml"
  containers {
    name: "main"
    devices { resource_name: "nvidia.com/gpu" device_ids: "GPU-1" device_ids: "GPU-2" }
    devices { resource_name: "example.com/nic" device_ids: "nic0" }
  }
  containers { name: "sidecar" }
})";

TEST_F(KubeletPodSourceTest, EachDeviceOfAPluginIsOneOfItsContainer) {
  FakeKubelet kubelet(socket_);
  kubelet.Answer(kPluginPod);
  const PodSnapshot snapshot = source_->List();
  ASSERT_TRUE(snapshot.status.ok()) << snapshot.status;
  EXPECT_EQ(snapshot.as_of, now_);
  ASSERT_EQ(snapshot.pods.size(), 1u);
  const Pod& pod = snapshot.pods[0];
  EXPECT_EQ(pod.name_space, "ml");
  EXPECT_EQ(pod.name, "train-0");
  EXPECT_TRUE(pod.has_devices_known);
  EXPECT_FALSE(pod.is_described);
  ASSERT_EQ(pod.containers.size(), 2u);
  ASSERT_EQ(pod.containers[0].devices.size(), 3u);
  EXPECT_EQ(pod.containers[0].devices[1].resource, "nvidia.com/gpu");
  EXPECT_EQ(pod.containers[0].devices[1].ids, std::vector<std::string>{"GPU-2"});
  EXPECT_EQ(pod.containers[0].devices[2].resource, "example.com/nic");
  EXPECT_TRUE(pod.containers[1].devices.empty());
}

TEST_F(KubeletPodSourceTest, AClaimsDeviceHasItsNameAndThoseOfItsCdiDevices) {
  FakeKubelet kubelet(socket_);
  kubelet.Answer(R"(pod_resources {
    name: "infer" namespace: "ml"
    containers {
      name: "main"
      dynamic_resources {
        claim_name: "infer-gpu-x2k7p" claim_namespace: "ml"
        claim_resources {
          driver_name: "gpu.nvidia.com" pool_name: "node-17" device_name: "gpu-0"
          cdi_devices { name: "k8s.gpu.nvidia.com/claim=c1-gpu-0" }
          cdi_devices { name: "nvidia.com/gpu=GPU-1" }
        }
        claim_resources {}
      }
    }
  })");
  const PodSnapshot snapshot = source_->List();
  ASSERT_TRUE(snapshot.status.ok()) << snapshot.status;
  ASSERT_EQ(snapshot.pods[0].containers[0].devices.size(), 1u);
  const PodDevice& device = snapshot.pods[0].containers[0].devices[0];
  EXPECT_EQ(device.resource, "gpu.nvidia.com");
  EXPECT_EQ(device.ids, (std::vector<std::string>{"gpu-0", "c1-gpu-0", "GPU-1"}));
  EXPECT_EQ(device.claim, "ml/infer-gpu-x2k7p");
  EXPECT_EQ(device.pool, "node-17");
}

TEST_F(KubeletPodSourceTest, PodsAreSorted) {
  FakeKubelet kubelet(socket_);
  kubelet.Answer(R"(pod_resources { namespace: "b" name: "a" }
                    pod_resources { namespace: "a" name: "b" }
                    pod_resources { namespace: "a" name: "a" })");
  const PodSnapshot snapshot = source_->List();
  ASSERT_EQ(snapshot.pods.size(), 3u);
  EXPECT_EQ(snapshot.pods[0].name_space + snapshot.pods[0].name, "aa");
  EXPECT_EQ(snapshot.pods[2].name_space + snapshot.pods[2].name, "ba");
}

TEST_F(KubeletPodSourceTest, AFailureKeepsTheLastListAndSaysWhy) {
  FakeKubelet kubelet(socket_);
  kubelet.Answer(kPluginPod);
  ASSERT_TRUE(source_->List().status.ok());
  now_ += absl::Seconds(7);
  kubelet.Fail(grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "rejected by rate limit"));
  const PodSnapshot snapshot = source_->List();
  EXPECT_EQ(snapshot.status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(absl::StrContains(snapshot.status.message(), socket_));
  EXPECT_TRUE(absl::StrContains(snapshot.status.message(), "rejected by rate limit"));
  EXPECT_EQ(snapshot.pods.size(), 1u);
  EXPECT_EQ(snapshot.as_of, absl::FromUnixSeconds(100));
}

TEST_F(KubeletPodSourceTest, WithoutKubeletNothingIsKnownAndAKubeletThatComesIsFound) {
  PodSnapshot snapshot = source_->List();
  EXPECT_EQ(snapshot.status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(snapshot.as_of, absl::InfinitePast());

  FakeKubelet kubelet(socket_);
  kubelet.Answer(kPluginPod);
  // The channel tries again within a second or so, whenever that is.
  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  do {
    snapshot = source_->List();
  } while (!snapshot.status.ok() && absl::Now() < deadline);
  EXPECT_TRUE(snapshot.status.ok()) << snapshot.status;
  EXPECT_EQ(snapshot.pods.size(), 1u);
}

}  // namespace
}  // namespace dmem::client
