// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// EvictCandidates.

#include <string>

#include "core/errors.h"
#include "core/eviction.h"
#include "server/read.h"

namespace dmem::server {

namespace {

// With room in the message for what is around it.
constexpr size_t kPlanBytesMax = (4 << 20) - 65536;

IgnoreLow IgnoreLowOf(v1::IgnoreLow mode) {
  switch (mode) {
    case v1::IGNORE_LOW_NEVER:
      return IgnoreLow::kNever;
    case v1::IGNORE_LOW_ALWAYS:
      return IgnoreLow::kAlways;
    default:
      return IgnoreLow::kAuto;
  }
}

std::string ChargeIdOf(const State& state, Index charge) {
  return std::string(state.charges[charge].id.view());
}

void RenderVictim(const State& state, const Victim& victim, v1::Victim* added) {
  const PoolRecord& pool = state.pools[victim.pool];
  added->set_cgroup(state.CgroupName(pool.cgroup));
  added->set_cgroup_id(state.cgroups[pool.cgroup].id);
  added->set_region(state.RegionName(pool.region));
  added->set_tier(static_cast<uint32_t>(victim.tier));
  added->set_priority(victim.priority);
  added->set_evict_bytes(victim.evict.value());
  added->set_own_bytes(pool.own.value());
  added->set_usage_bytes(victim.usage.value());
  added->set_emin_bytes(victim.emin.value());
  added->set_elow_bytes(victim.elow.value());
  for (const EvictCharge& charge : victim.charges) {
    v1::EvictCharge* listed = added->add_charges();
    listed->set_charge_id(ChargeIdOf(state, charge.charge));
    listed->set_bytes(charge.bytes.value());
    listed->set_evict_bytes(charge.evict.value());
  }
}

}  // namespace

absl::Status Read(const State& state, int64_t, const v1::EvictCandidatesRequest& request,
                  v1::EvictCandidatesResponse* response) {
  EvictRequest evict;
  evict.region = state.FindRegion(request.region());
  if (evict.region == kNone) return RegionNotFound(request.region());
  if (!request.limit_cgroup().empty()) {
    evict.limit = state.FindCgroup(request.limit_cgroup());
    if (evict.limit == kNone) return CgroupNotFound(request.limit_cgroup());
  }
  evict.bytes_needed = ByteCount(request.bytes_needed());
  evict.ignore_low = IgnoreLowOf(request.ignore_low());
  evict.list_charges = request.list_charges() || request.whole_charges();
  evict.whole_charges = request.whole_charges();
  const EvictPlan plan = EvictCandidates(state, evict);
  size_t bytes = 0;
  for (const Victim& victim : plan.victims) {
    v1::Victim* added = response->add_victims();
    RenderVictim(state, victim, added);
    bytes += added->ByteSizeLong() + 8;
    // Half a plan would mislead.
    if (bytes > kPlanBytesMax) return TooMany("bytes of victims in the plan", kPlanBytesMax);
  }
  response->set_total_bytes(plan.total.value());
  response->set_satisfied(plan.satisfied);
  response->set_hit_low(plan.hit_low);
  for (const BlockedBy& blocked : plan.blocked_by) {
    v1::BlockedBy* added = response->add_blocked_by();
    added->set_region(state.RegionName(state.pools[blocked.pool].region));
    added->set_cgroup(state.CgroupName(state.pools[blocked.pool].cgroup));
    added->set_protected_bytes(blocked.protection.value());
    added->set_usage_bytes(blocked.usage.value());
    added->set_by_min(blocked.by_min);
  }
  response->set_sequence(state.scalars.sequence);
  return absl::OkStatus();
}

}  // namespace dmem::server
