// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/headroom.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "core/details.h"
#include "core/errors.h"

namespace dmem {
namespace {

// All amounts are counted in items of the shape: what fits at a level is its room / bytes.

// A group with regions in question, or above the group asked for. Parents come first; the first is
// no group but what all is below.
struct Level {
  Index group = kNone;
  size_t parent = 0;
  ByteCount room;       // What every counter of the cgroup's walk at this level would grant.
  ByteCount path_room;  // Those above included.
  uint64_t fits = 0;    // Items, before anything is placed.
  uint64_t placed = 0;
  uint64_t left() const { return fits - placed; }
};

struct Leaf {
  Index region = kNone;
  size_t level = 0;  // That it is right below.
  size_t node = 0;
  ByteCount room;
  uint64_t fits = 0;
  uint64_t placed = 0;
  uint64_t left() const { return fits - placed; }
};

// Regions among which a charge chooses: all of them or, with same_node, a node's.
struct Choice {
  absl::string_view node;
  std::vector<size_t> leaves;
  std::vector<size_t> levels;  // Above them; descending, so children come first.
  uint64_t alone =
      uint64_t{1} << 32;  // Charges, if no other node had any: no region has more items.
  uint64_t count = 0;
};

class Finder {
 public:
  Finder(const State& state, const HeadroomRequest& request) : state_(state), request_(request) {}

  Headroom Find() {
    Collect();
    MakeChoices();
    FindFree();
    const uint64_t objects = CountByObjects();
    const absl::string_view bounded_by = answer_.bounded_by;
    answer_.bounded_by = absl::string_view();
    FindBounds(objects);
    // Node by node, each as many as the limits still pass. Where these are laminar in nodes too,
    // all orders of nodes lead to the same, the largest, count.
    for (Choice& choice : choices_) {
      choice.count = LargestCount(choice, objects - answer_.count);
      Place(choice, choice.count);
      answer_.count += choice.count;
    }
    if (answer_.count == answer_.count_at_most) answer_.is_exact = true;
    if (answer_.is_exact) answer_.count_at_most = answer_.count;
    if (answer_.count == objects && FitsOneMore()) answer_.bounded_by = bounded_by;
    if (answer_.bounded_by.empty()) FindLimits();
    ListPlaces();
    if (!answer_.free.is_unlimited()) {
      answer_.unusable =
          answer_.free.MinusOrZero(request_.bytes.TimesSaturating(answer_.count * request_.items));
    } else {
      answer_.unusable = kUnlimited;
    }
    return std::move(answer_);
  }

 private:
  // --- What there is.

  void Collect() {
    levels_.push_back({kNone, 0, kUnlimited, kUnlimited, 0, 0});
    const RegionRecord& asked = state_.regions[request_.region];
    if (!asked.is_group) {
      AddRegion(request_.region, AddChain(asked.parent));
    } else {
      below_[request_.region] = AddChain(request_.region);
      for (Index r = state_.scalars.first_region; r != kNone; r = state_.regions[r].next) {
        if (state_.regions[r].is_group) continue;
        const size_t level = LevelBelow(state_.regions[r].parent);
        if (level != 0) AddRegion(r, level);
      }
    }
    for (Level& level : levels_) level.fits = level.room.HowMany(request_.bytes);
    for (Leaf& leaf : leaves_) leaf.fits = leaf.room.HowMany(request_.bytes);
  }

  // The group and those above it.
  size_t AddChain(Index group) {
    return group == kNone ? 0 : AddLevel(group, AddChain(state_.regions[group].parent));
  }

  size_t AddLevel(Index group, size_t parent) {
    const ByteCount room = RoomIn(group);
    levels_.push_back({group, parent, room, Min(room, levels_[parent].path_room), 0, 0});
    return levels_.size() - 1;
  }

  // The level of a group if it is the one asked for or below it, else 0.
  size_t LevelBelow(Index group) {
    if (group == kNone) return 0;
    const auto it = below_.find(group);
    if (it != below_.end()) return it->second;
    const size_t parent = LevelBelow(state_.regions[group].parent);
    return below_[group] = parent == 0 ? 0 : AddLevel(group, parent);
  }

  void AddRegion(Index region, size_t level) {
    const RegionRecord& record = state_.regions[region];
    const ByteCount room = RoomIn(region);
    const absl::Status takes_charges = CheckTakesCharges(state_, region, record.name.view());
    if (!takes_charges.ok()) {
      NoteLeftOut(FactsOf(takes_charges).reason, record.is_gone ? ByteCount() : room);
      return;
    }
    const ByteCount hole = Min(room, levels_[level].path_room);
    if (hole > answer_.hole) {
      answer_.hole = hole;
      answer_.hole_region = region;
    }
    leaves_.push_back({region, level, 0, room, 0, 0});
  }

  void NoteLeftOut(std::string reason, ByteCount free) {
    auto it = std::find_if(answer_.left_out.begin(), answer_.left_out.end(),
                           [&](const HeadroomLeftOut& any) { return any.reason == reason; });
    if (it == answer_.left_out.end()) {
      it = answer_.left_out.insert(it, {std::move(reason), 0, ByteCount()});
    }
    ++it->regions;
    it->free = it->free.PlusSaturating(free);
  }

  // Calls `visit(pool, usage, max)` for each counter of the cgroup's walk at one level, up from the
  // nearest pool that exists: those in between would be new, so empty and unlimited.
  template <typename Visit>
  void ForEachCounter(Index region, const Visit& visit) const {
    Index pool = kNone;
    for (Index at = request_.cgroup.cgroup; pool == kNone; at = state_.cgroups[at].parent) {
      pool = state_.FindPool(at, region);  // The root has one everywhere.
    }
    for (; pool != kNone; pool = state_.pools[pool].counter.parent) {
      const PoolRecord& record = state_.pools[pool];
      // No counter, whatever its max and enforcement, passes 2^63-1.
      const ByteCount max = record.is_observed ? kUnlimited : record.counter.max;
      visit(pool, record.counter.usage, max);
    }
  }

  ByteCount RoomIn(Index region) const {
    ByteCount room = kUnlimited;
    ForEachCounter(region, [&room](Index, ByteCount usage, ByteCount max) {
      room = Min(room, max.MinusOrZero(usage));
    });
    return room;
  }

  void MakeChoices() {
    sums_.resize(levels_.size());
    passing_.resize(levels_.size());
    if (!request_.same_node) {
      choices_.emplace_back();
      for (size_t i = 0; i < leaves_.size(); ++i) choices_[0].leaves.push_back(i);
    } else {
      absl::flat_hash_map<absl::string_view, size_t> nodes;
      for (size_t i = 0; i < leaves_.size(); ++i) {
        const RegionRecord& region = state_.regions[leaves_[i].region];
        const absl::string_view node = DecodeRegionAttributes(region.attributes.view()).node;
        size_t choice = choices_.size();
        if (!node.empty()) choice = nodes.emplace(node, choice).first->second;
        if (choice == choices_.size()) choices_.emplace_back();
        choices_[choice].node = node;
        choices_[choice].leaves.push_back(i);
        leaves_[i].node = choice;
      }
    }
    for (Choice& choice : choices_) {
      std::vector<size_t>& levels = choice.levels;
      for (const size_t i : choice.leaves) {
        for (size_t level = leaves_[i].level; !Has(levels, level); level = levels_[level].parent) {
          Insert(&levels, level);
        }
      }
    }
  }

  // Sorted, descending.
  static bool Has(const std::vector<size_t>& levels, size_t level) {
    return std::binary_search(levels.begin(), levels.end(), level, std::greater<size_t>());
  }
  static void Insert(std::vector<size_t>* levels, size_t level) {
    levels->insert(std::lower_bound(levels->begin(), levels->end(), level, std::greater<size_t>()),
                   level);
  }

  // What charges of any sizes could take: at each level what is below it, up to its own room.
  void FindFree() {
    std::vector<ByteCount> sums(levels_.size());
    for (const Leaf& leaf : leaves_) sums[leaf.level] = sums[leaf.level].PlusSaturating(leaf.room);
    for (size_t i = levels_.size(); --i > 0;) {
      const Level& level = levels_[i];
      sums[level.parent] = sums[level.parent].PlusSaturating(Min(level.room, sums[i]));
    }
    answer_.free = sums[0];
  }

  // The most charges that the bounds on objects allow; leaves in bounded_by which does.
  uint64_t CountByObjects() {
    const StateScalars& s = state_.scalars;
    const auto left = [](uint64_t bound, uint64_t count) {
      return bound > count ? bound - count : 0;
    };
    uint64_t count = uint64_t{1} << 32;  // More charges than indices: sums stay far below 2^64.
    const auto bound_by = [&](absl::string_view objects, uint64_t more) {
      if (more >= count) return;
      count = more;
      answer_.bounded_by = objects;
    };
    // As a charge counts them: for each item. Those of the first charge are there for the next.
    const uint64_t cgroups_left = left(s.settings.cgroups_max, s.cgroups);
    if (request_.cgroup.missing * request_.items > cgroups_left) bound_by("cgroups", 0);
    if (request_.cgroup.missing > cgroups_left || s.charges >= s.settings.charges_max ||
        s.items >= s.settings.items_max) {
      answer_.hole = ByteCount();  // No charge at all would be granted.
      answer_.hole_region = kNone;
    }
    bound_by("charges", left(s.settings.charges_max, s.charges));
    bound_by("charge items", left(s.settings.items_max, s.items) / request_.items);
    return count;
  }

  // --- How many fit. Charges that each take `items` of a choice's regions, no region twice, exist
  // for exactly those numbers of items a region that sum up to count x items and are at most count
  // each (taking the regions with most items left, one charge after the other, never gets stuck).
  // So count charges fit if the limits, which are laminar, pass so many items with at most count a
  // region. That is concave in count, so what fits is an interval from 0.

  // Sends `from(leaf)` items through each region of the choice; returns how many pass all levels.
  // Leaves in sums_ what comes from below a level, and in passing_ what it passes on.
  template <typename From>
  uint64_t Pass(const Choice& choice, const From& from) {
    for (const size_t l : choice.levels) sums_[l] = 0;
    for (const size_t i : choice.leaves) sums_[leaves_[i].level] += from(leaves_[i]);
    for (const size_t l : choice.levels) {
      passing_[l] = std::min(levels_[l].left(), sums_[l]);
      if (l != 0) sums_[levels_[l].parent] += passing_[l];
    }
    return passing_[0];
  }

  uint64_t PassUpTo(const Choice& choice, uint64_t each) {
    return Pass(choice, [each](const Leaf& leaf) { return std::min(leaf.left(), each); });
  }

  uint64_t LargestCount(const Choice& choice, uint64_t bound) {
    if (choice.leaves.size() < request_.items) return 0;
    uint64_t low = 0, high = std::min(bound, PassUpTo(choice, bound) / request_.items);
    while (low < high) {
      const uint64_t middle = high - (high - low) / 2;
      if (PassUpTo(choice, middle) >= middle * request_.items) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  }

  bool FitsOneMore() {
    for (const Choice& choice : choices_) {
      if (LargestCount(choice, 1) == 1) return true;
    }
    return false;
  }

  // REQUIRES: that many charges fit.
  void Place(const Choice& choice, uint64_t count) {
    if (count == 0) return;
    PassUpTo(choice, count);
    // Downwards: what is wanted of a level is taken from those below it, in order.
    std::vector<uint64_t>& wanted = passing_;
    wanted[0] = count * request_.items;
    for (auto l = choice.levels.rbegin(); l != choice.levels.rend(); ++l) {
      if (*l == 0) continue;
      uint64_t& above = wanted[levels_[*l].parent];
      wanted[*l] = std::min(wanted[*l], above);
      above -= wanted[*l];
      levels_[*l].placed += wanted[*l];
    }
    levels_[0].placed += count * request_.items;
    for (const size_t i : choice.leaves) {
      Leaf& leaf = leaves_[i];
      const uint64_t items = std::min({leaf.left(), count, wanted[leaf.level]});
      wanted[leaf.level] -= items;
      leaf.placed += items;
    }
  }

  // --- Whether that is the most there can be.

  // Sets is_exact, and count_at_most where it is not. Before anything is placed.
  void FindBounds(uint64_t objects) {
    answer_.count_at_most = objects;
    if (!request_.same_node) return;
    uint64_t sum = 0;
    Choice all;  // Without the nodes, but with what each could have alone as a bound.
    for (Choice& choice : choices_) {
      choice.alone = LargestCount(choice, objects);
      sum += choice.alone;
      all.leaves.insert(all.leaves.end(), choice.leaves.begin(), choice.leaves.end());
    }
    for (size_t l = levels_.size(); l-- > 0;) all.levels.push_back(l);
    const uint64_t items = Pass(all, [this](const Leaf& leaf) { return MostItems(leaf); });
    answer_.count_at_most = std::min({objects, sum, items / request_.items});
    answer_.is_exact = request_.items == 1 || !LimitsCrossNodes();
  }

  // Whether a limit that can bind has below it some of the regions of a node, not all, and others.
  // REQUIRES: sums_ is what could come from below each level.
  bool LimitsCrossNodes() const {
    constexpr size_t kNobody = static_cast<size_t>(-1), kMany = static_cast<size_t>(-2);
    std::vector<size_t> owners(levels_.size(), kNobody);
    const auto add = [&owners](size_t level, size_t owner) {
      if (owner != kNobody)
        owners[level] = owners[level] == kNobody || owners[level] == owner ? owner : kMany;
    };
    for (const Leaf& leaf : leaves_) {
      if (MostItems(leaf) > 0) add(leaf.level, leaf.node);
    }
    for (size_t l = levels_.size(); --l > 0;) add(levels_[l].parent, owners[l]);
    for (const Choice& choice : choices_) {
      size_t shared = kNobody;  // The lowest limit that the node has in common with others.
      for (const size_t i : choice.leaves) {
        if (MostItems(leaves_[i]) == 0) continue;
        size_t l = leaves_[i].level;
        while (l != 0 && (owners[l] != kMany || levels_[l].fits >= sums_[l])) l = levels_[l].parent;
        if (shared != kNobody && shared != l) return true;
        shared = l;
      }
    }
    return false;
  }

  // What a region could ever have.
  uint64_t MostItems(const Leaf& leaf) const {
    return std::min(leaf.fits, choices_[leaf.node].alone);
  }

  // --- What stops one more.

  void FindLimits() {
    std::vector<std::vector<HeadroomLimit>> sets;
    for (const Choice& choice : choices_) {
      if (choice.leaves.size() >= request_.items) sets.push_back(LimitsOf(choice));
    }
    answer_.too_few_regions = sets.empty();
    std::stable_sort(sets.begin(), sets.end(),
                     [](const auto& a, const auto& b) { return a.size() < b.size(); });
    std::vector<std::vector<Index>> listed;
    absl::flat_hash_map<Index, size_t> positions;
    for (const std::vector<HeadroomLimit>& set : sets) {
      if (answer_.limits.size() >= Headroom::kLimitsMax) break;
      std::vector<Index> pools;
      pools.reserve(set.size());
      for (const HeadroomLimit& limit : set) pools.push_back(limit.pool);
      std::sort(pools.begin(), pools.end());
      // A node that is stopped by more than what stops another is not what one more waits for.
      if (std::any_of(listed.begin(), listed.end(), [&pools](const std::vector<Index>& fewer) {
            return fewer.size() < pools.size() &&
                   std::includes(pools.begin(), pools.end(), fewer.begin(), fewer.end());
          })) {
        continue;
      }
      listed.push_back(std::move(pools));
      for (const HeadroomLimit& limit : set) {
        const auto [at, is_new] = positions.emplace(limit.pool, answer_.limits.size());
        if (is_new) {
          answer_.limits.push_back(limit);
        } else {
          ByteCount& short_by = answer_.limits[at->second].short_by;
          short_by = Max(short_by, limit.short_by);
        }
      }
    }
    if (answer_.limits.size() > Headroom::kLimitsMax) answer_.limits.resize(Headroom::kLimitsMax);
  }

  // Top down: what one more charge lacks at a level is asked of everything below it.
  std::vector<HeadroomLimit> LimitsOf(const Choice& choice) {
    PassUpTo(choice, 1);
    regions_below_.resize(levels_.size());
    for (const size_t l : choice.levels) regions_below_[l] = 0;
    for (const size_t i : choice.leaves) ++regions_below_[leaves_[i].level];
    for (const size_t l : choice.levels) {
      if (l != 0) regions_below_[levels_[l].parent] += regions_below_[l];
    }
    std::vector<uint64_t>& lacking = sums_;
    std::vector<HeadroomLimit> limits;
    for (auto l = choice.levels.rbegin(); l != choice.levels.rend(); ++l) {
      const Level& level = levels_[*l];
      const uint64_t wanted =
          *l == 0 ? request_.items
                  : std::min(passing_[*l] + lacking[level.parent], regions_below_[*l]);
      if (*l != 0 && wanted > level.left()) AddLimits(level.group, level.placed + wanted, &limits);
      lacking[*l] = wanted - std::min(wanted, sums_[*l]);
    }
    const auto first_region = static_cast<ptrdiff_t>(limits.size());
    for (const size_t i : choice.leaves) {
      const Leaf& leaf = leaves_[i];
      if (lacking[leaf.level] > 0 && leaf.left() == 0) {
        AddLimits(leaf.region, leaf.placed + 1, &limits);
      }
    }
    std::stable_sort(
        limits.begin() + first_region, limits.end(),
        [](const HeadroomLimit& a, const HeadroomLimit& b) { return a.short_by < b.short_by; });
    return limits;
  }

  // The counters at one level that do not have room for so many items.
  void AddLimits(Index region, uint64_t items, std::vector<HeadroomLimit>* limits) const {
    const ByteCount needed = request_.bytes.TimesSaturating(items);
    ForEachCounter(region, [&](Index pool, ByteCount usage, ByteCount max) {
      const ByteCount short_by = needed > max ? usage.PlusSaturating(needed.MinusOrZero(max))
                                              : usage.MinusOrZero(max.MinusOrZero(needed));
      if (!short_by.is_zero()) limits->push_back({pool, short_by});
    });
  }

  // --- The answer.

  void ListPlaces() {
    std::vector<const Choice*> used;
    for (const Choice& choice : choices_) {
      if (choice.count > 0) used.push_back(&choice);
    }
    std::stable_sort(used.begin(), used.end(),
                     [](const Choice* a, const Choice* b) { return a->count > b->count; });
    if (request_.same_node) answer_.nodes_total = used.size();
    for (const Choice* choice : used) {
      if (request_.same_node && answer_.nodes.size() < Headroom::kListedMax) {
        answer_.nodes.push_back({choice->node, choice->count});
      }
      ListPlacesOf(*choice);
    }
  }

  void ListPlacesOf(const Choice& choice) {
    std::vector<HeadroomPlace> places;
    for (const size_t i : choice.leaves) {
      if (leaves_[i].placed > 0) places.push_back({leaves_[i].region, leaves_[i].placed});
    }
    std::stable_sort(
        places.begin(), places.end(),
        [](const HeadroomPlace& a, const HeadroomPlace& b) { return a.items > b.items; });
    answer_.places_total += places.size();
    const size_t room = Headroom::kListedMax - answer_.places.size();
    if (places.size() > room) places.resize(room);
    answer_.places.insert(answer_.places.end(), places.begin(), places.end());
  }

  const State& state_;
  const HeadroomRequest& request_;
  Headroom answer_;
  std::vector<Level> levels_;
  std::vector<Leaf> leaves_;  // In order of registration.
  std::vector<Choice> choices_;
  absl::flat_hash_map<Index, size_t> below_;  // Levels of groups; 0: not below the one asked for.
  std::vector<uint64_t> sums_, passing_, regions_below_;  // By level.
};

}  // namespace

Headroom FindHeadroom(const State& state, const HeadroomRequest& request) {
  return Finder(state, request).Find();
}

}  // namespace dmem
