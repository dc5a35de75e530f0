// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/effects.h"

#include <utility>

#include "core/details.h"
#include "core/views.h"
#include "dmem/store/v1/record.pb.h"
#include "dmem/v1/events.pb.h"
#include "google/protobuf/io/coded_stream.h"
#include "server/convert.h"

namespace dmem::server {

namespace {

using google::protobuf::io::CodedOutputStream;

// Of the EventsOmitted that ends what did not fit.
constexpr size_t kOmittedBytes = 32;
// Length-delimited, field Effects.events.
constexpr char kEventTag = static_cast<char>((store::v1::Effects::kEventsFieldNumber << 3) | 2);

// Length-delimited, packed, field Effects.measured_before_plus_1.
constexpr char kMeasuredTag =
    static_cast<char>((store::v1::Effects::kMeasuredBeforePlus1FieldNumber << 3) | 2);

std::string Copy(absl::string_view text) { return std::string(text.data(), text.size()); }

v1::EventKind KindOf(Cause cause) {
  switch (cause) {
    case Cause::kUnspecified:
      break;
    case Cause::kCharge:
      return v1::EVENT_KIND_CHARGED;
    case Cause::kUncharge:
      return v1::EVENT_KIND_UNCHARGED;
    case Cause::kResize:
      return v1::EVENT_KIND_RESIZED;
    case Cause::kNewerIncarnation:
    case Cause::kUnregister:
    case Cause::kFence:
      return v1::EVENT_KIND_ITEMS_DROPPED;
    case Cause::kReconcile:
      return v1::EVENT_KIND_RECONCILED;
    case Cause::kExpiry:
      return v1::EVENT_KIND_EXPIRED;
    case Cause::kCancel:
      return v1::EVENT_KIND_CANCELLED;
    case Cause::kCommit:
      return v1::EVENT_KIND_COMMITTED;
    case Cause::kMove:
      return v1::EVENT_KIND_MOVED;
  }
  return v1::EVENT_KIND_UNSPECIFIED;
}

v1::Enforcement EnforcementOf(bool observed) {
  return observed ? v1::ENFORCEMENT_OBSERVE : v1::ENFORCEMENT_ENFORCE;
}

void SetRefusal(const CounterRefusal& from, v1::Refusal* to) {
  to->set_counter_cgroup(from.cgroup);
  to->set_counter_region(from.region);
  to->set_item(from.item);
  to->set_usage_bytes(from.usage.value());
  to->set_max_bytes(from.max.value());
  to->set_requested_bytes(from.requested.value());
  to->set_short_bytes(from.short_by.value());
  to->set_largest_grantable_bytes(from.largest_grantable.value());
  to->set_grantable_bytes(from.grantable.value());
  to->set_unattributed_bytes(from.unattributed.value());
}

void SetLimits(const Limits& from, v1::Limits* to) {
  to->set_min_bytes(from.min.value());
  to->set_low_bytes(from.low.value());
  to->set_max_bytes(from.max.value());
  to->set_enforcement(EnforcementOf(from.observed));
}

void SetNumbers(const RegionNumbers& from, v1::RegionNumbers* to) {
  to->set_capacity_bytes(from.capacity.value());
  to->set_reserved_bytes(from.reserved.value());
  to->set_grantable_bytes(from.grantable.value());
  to->set_incarnation(from.incarnation);
  to->set_parent(from.parent);
}

// A change as an event. `event` is empty.
struct Converter {
  const Changes& changes;
  v1::Event* event;

  void operator()(const ChargeChanged& change) const {
    event->set_kind(KindOf(change.cause));
    v1::ChargeChanged* to = event->mutable_charge_changed();
    to->set_charge_id(Copy(changes.Text(change.charge_id)));
    to->set_cause(static_cast<v1::ChangeCause>(change.cause));
    for (const ItemChange& item : changes.items(change)) SetItem(item, to->add_items());
    to->set_ended(change.ended);
    ToProto(change.granted_at_us, to->mutable_granted_at());
    to->set_granted_sequence(change.granted_sequence);
    if (change.details.size > 0) SetDetails(changes.Text(change.details), to);
  }
  void SetItem(const ItemChange& from, v1::ItemChange* to) const {
    to->set_kind(static_cast<v1::ItemChangeKind>(from.what));
    to->set_cgroup(Copy(changes.Text(from.cgroup)));
    to->set_dying_cgroup_id(from.dying_id);
    to->set_region(Copy(changes.Text(from.region)));
    to->set_before_bytes(from.before.value());
    to->set_after_bytes(from.after.value());
    to->set_reserved(from.is_reserved);
    to->set_reserved_before(from.was_reserved);
    if (from.measured_before != from.measured_after) {
      to->set_measured_before_bytes(from.measured_before.value());
      to->set_measured_after_bytes(from.measured_after.value());
    }
    if (from.what != ItemChange::What::kRemoved) return;
    to->set_booked_byte_seconds(FormatByteSeconds(from.booked_byte_us));
    if (from.measured_byte_us != 0)
      to->set_measured_byte_seconds(FormatByteSeconds(from.measured_byte_us));
  }
  static void SetDetails(absl::string_view encoded, v1::ChargeChanged* to) {
    const ChargeDetails details = DecodeChargeDetails(encoded);
    v1::Owner* owner = to->mutable_owner();
    owner->set_kind(Copy(details.owner_kind));
    owner->set_namespace_(Copy(details.owner_namespace));
    owner->set_name(Copy(details.owner_name));
    owner->set_uid(Copy(details.owner_uid));
    owner->set_container(Copy(details.owner_container));
    for (const auto& [key, value] : details.labels)
      (*to->mutable_labels())[Copy(key)] = Copy(value);
  }
  void operator()(const ChargeRefused& change) const {
    event->set_kind(v1::EVENT_KIND_REFUSED);
    SetRefusal(change.refusal, event->mutable_refusal());
  }
  void operator()(const WouldRefuse& change) const {
    event->set_kind(v1::EVENT_KIND_WOULD_REFUSE);
    SetRefusal(change.refusal, event->mutable_refusal());
  }
  void operator()(const LimitsChanged& change) const {
    event->set_kind(v1::EVENT_KIND_LIMITS_CHANGED);
    v1::LimitsChanged* to = event->mutable_limits_changed();
    to->set_cgroup(change.cgroup);
    to->set_dying_cgroup_id(change.dying_id);
    to->set_region(change.region);
    SetLimits(change.before, to->mutable_before());
    SetLimits(change.after, to->mutable_after());
  }
  void operator()(const OverChanged& change) const {
    event->set_kind(change.entered ? v1::EVENT_KIND_OVER_ENTERED : v1::EVENT_KIND_OVER_LEFT);
    v1::OverChanged* to = event->mutable_over_changed();
    to->set_cgroup(change.cgroup);
    to->set_dying_cgroup_id(change.dying_id);
    to->set_region(change.region);
    to->set_entered(change.entered);
    to->set_enforcement(EnforcementOf(change.observed));
    to->set_usage_bytes(change.usage.value());
    to->set_max_bytes(change.max.value());
  }
  void operator()(const RegionChanged& change) const {
    event->set_kind(v1::EVENT_KIND_REGION_CHANGED);
    v1::RegionChanged* to = event->mutable_region_changed();
    to->set_kind(static_cast<v1::RegionChangeKind>(change.what));
    to->set_region(change.region);
    to->set_id(change.id);
    to->set_is_group(change.is_group);
    const bool is_update = change.what == RegionChanged::What::kUpdated;
    if (is_update || change.what == RegionChanged::What::kRemoved)
      SetNumbers(change.before, to->mutable_before());
    if (is_update || change.what == RegionChanged::What::kRegistered)
      SetNumbers(change.after, to->mutable_after());
  }
  void operator()(const RegionStateChanged& change) const {
    event->set_kind(v1::EVENT_KIND_REGION_STATE);
    v1::RegionStateChanged* to = event->mutable_region_state_changed();
    to->set_region(change.region);
    to->set_from(change.from);
    to->set_to(change.to);
    to->set_why(change.why);
    to->set_counts_in_groups(change.counts_in_groups);
  }
  void operator()(const SessionChanged& change) const {
    event->set_kind(v1::EVENT_KIND_SESSION);
    v1::SessionChanged* to = event->mutable_session_changed();
    to->set_kind(static_cast<v1::SessionChangeKind>(change.what));
    to->set_session(change.id);
    to->set_owner(change.owner);
    to->set_node(change.node);
    to->set_incarnation(change.incarnation);
    to->set_why(change.why);
  }
  void operator()(const NodeReadinessChanged& change) const {
    event->set_kind(v1::EVENT_KIND_NODE);
    v1::NodeReadinessChanged* to = event->mutable_node_readiness_changed();
    to->set_node(change.node);
    to->set_not_ready(change.not_ready);
    to->set_why(change.why);
  }
  void operator()(const ReservationRenewed& change) const {
    event->set_kind(v1::EVENT_KIND_RESERVATION_RENEWED);
    v1::ReservationRenewed* to = event->mutable_reservation_renewed();
    to->set_charge_id(change.charge_id);
    for (const ItemPlace& item : change.items) SetPlace(item, to->add_items());
  }
  void operator()(const ReleaseRequested& change) const {
    event->set_kind(v1::EVENT_KIND_RELEASE_REQUESTED);
    v1::ReleaseRequested* to = event->mutable_release_requested();
    to->set_charge_id(change.charge_id);
    to->set_requested_by(change.by);
    to->set_why(change.why);
    for (const ItemPlace& item : change.items) SetPlace(item, to->add_items());
  }
  static void SetPlace(const ItemPlace& from, v1::ChargeItem* to) {
    to->set_cgroup(from.cgroup);
    to->set_region(from.region);
    to->set_bytes(from.bytes.value());
    to->set_reserved(from.is_reserved);
  }
  void operator()(const ReconcileEnded& change) const {
    event->set_kind(v1::EVENT_KIND_RECONCILED);
    v1::ReconcileEnded* to = event->mutable_reconcile_ended();
    to->set_session(change.session);
    to->set_node(change.node);
    to->set_as_of(change.as_of);
    to->set_listed_items(change.listed);
    to->set_recorded_items(change.recorded);
    to->set_released_items(change.released);
    to->set_resized_items(change.resized);
    to->set_differing_items(change.differing);
  }
  void operator()(const CgroupChanged& change) const {
    event->set_kind(v1::EVENT_KIND_CGROUP_CHANGED);
    v1::CgroupChanged* to = event->mutable_cgroup_changed();
    to->set_kind(static_cast<v1::CgroupChangeKind>(change.what));
    to->set_id(change.id);
    to->set_cgroup(change.path);
    to->set_implicit(change.implicit);
    to->set_priority(change.priority);
  }
  void operator()(const UnattributedChanged& change) const {
    event->set_kind(v1::EVENT_KIND_UNATTRIBUTED);
    v1::UnattributedChanged* to = event->mutable_unattributed_changed();
    to->set_region(change.region);
    to->set_entered(change.entered);
    to->set_bytes(change.bytes.value());
  }
  void operator()(const OverGrantChanged& change) const {
    event->set_kind(v1::EVENT_KIND_OVER_GRANT);
    v1::OverGrantChanged* to = event->mutable_over_grant_changed();
    to->set_charge_id(change.charge_id);
    to->set_cgroup(change.cgroup);
    to->set_region(change.region);
    to->set_entered(change.entered);
    to->set_booked_bytes(change.booked.value());
    to->set_measured_bytes(change.measured.value());
  }
};

template <typename What>
bool OmitItemsOf(What* what) {
  what->set_omitted_items(static_cast<uint64_t>(what->items_size()));
  what->clear_items();
  return true;
}

// Leaves that it happened, without its items; false: it has none.
bool OmitItems(v1::Event* event) {
  if (event->has_charge_changed()) return OmitItemsOf(event->mutable_charge_changed());
  if (event->has_release_requested()) return OmitItemsOf(event->mutable_release_requested());
  if (event->has_reservation_renewed()) return OmitItemsOf(event->mutable_reservation_renewed());
  return false;
}

// Appends it if it takes at most `bytes_max`.
bool Append(const v1::Event& event, size_t bytes_max, std::string* out) {
  const size_t bytes = event.ByteSizeLong();
  const size_t head = 1 + CodedOutputStream::VarintSize32(static_cast<uint32_t>(bytes));
  if (head + bytes > bytes_max) return false;
  const size_t begin = out->size();
  out->resize(begin + head + bytes);
  uint8_t* to = reinterpret_cast<uint8_t*>(&(*out)[begin]);
  *to++ = static_cast<uint8_t>(kEventTag);
  to = CodedOutputStream::WriteVarint32ToArray(static_cast<uint32_t>(bytes), to);
  event.SerializeWithCachedSizesToArray(to);
  return true;
}

// Packed: some 10 KiB at most. Appends it if it takes at most `bytes_max`.
bool AppendMeasured(absl::Span<const uint64_t> before_plus_1, size_t bytes_max, std::string* out) {
  size_t bytes = 0;
  for (const uint64_t value : before_plus_1) bytes += CodedOutputStream::VarintSize64(value);
  const size_t head = 1 + CodedOutputStream::VarintSize32(static_cast<uint32_t>(bytes));
  if (head + bytes > bytes_max) return false;
  const size_t begin = out->size();
  out->resize(begin + head + bytes);
  uint8_t* to = reinterpret_cast<uint8_t*>(&(*out)[begin]);
  *to++ = static_cast<uint8_t>(kMeasuredTag);
  to = CodedOutputStream::WriteVarint32ToArray(static_cast<uint32_t>(bytes), to);
  for (const uint64_t value : before_plus_1)
    to = CodedOutputStream::WriteVarint64ToArray(value, to);
  return true;
}

}  // namespace

uint64_t EffectsEncoder::Encode(const Changes& changes, size_t bytes_max, std::string* out) {
  const size_t begin = out->size();
  uint64_t omitted = 0;
  if (!changes.measured_before_plus_1().empty() &&
      !AppendMeasured(changes.measured_before_plus_1(), bytes_max - kOmittedBytes, out))
    ++omitted;
  for (const Change& change : changes.all()) {
    const size_t used = out->size() - begin + kOmittedBytes;
    const size_t room = used < bytes_max ? bytes_max - used : 0;
    event_->Clear();
    absl::visit(Converter{changes, event_.get()}, change);
    if (omitted == 0 && Append(*event_, room, out)) continue;
    if (omitted == 0 && OmitItems(event_.get()) && Append(*event_, room, out)) continue;
    ++omitted;
  }
  if (omitted == 0) return 0;
  event_->Clear();
  event_->set_kind(v1::EVENT_KIND_OMITTED);
  event_->mutable_omitted()->set_events(omitted);
  Append(*event_, kOmittedBytes, out);
  return omitted;
}

EffectsEncoder::EffectsEncoder() : event_(std::make_unique<v1::Event>()) {}
EffectsEncoder::~EffectsEncoder() = default;

}  // namespace dmem::server
