// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/changes.h"

#include <algorithm>

namespace dmem {

void Changes::Clear() {
  changes_.clear();
  items_.clear();
  measured_.clear();
  item_indices_.clear();
  live_items_ = 0;
  last_charge_ = kNoChange;
  text_.clear();
  if (!over_.empty()) over_.clear();
  last_cgroup_id_ = kNoId;
  last_region_id_ = kNoId;
}

namespace {

ByteCount MeasuredOf(const State& state, Index item) {
  const Index measured = state.items[item].measured;
  return measured == kNone ? ByteCount() : state.measured[measured].bytes;
}

}  // namespace

TextRef Changes::Keep(absl::string_view text) {
  const TextRef ref = {static_cast<uint32_t>(text_.size()), static_cast<uint32_t>(text.size())};
  text_.append(text.data(), text.size());
  return ref;
}

ChargeChanged& Changes::ChangeOf(const State& state, Index charge) {
  Open();
  const ChargeRecord& record = state.charges[charge];
  if (last_charge_ < changes_.size()) {
    ChargeChanged& last = absl::get<ChargeChanged>(changes_[last_charge_]);
    if (Text(last.charge_id) == record.id.view() && last.cause == cause_ && !last.ended) {
      return last;
    }
  }
  ChargeChanged change;
  change.charge_id = Keep(record.id.view());
  change.granted_sequence = record.granted_sequence;
  change.granted_at_us = record.granted_at_us;
  change.cause = cause_;
  change.first_item = static_cast<uint32_t>(items_.size());
  live_items_ = 0;  // Those of the change before it are done.
  last_charge_ = changes_.size();
  changes_.emplace_back(change);
  return absl::get<ChargeChanged>(changes_.back());
}

ItemChange& Changes::ListItem(const State& state, Index item, ItemChange::What what,
                              ByteCount before) {
  const ItemRecord& record = state.items[item];
  const PoolRecord& pool = state.pools[record.pool];
  ChargeChanged& charge = ChangeOf(state, record.charge);
  const bool is_removed = what == ItemChange::What::kRemoved;
  for (uint32_t i = charge.items; i > 0 && live_items_ > 0; --i) {
    Index& earlier = item_indices_[charge.first_item + i - 1];
    if (earlier != item) continue;
    if (is_removed) {
      earlier = kNone;
      --live_items_;
      break;
    }
    ItemChange& change = items_[charge.first_item + i - 1];
    change.after = record.bytes;
    change.is_reserved = record.is_reserved;
    return change;
  }
  ++charge.items;
  const CgroupRecord& cgroup = state.cgroups[pool.cgroup];
  const RegionRecord& region = state.regions[pool.region];
  if (last_cgroup_id_ != cgroup.id) last_cgroup_text_ = Keep(state.CgroupPath(pool.cgroup));
  if (last_region_id_ != region.id) last_region_text_ = Keep(state.RegionName(pool.region));
  last_cgroup_id_ = cgroup.id;
  last_region_id_ = region.id;
  ItemChange change;
  change.what = what;
  change.cgroup = last_cgroup_text_;
  change.dying_id = cgroup.is_dying ? cgroup.id : 0;
  change.region = last_region_text_;
  change.before = before;
  change.is_reserved = record.is_reserved;
  change.was_reserved = what != ItemChange::What::kAdded && record.is_reserved;
  if (!is_removed) change.after = record.bytes;
  items_.push_back(change);
  item_indices_.push_back(is_removed ? kNone : item);
  live_items_ += !is_removed;
  return items_.back();
}

void Changes::ListRemoved(const State& state, Index item, int64_t time_us) {
  ItemChange& change = ListItem(state, item, ItemChange::What::kRemoved, state.items[item].bytes);
  change.booked_byte_us = state.BookedByteMicroseconds(item, time_us);
  change.measured_byte_us = state.MeasuredByteMicroseconds(item, time_us);
  change.measured_before = MeasuredOf(state, item);
}

void Changes::ListMeasured(const State& state, Index item, ByteCount before) {
  const size_t items = items_.size();
  ItemChange& change = ListItem(state, item, ItemChange::What::kResized, state.items[item].bytes);
  const bool is_first = items_.size() > items ||
                        (change.measured_before.is_zero() && change.measured_after.is_zero());
  // An item that was added is told with what is measured of it.
  if (is_first && change.what != ItemChange::What::kAdded) change.measured_before = before;
  change.measured_after = MeasuredOf(state, item);
}

void Changes::MarkEnded(const State& state, Index charge) {
  ChargeChanged& change = ChangeOf(state, charge);
  change.ended = true;
  change.details = Keep(state.charges[charge].details.view());
}

void Changes::TurnOver(const State& state, Index pool, bool entered) {
  if (!is_kept_) return;
  Open();
  const PoolRecord& record = state.pools[pool];
  const CgroupRecord& cgroup = state.cgroups[record.cgroup];
  const RegionRecord& region = state.regions[record.region];
  const auto [it, is_new] = over_.try_emplace(std::make_pair(cgroup.id, region.id));
  if (!is_new) {
    it->second.is_void = !it->second.is_void;
    return;
  }
  it->second.change = changes_.size();
  it->second.pool = pool;
  OverChanged change;
  change.cgroup = state.CgroupPath(record.cgroup);
  change.dying_id = cgroup.is_dying ? cgroup.id : 0;
  change.region = state.RegionName(record.region);
  change.entered = entered;
  change.observed = record.is_observed;
  change.usage = record.counter.usage;
  change.max = state.OverBound(pool);
  changes_.emplace_back(std::move(change));
}

// What the counters say at the end of the command, where they still exist: an OVER that was entered
// with the first item of a gang grows with the next.
void Changes::SettleOver(const State& state) {
  std::vector<size_t> void_changes;
  for (const auto& [ids, pending] : over_) {
    if (pending.is_void) {
      void_changes.push_back(pending.change);
      continue;
    }
    const PoolRecord& record = state.pools[pending.pool];
    if (record.cgroup == kNone || state.cgroups[record.cgroup].id != ids.first ||
        state.regions[record.region].id != ids.second) {
      continue;
    }
    OverChanged& change = absl::get<OverChanged>(changes_[pending.change]);
    change.observed = record.is_observed;
    change.usage = record.counter.usage;
    change.max = state.OverBound(pending.pool);
  }
  over_.clear();
  if (void_changes.empty()) return;
  std::sort(void_changes.begin(), void_changes.end());
  size_t kept = 0;
  auto next_void = void_changes.begin();
  for (size_t i = 0; i < changes_.size(); ++i) {
    if (next_void != void_changes.end() && *next_void == i) {
      ++next_void;
      continue;
    }
    if (kept != i) changes_[kept] = std::move(changes_[i]);
    ++kept;
  }
  changes_.resize(kept);
}

}  // namespace dmem
