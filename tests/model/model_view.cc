// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The part of Model that says what can be seen.

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/model/model.h"

namespace dmem {
namespace model {
namespace {

// Digits by hand: 128 bits, of which the last six are behind the point.
std::string Seconds(unsigned __int128 microseconds) {
  std::string digits;
  for (; microseconds > 0; microseconds /= 10) {
    digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(microseconds % 10)));
  }
  while (digits.size() < 7) digits.insert(digits.begin(), '0');
  digits.insert(digits.end() - 6, '.');
  while (digits.back() == '0') digits.pop_back();
  if (digits.back() == '.') digits.pop_back();
  return digits;
}

std::string Word(uint64_t value) { return value == kUnlimitedBytes ? "max" : absl::StrCat(value); }

}  // namespace

View Model::Look() const {
  View view;
  const Usage usage = UsageNow();
  const auto usage_of = [&](const Key& key) {
    const auto used = usage.find(key);
    return used == usage.end() ? 0 : Shown(used->second);
  };
  for (const Region& region : s_.regions) {
    RegionRow row;
    row.id = region.id;
    row.name = RegionName(region);
    row.parent = region.parent == 0 ? "" : RegionName(*RegionOf(region.parent));
    row.node = region.node;
    row.is_group = region.is_group;
    row.is_gone = region.is_gone;
    row.is_cordoned = region.is_cordoned;
    row.grantable_is_explicit = region.grantable.has_value();
    row.reserved = region.reserved;
    row.incarnation = region.incarnation;
    row.usage = usage_of({kRoot, region.id});
    Amount capacity = 0, grantable = 0, reservations = 0, measured = 0, over_grant = 0;
    if (!region.is_group) {
      capacity = region.capacity;
      grantable = GrantableOf(region);
      row.over = row.usage > grantable ? row.usage - GrantableOf(region) : 0;
    }
    for (const Region& other : s_.regions) {
      const std::vector<uint64_t> chain = RegionChain(other.id);
      if (std::count(chain.begin() + 1, chain.end(), region.id) == 0) continue;
      ++(other.is_group ? row.member_groups : row.member_regions);
      if (other.is_group || (StateOf(other) != "READY" && StateOf(other) != "STALE")) continue;
      capacity += other.capacity;
      grantable += GrantableOf(other);
    }
    for (const auto& [id, charge] : s_.charges) {
      for (const ChargedItem& item : charge.items) {
        const std::vector<uint64_t> chain = RegionChain(item.region);
        const bool is_here = std::count(chain.begin(), chain.end(), region.id) > 0;
        row.live_items += is_here;
        if (is_here && item.is_reserved) reservations += item.bytes;
        if (!is_here || region.is_group || !item.measured.has_value()) continue;
        measured += *item.measured;
        if (*item.measured > item.bytes) over_grant += *item.measured - item.bytes;
      }
    }
    row.capacity = Shown(capacity);
    row.grantable = Shown(grantable);
    row.reservations = Shown(reservations);
    row.measured = Shown(measured);
    row.over_grant = Shown(over_grant);
    row.device_used = region.device_used;
    row.device_used_at_us = region.device_used_at_us;
    row.unattributed = UnattributedIn(region);
    view.regions.push_back(std::move(row));
  }
  for (const auto& [id, cgroup] : s_.cgroups) {
    CgroupRow row;
    row.id = id;
    row.parent = cgroup.parent;
    row.name = CgroupName(id);
    row.path = cgroup.path;
    row.is_implicit = cgroup.is_implicit;
    row.is_dying = cgroup.is_dying;
    row.has_priority = cgroup.priority.has_value();
    row.priority = PriorityOf(id);
    for (const auto& [other_id, other] : s_.cgroups) {
      if (other_id == kRoot || other.parent != id) continue;
      ++row.children;
      if (!other.is_dying) ++row.live_children;
    }
    for (const auto& [charge_id, charge] : s_.charges) {
      for (const ChargedItem& item : charge.items) row.live_items += item.cgroup == id;
    }
    view.cgroups.push_back(std::move(row));
  }
  LookAtCharges(&view);
  LookAtLeases(&view);
  view.sequence = s_.sequence;
  view.ids_covered_since_us = s_.ids_covered_since_us;
  return view;
}

void Model::LookAtCharges(View* view) const {
  Usage own;
  for (const auto& [id, charge] : s_.charges) {
    ChargeRow row;
    row.id = id;
    for (const ChargedItem& item : charge.items) {
      Item named;
      named.cgroup = CgroupName(item.cgroup);
      named.region = RegionName(*RegionOf(item.region));
      named.bytes = item.bytes;
      named.is_reserved = item.is_reserved;
      named.measured = item.measured;
      named.measured_at_us = item.measured_at_us;
      row.items.push_back(named);
      for (const uint64_t region : CountedChain(item.region)) {
        own[{item.cgroup, region}] += item.bytes;
      }
    }
    row.is_partial = charge.is_partial;
    row.has_priority = charge.priority.has_value();
    row.priority = charge.priority.value_or(PriorityOf(charge.items[0].cgroup));
    row.is_preemptible = charge.is_preemptible;
    row.is_measured = charge.is_measured;
    row.created_at_us = charge.created_at_us;
    row.granted_at_us = charge.granted_at_us;
    row.granted_sequence = charge.granted_sequence;
    row.owner = charge.owner;
    row.is_reserved = charge.is_reserved();
    if (row.is_reserved) row.expires_at_us = charge.expires_at_us + s_.outage_us;
    row.is_releasing = !charge.release.empty();
    row.release = charge.release;
    view->charges.push_back(std::move(row));
  }
  const Usage usage = UsageNow();
  for (const auto& [key, pool] : s_.pools) {
    PoolRow row;
    row.cgroup = key.first;
    row.region = key.second;
    const auto used = usage.find(key);
    if (used != usage.end()) row.usage = Shown(used->second);
    row.own = Shown(own[key]);
    row.peak = Shown(pool.peak);
    row.min = pool.min;
    row.low = pool.low;
    row.max = key.first == kRoot ? LimitOf(key) : pool.max;
    row.is_observed = pool.is_observed;
    row.etag = pool.etag;
    row.refusals = pool.refusals;
    row.would_refuse = pool.would_refuse;
    const Region& region = *RegionOf(key.second);
    const uint64_t bound = key.first == kRoot && !region.is_group ? GrantableOf(region) : row.max;
    row.over = row.usage > bound ? row.usage - bound : 0;
    row.byte_seconds = Seconds(pool.byte_microseconds);
    if (!row.is_default()) view->pools.push_back(row);
  }
  for (const Spent& spent : s_.spent) view->spent_ids.push_back(spent.id);
  std::sort(view->spent_ids.begin(), view->spent_ids.end());
}

std::string Model::ReadFile(const std::string& cgroup, const std::string& file) const {
  const bool is_root = cgroup == "/";
  if (file != "dmem.current" && (file == "dmem.capacity") != is_root) {
    return "NOT_FOUND FILE_NOT_FOUND";
  }
  const uint64_t id = FindCgroup(cgroup)->id;
  std::string text;
  for (const bool groups : {false, true}) {
    for (const RegionRow& region : view_.regions) {
      if (region.is_gone || region.is_group != groups) continue;
      PoolRow pool;
      for (const PoolRow& row : view_.pools) {
        if (row.cgroup == id && row.region == region.id) pool = row;
      }
      const std::string value = file == "dmem.capacity"  ? absl::StrCat(region.capacity)
                                : file == "dmem.current" ? Word(pool.usage)
                                : file == "dmem.peak"    ? Word(pool.peak)
                                : file == "dmem.min"     ? Word(pool.min)
                                : file == "dmem.low"     ? Word(pool.low)
                                                         : Word(pool.max);
      absl::StrAppend(&text, region.name, " ", value, "\n");
    }
  }
  return text;
}

}  // namespace model
}  // namespace dmem
