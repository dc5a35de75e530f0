// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The ledger's commands on reservations: charges with a ttl, until they are committed.

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/charge_lifecycle.h"
#include "core/charge_target.h"
#include "core/charge_walk.h"
#include "core/check.h"
#include "core/encoding.h"
#include "core/errors.h"
#include "core/ledger.h"
#include "core/stable_hash.h"

namespace dmem {
namespace {

uint64_t HashOfId(absl::string_view commit_id) { return StableHash128(commit_id).high; }

uint64_t HashOfPlacements(absl::Span<const PlacementSpec> placements) {
  std::string encoded;
  Encoder encoder(&encoded);
  for (const PlacementSpec& placement : placements) {
    encoder.String(placement.cgroup);
    encoder.String(placement.reserved_in);
    encoder.String(placement.region);
    encoder.Uint(placement.bytes.value());
    encoder.Bool(placement.region_incarnation.has_value());
    encoder.Uint(placement.region_incarnation.value_or(0));
  }
  return StableHash128(encoded).low;
}

// Groups from `region` up to `group`; -1 if it is not below it. 0: the same.
int HopsUpTo(const State& state, Index region, Index group) {
  int hops = 0;
  for (; region != kNone; region = state.regions[region].parent, ++hops) {
    if (region == group) return hops;
  }
  return -1;
}

}  // namespace

struct Ledger::Placement {
  uint32_t index = 0;  // In the command.
  Index item = kNone;  // The reserved one.
  Index cgroup = kNone;
  Index region = kNone;
  ByteCount bytes;
  // The counters that do not count the reserved bytes yet: those below the item's group.
  WalkItem walk;
};

absl::StatusOr<Index> Ledger::FindLiveCharge(absl::string_view charge_id) const {
  const Index charge = state_.FindCharge(charge_id);
  if (charge != kNone) return charge;
  if (state_.FindTombstone(charge_id) != kNone) return AlreadyReleased(charge_id);
  return ChargeNotFound(charge_id);
}

Index Ledger::FindItem(Index charge, Index cgroup, Index region, bool reserved) const {
  for (Index i = state_.charges[charge].first_item; i != kNone;
       i = state_.items[i].next_in_charge) {
    const PoolRecord& pool = state_.pools[state_.items[i].pool];
    if (pool.cgroup == cgroup && pool.region == region && state_.items[i].is_reserved == reserved)
      return i;
  }
  return kNone;
}

absl::StatusOr<Index> Ledger::FindReservedItem(Index charge, const PlacementSpec& spec) const {
  const Index cgroup = state_.FindCgroup(spec.cgroup);
  const bool is_named = !spec.reserved_in.empty();
  Index level = state_.FindRegion(is_named ? spec.reserved_in : spec.region);
  for (; level != kNone; level = state_.regions[level].parent) {
    const Index item = FindItem(charge, cgroup, level, /*reserved=*/true);
    if (item != kNone) return item;
    if (is_named) break;
  }
  return ReservedItemNotFound(state_.charges[charge].id.view(), spec.cgroup,
                              is_named ? spec.reserved_in : spec.region);
}

absl::StatusOr<Ledger::Placement> Ledger::ResolvePlacement(Index charge,
                                                           const PlacementSpec& spec) const {
  Placement placement;
  placement.region = state_.FindRegion(spec.region);
  if (placement.region == kNone) return RegionNotFound(spec.region);
  const RegionRecord& region = state_.regions[placement.region];
  if (region.is_group) return RegionIsGroup(spec.region);
  const absl::StatusOr<Index> item = FindReservedItem(charge, spec);
  if (!item.ok()) return item.status();
  placement.item = *item;
  const PoolRecord& from = state_.pools[state_.items[*item].pool];
  const int hops = HopsUpTo(state_, placement.region, from.region);
  if (hops < 0) return NotAMember(spec.region, state_.RegionName(from.region));
  const absl::Status takes_charges = CheckTakesCharges(state_, placement.region, spec.region);
  if (region.is_gone) return takes_charges;
  if (spec.region_incarnation.has_value() && *spec.region_incarnation != region.incarnation) {
    return IncarnationMismatch(spec.region, *spec.region_incarnation, region.incarnation);
  }
  // What is reserved on the region itself is no new charge there.
  if (hops > 0 && !takes_charges.ok()) return takes_charges;
  placement.cgroup = from.cgroup;
  if (state_.cgroups[from.cgroup].is_dying) return CgroupDying(spec.cgroup);
  placement.bytes = spec.bytes;
  placement.walk.cgroup = spec.cgroup;
  placement.walk.region = spec.region;
  placement.walk.bytes = spec.bytes;
  FindStarts(state_, placement.cgroup, placement.region, &placement.walk);
  placement.walk.starts.resize(static_cast<size_t>(hops));
  return placement;
}

std::vector<Ledger::Placement> Ledger::PlaceAllOnRegions(Index charge) const {
  std::vector<Placement> placements;
  for (Index i = state_.charges[charge].first_item; i != kNone;
       i = state_.items[i].next_in_charge) {
    const PoolRecord& pool = state_.pools[state_.items[i].pool];
    if (!state_.items[i].is_reserved || state_.regions[pool.region].is_group) continue;
    Placement placement;
    placement.item = i;
    placement.cgroup = pool.cgroup;
    placement.region = pool.region;
    placement.bytes = state_.items[i].bytes;
    placements.push_back(std::move(placement));
  }
  return placements;
}

absl::Status Ledger::CheckCommitBounds(Index charge, absl::Span<const Placement> placements) const {
  Additions additions;
  size_t items = 0;
  for (Index i = state_.charges[charge].first_item; i != kNone; i = state_.items[i].next_in_charge)
    ++items;
  for (const Placement& placement : placements) {
    if (placement.walk.starts.empty()) continue;
    ++additions.items;
    additions.Add(MissingFor(NearestCgroup{placement.cgroup, 0}, placement.walk));
  }
  if (items + additions.items > kItemsOfChargeMax) {
    return TooManyOfCharge(state_.charges[charge].id.view(), "items", kItemsOfChargeMax);
  }
  return CheckBounds(additions);
}

absl::StatusOr<CommitReservationResult> Ledger::CommitReservation(
    const CommitReservationCommand& command) {
  if (absl::Status status = CheckOptionalSession(command.session); !status.ok()) return status;
  const absl::StatusOr<Index> charge = FindLiveCharge(command.charge_id);
  if (!charge.ok()) return charge.status();
  CommitReservationResult result;
  result.charge = *charge;
  const CommitMark mark = {HashOfId(command.commit_id), HashOfPlacements(command.placements)};
  ChargeLifecycle lifecycle = DecodeChargeLifecycle(state_.charges[*charge].lifecycle.view());
  if (const CommitMark* seen = lifecycle.FindCommit(mark.id_hash); seen != nullptr) {
    if (seen->placements_hash != mark.placements_hash)
      return CommitIdInUse(command.charge_id, command.commit_id);
    result.replayed = true;
    return result;
  }
  if (!state_.charges[*charge].is_reserved) return NotReserved(command.charge_id);
  if (lifecycle.commits.size() >= kCommitsOfChargeMax)
    return TooManyOfCharge(command.charge_id, "commits", kCommitsOfChargeMax);

  std::vector<Placement> placements;
  absl::flat_hash_map<Index, ByteCount> asked;  // By reserved item.
  for (size_t i = 0; i < command.placements.size(); ++i) {
    const PlacementSpec& spec = command.placements[i];
    absl::StatusOr<Placement> placement = ResolvePlacement(*charge, spec);
    if (!placement.ok()) return placement.status();
    placement->walk.index = static_cast<uint32_t>(i);
    ByteCount& sum = asked[placement->item];
    const absl::optional<ByteCount> more = sum.Plus(spec.bytes);
    const ItemRecord& item = state_.items[placement->item];
    if (!more.has_value() || *more > item.bytes) {
      return ReservationTooSmall(command.charge_id, spec.cgroup,
                                 state_.RegionName(state_.pools[item.pool].region),
                                 more.value_or(kUnlimited), item.bytes);
    }
    sum = *more;
    placements.push_back(*std::move(placement));
  }
  if (command.placements.empty()) {
    placements = PlaceAllOnRegions(*charge);
    if (placements.empty()) return PlacementMissing(command.charge_id);
  }
  if (absl::Status status = CheckCommitBounds(*charge, placements); !status.ok()) return status;

  std::vector<WalkItem> walk_items;
  walk_items.reserve(placements.size());
  for (const Placement& placement : placements) walk_items.push_back(placement.walk);
  ChargeWalk walk(state_, /*force=*/false);
  if (absl::Status status = walk.Check(walk_items); !status.ok()) {
    CountRefusal(walk, command.time);
    return status;
  }
  result.would_refuse = walk.DescribeObserved(walk_items);
  CountObserved(walk, result.would_refuse);
  for (const Placement& placement : placements)
    result.placed = result.placed.PlusSaturating(placement.bytes);
  for (const auto& [item, bytes] : asked) {
    if (state_.regions[state_.pools[state_.items[item].pool].region].is_group) continue;
    result.given_back =
        result.given_back.PlusSaturating(state_.items[item].bytes.MinusOrZero(bytes));
  }
  lifecycle.commits.push_back(mark);
  editor().SetLifecycle(*charge, EncodeChargeLifecycle(lifecycle));
  ApplyCommit(*charge, placements, absl::ToUnixMicros(command.time));
  Commit(command.time);
  return result;
}

// From here on nothing may fail.
void Ledger::ApplyCommit(Index charge, absl::Span<const Placement> placements, int64_t time_us) {
  changes_.SetCause(Cause::kCommit);
  // All is taken off first: what counts twice for a moment would stay in the peaks.
  for (const Placement& placement : placements) {
    const ItemRecord& item = state_.items[placement.item];
    const bool is_group = state_.regions[state_.pools[item.pool].region].is_group;
    editor().SetItemBytes(
        placement.item, is_group ? item.bytes.MinusOrZero(placement.bytes) : ByteCount(), time_us);
  }
  for (const Placement& placement : placements) ApplyPlacement(charge, placement, time_us);
  // Reserved items of which nothing is left. The charge stays: it has HELD items now.
  std::vector<uint64_t> freed;
  absl::flat_hash_map<Index, bool> is_looked_at;
  for (const Placement& placement : placements) {
    if (!is_looked_at.emplace(placement.item, true).second) continue;
    const ItemRecord& item = state_.items[placement.item];
    if (item.is_reserved && item.bytes.is_zero()) {
      const bool ended = editor().GiveBackItem(placement.item, time_us, &freed);
      DMEM_CHECK(!ended);
    }
  }
  editor().EndReservation(charge);
  DMEM_CHECK(freed.empty());  // A dying cgroup's reservation is not committed.
}

void Ledger::ApplyPlacement(Index charge, const Placement& placement, int64_t time_us) {
  const Index held = FindItem(charge, placement.cgroup, placement.region, /*reserved=*/false);
  const Index from = state_.pools[state_.items[placement.item].pool].region;
  if (held != kNone) {
    editor().SetItemBytes(held, state_.items[held].bytes.PlusSaturating(placement.bytes), time_us);
    editor().PlaceItem(held, next_sequence());
  } else if (from == placement.region) {
    editor().SetItemBytes(placement.item, placement.bytes, time_us);
    editor().PlaceItem(placement.item, next_sequence());
  } else {
    Index last_item = state_.charges[charge].first_item;
    while (state_.items[last_item].next_in_charge != kNone)
      last_item = state_.items[last_item].next_in_charge;
    const Index pool = editor().EnsurePool(placement.cgroup, placement.region);
    editor().AddItem(charge, last_item, pool, {placement.bytes, next_sequence(), false}, time_us);
  }
}

bool Ledger::GiveBackReserved(Index charge, int64_t time_us, std::vector<uint64_t>* freed_cgroups) {
  bool has_ended = false;
  for (Index item = state_.charges[charge].first_item; item != kNone && !has_ended;) {
    const Index next = state_.items[item].next_in_charge;
    if (state_.items[item].is_reserved)
      has_ended = editor().GiveBackItem(item, time_us, freed_cgroups);
    item = next;
  }
  std::sort(freed_cgroups->begin(), freed_cgroups->end());
  return has_ended;
}

absl::StatusOr<CancelReservationResult> Ledger::CancelReservation(
    const CancelReservationCommand& command) {
  const int64_t time_us = absl::ToUnixMicros(command.time);
  CancelReservationResult result;
  const Index charge = state_.FindCharge(command.charge_id);
  if (charge == kNone && state_.FindTombstone(command.charge_id) != kNone) {
    result.outcome = CancelOutcome::kAlready;
    return result;
  }
  if (charge == kNone) {
    // As Uncharge does: should its Charge still arrive, it finds the id spent.
    result.outcome = CancelOutcome::kNeverSeen;
    editor().Spend(Blob::Make(command.charge_id), absl::nullopt, time_us);
    Commit(command.time);
    return result;
  }
  result.charge = charge;
  if (!state_.charges[charge].is_reserved) {
    result.outcome = CancelOutcome::kNothingReserved;
    return result;
  }
  for (Index i = state_.charges[charge].first_item; i != kNone;
       i = state_.items[i].next_in_charge) {
    if (state_.items[i].is_reserved)
      result.cancelled = result.cancelled.PlusSaturating(state_.items[i].bytes);
  }
  changes_.SetCause(Cause::kCancel);
  if (GiveBackReserved(charge, time_us, &result.freed_cgroups)) result.charge = kNone;
  Commit(command.time);
  return result;
}

absl::StatusOr<Index> Ledger::RenewReservation(const RenewReservationCommand& command) {
  absl::StatusOr<Index> charge = FindLiveCharge(command.charge_id);
  if (!charge.ok()) return charge.status();
  if (!state_.charges[*charge].is_reserved) return NotReserved(command.charge_id);
  const int64_t expires_at_us = ServiceMicros(command.time + command.ttl);
  if (expires_at_us == state_.charges[*charge].expires_at_us) return charge;
  editor().SetExpiry(*charge, expires_at_us);
  changes_.Add(
      ReservationRenewed{std::string(command.charge_id), expires_at_us, PlacesOf(*charge)});
  Commit(command.time);
  return charge;
}

}  // namespace dmem
