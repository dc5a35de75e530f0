// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The part of StateEditor that is about charges and spent ids.

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "core/free_list.h"
#include "core/state_editor.h"
#include "core/state_indexes.h"

namespace dmem {

Index StateEditor::AddCharge(absl::string_view id) {
  StateScalars& s = state_.scalars;
  const Index i = TakeRecord(state_.charges, s.free_charge, &ChargeRecord::hash_next);
  ChargeRecord& charge = state_.charges.Mutable(i);
  charge.id = Blob::Make(id);
  charge.id_hash = HashName(id);
  state_.charge_ids.Insert(charge.id_hash, i, AccessTo<IdAccess>(state_.charges));
  ++s.charges;
  return i;
}

Index StateEditor::AddItem(Index charge, Index last_item, Index pool, const NewItem& added,
                           int64_t time_us) {
  StateScalars& s = state_.scalars;
  const Index i = TakeRecord(state_.items, s.free_item, &ItemRecord::next_in_charge);
  ItemRecord& item = state_.items.Mutable(i);
  item.bytes = added.bytes;
  item.placed_sequence = added.placed_sequence;
  item.weighted_bytes.Set(static_cast<__int128>(added.bytes.value()) * time_us);
  item.charge = charge;
  item.pool = pool;
  item.is_reserved = added.is_reserved;
  LinkItemAsNewest(i);
  if (added.is_reserved) CountReserved(pool, added.bytes, true);
  if (last_item == kNone) {
    state_.charges.Mutable(charge).first_item = i;
  } else {
    state_.items.Mutable(last_item).next_in_charge = i;
  }
  CountItem(pool, true);
  if (!added.is_counted) AddUsage(pool, added.bytes, time_us);
  changes_.AddItem(state_, i);
  return i;
}

void StateEditor::LinkItemAsNewest(Index i) {
  ItemRecord& item = state_.items.Mutable(i);
  const Index older = state_.pools[item.pool].first_item;
  item.next_in_pool = older;
  item.prev_in_pool = kNone;
  state_.pools.Mutable(item.pool).first_item = i;
  if (older != kNone) state_.items.Mutable(older).prev_in_pool = i;
}

void StateEditor::UnlinkItemFromPool(Index i) {
  const ItemRecord item = state_.items[i];
  if (item.next_in_pool != kNone)
    state_.items.Mutable(item.next_in_pool).prev_in_pool = item.prev_in_pool;
  if (item.prev_in_pool != kNone) {
    state_.items.Mutable(item.prev_in_pool).next_in_pool = item.next_in_pool;
  } else {
    state_.pools.Mutable(item.pool).first_item = item.next_in_pool;
  }
}

void StateEditor::LinkItemByAge(Index i) {
  Index newer = kNone;
  Index older = state_.pools[state_.items[i].pool].first_item;
  while (older != kNone && AgeOf(older) > AgeOf(i)) {
    newer = older;
    older = state_.items[older].next_in_pool;
  }
  if (newer == kNone) return LinkItemAsNewest(i);
  state_.items.Mutable(newer).next_in_pool = i;
  if (older != kNone) state_.items.Mutable(older).prev_in_pool = i;
  ItemRecord& item = state_.items.Mutable(i);
  item.next_in_pool = older;
  item.prev_in_pool = newer;
}

void StateEditor::SortItems(Index pool) {
  std::vector<Index> items;
  for (Index i = state_.pools[pool].first_item; i != kNone; i = state_.items[i].next_in_pool)
    items.push_back(i);
  std::sort(items.begin(), items.end(), [this](Index a, Index b) { return AgeOf(a) < AgeOf(b); });
  state_.pools.Mutable(pool).first_item = kNone;
  for (const Index i : items) LinkItemAsNewest(i);
}

void StateEditor::CountReserved(Index pool, ByteCount bytes, bool add) {
  const auto change = [&](ByteCount& total) {
    const absl::optional<ByteCount> changed = add ? total.Plus(bytes) : total.Minus(bytes);
    DMEM_CHECK(changed.has_value());
    total = *changed;
  };
  change(state_.pools.Mutable(pool).own_reservations);
  change(state_.regions.Mutable(state_.pools[pool].region).reservations);
}

void StateEditor::SetItemBytes(Index i, ByteCount bytes, int64_t time_us) {
  const ItemRecord item = state_.items[i];
  if (item.is_reserved) {
    CountReserved(item.pool, item.bytes, false);
    CountReserved(item.pool, bytes, true);
  }
  CountMeasured(i, false);
  const __int128 change = static_cast<__int128>(bytes.value()) - item.bytes.value();
  ItemRecord& record = state_.items.Mutable(i);
  record.bytes = bytes;
  record.weighted_bytes.Set(item.weighted_bytes.value() + change * time_us);
  if (bytes > item.bytes) {
    AddUsage(item.pool, bytes.MinusOrZero(item.bytes), time_us);
  } else {
    SubtractUsage(item.pool, item.bytes.MinusOrZero(bytes), time_us);
  }
  CountMeasured(i, true);
  changes_.ResizeItem(state_, i, item.bytes);
}

void StateEditor::PlaceItem(Index i, uint64_t sequence) {
  ItemRecord& item = state_.items.Mutable(i);
  item.placed_sequence = sequence;
  const bool was_reserved = item.is_reserved;
  if (was_reserved) CountReserved(item.pool, item.bytes, false);
  item.is_reserved = false;
  UnlinkItemFromPool(i);
  LinkItemAsNewest(i);
  changes_.PlaceItem(state_, i, was_reserved);
}

void StateEditor::CountItem(Index pool, bool add) {
  const PoolRecord& record = state_.pools[pool];
  CgroupRecord& cgroup = state_.cgroups.Mutable(record.cgroup);
  add ? ++cgroup.live_items : --cgroup.live_items;
  add ? ++state_.scalars.items : --state_.scalars.items;
  for (Index r = record.region; r != kNone; r = state_.regions[r].parent) {
    RegionRecord& region = state_.regions.Mutable(r);
    add ? ++region.live_items : --region.live_items;
  }
}

void StateEditor::RemoveItem(Index i, int64_t time_us) {
  changes_.RemoveItem(state_, i, time_us);
  const ItemRecord item = state_.items[i];
  SubtractUsage(item.pool, item.bytes, time_us);
  CountItem(item.pool, false);
  if (item.is_reserved) CountReserved(item.pool, item.bytes, false);
  if (item.measured != kNone) {
    CountMeasured(i, false);
    FreeRecord(state_.measured, item.measured, state_.scalars.free_measured, &MeasuredRecord::next);
    --state_.scalars.measured;
  }
  UnlinkItemFromPool(i);
  FreeRecord(state_.items, i, state_.scalars.free_item, &ItemRecord::next_in_charge);
}

void StateEditor::RemoveItemAndWhatItKept(Index item, int64_t time_us,
                                          std::vector<uint64_t>* freed_cgroups) {
  const Index cgroup = state_.pools[state_.items[item].pool].cgroup;
  const Index region = state_.pools[state_.items[item].pool].region;
  RemoveItem(item, time_us);
  Collect(cgroup, freed_cgroups);
  if (state_.regions[region].is_gone && state_.regions[region].live_items == 0)
    RemoveRegion(region);
}

void StateEditor::ReleaseCharge(Index i, int64_t time_us, std::vector<uint64_t>* freed_cgroups) {
  for (Index item = state_.charges[i].first_item; item != kNone;) {
    const Index next = state_.items[item].next_in_charge;
    RemoveItemAndWhatItKept(item, time_us, freed_cgroups);
    item = next;
  }
  state_.charges.Mutable(i).first_item = kNone;
  EndReservation(i);
  changes_.EndCharge(state_, i);
  ChargeRecord& charge = state_.charges.Mutable(i);
  state_.charge_ids.Erase(charge.id_hash, i, AccessTo<IdAccess>(state_.charges));
  charge.details.Retire(epochs_);
  charge.lifecycle.Retire(epochs_);
  if (charge.is_releasing) {
    --state_.scalars.releasing_charges;
    ++state_.scalars.releases_completed;
  }
  const Blob id = charge.id;
  const int64_t created_at_us = charge.created_at_us;
  FreeRecord(state_.charges, i, state_.scalars.free_charge, &ChargeRecord::hash_next);
  --state_.scalars.charges;
  Spend(id, created_at_us, time_us);
}

void StateEditor::UnlinkItemFromCharge(Index item) {
  const Index charge = state_.items[item].charge;
  const Index next = state_.items[item].next_in_charge;
  Index before = state_.charges[charge].first_item;
  if (before == item) {
    state_.charges.Mutable(charge).first_item = next;
    return;
  }
  while (state_.items[before].next_in_charge != item) before = state_.items[before].next_in_charge;
  state_.items.Mutable(before).next_in_charge = next;
}

bool StateEditor::GiveBackItem(Index item, int64_t time_us, std::vector<uint64_t>* freed_cgroups) {
  const Index charge = state_.items[item].charge;
  UnlinkItemFromCharge(item);
  RemoveItemAndWhatItKept(item, time_us, freed_cgroups);
  if (state_.charges[charge].first_item == kNone) {
    ReleaseCharge(charge, time_us, freed_cgroups);
    return true;
  }
  EndReservation(charge);
  return false;
}

void StateEditor::SetExpiry(Index i, int64_t expires_at_us) {
  ChargeRecord& charge = state_.charges.Mutable(i);
  if (!charge.is_reserved) ++state_.scalars.reserved_charges;
  charge.is_reserved = true;
  charge.expires_at_us = expires_at_us;
  deadlines_->Set(DeadlineKind::kReservation, charge.granted_sequence, i, expires_at_us);
}

void StateEditor::EndReservation(Index i) {
  if (!state_.charges[i].is_reserved) return;
  for (Index item = state_.charges[i].first_item; item != kNone;
       item = state_.items[item].next_in_charge) {
    if (state_.items[item].is_reserved) return;
  }
  ChargeRecord& charge = state_.charges.Mutable(i);
  charge.is_reserved = false;
  charge.expires_at_us = 0;
  deadlines_->Set(DeadlineKind::kReservation, charge.granted_sequence, i, absl::nullopt);
  --state_.scalars.reserved_charges;
}

void StateEditor::SetLifecycle(Index i, absl::string_view encoded) {
  const Blob lifecycle = Blob::Make(encoded);  // First: `encoded` may be of the present one.
  ChargeRecord& charge = state_.charges.Mutable(i);
  charge.lifecycle.Retire(epochs_);
  charge.lifecycle = lifecycle;
}

void StateEditor::MarkReleasing(Index i) {
  state_.charges.Mutable(i).is_releasing = true;
  ++state_.scalars.releasing_charges;
}

bool StateEditor::DropItem(Index item, int64_t time_us, std::vector<uint64_t>* freed_cgroups) {
  const Index charge = state_.items[item].charge;
  const Index cgroup = state_.pools[state_.items[item].pool].cgroup;
  UnlinkItemFromCharge(item);
  RemoveItem(item, time_us);
  Collect(cgroup, freed_cgroups);
  if (state_.charges[charge].first_item == kNone) {
    ReleaseCharge(charge, time_us, freed_cgroups);
    return true;
  }
  EndReservation(charge);
  state_.charges.Mutable(charge).is_partial = true;
  return false;
}

// ---- Tombstones ----

void StateEditor::AddTombstone(Blob id, uint64_t serial, int64_t covers_until_us, bool skewed) {
  StateScalars& s = state_.scalars;
  const Index i = TakeRecord(state_.tombstones, s.free_tombstone, &TombstoneRecord::next);
  TombstoneRecord& tombstone = state_.tombstones.Mutable(i);
  tombstone.id = id;
  tombstone.covers_until_us = covers_until_us;
  tombstone.serial = serial;
  tombstone.is_skewed = skewed;
  tombstone.id_hash = HashName(id.view());
  if (s.last_tombstone[skewed] == kNone) {
    s.first_tombstone[skewed] = i;
  } else {
    state_.tombstones.Mutable(s.last_tombstone[skewed]).next = i;
  }
  s.last_tombstone[skewed] = i;
  state_.tombstone_ids.Insert(tombstone.id_hash, i, AccessTo<IdAccess>(state_.tombstones));
  ++s.tombstones;
}

void StateEditor::Spend(Blob id, absl::optional<int64_t> created_at_us, int64_t time_us) {
  // Covers whatever created_at its charge can have: one that was never seen may be stamped up to
  // the allowed skew ahead. Two queues, each in order of covers_until, make the oldest easy to
  // find; for a stamp ahead of its release the whole skew is taken, which covers more than it must.
  const bool skewed = !created_at_us.has_value() || *created_at_us > time_us;
  AddTombstone(id, state_.scalars.next_tombstone_serial++,
               skewed ? time_us + kClockSkewMaxUs : time_us, skewed);
  DropTombstones(state_.scalars.settings.tombstones_max, 0, 0);
}

Index StateEditor::OldestTombstone() const {
  const Index a = state_.scalars.first_tombstone[0], b = state_.scalars.first_tombstone[1];
  if (a == kNone || b == kNone) return a == kNone ? b : a;
  return state_.tombstones[a].covers_until_us <= state_.tombstones[b].covers_until_us ? a : b;
}

void StateEditor::DropOldestTombstone(Index oldest) {
  StateScalars& s = state_.scalars;
  TombstoneRecord& tombstone = state_.tombstones.Mutable(oldest);
  const bool skewed = tombstone.is_skewed;
  s.ids_covered_since_us = std::max(s.ids_covered_since_us, tombstone.covers_until_us);
  s.first_tombstone[skewed] = tombstone.next;
  if (tombstone.next == kNone) s.last_tombstone[skewed] = kNone;
  state_.tombstone_ids.Erase(tombstone.id_hash, oldest, AccessTo<IdAccess>(state_.tombstones));
  tombstone.id.Retire(epochs_);
  FreeRecord(state_.tombstones, oldest, s.free_tombstone, &TombstoneRecord::next);
  --s.tombstones;
}

void StateEditor::DropTombstones(uint64_t count_max, int64_t expired_us, int steps) {
  while (state_.scalars.tombstones > count_max) DropOldestTombstone(OldestTombstone());
  for (; steps > 0; --steps) {
    const Index oldest = OldestTombstone();
    if (oldest == kNone || state_.tombstones[oldest].covers_until_us >= expired_us) return;
    DropOldestTombstone(oldest);
  }
}

}  // namespace dmem
