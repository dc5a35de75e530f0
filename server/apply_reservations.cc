// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Commit, Cancel, Renew, RequestRelease and UnchargeItems.

#include "absl/container/inlined_vector.h"
#include "core/views.h"
#include "server/apply.h"
#include "server/convert.h"

namespace dmem::server {

namespace {

using Placements = absl::InlinedVector<PlacementSpec, 8>;

Placements PlacementsOf(const v1::CommitRequest& request) {
  Placements placements;
  placements.reserve(request.placements_size());
  for (const v1::Placement& placement : request.placements()) {
    PlacementSpec spec;
    spec.cgroup = placement.cgroup();
    spec.reserved_in = placement.reserved_in();
    spec.region = placement.region();
    spec.bytes = ByteCount(placement.bytes());
    if (placement.has_region_incarnation())
      spec.region_incarnation = placement.region_incarnation();
    placements.push_back(spec);
  }
  return placements;
}

v1::CancelOutcome ToProto(CancelOutcome outcome) {
  switch (outcome) {
    case CancelOutcome::kCancelled:
      return v1::CANCEL_OUTCOME_CANCELLED;
    case CancelOutcome::kNothingReserved:
      return v1::CANCEL_OUTCOME_NOTHING_RESERVED;
    case CancelOutcome::kAlready:
      return v1::CANCEL_OUTCOME_ALREADY;
    case CancelOutcome::kNeverSeen:
      break;
  }
  return v1::CANCEL_OUTCOME_NEVER_SEEN;
}

v1::ReleaseOutcome ToProto(ReleaseOutcome outcome) {
  switch (outcome) {
    case ReleaseOutcome::kRequested:
      return v1::RELEASE_OUTCOME_REQUESTED;
    case ReleaseOutcome::kRequestedBefore:
      return v1::RELEASE_OUTCOME_REQUESTED_BEFORE;
    case ReleaseOutcome::kAlreadyReleased:
      break;
  }
  return v1::RELEASE_OUTCOME_RELEASED;
}

}  // namespace

absl::Status Apply(const CommandInput& input, const v1::CommitRequest& request, Ledger* ledger,
                   v1::CommitResponse* response) {
  const Placements placements = PlacementsOf(request);
  CommitReservationCommand command;
  command.time = absl::FromUnixMicros(input.time_us);
  command.charge_id = request.charge_id();
  command.commit_id = request.commit_id();
  command.session = request.session();
  command.placements = placements;
  const absl::StatusOr<CommitReservationResult> result = ledger->CommitReservation(command);
  if (!result.ok() || response == nullptr) return result.status();
  ToProto(ViewCharge(ledger->state(), result->charge), response->mutable_charge());
  response->set_replayed(result->replayed);
  response->set_placed_bytes(result->placed.value());
  response->set_given_back_bytes(result->given_back.value());
  ToProto(result->would_refuse, response->mutable_would_refuse());
  response->set_sequence(ledger->state().scalars.sequence);
  return absl::OkStatus();
}

absl::Status Apply(const CommandInput& input, const v1::CancelRequest& request, Ledger* ledger,
                   v1::CancelResponse* response) {
  CancelReservationCommand command;
  command.time = absl::FromUnixMicros(input.time_us);
  command.charge_id = request.charge_id();
  const absl::StatusOr<CancelReservationResult> result = ledger->CancelReservation(command);
  if (!result.ok() || response == nullptr) return result.status();
  response->set_outcome(ToProto(result->outcome));
  if (result->charge != kNone)
    ToProto(ViewCharge(ledger->state(), result->charge), response->mutable_charge());
  response->set_cancelled_bytes(result->cancelled.value());
  for (const uint64_t id : result->freed_cgroups) response->add_freed_cgroups(id);
  response->set_sequence(ledger->state().scalars.sequence);
  return absl::OkStatus();
}

absl::Status Apply(const CommandInput& input, const v1::RenewRequest& request, Ledger* ledger,
                   v1::RenewResponse* response) {
  RenewReservationCommand command;
  command.time = absl::FromUnixMicros(input.time_us);
  command.charge_id = request.charge_id();
  command.ttl = absl::Microseconds(ToMicroseconds(request.ttl()));
  const absl::StatusOr<Index> charge = ledger->RenewReservation(command);
  if (!charge.ok() || response == nullptr) return charge.status();
  ToProto(ViewCharge(ledger->state(), *charge), response->mutable_charge());
  response->set_sequence(ledger->state().scalars.sequence);
  return absl::OkStatus();
}

absl::Status Apply(const CommandInput& input, const v1::RequestReleaseRequest& request,
                   Ledger* ledger, v1::RequestReleaseResponse* response) {
  const absl::InlinedVector<absl::string_view, 16> ids(request.charge_ids().begin(),
                                                       request.charge_ids().end());
  RequestReleaseCommand command;
  command.time = absl::FromUnixMicros(input.time_us);
  command.charge_ids = ids;
  command.requested_by = request.requested_by();
  command.reason = request.reason();
  const absl::StatusOr<RequestReleaseResult> result = ledger->RequestRelease(command);
  if (!result.ok() || response == nullptr) return result.status();
  for (int i = 0; i < request.charge_ids_size(); ++i) {
    v1::RequestReleaseResult* added = response->add_results();
    added->set_charge_id(request.charge_ids(i));
    added->set_outcome(ToProto(result->outcomes[i]));
  }
  response->set_sequence(ledger->state().scalars.sequence);
  return absl::OkStatus();
}

absl::Status Apply(const CommandInput& input, const v1::UnchargeItemsRequest& request,
                   Ledger* ledger, v1::UnchargeItemsResponse* response) {
  UnchargeItemsCommand command;
  command.time = absl::FromUnixMicros(input.time_us);
  command.session = request.session();
  command.charge_id = request.charge_id();
  command.evidence = request.evidence();
  const absl::InlinedVector<absl::string_view, 8> regions(request.regions().begin(),
                                                          request.regions().end());
  command.regions = regions;
  const absl::StatusOr<UnchargeItemsResult> result = ledger->UnchargeItems(command);
  if (!result.ok() || response == nullptr) return result.status();
  if (result->charge != kNone)
    ToProto(ViewCharge(ledger->state(), result->charge), response->mutable_charge());
  response->set_items(result->items);
  response->set_bytes(result->bytes.value());
  for (const uint64_t id : result->freed_cgroups) response->add_freed_cgroups(id);
  response->set_sequence(ledger->state().scalars.sequence);
  return absl::OkStatus();
}

}  // namespace dmem::server
