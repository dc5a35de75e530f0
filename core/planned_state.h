// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// PlannedState: a state from which bytes are taken on paper, and how far a pool can be evicted in
// it.

#ifndef CORE_PLANNED_STATE_H_
#define CORE_PLANNED_STATE_H_

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "core/byte_count.h"
#include "core/protection.h"
#include "core/state.h"

namespace dmem {

// A const state and the evictions planned so far, without a copy of the state. All protection is
// relative to one limit cgroup. Of what evictions change, only that is kept which protection
// depends on: usage and claims of pools below the limit that are in reach of any min or low.
//
// Load() picks a pool of a region; the questions are about that pool at each level of its region's
// chain: 0 is the region, then come its groups. Not thread-safe. Memory: 24 bytes a pool of the
// state, touched only where something changes.
class PlannedState {
 public:
  // `state` must outlive this.
  PlannedState(const State& state, Index limit);

  // REQUIRES: `pool` is a region's, of the limit cgroup or one below it.
  void Load(Index pool);
  // Loads the pool's records into the processor's cache.
  void Prefetch(Index pool) const {
    const PoolRecord* record = &state_.pools[pool];
    __builtin_prefetch(&record->counter);
    __builtin_prefetch(&record->counter.parent);
    __builtin_prefetch(&record->cgroup);
    __builtin_prefetch(&taken_[pool]);
  }
  int levels() const { return static_cast<int>(levels_.size()); }
  // The loaded pool's account at that level.
  Index PoolAt(int level) const { return levels_[level].pool; }

  // Usage and effective protection at that level after `x` more bytes went from the loaded pool.
  // REQUIRES: `x` is at most what the pool itself holds.
  ByteCount UsageAfter(int level, ByteCount x) const;
  EffectiveProtection ProtectionAfter(int level, ByteCount x) const;
  // By how much usage is above protection then (emin and, unless `ignore_low`, elow); 0 if it is
  // at or below.
  ByteCount HeadroomAfter(int level, ByteCount x, bool ignore_low) const;
  // The least over all levels.
  ByteCount HeadroomAfter(ByteCount x, bool ignore_low) const;

  // The first x at which no level has headroom left: usage has come down to the protection computed
  // after x. `cap` if that is less.
  // REQUIRES: `cap` is at most what the pool itself holds.
  ByteCount LargestEviction(ByteCount cap, bool ignore_low) const;

  // Takes `bytes` from the loaded pool. Afterwards another Load() is due.
  void Evict(ByteCount bytes);

 private:
  // A pool of the chain of cgroups from below the limit down to the loaded pool, at one level.
  struct Link {
    Index pool;
    ByteCount usage, min, low;
    ByteCount children_min_claims, children_low_claims;
  };
  struct Level {
    Index pool;
    uint32_t begin, end;  // In links_, top down. Empty: protection is 0, whatever is evicted.
  };
  // What was taken so far.
  struct Taken {
    uint64_t usage, children_min_claims, children_low_claims;
  };
  struct Free {
    void operator()(Taken* memory) const { std::free(memory); }
  };
  using Setting = ByteCount Link::*;

  void LoadLevel(Index pool);
  ByteCount EffectiveAfter(const Level& level, ByteCount x, Setting setting, Setting claims) const;

  const State& state_;
  const Index limit_;
  std::unique_ptr<Taken[], Free> taken_;  // By pool.
  std::vector<Link> links_;
  std::vector<Level> levels_;
};

}  // namespace dmem

#endif  // CORE_PLANNED_STATE_H_
