// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What nodes measured, and charges that move with the mapping of their pods.

#include <algorithm>

#include "core/charge_target.h"
#include "core/check.h"
#include "core/errors.h"
#include "core/ledger.h"

namespace dmem {

bool Ledger::IsRegionOfSession(Index region, Index session) const {
  const Index node = state_.sessions[session].node;
  return node != kNone && state_.regions[region].node == node;
}

absl::StatusOr<Index> Ledger::ResolveMeasuredRegion(const MeasuredRegionSpec& spec) const {
  const Index region = state_.FindRegion(spec.region);
  if (region == kNone) return RegionNotFound(spec.region);
  if (state_.regions[region].is_group) return RegionIsGroup(spec.region);
  if (state_.regions[region].is_gone) return RegionGone(spec.region);
  return region;
}

ByteCount Ledger::AttributedIn(Index region, bool items_measured) const {
  unsigned __int128 bytes = state_.regions[region].measured;
  if (!items_measured) {
    const Index root = state_.regions[region].root_pool;
    for (Index pool = root; pool != kNone; pool = state_.NextInSubtree(pool, root)) {
      for (Index i = state_.pools[pool].first_item; i != kNone; i = state_.items[i].next_in_pool) {
        const ItemRecord& item = state_.items[i];
        // What is RESERVED is not on the device yet.
        if (item.measured == kNone && !item.is_reserved) bytes += item.bytes.value();
      }
    }
  }
  return bytes > kUnlimited.value() ? kUnlimited : ByteCount(static_cast<uint64_t>(bytes));
}

bool Ledger::IsOverGrant(Index item) const {
  const ItemRecord& record = state_.items[item];
  return record.measured != kNone && state_.measured[record.measured].bytes > record.bytes;
}

void Ledger::TellOverGrant(Index item, bool was_over_grant) {
  if (!changes_.is_kept() || IsOverGrant(item) == was_over_grant) return;
  const ItemRecord& record = state_.items[item];
  const PoolRecord& pool = state_.pools[record.pool];
  changes_.Add(OverGrantChanged{std::string(state_.charges[record.charge].id.view()),
                                state_.CgroupName(pool.cgroup), state_.RegionName(pool.region),
                                !was_over_grant, record.bytes,
                                state_.measured[record.measured].bytes});
}

void Ledger::TellUnattributed(Index region, ByteCount before) {
  const ByteCount now = state_.regions[region].unattributed();
  if (!changes_.is_kept() || now.is_zero() == before.is_zero()) return;
  changes_.Add(UnattributedChanged{state_.RegionName(region), before.is_zero(), now});
}

absl::StatusOr<ReportMeasuredResult> Ledger::ReportMeasured(const ReportMeasuredCommand& command) {
  if (absl::Status status = CheckOptionalSession(command.session); !status.ok()) return status;
  const Index session = command.session == 0 ? kNone : state_.FindSession(command.session);
  std::vector<Index> regions;
  for (const MeasuredRegionSpec& spec : command.regions) {
    absl::StatusOr<Index> region = ResolveMeasuredRegion(spec);
    if (region.ok() && session != kNone) region = FindRegionOfSession(session, spec.region);
    if (!region.ok()) return region.status();
    regions.push_back(*region);
  }
  const int64_t time_us = absl::ToUnixMicros(command.time);
  ReportMeasuredResult result;
  std::vector<absl::optional<ByteCount>> measured_before;
  for (size_t n = 0; n < command.items.size(); ++n) {
    const MeasuredItemSpec& spec = command.items[n];
    const Index region = state_.FindRegion(spec.region);
    Index item = kNone;
    const bool is_meant =
        region != kNone && (session == kNone || IsRegionOfSession(region, session));
    const Index charge = is_meant ? state_.FindCharge(spec.charge_id) : kNone;
    if (charge != kNone) {
      item = FindItem(charge, state_.FindCgroup(spec.cgroup), region, /*reserved=*/false);
    }
    if (item == kNone) {
      measured_before.push_back(absl::nullopt);
      result.unknown_items.push_back(static_cast<uint32_t>(n));
      continue;
    }
    const Index measured = state_.items[item].measured;
    measured_before.emplace_back(measured == kNone ? ByteCount() : state_.measured[measured].bytes);
    const bool was_over_grant = IsOverGrant(item);
    editor().Measure(item, spec.bytes, time_us);
    TellOverGrant(item, was_over_grant);
  }
  for (size_t n = 0; n < regions.size(); ++n) {
    const ByteCount attributed = AttributedIn(regions[n], command.regions[n].items_measured);
    RegionRecord& region = state_.regions.Mutable(regions[n]);
    const ByteCount before = region.unattributed();
    region.device_used = command.regions[n].used;
    region.attributed = attributed;
    region.device_used_at_us = time_us;
    editor().UpdateRootMax(regions[n]);
    TellUnattributed(regions[n], before);
  }
  if (regions.empty() && result.unknown_items.size() == command.items.size()) return result;
  for (const absl::optional<ByteCount>& before : measured_before) changes_.AddMeasured(before);
  Commit(command.time);
  return result;
}

absl::StatusOr<MoveChargeResult> Ledger::MoveCharge(const MoveChargeCommand& command) {
  if (absl::Status status = CheckOptionalSession(command.session); !status.ok()) return status;
  const Index session = command.session == 0 ? kNone : state_.FindSession(command.session);
  MoveChargeResult result;
  const absl::StatusOr<Index> charge = FindLiveCharge(command.charge_id);
  if (!charge.ok()) return charge.status();
  result.charge = *charge;
  const Index from = state_.FindCgroup(command.from);
  const absl::StatusOr<NearestCgroup> nearest = FindNearestCgroup(state_, command.to);
  std::vector<Index> items;
  bool is_there = false;
  Additions additions;
  for (Index i = state_.charges[result.charge].first_item; i != kNone;
       i = state_.items[i].next_in_charge) {
    const PoolRecord& pool = state_.pools[state_.items[i].pool];
    if (session != kNone && !IsRegionOfSession(pool.region, session)) continue;
    is_there |= nearest.ok() && nearest->missing == 0 && pool.cgroup == nearest->cgroup;
    if (pool.cgroup != from) continue;
    items.push_back(i);
    if (!nearest.ok()) continue;
    WalkItem walk;
    FindStarts(state_, nearest->cgroup, pool.region, &walk);
    additions.pools += MissingFor(*nearest, walk).pools;
  }
  if (items.empty()) {
    if (is_there) return result;  // Moved before.
    return NoItemInCgroup(command.charge_id, command.from);
  }
  if (!nearest.ok()) return nearest.status();
  additions.cgroups = nearest->missing;
  if (absl::Status status = CheckBounds(additions); !status.ok()) return status;

  // From here on nothing may fail: what is taken off a region's counters is added to them again.
  changes_.SetCause(Cause::kMove);
  const Index to = EnsureCgroup(command.to);
  const int64_t time_us = absl::ToUnixMicros(command.time);
  for (const Index i : items) {
    const Index region = state_.pools[state_.items[i].pool].region;
    const Index there = FindItem(result.charge, to, region, state_.items[i].is_reserved);
    if (there != kNone) {
      editor().MergeItem(i, there, time_us);
    } else {
      editor().MoveItem(i, editor().EnsurePool(to, region), time_us);
    }
  }
  editor().Collect(from, &result.freed_cgroups);
  std::sort(result.freed_cgroups.begin(), result.freed_cgroups.end());
  result.moved_items = items.size();
  Commit(command.time);
  return result;
}

}  // namespace dmem
