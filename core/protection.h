// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Effective protection and the evict decision: pure functions of the state.

#ifndef CORE_PROTECTION_H_
#define CORE_PROTECTION_H_

#include "core/byte_count.h"
#include "core/state.h"

namespace dmem {

struct EffectiveProtection {
  ByteCount emin;
  ByteCount elow;
};

// The share of protection that a child gets from its parent, for min or for low.
//   effective: of the parent; setting: the child's min or low; usage: the child's;
//   parent_usage: with the parent's own bytes; siblings_claim: sum of min(usage, setting) over all
//   the parent's children, this one included.
// Source: conformance description 3.5, rules 1 and 2. Differs: products in 128 bits (5.1).
ByteCount ShareOfProtection(ByteCount effective, ByteCount setting, ByteCount usage,
                            ByteCount parent_usage, ByteCount siblings_claim);

// Effective protection of `pool` relative to the cgroup `limit`. Zero for the limit's own pool.
// The direct child of the limit has its min and low as set.
// REQUIRES: the pool's cgroup is `limit` or below it.
EffectiveProtection ProtectionOf(const State& state, Index pool, Index limit);

enum class EvictDecision { kMayEvict, kProtectedByLow, kProtectedByMin, kOutside };

struct EvictAnswer {
  EvictDecision decision = EvictDecision::kOutside;
  ByteCount usage;
  EffectiveProtection protection;  // Zero where the decision did not need it.
};

// The kernel's question, decided in its order: is it worth evicting something charged to `cgroup`
// in `region` (a region or group), given that the limit of the cgroup `limit` was hit (kNone: none
// was, the device is full)? A pool that has not been made has usage 0. Source: conformance
// description 3.6.
EvictAnswer EvictValuable(const State& state, Index limit, Index cgroup, Index region,
                          bool ignore_low);

}  // namespace dmem

#endif  // CORE_PROTECTION_H_
