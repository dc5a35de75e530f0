// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/eviction.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
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
  Index cgroup;
  Index region;
  bool is_guarded;  // Whether any min or low is above or at it, at any level.
};

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
  struct Visit {
    Index pool;
    int32_t priority_above;
    EffectiveProtection protection;  // At the level asked for.
    bool is_guarded;
  };

  // `hops`: groups from the region up to the level asked for.
  void CollectRegion(Index region, int hops) {
    const Index top = state_.FindPool(limit_, region);
    if (top == kNone) return;
    visits_.push_back({top, state_.EffectivePriority(limit_), EffectiveProtection(), false});
    while (!visits_.empty()) {
      const Visit visit = visits_.back();
      visits_.pop_back();
      const PoolRecord& pool = state_.pools[visit.pool];
      const CgroupRecord& cgroup = state_.cgroups[pool.cgroup];
      const int32_t priority = cgroup.has_priority ? cgroup.priority : visit.priority_above;
      // What is reserved is held by nobody yet, so that nobody could give it.
      const ByteCount held = pool.own.MinusOrZero(pool.own_reservations);
      if (!held.is_zero()) {
        candidates_.push_back({visit.pool, priority, held,
                               state_.pools[AskedPool(visit.pool, hops)].counter.usage,
                               visit.protection, pool.cgroup, region, visit.is_guarded});
      }
      for (Index c = pool.first_child; c != kNone; c = state_.pools[c].next_sibling) {
        const PoolRecord& child = state_.pools[c];
        if (child.counter.usage.is_zero()) continue;
        __builtin_prefetch(&state_.cgroups[child.cgroup]);  // For its turn on the stack.
        visits_.push_back({c, priority, ProtectionOfNext(visit.protection, AskedPool(c, hops)),
                           visit.pool == top ? IsGuarded(c) : visit.is_guarded});
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
  std::vector<Visit> visits_;
  std::vector<Candidate> candidates_;
};

// A place in the order: what decides first, and the candidate.
struct Turn {
  int32_t priority;
  uint32_t candidate;
  ByteCount above;  // Bytes above protection.

  bool IsTieWith(const Turn& other) const {
    return priority == other.priority && above == other.above;
  }
  friend bool operator<(const Turn& a, const Turn& b) {
    return std::tie(a.priority, b.above) < std::tie(b.priority, a.above);
  }
};

// Most plans end after a few turns of very many: order is made from the front, twice as much each
// time.
constexpr size_t kFirstOrdered = 512;

// Sorts turns by the names of their candidates, as far as asked. Most begin alike, and each is
// somewhere else in memory: comparing whole paths took longer than all the rest of a plan. So names
// are copied together, and sorted eight bytes at a time.
class NameSorter {
 public:
  NameSorter(const State& state, const std::vector<Candidate>& candidates)
      : state_(state), candidates_(candidates) {}

  // Begins with `size` other turns; they stay the caller's.
  void Begin(Turn* turns, size_t size) {
    turns_ = turns;
    sorted_ = 0;
    CollectNames(turns, size);
  }
  // Brings the next turns in order. Returns how many of them are, from the first one on.
  size_t SortMore() {
    const size_t until = std::min(keys_.size(), std::max(kFirstOrdered, 2 * sorted_));
    Sort(sorted_, keys_.size(), 0, until);
    for (; sorted_ < until; ++sorted_) turns_[sorted_] = keys_[sorted_].turn;
    return sorted_;
  }

 private:
  struct Key {
    uint64_t part;  // Of the name, that now decides.
    Turn turn;
    size_t name;  // In names_: the cgroup's, NUL, the region's.
    size_t name_size;
  };

  void CollectNames(const Turn* turns, size_t size) {
    keys_.clear();
    names_.clear();
    cgroups_.clear();
    keys_.reserve(size);
    cgroups_.reserve(size);
    // A loop of loads only, so that the processor waits for many at a time.
    for (size_t i = 0; i < size; ++i) {
      const CgroupRecord& cgroup = state_.cgroups[candidates_[turns[i].candidate].cgroup];
      cgroups_.push_back({cgroup.name.view(), cgroup.parent, cgroup.is_dying});
    }
    for (size_t i = 0; i < size; ++i) {
      const Candidate& candidate = candidates_[turns[i].candidate];
      const size_t name = names_.size();
      if (cgroups_[i].is_dying) {
        names_ += state_.CgroupName(candidate.cgroup);
      } else if (cgroups_[i].parent == kNone) {
        names_ += '/';
      } else {
        names_ += PathPrefix(cgroups_[i].parent);
        names_.append(cgroups_[i].name.data(), cgroups_[i].name.size());
      }
      names_ += '\0';
      names_ += RegionName(candidate.region);
      keys_.push_back({0, turns[i], name, names_.size() - name});
    }
  }

  // The path of a cgroup that has children, with a '/' at its end.
  const std::string& PathPrefix(Index cgroup) {
    std::string& prefix = prefixes_[cgroup];
    if (prefix.empty()) {
      prefix = cgroup == kRootCgroup ? "/" : absl::StrCat(state_.CgroupPath(cgroup), "/");
    }
    return prefix;
  }
  const std::string& RegionName(Index region) {
    std::string& name = region_names_[region];
    if (name.empty()) name = state_.RegionName(region);
    return name;
  }

  // Sorts a part of keys_ of which the names are the same up to `offset`, at least up to the
  // `until`th key. Ends, as no two names are the same, nor are they with NULs after them.
  void Sort(size_t begin, size_t end, size_t offset, size_t until) {
    bool differ = false;
    for (size_t i = begin; i < end; ++i) {
      keys_[i].part = PartOf(keys_[i], offset);
      differ |= keys_[i].part != keys_[begin].part;
    }
    if (!differ) return Sort(begin, end, offset + 8, until);
    const auto at = [this](size_t i) { return keys_.begin() + static_cast<std::ptrdiff_t>(i); };
    const auto is_before = [](const Key& a, const Key& b) { return a.part < b.part; };
    if (until < end) {
      std::nth_element(at(begin), at(until), at(end), is_before);
      const uint64_t last = keys_[until].part;
      end = static_cast<size_t>(
          std::partition(at(until), at(end), [last](const Key& k) { return k.part == last; }) -
          keys_.begin());
    }
    std::sort(at(begin), at(end), is_before);
    while (begin < std::min(end, until)) {
      size_t next = begin + 1;
      while (next < end && keys_[next].part == keys_[begin].part) ++next;
      if (next - begin > 1) Sort(begin, next, offset + 8, until);
      begin = next;
    }
  }

  // Eight bytes of the name as a number in their order; NULs after its end.
  uint64_t PartOf(const Key& key, size_t offset) const {
    unsigned char bytes[8] = {};
    if (offset < key.name_size) {
      std::memcpy(bytes, names_.data() + key.name + offset,
                  std::min<size_t>(8, key.name_size - offset));
    }
    uint64_t part = 0;
    for (const unsigned char byte : bytes) part = part << 8 | byte;
    return part;
  }

  struct Cgroup {
    absl::string_view name;
    Index parent;
    bool is_dying;
  };

  const State& state_;
  const std::vector<Candidate>& candidates_;
  Turn* turns_ = nullptr;
  size_t sorted_ = 0;
  std::vector<Key> keys_;
  std::vector<Cgroup> cgroups_;
  std::string names_;
  absl::flat_hash_map<Index, std::string> prefixes_;
  absl::flat_hash_map<Index, std::string> region_names_;
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
    std::vector<Turn> turns = TurnsOf(tier);
    NameSorter names(state_, candidates_);
    size_t ordered = 0;
    for (size_t begin = 0; begin < turns.size() && !IsEnough();) {
      if (begin == ordered) ordered = OrderMore(ordered, &turns);
      size_t end = begin + 1;
      while (end < ordered && turns[end].IsTieWith(turns[begin])) ++end;
      // By name only where that decides and the plan gets so far.
      const size_t first = begin;
      const bool is_tie = end - first > 1;
      if (is_tie) names.Begin(&turns[first], end - first);
      for (size_t named = is_tie ? first : end; begin < end && !IsEnough(); ++begin) {
        if (begin == named) named = first + names.SortMore();
        PrefetchTurn(turns, begin, named);
        TakeTurn(&candidates_[turns[begin].candidate], tier);
      }
    }
  }

  // Brings more of the turns in order, from the `from`th on, whole ties at a time. Returns up to
  // where.
  static size_t OrderMore(size_t from, std::vector<Turn>* turns) {
    const auto begin = turns->begin() + static_cast<std::ptrdiff_t>(from);
    const size_t more = std::max(kFirstOrdered, from);
    if (turns->size() - from <= 2 * more) {
      std::sort(begin, turns->end());
      return turns->size();
    }
    const auto last = begin + static_cast<std::ptrdiff_t>(more);
    std::nth_element(begin, last, turns->end());
    const Turn tie = *last;
    const auto end =
        std::partition(last, turns->end(), [&tie](const Turn& t) { return t.IsTieWith(tie); });
    std::sort(begin, last);
    return static_cast<size_t>(end - turns->begin());
  }

  // Turns go all over memory: asks early for what the next ones read.
  void PrefetchTurn(const std::vector<Turn>& turns, size_t turn, size_t ordered) const {
    constexpr size_t kAhead = 8;
    if (turn + 2 * kAhead >= ordered) return;
    __builtin_prefetch(&candidates_[turns[turn + 2 * kAhead].candidate]);
    const Candidate& candidate = candidates_[turns[turn + kAhead].candidate];
    if (candidate.is_guarded) planned_.Prefetch(candidate.pool);
  }

  // In no order.
  std::vector<Turn> TurnsOf(int tier) const {
    std::vector<Turn> turns;
    turns.reserve(candidates_.size());
    for (uint32_t i = 0; i < candidates_.size(); ++i) {
      const Candidate& c = candidates_[i];
      if (c.own_left.is_zero()) continue;
      const ByteCount protection =
          tier == 2 ? c.protection.emin : Max(c.protection.emin, c.protection.elow);
      turns.push_back({c.priority, i, c.usage.MinusOrZero(protection)});
    }
    return turns;
  }

  void TakeTurn(Candidate* candidate, int tier) {
    const bool ignore_low = tier == 2;
    const ByteCount needed = request_.bytes_needed.MinusOrZero(plan_.total);
    ByteCount most =
        request_.whole_charges ? candidate->own_left : Min(candidate->own_left, needed);
    if (candidate->is_guarded) {
      planned_.Load(candidate->pool);
      most = planned_.LargestEviction(most, ignore_low);
    }
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
    if (candidate->is_guarded) planned_.Evict(victim.evict);
    candidate->own_left = candidate->own_left.MinusOrZero(victim.evict);
    plan_.total = plan_.total.PlusSaturating(victim.evict);
    plan_.victims.push_back(std::move(victim));
  }

  // Charges that fit in `most`, newest first, until `needed` is reached.
  void TakeWholeCharges(Victim* victim, ByteCount most, ByteCount needed) {
    for (Index i = state_.pools[victim->pool].first_item; i != kNone && victim->evict < needed;
         i = state_.items[i].next_in_pool) {
      const ItemRecord& item = state_.items[i];
      if (item.is_reserved || item.bytes.is_zero() || item.bytes > most.MinusOrZero(victim->evict))
        continue;
      if (!whole_items_.insert(i).second) continue;  // Given in tier 1.
      victim->evict = victim->evict.PlusSaturating(item.bytes);
      victim->charges.push_back({item.charge, item.bytes, item.bytes});
    }
  }

  // The newest charges of the pool that make up victim->evict, after those that it has given in
  // tier 1. `own_left`: before this turn.
  void ListCharges(Victim* victim, ByteCount own_left) const {
    const PoolRecord& pool = state_.pools[victim->pool];
    ByteCount given = pool.own.MinusOrZero(pool.own_reservations).MinusOrZero(own_left);
    ByteCount rest = victim->evict;
    for (Index i = pool.first_item; i != kNone && !rest.is_zero();
         i = state_.items[i].next_in_pool) {
      const ItemRecord& item = state_.items[i];
      if (item.is_reserved) continue;
      const ByteCount evict = Min(item.bytes.MinusOrZero(given), rest);
      given = given.MinusOrZero(item.bytes);
      if (evict.is_zero()) continue;
      rest = rest.MinusOrZero(evict);
      victim->charges.push_back({item.charge, item.bytes, evict});
    }
    DMEM_CHECK(
        rest.is_zero());  // I6: the HELD items of a pool are its own bytes but those reserved.
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
