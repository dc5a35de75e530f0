// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Commands of every kind, at random, on few names, so that they meet in every state: regions that
// go and come back, newer incarnations, groups that move, cgroups that die. dmemd is killed between
// two commands, and the next one must show the very same state, hash included.

#include <cstdio>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/client.h"
#include "client/error_facts.h"
#include "client/grpc_connection.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "server/testing/dmemd_process.h"
#include "server/testing/temp_directory.h"
#include "tests/crash/observation.h"

namespace dmem::crash {
namespace {

using google::protobuf::util::MessageDifferencer;
using server::DmemdProcess;

constexpr uint64_t kUnit = uint64_t{1} << 30;

// Sends random commands. What comes back matters only in that it is an answer.
class Churn {
 public:
  explicit Churn(uint64_t seed) : random_(seed) {}

  // Names to use beside the fixed ones: those of dying cgroups and gone regions.
  void Know(const Observation& observed) {
    cgroups_ = {"/a", "/a/x", "/a/y", "/b", "/b/x", "/b/x/deep", "/c"};
    regions_ = {"r0", "r1", "r2", "r3", "r4"};
    ids_.clear();
    for (const auto& [path, cgroup] : observed.cgroups) {
      if (path[0] == '@') cgroups_.push_back(path);
    }
    for (const auto& [name, region] : observed.regions) {
      if (name.find('@') != std::string::npos) regions_.push_back(name);
    }
    for (const auto& [id, charge] : observed.charges) ids_.push_back(id);
  }

  // One command.
  void Step(client::Connection& server) {
    switch (Below(44)) {
      case 0:
      case 1:
        return Sent(server.Register(Register(), kTimeout));
      case 2: {
        v1::UnregisterRequest request;
        request.set_region(AnyOf(regions_));
        request.set_force(Below(3) == 0);
        return Sent(server.Unregister(request, kTimeout));
      }
      case 3: {
        v1::CordonRequest request;
        request.set_region(AnyOf(regions_));
        request.set_uncordon(Below(3) != 0);
        return Sent(server.Cordon(request, kTimeout));
      }
      case 4: {
        v1::RegisterGroupRequest request;
        request.set_name(AnyOf(groups_));
        if (Below(2) == 0) request.set_parent(AnyOf(groups_));
        return Sent(server.RegisterGroup(request, kTimeout));
      }
      case 5: {
        v1::UnregisterGroupRequest request;
        request.set_name(AnyOf(groups_));
        return Sent(server.UnregisterGroup(request, kTimeout));
      }
      case 6: {
        v1::CreateCgroupRequest request;
        request.set_path(AnyOf(cgroups_));
        if (Below(2) == 0) request.set_priority(Below(9) - 4);
        return Sent(server.CreateCgroup(request, kTimeout));
      }
      case 7: {
        v1::DeleteCgroupRequest request;
        request.set_path(AnyOf(cgroups_));
        return Sent(server.DeleteCgroup(request, kTimeout));
      }
      case 8:
      case 9:
        return Sent(server.SetLimits(Limits(), kTimeout));
      case 10: {
        v1::WriteFileRequest request;
        request.set_cgroup(AnyOf(cgroups_));
        request.set_file(AnyOf({"dmem.min", "dmem.low", "dmem.max"}));
        request.set_text(absl::StrCat(AnyOf(regions_), " ", Below(20), "G"));
        return Sent(server.WriteFile(request, kTimeout));
      }
      case 11: {
        v1::BatchChargeRequest request;
        for (int i = Below(5); i >= 0; --i) *request.add_charges() = Charge();
        return Sent(server.BatchCharge(request, kTimeout));
      }
      case 12:
      case 13:
      case 14: {
        v1::UnchargeRequest request;
        request.add_charge_ids(AnyId());
        return Sent(server.Uncharge(request, kTimeout));
      }
      case 15:
      case 16: {
        v1::ResizeRequest request;
        v1::ResizeItem* item = request.add_items();
        item->set_charge_id(AnyId());
        item->set_cgroup(AnyOf(cgroups_));
        item->set_region(AnyOf(regions_));
        item->set_bytes(Below(4) * kUnit);
        if (Below(4) == 0) request.set_mode(v1::CHARGE_MODE_FORCE);
        return Sent(server.Resize(request, kTimeout));
      }
      default:
        return Sent(server.Charge(Charge(), kTimeout));
    }
  }

  int granted() const { return granted_; }

 private:
  static constexpr absl::Duration kTimeout = absl::Seconds(60);

  int Below(int bound) { return std::uniform_int_distribution<int>(0, bound - 1)(random_); }
  const std::string& AnyOf(const std::vector<std::string>& names) {
    return names[Below(static_cast<int>(names.size()))];
  }
  std::string AnyId() { return ids_.empty() ? absl::StrCat("c", Below(99)) : AnyOf(ids_); }

  v1::RegisterRequest Register() {
    v1::RegisterRequest request;
    v1::Region* region = request.mutable_region();
    region->set_name(absl::StrCat("r", Below(5)));
    region->set_capacity_bytes((1 + Below(40)) * kUnit);
    if (Below(3) == 0) region->set_reserved_bytes(kUnit / 2);
    if (Below(4) == 0) region->set_grantable_bytes(Below(60) * kUnit);
    if (Below(3) != 0) region->set_parent(AnyOf(groups_));
    if (Below(8) == 0) ++incarnation_;
    region->set_incarnation(incarnation_);
    region->set_cordoned(Below(5) == 0);
    region->mutable_attributes()->set_model(absl::StrCat("model-", Below(3)));
    return request;
  }

  v1::SetLimitsRequest Limits() {
    v1::SetLimitsRequest request;
    v1::LimitsUpdate* update = request.add_updates();
    update->set_cgroup(AnyOf(cgroups_));
    update->set_region(Below(3) == 0 ? AnyOf(groups_) : AnyOf(regions_));
    if (Below(2) == 0) update->set_min_bytes(Below(8) * kUnit);
    if (Below(2) == 0) update->set_low_bytes(Below(8) * kUnit);
    if (Below(2) == 0) update->set_max_bytes(Below(30) * kUnit);
    if (Below(3) == 0) update->set_enforcement(v1::ENFORCEMENT_OBSERVE);
    if (Below(2) == 0) request.set_below_usage(v1::BELOW_USAGE_POLICY_APPLY);
    return request;
  }

  v1::ChargeRequest Charge() {
    v1::ChargeRequest request;
    const absl::Time now = absl::Now();
    if (Below(5) != 0) {
      request.set_charge_id(absl::StrCat("c", next_id_++));
      request.mutable_created_at()->set_seconds(absl::ToUnixSeconds(now));
      ids_.push_back(request.charge_id());
    }
    for (int i = Below(3); i >= 0; --i) {
      v1::ChargeItem* item = request.add_items();
      item->set_cgroup(AnyOf(cgroups_));
      item->set_region(AnyOf(regions_));
      item->set_bytes(Below(3 * kUnit / (1 << 10)) * uint64_t{1 << 10});
    }
    if (Below(8) == 0) request.set_mode(v1::CHARGE_MODE_FORCE);
    if (Below(4) == 0) request.set_priority(Below(5));
    if (Below(4) == 0) (*request.mutable_labels())["app"] = "train";
    request.mutable_owner()->set_name("pod");
    return request;
  }

  template <typename Response>
  void Sent(const absl::StatusOr<Response>& answer) {
    if (answer.ok()) {
      ++granted_;
      return;
    }
    const std::string reason = client::FactsOf(answer.status()).reason;
    EXPECT_FALSE(reason.empty() || absl::IsInternal(answer.status()) ||
                 absl::IsUnavailable(answer.status()))
        << answer.status();
  }

  std::mt19937_64 random_;
  const std::vector<std::string> groups_ = {"g0", "g1", "g2", "g3"};
  std::vector<std::string> cgroups_;
  std::vector<std::string> regions_;
  std::vector<std::string> ids_;
  uint64_t next_id_ = 1;
  uint64_t incarnation_ = 1;
  int granted_ = 0;
};

template <typename Message>
void ExpectSame(const std::map<std::string, Message>& before,
                const std::map<std::string, Message>& after) {
  EXPECT_EQ(before.size(), after.size());
  for (const auto& [name, message] : before) {
    const auto it = after.find(name);
    ASSERT_NE(it, after.end()) << name << " is gone";
    EXPECT_TRUE(MessageDifferencer::Equals(message, it->second))
        << "before: " << message.ShortDebugString() << "\nafter: " << it->second.ShortDebugString();
  }
}

void ExpectSame(const Observation& before, const Observation& after) {
  EXPECT_TRUE(MessageDifferencer::Equals(before.check, after.check))
      << "before: " << before.check.ShortDebugString()
      << "\nafter: " << after.check.ShortDebugString();
  EXPECT_EQ(after.check.violations_total(), 0u);
  ExpectSame(before.charges, after.charges);
  ExpectSame(before.regions, after.regions);
  ExpectSame(before.groups, after.groups);
  ExpectSame(before.cgroups, after.cgroups);
  EXPECT_EQ(before.pools.size(), after.pools.size());
  for (auto [key, pool] : before.pools) {
    const auto it = after.pools.find(key);
    ASSERT_NE(it, after.pools.end()) << key.first << " in " << key.second << " is gone";
    v1::Pool now = it->second;
    pool.clear_byte_seconds();  // Goes on with the time.
    now.clear_byte_seconds();
    EXPECT_TRUE(MessageDifferencer::Equals(pool, now))
        << "before: " << pool.ShortDebugString() << "\nafter: " << now.ShortDebugString();
  }
}

TEST(ChurnTest, EveryKindOfCommandIsRecoveredToTheVerySameState) {
  constexpr int kKills = 12;
  const auto seed = static_cast<uint64_t>(absl::GetCurrentTimeNanos());
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  Churn churn(seed);
  std::mt19937_64 seeds(seed + 1);
  server::TempDirectory directory;
  DmemdProcess::Options options;
  options.data_dir = directory.path() + "/data";
  Observation before;
  uint64_t dying = 0;
  uint64_t gone = 0;
  uint64_t charges = 0;
  for (int kill = 0; kill <= kKills; ++kill) {
    // Some lives make checkpoints all the time, some none.
    options.flags = {absl::StrCat("--checkpoint-interval=", seeds() % 3 == 0 ? "3600" : "0.03")};
    auto process = DmemdProcess::Start(options);
    ASSERT_TRUE(process.ok()) << process.status();
    const std::shared_ptr<client::Connection> connection =
        client::MakeGrpcConnection((*process)->grpc_address());
    client::Client client(connection);
    absl::StatusOr<Observation> observed = Observe(client);
    ASSERT_TRUE(observed.ok()) << observed.status();
    if (kill > 0) ExpectSame(before, *observed);
    if (kill == kKills || ::testing::Test::HasFailure()) break;
    for (int slice = 0; slice < 5; ++slice) {
      churn.Know(*observed);
      for (int i = 0; i < 100; ++i) churn.Step(*connection);
      observed = Observe(client);
      ASSERT_TRUE(observed.ok()) << observed.status();
    }
    before = *std::move(observed);
    charges += before.charges.size();
    for (const auto& [path, cgroup] : before.cgroups) {
      if (cgroup.state() == v1::CGROUP_STATE_DYING) ++dying;
    }
    for (const auto& [name, region] : before.regions) {
      if (region.state() == v1::REGION_STATE_GONE) ++gone;
    }
    (*process)->Kill();
  }
  std::printf(
      "%d commands had an effect; over %d kills %d charges, %d dying cgroups, %d gone regions\n",
      churn.granted(), kKills, static_cast<int>(charges), static_cast<int>(dying),
      static_cast<int>(gone));
  // Else it was a comparison of empty states.
  EXPECT_GT(charges, 20u);
  EXPECT_GT(dying, 0u);
  EXPECT_GT(gone, 0u);
}

}  // namespace
}  // namespace dmem::crash
