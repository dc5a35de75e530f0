// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// FindHeadroom over 2,000 regions and 100,000 cgroups' pools in them, as many more in the groups.

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"
#include "core/headroom.h"
#include "core/ledger.h"

namespace dmem {
namespace {

ByteCount Gib(uint64_t n) { return ByteCount(n << 30); }

// cluster > 10 racks > 25 nodes each > 8 regions of 80 GiB. 100,000 jobs /tenant-T/job-J of a GiB.
std::unique_ptr<Ledger> MakeLedger() {
  auto ledger = std::make_unique<Ledger>();
  const absl::Time time = absl::FromUnixSeconds(1800000000);
  DMEM_CHECK(ledger->RegisterGroup({time, "cluster", ""}).ok());
  std::vector<std::string> regions;
  for (int rack = 0; rack < 10; ++rack) {
    const std::string group = absl::StrCat("rack-", rack);
    DMEM_CHECK(ledger->RegisterGroup({time, group, "cluster"}).ok());
    for (int node = 0; node < 25; ++node) {
      for (int gpu = 0; gpu < 8; ++gpu) {
        const std::string node_name = absl::StrCat("node-", rack, "-", node);
        regions.push_back(absl::StrCat(node_name, "/gpu", gpu));
        RegisterCommand command;
        command.time = time;
        command.name = regions.back();
        command.capacity = Gib(80);
        command.node = node_name;
        command.parent = group;
        DMEM_CHECK(ledger->Register(command).ok());
      }
    }
  }
  for (int i = 0; i < 100000; ++i) {
    const std::string id = absl::StrCat(i);
    const std::string job = absl::StrCat("/tenant-", i % 50, "/job-", i);
    const ChargeItemSpec item = {job, regions[i * 7 % regions.size()], Gib(1), absl::nullopt};
    ChargeCommand command;
    command.time = time;
    command.charge_id = id;
    command.created_at = time;
    command.items = absl::MakeConstSpan(&item, 1);
    DMEM_CHECK(ledger->Charge(command).ok());
  }
  LimitsUpdate update;
  update.cgroup = "/tenant-7";
  update.region = "cluster";
  update.max = Gib(20000);
  SetLimitsCommand limits;
  limits.time = time;
  limits.updates = absl::MakeConstSpan(&update, 1);
  DMEM_CHECK(ledger->SetLimits(limits).ok());
  return ledger;
}

void FindFor(benchmark::State& bench, uint32_t items, ByteCount bytes, bool same_node) {
  static const Ledger* const ledger = MakeLedger().release();
  const State& state = ledger->state();
  HeadroomRequest request;
  request.cgroup = *FindNearestCgroup(state, "/tenant-7/job-new");
  request.region = state.FindRegion("cluster");
  request.items = items;
  request.bytes = bytes;
  request.same_node = same_node;
  uint64_t count = 0;
  while (bench.KeepRunning()) count = FindHeadroom(state, request).count;
  bench.SetLabel(absl::StrCat(state.pools.size(), " pools, ", count, " fit"));
}

#define HEADROOM_BENCHMARK(name, items, bytes, same_node)                         \
  void name(benchmark::State& bench) { FindFor(bench, items, bytes, same_node); } \
  BENCHMARK(name)->Unit(benchmark::kMicrosecond)

HEADROOM_BENCHMARK(BM_Single_10GiB, 1, Gib(10), false);
HEADROOM_BENCHMARK(BM_Single_1B, 1, ByteCount(1), false);
HEADROOM_BENCHMARK(BM_Gang_8x30GiB, 8, Gib(30), false);
HEADROOM_BENCHMARK(BM_Gang_8x30GiB_SameNode, 8, Gib(30), true);
HEADROOM_BENCHMARK(BM_Gang_8x80GiB_SameNode_NoneFits, 8, Gib(80), true);

}  // namespace
}  // namespace dmem

BENCHMARK_MAIN();
