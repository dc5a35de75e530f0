// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// core_bench: a charge and its uncharge in one region without groups, by depth (counters walked, 1:
// the root only), against a plain loop over the same number of counters.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "benchmark/benchmark.h"
#include "core/check.h"
#include "core/deadlines.h"
#include "core/ledger.h"
#include "core/pool_walk.h"
#include "core/state_editor.h"

namespace dmem {
namespace {

constexpr uint64_t kBytes = 4096;
constexpr int64_t kStartMicros = 1800000000000000;

std::string PathOfDepth(int counters) {
  std::string path = counters == 1 ? "/" : "";
  for (int i = 1; i < counters; ++i) absl::StrAppend(&path, "/c", i);
  return path;
}

// What the least must do: add, compare and note the peak at each level, then take off again.
void ReferenceLoop(benchmark::State& bench) {
  struct Counter {
    uint64_t usage = 0, peak = 0, max = uint64_t{1} << 40;
    Counter* parent = nullptr;
  };
  std::vector<Counter> counters(static_cast<size_t>(bench.range(0)));
  for (size_t i = 0; i + 1 < counters.size(); ++i) counters[i].parent = &counters[i + 1];
  for (auto _ : bench) {
    static_cast<void>(_);
    for (Counter* c = &counters[0]; c != nullptr; c = c->parent) {
      const uint64_t sum = c->usage + kBytes;
      if (sum > c->max) break;
      c->usage = sum;
      if (sum > c->peak) c->peak = sum;
    }
    benchmark::ClobberMemory();
    for (Counter* c = &counters[0]; c != nullptr; c = c->parent) c->usage -= kBytes;
    benchmark::ClobberMemory();
  }
}
BENCHMARK(ReferenceLoop)->Arg(1)->Arg(2)->Arg(4)->Arg(8);

// The walk and the counters alone: names, ids and records are resolved and kept.
void ResolvedChargeUncharge(benchmark::State& bench) {
  SnapshotEpochs epochs;
  State state(&epochs);
  CgroupRecord root;
  root.is_used = true;
  state.cgroups.Append(root);
  Changes changes;
  Deadlines deadlines;
  StateEditor edit(&state, &epochs, &changes, &deadlines);
  const Index region = edit.AddRegion(1, "r", /*is_group=*/false);
  Index cgroup = kRootCgroup;
  for (int i = 1; i < bench.range(0); ++i)
    cgroup = edit.AddCgroup(static_cast<uint64_t>(i), cgroup, absl::StrCat("c", i), false);
  const Index pool = edit.EnsurePool(cgroup, region);
  const PoolWalk walk(&state, pool);
  const ByteCount bytes(kBytes);
  int64_t time_us = kStartMicros;
  for (auto _ : bench) {
    static_cast<void>(_);
    ++time_us;
    DMEM_CHECK(edit.AddUsageIfRoom(walk, bytes, time_us));
    benchmark::ClobberMemory();
    edit.SubtractUsage(walk, bytes, time_us);
    benchmark::ClobberMemory();
  }
  edit.RemoveRegion(region);
}
BENCHMARK(ResolvedChargeUncharge)->Arg(1)->Arg(2)->Arg(4)->Arg(8);

// The two commands whole: names looked up, id, fingerprint, records, tombstone.
void ChargeUncharge(benchmark::State& bench, bool keep_changes) {
  Ledger ledger;
  ledger.KeepChanges(keep_changes);
  RegisterCommand region;
  region.time = absl::FromUnixMicros(kStartMicros);
  region.name = "r";
  region.capacity = ByteCount(uint64_t{1} << 50);
  DMEM_CHECK(ledger.Register(region).ok());
  for (int i = 2; i <= bench.range(0); ++i)
    DMEM_CHECK(ledger.CreateCgroup({region.time, PathOfDepth(i), absl::nullopt}).ok());
  Settings settings;
  settings.tombstones_max = 100000;
  ledger.Configure({region.time, settings});
  const std::string path = PathOfDepth(static_cast<int>(bench.range(0)));
  const ChargeItemSpec item = {path, "r", ByteCount(kBytes), absl::nullopt};
  uint64_t n = 0;
  for (auto _ : bench) {
    static_cast<void>(_);
    const std::string id = absl::StrCat("charge-", ++n);
    const absl::string_view ids[] = {id};
    ChargeCommand charge;
    charge.time = absl::FromUnixMicros(kStartMicros + static_cast<int64_t>(n));
    charge.charge_id = id;
    charge.created_at = charge.time;
    charge.items = absl::MakeConstSpan(&item, 1);
    DMEM_CHECK(ledger.Charge(charge).ok());
    DMEM_CHECK(ledger.Uncharge({charge.time, ids}).ok());
  }
}
void LedgerChargeUncharge(benchmark::State& bench) { ChargeUncharge(bench, false); }
BENCHMARK(LedgerChargeUncharge)->Arg(1)->Arg(2)->Arg(4)->Arg(8);

// With their changes told, as a server has it.
void LedgerChargeUnchargeTold(benchmark::State& bench) { ChargeUncharge(bench, true); }
BENCHMARK(LedgerChargeUnchargeTold)->Arg(1)->Arg(2)->Arg(4)->Arg(8);

}  // namespace
}  // namespace dmem

BENCHMARK_MAIN();
