// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Sends a dmemd commands at random, of all kinds that change what is held or measured:
//   churn HOST:PORT SEED COMMANDS FIRST
// FIRST is in the ids of its charges, so that a later run makes other ids.

#include <cstdint>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/client.h"
#include "client/grpc_connection.h"

namespace dmem::client {
namespace {

constexpr const char* kCgroups[] = {"/a", "/a/b", "/c", "/c/d/e", "/f"};
constexpr const char* kRegions[] = {"n1/gpu0", "n1/gpu1", "n2/gpu0", "n3/gpu0"};
constexpr const char* kGroups[] = {"g", "h"};
constexpr const char* kOwners[] = {"job-1", "job-2", "job-3"};

class Churn {
 public:
  Churn(const std::string& server, uint32_t seed, const std::string& first)
      : client_(MakeGrpcConnection(server, "churn")), dice_(seed), first_(first) {}

  // cluster ← g ← n1/gpu0, n1/gpu1; cluster ← h ← n2/gpu0; n3/gpu0 stands alone.
  void SetUp() {
    RegisterGroup("cluster", "");
    RegisterGroup("g", "cluster");
    RegisterGroup("h", "cluster");
    Register("n1/gpu0", "g", 1);
    Register("n1/gpu1", "g", 1);
    Register("n2/gpu0", "h", 1);
    Register("n3/gpu0", "", 1);
  }

  void Run(int commands) {
    for (int i = 0; i < commands; ++i) Step(i);
  }

  int granted() const { return granted_; }

 private:
  uint64_t Pick(uint64_t n) { return dice_() % n; }
  template <size_t kSize>
  std::string Any(const char* const (&names)[kSize]) {
    return names[Pick(kSize)];
  }
  // Most refusals are as wanted: what is sent is at random.
  static void Note(const absl::Status& status) {
    if (absl::IsUnavailable(status) || absl::IsInternal(status)) {
      std::cerr << status << std::endl;
      std::exit(1);
    }
  }

  void RegisterGroup(const std::string& name, const std::string& parent) {
    v1::RegisterGroupRequest request;
    request.set_name(name);
    request.set_parent(parent);
    Note(client_.RegisterGroup(request).status());
  }
  void Register(const std::string& name, const std::string& parent, uint64_t incarnation) {
    v1::RegisterRequest request;
    request.mutable_region()->set_name(name);
    request.mutable_region()->set_capacity_bytes(100000);
    request.mutable_region()->set_parent(parent);
    request.mutable_region()->set_incarnation(incarnation);
    Note(client_.Register(request).status());
  }

  std::vector<v1::Charge> Live() {
    const auto list = client_.ListAllCharges({});
    Note(list.status());
    return {list->charges().begin(), list->charges().end()};
  }

  void Charge(int i) {
    v1::ChargeRequest request;
    request.set_charge_id(absl::StrCat("c", first_, "-", i));
    request.mutable_created_at()->set_seconds(absl::ToUnixSeconds(absl::Now()));
    const uint64_t items = 1 + Pick(3);
    const bool is_reservation = Pick(3) == 0;
    for (uint64_t n = 0; n < items; ++n) {
      v1::ChargeItem* item = request.add_items();
      item->set_cgroup(Any(kCgroups));
      item->set_region(is_reservation && Pick(2) == 0 ? Any(kGroups) : Any(kRegions));
      item->set_bytes(Pick(5000));
    }
    if (is_reservation) request.mutable_ttl()->set_seconds(Pick(4) == 0 ? 1 : 3600);
    if (Pick(4) > 0) {
      request.mutable_owner()->set_kind("Pod");
      request.mutable_owner()->set_namespace_("ml, \"quoted\"");
      request.mutable_owner()->set_name(Any(kOwners));
    }
    const absl::Status status = client_.Charge(request).status();
    if (status.ok()) ++granted_;
    Note(status);
  }

  void Commit(const v1::Charge& charge, int i) {
    v1::CommitRequest request;
    request.set_charge_id(charge.charge_id());
    request.set_commit_id(absl::StrCat("m", first_, "-", i));
    for (const v1::ChargeItem& item : charge.items()) {
      if (!item.reserved()) continue;
      v1::Placement* placement = request.add_placements();
      placement->set_cgroup(item.cgroup());
      const std::string region = item.region() == "g"   ? (Pick(2) == 0 ? "n1/gpu0" : "n1/gpu1")
                                 : item.region() == "h" ? "n2/gpu0"
                                                        : item.region();
      placement->set_region(region);
      placement->set_bytes(Pick(item.bytes() + 1));
      if (Pick(2) == 0) break;
    }
    Note(client_.Commit(request).status());
  }

  void Measure(const std::vector<v1::Charge>& live) {
    v1::ReportMeasuredRequest request;
    for (const v1::Charge& charge : live) {
      for (const v1::ChargeItem& item : charge.items()) {
        if (item.reserved() || Pick(2) == 0) continue;
        v1::MeasuredItem* measured = request.add_items();
        measured->set_charge_id(charge.charge_id());
        measured->set_cgroup(item.cgroup());
        measured->set_region(item.region());
        measured->set_measured_bytes(Pick(6000));
      }
    }
    v1::MeasuredItem* unknown = request.add_items();
    unknown->set_charge_id("never-charged");
    unknown->set_cgroup("/a");
    unknown->set_region("n1/gpu0");
    unknown->set_measured_bytes(1);
    Note(client_.ReportMeasured(request).status());
  }

  void Step(int i) {
    const std::vector<v1::Charge> live = Live();
    if (live.empty() || Pick(3) == 0) return Charge(i);
    const v1::Charge& charge = live[Pick(live.size())];
    const v1::ChargeItem& item =
        charge.items(static_cast<int>(Pick(static_cast<uint64_t>(charge.items_size()))));
    switch (Pick(11)) {
      case 0:
      case 1: {
        v1::ResizeRequest request;
        v1::ResizeItem* resize = request.add_items();
        resize->set_charge_id(charge.charge_id());
        resize->set_cgroup(item.cgroup());
        resize->set_region(item.region());
        resize->set_bytes(Pick(5000));
        return Note(client_.Resize(request).status());
      }
      case 2: {
        v1::UnchargeRequest request;
        request.add_charge_ids(charge.charge_id());
        return Note(client_.Uncharge(request).status());
      }
      case 3:
      case 4:
        return Commit(charge, i);
      case 5: {
        v1::CancelRequest request;
        request.set_charge_id(charge.charge_id());
        return Note(client_.Cancel(request).status());
      }
      case 6:
      case 7:
        return Measure(live);
      case 8: {
        v1::MoveChargeRequest request;
        request.set_charge_id(charge.charge_id());
        request.set_from_cgroup(item.cgroup());
        request.set_to_cgroup(Any(kCgroups));
        return Note(client_.MoveCharge(request).status());
      }
      case 9: {
        v1::DeleteCgroupRequest request;
        request.set_path(Any(kCgroups));
        return Note(client_.DeleteCgroup(request).status());
      }
      default:
        break;
    }
    // A device is swapped, or goes for good and comes back as another, in another group perhaps.
    const std::string region = Any(kRegions);
    if (Pick(2) == 0) {
      return Register(region,
                      region[1] == '1'   ? "g"
                      : region[1] == '2' ? "h"
                                         : "",
                      static_cast<uint64_t>(absl::ToUnixMicros(absl::Now())));
    }
    v1::UnregisterRequest request;
    request.set_region(region);
    request.set_force(Pick(2) == 0);
    Note(client_.Unregister(request).status());
    Register(region, region[1] == '3' && Pick(2) == 0 ? "h" : region[1] == '1' ? "g" : "", 1);
  }

  Client client_;
  std::mt19937_64 dice_;
  const std::string first_;
  int granted_ = 0;
};

}  // namespace
}  // namespace dmem::client

int main(int argc, char** argv) {
  uint32_t seed = 0;
  int calls = 0;
  if (argc != 5 || !absl::SimpleAtoi(argv[2], &seed) || !absl::SimpleAtoi(argv[3], &calls))
    return 2;
  dmem::client::Churn churn(argv[1], seed, argv[4]);
  churn.SetUp();
  churn.Run(calls);
  std::cout << churn.granted() << std::endl;
  return churn.granted() > 0 ? 0 : 1;
}
