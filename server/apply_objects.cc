// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Commands on regions, groups, cgroups and limits, and the settings.

#include <string>

#include "absl/container/inlined_vector.h"
#include "core/check.h"
#include "core/limit_text.h"
#include "core/views.h"
#include "server/apply.h"
#include "server/convert.h"
#include "server/render_dropped.h"

namespace dmem::server {

namespace {

// A pool whose limits are, or would be, `limits`.
void RenderLimits(const State& state, const LimitsResult& limits, int64_t time_us, v1::Pool* pool) {
  const Index cgroup = state.FindCgroup(limits.cgroup);
  const Index region = state.FindRegion(limits.region);
  const Index found = cgroup == kNone ? kNone : state.FindPool(cgroup, region);
  ToProto(found != kNone ? ViewPool(state, found, kRootCgroup, time_us)
                         : DefaultPoolView(state, limits.cgroup, cgroup, region),
          pool);
  pool->set_min_bytes(limits.min.value());
  pool->set_low_bytes(limits.low.value());
  pool->set_max_bytes(limits.max.value());
  pool->set_enforcement(limits.observed ? v1::ENFORCEMENT_OBSERVE : v1::ENFORCEMENT_ENFORCE);
  pool->set_etag(limits.etag);
  pool->set_over_bytes(limits.usage.MinusOrZero(limits.max).value());
}

}  // namespace

absl::Status Apply(const CommandInput& input, const v1::RegisterRequest& request, Ledger* ledger,
                   v1::RegisterResponse* response) {
  const v1::Region& region = request.region();
  RegisterCommand command;
  command.time = absl::FromUnixMicros(input.time_us);
  command.name = region.name();
  command.capacity = ByteCount(region.capacity_bytes());
  command.reserved = ByteCount(region.reserved_bytes());
  if (region.has_grantable_bytes()) command.grantable = ByteCount(region.grantable_bytes());
  command.node = region.attributes().node();
  command.model = region.attributes().model();
  command.uuid = region.attributes().uuid();
  command.pci = region.attributes().pci();
  command.parent = region.parent();
  command.incarnation = region.incarnation();
  command.cordoned = region.cordoned();
  command.session = request.session();
  command.keep_policy = request.keep_policy();
  const absl::StatusOr<RegisterResult> result = ledger->Register(command);
  if (!result.ok() || response == nullptr) return result.status();
  ToProto(ViewRegion(ledger->state(), result->region), response->mutable_region());
  response->set_created(result->created);
  RenderDropped(result->dropped, response);
  response->set_sequence(ledger->state().scalars.sequence);
  return absl::OkStatus();
}

absl::Status Apply(const CommandInput& input, const v1::UnregisterRequest& request, Ledger* ledger,
                   v1::UnregisterResponse* response) {
  UnregisterCommand command;
  command.time = absl::FromUnixMicros(input.time_us);
  command.name = request.region();
  command.force = request.force();
  const absl::StatusOr<UnregisterResult> result = ledger->Unregister(command);
  if (!result.ok() || response == nullptr) return result.status();
  response->set_id(result->id);
  response->set_removed(result->removed);
  RenderDropped(result->dropped, response);
  response->set_sequence(ledger->state().scalars.sequence);
  return absl::OkStatus();
}

absl::Status Apply(const CommandInput& input, const v1::CordonRequest& request, Ledger* ledger,
                   v1::CordonResponse* response) {
  CordonCommand command;
  command.time = absl::FromUnixMicros(input.time_us);
  command.name = request.region();
  command.cordoned = !request.uncordon();
  if (absl::Status status = ledger->Cordon(command); !status.ok() || response == nullptr) {
    return status;
  }
  const State& state = ledger->state();
  ToProto(ViewRegion(state, state.FindRegion(request.region())), response->mutable_region());
  response->set_sequence(state.scalars.sequence);
  return absl::OkStatus();
}

absl::Status Apply(const CommandInput& input, const v1::RegisterGroupRequest& request,
                   Ledger* ledger, v1::RegisterGroupResponse* response) {
  RegisterGroupCommand command;
  command.time = absl::FromUnixMicros(input.time_us);
  command.name = request.name();
  command.parent = request.parent();
  const absl::StatusOr<bool> created = ledger->RegisterGroup(command);
  if (!created.ok() || response == nullptr) return created.status();
  const State& state = ledger->state();
  ToProto(ViewGroup(state, state.FindRegion(request.name())), response->mutable_group());
  response->set_created(*created);
  response->set_sequence(state.scalars.sequence);
  return absl::OkStatus();
}

absl::Status Apply(const CommandInput& input, const v1::UnregisterGroupRequest& request,
                   Ledger* ledger, v1::UnregisterGroupResponse* response) {
  UnregisterGroupCommand command;
  command.time = absl::FromUnixMicros(input.time_us);
  command.name = request.name();
  if (absl::Status status = ledger->UnregisterGroup(command); !status.ok() || response == nullptr) {
    return status;
  }
  response->set_sequence(ledger->state().scalars.sequence);
  return absl::OkStatus();
}

absl::Status Apply(const CommandInput& input, const v1::SetLimitsRequest& request, Ledger* ledger,
                   v1::SetLimitsResponse* response) {
  absl::InlinedVector<LimitsUpdate, 4> updates;
  updates.reserve(request.updates_size());
  for (const v1::LimitsUpdate& update : request.updates()) {
    LimitsUpdate added;
    added.cgroup = update.cgroup();
    added.region = update.region();
    if (update.has_min_bytes()) added.min = ByteCount(update.min_bytes());
    if (update.has_low_bytes()) added.low = ByteCount(update.low_bytes());
    if (update.has_max_bytes()) added.max = ByteCount(update.max_bytes());
    if (update.enforcement() != v1::ENFORCEMENT_UNSPECIFIED) {
      added.observe = update.enforcement() == v1::ENFORCEMENT_OBSERVE;
    }
    if (update.has_etag()) added.etag = update.etag();
    updates.push_back(added);
  }
  SetLimitsCommand command;
  command.time = absl::FromUnixMicros(input.time_us);
  command.updates = updates;
  command.apply_below_usage = request.below_usage() == v1::BELOW_USAGE_POLICY_APPLY;
  command.validate_only = request.validate_only();
  const absl::StatusOr<SetLimitsResult> result = ledger->SetLimits(command);
  if (!result.ok() || response == nullptr) return result.status();
  for (const LimitsResult& limits : result->limits) {
    RenderLimits(ledger->state(), limits, input.time_us, response->add_pools());
  }
  response->set_sequence(ledger->state().scalars.sequence);
  response->set_validated_only(request.validate_only());
  return absl::OkStatus();
}

absl::Status Apply(const CommandInput& input, const v1::WriteFileRequest& request, Ledger* ledger,
                   v1::WriteFileResponse* response) {
  const absl::StatusOr<LimitLine> line = ParseLimitLine(request.text());
  if (!line.ok()) return line.status();
  LimitsUpdate update;
  update.cgroup = request.cgroup();
  update.region = line->region;
  if (request.file() == "dmem.min") {
    update.min = line->value;
  } else if (request.file() == "dmem.low") {
    update.low = line->value;
  } else {
    DMEM_CHECK(request.file() == "dmem.max");
    update.max = line->value;
  }
  SetLimitsCommand command;
  command.time = absl::FromUnixMicros(input.time_us);
  command.updates = absl::MakeConstSpan(&update, 1);
  command.apply_below_usage = request.below_usage() == v1::BELOW_USAGE_POLICY_APPLY;
  const absl::StatusOr<SetLimitsResult> result = ledger->SetLimits(command);
  if (!result.ok() || response == nullptr) return result.status();
  response->set_value(line->value.value());
  response->set_sequence(ledger->state().scalars.sequence);
  return absl::OkStatus();
}

absl::Status Apply(const CommandInput& input, const v1::CreateCgroupRequest& request,
                   Ledger* ledger, v1::CreateCgroupResponse* response) {
  CreateCgroupCommand command;
  command.time = absl::FromUnixMicros(input.time_us);
  command.path = request.path();
  if (request.has_priority()) command.priority = request.priority();
  const absl::StatusOr<CreateCgroupResult> result = ledger->CreateCgroup(command);
  if (!result.ok() || response == nullptr) return result.status();
  ToProto(ViewCgroup(ledger->state(), result->cgroup), response->mutable_cgroup());
  response->set_sequence(ledger->state().scalars.sequence);
  return absl::OkStatus();
}

absl::Status Apply(const CommandInput& input, const v1::DeleteCgroupRequest& request,
                   Ledger* ledger, v1::DeleteCgroupResponse* response) {
  DeleteCgroupCommand command;
  command.time = absl::FromUnixMicros(input.time_us);
  command.path = request.path();
  const absl::StatusOr<DeleteCgroupResult> result = ledger->DeleteCgroup(command);
  if (!result.ok() || response == nullptr) return result.status();
  response->set_id(result->id);
  response->set_outcome(result->dying ? v1::DeleteCgroupResponse::DYING
                                      : v1::DeleteCgroupResponse::FREED);
  response->set_sequence(ledger->state().scalars.sequence);
  return absl::OkStatus();
}

void Apply(const CommandInput& input, const store::v1::Configure& configure, Ledger* ledger) {
  ConfigureCommand command;
  command.time = absl::FromUnixMicros(input.time_us);
  command.settings.implicit_cgroups = static_cast<ImplicitCgroups>(configure.implicit_cgroups());
  command.settings.unattributed =
      configure.ignore_unattributed() ? UnattributedPolicy::kIgnore : UnattributedPolicy::kReduce;
  command.settings.tombstone_window_us = configure.tombstone_window_us();
  command.settings.tombstones_max = configure.tombstones_max();
  command.settings.regions_max = configure.regions_max();
  command.settings.cgroups_max = configure.cgroups_max();
  command.settings.pools_max = configure.pools_max();
  command.settings.charges_max = configure.charges_max();
  command.settings.items_max = configure.items_max();
  command.settings.sessions_max = configure.sessions_max();
  command.settings.lost_after_us = configure.lost_after_us();
  command.settings.refuses_stale_regions = configure.refuse_stale_regions();
  ledger->Configure(command);
}

store::v1::Configure ToProto(const Settings& settings) {
  store::v1::Configure configure;
  configure.set_implicit_cgroups(
      static_cast<store::v1::Configure::ImplicitCgroups>(settings.implicit_cgroups));
  configure.set_ignore_unattributed(settings.unattributed == UnattributedPolicy::kIgnore);
  configure.set_tombstone_window_us(settings.tombstone_window_us);
  configure.set_tombstones_max(settings.tombstones_max);
  configure.set_regions_max(settings.regions_max);
  configure.set_cgroups_max(settings.cgroups_max);
  configure.set_pools_max(settings.pools_max);
  configure.set_charges_max(settings.charges_max);
  configure.set_items_max(settings.items_max);
  configure.set_sessions_max(settings.sessions_max);
  configure.set_lost_after_us(settings.lost_after_us);
  configure.set_refuse_stale_regions(settings.refuses_stale_regions);
  return configure;
}

}  // namespace dmem::server
