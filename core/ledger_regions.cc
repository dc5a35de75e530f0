// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The ledger's commands on regions and groups. Rule R12.

#include <algorithm>
#include <tuple>

#include "core/check.h"
#include "core/details.h"
#include "core/errors.h"
#include "core/ledger.h"

namespace dmem {
namespace {

// Groups from `group` up to the top.
int GroupsFrom(const State& state, Index group) {
  int count = 0;
  for (; group != kNone; group = state.regions[group].parent) ++count;
  return count;
}

// The longest chain of groups that ends, upwards, in `group`.
int GroupsBelow(const State& state, Index group) {
  int deepest = 1;
  for (Index i = state.scalars.first_region; i != kNone; i = state.regions[i].next) {
    if (!state.regions[i].is_group) continue;
    int count = 1;
    Index up = i;
    while (up != kNone && up != group) {
      up = state.regions[up].parent;
      ++count;
    }
    if (up == group) deepest = std::max(deepest, count);
  }
  return deepest;
}

bool IsAtOrBelow(const State& state, Index group, Index ancestor) {
  while (group != kNone && group != ancestor) group = state.regions[group].parent;
  return group == ancestor;
}

}  // namespace

absl::StatusOr<Index> Ledger::FindParentGroup(absl::string_view name,
                                              absl::string_view parent) const {
  if (parent.empty()) return kNone;
  const Index group = state_.FindRegion(parent);
  if (group == kNone) return ParentGroupNotFound(name, parent);
  if (!state_.regions[group].is_group) return GroupIsRegion(parent);
  return group;
}

absl::Status Ledger::CheckRegionBounds(Index region, Index parent) const {
  const StateScalars& s = state_.scalars;
  Additions additions;
  if (region == kNone) {
    if (s.regions + s.groups >= s.settings.regions_max)
      return TooMany("regions and groups", s.settings.regions_max);
    additions.pools = 1;
  } else if (parent != kNone && parent != state_.regions[region].parent) {
    // Each pool of the region may need one in every group above.
    uint64_t pools = 0;
    const Index root = state_.regions[region].root_pool;
    for (Index pool = root; pool != kNone; pool = state_.NextInSubtree(pool, root)) ++pools;
    additions.pools = pools * static_cast<uint64_t>(GroupsFrom(state_, parent));
  }
  return CheckBounds(additions);
}

RegionNumbers Ledger::NumbersOf(Index region) const {
  const RegionRecord& record = state_.regions[region];
  RegionNumbers numbers = {record.capacity, record.reserved, record.grantable, record.incarnation,
                           ""};
  if (record.parent != kNone) numbers.parent = state_.RegionName(record.parent);
  return numbers;
}

void Ledger::TellRegion(Index region, RegionChanged::What what, const RegionNumbers& before) {
  if (!changes_.is_kept()) return;
  RegionChanged change;
  change.what = what;
  change.is_group = state_.regions[region].is_group;
  change.id = state_.regions[region].id;
  change.region = state_.RegionName(region);
  change.before = before;
  change.after = NumbersOf(region);
  changes_.Add(std::move(change));
}

absl::StatusOr<RegisterResult> Ledger::Register(const RegisterCommand& command) {
  Index region = state_.FindRegion(command.name);
  if (region != kNone && state_.regions[region].is_group) return RegionIsGroup(command.name);
  absl::StatusOr<Index> parent = FindParentGroup(command.name, command.parent);
  if (!parent.ok()) return parent.status();
  if (region != kNone && command.keep_policy) parent = state_.regions[region].parent;
  const absl::StatusOr<Index> node = FindNodeOf(command);
  if (!node.ok()) return node.status();
  RegisterResult result;
  result.created = region == kNone;
  bool is_newer = false;
  if (!result.created) {
    const RegionRecord& record = state_.regions[region];
    is_newer = command.incarnation > record.incarnation;
    if (command.incarnation < record.incarnation) {
      return StaleIncarnation(command.name, command.incarnation, record.incarnation);
    }
    const bool is_moved = *parent != record.parent ||
                          (*node != kNone && record.node != kNone && *node != record.node);
    if (is_moved && record.live_items > 0 && !is_newer) {
      return HasCharges(command.name, record.live_items);
    }
  }
  if (absl::Status status = CheckRegionBounds(region, *parent); !status.ok()) return status;

  if (result.created) {
    region = editor().AddRegion(state_.scalars.next_region_id++, command.name, /*is_group=*/false);
    state_.regions.Mutable(region).is_cordoned = command.cordoned;
  }
  const RegionNumbers before = result.created ? RegionNumbers() : NumbersOf(region);
  changes_.SetCause(Cause::kNewerIncarnation);
  if (is_newer) result.dropped = DropMemoryOf(region, command.time);
  const bool is_confirmed = ConfirmRegion(region, *node, is_newer, command.time);
  const bool is_changed = UpdateRegion(region, *parent, command);
  if (result.created || is_changed) {
    TellRegion(region,
               result.created ? RegionChanged::What::kRegistered : RegionChanged::What::kUpdated,
               before);
  }
  if (result.created || is_confirmed || is_changed) Commit(command.time);
  result.region = region;
  return result;
}

absl::StatusOr<Index> Ledger::FindNodeOf(const RegisterCommand& command) const {
  absl::string_view node_name;
  Index node = kNone;
  if (command.session != 0) {
    const absl::StatusOr<Index> session = CheckSession(command.session);
    if (!session.ok()) return session.status();
    node = state_.sessions[*session].node;
    node_name = state_.sessions[*session].node_name.view();
  } else {
    const Index region = state_.FindRegion(command.name);
    if (region == kNone || state_.regions[region].node == kNone) return kNone;
    node_name = state_.nodes[state_.regions[region].node].name.view();
  }
  if (command.node != node_name) return NodeMismatch(command.name, node_name);
  return node;
}

// The session of `node` (kNone: none) says that the region is there, as described; `is_newer`: in
// a newer incarnation, so that it holds nothing. Returns whether anything differed.
bool Ledger::ConfirmRegion(Index region, Index node, bool is_newer, absl::Time time) {
  bool is_changed = false;
  const KnownState before{region, state_.regions[region].id, state_.RegionStateOf(region)};
  if (node != kNone && state_.regions[region].node != node) {
    editor().BindRegion(region, node);
    is_changed = true;
  }
  const bool is_back = node != kNone && state_.regions[region].is_unconfirmed;
  if (!is_back && !is_newer) return is_changed;
  // Empty either way: nothing was charged to it since its items were dropped.
  editor().AttachRegion(region, absl::ToUnixMicros(time));
  editor().SetFailed(region, false, "");
  if (is_back) state_.regions.Mutable(region).is_unconfirmed = false;
  TellStates(absl::MakeConstSpan(&before, 1), "it was registered again");
  return true;
}

bool Ledger::UpdateRegion(Index region, Index parent, const RegisterCommand& command) {
  const RegionRecord& old = state_.regions[region];
  const bool keeps_grantable = command.keep_policy && old.grantable_is_explicit;
  const bool is_explicit = keeps_grantable || command.grantable.has_value();
  const ByteCount grantable =
      keeps_grantable ? old.grantable
                      : command.grantable.value_or(command.capacity.MinusOrZero(command.reserved));
  const std::string attributes =
      EncodeRegionAttributes({command.node, command.model, command.uuid, command.pci});
  if (old.capacity == command.capacity && old.reserved == command.reserved &&
      old.grantable == grantable && old.grantable_is_explicit == is_explicit &&
      old.incarnation == command.incarnation && old.parent == parent &&
      old.attributes.view() == attributes) {
    return false;
  }
  editor().SetRegionParent(region, parent);
  editor().SetAttributes(region, attributes);
  const bool was_over = editor().IsOver(old.root_pool);
  RegionRecord& record = state_.regions.Mutable(region);
  record.capacity = command.capacity;
  record.reserved = command.reserved;
  record.grantable = grantable;
  record.grantable_is_explicit = is_explicit;
  record.incarnation = command.incarnation;
  // What the region may grant in all is the max of its root pool (R2).
  editor().UpdateRootMax(region);
  editor().TellOver(record.root_pool, was_over);
  return true;
}

Dropped Ledger::DropMemoryOf(Index region, absl::Time time) {
  Dropped dropped = DropItems(region, time);
  RegionRecord& record = state_.regions.Mutable(region);
  record.device_used = ByteCount();
  record.attributed = ByteCount();
  record.device_used_at_us = 0;
  editor().UpdateRootMax(region);
  return dropped;
}

Dropped Ledger::DropItems(Index region, absl::Time time) {
  std::vector<Index> items;
  const Index root = state_.regions[region].root_pool;
  for (Index pool = root; pool != kNone; pool = state_.NextInSubtree(pool, root)) {
    for (Index i = state_.pools[pool].first_item; i != kNone; i = state_.items[i].next_in_pool)
      items.push_back(i);
  }
  // In an order that does not depend on how the records lie.
  const auto key = [this](Index item) {
    const ChargeRecord& charge = state_.charges[state_.items[item].charge];
    return std::make_tuple(charge.granted_sequence, charge.granted_index,
                           state_.cgroups[state_.pools[state_.items[item].pool].cgroup].id,
                           state_.items[item].is_reserved);
  };
  std::sort(items.begin(), items.end(), [&key](Index a, Index b) { return key(a) < key(b); });

  Dropped dropped;
  dropped.count = items.size();
  for (const Index i : items) {
    DroppedItem report;
    const bool is_listed = dropped.items.size() < Dropped::kListed;
    if (is_listed) {
      const ItemRecord& item = state_.items[i];
      report.charge_id = std::string(state_.charges[item.charge].id.view());
      report.cgroup = state_.CgroupName(state_.pools[item.pool].cgroup);
      report.region = state_.RegionName(region);
      report.bytes = item.bytes;
    }
    report.charge_ended = editor().DropItem(i, absl::ToUnixMicros(time), &dropped.freed_cgroups);
    if (is_listed) dropped.items.push_back(std::move(report));
  }
  std::sort(dropped.freed_cgroups.begin(), dropped.freed_cgroups.end());
  return dropped;
}

absl::StatusOr<UnregisterResult> Ledger::Unregister(const UnregisterCommand& command) {
  const Index region = state_.FindRegion(command.name);
  if (region == kNone) return RegionNotFound(command.name);
  if (state_.regions[region].is_group) return RegionIsGroup(command.name);
  if (state_.regions[region].is_gone && !command.force) return RegionGone(command.name);
  UnregisterResult result;
  result.id = state_.regions[region].id;
  changes_.SetCause(Cause::kUnregister);
  if (command.force) result.dropped = DropItems(region, command.time);
  result.removed = state_.regions[region].live_items == 0;
  if (result.removed) {
    editor().RemoveRegion(region);
  } else {
    editor().MarkGone(region);
    TellRegion(region, RegionChanged::What::kGone, {});
  }
  Commit(command.time);
  return result;
}

absl::Status Ledger::Cordon(const CordonCommand& command) {
  const Index region = state_.FindRegion(command.name);
  if (region == kNone) return RegionNotFound(command.name);
  if (state_.regions[region].is_group) return RegionIsGroup(command.name);
  if (state_.regions[region].is_gone) return RegionGone(command.name);
  if (state_.regions[region].is_cordoned == command.cordoned) return absl::OkStatus();
  state_.regions.Mutable(region).is_cordoned = command.cordoned;
  TellRegion(region,
             command.cordoned ? RegionChanged::What::kCordoned : RegionChanged::What::kUncordoned,
             {});
  Commit(command.time);
  return absl::OkStatus();
}

absl::StatusOr<bool> Ledger::RegisterGroup(const RegisterGroupCommand& command) {
  Index group = state_.FindRegion(command.name);
  if (group != kNone && !state_.regions[group].is_group) return GroupIsRegion(command.name);
  const bool created = group == kNone;
  if (created && command.parent == command.name) return GroupCycle(command.name, command.parent);
  const absl::StatusOr<Index> parent = FindParentGroup(command.name, command.parent);
  if (!parent.ok()) return parent.status();
  if (!created && *parent != kNone && IsAtOrBelow(state_, *parent, group)) {
    return GroupCycle(command.name, command.parent);
  }
  const int below = created ? 1 : GroupsBelow(state_, group);
  if (GroupsFrom(state_, *parent) + below > kGroupDepthMax) {
    return GroupTooDeep(command.name, command.parent, kGroupDepthMax);
  }
  if (!created && *parent != state_.regions[group].parent && state_.regions[group].live_items > 0) {
    return HasCharges(command.name, state_.regions[group].live_items);
  }
  if (absl::Status status = CheckRegionBounds(group, *parent); !status.ok()) return status;
  if (!created && *parent == state_.regions[group].parent) return false;
  if (created)
    group = editor().AddRegion(state_.scalars.next_region_id++, command.name, /*is_group=*/true);
  const RegionNumbers before = created ? RegionNumbers() : NumbersOf(group);
  editor().SetRegionParent(group, *parent);
  TellRegion(group, created ? RegionChanged::What::kRegistered : RegionChanged::What::kUpdated,
             before);
  Commit(command.time);
  return created;
}

absl::Status Ledger::UnregisterGroup(const UnregisterGroupCommand& command) {
  const Index group = state_.FindRegion(command.name);
  if (group == kNone) return GroupNotFound(command.name);
  if (!state_.regions[group].is_group) return GroupIsRegion(command.name);
  if (state_.regions[group].members > 0)
    return GroupNotEmpty(command.name, state_.regions[group].members);
  if (state_.regions[group].live_items > 0)
    return HasCharges(command.name, state_.regions[group].live_items);
  editor().RemoveRegion(group);
  Commit(command.time);
  return absl::OkStatus();
}

}  // namespace dmem
