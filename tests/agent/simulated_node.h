// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// A node's agent and a dmemd, both in this process and on one simulated clock.

#ifndef TESTS_AGENT_SIMULATED_NODE_H_
#define TESTS_AGENT_SIMULATED_NODE_H_

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "client/agent/books/pod_annotations.h"
#include "client/agent/loop/agent.h"
#include "client/agent/testing/scripted_agent.h"
#include "client/agent/testing/temp_directory.h"
#include "client/client.h"
#include "client/grpc_connection.h"
#include "server/testing/test_server.h"

namespace dmem::client {

inline constexpr uint64_t kGiB = uint64_t{1} << 30;

// The node n1 with the device gpu0 of 48 GiB, one of them the driver's, and whatever devices, pods
// and processes a test adds. Nothing goes wrong in the agent unless the test says that it may.
class SimulatedNode : public ::testing::Test {
 protected:
  static constexpr int kKeepAliveSeconds = 20;

  SimulatedNode() : server_(ConfigOf(&now_us_)) {
    Boot(1600000000);
    config_.node_name = "n1";
    config_.proc_root = root_.path() + "/proc";
    config_.cgroup_root = root_.path();
    config_.state_dir = root_.path() + "/state";
    client_ = std::make_unique<Client>(MakeGrpcConnection(server_.server().grpc_address()));
    AddDevice("gpu0");
  }

  void TearDown() override {
    agent_ = nullptr;
    const auto check = client_->Check(v1::CheckRequest());
    ASSERT_TRUE(check.ok()) << check.status();
    EXPECT_EQ(check->violations_total(), 0u);
    if (!has_problems_) {
      EXPECT_EQ(absl::StrJoin(log_, "\n"), "");
    }
  }

  static server::Config ConfigOf(const std::atomic<int64_t>* now_us) {
    server::Config config;
    config.ticks = false;
    config.now_us = [now_us] { return now_us->load(); };
    return config;
  }

  void Boot(int64_t seconds) { root_.Write("proc/stat", absl::StrCat("btime ", seconds, "\n")); }

  // In the place of the one before, if any.
  void StartAgent() {
    agent_ = nullptr;
    absl::StatusOr<Incarnations> incarnations =
        Incarnations::Load(config_.proc_root, config_.state_dir);
    ASSERT_TRUE(incarnations.ok()) << incarnations.status();
    incarnations_ = std::make_unique<Incarnations>(*std::move(incarnations));
    agent_ = ScriptedAgent({&config_, &script_, &pods_, incarnations_.get(), &metrics_, &log_},
                           MakeGrpcConnection(server_.server().grpc_address()),
                           [this] { return absl::FromUnixMicros(now_us_.load()); });
  }

  // GPU-REGION is what pods are given.
  void AddDevice(const std::string& region) {
    Device& device = script_.devices.emplace_back();
    device.region = region;
    device.capacity_bytes = 48 * kGiB;
    device.reserved_bytes = kGiB;
    device.used_bytes = kGiB;
    device.device_ids = {absl::StrCat("GPU-", region)};
    script_.usage.listed_regions.push_back(region);
  }
  Device& DeviceOf(const std::string& region) {
    for (Device& device : script_.devices) {
      if (device.region == region) return device;
    }
    ADD_FAILURE() << "no device " << region;
    return script_.devices.front();
  }

  // A pod of the namespace ml with a limit, whose process `pid` uses some of that.
  Pod& AddPod(const std::string& uid, const std::string& region, uint64_t limit, int64_t pid,
              uint64_t used) {
    Pod& pod = pods_.pods.emplace_back();
    pod.name_space = "ml";
    pod.name = absl::StrCat("pod-", uid);
    pod.uid = pod.cgroup_uid = uid;
    pod.phase = "Running";
    pod.annotations[kLimitAnnotation] = absl::StrCat(limit);
    pod.has_devices_known = true;
    pod.containers = {{"main", "", {{"gpu", {absl::StrCat("GPU-", region)}, "", ""}}}};
    root_.Write(absl::StrCat("proc/", pid, "/cgroup"),
                absl::StrCat("0::/kubepods/pod", uid, "/", std::string(64, 'a'), "\n"));
    script_.usage.processes.push_back({pid, region, used});
    *DeviceOf(region).used_bytes += used;
    return pod;
  }
  // All of them.
  void EndProcesses() {
    for (const ProcessUsage& process : script_.usage.processes) {
      root_.Remove(absl::StrCat("proc/", process.pid));
      *DeviceOf(process.region).used_bytes -= *process.used_bytes;
    }
    script_.usage.processes.clear();
  }

  // A second goes by, in which the agent, if there is one, looks once.
  void PassSecond() {
    now_us_ += 1000000;
    // As the thread of its session does, which knows nothing of this clock.
    if (agent_ != nullptr && now_us_ / 1000000 % kKeepAliveSeconds == 0) KeepAlive();
    const absl::StatusOr<bool> ticked = server_.server().Tick();
    ASSERT_TRUE(ticked.ok()) << ticked.status();
    if (agent_ != nullptr) agent_->Pass();
  }
  void KeepAlive() {
    const auto nodes = client_->ListAllNodes(v1::ListNodesRequest());
    ASSERT_TRUE(nodes.ok() && nodes->nodes_size() == 1) << nodes.status();
    v1::KeepAliveRequest request;
    request.set_session(nodes->nodes(0).session());
    ASSERT_TRUE(client_->KeepAlive(request).ok());
  }

  std::vector<v1::Charge> Charges() {
    const auto charges = client_->ListAllCharges(v1::ListChargesRequest());
    EXPECT_TRUE(charges.ok()) << charges.status();
    return {charges->charges().begin(), charges->charges().end()};
  }
  v1::RegionState RegionState(const std::string& region) {
    const auto listed = client_->ListAllRegions(v1::ListRegionsRequest());
    EXPECT_TRUE(listed.ok()) << listed.status();
    for (const v1::Region& each : listed->regions()) {
      if (each.name() == region) return each.state();
    }
    return v1::REGION_STATE_UNSPECIFIED;
  }

  std::atomic<int64_t> now_us_{1700000000000000};
  server::TestServer server_;
  TempDirectory root_;
  AgentConfig config_;
  BackendScript script_;
  PodSnapshot pods_;
  AgentMetrics metrics_;
  std::vector<std::string> log_;  // The agent's.
  bool has_problems_ = false;     // The agent may log what it likes.
  std::unique_ptr<Client> client_;
  std::unique_ptr<Incarnations> incarnations_;
  std::unique_ptr<Agent> agent_;
};

}  // namespace dmem::client

#endif  // TESTS_AGENT_SIMULATED_NODE_H_
