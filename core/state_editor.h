// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// StateEditor: changes records, keeping lists, indices, counts and claims in step.

#ifndef CORE_STATE_EDITOR_H_
#define CORE_STATE_EDITOR_H_

#include <cstdint>
#include <tuple>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "core/blob.h"
#include "core/byte_count.h"
#include "core/changes.h"
#include "core/cow_table.h"
#include "core/deadlines.h"
#include "core/pool_walk.h"
#include "core/state.h"

namespace dmem {

struct NewItem {
  ByteCount bytes;
  uint64_t placed_sequence = 0;
  bool is_reserved = false;
  bool is_counted = false;  // Its usage has been added.
};

// The structural steps of which the ledger's commands are made. Decides nothing and refuses
// nothing: what is asked must be possible.
//
// References into the tables are invalid after a call.
class StateEditor {
 public:
  // `changes` is told what is worth an event.
  StateEditor(State* state, SnapshotEpochs* epochs, Changes* changes, Deadlines* deadlines)
      : state_(*state), epochs_(epochs), changes_(*changes), deadlines_(deadlines) {}

  // ---- Regions and groups ----

  // Adds it last in order, with its root pool, and without a parent. `id` comes from the caller so
  // that recovery can use it too.
  Index AddRegion(uint64_t id, absl::string_view name, bool is_group);
  // Moves it under another group (kNone: none) and links its pools to that group's. REQUIRES: no
  // items in it.
  void SetRegionParent(Index region, Index parent);
  // From now on it is "NAME@ID".
  void MarkGone(Index region);
  // Removes it with all its pools; implicit cgroups that had only these go too.
  // REQUIRES: no items and, for a group, no members.
  void RemoveRegion(Index region);
  void SetAttributes(Index region, absl::string_view encoded);

  // ---- Nodes and sessions ----

  Index AddNode(uint64_t id, absl::string_view name);
  // Removes it if there is nothing to remember of it.
  void CollectNode(Index node);
  // REQUIRES: no session and no regions.
  void RemoveNode(Index node);
  void SetNotReady(Index node, bool not_ready, absl::string_view why, int64_t since_us);
  // To be called after a change of a node, of its session or of how many regions it has.
  void UpdateDeadlinesOfNode(Index node);

  Index AddSession(uint64_t id, const Hash128& fingerprint, absl::string_view owner,
                   absl::string_view node_name);
  void UpdateDeadlineOfSession(Index session);
  // From now on it is only remembered. `at_us`: service time.
  void EndSession(Index session, SessionState how, absl::string_view why, int64_t at_us);
  // REQUIRES: it has ended.
  void RemoveSession(Index session);
  void SetReconcile(Index session, const ReconcileProgress& progress, absl::string_view id);

  // The node (kNone: none) answers for the region from now on.
  void BindRegion(Index region, Index node);
  void SetFailed(Index region, bool failed, absl::string_view why);
  // LOST: what the region holds counts in itself only. Does nothing if it is.
  void DetachRegion(Index region, int64_t time_us);
  // No longer LOST: what it holds counts in its groups again, whatever their limits. Does nothing
  // if it is not. REQUIRES: no counter overflows.
  void AttachRegion(Index region, int64_t time_us);

  // ---- Cgroups ----

  // Adds a live cgroup below `parent`.
  Index AddCgroup(uint64_t id, Index parent, absl::string_view name, bool implicit);
  // From now on it is "@ID", and all its limits are defaults. `sequence`: of the change.
  void MarkDying(Index cgroup, uint64_t sequence);
  // Removes `cgroup` if nothing keeps it (dying, or implicit without limits; no items, no
  // children), then so its parent, and so on up. Adds the ids of dying ones to `freed`.
  void Collect(Index cgroup, std::vector<uint64_t>* freed);
  // Removes it whatever it is. REQUIRES: no items and no children.
  void RemoveCgroup(Index cgroup);

  // ---- Pools ----

  // The pool, made with its ancestors and its groups' if it was missing.
  Index EnsurePool(Index cgroup, Index region);
  // Sets limits and brings the parent's claims up to date.
  void SetLimits(Index pool, ByteCount min, ByteCount low, ByteCount max, bool observed,
                 uint64_t sequence);
  // Whether usage is above max or, for a region's root pool, above what that may grant.
  bool IsOver(Index pool) const {
    return state_.pools[pool].counter.usage > state_.OverBound(pool);
  }
  // After a change of what IsOver looks at other than usage and limits.
  void TellOver(Index pool, bool was_over) {
    if (IsOver(pool) != was_over) changes_.TurnOver(state_, pool, !was_over);
  }
  // Adds to, or takes off, a region's pool, its ancestors, and the same in the groups in which it
  // counts.
  void AddUsage(const PoolWalk& walk, ByteCount bytes, int64_t time_us);
  // Adds if each counter is at most its max with `bytes` more, else changes nothing and returns
  // false. What it adds would be granted in every mode, and nothing of it refused under OBSERVE.
  // REQUIRES: bytes > 0.
  bool AddUsageIfRoom(const PoolWalk& walk, ByteCount bytes, int64_t time_us);
  void AddUsage(Index pool, ByteCount bytes, int64_t time_us) {
    AddUsage(PoolWalk(&state_, pool), bytes, time_us);
  }
  void SubtractUsage(const PoolWalk& walk, ByteCount bytes, int64_t time_us);
  void SubtractUsage(Index pool, ByteCount bytes, int64_t time_us) {
    SubtractUsage(PoolWalk(&state_, pool), bytes, time_us);
  }

  // ---- Charges ----

  Index AddCharge(absl::string_view id);
  // Adds an item with its usage, after `last_item` of the charge (kNone: it is the first), as the
  // newest of its pool. A RESERVED one is for charges that have an expiry.
  // REQUIRES: the charge's granted_sequence is set.
  Index AddItem(Index charge, Index last_item, Index pool, const NewItem& item, int64_t time_us);
  // Sets an item's size, and its usage with it.
  void SetItemBytes(Index item, ByteCount bytes, int64_t time_us);
  // From now on the item is HELD, and the newest of its pool.
  void PlaceItem(Index item, uint64_t sequence);
  // Moves an item with its usage to another pool of the same region, where its charge has none
  // such.
  void MoveItem(Index item, Index pool, int64_t time_us);
  // Makes one item of two of a charge that are both HELD or both RESERVED, in pools of one region.
  void MergeItem(Index item, Index into, int64_t time_us);
  // Removes an item with its usage from everywhere but its charge's count. What that leaves empty
  // is not removed.
  void RemoveItem(Index item, int64_t time_us);
  // Brings the items of a pool in order, newest first.
  void SortItems(Index pool);
  // Removes a charge and its items; a region that is GONE goes with its last item, and dying or
  // implicit cgroups with theirs. Its id becomes a tombstone.
  void ReleaseCharge(Index charge, int64_t time_us, std::vector<uint64_t>* freed_cgroups);
  // Removes one item as ReleaseCharge does; the charge too if it was the last (returns true).
  bool GiveBackItem(Index item, int64_t time_us, std::vector<uint64_t>* freed_cgroups);
  // The RESERVED items of the charge expire then, in service time. REQUIRES: its granted_sequence
  // is set.
  void SetExpiry(Index charge, int64_t expires_at_us);
  // After the last RESERVED item of the charge has gone; does nothing while there is one.
  void EndReservation(Index charge);
  void SetLifecycle(Index charge, absl::string_view encoded);
  // From now on the charge is RELEASING.
  void MarkReleasing(Index charge);
  // Removes one item; the charge too if it was the last (returns true), else the charge is PARTIAL.
  // A GONE region is left in place, also when empty.
  bool DropItem(Index item, int64_t time_us, std::vector<uint64_t>* freed_cgroups);

  // ---- What nodes measured ----

  // Notes what a node saw the item use.
  void Measure(Index item, ByteCount bytes, int64_t time_us);
  // The record of an item that had none, for recovery; nothing is added to what it says.
  void AddMeasured(Index item, ByteCount bytes, int64_t at_us, __int128 weighted_bytes);
  // Brings what the region's root pool grants up to date.
  void UpdateRootMax(Index region);

  // ---- Tombstones ----

  // Adds a tombstone that covers `covers_until_us`. Takes over `id`.
  void AddTombstone(Blob id, uint64_t serial, int64_t covers_until_us, bool skewed);
  // The spent id of a charge created at `created_at_us`, or never seen (nullopt).
  void Spend(Blob id, absl::optional<int64_t> created_at_us, int64_t time_us);
  // Drops the oldest tombstones until at most `count_max` are left, and up to `steps` of those that
  // cover nothing after `expired_us`.
  void DropTombstones(uint64_t count_max, int64_t expired_us, int steps);

 private:
  void AddRegionToIndex(Index region);
  void RemoveRegionFromIndex(Index region);
  void AddCgroupToIndex(Index cgroup);
  void RemoveCgroupFromIndex(Index cgroup);
  // Gives every pool of the region its counterpart in the group in which it counts.
  void LinkPoolsToGroup(Index region);
  void RemovePool(Index pool);
  template <bool kAdd, bool kHasRoom>
  void ChangeUsage(const PoolWalk& walk, ByteCount bytes, int64_t time_us);
  template <bool kAdd>
  void FollowWalk(const PoolWalk& walk, ByteCount bytes);
  void FollowUsage(Index pool, ByteCount before);
  // Brings the claims that `pool` has at its parent from `old_min`, `old_low` to what its counter
  // says.
  void UpdateClaims(Index pool, ByteCount old_min, ByteCount old_low);
  void CountItem(Index pool, bool add);
  void CountReserved(Index pool, ByteCount bytes, bool add);
  void LinkItemAsNewest(Index item);
  void LinkItemByAge(Index item);
  // Greater for newer ones.
  std::tuple<uint64_t, uint64_t, uint32_t> AgeOf(Index item) const {
    const ItemRecord& record = state_.items[item];
    const ChargeRecord& charge = state_.charges[record.charge];
    return {record.placed_sequence, charge.granted_sequence, charge.granted_index};
  }
  void UnlinkItemFromPool(Index item);
  // Adds what was measured of the item to its region's sums, or takes it off.
  void CountMeasured(Index item, bool add);
  // What was measured up to now has been told with the item's removal.
  static void RestartMeasured(MeasuredRecord* measured, int64_t time_us);
  void MergeMeasured(const MeasuredRecord& measured, Index into);
  void TellCgroup(Index cgroup, CgroupChanged::What what);
  void TellLimits(Index pool, const Limits& after);
  void UnlinkItemFromCharge(Index item);
  void RemoveItemAndWhatItKept(Index item, int64_t time_us, std::vector<uint64_t>* freed_cgroups);
  bool HasLimits(Index cgroup) const;
  Index OldestTombstone() const;
  void DropOldestTombstone(Index oldest);

  State& state_;
  SnapshotEpochs* epochs_;
  Changes& changes_;
  Deadlines* deadlines_;
};

// Every charge comes by here, and most of its counters have no limit that its bytes matter to: what
// follows where they do is left to a second pass. kHasRoom: every counter has been seen to have
// room.
template <bool kAdd, bool kHasRoom>
inline void StateEditor::ChangeUsage(const PoolWalk& walk, ByteCount bytes, int64_t time_us) {
  const __int128 product = static_cast<__int128>(bytes.value()) * time_us;
  const __int128 weighted = kAdd ? product : -product;
  PoolRecord* const* const end = walk.end();
  for (PoolRecord* const* level = walk.begin(); level != end; level += walk.depth()) {
    ByteCount& own = (*level)->own;
    own = kAdd ? own.PlusChecked(bytes) : own.MinusChecked(bytes);
  }
  bool matters = walk.is_protected();
  uint64_t all = 0;
#pragma GCC unroll 4
  for (PoolRecord* const* at = walk.begin(); at != end; ++at) {
    PageCounter& counter = (*at)->counter;
    const ByteCount before = counter.usage;
    // Beyond its range, in either direction, it has the highest bit: looked at once, in the end.
    const ByteCount after(kAdd ? before.value() + bytes.value() : before.value() - bytes.value());
    all |= after.value();
    counter.usage = after;
    if (kAdd && after > counter.peak) counter.peak = after;
    (*at)->weighted_bytes += weighted;
    // What is OVER is above its max too.
    if (!kHasRoom && __builtin_expect((kAdd ? after : before) > counter.max, 0)) matters = true;
  }
  DMEM_CHECK(static_cast<int64_t>(all) >= 0);
  if (__builtin_expect(matters, 0)) FollowWalk<kAdd>(walk, bytes);
}

inline bool StateEditor::AddUsageIfRoom(const PoolWalk& walk, ByteCount bytes, int64_t time_us) {
#pragma GCC unroll 4
  for (PoolRecord* const* at = walk.begin(); at != walk.end(); ++at) {
    const PageCounter& counter = (*at)->counter;
    // The sum fits into 64 bits: both are at most 2^63-1.
    if (counter.usage.value() + bytes.value() > counter.max.value()) return false;
  }
  ChangeUsage<true, true>(walk, bytes, time_us);
  return true;
}

inline void StateEditor::AddUsage(const PoolWalk& walk, ByteCount bytes, int64_t time_us) {
  if (!bytes.is_zero()) ChangeUsage<true, false>(walk, bytes, time_us);
}

inline void StateEditor::SubtractUsage(const PoolWalk& walk, ByteCount bytes, int64_t time_us) {
  if (!bytes.is_zero()) ChangeUsage<false, false>(walk, bytes, time_us);
}

}  // namespace dmem

#endif  // CORE_STATE_EDITOR_H_
