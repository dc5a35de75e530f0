// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The evict plan: which pools could give how many bytes, in which order.

#ifndef CORE_EVICTION_H_
#define CORE_EVICTION_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/byte_count.h"
#include "core/state.h"

namespace dmem {

enum class IgnoreLow {
  kAuto,    // Low protection holds until tier 1 is exhausted: the kernel's two rounds.
  kNever,   // Tier 1 only.
  kAlways,  // Tier 2 is offered too. It comes after tier 1, so the plan is that of kAuto.
};

struct EvictRequest {
  Index limit = kNone;   // The cgroup whose limit was hit; kNone or the root: none.
  Index region = kNone;  // Region or group.
  ByteCount bytes_needed;
  IgnoreLow ignore_low = IgnoreLow::kAuto;
  bool list_charges = false;
  bool whole_charges = false;  // Implies list_charges.
};

struct EvictCharge {
  Index charge = kNone;
  ByteCount bytes;  // Of its item in the victim pool.
  ByteCount evict;  // Less than that: the holder resizes.
};

struct Victim {
  Index pool = kNone;  // Of a region, never of a group.
  int tier = 1;
  int32_t priority = 0;  // The cgroup's.
  ByteCount evict;
  ByteCount usage, emin, elow;       // At the level asked for, before the plan.
  std::vector<EvictCharge> charges;  // Newest first.
};

// A level, other than the one asked for, at which protection stopped a candidate.
struct BlockedBy {
  Index pool = kNone;  // The candidate's cgroup at that level.
  // Where it stopped: after what those before it gave, and the most that it could give.
  ByteCount protection;
  ByteCount usage;
  bool by_min = false;  // Else by low.
};

struct EvictPlan {
  static constexpr size_t kBlockedByMax = 100;

  std::vector<Victim> victims;  // In the order to evict; a pool once for each tier.
  ByteCount total;
  bool satisfied = false;             // total >= bytes_needed.
  bool hit_low = false;               // Low alone held back what was still needed, or was ignored.
  std::vector<BlockedBy> blocked_by;  // If not satisfied; each pool once.
};

// Plans eviction (rule R10). A pure function of the state.
//
// Candidates are the pools with charges of their own, in the region or in any region below the
// group, of the limit cgroup and all below it, dying ones included; each gives at most its own
// charges. All protection is relative to the limit cgroup (none: the root), which is itself
// unprotected. RESERVED items are not offered: their bytes count, but nobody holds them yet.
//
// Candidates take turns, in an order that is fixed on the state as it is: tier, the cgroup's
// priority ascending, bytes of usage above protection descending, path ("@ID" after all paths),
// region name. Usage and protection are those at the level asked for; protection is the larger of
// emin and elow in tier 1, and emin in tier 2. In its turn a candidate gives the most that is still
// needed and does not take it below its protection, as that is after what it and those before it
// gave; at every level of its region's chain, asked for or not. The kernel's question is thus yes
// before each byte. (Not beyond the point where usage meets protection, though there a claim may
// follow the usage down and "at or above" stays true: memory within its protection is never
// offered.) Tier 2 takes turns if tier 1 was not enough and the mode allows; in it low counts at no
// level.
//
// With list_charges a victim's charges are listed, newest first, the last in part. A tier 2 victim
// goes on where the same pool stopped in tier 1. With whole_charges a turn takes the charges,
// newest first, that fit whole, until what is needed is reached; then victims without which the
// rest is still enough are dropped, highest priority first and, within one, last first.
// (Bytes that stay never bring another victim below its protection.)
//
// Cost: O(pools below the limit + regions), a sort, and for each turn O(depth x levels), more where
// protection stops it.
EvictPlan EvictCandidates(const State& state, const EvictRequest& request);

}  // namespace dmem

#endif  // CORE_EVICTION_H_
