// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The ledger's commands on the release of charges: asked for by anyone, done by who holds them.

#include <algorithm>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "core/charge_lifecycle.h"
#include "core/errors.h"
#include "core/ledger.h"

namespace dmem {

absl::StatusOr<RequestReleaseResult> Ledger::RequestRelease(const RequestReleaseCommand& command) {
  RequestReleaseResult result;
  std::vector<Index> requested;
  for (const absl::string_view id : command.charge_ids) {
    const Index charge = state_.FindCharge(id);
    if (charge == kNone) {
      if (state_.FindTombstone(id) == kNone) return ChargeNotFound(id);
      result.outcomes.push_back(ReleaseOutcome::kAlreadyReleased);
      continue;
    }
    if (state_.charges[charge].is_reserved) return NotHeld(id);
    if (state_.charges[charge].is_releasing) {
      result.outcomes.push_back(ReleaseOutcome::kRequestedBefore);
      continue;
    }
    result.outcomes.push_back(ReleaseOutcome::kRequested);
    requested.push_back(charge);
  }
  for (const Index charge : requested) {
    ChargeLifecycle lifecycle = DecodeChargeLifecycle(state_.charges[charge].lifecycle.view());
    lifecycle.release_requested_at_us = absl::ToUnixMicros(command.time);
    lifecycle.release_requested_by = command.requested_by;
    lifecycle.release_reason = command.reason;
    editor().SetLifecycle(charge, EncodeChargeLifecycle(lifecycle));
    editor().MarkReleasing(charge);
    changes_.Add(ReleaseRequested{std::string(state_.charges[charge].id.view()),
                                  std::string(command.requested_by), std::string(command.reason),
                                  PlacesOf(charge)});
  }
  if (!requested.empty()) Commit(command.time);
  return result;
}

std::vector<ItemPlace> Ledger::PlacesOf(Index charge) const {
  std::vector<ItemPlace> places;
  for (Index i = state_.charges[charge].first_item; i != kNone;
       i = state_.items[i].next_in_charge) {
    const ItemRecord& item = state_.items[i];
    const PoolRecord& pool = state_.pools[item.pool];
    places.push_back({state_.CgroupPath(pool.cgroup), state_.RegionName(pool.region), item.bytes,
                      item.is_reserved});
  }
  return places;
}

absl::Status Ledger::CheckEvidence(Index charge, const UnchargeCommand& command) const {
  if (!state_.charges[charge].is_releasing) return absl::OkStatus();
  const Index session = command.session == 0 ? kNone : state_.FindSession(command.session);
  const Index node = session == kNone ? kNone : state_.sessions[session].node;
  for (Index i = state_.charges[charge].first_item; i != kNone;
       i = state_.items[i].next_in_charge) {
    const Index region = state_.pools[state_.items[i].pool].region;
    const Index owner = state_.regions[region].node;
    if (owner == kNone || (owner == node && !command.evidence.empty())) continue;
    return ReleaseNeedsEvidence(state_.charges[charge].id.view(), state_.RegionName(region));
  }
  return absl::OkStatus();
}

absl::StatusOr<UnchargeItemsResult> Ledger::UnchargeItems(const UnchargeItemsCommand& command) {
  const absl::StatusOr<Index> session = CheckSession(command.session);
  if (!session.ok()) return session.status();
  UnchargeItemsResult result;
  result.charge = state_.FindCharge(command.charge_id);
  if (result.charge == kNone) {
    if (state_.FindTombstone(command.charge_id) != kNone) return result;
    return ChargeNotFound(command.charge_id);
  }
  if (!state_.charges[result.charge].is_releasing) return NotReleasing(command.charge_id);
  absl::flat_hash_set<Index> regions;
  for (const absl::string_view name : command.regions) {
    const absl::StatusOr<Index> region = FindRegionOfSession(*session, name);
    if (!region.ok()) return region.status();
    regions.insert(*region);
  }
  const Index node = state_.sessions[*session].node;
  std::vector<Index> items;
  for (Index i = state_.charges[result.charge].first_item; i != kNone;
       i = state_.items[i].next_in_charge) {
    const Index region = state_.pools[state_.items[i].pool].region;
    if (node == kNone || state_.regions[region].node != node) continue;
    if (!regions.empty() && !regions.contains(region)) continue;
    items.push_back(i);
    result.bytes = result.bytes.PlusSaturating(state_.items[i].bytes);
  }
  if (items.empty()) return result;
  result.items = items.size();
  changes_.SetCause(Cause::kUncharge);
  for (const Index item : items) {
    if (editor().GiveBackItem(item, absl::ToUnixMicros(command.time), &result.freed_cgroups))
      result.charge = kNone;
  }
  std::sort(result.freed_cgroups.begin(), result.freed_cgroups.end());
  Commit(command.time);
  return result;
}

}  // namespace dmem
