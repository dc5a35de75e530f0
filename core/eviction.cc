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
#include "absl/container/node_hash_map.h"
#include "absl/strings/string_view.h"
#include "core/check.h"
#include "core/eviction_candidates.h"
#include "core/planned_state.h"
#include "core/protection.h"

namespace dmem {
namespace {

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

// Sorts turns by the names of their candidates, as far as asked, eight bytes at a time. Most begin
// with the path of a cgroup that many others are below too, and by that most are told apart: a name
// itself, somewhere else in memory for each, is read where no path has decided.
class NameSorter {
 public:
  NameSorter(const State& state, const std::vector<Candidate>& candidates)
      : state_(state), candidates_(candidates) {}

  // Begins with `size` other turns; they stay the caller's.
  void Begin(Turn* turns, size_t size) {
    turns_ = turns;
    sorted_ = 0;
    keys_.clear();
    keys_.reserve(size);
    for (size_t i = 0; i < size; ++i) {
      keys_.push_back({0, turns[i], &PathOf(candidates_[turns[i].candidate].named_after)});
    }
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
    const std::string* path;  // With which the name begins.
  };

  // The path of a cgroup with a '/' at its end; of a dying one, below which nothing has a path, its
  // name.
  const std::string& PathOf(Index cgroup) {
    std::string& path = paths_[cgroup];
    if (path.empty()) {
      path = state_.CgroupName(cgroup);
      if (path.back() != '/' && !state_.cgroups[cgroup].is_dying) path += '/';
    }
    return path;
  }
  const std::string& RegionName(Index region) const {
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

  // Eight bytes of the name as a number in their order. The name: the cgroup's, NUL, the region's,
  // and NULs after its end.
  uint64_t PartOf(const Key& key, size_t offset) const {
    unsigned char bytes[8] = {};
    if (offset + sizeof(bytes) <= key.path->size()) {
      std::memcpy(bytes, key.path->data() + offset, sizeof(bytes));
    } else {
      CopyPart(key, offset, bytes);
    }
    uint64_t part = 0;
    for (const unsigned char byte : bytes) part = part << 8 | byte;
    return part;
  }

  void CopyPart(const Key& key, size_t offset, unsigned char (&bytes)[8]) const {
    size_t copied = 0;
    // Returns whether there is room for more.
    const auto copy = [&](absl::string_view piece) {
      const size_t from = std::min(offset, piece.size());
      const size_t size = std::min(piece.size() - from, sizeof(bytes) - copied);
      std::memcpy(bytes + copied, piece.data() + from, size);
      copied += size;
      offset -= from;
      return copied < sizeof(bytes);
    };
    if (!copy(*key.path)) return;
    const Candidate& candidate = candidates_[key.turn.candidate];
    if (candidate.named_after != candidate.cgroup &&
        !copy(state_.cgroups[candidate.cgroup].name.view())) {
      return;
    }
    if (copy(absl::string_view("", 1))) copy(RegionName(candidate.region));
  }

  const State& state_;
  const std::vector<Candidate>& candidates_;
  Turn* turns_ = nullptr;
  size_t sorted_ = 0;
  std::vector<Key> keys_;
  absl::node_hash_map<Index, std::string> paths_;  // Keys point to them.
  mutable absl::flat_hash_map<Index, std::string> region_names_;
};

class Planner {
 public:
  Planner(const State& state, const EvictRequest& request)
      : state_(state),
        request_(request),
        limit_(request.limit == kNone ? kRootCgroup : request.limit),
        planned_(state, limit_) {}

  EvictPlan Plan() {
    candidates_ = CollectCandidates(state_, request_, limit_);
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
