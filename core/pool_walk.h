// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// PoolWalk: the counters that a charge to a pool touches, found once.

#ifndef CORE_POOL_WALK_H_
#define CORE_POOL_WALK_H_

#include <cstddef>

#include "absl/container/inlined_vector.h"
#include "core/state.h"

namespace dmem {

// The counters of one pool: itself, its ancestors, and the same in each group in which it counts,
// in the order in which a charge asks them (rule R1). They can be changed: pages that a snapshot
// may read were copied. Right until the next snapshot is taken, limits are set, a pool on it is
// removed, or its region moves to another group.
class PoolWalk {
 public:
  // `pool` may be kNone: an empty walk.
  PoolWalk(State* state, Index pool) : pool_(pool) {
    for (Index level = pool; level != kNone; level = state->pools[level].group_pool) {
      for (Index p = level; p != kNone; p = counters_.back()->counter.parent) {
        counters_.push_back(&state->pools.Mutable(p));
        is_protected_ |= counters_.back()->counter.is_protected;
      }
      // A pool has as many ancestors in a group as in the region: one for each of its cgroup's.
      if (level == pool) depth_ = counters_.size();
    }
    begin_ = counters_.data();
    end_ = begin_ + counters_.size();
  }

  PoolWalk(const PoolWalk&) = delete;
  PoolWalk& operator=(const PoolWalk&) = delete;

  Index pool() const { return pool_; }
  PoolRecord* const* begin() const { return begin_; }
  PoolRecord* const* end() const { return end_; }
  // Whether any of them has a min or a low.
  bool is_protected() const { return is_protected_; }
  // How many counters each level, the region and then its groups, has: the pool of the cgroup
  // itself, then those of the cgroups above it.
  size_t depth() const { return depth_; }

 private:
  Index pool_;
  absl::InlinedVector<PoolRecord*, 12> counters_;
  PoolRecord* const* begin_;
  PoolRecord* const* end_;
  size_t depth_ = 0;
  bool is_protected_ = false;
};

}  // namespace dmem

#endif  // CORE_POOL_WALK_H_
