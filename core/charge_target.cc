// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/charge_target.h"

#include "core/errors.h"

namespace dmem {

absl::Status CheckTakesCharges(const State& state, Index region, absl::string_view name) {
  const RegionRecord& record = state.regions[region];
  if (record.is_gone) return RegionGone(name);
  if (record.is_cordoned) return RegionCordoned(name);
  switch (state.RegionStateOf(region)) {
    case RegionState::kLost:
      return RegionLost(name);
    case RegionState::kFailed:
      return RegionFailed(name, record.failure.view());
    case RegionState::kStale:
      // What is charged before the region is registered again would be dropped then.
      if (record.is_unconfirmed || state.scalars.settings.refuses_stale_regions) {
        return RegionStale(name, state.nodes[record.node].name.view(), record.is_unconfirmed);
      }
      return absl::OkStatus();
    case RegionState::kReady:
    case RegionState::kGone:
      break;
  }
  return absl::OkStatus();
}

NearestCgroup FindNearestAncestor(const State& state, absl::string_view path) {
  NearestCgroup nearest;
  nearest.cgroup = state.FindCgroup(path);
  for (absl::string_view rest = path; nearest.cgroup == kNone; ++nearest.missing) {
    rest = rest.substr(0, rest.rfind('/'));
    nearest.cgroup = rest.empty() ? kRootCgroup : state.FindCgroup(rest);
  }
  return nearest;
}

absl::StatusOr<NearestCgroup> FindNearestCgroup(const State& state, absl::string_view path) {
  NearestCgroup nearest;
  nearest.cgroup = state.FindCgroup(path);
  if (nearest.cgroup != kNone) {
    if (state.cgroups[nearest.cgroup].is_dying) return CgroupDying(path);
    return nearest;
  }
  if (path.front() == '@') return CgroupNotFound(path);
  const ImplicitCgroups policy = state.scalars.settings.implicit_cgroups;
  if (policy == ImplicitCgroups::kOff) return ImplicitCgroupsOff(path);
  nearest = FindNearestAncestor(state, path);
  if (policy == ImplicitCgroups::kBelowExplicit) {
    Index i = nearest.cgroup;
    while (i != kRootCgroup && state.cgroups[i].is_implicit) i = state.cgroups[i].parent;
    if (i == kRootCgroup) return ImplicitCgroupsBelowExplicitOnly(path);
  }
  return nearest;
}

}  // namespace dmem
