// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/views.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/charge_lifecycle.h"
#include "core/check.h"
#include "core/details.h"
#include "core/protection.h"

namespace dmem {
namespace {

constexpr uint64_t kMicrosPerSecond = 1000000;

std::string DecimalOf(unsigned __int128 value) {
  std::string digits;
  do {
    digits.push_back(static_cast<char>('0' + static_cast<int>(value % 10)));
    value /= 10;
  } while (value > 0);
  std::reverse(digits.begin(), digits.end());
  return digits;
}

ByteCount Saturated(unsigned __int128 bytes) {
  return bytes > kUnlimited.value() ? kUnlimited : ByteCount(static_cast<uint64_t>(bytes));
}

ItemView ViewItem(const State& state, const ItemRecord& item) {
  ItemView view;
  view.cgroup = state.CgroupName(state.pools[item.pool].cgroup);
  view.region = state.RegionName(state.pools[item.pool].region);
  view.bytes = item.bytes;
  view.is_reserved = item.is_reserved;
  if (item.measured != kNone) {
    view.measured = state.measured[item.measured].bytes;
    view.measured_at_us = state.measured[item.measured].at_us;
  }
  return view;
}

bool IsAtOrBelowCgroup(const State& state, Index cgroup, Index ancestor) {
  return cgroup == ancestor || state.IsBelow(cgroup, ancestor);
}

bool IsInRegion(const State& state, Index region, Index region_or_group) {
  while (region != kNone && region != region_or_group) region = state.regions[region].parent;
  return region == region_or_group;
}

// A page of the used records of `table` that match, from `*cursor`.
template <typename Table, typename Matches>
std::vector<Index> ListRecords(const Table& table, Index* cursor, size_t limit,
                               const Matches& matches) {
  std::vector<Index> page;
  Index i = *cursor;
  for (; i < table.size() && page.size() < limit; ++i) {
    if (matches(i)) page.push_back(i);
  }
  *cursor = i < table.size() ? i : kNone;
  return page;
}

}  // namespace

std::string FormatByteSeconds(unsigned __int128 byte_micros) {
  std::string text = DecimalOf(byte_micros / kMicrosPerSecond);
  const uint64_t rest = static_cast<uint64_t>(byte_micros % kMicrosPerSecond);
  if (rest == 0) return text;
  std::string micros = DecimalOf(kMicrosPerSecond + rest).substr(1);
  micros.erase(micros.find_last_not_of('0') + 1);
  return absl::StrCat(text, ".", micros);
}

RegionView ViewRegion(const State& state, Index i) {
  const RegionRecord& region = state.regions[i];
  const RegionAttributes attributes = DecodeRegionAttributes(region.attributes.view());
  RegionView view;
  view.name = state.RegionName(i);
  view.id = region.id;
  view.capacity = region.capacity;
  view.reserved = region.reserved;
  view.grantable = region.grantable;
  view.node = std::string(attributes.node);
  view.model = std::string(attributes.model);
  view.uuid = std::string(attributes.uuid);
  view.pci = std::string(attributes.pci);
  if (region.parent != kNone) view.parent = state.RegionName(region.parent);
  view.incarnation = region.incarnation;
  view.is_gone = region.is_gone;
  view.is_cordoned = region.is_cordoned;
  view.state = state.RegionStateOf(i);
  view.is_unconfirmed = region.is_unconfirmed;
  view.failure = std::string(region.failure.view());
  if (region.node != kNone && state.nodes[region.node].session != kNone)
    view.session = state.sessions[state.nodes[region.node].session].id;
  view.grantable_is_explicit = region.grantable_is_explicit;
  view.usage = state.pools[region.root_pool].counter.usage;
  view.over = view.usage.MinusOrZero(region.grantable);
  view.reservations = region.reservations;
  view.live_items = region.live_items;
  view.device_used = region.device_used;
  view.unattributed = region.unattributed();
  view.measured = Saturated(region.measured);
  view.over_grant = Saturated(region.over_grant);
  view.device_used_at_us = region.device_used_at_us;
  return view;
}

std::vector<GroupView> ViewGroups(const State& state) {
  std::vector<GroupView> groups;
  std::vector<Index> place(state.regions.size(), kNone);
  for (Index i = state.scalars.first_region; i != kNone; i = state.regions[i].next) {
    const RegionRecord& region = state.regions[i];
    if (!region.is_group) continue;
    GroupView view;
    view.name = state.RegionName(i);
    view.id = region.id;
    if (region.parent != kNone) view.parent = state.RegionName(region.parent);
    view.usage = state.pools[region.root_pool].counter.usage;
    view.reservations = region.reservations;
    place[i] = static_cast<Index>(groups.size());
    groups.push_back(std::move(view));
  }
  for (Index i = state.scalars.first_region; i != kNone; i = state.regions[i].next) {
    const RegionRecord& region = state.regions[i];
    for (Index up = region.parent; up != kNone; up = state.regions[up].parent) {
      GroupView& group = groups[place[up]];
      group.reservations = group.reservations.PlusSaturating(region.reservations);
      if (region.is_group) {
        ++group.member_groups;
        continue;
      }
      ++group.member_regions;
      const RegionState now = state.RegionStateOf(i);
      StateTotal& total = group.states[static_cast<size_t>(now)];
      ++total.regions;
      total.capacity = total.capacity.PlusSaturating(region.capacity);
      if (now != RegionState::kReady && now != RegionState::kStale) continue;
      group.grantable = group.grantable.PlusSaturating(region.grantable);
      group.capacity = group.capacity.PlusSaturating(region.capacity);
    }
  }
  return groups;
}

GroupView ViewGroup(const State& state, Index group) {
  for (GroupView& view : ViewGroups(state)) {
    if (view.id == state.regions[group].id) return std::move(view);
  }
  DMEM_CHECK(false);
  return GroupView();
}

CgroupView ViewCgroup(const State& state, Index i) {
  const CgroupRecord& cgroup = state.cgroups[i];
  CgroupView view;
  view.path = state.CgroupName(i);
  if (cgroup.is_dying) view.path_before_deletion = state.CgroupPath(i);
  view.id = cgroup.id;
  view.is_dying = cgroup.is_dying;
  view.is_implicit = cgroup.is_implicit;
  view.has_priority = cgroup.has_priority;
  view.priority = state.EffectivePriority(i);
  view.live_items = cgroup.live_items;
  view.children = cgroup.children;
  return view;
}

ChargeView ViewCharge(const State& state, Index i) {
  const ChargeRecord& charge = state.charges[i];
  const ChargeDetails details = DecodeChargeDetails(charge.details.view());
  ChargeView view;
  view.charge_id = std::string(charge.id.view());
  view.is_partial = charge.is_partial;
  for (Index item = charge.first_item; item != kNone; item = state.items[item].next_in_charge) {
    view.items.push_back(ViewItem(state, state.items[item]));
  }
  view.owner_kind = std::string(details.owner_kind);
  view.owner_namespace = std::string(details.owner_namespace);
  view.owner_name = std::string(details.owner_name);
  view.owner_uid = std::string(details.owner_uid);
  view.owner_container = std::string(details.owner_container);
  for (const auto& label : details.labels) view.labels.emplace_back(label.first, label.second);
  view.has_priority = charge.has_priority;
  view.priority =
      charge.has_priority
          ? charge.priority
          : state.EffectivePriority(state.pools[state.items[charge.first_item].pool].cgroup);
  view.preemptible = charge.is_preemptible;
  view.basis = charge.basis;
  view.created_at_us = charge.created_at_us;
  view.granted_at_us = charge.granted_at_us;
  view.granted_sequence = charge.granted_sequence;
  view.is_reserved = charge.is_reserved;
  view.expires_at_us = charge.expires_at_us + (charge.is_reserved ? state.scalars.outage_us : 0);
  view.session = charge.session;
  view.is_releasing = charge.is_releasing;
  const ChargeLifecycle lifecycle = DecodeChargeLifecycle(charge.lifecycle.view());
  view.release_requested_at_us = lifecycle.release_requested_at_us;
  view.release_requested_by = std::string(lifecycle.release_requested_by);
  view.release_reason = std::string(lifecycle.release_reason);
  return view;
}

absl::optional<int64_t> OldestReleaseRequest(const State& state) {
  absl::optional<int64_t> oldest;
  uint64_t left = state.scalars.releasing_charges;
  for (Index i = 0; i < state.charges.size() && left > 0; ++i) {
    if (state.charges[i].id.empty() || !state.charges[i].is_releasing) continue;
    --left;
    const int64_t requested_at_us =
        DecodeChargeLifecycle(state.charges[i].lifecycle.view()).release_requested_at_us;
    oldest = std::min(oldest.value_or(requested_at_us), requested_at_us);
  }
  return oldest;
}

PoolView ViewPool(const State& state, Index i, Index limit, int64_t time_us) {
  const PoolRecord& pool = state.pools[i];
  PoolView view = DefaultPoolView(state, state.CgroupName(pool.cgroup), pool.cgroup, pool.region);
  view.usage = pool.counter.usage;
  view.own = pool.own;
  view.peak = pool.counter.peak;
  view.min = pool.counter.min;
  view.low = pool.counter.low;
  view.max = pool.counter.max;
  view.is_observed = pool.is_observed;
  view.etag = pool.limits_sequence;
  const EffectiveProtection protection = ProtectionOf(state, i, limit);
  view.emin = protection.emin;
  view.elow = protection.elow;
  view.over = pool.counter.usage.MinusOrZero(
      pool.counter.parent == kNone ? state.regions[pool.region].grantable : pool.counter.max);
  view.refusals = pool.refusals;
  view.would_refuse = pool.would_refuse;
  view.byte_seconds = FormatByteSeconds(state.ByteMicroseconds(i, time_us));
  return view;
}

PoolView DefaultPoolView(const State& state, absl::string_view cgroup_name, Index cgroup,
                         Index region) {
  PoolView view;
  view.cgroup = std::string(cgroup_name);
  if (cgroup != kNone) view.cgroup_id = state.cgroups[cgroup].id;
  view.region = state.RegionName(region);
  view.is_group = state.regions[region].is_group;
  return view;
}

std::vector<Index> ListPools(const State& state, const PoolFilter& filter, Index* cursor,
                             size_t limit) {
  return ListRecords(state.pools, cursor, limit, [&](Index i) {
    const PoolRecord& pool = state.pools[i];
    return pool.cgroup != kNone && (filter.region == kNone || pool.region == filter.region) &&
           (filter.cgroup == kNone || IsAtOrBelowCgroup(state, pool.cgroup, filter.cgroup)) &&
           (filter.below == kNone || state.IsBelow(pool.cgroup, filter.below));
  });
}

std::vector<Index> ListCgroups(const State& state, Index at_or_below, Index* cursor, size_t limit) {
  return ListRecords(state.cgroups, cursor, limit, [&](Index i) {
    return state.cgroups[i].is_used &&
           (at_or_below == kNone || IsAtOrBelowCgroup(state, i, at_or_below));
  });
}

std::vector<Index> ListCharges(const State& state, const ChargeFilter& filter, Index* cursor,
                               size_t limit) {
  return ListRecords(state.charges, cursor, limit, [&](Index i) {
    if (state.charges[i].id.empty()) return false;
    for (Index item = state.charges[i].first_item; item != kNone;
         item = state.items[item].next_in_charge) {
      const PoolRecord& pool = state.pools[state.items[item].pool];
      if ((filter.region == kNone || IsInRegion(state, pool.region, filter.region)) &&
          (filter.cgroup == kNone || IsAtOrBelowCgroup(state, pool.cgroup, filter.cgroup))) {
        return true;
      }
    }
    return false;
  });
}

std::vector<Index> ListRegions(const State& state, uint64_t* after_id, size_t limit) {
  std::vector<Index> page;
  Index i = state.scalars.first_region;
  while (i != kNone && state.regions[i].id <= *after_id) i = state.regions[i].next;
  for (; i != kNone && page.size() < limit; i = state.regions[i].next) {
    page.push_back(i);
    *after_id = state.regions[i].id;
  }
  if (i == kNone) *after_id = 0;
  return page;
}

}  // namespace dmem
