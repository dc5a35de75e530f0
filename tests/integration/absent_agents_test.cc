// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Agents of a whole cluster that are silent, in simulated time: what they held stays, and what is
// LOST is so when it is due and not before.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/client.h"
#include "client/error_facts.h"
#include "client/grpc_connection.h"
#include "server/testing/test_server.h"

namespace dmem::server {
namespace {

using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr int kNodes = 250;
constexpr int kDevices = 8;
constexpr uint64_t kGiB = uint64_t{1} << 30;
constexpr uint64_t kDeviceBytes = 80 * kGiB;
constexpr absl::Duration kKeepAliveInterval = absl::Seconds(20);

// cluster: NODES nodes, each with eight devices of 80 GiB, which its agent registers. Each node has
// a charge of /team over its devices, 40 GiB each, and one of /other of 8 GiB on the first.
class AbsentAgentsTest : public ::testing::Test {
 protected:
  AbsentAgentsTest()
      : server_(ConfigOf(&now_us_)),
        client_(client::MakeGrpcConnection(server_.server().grpc_address())) {}

  static Config ConfigOf(const std::atomic<int64_t>* now_us) {
    Config config;
    config.ticks = false;
    config.now_us = [now_us] { return now_us->load(); };
    return config;
  }
  static std::string NodeName(int node) { return absl::StrCat("n", node); }
  static std::string DeviceName(int node, int device) {
    return absl::StrCat("n", node, "/gpu", device);
  }

  void SetUp() override {
    v1::RegisterGroupRequest group;
    group.set_name("cluster");
    ASSERT_TRUE(client_.RegisterGroup(group).ok());
    for (int node = 0; node < kNodes; ++node) {
      Open(node, "first");
      for (int device = 0; device < kDevices; ++device) {
        v1::RegisterRequest request;
        request.set_session(sessions_[node]);
        request.mutable_region()->set_name(DeviceName(node, device));
        request.mutable_region()->set_capacity_bytes(kDeviceBytes);
        request.mutable_region()->set_parent("cluster");
        request.mutable_region()->mutable_attributes()->set_node(NodeName(node));
        const auto registered = client_.Register(request);
        ASSERT_TRUE(registered.ok()) << registered.status();
      }
      ASSERT_EQ(Charge(absl::StrCat("gang-", node), "/team", node, kDevices, 40 * kGiB), "");
      ASSERT_EQ(Charge(absl::StrCat("single-", node), "/other", node, 1, 8 * kGiB), "");
    }
  }
  void TearDown() override {
    const auto check = client_.Check(v1::CheckRequest());
    ASSERT_TRUE(check.ok()) << check.status();
    EXPECT_EQ(check->violations_total(), 0u);
  }

  void Open(int node, const std::string& nonce) {
    v1::OpenSessionRequest request;
    request.set_owner("agent");
    request.set_node(NodeName(node));
    request.set_incarnation(1);
    request.set_nonce(absl::StrCat(nonce, "-", node));
    const auto opened = client_.OpenSession(request);
    ASSERT_TRUE(opened.ok()) << opened.status();
    sessions_[node] = opened->session().id();
  }
  // On the first devices of a node; the reason of the error, or "".
  std::string Charge(const std::string& id, const std::string& cgroup, int node, int devices,
                     uint64_t bytes) {
    v1::ChargeRequest request;
    request.set_charge_id(id);
    request.mutable_created_at()->set_seconds(now_us_.load() / 1000000);
    for (int device = 0; device < devices; ++device) {
      v1::ChargeItem* item = request.add_items();
      item->set_cgroup(cgroup);
      item->set_region(DeviceName(node, device));
      item->set_bytes(bytes);
    }
    return client::FactsOf(client_.Charge(request).status()).reason;
  }
  // Says the agents of these nodes are alive.
  void KeepAlive(int first, int end) {
    for (int node = first; node < end; ++node) {
      v1::KeepAliveRequest request;
      request.set_session(sessions_[node]);
      const auto kept = client_.KeepAlive(request);
      ASSERT_TRUE(kept.ok()) << kept.status();
    }
  }
  // Lets time pass, by one tick.
  void Pass(absl::Duration time) {
    now_us_ += absl::ToInt64Microseconds(time);
    for (bool has_more = true; has_more;) {
      const absl::StatusOr<bool> ticked = server_.server().Tick();
      ASSERT_TRUE(ticked.ok()) << ticked.status();
      has_more = *ticked;
    }
  }
  void Declare(int node, bool ready = false) {
    v1::DeclareNotReadyRequest request;
    request.set_node(NodeName(node));
    request.set_ready(ready);
    request.set_why("NodeStatusUnknown");
    const auto declared = client_.DeclareNotReady(request);
    ASSERT_TRUE(declared.ok()) << declared.status();
  }
  // What the node's agent says on its return: it holds what it held, and knows of what was granted
  // until `as_of`.
  v1::ReconcileResponse Reconcile(int node, uint64_t as_of) {
    v1::ReconcileRequest request;
    request.set_session(sessions_[node]);
    request.set_reconcile_id("back");
    request.set_as_of(as_of);
    request.set_last(true);
    for (int device = 0; device < kDevices; ++device) {
      AddItem(absl::StrCat("gang-", node), "/team", node, device, 40 * kGiB, &request);
    }
    AddItem(absl::StrCat("single-", node), "/other", node, 0, 8 * kGiB, &request);
    const auto reconciled = client_.Reconcile(request);
    EXPECT_TRUE(reconciled.ok()) << reconciled.status();
    return reconciled.ok() ? *reconciled : v1::ReconcileResponse();
  }
  static void AddItem(const std::string& id, const std::string& cgroup, int node, int device,
                      uint64_t bytes, v1::ReconcileRequest* request) {
    v1::HeldItem* item = request->add_items();
    item->set_charge_id(id);
    item->set_cgroup(cgroup);
    item->set_region(DeviceName(node, device));
    item->set_bytes(bytes);
  }

  uint64_t Sequence() { return client_.GetServerInfo(v1::GetServerInfoRequest())->sequence(); }
  // All charges in words, by id.
  std::map<std::string, std::string> Charges() {
    const auto charges = client_.ListAllCharges(v1::ListChargesRequest());
    EXPECT_TRUE(charges.ok()) << charges.status();
    std::map<std::string, std::string> by_id;
    for (const v1::Charge& charge : charges->charges()) {
      by_id[charge.charge_id()] = charge.ShortDebugString();
    }
    return by_id;
  }
  // How many regions are in each state.
  std::map<v1::RegionState, int> RegionStates() {
    const auto regions = client_.ListAllRegions(v1::ListRegionsRequest());
    EXPECT_TRUE(regions.ok()) << regions.status();
    std::map<v1::RegionState, int> counts;
    for (const v1::Region& region : regions->regions()) ++counts[region.state()];
    return counts;
  }
  v1::RegionGroup Cluster() { return client_.ListAllRegions(v1::ListRegionsRequest())->groups(0); }
  // The nodes that are LOST.
  std::set<int> LostNodes() {
    const auto nodes = client_.ListAllNodes(v1::ListNodesRequest());
    EXPECT_TRUE(nodes.ok()) << nodes.status();
    std::set<int> lost;
    for (const v1::Node& node : nodes->nodes()) {
      if (node.lost()) lost.insert(std::stoi(node.name().substr(1)));
    }
    return lost;
  }
  // The kinds of what happened after a sequence.
  std::set<v1::EventKind> KindsAfter(uint64_t sequence) {
    std::set<v1::EventKind> kinds;
    v1::ListEventsRequest request;
    request.set_newest_first(true);
    request.set_page_size(1000);
    for (;;) {
      const auto page = client_.ListEvents(request);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) return kinds;
      for (const v1::Event& event : page->events()) {
        if (event.sequence() <= sequence) return kinds;
        kinds.insert(event.kind());
      }
      if (page->next_page_token().empty()) return kinds;
      request.set_page_token(page->next_page_token());
    }
  }

  std::atomic<int64_t> now_us_{1700000000000000};
  TestServer server_;
  client::Client client_;
  uint64_t sessions_[kNodes] = {};
};

TEST_F(AbsentAgentsTest, AnHourWithoutAgentsReleasesNothingAndNewChargesGoOn) {
  const std::map<std::string, std::string> held = Charges();
  KeepAlive(0, kNodes);
  Pass(absl::Seconds(1));
  ASSERT_EQ(RegionStates()[v1::REGION_STATE_READY], kNodes * kDevices);
  const uint64_t last_heard = Sequence();

  std::set<std::string> charged;
  for (int second = 3; second <= 3600; second += 3) {
    Pass(absl::Seconds(3));
    if (second % 30 != 0) continue;
    const std::string id = absl::StrCat("new-", second);
    ASSERT_EQ(Charge(id, "/team", second % kNodes, kDevices, kGiB), "") << "in second " << second;
    charged.insert(id);
  }
  EXPECT_EQ(RegionStates()[v1::REGION_STATE_STALE], kNodes * kDevices);
  EXPECT_THAT(LostNodes(), IsEmpty());
  EXPECT_EQ(Cluster().capacity_bytes(), kDeviceBytes * kNodes * kDevices);
  std::map<std::string, std::string> now = Charges();
  for (const auto& [id, charge] : held) EXPECT_EQ(now[id], charge);
  EXPECT_EQ(charged.size(), 120u);
  for (const std::string& id : charged) EXPECT_EQ(now.count(id), 1u) << id;
  EXPECT_EQ(now.size(), held.size() + charged.size());
  EXPECT_THAT(KindsAfter(last_heard),
              UnorderedElementsAre(v1::EVENT_KIND_CHARGED, v1::EVENT_KIND_SESSION,
                                   v1::EVENT_KIND_REGION_STATE));

  // They come back, with what they held, and judge nothing that was granted since they were heard:
  // nothing differs.
  KeepAlive(0, kNodes);
  for (int node = 0; node < kNodes; ++node) {
    ASSERT_EQ(Reconcile(node, last_heard).differences_total(), 0u) << "of node " << node;
  }
  Pass(absl::Seconds(1));
  EXPECT_EQ(RegionStates()[v1::REGION_STATE_READY], kNodes * kDevices);
  EXPECT_EQ(Charges(), now);
}

TEST_F(AbsentAgentsTest, ANodeIsLostOnceItIsNotReadyAndUnheardForLostAfterAndNotBefore) {
  // All are heard at 0; those from 200 on go on being heard. Silent at 60.
  //   nodes 0-99     NotReady at 10    LOST at 60 + 300 = 360
  //   nodes 100-149  NotReady at 200   LOST at 200 + 300 = 500
  //   node  150      NotReady at 10, ready again at 300, NotReady again at 301: LOST at 601
  //   nodes 151-199  never             never
  //   nodes 200-249  NotReady at 10    never, as they are heard
  const std::map<std::string, std::string> held = Charges();
  KeepAlive(0, kNodes);
  Pass(absl::ZeroDuration());
  const uint64_t last_heard = Sequence();
  std::set<int> lost;
  for (int second = 1; second <= 900; ++second) {
    if (second % absl::ToInt64Seconds(kKeepAliveInterval) == 0) KeepAlive(200, kNodes);
    Pass(absl::Seconds(1));
    for (int node = 0; node < kNodes; ++node) {
      if (second == 10 && (node < 100 || node == 150 || node >= 200)) Declare(node);
      if (second == 200 && node >= 100 && node < 150) Declare(node);
      if (second == 360 && node < 100) lost.insert(node);
      if (second == 500 && node >= 100 && node < 150) lost.insert(node);
    }
    if (second == 300) Declare(150, /*ready=*/true);
    if (second == 301) Declare(150);
    if (second == 601) lost.insert(150);
    ASSERT_EQ(LostNodes(), lost) << "in second " << second;
  }
  const int left = kNodes - 151;
  EXPECT_EQ(RegionStates(),
            (std::map<v1::RegionState, int>{{v1::REGION_STATE_READY, 50 * kDevices},
                                            {v1::REGION_STATE_STALE, 49 * kDevices},
                                            {v1::REGION_STATE_LOST, 151 * kDevices}}));
  EXPECT_EQ(Cluster().capacity_bytes(), kDeviceBytes * left * kDevices);
  EXPECT_EQ(Cluster().usage_bytes(), kGiB * left * (kDevices * 40 + 8));
  EXPECT_EQ(Charges(), held) << "LOST releases nothing";
  EXPECT_EQ(KindsAfter(last_heard).count(v1::EVENT_KIND_ITEMS_DROPPED), 0u);
  EXPECT_EQ(Charge("there", "/team", 0, 1, kGiB), "REGION_LOST");
  EXPECT_EQ(Charge("elsewhere", "/team", 160, kDevices, kGiB), "");

  // A node that is back counts again as soon as its agent has said what it holds, and not before.
  KeepAlive(0, 1);
  Pass(absl::Seconds(1));
  EXPECT_EQ(LostNodes().count(0), 1u);
  EXPECT_EQ(Reconcile(0, last_heard).differences_total(), 0u);
  EXPECT_EQ(LostNodes().count(0), 0u);
  EXPECT_EQ(Cluster().usage_bytes(), kGiB * (left + 1) * (kDevices * 40 + 8) + kGiB * kDevices);
}

TEST_F(AbsentAgentsTest, WhenAllAgentsRestartOneAfterTheOtherNoRegionLeavesReady) {
  const std::map<std::string, std::string> held = Charges();
  KeepAlive(0, kNodes);
  Pass(absl::Seconds(1));
  const uint64_t began = Sequence();
  // Each second the next agent goes down, and is back 30 seconds later; the others are heard in
  // time.
  constexpr int kDownSeconds = 30;
  for (int second = 0; second < kNodes + kDownSeconds; ++second) {
    const int back = second - kDownSeconds;
    if (back >= 0) {
      Open(back, "second");
      ASSERT_EQ(Reconcile(back, Sequence()).differences_total(), 0u);
    }
    if (second % absl::ToInt64Seconds(kKeepAliveInterval) == 0) {
      KeepAlive(0, std::max(0, back + 1));
      KeepAlive(std::min(second + 1, kNodes), kNodes);
    }
    Pass(absl::Seconds(1));
  }
  EXPECT_THAT(KindsAfter(began),
              UnorderedElementsAre(v1::EVENT_KIND_SESSION, v1::EVENT_KIND_RECONCILED));
  EXPECT_EQ(RegionStates()[v1::REGION_STATE_READY], kNodes * kDevices);
  EXPECT_EQ(Charges(), held);
}

}  // namespace
}  // namespace dmem::server
