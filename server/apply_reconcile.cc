// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Reconcile.

#include <algorithm>
#include <vector>

#include "server/apply.h"
#include "server/convert.h"

namespace dmem::server {

namespace {

v1::Difference::Kind ToProto(Difference::Kind kind) {
  switch (kind) {
    case Difference::Kind::kRecorded:
      return v1::Difference::RECORDED;
    case Difference::Kind::kRecordedAnew:
      return v1::Difference::RECORDED_ANEW;
    case Difference::Kind::kCommitted:
      return v1::Difference::COMMITTED;
    case Difference::Kind::kResized:
      return v1::Difference::RESIZED;
    case Difference::Kind::kSizeDiffers:
      return v1::Difference::SIZE_DIFFERS;
    case Difference::Kind::kCgroupDiffers:
      return v1::Difference::CGROUP_DIFFERS;
    case Difference::Kind::kReleased:
      break;
  }
  return v1::Difference::RELEASED;
}

// `labels` must outlive the spec.
ReconcileItemSpec SpecOf(const v1::HeldItem& item, absl::Time time, std::vector<Label>* labels) {
  for (const auto& label : item.labels()) labels->emplace_back(label.first, label.second);
  std::sort(labels->begin(), labels->end());
  ReconcileItemSpec spec;
  spec.cgroup = item.cgroup();
  spec.region = item.region();
  spec.bytes = ByteCount(item.bytes());
  spec.charge.charge_id = item.charge_id();
  spec.charge.created_at =
      item.has_created_at() ? absl::FromUnixMicros(ToMicroseconds(item.created_at())) : time;
  spec.charge.owner_kind = item.owner().kind();
  spec.charge.owner_namespace = item.owner().namespace_();
  spec.charge.owner_name = item.owner().name();
  spec.charge.owner_uid = item.owner().uid();
  spec.charge.owner_container = item.owner().container();
  spec.charge.labels = *labels;
  if (item.has_priority()) spec.charge.priority = item.priority();
  spec.charge.preemptible = item.preemptible();
  if (item.basis() == v1::BASIS_MEASURED) spec.charge.basis = Basis::kMeasured;
  return spec;
}

}  // namespace

absl::Status Apply(const CommandInput& input, const v1::ReconcileRequest& request, Ledger* ledger,
                   v1::ReconcileResponse* response) {
  ReconcileCommand command;
  command.time = absl::FromUnixMicros(input.time_us);
  std::vector<std::vector<Label>> labels(request.items_size());
  std::vector<ReconcileItemSpec> items;
  items.reserve(request.items_size());
  for (int i = 0; i < request.items_size(); ++i) {
    items.push_back(SpecOf(request.items(i), command.time, &labels[i]));
  }
  command.session = request.session();
  command.reconcile_id = request.reconcile_id();
  command.as_of = request.as_of();
  command.part = request.part();
  command.last = request.last();
  command.fresh_id = input.generated_charge_id;
  command.items = items;
  const std::vector<absl::string_view> regions(request.regions().begin(), request.regions().end());
  command.regions = regions;
  const absl::StatusOr<ReconcileResult> result = ledger->Reconcile(command);
  if (!result.ok() || response == nullptr) return result.status();
  for (const Difference& difference : result->differences) {
    v1::Difference* added = response->add_differences();
    added->set_kind(ToProto(difference.kind));
    added->set_charge_id(difference.charge_id);
    added->set_new_charge_id(difference.new_id);
    added->set_cgroup(difference.cgroup);
    added->set_known_cgroup(difference.known_cgroup);
    added->set_region(difference.region);
    added->set_known_bytes(difference.known.value());
    added->set_held_bytes(difference.held.value());
    added->set_charge_ended(difference.charge_ended);
  }
  response->set_differences_total(result->count);
  for (const uint64_t id : result->freed_cgroups) response->add_freed_cgroups(id);
  response->set_sequence(ledger->state().scalars.sequence);
  return absl::OkStatus();
}

}  // namespace dmem::server
