// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The evict plan: which pools could give how many bytes, in which order.

#ifndef CORE_EVICTION_H_
#define CORE_EVICTION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/byte_count.h"
#include "core/state.h"

namespace dmem {

enum class IgnoreLow { kAuto, kNever, kAlways };

struct EvictRequest {
  Index limit =
      kNone;  // The cgroup whose limit was hit; kNone or the root: none, protection holds.
  Index region = kNone;  // Region or group.
  ByteCount bytes_needed;
  IgnoreLow ignore_low = IgnoreLow::kAuto;
  bool list_charges = false;
  bool whole_charges = false;
};

struct EvictCharge {
  Index charge = kNone;
  ByteCount bytes;  // Of its item in the victim pool.
  ByteCount evict;
};

struct Victim {
  Index pool = kNone;  // Of a region, never of a group.
  int tier = 1;
  int32_t priority = 0;
  ByteCount evict;
  ByteCount usage, emin, elow;  // At the level asked for, before the plan.
  std::vector<EvictCharge> charges;
};

struct BlockedBy {
  Index pool = kNone;  // At another level of a candidate's chain.
  ByteCount protection;
  ByteCount usage;
  bool by_min = false;
};

struct EvictPlan {
  std::vector<Victim> victims;
  ByteCount total;
  bool satisfied = false;
  bool hit_low = false;
  std::vector<BlockedBy> blocked_by;
};

// Plans eviction by rule R10. A pure function of the state; cost O(pools of the region's chain)
// plus a binary search for each victim that protection stops.
EvictPlan EvictCandidates(const State& state, const EvictRequest& request);

}  // namespace dmem

#endif  // CORE_EVICTION_H_
