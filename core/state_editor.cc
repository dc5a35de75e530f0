// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/state_editor.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/free_list.h"
#include "core/state_indexes.h"

namespace dmem {
// ---- Regions and groups ----

Index StateEditor::AddRegion(uint64_t id, absl::string_view name, bool is_group) {
  StateScalars& s = state_.scalars;
  const Index i = TakeRecord(state_.regions, s.free_region, &RegionRecord::next);
  RegionRecord& region = state_.regions.Mutable(i);
  region.id = id;
  region.name = Blob::Make(name);
  region.is_group = is_group;
  region.grantable = kUnlimited;
  region.prev = s.last_region;
  if (s.last_region == kNone) {
    s.first_region = i;
  } else {
    state_.regions.Mutable(s.last_region).next = i;
  }
  s.last_region = i;
  ++(is_group ? s.groups : s.regions);
  AddRegionToIndex(i);
  const Index root_pool = EnsurePool(kRootCgroup, i);
  state_.regions.Mutable(i).root_pool = root_pool;
  return i;
}

void StateEditor::AddRegionToIndex(Index region) {
  const uint32_t hash = HashName(state_.RegionName(region));
  state_.regions.Mutable(region).name_hash = hash;
  state_.region_names.Insert(hash, region, AccessTo<RegionAccess>(state_.regions));
}

void StateEditor::RemoveRegionFromIndex(Index region) {
  state_.region_names.Erase(state_.regions[region].name_hash, region,
                            AccessTo<RegionAccess>(state_.regions));
}

void StateEditor::SetRegionParent(Index region, Index parent) {
  const Index old = state_.regions[region].parent;
  if (old == parent) return;
  DMEM_CHECK(state_.regions[region].live_items == 0);
  if (old != kNone) --state_.regions.Mutable(old).members;
  if (parent != kNone) ++state_.regions.Mutable(parent).members;
  state_.regions.Mutable(region).parent = parent;
  LinkPoolsToGroup(region);
}

void StateEditor::LinkPoolsToGroup(Index region) {
  const Index group = state_.GroupOf(region);
  const Index root = state_.regions[region].root_pool;
  for (Index pool = root; pool != kNone; pool = state_.NextInSubtree(pool, root)) {
    const Index group_pool = group == kNone ? kNone : EnsurePool(state_.pools[pool].cgroup, group);
    state_.pools.Mutable(pool).group_pool = group_pool;
  }
}

void StateEditor::MarkGone(Index region) {
  RemoveRegionFromIndex(region);
  state_.regions.Mutable(region).is_gone = true;
  AddRegionToIndex(region);
}

void StateEditor::RemoveRegion(Index region) {
  DMEM_CHECK(state_.regions[region].live_items == 0);
  DMEM_CHECK(state_.regions[region].members == 0);
  if (changes_.is_kept()) {
    RegionChanged change;
    change.what = RegionChanged::What::kRemoved;
    change.is_group = state_.regions[region].is_group;
    change.id = state_.regions[region].id;
    change.region = state_.RegionName(region);
    const RegionRecord& record = state_.regions[region];
    change.before = {record.capacity, record.reserved, record.grantable, record.incarnation, ""};
    if (record.parent != kNone) change.before.parent = state_.RegionName(record.parent);
    changes_.Add(std::move(change));
  }
  std::vector<Index> pools;  // Parents before children.
  const Index root = state_.regions[region].root_pool;
  for (Index pool = root; pool != kNone; pool = state_.NextInSubtree(pool, root))
    pools.push_back(pool);
  std::vector<Index> cgroups;
  for (auto pool = pools.rbegin(); pool != pools.rend(); ++pool) {
    cgroups.push_back(state_.pools[*pool].cgroup);
    RemovePool(*pool);
  }

  BindRegion(region, kNone);
  RemoveRegionFromIndex(region);
  StateScalars& s = state_.scalars;
  RegionRecord& record = state_.regions.Mutable(region);
  const Index prev = record.prev, next = record.next, parent = record.parent;
  --(record.is_group ? s.groups : s.regions);
  record.name.Retire(epochs_);
  record.attributes.Retire(epochs_);
  record.failure.Retire(epochs_);
  (prev == kNone ? s.first_region : state_.regions.Mutable(prev).next) = next;
  (next == kNone ? s.last_region : state_.regions.Mutable(next).prev) = prev;
  if (parent != kNone) --state_.regions.Mutable(parent).members;
  FreeRecord(state_.regions, region, s.free_region, &RegionRecord::next);

  std::vector<uint64_t> freed;
  for (const Index cgroup : cgroups) {
    if (state_.cgroups[cgroup].is_used) Collect(cgroup, &freed);
  }
  DMEM_CHECK(freed.empty());  // A dying cgroup without items or children has gone before.
}

void StateEditor::SetAttributes(Index region, absl::string_view encoded) {
  if (state_.regions[region].attributes.view() == encoded) return;
  RegionRecord& record = state_.regions.Mutable(region);
  record.attributes.Retire(epochs_);
  record.attributes = Blob::Make(encoded);
}

// ---- Cgroups ----

Index StateEditor::AddCgroup(uint64_t id, Index parent, absl::string_view name, bool implicit) {
  StateScalars& s = state_.scalars;
  const Index i = TakeRecord(state_.cgroups, s.free_cgroup, &CgroupRecord::next_sibling);
  CgroupRecord& p = state_.cgroups.Mutable(parent);
  const Index next = p.first_child;
  p.first_child = i;
  ++p.children;
  ++p.live_children;
  const uint8_t depth = static_cast<uint8_t>(p.depth + 1);
  if (next != kNone) state_.cgroups.Mutable(next).prev_sibling = i;
  CgroupRecord& cgroup = state_.cgroups.Mutable(i);
  cgroup.id = id;
  cgroup.name = Blob::Make(name);
  cgroup.parent = parent;
  cgroup.next_sibling = next;
  cgroup.depth = depth;
  cgroup.is_used = true;
  cgroup.is_implicit = implicit;
  ++s.cgroups;
  AddCgroupToIndex(i);
  TellCgroup(i, CgroupChanged::What::kCreated);
  return i;
}

void StateEditor::TellCgroup(Index cgroup, CgroupChanged::What what) {
  if (!changes_.is_kept()) return;
  const CgroupRecord& record = state_.cgroups[cgroup];
  CgroupChanged change;
  change.what = what;
  change.id = record.id;
  change.path = state_.CgroupPath(cgroup);
  change.implicit = record.is_implicit;
  change.priority = record.priority;
  changes_.Add(std::move(change));
}

void StateEditor::AddCgroupToIndex(Index cgroup) {
  const uint32_t hash = HashName(state_.CgroupName(cgroup));
  state_.cgroups.Mutable(cgroup).path_hash = hash;
  state_.cgroup_paths.Insert(hash, cgroup, AccessTo<CgroupAccess>(state_.cgroups));
}

void StateEditor::RemoveCgroupFromIndex(Index cgroup) {
  state_.cgroup_paths.Erase(state_.cgroups[cgroup].path_hash, cgroup,
                            AccessTo<CgroupAccess>(state_.cgroups));
}

void StateEditor::MarkDying(Index cgroup, uint64_t sequence) {
  TellCgroup(cgroup, CgroupChanged::What::kDying);
  RemoveCgroupFromIndex(cgroup);
  state_.cgroups.Mutable(cgroup).is_dying = true;
  AddCgroupToIndex(cgroup);
  --state_.cgroups.Mutable(state_.cgroups[cgroup].parent).live_children;
  for (Index pool = state_.cgroups[cgroup].first_pool; pool != kNone;
       pool = state_.pools[pool].next_of_cgroup) {
    if (!state_.pools[pool].has_default_limits()) {
      SetLimits(pool, ByteCount(), ByteCount(), kUnlimited, false, sequence);
    }
  }
}

bool StateEditor::HasLimits(Index cgroup) const {
  for (Index pool = state_.cgroups[cgroup].first_pool; pool != kNone;
       pool = state_.pools[pool].next_of_cgroup) {
    if (!state_.pools[pool].has_default_limits()) return true;
  }
  return false;
}

void StateEditor::Collect(Index cgroup, std::vector<uint64_t>* freed) {
  while (cgroup != kRootCgroup) {
    const CgroupRecord& record = state_.cgroups[cgroup];
    if (record.live_items > 0 || record.children > 0) return;
    if (record.is_dying) {
      freed->push_back(record.id);
    } else if (!record.is_implicit || HasLimits(cgroup)) {
      return;
    }
    const Index parent = record.parent;
    RemoveCgroup(cgroup);
    cgroup = parent;
  }
}

void StateEditor::RemoveCgroup(Index cgroup) {
  TellCgroup(cgroup, state_.cgroups[cgroup].is_dying      ? CgroupChanged::What::kFreed
                     : state_.cgroups[cgroup].is_implicit ? CgroupChanged::What::kDisappeared
                                                          : CgroupChanged::What::kDeleted);
  while (state_.cgroups[cgroup].first_pool != kNone) RemovePool(state_.cgroups[cgroup].first_pool);
  RemoveCgroupFromIndex(cgroup);
  CgroupRecord& record = state_.cgroups.Mutable(cgroup);
  DMEM_CHECK(record.live_items == 0 && record.children == 0);
  record.name.Retire(epochs_);
  const Index prev = record.prev_sibling, next = record.next_sibling, parent = record.parent;
  const bool was_live = !record.is_dying;
  if (prev != kNone) state_.cgroups.Mutable(prev).next_sibling = next;
  if (next != kNone) state_.cgroups.Mutable(next).prev_sibling = prev;
  CgroupRecord& p = state_.cgroups.Mutable(parent);
  if (prev == kNone) p.first_child = next;
  --p.children;
  if (was_live) --p.live_children;
  --state_.scalars.cgroups;
  FreeRecord(state_.cgroups, cgroup, state_.scalars.free_cgroup, &CgroupRecord::next_sibling);
}

// ---- Pools ----

Index StateEditor::EnsurePool(Index cgroup, Index region) {
  const Index existing = state_.FindPool(cgroup, region);
  if (existing != kNone) return existing;
  const Index parent_cgroup = state_.cgroups[cgroup].parent;
  const Index parent = parent_cgroup == kNone ? kNone : EnsurePool(parent_cgroup, region);
  const Index group = state_.GroupOf(region);
  const Index group_pool = group == kNone ? kNone : EnsurePool(cgroup, group);

  const Index i = TakeRecord(state_.pools, state_.scalars.free_pool, &PoolRecord::next_sibling);
  CgroupRecord& owner = state_.cgroups.Mutable(cgroup);
  const Index next_of_cgroup = std::exchange(owner.first_pool, i);
  const Index sibling =
      parent == kNone ? kNone : std::exchange(state_.pools.Mutable(parent).first_child, i);
  if (sibling != kNone) state_.pools.Mutable(sibling).prev_sibling = i;
  PoolRecord& pool = state_.pools.Mutable(i);
  pool.cgroup = cgroup;
  pool.region = region;
  pool.counter.parent = parent;
  pool.group_pool = group_pool;
  pool.next_sibling = sibling;
  pool.next_of_cgroup = next_of_cgroup;
  state_.pool_keys.Insert(HashPoolKey(cgroup, region), i, AccessTo<PoolAccess>(state_.pools));
  ++state_.scalars.pools;
  return i;
}

void StateEditor::RemovePool(Index pool) {
  const PoolRecord record = state_.pools[pool];
  DMEM_CHECK(record.counter.usage.is_zero() && record.first_item == kNone &&
             record.first_child == kNone);
  state_.pool_keys.Erase(HashPoolKey(record.cgroup, record.region), pool,
                         AccessTo<PoolAccess>(state_.pools));
  if (record.prev_sibling != kNone)
    state_.pools.Mutable(record.prev_sibling).next_sibling = record.next_sibling;
  if (record.next_sibling != kNone)
    state_.pools.Mutable(record.next_sibling).prev_sibling = record.prev_sibling;
  if (record.prev_sibling == kNone && record.counter.parent != kNone) {
    state_.pools.Mutable(record.counter.parent).first_child = record.next_sibling;
  }
  if (state_.cgroups[record.cgroup].first_pool == pool) {
    state_.cgroups.Mutable(record.cgroup).first_pool = record.next_of_cgroup;
  } else {
    // A cgroup has few pools; the root's are as many as the regions, and these rarely go.
    Index before = state_.cgroups[record.cgroup].first_pool;
    while (state_.pools[before].next_of_cgroup != pool)
      before = state_.pools[before].next_of_cgroup;
    state_.pools.Mutable(before).next_of_cgroup = record.next_of_cgroup;
  }
  --state_.scalars.pools;
  FreeRecord(state_.pools, pool, state_.scalars.free_pool, &PoolRecord::next_sibling);
}

void StateEditor::SetLimits(Index pool, ByteCount min, ByteCount low, ByteCount max, bool observed,
                            uint64_t sequence) {
  TellLimits(pool, Limits{min, low, max, observed});
  const bool was_over = IsOver(pool);
  PoolRecord& record = state_.pools.Mutable(pool);
  const ByteCount old_min = record.counter.min_claim(), old_low = record.counter.low_claim();
  record.counter.min = min;
  record.counter.low = low;
  record.counter.max = max;
  record.counter.is_protected = !min.is_zero() || !low.is_zero();
  record.is_observed = observed;
  record.limits_sequence = sequence;
  UpdateClaims(pool, old_min, old_low);
  TellOver(pool, was_over);
}

void StateEditor::TellLimits(Index pool, const Limits& after) {
  if (!changes_.is_kept()) return;
  const PoolRecord& record = state_.pools[pool];
  const CgroupRecord& cgroup = state_.cgroups[record.cgroup];
  const PageCounter& counter = record.counter;
  LimitsChanged change;
  change.cgroup = state_.CgroupPath(record.cgroup);
  change.dying_id = cgroup.is_dying ? cgroup.id : 0;
  change.region = state_.RegionName(record.region);
  change.before = {counter.min, counter.low, counter.max, record.is_observed};
  change.after = after;
  changes_.Add(std::move(change));
}

void StateEditor::UpdateClaims(Index pool, ByteCount old_min, ByteCount old_low) {
  const PageCounter& counter = state_.pools[pool].counter;
  const ByteCount min = counter.min_claim(), low = counter.low_claim();
  if (counter.parent == kNone || (min == old_min && low == old_low)) return;
  PageCounter& parent = state_.pools.Mutable(counter.parent).counter;
  parent.children_min_claims = parent.children_min_claims.MinusChecked(old_min).PlusChecked(min);
  parent.children_low_claims = parent.children_low_claims.MinusChecked(old_low).PlusChecked(low);
}

// What follows from a change of a counter's usage where its limits make a difference.
void StateEditor::FollowUsage(Index pool, ByteCount before) {
  const PageCounter& counter = state_.pools[pool].counter;
  UpdateClaims(pool, Min(before, counter.min), Min(before, counter.low));
  const ByteCount bound = state_.OverBound(pool);
  const bool was_over = before > bound, is_over = counter.usage > bound;
  if (is_over != was_over) changes_.TurnOver(state_, pool, is_over);
}

// What follows from a change of usage by `bytes` of all counters of a walk.
template <bool kAdd>
void StateEditor::FollowWalk(const PoolWalk& walk, ByteCount bytes) {
  for (Index level = walk.pool(); level != kNone; level = state_.pools[level].group_pool) {
    for (Index p = level; p != kNone; p = state_.pools[p].counter.parent) {
      const ByteCount after = state_.pools[p].counter.usage;
      FollowUsage(p, kAdd ? after.MinusChecked(bytes) : after.PlusChecked(bytes));
    }
  }
}

template void StateEditor::FollowWalk<true>(const PoolWalk& walk, ByteCount bytes);
template void StateEditor::FollowWalk<false>(const PoolWalk& walk, ByteCount bytes);

}  // namespace dmem
