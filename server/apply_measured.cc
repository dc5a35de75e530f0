// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// ReportMeasured and MoveCharge.

#include <vector>

#include "core/views.h"
#include "server/apply.h"
#include "server/convert.h"

namespace dmem::server {

absl::Status Apply(const CommandInput& input, const v1::ReportMeasuredRequest& request,
                   Ledger* ledger, v1::ReportMeasuredResponse* response) {
  std::vector<MeasuredRegionSpec> regions;
  regions.reserve(request.regions_size());
  for (const v1::MeasuredRegion& region : request.regions()) {
    regions.push_back({region.region(), ByteCount(region.used_bytes()), region.items_measured()});
  }
  std::vector<MeasuredItemSpec> items;
  items.reserve(request.items_size());
  for (const v1::MeasuredItem& item : request.items()) {
    items.push_back(
        {item.charge_id(), item.cgroup(), item.region(), ByteCount(item.measured_bytes())});
  }
  ReportMeasuredCommand command;
  command.time = absl::FromUnixMicros(input.time_us);
  command.session = request.session();
  command.regions = regions;
  command.items = items;
  const absl::StatusOr<ReportMeasuredResult> result = ledger->ReportMeasured(command);
  if (!result.ok() || response == nullptr) return result.status();
  for (const uint32_t item : result->unknown_items) response->add_unknown_items(item);
  response->set_sequence(ledger->state().scalars.sequence);
  return absl::OkStatus();
}

absl::Status Apply(const CommandInput& input, const v1::MoveChargeRequest& request, Ledger* ledger,
                   v1::MoveChargeResponse* response) {
  MoveChargeCommand command;
  command.time = absl::FromUnixMicros(input.time_us);
  command.session = request.session();
  command.charge_id = request.charge_id();
  command.from = request.from_cgroup();
  command.to = request.to_cgroup();
  const absl::StatusOr<MoveChargeResult> result = ledger->MoveCharge(command);
  if (!result.ok() || response == nullptr) return result.status();
  ToProto(ViewCharge(ledger->state(), result->charge), response->mutable_charge());
  response->set_moved_items(result->moved_items);
  for (const uint64_t id : result->freed_cgroups) response->add_freed_cgroups(id);
  response->set_sequence(ledger->state().scalars.sequence);
  return absl::OkStatus();
}

}  // namespace dmem::server
