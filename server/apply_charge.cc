// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Charge, BatchCharge, Uncharge and Resize.

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "core/views.h"
#include "server/apply.h"
#include "server/convert.h"

namespace dmem::server {

namespace {

// The lists of a command, on the stack for a charge of common size.
using Items = absl::InlinedVector<ChargeItemSpec, 8>;
using Labels = absl::InlinedVector<Label, 16>;

Mode ModeOf(v1::ChargeMode mode) {
  switch (mode) {
    case v1::CHARGE_MODE_CHECK_ONLY:
      return Mode::kCheckOnly;
    case v1::CHARGE_MODE_FORCE:
      return Mode::kForce;
    default:
      return Mode::kStrict;
  }
}

Items ItemsOf(const v1::ChargeRequest& request) {
  Items items;
  items.reserve(request.items_size());
  for (const v1::ChargeItem& item : request.items()) {
    ChargeItemSpec spec;
    spec.cgroup = item.cgroup();
    spec.region = item.region();
    spec.bytes = ByteCount(item.bytes());
    if (item.has_region_incarnation()) spec.region_incarnation = item.region_incarnation();
    items.push_back(spec);
  }
  return items;
}

Labels LabelsOf(const v1::ChargeRequest& request) {
  Labels labels;
  for (const auto& label : request.labels()) labels.emplace_back(label.first, label.second);
  std::sort(labels.begin(), labels.end());
  return labels;
}

absl::StatusOr<ChargeResult> ApplyCharge(const CommandInput& input,
                                         const v1::ChargeRequest& request, Ledger* ledger) {
  const Items items = ItemsOf(request);
  const Labels labels = LabelsOf(request);
  ChargeCommand command;
  command.time = absl::FromUnixMicros(input.time_us);
  if (request.charge_id().empty()) {
    command.charge_id = input.generated_charge_id;
    command.is_fresh_id = true;
  } else {
    command.charge_id = request.charge_id();
  }
  command.created_at = request.has_created_at()
                           ? absl::FromUnixMicros(ToMicroseconds(request.created_at()))
                           : command.time;
  command.items = items;
  command.mode = ModeOf(request.mode());
  command.owner_kind = request.owner().kind();
  command.owner_namespace = request.owner().namespace_();
  command.owner_name = request.owner().name();
  command.owner_uid = request.owner().uid();
  command.owner_container = request.owner().container();
  command.labels = labels;
  if (request.has_priority()) command.priority = request.priority();
  command.preemptible = request.preemptible();
  command.session = request.session();
  if (request.has_ttl()) command.ttl = absl::Microseconds(ToMicroseconds(request.ttl()));
  if (request.basis() == v1::BASIS_MEASURED) command.basis = Basis::kMeasured;
  return ledger->Charge(command);
}

const std::string& ChargeIdOf(const CommandInput& input, const v1::ChargeRequest& request) {
  return request.charge_id().empty() ? input.generated_charge_id : request.charge_id();
}

// See State::PrefetchIdBuckets.
void PrefetchIds(const State& state, absl::Span<const absl::string_view> ids) {
  if (ids.size() < 2) return;
  absl::InlinedVector<uint32_t, 16> hashes;
  hashes.reserve(ids.size());
  for (const absl::string_view id : ids) hashes.push_back(state.PrefetchIdBuckets(id));
  for (const uint32_t hash : hashes) state.PrefetchIdRecords(hash);
}

// What a check would have granted: the request, without the marks of a granted charge.
void RenderChecked(const CommandInput& input, const v1::ChargeRequest& request,
                   v1::Charge* charge) {
  charge->set_charge_id(request.charge_id());
  *charge->mutable_items() = request.items();
  if (request.has_owner()) *charge->mutable_owner() = request.owner();
  *charge->mutable_labels() = request.labels();
  charge->set_priority(request.priority());
  charge->set_priority_is_explicit(request.has_priority());
  charge->set_preemptible(request.preemptible());
  charge->set_basis(request.basis() == v1::BASIS_UNSPECIFIED ? v1::BASIS_BOOKED : request.basis());
  if (request.has_created_at()) {
    *charge->mutable_created_at() = request.created_at();
  } else {
    ToProto(input.time_us, charge->mutable_created_at());
  }
}

}  // namespace

absl::Status Apply(const CommandInput& input, const v1::ChargeRequest& request, Ledger* ledger,
                   v1::ChargeResponse* response) {
  const absl::StatusOr<ChargeResult> result = ApplyCharge(input, request, ledger);
  if (!result.ok() || response == nullptr) return result.status();
  if (result->charge != kNone) {
    ToProto(ViewCharge(ledger->state(), result->charge), response->mutable_charge());
  } else {
    RenderChecked(input, request, response->mutable_charge());
  }
  response->set_replayed(result->replayed);
  ToProto(result->would_refuse, response->mutable_would_refuse());
  response->set_sequence(ledger->state().scalars.sequence);
  response->set_checked_only(request.mode() == v1::CHARGE_MODE_CHECK_ONLY);
  return absl::OkStatus();
}

absl::Status Apply(const CommandInput& input, const v1::ChargeRequest& request, Ledger* ledger,
                   v1::BatchChargeResult* response) {
  const absl::StatusOr<ChargeResult> result = ApplyCharge(input, request, ledger);
  response->set_charge_id(ChargeIdOf(input, request));
  response->set_sequence(ledger->state().scalars.sequence);
  if (!result.ok()) return result.status();
  response->set_replayed(result->replayed);
  ToProto(result->would_refuse, response->mutable_would_refuse());
  return absl::OkStatus();
}

absl::Status Apply(const CommandInput& input, const v1::UnchargeRequest& request, Ledger* ledger,
                   v1::UnchargeResponse* response) {
  const absl::InlinedVector<absl::string_view, 16> ids(request.charge_ids().begin(),
                                                       request.charge_ids().end());
  PrefetchIds(ledger->state(), ids);
  UnchargeCommand command;
  command.session = request.session();
  command.time = absl::FromUnixMicros(input.time_us);
  command.charge_ids = ids;
  command.evidence = request.evidence();
  const absl::StatusOr<UnchargeResult> result = ledger->Uncharge(command);
  if (!result.ok() || response == nullptr) return result.status();
  for (int i = 0; i < request.charge_ids_size(); ++i) {
    v1::UnchargeResult* added = response->add_results();
    added->set_charge_id(request.charge_ids(i));
    switch (result->outcomes[i]) {
      case UnchargeOutcome::kReleased:
        added->set_outcome(v1::UNCHARGE_OUTCOME_RELEASED);
        break;
      case UnchargeOutcome::kAlready:
        added->set_outcome(v1::UNCHARGE_OUTCOME_ALREADY);
        break;
      case UnchargeOutcome::kNeverSeen:
        added->set_outcome(v1::UNCHARGE_OUTCOME_NEVER_SEEN);
        break;
    }
  }
  for (const uint64_t id : result->freed_cgroups) response->add_freed_cgroups(id);
  response->set_sequence(ledger->state().scalars.sequence);
  return absl::OkStatus();
}

absl::Status Apply(const CommandInput& input, const v1::ResizeRequest& request, Ledger* ledger,
                   v1::ResizeResponse* response) {
  absl::InlinedVector<ResizeItemSpec, 8> items;
  items.reserve(request.items_size());
  for (const v1::ResizeItem& item : request.items()) {
    ResizeItemSpec spec;
    spec.charge_id = item.charge_id();
    spec.cgroup = item.cgroup();
    spec.region = item.region();
    spec.bytes = ByteCount(item.bytes());
    if (item.has_expected_bytes()) spec.expected = ByteCount(item.expected_bytes());
    items.push_back(spec);
  }
  ResizeCommand command;
  command.session = request.session();
  command.time = absl::FromUnixMicros(input.time_us);
  command.items = items;
  command.mode = ModeOf(request.mode());
  const absl::StatusOr<ResizeResult> result = ledger->Resize(command);
  if (!result.ok() || response == nullptr) return result.status();
  for (const Index charge : result->charges) {
    ToProto(ViewCharge(ledger->state(), charge), response->add_charges());
  }
  ToProto(result->would_refuse, response->mutable_would_refuse());
  response->set_sequence(ledger->state().scalars.sequence);
  response->set_checked_only(request.mode() == v1::CHARGE_MODE_CHECK_ONLY);
  return absl::OkStatus();
}

}  // namespace dmem::server
