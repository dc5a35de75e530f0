// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The part of StateEditor that is about what nodes measured, and about items that move.

#include <algorithm>

#include "core/check.h"
#include "core/free_list.h"
#include "core/state_editor.h"

namespace dmem {

void StateEditor::MoveItem(Index i, Index pool, int64_t time_us) {
  const ItemRecord item = state_.items[i];
  DMEM_CHECK(state_.pools[item.pool].region == state_.pools[pool].region);
  changes_.RemoveItem(state_, i, time_us);
  SubtractUsage(item.pool, item.bytes, time_us);
  CountItem(item.pool, false);
  if (item.is_reserved) CountReserved(item.pool, item.bytes, false);
  UnlinkItemFromPool(i);
  state_.items.Mutable(i).pool = pool;
  LinkItemByAge(i);
  if (item.is_reserved) CountReserved(pool, item.bytes, true);
  CountItem(pool, true);
  AddUsage(pool, item.bytes, time_us);
  // From here on its byte-seconds are of the other cgroup.
  state_.items.Mutable(i).weighted_bytes.Set(static_cast<__int128>(item.bytes.value()) * time_us);
  if (item.measured != kNone) RestartMeasured(&state_.measured.Mutable(item.measured), time_us);
  changes_.AddItem(state_, i);
  if (item.measured != kNone) changes_.MeasureItem(state_, i, ByteCount());
}

void StateEditor::RestartMeasured(MeasuredRecord* measured, int64_t time_us) {
  measured->weighted_bytes = static_cast<__int128>(measured->bytes.value()) * time_us;
}

void StateEditor::MergeItem(Index i, Index into, int64_t time_us) {
  const ItemRecord item = state_.items[i];
  MeasuredRecord measured =
      item.measured == kNone ? MeasuredRecord() : state_.measured[item.measured];
  RestartMeasured(&measured, time_us);
  // Off before on: a counter may be near its end.
  UnlinkItemFromCharge(i);
  RemoveItem(i, time_us);
  const absl::optional<ByteCount> bytes = state_.items[into].bytes.Plus(item.bytes);
  DMEM_CHECK(bytes.has_value());  // Both were in one counter.
  SetItemBytes(into, *bytes, time_us);
  if (state_.items[into].placed_sequence < item.placed_sequence) {
    UnlinkItemFromPool(into);
    state_.items.Mutable(into).placed_sequence = item.placed_sequence;
    LinkItemByAge(into);
  }
  if (item.is_listed) state_.items.Mutable(into).is_listed = true;
  if (item.measured != kNone) MergeMeasured(measured, into);
}

void StateEditor::MergeMeasured(const MeasuredRecord& measured, Index into) {
  const Index there = state_.items[into].measured;
  if (there == kNone) {
    AddMeasured(into, measured.bytes, measured.at_us, measured.weighted_bytes);
    changes_.MeasureItem(state_, into, ByteCount());
    return;
  }
  const ByteCount before = state_.measured[there].bytes;
  // Beyond all memory there is: the next report says what it is.
  const absl::optional<ByteCount> sum = state_.measured[there].bytes.Plus(measured.bytes);
  if (!sum.has_value()) return;
  CountMeasured(into, false);
  MeasuredRecord& record = state_.measured.Mutable(there);
  record.bytes = *sum;
  record.at_us = std::max(record.at_us, measured.at_us);
  record.weighted_bytes += measured.weighted_bytes;
  CountMeasured(into, true);
  changes_.MeasureItem(state_, into, before);
}

void StateEditor::CountMeasured(Index i, bool add) {
  const ItemRecord& item = state_.items[i];
  if (item.measured == kNone) return;
  const ByteCount measured = state_.measured[item.measured].bytes;
  const ByteCount over_grant = measured.MinusOrZero(item.bytes);
  RegionRecord& region = state_.regions.Mutable(state_.pools[item.pool].region);
  if (add) {
    region.measured += measured.value();
    region.over_grant += over_grant.value();
  } else {
    region.measured -= measured.value();
    region.over_grant -= over_grant.value();
  }
}

void StateEditor::Measure(Index item, ByteCount bytes, int64_t time_us) {
  if (state_.items[item].measured == kNone) {
    AddMeasured(item, ByteCount(), time_us, /*weighted_bytes=*/0);
  }
  CountMeasured(item, false);
  MeasuredRecord& record = state_.measured.Mutable(state_.items[item].measured);
  record.weighted_bytes += (static_cast<__int128>(bytes.value()) - record.bytes.value()) * time_us;
  record.bytes = bytes;
  record.at_us = time_us;
  CountMeasured(item, true);
}

void StateEditor::AddMeasured(Index item, ByteCount bytes, int64_t at_us, __int128 weighted_bytes) {
  const Index i = TakeRecord(state_.measured, state_.scalars.free_measured, &MeasuredRecord::next);
  MeasuredRecord& record = state_.measured.Mutable(i);
  record.bytes = bytes;
  record.at_us = at_us;
  record.weighted_bytes = weighted_bytes;
  record.item = item;
  state_.items.Mutable(item).measured = i;
  ++state_.scalars.measured;
  CountMeasured(item, true);
}

void StateEditor::UpdateRootMax(Index region) {
  const Index root = state_.regions[region].root_pool;
  const ByteCount max = state_.RootMax(region);
  if (state_.pools[root].counter.max != max) state_.pools.Mutable(root).counter.max = max;
}

}  // namespace dmem
