// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The part of Model that says how much more would fit, by trying everything.

#include <algorithm>
#include <functional>

#include "tests/model/model.h"

namespace dmem {
namespace model {

std::vector<const Model::Region*> Model::RegionsFor(const Shape& shape) const {
  std::vector<const Region*> regions;
  const uint64_t below = FindRegion(shape.region)->id;
  for (const Region& region : s_.regions) {
    if (region.is_group || region.is_gone || region.is_cordoned || !IsInRegion(region.id, below))
      continue;
    if (CheckState(region).empty()) regions.push_back(&region);
  }
  return regions;
}

std::vector<Model::Key> Model::CountersFor(const Shape& shape, uint64_t region) const {
  // Cgroups that are not there yet have no limit.
  std::string path = shape.cgroup;
  while (FindCgroup(path) == nullptr) path.resize(std::max<size_t>(path.rfind('/'), 1));
  return Counters(FindCgroup(path)->id, region);
}

bool Model::Fits(const Shape& shape, uint64_t charges) const {
  if (charges == 0) return true;
  size_t live_items = 0;
  for (const auto& [id, charge] : s_.charges) live_items += charge.items.size();
  const size_t missing = shape.cgroup[0] == '@' ? 0 : MissingOn(shape.cgroup) * shape.items;
  if (s_.charges.size() + charges > s_.bounds.charges_max ||
      live_items + charges * shape.items > s_.bounds.items_max ||
      (missing > 0 && s_.cgroups.size() + missing > s_.bounds.cgroups_max)) {
    return false;
  }
  const std::vector<const Region*> regions = RegionsFor(shape);
  std::vector<uint64_t> items(regions.size());  // Of all the charges, in each region.
  const auto passes = [&] {
    Usage usage = usage_;
    for (size_t r = 0; r < regions.size(); ++r) {
      for (const Key& counter : CountersFor(shape, regions[r]->id)) {
        usage[counter] += static_cast<Amount>(items[r]) * shape.bytes;
        if (items[r] > 0 && usage[counter] > BoundOf(counter, ChargeMode::kStrict)) return false;
      }
    }
    return true;
  };
  // Whether they make up whole charges, each item in another region: of as many charges as there
  // are somewhere, no region has more than one item of each.
  const auto are_charges = [&] {
    std::map<std::string, std::pair<uint64_t, uint64_t>> nodes;  // Sum, and most in a region.
    for (size_t r = 0; r < regions.size(); ++r) {
      const std::string node = !shape.same_node           ? "all"
                               : regions[r]->node.empty() ? "/" + regions[r]->name
                                                          : regions[r]->node;
      nodes[node].first += items[r];
      nodes[node].second = std::max(nodes[node].second, items[r]);
    }
    uint64_t sum = 0;
    for (const auto& [node, count] : nodes) {
      if (count.first % shape.items != 0 || count.second > count.first / shape.items) return false;
      sum += count.first / shape.items;
    }
    return sum == charges;
  };
  const std::function<bool(size_t)> try_from = [&](size_t r) {
    if (r == regions.size()) return are_charges() && passes();
    for (items[r] = 0; items[r] <= charges; ++items[r]) {
      if (try_from(r + 1)) return true;
    }
    items[r] = 0;
    return false;
  };
  return try_from(0);
}

uint64_t Model::Hole(const Shape& shape) const {
  uint64_t hole = 0;
  for (const Region* region : RegionsFor(shape)) {
    uint64_t room = kUnlimitedBytes;
    for (const Key& counter : CountersFor(shape, region->id)) {
      const uint64_t bound = BoundOf(counter, ChargeMode::kStrict);
      const uint64_t usage = UsageOf(counter.first, counter.second);
      room = std::min(room, bound > usage ? bound - usage : 0);
    }
    hole = std::max(hole, room);
  }
  return hole;
}

// Only groups that have some of a node's regions and not all can make it hard to divide a node.
bool Model::IsSimple(const Shape& shape) const {
  if (shape.items == 1 || !shape.same_node) return true;
  std::map<std::string, uint64_t> groups;  // By node.
  for (const Region* region : RegionsFor(shape)) {
    const auto [it, is_first] = groups.emplace(region->node, region->parent);
    if (!region->node.empty() && !is_first && it->second != region->parent) return false;
  }
  return true;
}

std::string Model::CheckShape(const Shape& shape) const {
  const Region* region = FindRegion(shape.region);
  if (region == nullptr) return "NOT_FOUND REGION_NOT_FOUND";
  if (shape.items > 1 && !region->is_group) return "FAILED_PRECONDITION WRONG_KIND";
  return CheckCgroup(shape.cgroup);
}

}  // namespace model
}  // namespace dmem
