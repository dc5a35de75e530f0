// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The part of Model that is about reservations and the release of charges.

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/model/model.h"

namespace dmem {
namespace model {
namespace {

constexpr size_t kCommitsMax = 64;

}  // namespace

std::string Model::CheckLive(const std::string& charge_id) const {
  if (s_.charges.count(charge_id) > 0) return "";
  const bool spent = std::any_of(s_.spent.begin(), s_.spent.end(),
                                 [&](const Spent& one) { return one.id == charge_id; });
  return spent ? "FAILED_PRECONDITION ALREADY_RELEASED" : "NOT_FOUND CHARGE_NOT_FOUND";
}

std::string Model::CheckPlacement(const LiveCharge& charge, const Placement& placement,
                                  size_t* item) const {
  const Region* region = FindRegion(placement.region);
  if (region == nullptr) return "NOT_FOUND REGION_NOT_FOUND";
  if (region->is_group) return "FAILED_PRECONDITION WRONG_KIND";
  std::vector<uint64_t> places = RegionChain(region->id);  // Where the item may be.
  if (!placement.reserved_in.empty()) {
    const Region* named = FindRegion(placement.reserved_in);
    places.clear();
    if (named != nullptr) places.push_back(named->id);
  }
  *item = charge.items.size();
  for (const uint64_t place : places) {
    for (size_t i = 0; i < charge.items.size() && *item == charge.items.size(); ++i) {
      const ChargedItem& one = charge.items[i];
      if (one.is_reserved && one.region == place && CgroupName(one.cgroup) == placement.cgroup)
        *item = i;
    }
  }
  if (*item == charge.items.size()) return "NOT_FOUND ITEM_NOT_FOUND";
  const ChargedItem& from = charge.items[*item];
  if (!IsInRegion(region->id, from.region)) return "FAILED_PRECONDITION NOT_A_MEMBER";
  if (region->is_gone) return "FAILED_PRECONDITION REGION_GONE";
  if (placement.incarnation.has_value() && *placement.incarnation != region->incarnation)
    return "ABORTED INCARNATION_MISMATCH";
  if (region->is_cordoned && region->id != from.region)
    return "FAILED_PRECONDITION REGION_CORDONED";
  if (region->id != from.region) {
    if (std::string error = CheckState(*region); !error.empty()) return error;
  }
  if (s_.cgroups.at(from.cgroup).is_dying) return "FAILED_PRECONDITION CGROUP_DYING";
  return "";
}

// Bounds, then counters. `from`: of each placement, its item.
std::string Model::WalkCommit(const Command& c, const LiveCharge& charge,
                              const std::vector<size_t>& from, std::string* would_refuse) {
  std::vector<Ask> asks;
  size_t added = 0, missing_pools = 0;
  for (size_t i = 0; i < from.size(); ++i) {
    const ChargedItem& item = charge.items[from[i]];
    Ask ask;
    ask.index = i;
    ask.cgroup = item.cgroup;
    ask.region = c.placements.empty() ? item.region : FindRegion(c.placements[i].region)->id;
    ask.bytes = c.placements.empty() ? item.bytes : c.placements[i].bytes;
    ask.cgroup_name = c.placements.empty() ? "" : c.placements[i].cgroup;
    ask.region_name = c.placements.empty() ? "" : c.placements[i].region;
    ask.below = item.region;
    asks.push_back(ask);
    if (ask.region == item.region) continue;
    ++added;  // Also where it will be merged.
    missing_pools += MissingPools(CgroupName(ask.cgroup), ask.region);
  }
  size_t live_items = added;
  for (const auto& [id, one] : s_.charges) live_items += one.items.size();
  if ((missing_pools > 0 && s_.pools.size() + missing_pools > s_.bounds.pools_max) ||
      (added > 0 && live_items > s_.bounds.items_max)) {
    return "RESOURCE_EXHAUSTED TOO_MANY";
  }
  return Walk(asks, UsageNow(), ChargeMode::kStrict, would_refuse);
}

// Makes bytes that were taken off `from` HELD on `region`.
void Model::Hold(LiveCharge* charge, size_t from, uint64_t region, uint64_t bytes) {
  ChargedItem& source = charge->items[from];
  for (ChargedItem& item : charge->items) {
    if (item.is_reserved || item.cgroup != source.cgroup || item.region != region) continue;
    item.bytes += bytes;
    item.placed_sequence = s_.sequence + 1;
    return;
  }
  if (source.region == region) {
    source.bytes = bytes;
    source.is_reserved = false;
    source.placed_sequence = s_.sequence + 1;
  } else {
    charge->items.push_back({source.cgroup, region, bytes, false, s_.sequence + 1});
  }
}

std::string Model::Commit(const Command& c) {
  if (std::string error = CheckLive(c.charge_id); !error.empty()) return error;
  LiveCharge charge = s_.charges[c.charge_id];
  Command sent;  // What makes two commits of one id the same.
  sent.kind = Kind::kCommit;
  sent.placements = c.placements;
  const auto seen = charge.commits.find(c.commit_id);
  if (seen != charge.commits.end()) {
    return seen->second == sent.ToString() ? "OK replayed" : "ALREADY_EXISTS COMMIT_ID_IN_USE";
  }
  if (!charge.is_reserved()) return "FAILED_PRECONDITION NOT_RESERVED";
  if (charge.commits.size() >= kCommitsMax) return "RESOURCE_EXHAUSTED TOO_MANY";
  std::vector<size_t> from;
  std::map<size_t, Amount> asked;
  for (const Placement& placement : c.placements) {
    size_t item = 0;
    std::string error = CheckPlacement(charge, placement, &item);
    if (!error.empty()) return error;
    asked[item] += placement.bytes;
    if (asked[item] > charge.items[item].bytes) return "FAILED_PRECONDITION RESERVATION_TOO_SMALL";
    from.push_back(item);
  }
  if (c.placements.empty()) {
    for (size_t i = 0; i < charge.items.size(); ++i) {
      const ChargedItem& item = charge.items[i];
      if (item.is_reserved && !RegionOf(item.region)->is_group) from.push_back(i);
    }
    if (from.empty()) return "FAILED_PRECONDITION PLACEMENT_MISSING";
  }
  std::string would_refuse;
  std::string refused = WalkCommit(c, charge, from, &would_refuse);
  if (!refused.empty()) return refused;

  const std::vector<ChargedItem> before = charge.items;
  Amount placed = 0, given_back = 0;
  std::vector<uint64_t> regions, bytes;
  for (size_t i = 0; i < from.size(); ++i) {
    const ChargedItem& item = before[from[i]];
    regions.push_back(c.placements.empty() ? item.region : FindRegion(c.placements[i].region)->id);
    bytes.push_back(c.placements.empty() ? item.bytes : c.placements[i].bytes);
    placed += bytes[i];
    charge.items[from[i]].bytes -= bytes[i];
  }
  for (const size_t used : std::set<size_t>(from.begin(), from.end())) {
    ChargedItem& item = charge.items[used];
    if (RegionOf(item.region)->is_group) continue;
    given_back += item.bytes;
    item.bytes = 0;
  }
  for (size_t i = 0; i < from.size(); ++i) Hold(&charge, from[i], regions[i], bytes[i]);
  for (size_t i = before.size(); i-- > 0;) {
    const bool is_used = std::count(from.begin(), from.end(), i) > 0;
    if (is_used && charge.items[i].is_reserved && charge.items[i].bytes == 0)
      charge.items.erase(charge.items.begin() + static_cast<int64_t>(i));
  }
  charge.commits[c.commit_id] = sent.ToString();
  s_.charges[c.charge_id] = charge;
  is_changed_ = true;
  return absl::StrCat("OK placed=", Shown(placed), " given_back=", Shown(given_back), would_refuse);
}

Model::Amount Model::GiveBack(const std::string& charge_id, int64_t time_us) {
  LiveCharge& charge = s_.charges[charge_id];
  Amount bytes = 0;
  std::vector<ChargedItem> kept;
  for (const ChargedItem& item : charge.items) {
    if (item.is_reserved) {
      bytes += item.bytes;
    } else {
      kept.push_back(item);
    }
  }
  charge.items = kept;
  if (kept.empty()) {
    const int64_t created_at_us = charge.created_at_us;
    s_.charges.erase(charge_id);
    Spend(charge_id, created_at_us, time_us);
  }
  return bytes;
}

std::string Model::Cancel(const Command& c) {
  const std::string error = CheckLive(c.charge_id);
  if (error == "FAILED_PRECONDITION ALREADY_RELEASED") return "OK ALREADY 0 freed: ";
  if (!error.empty()) {
    Spend(c.charge_id, absl::nullopt, c.time_us);
    return "OK NEVER_SEEN 0 freed: ";
  }
  if (!s_.charges[c.charge_id].is_reserved()) return "OK NOTHING_RESERVED 0 freed: ";
  const Amount bytes = GiveBack(c.charge_id, c.time_us);
  const std::string freed = IdsText(Collect());
  return absl::StrCat("OK CANCELLED ", Shown(bytes), " freed: ", freed);
}

std::string Model::Renew(const Command& c) {
  if (std::string error = CheckLive(c.charge_id); !error.empty()) return error;
  LiveCharge& charge = s_.charges[c.charge_id];
  if (!charge.is_reserved()) return "FAILED_PRECONDITION NOT_RESERVED";
  charge.expires_at_us = ServiceTime(c.time_us + c.ttl_us);
  return "OK";
}

std::string Model::RequestRelease(const Command& c) {
  std::vector<std::string> outcomes;
  for (const std::string& id : c.charge_ids) {
    std::string error = CheckLive(id);
    if (error == "FAILED_PRECONDITION ALREADY_RELEASED") {
      outcomes.push_back("RELEASED");
      continue;
    }
    if (!error.empty()) return error;
    LiveCharge& charge = s_.charges[id];
    if (charge.is_reserved()) return "FAILED_PRECONDITION NOT_HELD";
    outcomes.push_back(charge.release.empty() ? "REQUESTED" : "REQUESTED_BEFORE");
    if (charge.release.empty()) {
      charge.release = absl::StrCat(c.time_us, " by ", c.owner, ": ", c.reason);
    }
  }
  return absl::StrCat("OK ", absl::StrJoin(outcomes, ", "));
}

}  // namespace model
}  // namespace dmem
