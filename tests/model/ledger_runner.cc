// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/model/ledger_runner.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/errors.h"
#include "core/views.h"

namespace dmem {
namespace model {
namespace {

absl::optional<ByteCount> Bytes(const absl::optional<uint64_t>& bytes) {
  if (!bytes.has_value()) return absl::nullopt;
  return ByteCount(*bytes);
}

Mode Translate(ChargeMode mode) {
  switch (mode) {
    case ChargeMode::kStrict:
      return Mode::kStrict;
    case ChargeMode::kCheckOnly:
      return Mode::kCheckOnly;
    case ChargeMode::kForce:
      break;
  }
  return Mode::kForce;
}

Refusal Translate(const CounterRefusal& refusal) {
  Refusal out;
  out.cgroup = refusal.cgroup;
  out.region = refusal.region;
  out.item = refusal.item;
  out.usage = refusal.usage.value();
  out.max = refusal.max.value();
  out.requested = refusal.requested.value();
  out.short_by = refusal.short_by.value();
  out.largest_grantable = refusal.largest_grantable.value();
  return out;
}

std::string WouldRefuseText(const std::vector<CounterRefusal>& refusals) {
  std::string text;
  for (const CounterRefusal& refusal : refusals) {
    absl::StrAppend(&text, " ", Translate(refusal).ToString());
  }
  return text;
}

Settings Translate(const Bounds& bounds) {
  Settings settings;
  settings.implicit_cgroups = static_cast<ImplicitCgroups>(bounds.implicit_cgroups);
  settings.tombstone_window_us = bounds.tombstone_window_us;
  settings.tombstones_max = bounds.tombstones_max;
  settings.regions_max = bounds.regions_max;
  settings.cgroups_max = bounds.cgroups_max;
  settings.pools_max = bounds.pools_max;
  settings.charges_max = bounds.charges_max;
  settings.items_max = bounds.items_max;
  settings.sessions_max = bounds.sessions_max;
  settings.lost_after_us = bounds.lost_after_us;
  settings.refuses_stale_regions = bounds.refuses_stale;
  settings.unattributed =
      bounds.ignores_unattributed ? UnattributedPolicy::kIgnore : UnattributedPolicy::kReduce;
  return settings;
}

}  // namespace

std::string ErrorText(const absl::Status& status) {
  const ErrorFacts facts = FactsOf(status);
  return ErrorAnswer(
      absl::StatusCodeToString(status.code()), facts.reason,
      std::map<std::string, std::string>(facts.metadata.begin(), facts.metadata.end()));
}

std::string DroppedText(const Dropped& dropped) {
  std::vector<std::string> items;
  for (const DroppedItem& item : dropped.items) {
    items.push_back(absl::StrCat(item.charge_id, " ", item.cgroup, ":", item.bytes.value(),
                                 item.charge_ended ? " ended" : ""));
  }
  if (dropped.count != items.size()) items.push_back("another count");
  std::sort(items.begin(), items.end());
  return absl::StrCat(" dropped: ", absl::StrJoin(items, ", "),
                      " freed: ", absl::StrJoin(dropped.freed_cgroups, ", "));
}

std::string LedgerRunner::Apply(const Command& c) {
  const absl::Time time = absl::FromUnixMicros(c.time_us);
  switch (c.kind) {
    case Kind::kRegister:
      return Register(c);
    case Kind::kUnregister:
      return Unregister(c);
    case Kind::kCordon: {
      const absl::Status status = ledger_->Cordon({time, c.name, c.flag});
      return status.ok() ? "OK" : ErrorText(status);
    }
    case Kind::kRegisterGroup: {
      const absl::StatusOr<bool> created = ledger_->RegisterGroup({time, c.name, c.parent});
      return created.ok() ? absl::StrCat("OK created=", *created) : ErrorText(created.status());
    }
    case Kind::kUnregisterGroup: {
      const absl::Status status = ledger_->UnregisterGroup({time, c.name});
      return status.ok() ? "OK" : ErrorText(status);
    }
    case Kind::kCharge:
      return Charge(c);
    case Kind::kUncharge:
      return Uncharge(c);
    case Kind::kResize:
      return Resize(c);
    case Kind::kSetLimits:
      return SetLimits(c);
    case Kind::kCreateCgroup: {
      const auto result = ledger_->CreateCgroup({time, c.name, c.priority});
      return result.ok() ? absl::StrCat("OK id=", state().cgroups[result->cgroup].id)
                         : ErrorText(result.status());
    }
    case Kind::kDeleteCgroup: {
      const auto result = ledger_->DeleteCgroup({time, c.name});
      return result.ok() ? absl::StrCat("OK id=", result->id, result->dying ? " DYING" : " FREED")
                         : ErrorText(result.status());
    }
    case Kind::kCommit:
      return Commit(c);
    case Kind::kCancel: {
      const auto result = ledger_->CancelReservation({time, c.charge_id});
      if (!result.ok()) return ErrorText(result.status());
      static constexpr const char* kNames[] = {"CANCELLED", "NOTHING_RESERVED", "ALREADY",
                                               "NEVER_SEEN"};
      return absl::StrCat("OK ", kNames[static_cast<int>(result->outcome)], " ",
                          result->cancelled.value(),
                          " freed: ", absl::StrJoin(result->freed_cgroups, ", "));
    }
    case Kind::kRenew: {
      const auto result =
          ledger_->RenewReservation({time, c.charge_id, absl::Microseconds(c.ttl_us)});
      return result.ok() ? "OK" : ErrorText(result.status());
    }
    case Kind::kRequestRelease: {
      const std::vector<absl::string_view> ids(c.charge_ids.begin(), c.charge_ids.end());
      const auto result = ledger_->RequestRelease({time, ids, c.owner, c.reason});
      if (!result.ok()) return ErrorText(result.status());
      static constexpr const char* kNames[] = {"REQUESTED", "REQUESTED_BEFORE", "RELEASED"};
      return absl::StrCat("OK ", absl::StrJoin(result->outcomes, ", ",
                                               [](std::string* out, ReleaseOutcome outcome) {
                                                 out->append(kNames[static_cast<int>(outcome)]);
                                               }));
    }
    case Kind::kReconcile:
      return Reconcile(c);
    case Kind::kReportMeasured:
      return ReportMeasured(c);
    case Kind::kMoveCharge:
      return MoveCharge(c);
    case Kind::kOpenSession:
    case Kind::kCloseSession:
    case Kind::kDeclareNotReady:
    case Kind::kFence:
    case Kind::kReportRegionState:
    case Kind::kResume:
    case Kind::kTick:
      return Lease(c);
    case Kind::kConfigure:
      break;
  }
  const uint64_t before = state().scalars.sequence;
  ConfigureCommand command;
  command.time = time;
  command.settings = Translate(c.bounds);
  ledger_->Configure(command);
  return state().scalars.sequence == before ? "OK same" : "OK changed";
}

std::string LedgerRunner::Register(const Command& c) {
  RegisterCommand command;
  command.time = absl::FromUnixMicros(c.time_us);
  command.name = c.name;
  command.capacity = ByteCount(c.capacity);
  command.reserved = ByteCount(c.reserved);
  command.grantable = Bytes(c.grantable);
  command.node = c.node;
  command.parent = c.parent;
  command.incarnation = c.incarnation;
  command.cordoned = c.flag;
  command.session = c.session;
  const auto result = ledger_->Register(command);
  if (!result.ok()) return ErrorText(result.status());
  return absl::StrCat("OK created=", result->created, DroppedText(result->dropped));
}

std::string LedgerRunner::Unregister(const Command& c) {
  const auto result = ledger_->Unregister({absl::FromUnixMicros(c.time_us), c.name, c.flag});
  if (!result.ok()) return ErrorText(result.status());
  return absl::StrCat("OK id=", result->id, " removed=", result->removed,
                      DroppedText(result->dropped));
}

std::string LedgerRunner::Charge(const Command& c) {
  std::vector<ChargeItemSpec> items;
  for (const Item& item : c.items) {
    items.push_back({item.cgroup, item.region, ByteCount(item.bytes), item.incarnation});
  }
  ChargeCommand command;
  command.time = absl::FromUnixMicros(c.time_us);
  command.charge_id = c.charge_id;
  command.created_at = absl::FromUnixMicros(c.created_at_us);
  command.items = items;
  command.mode = Translate(c.mode);
  command.owner_name = c.owner;
  command.priority = c.priority;
  command.preemptible = c.preemptible;
  command.ttl = absl::Microseconds(c.ttl_us);
  command.session = c.session;
  command.basis = c.is_measured ? Basis::kMeasured : Basis::kBooked;
  const auto result = ledger_->Charge(command);
  if (!result.ok()) return ErrorText(result.status());
  if (result->replayed) return "OK replayed";
  return absl::StrCat("OK", WouldRefuseText(result->would_refuse));
}

std::string LedgerRunner::Commit(const Command& c) {
  std::vector<PlacementSpec> placements;
  for (const Placement& placement : c.placements) {
    placements.push_back({placement.cgroup, placement.reserved_in, placement.region,
                          ByteCount(placement.bytes), placement.incarnation});
  }
  const auto result = ledger_->CommitReservation(
      {absl::FromUnixMicros(c.time_us), c.charge_id, c.commit_id, placements});
  if (!result.ok()) return ErrorText(result.status());
  if (result->replayed) return "OK replayed";
  return absl::StrCat("OK placed=", result->placed.value(),
                      " given_back=", result->given_back.value(),
                      WouldRefuseText(result->would_refuse));
}

std::string LedgerRunner::Uncharge(const Command& c) {
  const std::vector<absl::string_view> ids(c.charge_ids.begin(), c.charge_ids.end());
  const auto result =
      ledger_->Uncharge({absl::FromUnixMicros(c.time_us), ids, c.session, c.reason});
  if (!result.ok()) return ErrorText(result.status());
  static constexpr const char* kNames[] = {"RELEASED", "ALREADY", "NEVER_SEEN"};
  return absl::StrCat("OK ",
                      absl::StrJoin(result->outcomes, ", ",
                                    [](std::string* out, UnchargeOutcome outcome) {
                                      out->append(kNames[static_cast<int>(outcome)]);
                                    }),
                      " freed: ", absl::StrJoin(result->freed_cgroups, ", "));
}

std::string LedgerRunner::Resize(const Command& c) {
  std::vector<ResizeItemSpec> items;
  for (const NewSize& size : c.sizes) {
    items.push_back(
        {size.charge_id, size.cgroup, size.region, ByteCount(size.bytes), Bytes(size.expected)});
  }
  ResizeCommand command;
  command.time = absl::FromUnixMicros(c.time_us);
  command.items = items;
  command.mode = Translate(c.mode);
  command.session = c.session;
  const auto result = ledger_->Resize(command);
  if (!result.ok()) return ErrorText(result.status());
  return absl::StrCat("OK ",
                      absl::StrJoin(result->charges, ", ",
                                    [this](std::string* out, Index charge) {
                                      absl::StrAppend(out, state().charges[charge].id.view());
                                    }),
                      WouldRefuseText(result->would_refuse));
}

std::string LedgerRunner::SetLimits(const Command& c) {
  std::vector<LimitsUpdate> updates;
  for (const LimitChange& change : c.limits) {
    updates.push_back({change.cgroup, change.region, Bytes(change.min), Bytes(change.low),
                       Bytes(change.max), change.observe, change.etag});
  }
  SetLimitsCommand command;
  command.time = absl::FromUnixMicros(c.time_us);
  command.updates = updates;
  command.apply_below_usage = c.flag;
  command.validate_only = c.validate_only;
  const auto result = ledger_->SetLimits(command);
  if (!result.ok()) return ErrorText(result.status());
  std::string answer = "OK";
  for (const LimitsResult& limits : result->limits) {
    absl::StrAppend(&answer, " {", limits.cgroup, ":", limits.region,
                    " usage=", limits.usage.value(), " min=", limits.min.value(),
                    " low=", limits.low.value(), " max=", limits.max.value(),
                    " observed=", limits.observed, " etag=", limits.etag, "}");
  }
  return answer;
}

namespace {

RegionRow LookAtRegion(const State& state, Index i) {
  const RegionRecord& record = state.regions[i];
  RegionRow row;
  row.id = record.id;
  row.is_group = record.is_group;
  row.live_items = record.live_items;
  if (record.is_group) {
    const GroupView group = ViewGroup(state, i);
    row.name = group.name;
    row.parent = group.parent;
    row.capacity = group.capacity.value();
    row.grantable = group.grantable.value();
    row.usage = group.usage.value();
    row.member_regions = group.member_regions;
    row.member_groups = group.member_groups;
    row.reservations = group.reservations.value();
    return row;
  }
  const RegionView region = ViewRegion(state, i);
  row.name = region.name;
  row.parent = region.parent;
  row.node = region.node;
  row.is_gone = region.is_gone;
  row.is_cordoned = region.is_cordoned;
  row.grantable_is_explicit = region.grantable_is_explicit;
  row.capacity = region.capacity.value();
  row.reserved = region.reserved.value();
  row.grantable = region.grantable.value();
  row.incarnation = region.incarnation;
  row.usage = region.usage.value();
  row.over = region.over.value();
  row.reservations = region.reservations.value();
  row.device_used = region.device_used.value();
  row.device_used_at_us = region.device_used_at_us;
  row.unattributed = region.unattributed.value();
  row.measured = region.measured.value();
  row.over_grant = region.over_grant.value();
  return row;
}

CgroupRow LookAtCgroup(const State& state, Index i) {
  const CgroupRecord& record = state.cgroups[i];
  const CgroupView cgroup = ViewCgroup(state, i);
  CgroupRow row;
  row.id = cgroup.id;
  if (record.parent != kNone) row.parent = state.cgroups[record.parent].id;
  row.name = cgroup.path;
  row.path = cgroup.is_dying ? cgroup.path_before_deletion : cgroup.path;
  row.is_implicit = cgroup.is_implicit;
  row.is_dying = cgroup.is_dying;
  row.has_priority = cgroup.has_priority;
  row.priority = cgroup.priority;
  row.children = cgroup.children;
  row.live_children = record.live_children;
  row.live_items = cgroup.live_items;
  return row;
}

PoolRow LookAtPool(const State& state, Index i, int64_t time_us) {
  const PoolView pool = ViewPool(state, i, kRootCgroup, time_us);
  PoolRow row;
  row.cgroup = pool.cgroup_id;
  row.region = state.regions[state.pools[i].region].id;
  row.usage = pool.usage.value();
  row.own = pool.own.value();
  row.peak = pool.peak.value();
  row.min = pool.min.value();
  row.low = pool.low.value();
  row.max = pool.max.value();
  row.is_observed = pool.is_observed;
  row.etag = pool.etag;
  row.over = pool.over.value();
  row.refusals = pool.refusals;
  row.would_refuse = pool.would_refuse;
  row.byte_seconds = pool.byte_seconds;
  return row;
}

ChargeRow LookAtCharge(const State& state, Index i) {
  const ChargeView charge = ViewCharge(state, i);
  ChargeRow row;
  row.id = charge.charge_id;
  for (const ItemView& view : charge.items) {
    Item item;
    item.cgroup = view.cgroup;
    item.region = view.region;
    item.bytes = view.bytes.value();
    item.is_reserved = view.is_reserved;
    if (view.measured.has_value()) item.measured = view.measured->value();
    item.measured_at_us = view.measured_at_us;
    row.items.push_back(std::move(item));
  }
  row.is_partial = charge.is_partial;
  row.has_priority = charge.has_priority;
  row.priority = charge.priority;
  row.is_preemptible = charge.preemptible;
  row.is_measured = charge.basis == Basis::kMeasured;
  row.created_at_us = charge.created_at_us;
  row.granted_at_us = charge.granted_at_us;
  row.granted_sequence = charge.granted_sequence;
  row.owner = charge.owner_name;
  row.is_reserved = charge.is_reserved;
  row.expires_at_us = charge.expires_at_us;
  row.is_releasing = charge.is_releasing;
  if (charge.is_releasing) {
    row.release = absl::StrCat(charge.release_requested_at_us, " by ", charge.release_requested_by,
                               ": ", charge.release_reason);
  }
  return row;
}

// All pages of a listing, of the size given.
template <typename List>
std::vector<Index> AllPages(const List& list) {
  constexpr size_t kPage = 3;
  std::vector<Index> all;
  Index cursor = 0;
  while (cursor != kNone) {
    for (const Index i : list(&cursor, kPage)) all.push_back(i);
  }
  return all;
}

}  // namespace

View LookAt(const State& state, int64_t time_us) {
  View view;
  uint64_t after_id = 0;
  do {
    for (const Index i : ListRegions(state, &after_id, 2)) {
      view.regions.push_back(LookAtRegion(state, i));
    }
  } while (after_id != 0);
  const auto cgroups = [&](Index* cursor, size_t limit) {
    return ListCgroups(state, kNone, cursor, limit);
  };
  for (const Index i : AllPages(cgroups)) view.cgroups.push_back(LookAtCgroup(state, i));
  const auto pools = [&](Index* cursor, size_t limit) {
    return ListPools(state, PoolFilter(), cursor, limit);
  };
  for (const Index i : AllPages(pools)) {
    const PoolRow row = LookAtPool(state, i, time_us);
    if (!row.is_default()) view.pools.push_back(row);
  }
  const auto charges = [&](Index* cursor, size_t limit) {
    return ListCharges(state, ChargeFilter(), cursor, limit);
  };
  for (const Index i : AllPages(charges)) view.charges.push_back(LookAtCharge(state, i));
  for (Index i = 0; i < state.tombstones.size(); ++i) {
    const Blob& id = state.tombstones[i].id;
    if (!id.empty()) view.spent_ids.emplace_back(id.view());
  }
  std::sort(view.cgroups.begin(), view.cgroups.end(),
            [](const CgroupRow& a, const CgroupRow& b) { return a.id < b.id; });
  std::sort(view.pools.begin(), view.pools.end(), [](const PoolRow& a, const PoolRow& b) {
    return std::tie(a.cgroup, a.region) < std::tie(b.cgroup, b.region);
  });
  std::sort(view.charges.begin(), view.charges.end(),
            [](const ChargeRow& a, const ChargeRow& b) { return a.id < b.id; });
  std::sort(view.spent_ids.begin(), view.spent_ids.end());
  view.sequence = state.scalars.sequence;
  view.ids_covered_since_us = state.scalars.ids_covered_since_us;
  LookAtLeases(state, &view);
  return view;
}

}  // namespace model
}  // namespace dmem
