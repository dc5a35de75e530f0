// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// EvictCandidates over 100,000 pools: the bar is 50 ms. Each benchmark says what makes it hard.

#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "benchmark/benchmark.h"
#include "core/check.h"
#include "core/eviction.h"
#include "core/ledger.h"

namespace dmem {
namespace {

struct Shape {
  bool groups = false;      // 100 regions in "cluster" with 1,000 pools each, else one region.
  bool protection = false;  // min and low on tenants and jobs.
  bool equal = false;       // All jobs of one size, so that names decide the order.
};

ByteCount Gib(uint64_t n) { return ByteCount(n << 30); }

void SetLimits(Ledger* ledger, const std::string& cgroup, const std::string& region, ByteCount min,
               ByteCount low) {
  LimitsUpdate update;
  update.cgroup = cgroup;
  update.region = region;
  update.min = min;
  update.low = low;
  SetLimitsCommand command;
  command.time = absl::FromUnixSeconds(1800000000);
  command.updates = absl::MakeConstSpan(&update, 1);
  DMEM_CHECK(ledger->SetLimits(command).ok());
}

// /tenant-T/team-U/job-J, 100,000 jobs with a charge each.
std::unique_ptr<Ledger> MakeLedger(const Shape& shape) {
  auto ledger = std::make_unique<Ledger>();
  const absl::Time time = absl::FromUnixSeconds(1800000000);
  RegisterGroupCommand group;
  group.time = time;
  group.name = "cluster";
  DMEM_CHECK(ledger->RegisterGroup(group).ok());
  const int regions = shape.groups ? 100 : 1;
  for (int r = 0; r < regions; ++r) {
    const std::string name = absl::StrCat("gpu", r);
    RegisterCommand command;
    command.time = time;
    command.name = name;
    command.capacity = Gib(80);
    command.grantable = kUnlimited;
    if (shape.groups) command.parent = "cluster";
    DMEM_CHECK(ledger->Register(command).ok());
  }
  const std::string level = shape.groups ? "cluster" : "gpu0";
  for (int i = 0; i < 100000; ++i) {
    const std::string tenant = absl::StrCat("/tenant-", i % 50);
    const std::string job = absl::StrCat(tenant, "/team-", i % 1000, "/job-", i);
    const std::string region = absl::StrCat("gpu", i % regions);
    ChargeItemSpec item;
    item.cgroup = job;
    item.region = region;
    item.bytes = shape.equal ? Gib(8) : ByteCount((uint64_t{1} << 30) + i * uint64_t{40961} % 997);
    const std::string id = absl::StrCat(i);
    ChargeCommand command;
    command.time = time;
    command.charge_id = id;
    command.created_at = time;
    command.items = absl::MakeConstSpan(&item, 1);
    DMEM_CHECK(ledger->Charge(command).ok());
    if (!shape.protection) continue;
    if (i < 50) SetLimits(ledger.get(), tenant, level, Gib(700), Gib(1500));
    if (i % 3 == 0) SetLimits(ledger.get(), job, region, ByteCount(1 << 29), Gib(1));
  }
  return ledger;
}

void PlanFor(benchmark::State& bench, const Shape& shape, ByteCount needed) {
  const std::unique_ptr<Ledger> ledger = MakeLedger(shape);
  EvictRequest request;
  request.region = ledger->state().FindRegion(shape.groups ? "cluster" : "gpu0");
  request.bytes_needed = needed;
  size_t victims = 0;
  while (bench.KeepRunning()) victims = EvictCandidates(ledger->state(), request).victims.size();
  bench.SetLabel(absl::StrCat(victims, " victims"));
}

#define PLAN_BENCHMARK(name, shape, needed)                                   \
  void name(benchmark::State& bench) { PlanFor(bench, Shape shape, needed); } \
  BENCHMARK(name)->Unit(benchmark::kMillisecond)

PLAN_BENCHMARK(BM_OneRegion_80GiB, ({false, false, false}), Gib(80));
PLAN_BENCHMARK(BM_OneRegion_80GiB_EqualSizes, ({false, false, true}), Gib(80));
PLAN_BENCHMARK(BM_OneRegion_80GiB_Protected, ({false, true, false}), Gib(80));
PLAN_BENCHMARK(BM_OneRegion_All, ({false, false, false}), kUnlimited);
PLAN_BENCHMARK(BM_OneRegion_All_EqualSizes, ({false, false, true}), kUnlimited);
PLAN_BENCHMARK(BM_OneRegion_All_Protected, ({false, true, false}), kUnlimited);
PLAN_BENCHMARK(BM_Cluster_80GiB_Protected, ({true, true, false}), Gib(80));
PLAN_BENCHMARK(BM_Cluster_All_Protected, ({true, true, true}), kUnlimited);

}  // namespace
}  // namespace dmem

BENCHMARK_MAIN();
