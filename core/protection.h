// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Effective protection and the evict decision: pure functions of the state.

#ifndef CORE_PROTECTION_H_
#define CORE_PROTECTION_H_

#include "core/byte_count.h"
#include "core/page_counter.h"
#include "core/state.h"

namespace dmem {

// What min and low give a pool, relative to one of its cgroup's ancestors. The two are computed
// separately and never compared: elow may be the smaller. Either may exceed the usage.
struct EffectiveProtection {
  ByteCount emin;
  ByteCount elow;
};

// The share of protection that a child gets from its parent, for min or for low. Never more than
// `effective`.
//   effective: of the parent; setting: the child's min or low; usage: the child's;
//   parent_usage: with the parent's own bytes; siblings_claim: sum of min(usage, setting) over all
//   the parent's children, this one included.
// REQUIRES: min(usage, setting) <= siblings_claim <= parent_usage, and usage <= parent_usage.
//
// Source: conformance description 3.5, rules 1 and 2. Differs: products in 128 bits. The kernel
// multiplies two byte counts modulo 2^64, which goes wrong from 4 GiB times 4 GiB on (5.1).
ByteCount ShareOfProtection(ByteCount effective, ByteCount setting, ByteCount usage,
                            ByteCount parent_usage, ByteCount siblings_claim);

// Effective protection of `child`, given that of its parent: both shares. Not for a direct child
// of the limit, which has its min and low as set.
EffectiveProtection ProtectionOfChild(const EffectiveProtection& parent_protection,
                                      const PageCounter& parent, const PageCounter& child);

// Effective protection of `pool` relative to the cgroup `limit`. Zero for the limit's own pool.
// The direct child of the limit has its min and low as set. Cost: O(depth).
// REQUIRES: the pool's cgroup is `limit` or below it.
//
// Source: conformance description 3.5. Differs: nothing is stored between two questions, where the
// kernel keeps stale values of empty pools and lets concurrent questions mix (5.5).
EffectiveProtection ProtectionOf(const State& state, Index pool, Index limit);

enum class EvictDecision {
  kMayEvict,
  kProtectedByLow,  // Ask again with ignore_low. The kernel's "no, and hit_low".
  kProtectedByMin,  // Also when nothing is charged.
  kOutside,         // Not below the limit.
};

struct EvictAnswer {
  EvictDecision decision = EvictDecision::kOutside;
  ByteCount usage;
  EffectiveProtection protection;  // Zero where the decision did not need it.
};

// The kernel's question, decided in its order: is it worth evicting something charged to `cgroup`
// in `region` (a region or group), given that the limit of the cgroup `limit` was hit (kNone: none
// was, the device is full)? With the root as `limit` the answer is yes whatever is protected; with
// kNone protection holds. A pool that has not been made has usage 0.
//
// Source: conformance description 3.6. Differs: one answer of four, for a yes or no beside a flag.
EvictAnswer EvictValuable(const State& state, Index limit, Index cgroup, Index region,
                          bool ignore_low);

}  // namespace dmem

#endif  // CORE_PROTECTION_H_
