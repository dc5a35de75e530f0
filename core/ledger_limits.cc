// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The ledger's commands on limits. Rule R7.

#include "core/charge_target.h"
#include "core/errors.h"
#include "core/ledger.h"

namespace dmem {

// An update, what it refers to, and what the limits would be.
struct Ledger::ResolvedLimits {
  const LimitsUpdate* update = nullptr;
  Index region = kNone;
  ByteCount usage, min, low, max = kUnlimited;
  bool observed = false;
  uint64_t etag = 0;
  bool is_changed = false;
};

absl::StatusOr<Ledger::ResolvedLimits> Ledger::ResolveLimits(const LimitsUpdate& update,
                                                             bool apply_below_usage,
                                                             Additions* additions) const {
  ResolvedLimits resolved;
  resolved.update = &update;
  resolved.region = state_.FindRegion(update.region);
  if (resolved.region == kNone) return RegionNotFound(update.region);
  if (state_.regions[resolved.region].is_gone) return RegionGone(update.region);
  const absl::StatusOr<NearestCgroup> nearest = FindNearestCgroup(state_, update.cgroup);
  if (!nearest.ok()) return nearest.status();

  const Index pool =
      nearest->missing == 0 ? state_.FindPool(nearest->cgroup, resolved.region) : kNone;
  const PoolRecord current = pool == kNone ? PoolRecord() : state_.pools[pool];
  resolved.usage = current.counter.usage;
  resolved.min = update.min.value_or(current.counter.min);
  resolved.low = update.low.value_or(current.counter.low);
  resolved.max = update.max.value_or(current.counter.max);
  resolved.observed = update.observe.value_or(current.is_observed);
  resolved.etag = current.limits_sequence;
  resolved.is_changed =
      resolved.min != current.counter.min || resolved.low != current.counter.low ||
      resolved.max != current.counter.max || resolved.observed != current.is_observed;
  if (update.etag.has_value() && *update.etag != current.limits_sequence) {
    return EtagMismatch(update.cgroup, update.region, *update.etag, current.limits_sequence);
  }
  if (resolved.max < resolved.usage && resolved.max < current.counter.max && !resolved.observed &&
      !apply_below_usage) {
    return MaxBelowUsage(update.cgroup, update.region, resolved.max, resolved.usage);
  }
  if (resolved.is_changed && pool == kNone) {
    WalkItem walk;
    FindStarts(state_, nearest->cgroup, resolved.region, &walk);
    additions->Add(MissingFor(*nearest, walk));
  }
  return resolved;
}

absl::StatusOr<SetLimitsResult> Ledger::SetLimits(const SetLimitsCommand& command) {
  std::vector<ResolvedLimits> all;
  Additions additions;
  for (const LimitsUpdate& update : command.updates) {
    absl::StatusOr<ResolvedLimits> resolved =
        ResolveLimits(update, command.apply_below_usage, &additions);
    if (!resolved.ok()) return resolved.status();
    all.push_back(*resolved);
  }
  if (absl::Status status = CheckBounds(additions); !status.ok()) return status;

  if (!command.validate_only) ApplyLimits(all, command.time);
  SetLimitsResult result;
  for (const ResolvedLimits& r : all) {
    LimitsResult limits;
    limits.cgroup = std::string(r.update->cgroup);
    limits.region = std::string(r.update->region);
    const Index cgroup = state_.FindCgroup(r.update->cgroup);
    if (cgroup != kNone) limits.pool = state_.FindPool(cgroup, r.region);
    limits.usage = r.usage;
    limits.min = r.min;
    limits.low = r.low;
    limits.max = r.max;
    limits.observed = r.observed;
    // A pool that went with its implicit cgroup reads as defaults from now on.
    limits.etag = command.validate_only  ? r.etag
                  : limits.pool == kNone ? 0
                                         : state_.pools[limits.pool].limits_sequence;
    result.limits.push_back(std::move(limits));
  }
  return result;
}

void Ledger::ApplyLimits(absl::Span<const ResolvedLimits> all, absl::Time time) {
  const uint64_t sequence = next_sequence();
  bool is_changed = false;
  for (const ResolvedLimits& r : all) {
    if (!r.is_changed) continue;
    const Index pool = editor().EnsurePool(EnsureCgroup(r.update->cgroup), r.region);
    editor().SetLimits(pool, r.min, r.low, r.max, r.observed, sequence);
    is_changed = true;
  }
  if (!is_changed) return;
  // A limit that went back to its default may have been all that kept an implicit cgroup.
  std::vector<uint64_t> freed;
  for (const ResolvedLimits& r : all) {
    const Index cgroup = state_.FindCgroup(r.update->cgroup);
    if (cgroup != kNone) editor().Collect(cgroup, &freed);
  }
  Commit(time);
}

}  // namespace dmem
