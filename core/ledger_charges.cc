// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The ledger's commands on charges. Rules R1 to R6.

#include <algorithm>

#include "absl/container/inlined_vector.h"
#include "core/charge_target.h"
#include "core/charge_walk.h"
#include "core/check.h"
#include "core/details.h"
#include "core/encoding.h"
#include "core/errors.h"
#include "core/ledger.h"
#include "core/stable_hash.h"

namespace dmem {
namespace {

// What makes two requests with one id the same: all that was sent. CHECK_ONLY asks what STRICT
// would answer, so it counts as STRICT.
Hash128 Fingerprint(const ChargeCommand& command, std::string* scratch) {
  scratch->clear();
  Encoder encoder(scratch);
  encoder.Bool(command.mode == Mode::kForce);
  encoder.Int(absl::ToUnixMicros(command.created_at));
  encoder.Bool(command.preemptible);
  encoder.Uint(static_cast<uint64_t>(command.basis));
  encoder.Bool(command.priority.has_value());
  encoder.Int(command.priority.value_or(0));
  encoder.Int(absl::ToInt64Microseconds(command.ttl));
  encoder.Uint(command.items.size());
  for (const ChargeItemSpec& item : command.items) {
    encoder.String(item.cgroup);
    encoder.String(item.region);
    encoder.Uint(item.bytes.value());
    encoder.Bool(item.region_incarnation.has_value());
    encoder.Uint(item.region_incarnation.value_or(0));
  }
  AppendChargeDetails(command, scratch);
  return StableHash128(*scratch);
}

}  // namespace

// The live charge that has this id already, or kNone if the id may be used.
absl::StatusOr<Index> Ledger::CheckChargeId(const ChargeCommand& command,
                                            const Hash128& fingerprint) const {
  const StateScalars& s = state_.scalars;
  const int64_t now_us = absl::ToUnixMicros(command.time);
  const int64_t created_at_us = absl::ToUnixMicros(command.created_at);
  if (created_at_us > now_us + kClockSkewMaxUs) {
    return CreatedAtInFuture(command.charge_id, command.created_at, command.time);
  }
  const Index live = state_.FindCharge(command.charge_id);
  if (live != kNone) {
    const ChargeRecord& charge = state_.charges[live];
    if (Hash128{charge.fingerprint_high, charge.fingerprint_low} != fingerprint) {
      return ChargeIdInUse(command.charge_id);
    }
    return live;
  }
  if (state_.FindTombstone(command.charge_id) != kNone) return AlreadyReleased(command.charge_id);
  const int64_t covered_since_us =
      std::max(s.ids_covered_since_us, now_us - s.settings.tombstone_window_us);
  if (!command.is_fresh_id && created_at_us <= covered_since_us) {
    return IdTooOld(command.charge_id, command.created_at, absl::FromUnixMicros(covered_since_us));
  }
  return kNone;
}

absl::StatusOr<Ledger::Place> Ledger::ResolveChargeItem(const ChargeItemSpec& item,
                                                        bool is_reservation, WalkItem* walk,
                                                        Additions* additions) const {
  const Index region = state_.FindRegion(item.region);
  if (region == kNone) return RegionNotFound(item.region);
  const RegionRecord& record = state_.regions[region];
  if (record.is_group && !is_reservation) return RegionIsGroup(item.region);
  const absl::Status takes_charges = CheckTakesCharges(state_, region, item.region);
  // What is gone has no incarnation to compare; any other state is that of the device meant.
  if (record.is_gone) return takes_charges;
  if (item.region_incarnation.has_value() && *item.region_incarnation != record.incarnation) {
    return IncarnationMismatch(item.region, *item.region_incarnation, record.incarnation);
  }
  if (!takes_charges.ok()) return takes_charges;
  const absl::StatusOr<NearestCgroup> nearest = FindNearestCgroup(state_, item.cgroup);
  if (!nearest.ok()) return nearest.status();
  walk->cgroup = item.cgroup;
  walk->region = item.region;
  walk->bytes = item.bytes;
  FindStarts(state_, nearest->cgroup, region, walk);
  additions->Add(MissingFor(*nearest, *walk));
  ++additions->items;
  const Index start = walk->starts.front();
  const bool exists = nearest->missing == 0 && state_.pools[start].cgroup == nearest->cgroup;
  return Place{region, exists ? start : kNone};
}

absl::StatusOr<ChargeResult> Ledger::Charge(const ChargeCommand& command) {
  if (absl::Status status = CheckOptionalSession(command.session); !status.ok()) return status;
  const Hash128 fingerprint = Fingerprint(command, &scratch_);
  const absl::StatusOr<Index> live = CheckChargeId(command, fingerprint);
  if (!live.ok()) return live.status();
  ChargeResult result;
  if (*live != kNone) {
    result.charge = *live;
    result.replayed = true;
    return result;
  }

  const bool is_reservation = command.ttl > absl::ZeroDuration();
  absl::InlinedVector<WalkItem, 1> walk_items(command.items.size());
  absl::InlinedVector<Place, 1> places(command.items.size());
  Additions additions;
  additions.charges = 1;
  for (size_t i = 0; i < command.items.size(); ++i) {
    walk_items[i].index = static_cast<uint32_t>(i);
    const absl::StatusOr<Place> place =
        ResolveChargeItem(command.items[i], is_reservation, &walk_items[i], &additions);
    if (!place.ok()) return place.status();
    places[i] = *place;
  }
  if (absl::Status status = CheckBounds(additions); !status.ok()) return status;

  const bool is_counted = CountIfRoom(command, places);
  if (!is_counted) {
    ChargeWalk walk(state_, command.mode == Mode::kForce);
    if (absl::Status status = walk.Check(walk_items); !status.ok()) {
      if (command.mode != Mode::kCheckOnly) CountRefusal(walk, command.time);
      return status;
    }
    if (!walk.observed().empty()) result.would_refuse = walk.DescribeObserved(walk_items);
    if (command.mode == Mode::kCheckOnly) return result;
    CountObserved(walk, result.would_refuse);
  }
  result.charge = ApplyCharge(command, places, is_counted, fingerprint, Cause::kCharge);
  Commit(command.time);
  return result;
}

// Most charges are of one item, to a pool that is there, with room everywhere: what decides them
// has counted them as well.
bool Ledger::CountIfRoom(const ChargeCommand& command, absl::Span<const Place> places) {
  if (command.mode == Mode::kCheckOnly || places.size() != 1 || places[0].pool == kNone)
    return false;
  const ByteCount bytes = command.items[0].bytes;
  return !bytes.is_zero() && editor().AddUsageIfRoom(PoolWalk(&state_, places[0].pool), bytes,
                                                     absl::ToUnixMicros(command.time));
}

// From here on nothing may fail.
Index Ledger::ApplyCharge(const ChargeCommand& command, absl::Span<const Place> places,
                          bool is_counted, const Hash128& fingerprint, Cause cause) {
  StateEditor edit = editor();
  changes_.SetCause(cause);
  const int64_t time_us = absl::ToUnixMicros(command.time);
  const Index i = edit.AddCharge(command.charge_id);
  scratch_.clear();
  AppendChargeDetails(command, &scratch_);
  ChargeRecord& charge = state_.charges.Mutable(i);
  charge.details = Blob::Make(scratch_);
  charge.fingerprint_high = fingerprint.high;
  charge.fingerprint_low = fingerprint.low;
  charge.created_at_us = absl::ToUnixMicros(command.created_at);
  charge.granted_at_us = time_us;
  charge.granted_sequence = next_sequence();
  charge.items_granted = static_cast<uint16_t>(command.items.size());
  charge.has_priority = command.priority.has_value();
  charge.priority = command.priority.value_or(0);
  charge.is_preemptible = command.preemptible;
  charge.session = command.session;
  const bool is_reservation = command.ttl > absl::ZeroDuration();
  if (is_reservation) edit.SetExpiry(i, ServiceMicros(command.time + command.ttl));
  charge.basis = command.basis;
  Index last_item = kNone;
  for (size_t n = 0; n < command.items.size(); ++n) {
    Index pool = places[n].pool;
    if (pool == kNone)
      pool = edit.EnsurePool(EnsureCgroup(command.items[n].cgroup), places[n].region);
    const NewItem item = {command.items[n].bytes, next_sequence(), is_reservation, is_counted};
    last_item = edit.AddItem(i, last_item, pool, item, time_us);
  }
  return i;
}

void Ledger::CountRefusal(const ChargeWalk& walk, absl::Time time) {
  ++state_.pools.Mutable(walk.refusing_pool()).refusals;
  changes_.Add(ChargeRefused{walk.refusal()});
  Commit(time);
}

void Ledger::CountObserved(const ChargeWalk& walk, const std::vector<CounterRefusal>& described) {
  for (const CounterRefusal& refusal : described) changes_.Add(WouldRefuse{refusal});
  for (const auto& note : walk.observed()) ++state_.pools.Mutable(note.first).would_refuse;
}

absl::StatusOr<UnchargeResult> Ledger::Uncharge(const UnchargeCommand& command) {
  if (absl::Status status = CheckOptionalSession(command.session); !status.ok()) return status;
  if (state_.scalars.releasing_charges > 0) {
    for (const absl::string_view id : command.charge_ids) {
      const Index charge = state_.FindCharge(id);
      if (charge == kNone) continue;
      if (absl::Status status = CheckEvidence(charge, command); !status.ok()) return status;
    }
  }
  StateEditor edit = editor();
  const int64_t time_us = absl::ToUnixMicros(command.time);
  UnchargeResult result;
  bool is_changed = false;
  changes_.SetCause(Cause::kUncharge);
  for (const absl::string_view id : command.charge_ids) {
    const Index charge = state_.FindCharge(id);
    if (charge != kNone) {
      edit.ReleaseCharge(charge, time_us, &result.freed_cgroups);
      result.outcomes.push_back(UnchargeOutcome::kReleased);
    } else if (state_.FindTombstone(id) != kNone) {
      result.outcomes.push_back(UnchargeOutcome::kAlready);
      continue;
    } else {
      edit.Spend(Blob::Make(id), absl::nullopt, time_us);
      result.outcomes.push_back(UnchargeOutcome::kNeverSeen);
    }
    is_changed = true;
  }
  std::sort(result.freed_cgroups.begin(), result.freed_cgroups.end());
  if (is_changed) Commit(command.time);
  return result;
}

struct Ledger::ResizeStep {
  const ResizeItemSpec* spec = nullptr;
  Index item = kNone;
  Index pool = kNone;
  ByteCount from;
  ByteCount grows() const { return spec->bytes.MinusOrZero(from); }
  ByteCount shrinks() const { return from.MinusOrZero(spec->bytes); }
};

absl::StatusOr<Ledger::ResizeStep> Ledger::ResolveResizeItem(const ResizeItemSpec& spec) const {
  const Index charge = state_.FindCharge(spec.charge_id);
  if (charge == kNone) {
    if (state_.FindTombstone(spec.charge_id) != kNone) return AlreadyReleased(spec.charge_id);
    return ChargeNotFound(spec.charge_id);
  }
  const Index cgroup = state_.FindCgroup(spec.cgroup);
  const Index region = state_.FindRegion(spec.region);
  ResizeStep step;
  step.spec = &spec;
  for (Index i = state_.charges[charge].first_item; i != kNone;
       i = state_.items[i].next_in_charge) {
    const PoolRecord& pool = state_.pools[state_.items[i].pool];
    if (pool.cgroup != cgroup || pool.region != region) continue;
    // A charge that is committed in part can have a RESERVED one beside the HELD one.
    if (step.item == kNone || !state_.items[i].is_reserved) step.item = i;
  }
  if (step.item == kNone) return ItemNotFound(spec.charge_id, spec.cgroup, spec.region);
  step.pool = state_.items[step.item].pool;
  step.from = state_.items[step.item].bytes;
  if (step.from != spec.bytes && spec.expected.has_value() && *spec.expected != step.from) {
    return ExpectedBytesMismatch(spec.charge_id, spec.cgroup, spec.region, *spec.expected,
                                 step.from);
  }
  return step;
}

absl::Status Ledger::CheckMayGrow(const ResizeStep& step) const {
  const PoolRecord& pool = state_.pools[step.pool];
  absl::Status takes_charges = CheckTakesCharges(state_, pool.region, step.spec->region);
  if (!takes_charges.ok()) return takes_charges;
  if (state_.cgroups[pool.cgroup].is_dying) return CgroupDying(step.spec->cgroup);
  return absl::OkStatus();
}

absl::StatusOr<ResizeResult> Ledger::Resize(const ResizeCommand& command) {
  if (absl::Status status = CheckOptionalSession(command.session); !status.ok()) return status;
  std::vector<ResizeStep> steps;
  for (const ResizeItemSpec& spec : command.items) {
    absl::StatusOr<ResizeStep> step = ResolveResizeItem(spec);
    if (!step.ok()) return step.status();
    steps.push_back(*step);
  }
  ChargeWalk walk(state_, command.mode == Mode::kForce);
  std::vector<WalkItem> growths;
  for (const ResizeStep& step : steps) {
    WalkItem item;
    item.cgroup = step.spec->cgroup;
    item.region = step.spec->region;
    item.bytes = step.grows();
    item.index = static_cast<uint32_t>(step.spec - command.items.data());
    const PoolRecord& pool = state_.pools[step.pool];
    FindStarts(state_, pool.cgroup, pool.region, &item);
    if (!step.shrinks().is_zero()) walk.Shrink(item, step.shrinks());
    if (item.bytes.is_zero()) continue;
    if (absl::Status status = CheckMayGrow(step); !status.ok()) return status;
    growths.push_back(std::move(item));
  }
  if (absl::Status status = walk.Check(growths); !status.ok()) {
    if (command.mode != Mode::kCheckOnly) CountRefusal(walk, command.time);
    return status;
  }
  ResizeResult result;
  result.would_refuse = walk.DescribeObserved(growths);
  for (const ResizeStep& step : steps) {
    const Index charge = state_.items[step.item].charge;
    if (std::find(result.charges.begin(), result.charges.end(), charge) == result.charges.end()) {
      result.charges.push_back(charge);
    }
  }
  if (command.mode == Mode::kCheckOnly) return result;
  CountObserved(walk, result.would_refuse);
  ApplyResize(steps, command.time);
  return result;
}

void Ledger::ApplyResize(absl::Span<const ResizeStep> steps, absl::Time time) {
  const int64_t time_us = absl::ToUnixMicros(time);
  const auto resize = [&](const ResizeStep& step) {
    const bool was_over_grant = IsOverGrant(step.item);
    editor().SetItemBytes(step.item, step.spec->bytes, time_us);
    TellOverGrant(step.item, was_over_grant);
  };
  bool is_changed = false;
  changes_.SetCause(Cause::kResize);
  for (const ResizeStep& step : steps) {
    if (step.shrinks().is_zero()) continue;
    resize(step);
    is_changed = true;
  }
  for (const ResizeStep& step : steps) {
    if (step.grows().is_zero()) continue;
    resize(step);
    is_changed = true;
  }
  if (is_changed) Commit(time);
}

}  // namespace dmem
