// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/charge_walk.h"

#include "core/check.h"
#include "core/errors.h"

namespace dmem {
namespace {

// Calls `visit(pool)` for each counter of the item's walk, in order, until it returns false.
// Returns whether it got to the end.
template <typename Visit>
bool ForEachCounter(const State& state, const WalkItem& item, const Visit& visit) {
  for (const Index start : item.starts) {
    for (Index pool = start; pool != kNone; pool = state.pools[pool].counter.parent) {
      if (!visit(pool)) return false;
    }
  }
  return true;
}

bool IsOnWalk(const State& state, const WalkItem& item, Index pool) {
  return !ForEachCounter(state, item, [pool](Index p) { return p != pool; });
}

// usage + requested - bound, where that is positive.
ByteCount ShortBy(ByteCount usage, ByteCount requested, ByteCount bound) {
  if (requested <= bound) return usage.MinusOrZero(bound.MinusOrZero(requested));
  return usage.PlusSaturating(requested.MinusOrZero(bound));
}

}  // namespace

void FindStarts(const State& state, Index cgroup, Index region, WalkItem* item) {
  item->starts.clear();
  for (Index level = region; level != kNone; level = state.GroupOf(level)) {
    Index at = cgroup;
    Index pool = state.FindPool(at, level);
    while (pool == kNone) {
      at = state.cgroups[at].parent;  // The root has a pool everywhere.
      pool = state.FindPool(at, level);
    }
    item->starts.push_back(pool);
    if (at != cgroup) continue;
    // A pool knows its counterparts in the groups.
    for (pool = state.pools[pool].group_pool; pool != kNone; pool = state.pools[pool].group_pool) {
      item->starts.push_back(pool);
    }
    return;
  }
}

void ChargeWalk::Shrink(const WalkItem& item, ByteCount bytes) {
  has_pending_ = true;
  ForEachCounter(state_, item, [&](Index pool) {
    ByteCount& removed = pending_[pool].removed;
    removed = removed.PlusSaturating(bytes);
    return true;
  });
}

ByteCount ChargeWalk::UsageOf(Index pool) const {
  const ByteCount usage = state_.pools[pool].counter.usage;
  if (!has_pending_) return usage;
  const auto it = pending_.find(pool);
  if (it == pending_.end()) return usage;
  // Shrinks come first, and are of bytes that the counter has.
  return usage.MinusOrZero(it->second.removed).PlusSaturating(it->second.added);
}

ByteCount ChargeWalk::BoundOf(Index pool) const {
  const PoolRecord& record = state_.pools[pool];
  return force_ || record.is_observed ? kUnlimited : record.counter.max;
}

absl::Status ChargeWalk::Check(absl::Span<const WalkItem> items) {
  if (items.size() > 1) has_pending_ = true;
  for (size_t i = 0; i < items.size(); ++i) {
    absl::Status status = CheckItem(items, i);
    if (!status.ok() || items.size() == 1) return status;
    ForEachCounter(state_, items[i], [&](Index pool) {
      ByteCount& added = pending_[pool].added;
      added = added.PlusSaturating(items[i].bytes);
      return true;
    });
  }
  return absl::OkStatus();
}

absl::Status ChargeWalk::CheckItem(absl::Span<const WalkItem> items, size_t i) {
  const WalkItem& item = items[i];
  if (item.bytes.is_zero()) return absl::OkStatus();
  RefusalKind kind = RefusalKind::kMax;
  ForEachCounter(state_, item, [&](Index pool) {
    const PoolRecord& record = state_.pools[pool];
    const absl::optional<ByteCount> sum = UsageOf(pool).Plus(item.bytes);
    if (sum.has_value() && (*sum <= record.counter.max || force_)) return true;
    if (sum.has_value() && record.is_observed) {
      NoteObserved(pool, static_cast<uint32_t>(i));
      return true;
    }
    const bool is_region_root =
        record.counter.parent == kNone && !state_.regions[record.region].is_group;
    // Whatever is beyond an enforced max is refused by that, however far beyond.
    const bool is_grantable = sum.has_value() && *sum <= state_.regions[record.region].grantable;
    kind = BoundOf(pool).is_unlimited() ? RefusalKind::kOverflow
           : !is_region_root            ? RefusalKind::kMax
           : is_grantable               ? RefusalKind::kUnattributed
                                        : RefusalKind::kCapacity;
    refusing_pool_ = pool;
    return false;
  });
  if (refusing_pool_ == kNone) return absl::OkStatus();
  ByteCount requested;
  for (const WalkItem& any : items) {
    if (IsOnWalk(state_, any, refusing_pool_)) requested = requested.PlusSaturating(any.bytes);
  }
  refusal_ = Describe(item, refusing_pool_, requested, BoundOf(refusing_pool_));
  return RefusedByCounter(kind, item.cgroup, item.region, item.bytes, refusal_);
}

void ChargeWalk::NoteObserved(Index pool, uint32_t item) {
  if (noted_.insert(pool).second) observed_.emplace_back(pool, item);
}

CounterRefusal ChargeWalk::Describe(const WalkItem& item, Index pool, ByteCount requested,
                                    ByteCount bound) const {
  const PoolRecord& record = state_.pools[pool];
  CounterRefusal refusal;
  refusal.cgroup = state_.CgroupName(record.cgroup);
  refusal.region = state_.RegionName(record.region);
  refusal.item = item.index;
  refusal.usage = record.counter.usage;
  refusal.max = record.counter.max;
  refusal.requested = requested;
  ByteCount usage = refusal.usage;
  const auto it = pending_.find(pool);
  if (it != pending_.end()) usage = usage.MinusOrZero(it->second.removed);
  refusal.short_by = ShortBy(usage, refusal.requested, bound);
  refusal.largest_grantable = kUnlimited;
  ForEachCounter(state_, item, [&](Index p) {
    const ByteCount room =
        (p == pool ? bound : BoundOf(p)).MinusOrZero(state_.pools[p].counter.usage);
    refusal.largest_grantable = Min(refusal.largest_grantable, room);
    return true;
  });
  const RegionRecord& region = state_.regions[record.region];
  if (record.counter.parent == kNone && refusal.max < region.grantable) {
    refusal.grantable = region.grantable;
    refusal.unattributed = region.unattributed();
  }
  return refusal;
}

std::vector<CounterRefusal> ChargeWalk::DescribeObserved(absl::Span<const WalkItem> items) const {
  std::vector<CounterRefusal> all;
  if (observed_.empty()) return all;
  // One pass over the items for all counters: a gang may have many of both.
  absl::flat_hash_map<Index, ByteCount> requested;
  for (const auto& note : observed_) requested[note.first];
  for (const WalkItem& item : items) {
    ForEachCounter(state_, item, [&](Index pool) {
      const auto it = requested.find(pool);
      if (it != requested.end()) it->second = it->second.PlusSaturating(item.bytes);
      return true;
    });
  }
  for (const auto& [pool, i] : observed_) {
    if (all.size() == kWouldRefuseListed) break;
    all.push_back(Describe(items[i], pool, requested[pool], state_.pools[pool].counter.max));
  }
  return all;
}

}  // namespace dmem
