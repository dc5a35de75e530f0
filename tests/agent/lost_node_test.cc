// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// A node that was LOST, or has rebooted, between its agent's loop and a dmemd, both in this process
// and on one simulated clock: whatever is refused on the way, the authority gets the node's list.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "absl/time/time.h"
#include "client/agent/books/pod_annotations.h"
#include "client/error_facts.h"
#include "tests/agent/simulated_node.h"

namespace dmem::client {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

constexpr int kSilentSeconds = 60;
constexpr int kLostAfterSeconds = 300;

class LostNodeTest : public SimulatedNode {
 protected:
  // Nobody hears of it, and somebody says that it is not ready.
  void Lose() {
    agent_ = nullptr;
    v1::DeclareNotReadyRequest request;
    request.set_node("n1");
    request.set_why("NodeStatusUnknown");
    ASSERT_TRUE(client_->DeclareNotReady(request).ok());
    for (int second = 0; second <= kSilentSeconds + kLostAfterSeconds; ++second) PassSecond();
    ASSERT_EQ(RegionState("n1/gpu0"), v1::REGION_STATE_LOST);
  }
  // As a scheduler does, for a pod.
  void Reserve(const std::string& id, const std::string& group, const std::string& uid) {
    v1::ChargeRequest request;
    request.set_charge_id(id);
    request.mutable_created_at()->set_seconds(now_us_.load() / 1000000);
    request.mutable_ttl()->set_seconds(600);
    request.mutable_owner()->set_uid(uid);
    v1::ChargeItem* item = request.add_items();
    item->set_cgroup("/ns/ml");
    item->set_region(group);
    item->set_bytes(4 * kGiB);
    ASSERT_TRUE(client_->Charge(request).ok());
  }
  void RegisterInGroup(const std::string& group, const std::string& region) {
    v1::RegisterGroupRequest parent;
    parent.set_name(group);
    ASSERT_TRUE(client_->RegisterGroup(parent).ok());
    v1::RegisterRequest request;
    request.mutable_region()->set_name(region);
    request.mutable_region()->set_capacity_bytes(48 * kGiB);
    request.mutable_region()->set_parent(group);
    ASSERT_TRUE(client_->Register(request).ok());
  }
  // {pod: region}, but for what is reserved.
  std::map<std::string, std::string> Held() {
    std::map<std::string, std::string> held;
    for (const v1::Charge& charge : Charges()) {
      if (charge.state() == v1::CHARGE_STATE_RESERVED) continue;
      EXPECT_EQ(charge.state(), v1::CHARGE_STATE_HELD);
      EXPECT_TRUE(held.emplace(charge.owner().uid(), charge.items(0).region()).second)
          << charge.owner().uid() << " is charged twice";
    }
    return held;
  }
};

TEST_F(LostNodeTest, NodeOnWhichAPodHasStartedMeanwhileIsReadyAgainAtOnce) {
  AddPod("u1", "gpu0", 8 * kGiB, 11, kGiB);
  StartAgent();
  PassSecond();
  ASSERT_EQ(Charges().size(), 1u);
  const std::string id = Charges()[0].charge_id();
  ASSERT_NO_FATAL_FAILURE(Lose());

  AddPod("u2", "gpu0", 4 * kGiB, 12, kGiB);
  has_problems_ = true;
  StartAgent();
  PassSecond();
  EXPECT_THAT(log_, Contains(HasSubstr("problem: Charge: "))) << "a LOST region takes none";
  EXPECT_EQ(RegionState("n1/gpu0"), v1::REGION_STATE_READY);
  EXPECT_EQ(Held(), (std::map<std::string, std::string>{{"u1", "n1/gpu0"}, {"u2", "n1/gpu0"}}));
  bool is_there = false;
  for (const v1::Charge& charge : Charges()) is_there |= charge.charge_id() == id;
  EXPECT_TRUE(is_there) << "what ran all the time is charged as before";
}

TEST_F(LostNodeTest, FencedIncarnationIsRefusedEveryCallAndChangesNothing) {
  AddPod("u1", "gpu0", 8 * kGiB, 11, kGiB);
  StartAgent();
  PassSecond();
  ASSERT_EQ(Charges().size(), 1u);
  const v1::Charge charge = Charges()[0];
  const auto nodes = client_->ListAllNodes(v1::ListNodesRequest());
  ASSERT_TRUE(nodes.ok()) << nodes.status();
  ASSERT_EQ(nodes->nodes_size(), 1);
  ASSERT_NO_FATAL_FAILURE(Lose());
  v1::FenceRequest fence;
  fence.set_node("n1");
  fence.set_evidence("powered off by hand");
  ASSERT_TRUE(client_->Fence(fence).ok());
  ASSERT_TRUE(Charges().empty());
  const auto before = client_->Check(v1::CheckRequest());
  ASSERT_TRUE(before.ok()) << before.status();

  // What the old incarnation would say, late.
  const uint64_t session = nodes->nodes(0).session();
  v1::ReconcileRequest list;
  list.set_session(session);
  list.set_reconcile_id("late");
  list.set_as_of(before->sequence());
  list.set_last(true);
  v1::HeldItem* held = list.add_items();
  held->set_charge_id(charge.charge_id());
  held->set_cgroup(charge.items(0).cgroup());
  held->set_region(charge.items(0).region());
  held->set_bytes(charge.items(0).bytes());
  held->set_basis(charge.basis());
  EXPECT_EQ(FactsOf(client_->Reconcile(list).status()).reason, "SESSION_FENCED");
  v1::ChargeRequest again;
  again.set_charge_id("late");
  again.mutable_created_at()->set_seconds(now_us_.load() / 1000000);
  again.set_session(session);
  again.set_mode(v1::CHARGE_MODE_FORCE);
  v1::ChargeItem* item = again.add_items();
  item->set_cgroup(held->cgroup());
  item->set_region(held->region());
  item->set_bytes(held->bytes());
  EXPECT_EQ(FactsOf(client_->Charge(again).status()).reason, "SESSION_FENCED");
  v1::KeepAliveRequest alive;
  alive.set_session(session);
  EXPECT_EQ(FactsOf(client_->KeepAlive(alive).status()).reason, "SESSION_FENCED");
  EXPECT_TRUE(Charges().empty());
  const auto after = client_->Check(v1::CheckRequest());
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_EQ(after->state_hash(), before->state_hash()) << "nothing was changed";
}

TEST_F(LostNodeTest, DeviceThatCannotBeRegisteredDoesNotKeepTheListOfTheOthersBack) {
  RegisterInGroup("cluster", "n1/gpu0");
  AddDevice("gpu1");
  AddPod("u0", "gpu0", 8 * kGiB, 11, kGiB);
  AddPod("u1", "gpu1", 8 * kGiB, 12, kGiB);
  StartAgent();
  PassSecond();
  ASSERT_THAT(Charges(), SizeIs(2));

  // After a reboot one device does not say how much memory it has; pods run on both, one of them
  // with a reservation.
  Reserve("job-7", "cluster", "u2");
  AddPod("u2", "gpu0", 4 * kGiB, 13, kGiB).annotations[kChargeAnnotation] = "job-7";
  agent_ = nullptr;
  Boot(1600009999);
  DeviceOf("gpu0").capacity_bytes = 0;
  has_problems_ = true;
  log_.clear();
  StartAgent();
  PassSecond();
  EXPECT_EQ(Held(), (std::map<std::string, std::string>{{"u1", "n1/gpu1"}}));
  EXPECT_EQ(RegionState("n1/gpu1"), v1::REGION_STATE_READY);
  EXPECT_THAT(log_, Contains(HasSubstr("device gpu0 is not registered")));
  EXPECT_THAT(log_, Not(Contains(HasSubstr("Reconcile"))));

  // It does now.
  DeviceOf("gpu0").capacity_bytes = 48 * kGiB;
  PassSecond();
  PassSecond();
  EXPECT_EQ(Held(), (std::map<std::string, std::string>{
                        {"u0", "n1/gpu0"}, {"u1", "n1/gpu1"}, {"u2", "n1/gpu0"}}));
}

}  // namespace
}  // namespace dmem::client
