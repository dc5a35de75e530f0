// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Reconcile: what a node really holds becomes what the ledger says.

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "core/charge_target.h"
#include "core/check.h"
#include "core/errors.h"
#include "core/ledger.h"

namespace dmem {

// One part, as it is applied.
struct Ledger::Reconciliation {
  Reconciliation(const ReconcileCommand& c, Index n)
      : command(c), time_us(absl::ToUnixMicros(c.time)), node(n) {}

  const ReconcileCommand& command;
  const int64_t time_us;
  const Index node;
  std::vector<Index> regions;         // Of the command's items.
  absl::flat_hash_set<Index> judged;  // Empty: all of the node's.
  ReconcileResult result;
  ReconcileProgress progress;
  uint32_t charges = 0;                                           // Recorded so far.
  absl::flat_hash_map<absl::string_view, std::string> fresh_ids;  // By spent id.
  absl::flat_hash_set<Index> unsorted_pools;

  bool Judges(Index region) const { return judged.empty() || judged.contains(region); }
  void Add(Difference difference) {
    ++result.count;
    if (result.differences.size() < ReconcileResult::kListed)
      result.differences.push_back(std::move(difference));
  }
};

template <typename Visit>
void Ledger::ForEachReconciledItem(Index node, const Visit& visit) const {
  if (node == kNone) return;
  for (const Index region : RegionsOfNode(node)) {
    if (state_.regions[region].is_gone || state_.regions[region].is_unconfirmed) continue;
    const Index root = state_.regions[region].root_pool;
    for (Index pool = root; pool != kNone; pool = state_.NextInSubtree(pool, root)) {
      for (Index i = state_.pools[pool].first_item; i != kNone; i = state_.items[i].next_in_pool)
        visit(i);
    }
  }
}

absl::StatusOr<ReconcileResult> Ledger::Reconcile(const ReconcileCommand& command) {
  const absl::StatusOr<Index> session = CheckSession(command.session);
  if (!session.ok()) return session.status();
  if (command.as_of > state_.scalars.sequence) {
    return AsOfInFuture(command.as_of, state_.scalars.sequence);
  }
  const ReconcileProgress& progress = state_.sessions[*session].reconcile;
  if (command.part != 0 &&
      (progress.next_part != command.part || progress.as_of != command.as_of ||
       state_.sessions[*session].reconcile_id.view() != command.reconcile_id)) {
    return ReconcileRestart(command.reconcile_id, command.part);
  }
  Reconciliation r(command, state_.sessions[*session].node);
  for (const ReconcileItemSpec& item : command.items) {
    const absl::StatusOr<Index> region = FindJudgedRegion(*session, item.region);
    if (!region.ok()) return region.status();
    r.regions.push_back(*region);
  }
  for (const absl::string_view name : command.regions) {
    const absl::StatusOr<Index> region = FindJudgedRegion(*session, name);
    if (!region.ok()) return region.status();
    r.judged.insert(*region);
  }
  if (absl::Status status = CheckReconcileBounds(r); !status.ok()) return status;
  if (absl::Status status = CheckReconcileOverflow(r); !status.ok()) return status;

  // From here on nothing may fail.
  changes_.SetCause(Cause::kReconcile);
  if (command.part == 0) {
    ForEachReconciledItem(r.node, [this](Index item) { SetListed(item, false); });
  } else {
    r.progress = progress;
  }
  r.progress.as_of = command.as_of;
  r.progress.next_part = command.part + 1;
  r.progress.listed += command.items.size();
  for (size_t i = 0; i < command.items.size(); ++i) ReconcileItem(i, &r);
  for (const Index pool : r.unsorted_pools) editor().SortItems(pool);
  if (command.last) EndReconcile(*session, &r);
  editor().SetReconcile(*session, r.progress, command.last ? "" : command.reconcile_id);
  Commit(command.time);
  std::sort(r.result.freed_cgroups.begin(), r.result.freed_cgroups.end());
  return std::move(r.result);
}

// One of the session's node that a list may be of.
absl::StatusOr<Index> Ledger::FindJudgedRegion(Index session, absl::string_view name) const {
  const absl::StatusOr<Index> region = FindRegionOfSession(session, name);
  if (!region.ok()) return region.status();
  if (state_.regions[*region].is_gone) return RegionGone(name);
  if (state_.regions[*region].is_unconfirmed)
    return RegionStale(name, state_.sessions[session].node_name.view(), true);
  return *region;
}

// Objects that items of the command would share are counted for each, as for a charge.
absl::Status Ledger::CheckReconcileBounds(const Reconciliation& r) const {
  Additions additions;
  for (size_t i = 0; i < r.regions.size(); ++i) {
    const ReconcileItemSpec& spec = r.command.items[i];
    const Index charge = state_.FindCharge(spec.charge.charge_id);
    if (charge != kNone && FindHeldItem(charge, spec, r.regions[i]) != kNone) continue;
    if (charge == kNone) ++additions.charges;
    ++additions.items;
    const NearestCgroup nearest = FindNearestAncestor(state_, spec.cgroup);
    WalkItem walk;
    FindStarts(state_, nearest.cgroup, r.regions[i], &walk);
    additions.Add(MissingFor(nearest, walk));
  }
  return CheckBounds(additions);
}

// As if nothing were given back: what is listed is added where it is not known, and regions that
// come back bring what they hold.
absl::Status Ledger::CheckReconcileOverflow(const Reconciliation& r) const {
  absl::flat_hash_map<Index, unsigned __int128> added;  // By region or group.
  std::vector<Index> levels;                            // Of `added`, as they came.
  const auto add = [&](Index level, uint64_t bytes) {
    for (; level != kNone; level = state_.regions[level].parent) {
      unsigned __int128& sum = added[level];
      if (sum == 0 && bytes > 0) levels.push_back(level);
      sum += bytes;
    }
  };
  for (size_t i = 0; i < r.regions.size(); ++i) {
    const ReconcileItemSpec& spec = r.command.items[i];
    const Index charge = state_.FindCharge(spec.charge.charge_id);
    const Index held = charge == kNone ? kNone : FindHeldItem(charge, spec, r.regions[i]);
    add(r.regions[i],
        spec.bytes.MinusOrZero(held == kNone ? ByteCount() : state_.items[held].bytes).value());
  }
  if (r.command.last && r.node != kNone) {
    for (const Index region : RegionsOfNode(r.node)) {
      if (!state_.regions[region].is_lost || !r.Judges(region)) continue;
      const Index root = state_.regions[region].root_pool;
      add(state_.regions[region].parent, state_.pools[root].counter.usage.value());
    }
  }
  for (const Index level : levels) {
    const ByteCount usage = state_.pools[state_.regions[level].root_pool].counter.usage;
    if (usage.value() + added[level] > kUnlimited.value())
      return ReconcileOverflows(state_.RegionName(level), usage);
  }
  return absl::OkStatus();
}

// The charge's HELD item that is meant: the one in that cgroup or, since a charge that moved keeps
// its memory, its only one in that region.
Index Ledger::FindHeldItem(Index charge, const ReconcileItemSpec& spec, Index region) const {
  Index only = kNone;
  int count = 0;
  for (Index i = state_.charges[charge].first_item; i != kNone;
       i = state_.items[i].next_in_charge) {
    const PoolRecord& pool = state_.pools[state_.items[i].pool];
    if (pool.region != region || state_.items[i].is_reserved) continue;
    if (state_.CgroupPath(pool.cgroup) == spec.cgroup) return i;
    only = i;
    ++count;
  }
  return count == 1 ? only : kNone;
}

// What the charge has RESERVED for it: on the region, or on the nearest group above.
Index Ledger::FindReservedFor(Index charge, absl::string_view cgroup, Index region) const {
  for (Index level = region; level != kNone; level = state_.regions[level].parent) {
    const Index item = FindItem(charge, state_.FindCgroup(cgroup), level, /*reserved=*/true);
    if (item != kNone) return item;
  }
  return kNone;
}

void Ledger::SetListed(Index item, bool listed) {
  if (state_.items[item].is_listed != listed) state_.items.Mutable(item).is_listed = listed;
}

void Ledger::ReconcileItem(size_t i, Reconciliation* r) {
  const ReconcileItemSpec& spec = r->command.items[i];
  Difference difference;
  difference.charge_id = std::string(spec.charge.charge_id);
  difference.cgroup = std::string(spec.cgroup);
  difference.region = std::string(spec.region);
  difference.held = spec.bytes;
  const Index charge = state_.FindCharge(spec.charge.charge_id);
  const Index held = charge == kNone ? kNone : FindHeldItem(charge, spec, r->regions[i]);
  if (held != kNone) return ReconcileHeld(held, difference, r);

  ++r->progress.recorded;
  if (charge == kNone) {
    RecordCharge(i, &difference, r);
  } else {
    const Index reserved = FindReservedFor(charge, spec.cgroup, r->regions[i]);
    if (reserved != kNone) {
      difference.kind = Difference::Kind::kCommitted;
      difference.known = state_.items[reserved].bytes;
    }
    AddHeldItem(charge, reserved, spec, r->regions[i], r);
  }
  r->Add(std::move(difference));
}

// An item that is known and held.
void Ledger::ReconcileHeld(Index item, Difference difference, Reconciliation* r) {
  SetListed(item, true);
  const Index cgroup = state_.pools[state_.items[item].pool].cgroup;
  difference.known = state_.items[item].bytes;
  if (state_.CgroupPath(cgroup) != difference.cgroup) {
    difference.known_cgroup = state_.CgroupName(cgroup);
    difference.kind = Difference::Kind::kCgroupDiffers;
    r->Add(difference);
  }
  if (difference.known == difference.held) return;
  if (state_.charges[state_.items[item].charge].basis == Basis::kMeasured) {
    const bool was_over_grant = IsOverGrant(item);
    editor().SetItemBytes(item, difference.held, r->time_us);
    TellOverGrant(item, was_over_grant);
    difference.kind = Difference::Kind::kResized;
    ++r->progress.resized;
  } else {
    difference.kind = Difference::Kind::kSizeDiffers;
    ++r->progress.differing;
  }
  r->Add(std::move(difference));
}

// A charge that nobody knows, or one item of it: the next one finds the charge.
void Ledger::RecordCharge(size_t i, Difference* difference, Reconciliation* r) {
  const ReconcileItemSpec& spec = r->command.items[i];
  ChargeCommand command = spec.charge;
  command.time = r->command.time;
  command.session = r->command.session;
  // A node's clock that is ahead decides nothing.
  command.created_at = std::min(command.created_at, r->command.time);
  if (state_.FindTombstone(command.charge_id) != kNone) {
    std::string& fresh_id = r->fresh_ids[command.charge_id];
    if (fresh_id.empty()) {
      fresh_id = absl::StrCat(r->command.fresh_id, "-", r->fresh_ids.size());
    }
    command.charge_id = fresh_id;
    difference->kind = Difference::Kind::kRecordedAnew;
    difference->new_id = fresh_id;
    const Index known = state_.FindCharge(fresh_id);
    if (known != kNone) return AddHeldItem(known, kNone, spec, r->regions[i], r);
  }
  const ChargeItemSpec items[] = {{spec.cgroup, spec.region, spec.bytes, absl::nullopt}};
  command.items = items;
  const Place places[] = {{r->regions[i], kNone}};
  // A request with this id is another one, whatever it says.
  const Hash128 nobody;
  const Index charge =
      ApplyCharge(command, places, /*is_counted=*/false, nobody, Cause::kReconcile);
  state_.charges.Mutable(charge).granted_index = r->charges++;
  SetListed(state_.charges[charge].first_item, true);
}

void Ledger::AddHeldItem(Index charge, Index reserved, const ReconcileItemSpec& spec, Index region,
                         Reconciliation* r) {
  Index last_item = state_.charges[charge].first_item;
  while (state_.items[last_item].next_in_charge != kNone)
    last_item = state_.items[last_item].next_in_charge;
  const Index cgroup = EnsureCgroup(spec.cgroup);
  const Index pool = editor().EnsurePool(cgroup, region);
  // First off: what counts twice for a moment would stay in the peaks. What is reserved on the
  // region is used up by it, whatever its size; of what is on a group as much as is held.
  if (reserved != kNone) {
    const Index reserved_in = state_.pools[state_.items[reserved].pool].region;
    editor().SetItemBytes(
        reserved,
        reserved_in == region ? ByteCount() : state_.items[reserved].bytes.MinusOrZero(spec.bytes),
        r->time_us);
  }
  const Index item =
      editor().AddItem(charge, last_item, pool, {spec.bytes, next_sequence(), false}, r->time_us);
  SetListed(item, true);
  r->unsorted_pools.insert(pool);
  if (reserved == kNone || !state_.items[reserved].bytes.is_zero()) return;
  const bool ended = editor().GiveBackItem(reserved, r->time_us, &r->result.freed_cgroups);
  DMEM_CHECK(!ended);  // It holds the new item.
}

// Gives back what is known and not held, and brings LOST regions back.
void Ledger::EndReconcile(Index session, Reconciliation* r) {
  std::vector<Index> missing;
  ForEachReconciledItem(r->node, [&](Index item) {
    const ItemRecord& record = state_.items[item];
    if (!record.is_listed && !record.is_reserved && record.placed_sequence <= r->command.as_of &&
        r->Judges(state_.pools[record.pool].region))
      missing.push_back(item);
  });
  ForEachReconciledItem(r->node, [this](Index item) { SetListed(item, false); });
  const auto key = [this](Index item) {
    const ChargeRecord& charge = state_.charges[state_.items[item].charge];
    const PoolRecord& pool = state_.pools[state_.items[item].pool];
    return std::make_tuple(charge.granted_sequence, charge.granted_index,
                           state_.regions[pool.region].id, state_.cgroups[pool.cgroup].id);
  };
  std::sort(missing.begin(), missing.end(), [&key](Index a, Index b) { return key(a) < key(b); });
  for (const Index item : missing) {
    const ItemRecord& record = state_.items[item];
    Difference difference;
    difference.kind = Difference::Kind::kReleased;
    difference.charge_id = std::string(state_.charges[record.charge].id.view());
    difference.cgroup = state_.CgroupName(state_.pools[record.pool].cgroup);
    difference.region = state_.RegionName(state_.pools[record.pool].region);
    difference.known = record.bytes;
    difference.charge_ended = editor().DropItem(item, r->time_us, &r->result.freed_cgroups);
    r->Add(std::move(difference));
  }
  r->progress.released = missing.size();
  if (r->node != kNone) {
    for (const Index region : RegionsOfNode(r->node)) {
      const RegionRecord& record = state_.regions[region];
      if (!record.is_gone && !record.is_unconfirmed && r->Judges(region))
        editor().AttachRegion(region, r->time_us);
    }
    state_.nodes.Mutable(r->node).reconciled_at_us = r->time_us;
  }
  const ReconcileProgress& p = r->progress;
  changes_.Add(ReconcileEnded{r->command.session,
                              std::string(state_.sessions[session].node_name.view()), p.as_of,
                              p.listed, p.recorded, p.released, p.resized, p.differing});
  r->progress = ReconcileProgress();
}

}  // namespace dmem
