// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// populate: pools and live charges on a dmemd, made by charges to cgroups of their own: 4 regions
// to a cgroup, below 1,000 tenants, names as long as a UUID.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/load/target.h"

namespace dmem::bench {
namespace {

constexpr uint64_t kTenants = 1000;
constexpr uint64_t kBatchCharges = 1000;

struct Flags {
  std::string server;
  uint64_t first_pool = 0;
  uint64_t pools = 1000;
  uint64_t charges_per_pool = 1;
  uint64_t regions = 64;
  uint64_t regions_per_cgroup = 4;
  uint64_t bytes = 1 << 20;
};

std::string RegionName(uint64_t i) { return absl::StrFormat("populated-%02d", i); }

void FillItem(const Flags& flags, uint64_t pool, v1::ChargeItem* item) {
  const uint64_t cgroup = pool / flags.regions_per_cgroup;
  item->set_cgroup(absl::StrFormat("/tenant-%04d/%036d", cgroup % kTenants, cgroup));
  item->set_region(RegionName((cgroup * 7 + pool % flags.regions_per_cgroup * 13) % flags.regions));
  item->set_bytes(flags.bytes);
}

int Main(const Flags& flags) {
  const Target target(flags.server, 1);
  for (uint64_t i = 0; i < flags.regions; ++i) {
    v1::RegisterRequest request;
    request.mutable_region()->set_name(RegionName(i));
    request.mutable_region()->set_capacity_bytes(uint64_t{1} << 50);
    Send("register", [&](grpc::ClientContext* context) {
      v1::RegisterResponse response;
      return target.stub(0)->Register(context, request, &response);
    });
  }
  const ChargeNumbers run;  // For ids that an earlier run has not used.
  const uint64_t total = flags.pools * flags.charges_per_pool;
  for (uint64_t done = 0; done < total;) {
    v1::BatchChargeRequest request;
    for (uint64_t i = 0; i < kBatchCharges && done < total; ++i, ++done) {
      v1::ChargeRequest* const charge = request.add_charges();
      const uint64_t pool = flags.first_pool + done % flags.pools;
      charge->set_charge_id(absl::StrCat(run.IdOf(pool), "-", done / flags.pools));
      StampNow(charge);
      FillItem(flags, pool, charge->add_items());
    }
    v1::BatchChargeResponse response;
    Send("charge", [&](grpc::ClientContext* context) {
      return target.stub(0)->BatchCharge(context, request, &response);
    });
    for (const v1::BatchChargeResult& result : response.results()) {
      if (result.has_error()) Die(absl::StrCat("charge: ", result.error().message()));
    }
  }
  std::printf("{\"pools\": %llu, \"charges\": %llu}\n",
              static_cast<unsigned long long>(flags.pools), static_cast<unsigned long long>(total));
  return 0;
}

}  // namespace
}  // namespace dmem::bench

int main(int argc, char** argv) {
  dmem::bench::Flags flags;
  CLI::App app("populate: pools and live charges on a dmemd; one JSON object");
  app.add_option("--server", flags.server, "HOST:PORT")->required();
  app.add_option("--first-pool", flags.first_pool, "Number of the first pool");
  app.add_option("--pools", flags.pools, "Pools to charge to")->check(CLI::PositiveNumber);
  app.add_option("--charges-per-pool", flags.charges_per_pool, "Charges to each")
      ->check(CLI::PositiveNumber);
  app.add_option("--regions", flags.regions, "Regions")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--regions-per-cgroup", flags.regions_per_cgroup, "Pools of each cgroup")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--bytes", flags.bytes, "Of each charge")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return dmem::bench::Main(flags);
}
