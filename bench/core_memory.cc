// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// core_memory: bytes of heap that a Ledger takes for each pool and for each live charge, malloc's
// own overhead included: cgroups of 4 pools each, below 1,000 tenants, keys of 36 bytes.

#include <malloc.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "core/check.h"
#include "core/ledger.h"

namespace dmem {
namespace {

constexpr int kRegions = 64;
constexpr int kTenants = 1000;
constexpr int kCgroups = 250000;
constexpr int kPoolsPerCgroup = 4;
constexpr int kCharges = 1000000;

size_t HeapBytes() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

absl::Time Now(int command) { return absl::FromUnixMicros(1800000000000000 + command); }

std::string RegionName(int i) { return absl::StrFormat("node-%02d/drm/0000:03:00.0/vram0", i); }
std::string TenantPath(int i) { return absl::StrFormat("/tenant-%04d", i % kTenants); }
std::string CgroupPath(int i) {
  return absl::StrFormat("%s/%036d", TenantPath(i), i);  // As long as a UUID.
}
int RegionOf(int cgroup, int pool) { return (cgroup * 7 + pool * 13) % kRegions; }

void MakeRegionsAndTenants(Ledger* ledger) {
  for (int i = 0; i < kRegions; ++i) {
    const std::string name = RegionName(i);
    RegisterCommand command;
    command.time = Now(0);
    command.name = name;
    command.capacity = ByteCount(uint64_t{1} << 50);
    DMEM_CHECK(ledger->Register(command).ok());
  }
  for (int i = 0; i < kTenants; ++i) {
    DMEM_CHECK(ledger->CreateCgroup({Now(0), TenantPath(i), absl::nullopt}).ok());
    // The tenants' own pools are not what is counted.
    for (int r = 0; r < kRegions; ++r) {
      const std::string path = TenantPath(i), region = RegionName(r);
      LimitsUpdate update;
      update.cgroup = path;
      update.region = region;
      update.low = ByteCount(1);
      DMEM_CHECK(ledger->SetLimits({Now(0), absl::MakeConstSpan(&update, 1), false, false}).ok());
    }
  }
}

void MakePools(Ledger* ledger) {
  for (int i = 0; i < kCgroups; ++i) {
    const std::string path = CgroupPath(i);
    DMEM_CHECK(ledger->CreateCgroup({Now(1), path, absl::nullopt}).ok());
    std::string regions[kPoolsPerCgroup];
    std::vector<LimitsUpdate> updates(kPoolsPerCgroup);
    for (int p = 0; p < kPoolsPerCgroup; ++p) {
      regions[p] = RegionName(RegionOf(i, p));
      updates[p].cgroup = path;
      updates[p].region = regions[p];
      updates[p].max = ByteCount(uint64_t{1} << 40);
    }
    DMEM_CHECK(ledger->SetLimits({Now(1), updates, false, false}).ok());
  }
}

void MakeCharges(Ledger* ledger) {
  for (int i = 0; i < kCharges; ++i) {
    const int cgroup = i % kCgroups;
    const std::string id = absl::StrFormat("%036d", i), path = CgroupPath(cgroup),
                      region = RegionName(RegionOf(cgroup, (i / kCgroups) % kPoolsPerCgroup));
    const ChargeItemSpec item = {path, region, ByteCount(1 << 20), absl::nullopt};
    ChargeCommand command;
    command.time = Now(2);
    command.charge_id = id;
    command.created_at = Now(2);
    command.items = absl::MakeConstSpan(&item, 1);
    DMEM_CHECK(ledger->Charge(command).ok());
  }
}

int Main() {
  Ledger ledger;
  MakeRegionsAndTenants(&ledger);
  const size_t empty = HeapBytes();
  const uint64_t pools_before = ledger.state().scalars.pools;
  MakePools(&ledger);
  const size_t with_pools = HeapBytes();
  const uint64_t pools = ledger.state().scalars.pools - pools_before;
  MakeCharges(&ledger);
  const size_t with_charges = HeapBytes();
  DMEM_CHECK(ledger.state().scalars.pools - pools_before == pools);
  std::printf("%-36s %12s %18s\n", "", "count", "bytes of heap each");
  std::printf("%-36s %12llu %18.1f\n", "pools, their cgroups included",
              static_cast<unsigned long long>(pools),
              static_cast<double>(with_pools - empty) / static_cast<double>(pools));
  std::printf("%-36s %12d %18.1f\n", "live charges of one item", kCharges,
              static_cast<double>(with_charges - with_pools) / kCharges);
  std::printf("records: region %zu, cgroup %zu, pool %zu, charge %zu, item %zu, tombstone %zu\n",
              sizeof(RegionRecord), sizeof(CgroupRecord), sizeof(PoolRecord), sizeof(ChargeRecord),
              sizeof(ItemRecord), sizeof(TombstoneRecord));
  return 0;
}

}  // namespace
}  // namespace dmem

int main() { return dmem::Main(); }
