// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/convert.h"

namespace dmem::server {

namespace {
constexpr int64_t kMicrosecondsPerSecond = 1000000;

v1::ChargeState StateOf(const ChargeView& view) {
  if (view.is_reserved) return v1::CHARGE_STATE_RESERVED;
  if (view.is_releasing) return v1::CHARGE_STATE_RELEASING;
  return view.is_partial ? v1::CHARGE_STATE_PARTIAL : v1::CHARGE_STATE_HELD;
}
}  // namespace

v1::RegionState ToProto(RegionState state) {
  switch (state) {
    case RegionState::kReady:
      return v1::REGION_STATE_READY;
    case RegionState::kStale:
      return v1::REGION_STATE_STALE;
    case RegionState::kFailed:
      return v1::REGION_STATE_FAILED;
    case RegionState::kLost:
      return v1::REGION_STATE_LOST;
    case RegionState::kGone:
      return v1::REGION_STATE_GONE;
  }
  return v1::REGION_STATE_UNSPECIFIED;
}

void ToProto(const RegionView& view, v1::Region* region) {
  region->set_name(view.name);
  region->set_id(view.id);
  region->set_capacity_bytes(view.capacity.value());
  region->set_reserved_bytes(view.reserved.value());
  region->set_grantable_bytes(view.grantable.value());
  region->set_grantable_is_explicit(view.grantable_is_explicit);
  v1::RegionAttributes* attributes = region->mutable_attributes();
  attributes->set_node(view.node);
  attributes->set_model(view.model);
  attributes->set_uuid(view.uuid);
  attributes->set_pci(view.pci);
  region->set_parent(view.parent);
  region->set_incarnation(view.incarnation);
  region->set_state(ToProto(view.state));
  region->set_session(view.session);
  region->set_awaits_registration(view.is_unconfirmed);
  region->set_failure(view.failure);
  region->set_cordoned(view.is_cordoned);
  region->set_usage_bytes(view.usage.value());
  region->set_over_bytes(view.over.value());
  region->set_live_items(view.live_items);
  region->set_reservations_bytes(view.reservations.value());
  if (view.device_used_at_us != 0)
    ToProto(view.device_used_at_us, region->mutable_device_used_at());
  region->set_device_used_bytes(view.device_used.value());
  region->set_unattributed_bytes(view.unattributed.value());
  region->set_measured_bytes(view.measured.value());
  region->set_over_grant_bytes(view.over_grant.value());
}

void ToProto(const GroupView& view, v1::RegionGroup* group) {
  group->set_name(view.name);
  group->set_id(view.id);
  group->set_parent(view.parent);
  group->set_grantable_bytes(view.grantable.value());
  group->set_capacity_bytes(view.capacity.value());
  group->set_usage_bytes(view.usage.value());
  group->set_member_regions(view.member_regions);
  group->set_member_groups(view.member_groups);
  for (size_t i = 0; i < view.states.size(); ++i) {
    if (view.states[i].regions == 0) continue;
    v1::RegionStateTotal* total = group->add_states();
    total->set_state(ToProto(static_cast<RegionState>(i)));
    total->set_regions(view.states[i].regions);
    total->set_capacity_bytes(view.states[i].capacity.value());
  }
  group->set_reservations_bytes(view.reservations.value());
}

void ToProto(const CgroupView& view, v1::Cgroup* cgroup) {
  cgroup->set_path(view.path);
  cgroup->set_id(view.id);
  cgroup->set_state(view.is_dying ? v1::CGROUP_STATE_DYING : v1::CGROUP_STATE_LIVE);
  cgroup->set_implicit(view.is_implicit);
  cgroup->set_priority(view.priority);
  cgroup->set_priority_is_explicit(view.has_priority);
  cgroup->set_live_items(view.live_items);
  cgroup->set_children(view.children);
  cgroup->set_path_before_deletion(view.path_before_deletion);
}

void ToProto(const PoolView& view, v1::Pool* pool) {
  pool->set_cgroup(view.cgroup);
  pool->set_cgroup_id(view.cgroup_id);
  pool->set_region(view.region);
  pool->set_is_group(view.is_group);
  pool->set_usage_bytes(view.usage.value());
  pool->set_own_bytes(view.own.value());
  pool->set_peak_bytes(view.peak.value());
  pool->set_min_bytes(view.min.value());
  pool->set_low_bytes(view.low.value());
  pool->set_max_bytes(view.max.value());
  pool->set_enforcement(view.is_observed ? v1::ENFORCEMENT_OBSERVE : v1::ENFORCEMENT_ENFORCE);
  pool->set_etag(view.etag);
  pool->set_emin_bytes(view.emin.value());
  pool->set_elow_bytes(view.elow.value());
  pool->set_over_bytes(view.over.value());
  pool->set_refusals(view.refusals);
  pool->set_would_refuse(view.would_refuse);
  pool->set_byte_seconds(view.byte_seconds);
}

void ToProto(const ChargeView& view, v1::Charge* charge) {
  charge->set_charge_id(view.charge_id);
  charge->set_state(StateOf(view));
  ByteCount measured, over_grant;
  for (const ItemView& item : view.items) {
    v1::ChargeItem* added = charge->add_items();
    added->set_cgroup(item.cgroup);
    added->set_region(item.region);
    added->set_bytes(item.bytes.value());
    added->set_reserved(item.is_reserved);
    if (!item.measured.has_value()) continue;
    added->set_measured_bytes(item.measured->value());
    ToProto(item.measured_at_us, added->mutable_measured_at());
    measured = measured.PlusSaturating(*item.measured);
    over_grant = over_grant.PlusSaturating(item.measured->MinusOrZero(item.bytes));
  }
  charge->set_measured_bytes(measured.value());
  charge->set_over_grant_bytes(over_grant.value());
  charge->set_basis(view.basis == Basis::kMeasured ? v1::BASIS_MEASURED : v1::BASIS_BOOKED);
  if (!view.owner_kind.empty() || !view.owner_namespace.empty() || !view.owner_name.empty() ||
      !view.owner_uid.empty() || !view.owner_container.empty()) {
    v1::Owner* owner = charge->mutable_owner();
    owner->set_kind(view.owner_kind);
    owner->set_namespace_(view.owner_namespace);
    owner->set_name(view.owner_name);
    owner->set_uid(view.owner_uid);
    owner->set_container(view.owner_container);
  }
  for (const auto& label : view.labels) (*charge->mutable_labels())[label.first] = label.second;
  charge->set_priority(view.priority);
  charge->set_priority_is_explicit(view.has_priority);
  charge->set_preemptible(view.preemptible);
  ToProto(view.created_at_us, charge->mutable_created_at());
  ToProto(view.granted_at_us, charge->mutable_granted_at());
  charge->set_granted_sequence(view.granted_sequence);
  charge->set_session(view.session);
  if (view.is_reserved) ToProto(view.expires_at_us, charge->mutable_expires_at());
  if (!view.is_releasing) return;
  v1::ReleaseRequest* release = charge->mutable_release();
  ToProto(view.release_requested_at_us, release->mutable_requested_at());
  release->set_requested_by(view.release_requested_by);
  release->set_reason(view.release_reason);
}

void ToProto(const std::vector<CounterRefusal>& refusals,
             google::protobuf::RepeatedPtrField<v1::WouldRefuse>* would_refuse) {
  for (const CounterRefusal& refusal : refusals) {
    v1::WouldRefuse* added = would_refuse->Add();
    added->set_cgroup(refusal.cgroup);
    added->set_region(refusal.region);
    added->set_item(refusal.item);
    added->set_usage_bytes(refusal.usage.value());
    added->set_max_bytes(refusal.max.value());
    added->set_requested_bytes(refusal.requested.value());
    added->set_short_bytes(refusal.short_by.value());
    added->set_largest_grantable_bytes(refusal.largest_grantable.value());
  }
}

void ToProto(int64_t time_us, google::protobuf::Timestamp* time) {
  int64_t seconds = time_us / kMicrosecondsPerSecond;
  int64_t rest = time_us % kMicrosecondsPerSecond;
  if (rest < 0) {  // Before 1970: nanos count forward.
    rest += kMicrosecondsPerSecond;
    --seconds;
  }
  time->set_seconds(seconds);
  time->set_nanos(static_cast<int32_t>(rest * 1000));
}

int64_t ToMicroseconds(const google::protobuf::Duration& duration) {
  return duration.seconds() * kMicrosecondsPerSecond + duration.nanos() / 1000;
}

int64_t ToMicroseconds(const google::protobuf::Timestamp& time) {
  return time.seconds() * kMicrosecondsPerSecond + time.nanos() / 1000;
}

}  // namespace dmem::server
