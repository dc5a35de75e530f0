// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/eviction_candidates.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace dmem {
namespace {

// Finds the candidates of a request.
class Collector {
 public:
  Collector(const State& state, const EvictRequest& request, Index limit)
      : state_(state), request_(request), limit_(limit) {}

  std::vector<Candidate> Collect() {
    // At most a candidate for each charge item.
    const RegionRecord& asked = state_.regions[request_.region];
    candidates_.reserve(std::min<size_t>(asked.live_items, state_.pools.size()));
    if (!asked.is_group) {
      CollectRegion(request_.region, 0);
      return std::move(candidates_);
    }
    for (Index r = state_.scalars.first_region; r != kNone; r = state_.regions[r].next) {
      if (state_.regions[r].is_group) continue;
      int hops = 0;
      Index level = r;
      for (; level != kNone && level != request_.region; ++hops) {
        level = state_.GroupOf(level);
      }
      if (level != kNone) CollectRegion(r, hops);
    }
    return std::move(candidates_);
  }

 private:
  // How many families take turns.
  static constexpr size_t kTogether = 16;

  // The children of a pool, from `next` on.
  struct Family {
    Index next;
    Index parent;
    int32_t priority;                // The parent's, and so is what follows.
    EffectiveProtection protection;  // At the level asked for.
    bool is_guarded;
  };
  struct Visit {
    Index pool;
    Index parent;
    int32_t priority_above;
    EffectiveProtection protection_above;
    bool is_guarded;
  };

  // `hops`: groups from the region up to the level asked for.
  //
  // Pools lie all over memory, and each is found by the one before it: going from one to the next
  // is waiting. So some families are gone through by turns, a child of each, and what comes next is
  // asked for while the others have theirs.
  void CollectRegion(Index region, int hops) {
    const Index top = state_.FindPool(limit_, region);
    if (top == kNone) return;
    Take(top, state_.EffectivePriority(limit_), EffectiveProtection(), false, hops);
    while (!families_.empty()) {
      const size_t first = families_.size() - std::min(families_.size(), kTogether);
      for (size_t i = families_.size(); i-- > first;) VisitNextOf(i, hops);
      for (const Visit& visit : visits_) {
        const EffectiveProtection protection =
            ProtectionOfNext(visit.protection_above, AskedPool(visit.pool, hops));
        Take(visit.pool, visit.priority_above, protection,
             visit.parent == top ? IsGuarded(visit.pool) : visit.is_guarded, hops);
      }
      visits_.clear();
    }
  }

  // The family goes when it has no more children.
  void VisitNextOf(size_t i, int hops) {
    Family& family = families_[i];
    const Index child = family.next;
    const PoolRecord& pool = state_.pools[child];
    if (!pool.counter.usage.is_zero()) {
      __builtin_prefetch(&state_.cgroups[pool.cgroup]);
      if (hops > 0) Prefetch(pool.group_pool);
      visits_.push_back(
          {child, family.parent, family.priority, family.protection, family.is_guarded});
    }
    family.next = pool.next_sibling;
    if (family.next != kNone) return Prefetch(family.next);
    family = families_.back();
    families_.pop_back();
  }

  void Take(Index i, int32_t priority_above, const EffectiveProtection& protection, bool is_guarded,
            int hops) {
    const PoolRecord& pool = state_.pools[i];
    const CgroupRecord& cgroup = state_.cgroups[pool.cgroup];
    const int32_t priority = cgroup.has_priority ? cgroup.priority : priority_above;
    // What is reserved is held by nobody yet, so that nobody could give it.
    const ByteCount held = pool.own.MinusOrZero(pool.own_reservations);
    if (!held.is_zero()) {
      const bool has_own_name = cgroup.is_dying || cgroup.parent == kNone;
      candidates_.push_back({i, priority, held, state_.pools[AskedPool(i, hops)].counter.usage,
                             protection, pool.cgroup, pool.region,
                             has_own_name ? pool.cgroup : cgroup.parent, is_guarded});
    }
    if (pool.first_child == kNone) return;
    Prefetch(pool.first_child);
    families_.push_back({pool.first_child, i, priority, protection, is_guarded});
  }

  // What VisitNextOf and Take read of it.
  void Prefetch(Index i) const {
    const PoolRecord& pool = state_.pools[i];
    __builtin_prefetch(&pool.counter.usage);
    __builtin_prefetch(&pool.own);
    __builtin_prefetch(&pool.next_sibling);
  }

  Index AskedPool(Index pool, int hops) const {
    for (; hops > 0; --hops) pool = state_.pools[pool].group_pool;
    return pool;
  }

  EffectiveProtection ProtectionOfNext(const EffectiveProtection& above, Index pool) const {
    const PageCounter& counter = state_.pools[pool].counter;
    const PoolRecord& parent = state_.pools[counter.parent];
    if (parent.cgroup == limit_) return {counter.min, counter.low};
    return ProtectionOfChild(above, parent.counter, counter);
  }

  // Of a pool right below the limit: whether it, or the same in a group above, has min or low.
  // Without these nothing below is protected.
  bool IsGuarded(Index pool) const {
    for (; pool != kNone; pool = state_.pools[pool].group_pool) {
      const PageCounter& counter = state_.pools[pool].counter;
      if (!counter.min.is_zero() || !counter.low.is_zero()) return true;
    }
    return false;
  }

  const State& state_;
  const EvictRequest& request_;
  const Index limit_;
  std::vector<Family> families_;
  std::vector<Visit> visits_;
  std::vector<Candidate> candidates_;
};

}  // namespace

std::vector<Candidate> CollectCandidates(const State& state, const EvictRequest& request,
                                         Index limit) {
  return Collector(state, request, limit).Collect();
}

}  // namespace dmem
