// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// That the checks of the crash tests see what they are there to see: a sound server's state, then
// the same with one thing wrong.

#include "tests/crash/worker.h"

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "client/client.h"
#include "client/grpc_connection.h"
#include "gtest/gtest.h"
#include "server/testing/test_server.h"
#include "tests/crash/observation.h"
#include "tests/crash/topology.h"

namespace dmem::crash {
namespace {

class WorkerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    connection_ = client::MakeGrpcConnection(server_.server().grpc_address());
    client::Client client(connection_);
    ASSERT_TRUE(CreateTopology(client).ok());
    for (int i = 0; i < 300; ++i) ASSERT_TRUE(worker_.Step(*connection_));
    const absl::StatusOr<Observation> observed = Observe(client);
    ASSERT_TRUE(observed.ok()) << observed.status();
    observed_ = *observed;
    ASSERT_FALSE(observed_.charges.empty());
    ASSERT_FALSE(worker_.state().limits.empty());
  }

  Violations Check(const Observation& observed) {
    Violations violations;
    CheckCounters(observed, &violations);
    worker_.Reconcile(observed, &violations);
    return violations;
  }

  // The first charge with bytes.
  v1::Charge& SomeCharge(Observation& observed) {
    for (auto& [id, charge] : observed.charges) {
      if (charge.items(0).bytes() > 0) return charge;
    }
    return observed.charges.begin()->second;
  }

  server::TestServer server_;
  std::shared_ptr<client::Connection> connection_;
  Worker worker_{Worker::Options{}};
  Observation observed_;
};

TEST_F(WorkerTest, SoundServerPasses) {
  const Violations violations = Check(observed_);
  EXPECT_TRUE(violations.empty()) << absl::StrJoin(violations.texts(), "\n");
  EXPECT_TRUE(worker_.violations().empty()) << absl::StrJoin(worker_.violations().texts(), "\n");
  EXPECT_GT(worker_.stats().acknowledged, 200u);
}

TEST_F(WorkerTest, EveryThingMissingOrChangedIsLost) {
  const PoolKey limited = worker_.state().limits.begin()->first;
  const std::vector<std::pair<std::string, std::function<void(Observation&)>>> cases = {
      {"charge missing", [&](Observation& o) { o.charges.erase(SomeCharge(o).charge_id()); }},
      {"older size of an item",
       [&](Observation& o) {
         v1::ChargeItem* item = SomeCharge(o).mutable_items(0);
         item->set_bytes(item->bytes() - 1);
       }},
      {"charged at another sequence",
       [&](Observation& o) { SomeCharge(o).set_granted_sequence(o.check.sequence() + 1); }},
      {"owner missing", [&](Observation& o) { SomeCharge(o).clear_owner(); }},
      {"older limits", [&](Observation& o) { o.pools[limited].set_max_bytes(4711); }},
      {"older etag", [&](Observation& o) { o.pools[limited].set_etag(1); }},
      {"limited pool missing", [&](Observation& o) { o.pools.erase(limited); }},
      {"region missing", [&](Observation& o) { o.regions.erase(Regions()[3]); }},
      {"cgroup no longer explicit",
       [&](Observation& o) { o.cgroups["/team-a"].set_implicit(true); }},
      {"usage below the charges",
       [&](Observation& o) {
         v1::Pool& pool = o.pools[{"/", "cluster"}];
         pool.set_usage_bytes(pool.usage_bytes() - 1);
       }},
  };
  for (const auto& [name, damage] : cases) {
    Observation observed = observed_;
    damage(observed);
    EXPECT_GT(Check(observed).lost(), 0u) << name;
  }
}

TEST_F(WorkerTest, ChargeThatWasUnchargedIsDoubled) {
  std::string gone;
  while (gone.empty()) {
    ASSERT_TRUE(worker_.Step(*connection_));
    for (const auto& [id, charge] : observed_.charges) {
      if (worker_.state().held.count(id) == 0) gone = id;
    }
  }
  EXPECT_GT(Check(observed_).doubled(), 0u);
}

TEST_F(WorkerTest, EveryThingTooMuchIsDoubled) {
  const std::vector<std::pair<std::string, std::function<void(Observation&)>>> cases = {
      {"charge never acknowledged",
       [&](Observation& o) {
         v1::Charge charge = SomeCharge(o);
         charge.set_charge_id("w0-1000000");
         o.charges[charge.charge_id()] = charge;
       }},
      {"usage above the charges",
       [&](Observation& o) {
         v1::Pool& pool = o.pools[{"/team-a", Regions()[0]}];
         pool.set_usage_bytes(pool.usage_bytes() + 1);
       }},
  };
  for (const auto& [name, damage] : cases) {
    Observation observed = observed_;
    damage(observed);
    EXPECT_GT(Check(observed).doubled(), 0u) << name;
  }
}

TEST_F(WorkerTest, AuditThatFailsIsReported) {
  observed_.check.set_violations_total(1);
  EXPECT_GT(Check(observed_).other(), 0u);
}

}  // namespace
}  // namespace dmem::crash
