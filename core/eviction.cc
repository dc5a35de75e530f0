// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/eviction.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "core/check.h"
#include "core/planned_state.h"
#include "core/protection.h"

namespace dmem {
namespace {

struct Candidate {
  Index pool;
  int32_t priority;
  ByteCount own_left;
  ByteCount usage;  // At the level asked for, before the plan, and so is protection.
  EffectiveProtection protection;
};

// A place in the order: what decides first, and the candidate.
struct Turn {
  int32_t priority;
  ByteCount above;  // Bytes above protection.
  uint32_t candidate;

  bool IsTieWith(const Turn& other) const {
    return priority == other.priority && above == other.above;
  }
  friend bool operator<(const Turn& a, const Turn& b) {
    return std::tie(a.priority, b.above) < std::tie(b.priority, a.above);
  }
};

// Finds the candidates of a request.
class Collector {
 public:
  Collector(const State& state, const EvictRequest& request, Index limit)
      : state_(state), request_(request), limit_(limit) {}

  std::vector<Candidate> Collect() {
    if (!state_.regions[request_.region].is_group) {
      CollectRegion(request_.region, 0);
      return std::move(candidates_);
    }
    for (Index r = state_.scalars.first_region; r != kNone; r = state_.regions[r].next) {
      if (state_.regions[r].is_group) continue;
      int hops = 0;
      Index level = r;
      for (; level != kNone && level != request_.region; ++hops) {
        level = state_.regions[level].parent;
      }
      if (level != kNone) CollectRegion(r, hops);
    }
    return std::move(candidates_);
  }

 private:
  struct Visit {
    Index pool;
    int32_t priority;
    EffectiveProtection protection;  // At the level asked for.
  };

  // `hops`: groups from the region up to the level asked for.
  void CollectRegion(Index region, int hops) {
    const Index top = state_.FindPool(limit_, region);
    if (top == kNone) return;
    visits_.push_back({top, state_.EffectivePriority(limit_), EffectiveProtection()});
    while (!visits_.empty()) {
      const Visit visit = visits_.back();
      visits_.pop_back();
      const PoolRecord& pool = state_.pools[visit.pool];
      if (!pool.own.is_zero()) {
        const ByteCount usage = state_.pools[AskedPool(visit.pool, hops)].counter.usage;
        candidates_.push_back({visit.pool, visit.priority, pool.own, usage, visit.protection});
      }
      for (Index c = pool.first_child; c != kNone; c = state_.pools[c].next_sibling) {
        const PoolRecord& child = state_.pools[c];
        if (child.counter.usage.is_zero()) continue;
        const CgroupRecord& cgroup = state_.cgroups[child.cgroup];
        visits_.push_back({c, cgroup.has_priority ? cgroup.priority : visit.priority,
                           ProtectionOfNext(visit.protection, AskedPool(c, hops))});
      }
    }
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

  const State& state_;
  const EvictRequest& request_;
  const Index limit_;
  std::vector<Visit> visits_;
  std::vector<Candidate> candidates_;
};

class Planner {
 public:
  Planner(const State& state, const EvictRequest& request)
      : state_(state),
        request_(request),
        limit_(request.limit == kNone ? kRootCgroup : request.limit),
        planned_(state, limit_) {}

  EvictPlan Plan() {
    candidates_ = Collector(state_, request_, limit_).Collect();
    TakeTurns(/*tier=*/1);
    if (!IsEnough() && request_.ignore_low != IgnoreLow::kNever) {
      // What low kept in tier 1 is no answer to why tier 2 did not suffice either.
      blocked_pools_.clear();
      plan_.blocked_by.clear();
      TakeTurns(/*tier=*/2);
    }
    if (request_.whole_charges) DropUnneeded();
    plan_.satisfied = IsEnough();
    if (plan_.satisfied) plan_.blocked_by.clear();
    for (const Victim& victim : plan_.victims) plan_.hit_low |= victim.tier == 2;
    return std::move(plan_);
  }

 private:
  bool IsEnough() const { return plan_.total >= request_.bytes_needed; }

  void TakeTurns(int tier) {
    std::vector<Turn> turns = OrderOf(tier);
    for (size_t begin = 0; begin < turns.size() && !IsEnough();) {
      size_t end = begin + 1;
      while (end < turns.size() && turns[end].IsTieWith(turns[begin])) ++end;
      // Names are long to compare: only where they decide, and the plan gets that far.
      if (end - begin > 1) SortByName(&turns, begin, end);
      for (; begin < end && !IsEnough(); ++begin) {
        TakeTurn(&candidates_[turns[begin].candidate], tier);
      }
    }
  }

  std::vector<Turn> OrderOf(int tier) const {
    std::vector<Turn> turns;
    turns.reserve(candidates_.size());
    for (uint32_t i = 0; i < candidates_.size(); ++i) {
      const Candidate& c = candidates_[i];
      if (c.own_left.is_zero()) continue;
      const ByteCount protection =
          tier == 2 ? c.protection.emin : Max(c.protection.emin, c.protection.elow);
      turns.push_back({c.priority, c.usage.MinusOrZero(protection), i});
    }
    std::sort(turns.begin(), turns.end());
    return turns;
  }

  void SortByName(std::vector<Turn>* turns, size_t begin, size_t end) const {
    using Named = std::pair<std::string, Turn>;
    std::vector<Named> named;
    named.reserve(end - begin);
    for (size_t i = begin; i < end; ++i) {
      const Turn& turn = (*turns)[i];
      const PoolRecord& pool = state_.pools[candidates_[turn.candidate].pool];
      named.emplace_back(state_.CgroupName(pool.cgroup), turn);
    }
    std::sort(named.begin(), named.end(), [this](const Named& a, const Named& b) {
      const int order = a.first.compare(b.first);
      return order != 0 ? order < 0 : RegionOf(a.second) < RegionOf(b.second);
    });
    for (size_t i = begin; i < end; ++i) (*turns)[i] = named[i - begin].second;
  }

  std::string RegionOf(const Turn& turn) const {
    return state_.RegionName(state_.pools[candidates_[turn.candidate].pool].region);
  }

  void TakeTurn(Candidate* candidate, int tier) {
    const bool ignore_low = tier == 2;
    const ByteCount needed = request_.bytes_needed.MinusOrZero(plan_.total);
    planned_.Load(candidate->pool);
    const ByteCount most = planned_.LargestEviction(
        request_.whole_charges ? candidate->own_left : Min(candidate->own_left, needed),
        ignore_low);
    Victim victim;
    victim.pool = candidate->pool;
    victim.tier = tier;
    victim.priority = candidate->priority;
    victim.usage = candidate->usage;
    victim.emin = candidate->protection.emin;
    victim.elow = candidate->protection.elow;
    if (request_.whole_charges) {
      TakeWholeCharges(&victim, most, needed);
    } else {
      victim.evict = most;
      if (request_.list_charges) ListCharges(&victim, candidate->own_left);
    }
    if (victim.evict < needed && most < candidate->own_left) NoteStop(most, ignore_low);
    if (victim.evict.is_zero()) return;
    planned_.Evict(victim.evict);
    candidate->own_left = candidate->own_left.MinusOrZero(victim.evict);
    plan_.total = plan_.total.PlusSaturating(victim.evict);
    plan_.victims.push_back(std::move(victim));
  }

  // Charges that fit in `most`, newest first, until `needed` is reached.
  void TakeWholeCharges(Victim* victim, ByteCount most, ByteCount needed) {
    for (Index i = state_.pools[victim->pool].first_item; i != kNone && victim->evict < needed;
         i = state_.items[i].next_in_pool) {
      const ItemRecord& item = state_.items[i];
      if (item.bytes.is_zero() || item.bytes > most.MinusOrZero(victim->evict)) continue;
      if (!whole_items_.insert(i).second) continue;  // Given in tier 1.
      victim->evict = victim->evict.PlusSaturating(item.bytes);
      victim->charges.push_back({item.charge, item.bytes, item.bytes});
    }
  }

  // The newest charges of the pool that make up victim->evict, after those that it has given in
  // tier 1. `own_left`: before this turn.
  void ListCharges(Victim* victim, ByteCount own_left) const {
    const PoolRecord& pool = state_.pools[victim->pool];
    ByteCount given = pool.own.MinusOrZero(own_left);
    ByteCount rest = victim->evict;
    for (Index i = pool.first_item; i != kNone && !rest.is_zero();
         i = state_.items[i].next_in_pool) {
      const ItemRecord& item = state_.items[i];
      const ByteCount evict = Min(item.bytes.MinusOrZero(given), rest);
      given = given.MinusOrZero(item.bytes);
      if (evict.is_zero()) continue;
      rest = rest.MinusOrZero(evict);
      victim->charges.push_back({item.charge, item.bytes, evict});
    }
    DMEM_CHECK(rest.is_zero());  // I6: the items of a pool are its own bytes.
  }

  // Protection stopped the loaded candidate at `most`: whose was it?
  void NoteStop(ByteCount most, bool ignore_low) {
    plan_.hit_low |= !ignore_low && !planned_.HeadroomAfter(most, /*ignore_low=*/true).is_zero();
    std::vector<BlockedBy> blocked;
    for (int level = 0; level < planned_.levels(); ++level) {
      if (!planned_.HeadroomAfter(level, most, ignore_low).is_zero()) continue;
      const Index pool = planned_.PoolAt(level);
      // Where the level asked for stops it too, no other one is to blame.
      if (state_.pools[pool].region == request_.region) return;
      const EffectiveProtection protection = planned_.ProtectionAfter(level, most);
      const ByteCount usage = planned_.UsageAfter(level, most);
      const bool by_min = usage <= protection.emin;
      blocked.push_back({pool, by_min ? protection.emin : protection.elow, usage, by_min});
    }
    for (const BlockedBy& by : blocked) {
      if (plan_.blocked_by.size() == EvictPlan::kBlockedByMax) return;
      if (blocked_pools_.insert(by.pool).second) plan_.blocked_by.push_back(by);
    }
  }

  void DropUnneeded() {
    std::vector<size_t> order(plan_.victims.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = order.size() - 1 - i;
    std::stable_sort(order.begin(), order.end(), [this](size_t a, size_t b) {
      return plan_.victims[a].priority > plan_.victims[b].priority;
    });
    for (const size_t i : order) {
      Victim& victim = plan_.victims[i];
      const ByteCount without = plan_.total.MinusOrZero(victim.evict);
      if (without < request_.bytes_needed) continue;
      plan_.total = without;
      victim.evict = ByteCount();
    }
    plan_.victims.erase(std::remove_if(plan_.victims.begin(), plan_.victims.end(),
                                       [](const Victim& victim) { return victim.evict.is_zero(); }),
                        plan_.victims.end());
  }

  const State& state_;
  const EvictRequest& request_;
  const Index limit_;
  PlannedState planned_;
  std::vector<Candidate> candidates_;
  EvictPlan plan_;
  absl::flat_hash_set<Index> whole_items_;  // Given whole.
  absl::flat_hash_set<Index> blocked_pools_;
};

}  // namespace

EvictPlan EvictCandidates(const State& state, const EvictRequest& request) {
  return Planner(state, request).Plan();
}

}  // namespace dmem
