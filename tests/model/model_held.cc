// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The part of Model that is about what nodes really hold: lists of it, what they measure, and
// charges that move with the mapping of their pods.

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/model/model.h"

namespace dmem {
namespace model {
namespace {

uint64_t MinusOrZero(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

}  // namespace

void Model::NotePeaks() {
  for (const auto& [key, usage] : UsageNow()) {
    Pool& pool = s_.pools[key];
    pool.peak = std::max(pool.peak, usage);
  }
}

uint64_t Model::GrantableOf(const Region& region) const {
  return region.grantable.value_or(region.capacity - region.reserved);
}

uint64_t Model::UnattributedIn(const Region& region) const {
  return MinusOrZero(MinusOrZero(region.device_used, region.reserved), region.attributed);
}

std::string Model::ReportMeasured(const Command& c) {
  if (const std::string error = CheckSession(c.session); !error.empty()) return error;
  const std::string node = c.session == 0 ? "" : s_.sessions[c.session].node;
  const auto is_meant = [&](const Region& region) {
    return c.session == 0 || (!node.empty() && region.bound == node);
  };
  for (const SeenRegion& seen : c.seen_regions) {
    const Region* region = FindRegion(seen.region);
    if (region == nullptr) return "NOT_FOUND REGION_NOT_FOUND";
    if (region->is_group) return "FAILED_PRECONDITION WRONG_KIND";
    if (region->is_gone) return "FAILED_PRECONDITION REGION_GONE";
    if (!is_meant(*region)) return "INVALID_ARGUMENT NODE_MISMATCH";
  }
  std::vector<uint64_t> unknown;
  for (size_t i = 0; i < c.seen_items.size(); ++i) {
    const SeenItem& seen = c.seen_items[i];
    const Region* region = FindRegion(seen.region);
    const Cgroup* cgroup = FindCgroup(seen.cgroup);
    ChargedItem* found = nullptr;
    const auto charge = s_.charges.find(seen.charge_id);
    if (charge != s_.charges.end() && region != nullptr && cgroup != nullptr && is_meant(*region)) {
      for (ChargedItem& item : charge->second.items) {
        if (item.region == region->id && item.cgroup == cgroup->id && !item.is_reserved)
          found = &item;
      }
    }
    if (found == nullptr) {
      unknown.push_back(i);
      continue;
    }
    found->measured = seen.bytes;
    found->measured_at_us = c.time_us;
  }
  for (const SeenRegion& seen : c.seen_regions) {
    Region& region = *FindRegion(seen.region);
    Amount attributed = 0;
    for (const auto& [id, charge] : s_.charges) {
      for (const ChargedItem& item : charge.items) {
        if (item.region != region.id || item.is_reserved) continue;
        attributed += item.measured.value_or(seen.items_measured ? 0 : item.bytes);
      }
    }
    region.attributed = Shown(attributed);
    region.device_used = seen.used;
    region.device_used_at_us = c.time_us;
  }
  is_changed_ = !c.seen_regions.empty() || unknown.size() < c.seen_items.size();
  return absl::StrCat("OK unknown: ", IdsText(unknown));
}

std::string Model::MoveCharge(const Command& c) {
  if (const std::string error = CheckSession(c.session); !error.empty()) return error;
  if (const std::string error = CheckLive(c.charge_id); !error.empty()) return error;
  const std::string node = c.session == 0 ? "" : s_.sessions[c.session].node;
  LiveCharge& charge = s_.charges[c.charge_id];
  const std::string to_error = CheckCgroup(c.parent);
  const Cgroup* to = to_error.empty() ? FindCgroup(c.parent) : nullptr;
  std::vector<size_t> moved;
  bool is_there = false;
  size_t missing_pools = 0;
  for (size_t i = 0; i < charge.items.size(); ++i) {
    const ChargedItem& item = charge.items[i];
    if (c.session != 0 && (node.empty() || RegionOf(item.region)->bound != node)) continue;
    is_there |= to != nullptr && item.cgroup == to->id;
    if (CgroupName(item.cgroup) != c.name) continue;
    moved.push_back(i);
    if (to_error.empty()) missing_pools += MissingPools(c.parent, item.region);
  }
  if (moved.empty() && is_there) return "OK moved=0 freed: ";
  if (moved.empty()) return "NOT_FOUND ITEM_NOT_FOUND";
  if (!to_error.empty()) return to_error;
  const size_t missing = MissingOn(c.parent);
  if ((missing > 0 && s_.cgroups.size() + missing > s_.bounds.cgroups_max) ||
      (missing_pools > 0 && s_.pools.size() + missing_pools > s_.bounds.pools_max)) {
    return "RESOURCE_EXHAUSTED TOO_MANY";
  }
  const uint64_t cgroup = EnsureCgroup(c.parent);
  std::vector<size_t> merged;
  for (const size_t i : moved) {
    ChargedItem& item = charge.items[i];
    const auto there =
        std::find_if(charge.items.begin(), charge.items.end(), [&](const ChargedItem& other) {
          return other.cgroup == cgroup && other.region == item.region &&
                 other.is_reserved == item.is_reserved;
        });
    if (there == charge.items.end()) {
      item.cgroup = cgroup;
      continue;
    }
    there->bytes += item.bytes;
    there->placed_sequence = std::max(there->placed_sequence, item.placed_sequence);
    there->is_listed |= item.is_listed;
    if (item.measured.has_value()) {
      const Amount sum = Amount{there->measured.value_or(0)} + *item.measured;
      // Beyond all memory there is: the next report says what it is.
      if (sum <= kUnlimitedBytes) {
        there->measured = static_cast<uint64_t>(sum);
        there->measured_at_us = std::max(there->measured_at_us, item.measured_at_us);
      }
    }
    merged.push_back(i);
  }
  for (size_t i = merged.size(); i-- > 0;) {
    charge.items.erase(charge.items.begin() + static_cast<int64_t>(merged[i]));
  }
  is_changed_ = true;
  return absl::StrCat("OK moved=", moved.size(), " freed: ", IdsText(Collect()));
}

// ---- Lists ----

template <typename Visit>
void Model::ForEachTold(const std::string& node, const Visit& visit) {
  for (auto& [id, charge] : s_.charges) {
    for (ChargedItem& item : charge.items) {
      const Region& region = *RegionOf(item.region);
      if (node.empty() || region.bound != node || region.is_gone || region.is_unconfirmed) continue;
      visit(id, item);
    }
  }
}

std::string Model::CheckHeld(const HeldItem& held, const std::string& node) const {
  const Region* region = FindRegion(held.region);
  if (region == nullptr) return "NOT_FOUND REGION_NOT_FOUND";
  if (region->is_group) return "FAILED_PRECONDITION WRONG_KIND";
  if (node.empty() || region->bound != node) return "INVALID_ARGUMENT NODE_MISMATCH";
  if (region->is_gone) return "FAILED_PRECONDITION REGION_GONE";
  if (region->is_unconfirmed) return "FAILED_PRECONDITION REGION_STALE";
  return "";
}

int Model::FindHeld(const LiveCharge& charge, const HeldItem& held) const {
  const uint64_t region = FindRegion(held.region)->id;
  std::vector<int> in_region;
  for (size_t i = 0; i < charge.items.size(); ++i) {
    const ChargedItem& item = charge.items[i];
    if (item.region != region || item.is_reserved) continue;
    // A dying one by the path that it had.
    if (s_.cgroups.at(item.cgroup).path == held.cgroup) return static_cast<int>(i);
    in_region.push_back(static_cast<int>(i));
  }
  return in_region.size() == 1 ? in_region[0] : -1;
}

// Bounds, what two items would share counted for each; then counters, as if nothing were given
// back, and with what LOST regions bring.
std::string Model::CheckRoomForHeld(const Command& c, const std::string& node) const {
  size_t charges = 0, items = 0, cgroups = 0, pools = 0, live_items = 0;
  std::map<uint64_t, Amount> added;  // By region or group.
  const auto add = [&](uint64_t region, Amount bytes) {
    for (const uint64_t level : RegionChain(region)) added[level] += bytes;
  };
  for (const auto& [id, charge] : s_.charges) live_items += charge.items.size();
  for (const HeldItem& held : c.held) {
    const auto charge = s_.charges.find(held.charge_id);
    const uint64_t region = FindRegion(held.region)->id;
    const int item = charge == s_.charges.end() ? -1 : FindHeld(charge->second, held);
    if (item >= 0) {
      const ChargedItem& known = charge->second.items[static_cast<size_t>(item)];
      add(region, MinusOrZero(held.bytes, known.bytes));
      continue;
    }
    add(region, held.bytes);
    charges += charge == s_.charges.end();
    ++items;
    cgroups += MissingOn(held.cgroup);
    pools += MissingPools(held.cgroup, region);
  }
  if ((cgroups > 0 && s_.cgroups.size() + cgroups > s_.bounds.cgroups_max) ||
      (pools > 0 && s_.pools.size() + pools > s_.bounds.pools_max) ||
      (charges > 0 && s_.charges.size() + charges > s_.bounds.charges_max) ||
      (items > 0 && live_items + items > s_.bounds.items_max)) {
    return "RESOURCE_EXHAUSTED TOO_MANY";
  }
  for (const Region& region : s_.regions) {
    if (!c.last || node.empty() || region.bound != node || !region.is_lost) continue;
    add(region.parent, UsageOf(kRoot, region.id));
  }
  for (const auto& [level, bytes] : added) {
    if (bytes > 0 && UsageOf(kRoot, level) + bytes > kUnlimitedBytes)
      return "RESOURCE_EXHAUSTED COUNTER_OVERFLOW";
  }
  return "";
}

std::string Model::Reconcile(const Command& c) {
  if (c.session == 0) return "NOT_FOUND SESSION_NOT_FOUND";
  if (const std::string error = CheckSession(c.session); !error.empty()) return error;
  if (c.as_of > s_.sequence) return "INVALID_ARGUMENT AS_OF_IN_FUTURE";
  Session& session = s_.sessions[c.session];
  if (c.part != 0 &&
      (session.next_part != c.part || session.as_of != c.as_of || session.list_id != c.list_id)) {
    return "ABORTED RECONCILE_RESTART";
  }
  for (const HeldItem& held : c.held) {
    if (const std::string error = CheckHeld(held, session.node); !error.empty()) return error;
  }
  if (const std::string error = CheckRoomForHeld(c, session.node); !error.empty()) return error;
  if (c.part == 0) {
    ForEachTold(session.node,
                [](const std::string&, ChargedItem& item) { item.is_listed = false; });
  }
  std::map<std::string, std::string> fresh;  // Ids, by the spent ones.
  std::vector<FoundDifference> found;
  for (const HeldItem& held : c.held) {
    TakeHeld(c, held, &fresh, &found);
    NotePeaks();
  }
  session.next_part = c.part + 1;
  session.as_of = c.as_of;
  session.list_id = c.list_id;
  if (c.last) {
    ReleaseUnlisted(c, session.node, &found);
    for (Region& region : s_.regions) {
      if (!session.node.empty() && region.bound == session.node && !region.is_gone &&
          !region.is_unconfirmed) {
        region.is_lost = false;
      }
    }
    session.next_part = 0;
  }
  is_changed_ = true;
  const std::string freed = IdsText(Collect());
  return absl::StrCat("OK ",
                      absl::StrJoin(found, " ",
                                    [](std::string* out, const FoundDifference& difference) {
                                      out->append(difference.ToString());
                                    }),
                      " freed: ", freed);
}

void Model::TakeHeld(const Command& c, const HeldItem& held,
                     std::map<std::string, std::string>* fresh,
                     std::vector<FoundDifference>* found) {
  FoundDifference difference;
  difference.kind = "RECORDED";
  difference.charge_id = held.charge_id;
  difference.cgroup = held.cgroup;
  difference.region = held.region;
  difference.held = held.bytes;
  const auto charge = s_.charges.find(held.charge_id);
  if (charge == s_.charges.end()) {
    std::string id = held.charge_id;
    const bool is_spent = std::any_of(s_.spent.begin(), s_.spent.end(),
                                      [&](const Spent& spent) { return spent.id == id; });
    if (is_spent) {
      if (fresh->count(id) == 0) {
        const std::string made = absl::StrCat(c.nonce, "-", fresh->size() + 1);
        (*fresh)[id] = made;
      }
      id = (*fresh)[id];
      difference.kind = "RECORDED_ANEW";
      difference.new_id = id;
    }
    if (s_.charges.count(id) == 0) {
      RecordHeld(c, held, id);
    } else {
      s_.charges[id].items.push_back({EnsureCgroup(held.cgroup), FindRegion(held.region)->id,
                                      held.bytes, false, s_.sequence + 1, absl::nullopt, 0, true});
    }
    found->push_back(difference);
    return;
  }
  const int known = FindHeld(charge->second, held);
  if (known < 0) {
    AddHeld(held.charge_id, held, &difference);
    found->push_back(difference);
    return;
  }
  ChargedItem& item = charge->second.items[static_cast<size_t>(known)];
  item.is_listed = true;
  difference.known = item.bytes;
  if (s_.cgroups.at(item.cgroup).path != held.cgroup) {
    difference.known_cgroup = CgroupName(item.cgroup);
    difference.kind = "CGROUP_DIFFERS";
    found->push_back(difference);
  }
  if (item.bytes == held.bytes) return;
  difference.kind = charge->second.is_measured ? "RESIZED" : "SIZE_DIFFERS";
  if (charge->second.is_measured) item.bytes = held.bytes;
  found->push_back(difference);
}

void Model::RecordHeld(const Command& c, const HeldItem& held, const std::string& id) {
  LiveCharge charge;
  charge.items.push_back({EnsureCgroup(held.cgroup), FindRegion(held.region)->id, held.bytes, false,
                          s_.sequence + 1, absl::nullopt, 0, true});
  charge.session = c.session;
  charge.is_preemptible = held.preemptible;
  charge.is_measured = held.is_measured;
  charge.priority = held.priority;
  charge.created_at_us = std::min(held.created_at_us, c.time_us);
  charge.granted_at_us = c.time_us;
  charge.granted_sequence = s_.sequence + 1;
  for (const auto& [other_id, other] : s_.charges) {
    charge.granted_index += other.granted_sequence == charge.granted_sequence;
  }
  charge.owner = held.owner;
  s_.charges[id] = charge;
}

// An item of a charge that is known: committed if it is RESERVED, on the region or the nearest
// group above.
void Model::AddHeld(const std::string& id, const HeldItem& held, FoundDifference* difference) {
  LiveCharge& charge = s_.charges[id];
  const uint64_t region = FindRegion(held.region)->id;
  size_t reserved = charge.items.size();
  for (const uint64_t level : RegionChain(region)) {
    for (size_t i = 0; i < charge.items.size() && reserved == charge.items.size(); ++i) {
      const ChargedItem& item = charge.items[i];
      if (item.is_reserved && item.region == level && CgroupName(item.cgroup) == held.cgroup)
        reserved = i;
    }
  }
  const bool is_committed = reserved < charge.items.size();
  charge.items.push_back({EnsureCgroup(held.cgroup), region, held.bytes, false, s_.sequence + 1,
                          absl::nullopt, 0, true});
  if (!is_committed) return;
  difference->kind = "COMMITTED";
  ChargedItem& item = charge.items[reserved];
  difference->known = item.bytes;
  // What is on the region itself is used up, whatever its size.
  item.bytes = item.region == region ? 0 : MinusOrZero(item.bytes, held.bytes);
  if (item.bytes == 0) charge.items.erase(charge.items.begin() + static_cast<int64_t>(reserved));
}

void Model::ReleaseUnlisted(const Command& c, const std::string& node,
                            std::vector<FoundDifference>* found) {
  struct Unlisted {
    uint64_t granted_sequence, granted_index, region, cgroup;
    std::string id;
  };
  std::vector<Unlisted> all;
  ForEachTold(node, [&](const std::string& id, ChargedItem& item) {
    const bool is_listed = item.is_listed;
    item.is_listed = false;
    if (is_listed || item.is_reserved || item.placed_sequence > c.as_of) return;
    const LiveCharge& charge = s_.charges[id];
    all.push_back({charge.granted_sequence, charge.granted_index, item.region, item.cgroup, id});
  });
  std::sort(all.begin(), all.end(), [](const Unlisted& a, const Unlisted& b) {
    return std::tie(a.granted_sequence, a.granted_index, a.region, a.cgroup) <
           std::tie(b.granted_sequence, b.granted_index, b.region, b.cgroup);
  });
  for (const Unlisted& one : all) {
    LiveCharge& charge = s_.charges[one.id];
    const auto item =
        std::find_if(charge.items.begin(), charge.items.end(), [&](const ChargedItem& other) {
          return other.region == one.region && other.cgroup == one.cgroup && !other.is_reserved;
        });
    FoundDifference difference;
    difference.kind = "RELEASED";
    difference.charge_id = one.id;
    difference.cgroup = CgroupName(one.cgroup);
    difference.region = RegionName(*RegionOf(one.region));
    difference.known = item->bytes;
    charge.items.erase(item);
    charge.is_partial = true;
    difference.charge_ended = charge.items.empty();
    if (difference.charge_ended) {
      const int64_t created_at_us = charge.created_at_us;
      s_.charges.erase(one.id);
      Spend(one.id, created_at_us, c.time_us);
    }
    found->push_back(difference);
  }
}

}  // namespace model
}  // namespace dmem
