// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The part of Model that is about charges and their ids. Rules R1 to R6.

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/model/model.h"

namespace dmem {
namespace model {
namespace {

constexpr int64_t kSkewUs = 60000000;

}  // namespace

std::string Model::CheckItem(const Item& item, bool is_reservation) const {
  const Region* region = FindRegion(item.region);
  if (region == nullptr) return "NOT_FOUND REGION_NOT_FOUND";
  if (region->is_group && !is_reservation) return "FAILED_PRECONDITION WRONG_KIND";
  if (region->is_gone) return "FAILED_PRECONDITION REGION_GONE";
  if (item.incarnation.has_value() && *item.incarnation != region->incarnation) {
    return "ABORTED INCARNATION_MISMATCH";
  }
  if (region->is_cordoned) return "FAILED_PRECONDITION REGION_CORDONED";
  if (std::string error = CheckState(*region); !error.empty()) return error;
  return CheckCgroup(item.cgroup);
}

std::string Model::Charge(const Command& c) {
  if (std::string error = CheckSession(c.session); !error.empty()) return error;
  if (c.created_at_us > c.time_us + kSkewUs) return "INVALID_ARGUMENT CREATED_AT_IN_FUTURE";
  // All that was sent; only whether it was to be checked or done does not make another request.
  Command request = c;
  request.time_us = 0;
  if (request.mode == ChargeMode::kCheckOnly) request.mode = ChargeMode::kStrict;
  const auto live = s_.charges.find(c.charge_id);
  if (live != s_.charges.end()) {
    return live->second.request == request.ToString() ? "OK replayed"
                                                      : "ALREADY_EXISTS CHARGE_ID_IN_USE";
  }
  for (const Spent& spent : s_.spent) {
    if (spent.id == c.charge_id) return "FAILED_PRECONDITION ALREADY_RELEASED";
  }
  if (c.created_at_us <=
      std::max(s_.ids_covered_since_us, c.time_us - s_.bounds.tombstone_window_us)) {
    return "FAILED_PRECONDITION ID_TOO_OLD";
  }
  for (const Item& item : c.items) {
    std::string error = CheckItem(item, c.ttl_us > 0);
    if (!error.empty()) return error;
  }
  // What two items would share is counted for each.
  size_t missing = 0, missing_pools = 0;
  for (const Item& item : c.items) {
    missing += MissingOn(item.cgroup);
    missing_pools += MissingPools(item.cgroup, FindRegion(item.region)->id);
  }
  std::vector<Ask> asks;
  const State before = s_;
  for (const Item& item : c.items) {
    Ask ask;
    ask.index = asks.size();
    ask.cgroup = EnsureCgroup(item.cgroup);
    ask.region = FindRegion(item.region)->id;
    ask.bytes = item.bytes;
    ask.cgroup_name = item.cgroup;
    ask.region_name = item.region;
    asks.push_back(ask);
  }
  size_t live_items = c.items.size();
  for (const auto& [id, charge] : s_.charges) live_items += charge.items.size();
  if ((missing > 0 && before.cgroups.size() + missing > s_.bounds.cgroups_max) ||
      (missing_pools > 0 && before.pools.size() + missing_pools > s_.bounds.pools_max) ||
      s_.charges.size() >= s_.bounds.charges_max || live_items > s_.bounds.items_max) {
    return "RESOURCE_EXHAUSTED TOO_MANY";
  }
  std::string would_refuse;
  std::string refused = Walk(asks, UsageNow(), c.mode, &would_refuse);
  if (!refused.empty()) return refused;
  std::string answer = absl::StrCat("OK", would_refuse);
  if (c.mode == ChargeMode::kCheckOnly) {
    s_ = before;
    return answer;
  }
  LiveCharge charge;
  charge.request = request.ToString();
  for (const Ask& ask : asks) {
    charge.items.push_back(
        {ask.cgroup, ask.region, ask.bytes, c.ttl_us > 0, c.ttl_us > 0 ? 0 : s_.sequence + 1});
  }
  charge.expires_at_us = ServiceTime(c.time_us + c.ttl_us);
  charge.session = c.session;
  charge.is_preemptible = c.preemptible;
  charge.is_measured = c.is_measured;
  charge.priority = c.priority;
  charge.created_at_us = c.created_at_us;
  charge.granted_at_us = c.time_us;
  charge.granted_sequence = s_.sequence + 1;
  charge.owner = c.owner;
  s_.charges[c.charge_id] = charge;
  return answer;
}

uint64_t Model::BoundOf(Key counter, ChargeMode mode) const {
  const auto pool = s_.pools.find(counter);
  const bool is_observed = pool != s_.pools.end() && pool->second.is_observed;
  return is_observed || mode == ChargeMode::kForce ? kUnlimitedBytes : LimitOf(counter);
}

Refusal Model::Explain(const std::vector<Ask>& asks, size_t which, Key counter, uint64_t bound,
                       const Usage& shrunk, ChargeMode mode) const {
  const auto at = [](const Usage& usage, const Key& key) {
    const auto found = usage.find(key);
    return found == usage.end() ? Amount{0} : found->second;
  };
  const Usage committed = UsageNow();
  Refusal refusal;
  refusal.cgroup = CgroupName(counter.first);
  refusal.region = RegionName(*RegionOf(counter.second));
  refusal.item = asks[which].index;
  refusal.usage = Shown(at(committed, counter));
  refusal.max = LimitOf(counter);
  Amount requested = 0;
  for (const Ask& ask : asks) {
    const std::vector<Key> counters = CountersOf(ask);
    if (std::count(counters.begin(), counters.end(), counter) > 0) requested += ask.bytes;
  }
  refusal.requested = Shown(requested);
  const Amount wanted = at(shrunk, counter) + refusal.requested;
  refusal.short_by = wanted > bound ? Shown(wanted - bound) : 0;
  refusal.largest_grantable = kUnlimitedBytes;
  for (const Key& key : CountersOf(asks[which])) {
    const Amount most = key == counter ? bound : BoundOf(key, mode);
    const Amount room = most > at(committed, key) ? most - at(committed, key) : 0;
    refusal.largest_grantable = std::min(refusal.largest_grantable, Shown(room));
  }
  return refusal;
}

std::string Model::Walk(const std::vector<Ask>& asks, const Usage& shrunk, ChargeMode mode,
                        std::string* would_refuse) {
  Usage usage = shrunk;
  std::vector<std::pair<Key, size_t>> observed;
  for (size_t i = 0; i < asks.size(); ++i) {
    const Ask& ask = asks[i];
    for (const Key& counter : CountersOf(ask)) {
      if (ask.bytes == 0) break;
      usage[counter] += ask.bytes;
      const uint64_t max = LimitOf(counter);
      if (usage[counter] <= max) continue;
      const uint64_t bound = BoundOf(counter, mode);
      std::string reason;
      if (bound != kUnlimitedBytes) {
        const bool fits_without =
            counter.first == kRoot && usage[counter] <= GrantableOf(*RegionOf(counter.second));
        reason = counter.first != kRoot ? "MAX_EXCEEDED"
                 : fits_without         ? "UNATTRIBUTED"
                                        : "CAPACITY";
      } else if (usage[counter] > kUnlimitedBytes && s_.pools.count(counter) > 0) {
        // A pool that would be new leaves it to the nearest one above that is there.
        reason = "COUNTER_OVERFLOW";
      }
      if (!reason.empty()) {
        refused_by_ = counter;
        Refusal refusal = Explain(asks, i, counter, bound, shrunk, mode);
        if (counter.first == kRoot && reason != "COUNTER_OVERFLOW") {
          refusal.cgroup.clear();  // Nobody's limit was hit.
        }
        return absl::StrCat("RESOURCE_EXHAUSTED ", reason, " ", ask.cgroup_name, ":",
                            ask.region_name, ":", ask.bytes, " ", refusal.ToString());
      }
      if (mode == ChargeMode::kForce) continue;
      const bool noted = std::any_of(observed.begin(), observed.end(),
                                     [&](const auto& note) { return note.first == counter; });
      if (!noted) observed.emplace_back(counter, i);
    }
  }
  for (const auto& [counter, item] : observed) {
    const Refusal refusal = Explain(asks, item, counter, LimitOf(counter), shrunk, mode);
    absl::StrAppend(would_refuse, " ", refusal.ToString());
  }
  for (const auto& note : observed) ++s_.pools[note.first].would_refuse;
  return "";
}

std::string Model::Uncharge(const Command& c) {
  if (std::string error = CheckSession(c.session); !error.empty()) return error;
  for (const std::string& id : c.charge_ids) {
    const auto live = s_.charges.find(id);
    if (live == s_.charges.end() || live->second.release.empty()) continue;
    for (const ChargedItem& item : live->second.items) {
      const std::string& node = RegionOf(item.region)->bound;
      const bool is_holder =
          c.session != 0 && s_.sessions[c.session].node == node && !c.reason.empty();
      if (!node.empty() && !is_holder) return "FAILED_PRECONDITION RELEASE_NEEDS_EVIDENCE";
    }
  }
  std::vector<std::string> outcomes;
  for (const std::string& id : c.charge_ids) {
    const auto live = s_.charges.find(id);
    if (live != s_.charges.end()) {
      const int64_t created_at_us = live->second.created_at_us;
      s_.charges.erase(live);
      Spend(id, created_at_us, c.time_us);
      outcomes.push_back("RELEASED");
    } else if (std::any_of(s_.spent.begin(), s_.spent.end(),
                           [&](const Spent& spent) { return spent.id == id; })) {
      outcomes.push_back("ALREADY");
    } else {
      Spend(id, absl::nullopt, c.time_us);
      outcomes.push_back("NEVER_SEEN");
    }
  }
  const std::string freed = IdsText(Collect());
  return absl::StrCat("OK ", absl::StrJoin(outcomes, ", "), " freed: ", freed);
}

// An id covers charges created until its release, or if its charge may have been created later by
// another clock, until the allowed skew after.
void Model::Spend(const std::string& id, absl::optional<int64_t> created_at_us, int64_t time_us) {
  const bool skewed = !created_at_us.has_value() || *created_at_us > time_us;
  is_changed_ = true;
  s_.spent.push_back({id, skewed ? time_us + kSkewUs : time_us, skewed});
  while (s_.spent.size() > s_.bounds.tombstones_max) DropOldestSpent();
}

void Model::DropOldestSpent() {
  const auto oldest =
      std::min_element(s_.spent.begin(), s_.spent.end(), [](const Spent& a, const Spent& b) {
        return std::make_pair(a.covers_until_us, a.is_skewed) <
               std::make_pair(b.covers_until_us, b.is_skewed);
      });
  s_.ids_covered_since_us = std::max(s_.ids_covered_since_us, oldest->covers_until_us);
  s_.spent.erase(oldest);
}

// With each change: what is over the bound, and up to two that cover nothing any more.
void Model::DropSpent(int64_t time_us) {
  while (s_.spent.size() > s_.bounds.tombstones_max) DropOldestSpent();
  for (int i = 0; i < 2; ++i) {
    const bool any = std::any_of(s_.spent.begin(), s_.spent.end(), [&](const Spent& spent) {
      return spent.covers_until_us < time_us - s_.bounds.tombstone_window_us;
    });
    if (any) DropOldestSpent();
  }
}

std::string Model::Resize(const Command& c) {
  if (std::string error = CheckSession(c.session); !error.empty()) return error;
  std::vector<ChargedItem*> items;
  std::vector<std::string> charges;
  for (const NewSize& size : c.sizes) {
    const auto charge = s_.charges.find(size.charge_id);
    if (charge == s_.charges.end()) {
      const bool spent = std::any_of(s_.spent.begin(), s_.spent.end(),
                                     [&](const Spent& s) { return s.id == size.charge_id; });
      return spent ? "FAILED_PRECONDITION ALREADY_RELEASED" : "NOT_FOUND CHARGE_NOT_FOUND";
    }
    ChargedItem* found = nullptr;
    for (ChargedItem& item : charge->second.items) {
      if (CgroupName(item.cgroup) != size.cgroup ||
          RegionName(*RegionOf(item.region)) != size.region) {
        continue;
      }
      // What is held goes before what is reserved.
      if (found == nullptr || !item.is_reserved) found = &item;
    }
    if (found == nullptr) return "NOT_FOUND ITEM_NOT_FOUND";
    if (found->bytes != size.bytes && size.expected.has_value() && *size.expected != found->bytes) {
      return "ABORTED EXPECTED_BYTES_MISMATCH";
    }
    items.push_back(found);
    if (std::find(charges.begin(), charges.end(), size.charge_id) == charges.end()) {
      charges.push_back(size.charge_id);
    }
  }
  Usage shrunk = UsageNow();
  std::vector<Ask> growths;
  for (size_t i = 0; i < items.size(); ++i) {
    const ChargedItem& item = *items[i];
    if (c.sizes[i].bytes <= item.bytes) {
      for (const Key& counter : Counters(item.cgroup, item.region)) {
        shrunk[counter] -= item.bytes - c.sizes[i].bytes;
      }
      continue;
    }
    const Region& region = *RegionOf(item.region);
    if (region.is_gone) return "FAILED_PRECONDITION REGION_GONE";
    if (region.is_cordoned) return "FAILED_PRECONDITION REGION_CORDONED";
    if (std::string error = CheckState(region); !error.empty()) return error;
    if (s_.cgroups.at(item.cgroup).is_dying) return "FAILED_PRECONDITION CGROUP_DYING";
    growths.push_back({i, item.cgroup, item.region, c.sizes[i].bytes - item.bytes,
                       c.sizes[i].cgroup, c.sizes[i].region});
  }
  std::string would_refuse;
  const State before_walk = s_;
  std::string refused = Walk(growths, shrunk, c.mode, &would_refuse);
  if (!refused.empty()) return refused;
  if (c.mode == ChargeMode::kCheckOnly) {
    s_ = before_walk;
  } else {
    for (size_t i = 0; i < items.size(); ++i) items[i]->bytes = c.sizes[i].bytes;
  }
  return absl::StrCat("OK ", absl::StrJoin(charges, ", "), would_refuse);
}

}  // namespace model
}  // namespace dmem
