// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/planned_state.h"

#include <algorithm>

#include "core/check.h"

namespace dmem {
namespace {

ByteCount Less(ByteCount bytes, uint64_t taken) {
  const absl::optional<ByteCount> rest = bytes.Minus(ByteCount(taken));
  DMEM_CHECK(rest.has_value());
  return *rest;
}

// By how much the claim min(usage, setting) falls when `x` bytes go.
ByteCount ClaimLost(ByteCount usage, ByteCount setting, ByteCount x) {
  return Min(usage, setting).MinusOrZero(Min(usage.MinusOrZero(x), setting));
}

}  // namespace

// calloc: pages of pools that no eviction touches are never made.
PlannedState::PlannedState(const State& state, Index limit)
    : state_(state),
      limit_(limit),
      taken_(static_cast<Taken*>(
          std::calloc(std::max<size_t>(state.pools.size(), 1), sizeof(Taken)))) {
  DMEM_CHECK(taken_ != nullptr);
}

void PlannedState::Load(Index pool) {
  links_.clear();
  levels_.clear();
  for (Index p = pool; p != kNone; p = state_.pools[p].group_pool) LoadLevel(p);
}

void PlannedState::LoadLevel(Index pool) {
  Level level{pool, static_cast<uint32_t>(links_.size()), 0};
  for (Index p = pool; state_.pools[p].cgroup != limit_; p = state_.pools[p].counter.parent) {
    const PageCounter& counter = state_.pools[p].counter;
    const Taken& taken = taken_[p];
    links_.push_back({p, Less(counter.usage, taken.usage), counter.min, counter.low,
                      Less(counter.children_min_claims, taken.children_min_claims),
                      Less(counter.children_low_claims, taken.children_low_claims)});
  }
  // Without min and low at the top nothing below is protected, and nothing need be kept of it.
  if (links_.size() > level.begin && links_.back().min.is_zero() && links_.back().low.is_zero()) {
    links_.resize(level.begin);
  }
  std::reverse(links_.begin() + level.begin, links_.end());
  level.end = static_cast<uint32_t>(links_.size());
  levels_.push_back(level);
}

ByteCount PlannedState::UsageAfter(int level, ByteCount x) const {
  const Level& l = levels_[level];
  const ByteCount usage =
      l.begin == l.end ? state_.pools[l.pool].counter.usage : links_[l.end - 1].usage;
  return usage.MinusOrZero(x);
}

ByteCount PlannedState::EffectiveAfter(const Level& level, ByteCount x, Setting setting,
                                       Setting claims) const {
  if (level.begin == level.end) return ByteCount();
  ByteCount effective = links_[level.begin].*setting;
  for (uint32_t i = level.begin + 1; i < level.end && !effective.is_zero(); ++i) {
    const Link& parent = links_[i - 1];
    const Link& child = links_[i];
    const ByteCount lost = ClaimLost(child.usage, child.*setting, x);
    effective = ShareOfProtection(effective, child.*setting, child.usage.MinusOrZero(x),
                                  parent.usage.MinusOrZero(x), (parent.*claims).MinusOrZero(lost));
  }
  return effective;
}

EffectiveProtection PlannedState::ProtectionAfter(int level, ByteCount x) const {
  return {EffectiveAfter(levels_[level], x, &Link::min, &Link::children_min_claims),
          EffectiveAfter(levels_[level], x, &Link::low, &Link::children_low_claims)};
}

ByteCount PlannedState::HeadroomAfter(int level, ByteCount x, bool ignore_low) const {
  const Level& l = levels_[level];
  ByteCount needed = EffectiveAfter(l, x, &Link::min, &Link::children_min_claims);
  if (!ignore_low) {
    needed = Max(needed, EffectiveAfter(l, x, &Link::low, &Link::children_low_claims));
  }
  return UsageAfter(level, x).MinusOrZero(needed);
}

ByteCount PlannedState::HeadroomAfter(ByteCount x, bool ignore_low) const {
  ByteCount least = kUnlimited;
  for (int level = 0; level < levels(); ++level) {
    least = Min(least, HeadroomAfter(level, x, ignore_low));
  }
  return least;
}

// With each byte that goes the headroom falls by one at most, as protection never rises, and never
// rises again: protection falls by one at most while usage is above it, and where it is not, what
// is left is claimed byte by byte. (By induction along the chain, floors included; the test against
// a byte loop holds us to it.) So from any x below the answer, the next headroom bytes are safe.
// That alone converges slowly where many siblings share what floats; halving bounds it.
ByteCount PlannedState::LargestEviction(ByteCount cap, bool ignore_low) const {
  if (links_.empty() || cap.is_zero()) return cap;
  if (!HeadroomAfter(cap.MinusOrZero(ByteCount(1)), ignore_low).is_zero()) return cap;
  uint64_t low = 0, high = cap.value();  // The answer is in [low, high].
  const auto advance_from = [&](uint64_t x) {
    const uint64_t headroom = HeadroomAfter(ByteCount(x), ignore_low).value();
    if (headroom == 0) {
      high = x;
    } else {
      low = headroom < high - x ? x + headroom : high;
    }
  };
  while (low < high) {
    advance_from(low);
    if (low < high) advance_from(low + (high - low) / 2);
  }
  return ByteCount(low);
}

void PlannedState::Evict(ByteCount bytes) {
  for (const Level& level : levels_) {
    for (uint32_t i = level.begin; i < level.end; ++i) {
      const Link& link = links_[i];
      taken_[link.pool].usage += bytes.value();
      if (i == level.begin) continue;
      Taken& parent = taken_[links_[i - 1].pool];
      parent.children_min_claims += ClaimLost(link.usage, link.min, bytes).value();
      parent.children_low_claims += ClaimLost(link.usage, link.low, bytes).value();
    }
  }
}

}  // namespace dmem
