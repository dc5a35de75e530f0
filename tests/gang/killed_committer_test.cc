// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// A scheduler that is killed between its commits: what it has not placed returns when its time is
// over, to the byte, and what it has placed stays. The scheduler is a process; time is simulated.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/client.h"
#include "client/error_facts.h"
#include "client/grpc_connection.h"
#include "server/testing/test_server.h"
#include "tests/gang/client_process.h"
#include "tests/gang/gang_cluster.h"

namespace dmem::server {
namespace {

constexpr int kNodes = 4;
constexpr int kDevicesOfNode = 2;
constexpr uint64_t kAll = kDeviceBytes * kNodes * kDevicesOfNode;
constexpr uint64_t kThreeNodes = kDeviceBytes * 3 * kDevicesOfNode;
constexpr absl::Duration kTtl = absl::Minutes(5);

// cluster: four nodes of two devices of 80 GiB. /team may use all of it, and no more.
class KilledCommitterTest : public ::testing::Test {
 protected:
  KilledCommitterTest() : server_(ConfigOf(&now_us_)) { Connect(); }

  static Config ConfigOf(const std::atomic<int64_t>* now_us) {
    Config config;
    config.ticks = false;
    config.now_us = [now_us] { return now_us->load(); };
    return config;
  }

  void SetUp() override {
    const absl::Status made = MakeGangCluster(*client_, "/team", kNodes, kDevicesOfNode);
    ASSERT_TRUE(made.ok()) << made;
  }

  void Connect() {
    client_ = std::make_unique<client::Client>(
        client::MakeGrpcConnection(server_.server().grpc_address()));
  }

  // Lets a scheduler commit three of the four nodes, and kills it.
  void CommitThreeNodesAndDie() {
    ClientProcess committer({"tests/gang/committer",
                             absl::StrCat("--server=", server_.server().grpc_address()),
                             absl::StrCat("--created-at=", now_us_.load() / 1000000),
                             absl::StrCat("--ttl=", absl::ToInt64Seconds(kTtl)), "--stop-after=3"});
    for (const char* expected : {"reserved", "committed 0", "committed 1", "committed 2"}) {
      std::string line;
      ASSERT_TRUE(committer.ReadLine(&line)) << "no \"" << expected << "\"";
      ASSERT_EQ(line, expected);
    }
    committer.Kill();
  }

  // One tick.
  void Pass(absl::Duration time) {
    now_us_ += absl::ToInt64Microseconds(time);
    const absl::StatusOr<bool> has_more = server_.server().Tick();
    ASSERT_TRUE(has_more.ok()) << has_more.status();
    ASSERT_FALSE(*has_more);
  }
  void PassSeconds(int64_t seconds) {
    for (int64_t i = 0; i < seconds; ++i) Pass(absl::Seconds(1));
  }

  uint64_t Usage(const std::string& region) {
    v1::GetPoolRequest request;
    request.set_cgroup("/team");
    request.set_region(region);
    const auto pool = client_->GetPool(request);
    EXPECT_TRUE(pool.ok()) << pool.status();
    return pool.ok() ? pool->pool().usage_bytes() : 0;
  }
  v1::Charge Gang() {
    v1::ListChargesRequest request;
    request.set_charge_id("gang");
    const auto charges = client_->ListCharges(request);
    EXPECT_TRUE(charges.ok() && charges->charges_size() == 1) << charges.status();
    return charges.ok() && charges->charges_size() == 1 ? charges->charges(0) : v1::Charge();
  }
  // What the charge holds, by region.
  std::map<std::string, uint64_t> Held() {
    std::map<std::string, uint64_t> held;
    const v1::Charge gang = Gang();
    for (const v1::ChargeItem& item : gang.items()) {
      if (!item.reserved()) held[item.region()] += item.bytes();
    }
    return held;
  }
  static std::map<std::string, uint64_t> ThreeNodes() {
    std::map<std::string, uint64_t> held;
    for (int node = 0; node < 3; ++node) {
      for (int device = 0; device < kDevicesOfNode; ++device) {
        held[absl::StrCat("n", node, "/gpu", device)] = kDeviceBytes;
      }
    }
    return held;
  }
  std::string Charge(const std::string& id, const std::string& region, uint64_t bytes) {
    v1::ChargeRequest request;
    request.set_charge_id(id);
    request.mutable_created_at()->set_seconds(now_us_.load() / 1000000);
    v1::ChargeItem& item = *request.add_items();
    item.set_cgroup("/team");
    item.set_region(region);
    item.set_bytes(bytes);
    return client::FactsOf(client_->Charge(request).status()).reason;
  }
  void ExpectAudited() {
    const auto check = client_->Check(v1::CheckRequest());
    ASSERT_TRUE(check.ok()) << check.status();
    EXPECT_EQ(check->violations_total(), 0u);
  }

  std::atomic<int64_t> now_us_{1700000000000000};
  TestServer server_;
  std::unique_ptr<client::Client> client_;
};

TEST_F(KilledCommitterTest, ExactlyThePartThatWasNotPlacedReturnsWhenTheTtlIsOver) {
  CommitThreeNodesAndDie();
  PassSeconds(absl::ToInt64Seconds(kTtl) - 1);
  EXPECT_EQ(Gang().state(), v1::CHARGE_STATE_RESERVED);
  EXPECT_EQ(Held(), ThreeNodes());
  EXPECT_EQ(Usage("cluster"), kAll) << "until then all of it counts";
  EXPECT_EQ(Charge("early", "n3/gpu0", 1), "MAX_EXCEEDED");

  PassSeconds(1);
  EXPECT_EQ(Gang().state(), v1::CHARGE_STATE_HELD);
  EXPECT_EQ(Gang().items_size(), 3 * kDevicesOfNode);
  EXPECT_EQ(Held(), ThreeNodes());
  EXPECT_EQ(Usage("cluster"), kThreeNodes);
  ExpectAudited();

  // Just what returned can be had again.
  EXPECT_EQ(Charge("a", "n3/gpu0", kDeviceBytes), "");
  EXPECT_EQ(Charge("b", "n3/gpu1", kDeviceBytes), "");
  EXPECT_EQ(Usage("cluster"), kAll);
  EXPECT_EQ(Charge("c", "n0/gpu0", 1), "CAPACITY");
  PassSeconds(3600);
  EXPECT_EQ(Usage("cluster"), kAll) << "what is held does not expire";
  ExpectAudited();
}

TEST_F(KilledCommitterTest, ARestartOfTheServerInBetweenChangesNothingOfThat) {
  CommitThreeNodesAndDie();
  PassSeconds(100);
  ASSERT_TRUE(server_.Restart().ok());
  Connect();
  PassSeconds(absl::ToInt64Seconds(kTtl) - 101);
  EXPECT_EQ(Usage("cluster"), kAll);
  PassSeconds(1);
  EXPECT_EQ(Usage("cluster"), kThreeNodes);
  EXPECT_EQ(Held(), ThreeNodes());
  ExpectAudited();
}

}  // namespace
}  // namespace dmem::server
