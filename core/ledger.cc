// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/ledger.h"

#include <algorithm>

#include "core/check.h"
#include "core/errors.h"

namespace dmem {

Ledger::Ledger() : state_(&epochs_) {
  CgroupRecord root;
  root.is_used = true;
  state_.cgroups.Append(root);
}

Ledger::~Ledger() {
  DMEM_CHECK(epochs_.live_snapshots() == 0);
  for (Index i = 0; i < state_.regions.size(); ++i) {
    state_.regions.Mutable(i).name.Retire(&epochs_);
    state_.regions.Mutable(i).attributes.Retire(&epochs_);
    state_.regions.Mutable(i).failure.Retire(&epochs_);
  }
  for (Index i = 0; i < state_.cgroups.size(); ++i) state_.cgroups.Mutable(i).name.Retire(&epochs_);
  for (Index i = 0; i < state_.charges.size(); ++i) {
    state_.charges.Mutable(i).id.Retire(&epochs_);
    state_.charges.Mutable(i).details.Retire(&epochs_);
    state_.charges.Mutable(i).lifecycle.Retire(&epochs_);
  }
  for (Index i = 0; i < state_.tombstones.size(); ++i)
    state_.tombstones.Mutable(i).id.Retire(&epochs_);
  for (Index i = 0; i < state_.nodes.size(); ++i) {
    state_.nodes.Mutable(i).name.Retire(&epochs_);
    state_.nodes.Mutable(i).why.Retire(&epochs_);
  }
  for (Index i = 0; i < state_.sessions.size(); ++i) {
    state_.sessions.Mutable(i).owner.Retire(&epochs_);
    state_.sessions.Mutable(i).node_name.Retire(&epochs_);
    state_.sessions.Mutable(i).why.Retire(&epochs_);
    state_.sessions.Mutable(i).reconcile_id.Retire(&epochs_);
  }
}

std::unique_ptr<Snapshot> Ledger::TakeSnapshot() {
  const uint64_t epoch = epochs_.Acquire();
  return std::make_unique<Snapshot>(epoch, state_);
}

void Ledger::Release(std::unique_ptr<Snapshot> snapshot) {
  const uint64_t epoch = snapshot->epoch;
  snapshot.reset();
  epochs_.Release(epoch);
}

void Ledger::Commit(absl::Time time) {
  // Two steps a command keep up with the one tombstone that most commands add.
  constexpr int kExpirySteps = 2;
  StateScalars& s = state_.scalars;
  const int64_t time_us = absl::ToUnixMicros(time);
  DMEM_CHECK(time_us >= s.time_us);
  s.time_us = time_us;
  ++s.sequence;
  if (deadlines_.empty()) {
    is_ticking_ = false;
  } else if (!is_ticking_) {
    is_ticking_ = true;
    s.ticked_at_us = time_us;
  }
  editor().DropTombstones(s.settings.tombstones_max, time_us - s.settings.tombstone_window_us,
                          kExpirySteps);
  changes_.Seal(state_);
}

void Ledger::Configure(const ConfigureCommand& command) {
  if (state_.scalars.settings == command.settings) return;
  state_.scalars.settings = command.settings;
  for (Index i = state_.scalars.first_region; i != kNone; i = state_.regions[i].next) {
    if (!state_.regions[i].is_group) editor().UpdateRootMax(i);
  }
  deadlines_ = Deadlines::Of(state_);  // Some follow the settings.
  Commit(command.time);
}

absl::Status Ledger::CheckBounds(const Additions& additions) const {
  const StateScalars& s = state_.scalars;
  const auto fits = [](uint64_t count, uint64_t added, uint64_t bound) {
    return added == 0 || (count < bound && added <= bound - count);
  };
  if (!fits(s.cgroups, additions.cgroups, s.settings.cgroups_max))
    return TooMany("cgroups", s.settings.cgroups_max);
  if (!fits(s.pools, additions.pools, s.settings.pools_max))
    return TooMany("pools", s.settings.pools_max);
  if (!fits(s.charges, additions.charges, s.settings.charges_max))
    return TooMany("charges", s.settings.charges_max);
  if (!fits(s.items, additions.items, s.settings.items_max))
    return TooMany("charge items", s.settings.items_max);
  return absl::OkStatus();
}

Ledger::Additions Ledger::MissingFor(const NearestCgroup& nearest, const WalkItem& walk) const {
  Additions missing;
  missing.cgroups = nearest.missing;
  for (const Index start : walk.starts) {
    // Pools at the levels between the nearest one and the cgroup, in each region of the chain.
    missing.pools += nearest.missing + state_.cgroups[nearest.cgroup].depth -
                     state_.cgroups[state_.pools[start].cgroup].depth;
  }
  return missing;
}

Index Ledger::EnsureCgroup(absl::string_view path) {
  const Index existing = state_.FindCgroup(path);
  if (existing != kNone) return existing;
  const size_t slash = path.rfind('/');
  const Index parent = slash == 0 ? kRootCgroup : EnsureCgroup(path.substr(0, slash));
  return editor().AddCgroup(state_.scalars.next_cgroup_id++, parent, path.substr(slash + 1),
                            /*implicit=*/true);
}

absl::StatusOr<CreateCgroupResult> Ledger::CreateCgroup(const CreateCgroupCommand& command) {
  Index cgroup = state_.FindCgroup(command.path);
  if (cgroup != kNone && !state_.cgroups[cgroup].is_implicit) return CgroupExists(command.path);
  if (cgroup == kNone) {
    const size_t slash = command.path.rfind('/');
    const absl::string_view parent_path = slash == 0 ? "/" : command.path.substr(0, slash);
    const Index parent = state_.FindCgroup(parent_path);
    if (parent == kNone) return ParentCgroupNotFound(command.path, parent_path);
    Additions additions;
    additions.cgroups = 1;
    if (absl::Status status = CheckBounds(additions); !status.ok()) return status;
    cgroup =
        editor().AddCgroup(state_.scalars.next_cgroup_id++, parent, command.path.substr(slash + 1),
                           /*implicit=*/false);
  }
  CgroupRecord& record = state_.cgroups.Mutable(cgroup);
  record.is_implicit = false;
  if (command.priority.has_value()) {
    record.has_priority = true;
    record.priority = *command.priority;
  }
  changes_.Add(CgroupChanged{CgroupChanged::What::kMadeExplicit, record.id,
                             std::string(command.path), false, record.priority});
  Commit(command.time);
  return CreateCgroupResult{cgroup};
}

absl::StatusOr<DeleteCgroupResult> Ledger::DeleteCgroup(const DeleteCgroupCommand& command) {
  const Index cgroup = state_.FindCgroup(command.path);
  if (cgroup == kNone) return CgroupNotFound(command.path);
  const CgroupRecord record = state_.cgroups[cgroup];
  if (record.is_dying) return CgroupDying(command.path);
  if (record.live_children > 0) return CgroupHasChildren(command.path, record.live_children);
  DeleteCgroupResult result;
  result.id = record.id;
  result.dying = record.live_items > 0 || record.children > 0;
  if (result.dying) {
    editor().MarkDying(cgroup, next_sequence());
  } else {
    std::vector<uint64_t> freed;
    editor().RemoveCgroup(cgroup);
    editor().Collect(record.parent, &freed);
    DMEM_CHECK(freed.empty());  // The parent of a live cgroup is live.
  }
  Commit(command.time);
  return result;
}

}  // namespace dmem
