// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/protection.h"

#include "core/check.h"

namespace dmem {
namespace {

EvictAnswer Decide(EvictDecision decision, ByteCount usage, const EffectiveProtection& protection) {
  EvictAnswer answer;
  answer.decision = decision;
  answer.usage = usage;
  answer.protection = protection;
  return answer;
}

}  // namespace

ByteCount ShareOfProtection(ByteCount effective, ByteCount setting, ByteCount usage,
                            ByteCount parent_usage, ByteCount siblings_claim) {
  const ByteCount claim = Min(usage, setting);
  // Rule 1: more is claimed than there is. In proportion to claims, so an idle one costs nothing.
  if (siblings_claim > effective) {
    return effective.is_zero() ? ByteCount() : claim.MulDiv(effective, siblings_claim);
  }
  // Rule 2: every claim is met; what nobody claims floats to unprotected usage. The parent's own
  // bytes are part of that usage and dilute it.
  const ByteCount floating = effective.MinusOrZero(siblings_claim);
  const ByteCount unprotected = usage.MinusOrZero(claim);
  if (floating.is_zero() || unprotected.is_zero()) return claim;
  // Positive: it includes this child's unprotected bytes. The result fits: unprotected is at most
  // what it is divided by.
  const ByteCount shared_by = parent_usage.MinusOrZero(siblings_claim);
  const absl::optional<ByteCount> share = claim.Plus(floating.MulDiv(unprotected, shared_by));
  DMEM_CHECK(share.has_value());  // claim + floating <= effective.
  return *share;
}

EffectiveProtection ProtectionOfChild(const EffectiveProtection& parent_protection,
                                      const PageCounter& parent, const PageCounter& child) {
  EffectiveProtection protection;
  protection.emin = ShareOfProtection(parent_protection.emin, child.min, child.usage, parent.usage,
                                      parent.children_min_claims);
  protection.elow = ShareOfProtection(parent_protection.elow, child.low, child.usage, parent.usage,
                                      parent.children_low_claims);
  return protection;
}

EffectiveProtection ProtectionOf(const State& state, Index pool, Index limit) {
  // Top down without a list of the ancestors: at most 32 levels, of which each asks for the one
  // above.
  const PoolRecord& record = state.pools[pool];
  if (record.cgroup == limit) return EffectiveProtection();
  const PageCounter& counter = record.counter;
  DMEM_CHECK(counter.parent != kNone);  // The root's pool is above no limit.
  const PoolRecord& parent = state.pools[counter.parent];
  if (parent.cgroup == limit) return EffectiveProtection{counter.min, counter.low};
  return ProtectionOfChild(ProtectionOf(state, counter.parent, limit), parent.counter, counter);
}

EvictAnswer EvictValuable(const State& state, Index limit, Index cgroup, Index region,
                          bool ignore_low) {
  const Index pool = state.FindPool(cgroup, region);
  const ByteCount usage = pool == kNone ? ByteCount() : state.pools[pool].counter.usage;
  EffectiveProtection protection;
  if (limit == cgroup || limit == kRootCgroup) {
    return Decide(EvictDecision::kMayEvict, usage, protection);
  }
  if (limit != kNone && !state.IsBelow(cgroup, limit)) {
    return Decide(EvictDecision::kOutside, usage, protection);
  }
  // An empty pool is within any protection. Its numbers are not needed, and without the pool there
  // are none.
  if (usage.is_zero()) return Decide(EvictDecision::kProtectedByMin, usage, protection);
  protection = ProtectionOf(state, pool, limit == kNone ? kRootCgroup : limit);
  EvictDecision decision = EvictDecision::kProtectedByLow;
  if (usage <= protection.emin) {
    decision = EvictDecision::kProtectedByMin;
  } else if (ignore_low || usage > protection.elow) {
    decision = EvictDecision::kMayEvict;
  }
  return Decide(decision, usage, protection);
}

}  // namespace dmem
