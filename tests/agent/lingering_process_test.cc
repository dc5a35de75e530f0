// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// A pod that was deleted by force and whose process lives on, between the agent's loop and a dmemd,
// both in this process and on one simulated clock: its bytes are nobody else's until it has ended.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "client/agent/loop/agent.h"
#include "client/agent/testing/scripted_sources.h"
#include "client/agent/testing/temp_directory.h"
#include "client/client.h"
#include "client/error_facts.h"
#include "client/grpc_connection.h"
#include "server/testing/test_server.h"
#include "tests/integration/http_get.h"

namespace dmem::client {
namespace {

constexpr uint64_t kGiB = uint64_t{1} << 30;
constexpr uint64_t kBookedBytes = 40 * kGiB;
constexpr uint64_t kUsedBytes = 3 * kGiB;
constexpr int kMinutes = 15;
constexpr int kKeepAliveSeconds = 20;

// The node n1 with a device of 48 GiB, one of them the driver's. The pod u1 of the namespace ml is
// booked 40 GiB of it and uses 3. /other wants 40 GiB, too.
class LingeringProcessTest : public ::testing::Test {
 protected:
  LingeringProcessTest() : server_(ConfigOf(&now_us_)) {
    root_.Write("proc/stat", "btime 1600000000\n");
    root_.Write("proc/11/cgroup", absl::StrCat("0::/kubepods/podu1/", std::string(64, 'a'), "\n"));
    config_.node_name = "n1";
    config_.proc_root = root_.path() + "/proc";
    config_.cgroup_root = root_.path();
    config_.kubelet_cgroup_root = "/";
    client_ = std::make_unique<Client>(MakeGrpcConnection(server_.server().grpc_address()));
    Device& device = script_.devices.emplace_back();
    device.region = "gpu0";
    device.capacity_bytes = 48 * kGiB;
    device.reserved_bytes = kGiB;
    device.used_bytes = kGiB + kUsedBytes;
    device.device_ids = {"GPU-a"};
    script_.usage.listed_regions = {"gpu0"};
    StartAgent();
  }

  static server::Config ConfigOf(const std::atomic<int64_t>* now_us) {
    server::Config config;
    config.ticks = false;
    config.now_us = [now_us] { return now_us->load(); };
    return config;
  }

  // In the place of the one before, if any.
  void StartAgent() {
    agent_ = nullptr;
    absl::StatusOr<Incarnations> incarnations =
        Incarnations::Load(config_.proc_root, root_.path() + "/state");
    ASSERT_TRUE(incarnations.ok()) << incarnations.status();
    incarnations_ = std::make_unique<Incarnations>(*std::move(incarnations));
    std::vector<std::unique_ptr<DeviceBackend>> backends;
    backends.push_back(std::make_unique<ScriptedBackend>(&script_));
    RetryPolicy once;
    once.attempts_max = 1;
    agent_ = std::make_unique<Agent>(
        &config_,
        std::make_unique<NodeWatcher>(&config_, std::move(backends), nullptr,
                                      std::make_unique<ScriptedPodSource>(&pods_)),
        std::make_shared<Client>(MakeGrpcConnection(server_.server().grpc_address()), once),
        incarnations_.get(), &metrics_, [this] { return absl::FromUnixMicros(now_us_.load()); },
        [](const std::string& event, const std::string& what) {
          ADD_FAILURE() << event << ": " << what;
        });
  }

  void TearDown() override {
    const auto check = client_->Check(v1::CheckRequest());
    ASSERT_TRUE(check.ok()) << check.status();
    EXPECT_EQ(check->violations_total(), 0u);
  }

  void AddPod() {
    Pod pod;
    pod.name_space = "ml";
    pod.name = "train";
    pod.uid = pod.cgroup_uid = "u1";
    pod.phase = "Running";
    pod.annotations[kLimitAnnotation] = absl::StrCat(kBookedBytes);
    pod.has_devices_known = true;
    pod.containers = {{"main", "", {{"gpu", {"GPU-a"}, "", ""}}}};
    pods_.pods = {pod};
    script_.usage.processes = {{11, "gpu0", kUsedBytes}};
  }
  void EndProcess() {
    script_.usage.processes.clear();
    script_.devices[0].used_bytes = kGiB;
    root_.Remove("proc/11");
  }

  // A second goes by, in which the agent looks once.
  void PassSecond() {
    now_us_ += 1000000;
    // As the thread of its session does, which knows nothing of this clock.
    if (now_us_ / 1000000 % kKeepAliveSeconds == 0) KeepAlive();
    const absl::StatusOr<bool> ticked = server_.server().Tick();
    ASSERT_TRUE(ticked.ok()) << ticked.status();
    agent_->Pass();
  }
  void KeepAlive() {
    const auto nodes = client_->ListAllNodes(v1::ListNodesRequest());
    ASSERT_TRUE(nodes.ok() && nodes->nodes_size() == 1) << nodes.status();
    v1::KeepAliveRequest request;
    request.set_session(nodes->nodes(0).session());
    ASSERT_TRUE(client_->KeepAlive(request).ok());
  }

  // What /other gets for asking: the reason of the error, or "".
  std::string ChargeOther(const std::string& id) {
    v1::ChargeRequest request;
    request.set_charge_id(id);
    request.mutable_created_at()->set_seconds(now_us_.load() / 1000000);
    v1::ChargeItem* item = request.add_items();
    item->set_cgroup("/other");
    item->set_region("n1/gpu0");
    item->set_bytes(kBookedBytes);
    return FactsOf(client_->Charge(request).status()).reason;
  }

  std::vector<v1::Charge> Charges() {
    const auto charges = client_->ListAllCharges(v1::ListChargesRequest());
    EXPECT_TRUE(charges.ok()) << charges.status();
    return {charges->charges().begin(), charges->charges().end()};
  }
  uint64_t Usage() {
    v1::GetPoolRequest request;
    request.set_cgroup("/");
    request.set_region("n1/gpu0");
    const auto pool = client_->GetPool(request);
    EXPECT_TRUE(pool.ok()) << pool.status();
    return pool->pool().usage_bytes();
  }
  v1::RegionState RegionState() {
    return client_->ListAllRegions(v1::ListRegionsRequest())->regions(0).state();
  }
  // As the server's metrics have it.
  absl::Duration ReleaseAge() {
    const server::HttpAnswer answer = server::HttpGet(server_.server().http_address(), "/metrics");
    for (absl::string_view line : absl::StrSplit(answer.body, '\n')) {
      double seconds = 0;
      if (!absl::ConsumePrefix(&line, "dmemd_release_age_oldest_seconds ")) continue;
      EXPECT_TRUE(absl::SimpleAtod(line, &seconds)) << line;
      return absl::Seconds(seconds);
    }
    ADD_FAILURE() << "no metric: " << answer.code;
    return absl::ZeroDuration();
  }
  // How often each kind of event was, of those that change what is held.
  std::map<v1::EventKind, int> Events() {
    std::map<v1::EventKind, int> counts;
    v1::ListEventsRequest request;
    request.set_page_size(1000);
    do {
      const auto page = client_->ListEvents(request);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) break;
      for (const v1::Event& event : page->events()) {
        if (event.has_charge_granted() || event.has_charge_changed() ||
            event.has_release_requested() || event.has_over_changed())
          ++counts[event.kind()];
      }
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
    return counts;
  }

  // The pod is charged; then it is deleted by force.
  void DeletePodByForce() {
    AddPod();
    PassSecond();
    const std::vector<v1::Charge> charges = Charges();
    ASSERT_EQ(charges.size(), 1u);
    charged_ = charges[0];
    ASSERT_EQ(charged_.state(), v1::CHARGE_STATE_HELD);
    pods_.pods.clear();
    PassSecond();
    asked_at_ = absl::FromUnixMicros(now_us_.load());
    ExpectReleasing();
  }
  void ExpectReleasing() {
    const absl::Duration age = absl::FromUnixMicros(now_us_.load()) - asked_at_;
    SCOPED_TRACE(absl::StrCat(absl::FormatDuration(age), " after it was asked for"));
    const std::vector<v1::Charge> charges = Charges();
    ASSERT_EQ(charges.size(), 1u);
    EXPECT_EQ(charges[0].charge_id(), charged_.charge_id());
    EXPECT_EQ(charges[0].owner().uid(), "u1");
    EXPECT_EQ(charges[0].state(), v1::CHARGE_STATE_RELEASING);
    EXPECT_EQ(charges[0].release().requested_by(), "dmem-agent on n1");
    EXPECT_EQ(charges[0].release().requested_at().seconds(), absl::ToUnixSeconds(asked_at_));
    ASSERT_EQ(charges[0].items_size(), 1);
    EXPECT_EQ(charges[0].items(0).cgroup(), "/ns/ml");
    EXPECT_EQ(charges[0].items(0).bytes(), kBookedBytes);
    EXPECT_EQ(Usage(), kBookedBytes);
    EXPECT_EQ(ReleaseAge(), age);
    EXPECT_EQ(RegionState(), v1::REGION_STATE_READY);
  }
  // Somebody else asks in each second, and somebody looks in each minute.
  void Linger(int minutes) {
    for (int second = 1; second <= 60 * minutes; ++second) {
      PassSecond();
      ASSERT_EQ(ChargeOther("too-early"), "CAPACITY") << "in second " << second;
      if (second % 60 == 0) ExpectReleasing();
      ASSERT_FALSE(HasFailure());
    }
  }
  // The process ends: its bytes are had again, once.
  void ExpectBytesReturnOnce() {
    EndProcess();
    PassSecond();
    EXPECT_EQ(Charges().size(), 0u);
    EXPECT_EQ(Usage(), 0u);
    EXPECT_EQ(ReleaseAge(), absl::ZeroDuration());
    EXPECT_EQ(ChargeOther("other"), "");
    for (int second = 0; second < 120; ++second) {
      PassSecond();
      ASSERT_EQ(ChargeOther("too-late"), "CAPACITY");
      ASSERT_EQ(Usage(), kBookedBytes);
    }
    EXPECT_EQ(Events(), (std::map<v1::EventKind, int>{{v1::EVENT_KIND_CHARGED, 2},
                                                      {v1::EVENT_KIND_RELEASE_REQUESTED, 1},
                                                      {v1::EVENT_KIND_UNCHARGED, 1}}));
  }

  std::atomic<int64_t> now_us_{1700000000000000};
  server::TestServer server_;
  TempDirectory root_;
  AgentConfig config_;
  BackendScript script_;
  PodSnapshot pods_;
  AgentMetrics metrics_;
  std::unique_ptr<Client> client_;
  std::unique_ptr<Incarnations> incarnations_;
  std::unique_ptr<Agent> agent_;
  v1::Charge charged_;
  absl::Time asked_at_;
};

TEST_F(LingeringProcessTest, ItsBytesAreReleasingForFifteenMinutesAndGrantedToNobody) {
  ASSERT_NO_FATAL_FAILURE(DeletePodByForce());
  ASSERT_NO_FATAL_FAILURE(Linger(kMinutes));
  ExpectBytesReturnOnce();
}

TEST_F(LingeringProcessTest, AnAgentThatComesInBetweenKeepsThemReleasingJustSo) {
  ASSERT_NO_FATAL_FAILURE(DeletePodByForce());
  ASSERT_NO_FATAL_FAILURE(Linger(7));
  StartAgent();
  ASSERT_NO_FATAL_FAILURE(Linger(kMinutes - 7));
  ExpectBytesReturnOnce();
}

}  // namespace
}  // namespace dmem::client
