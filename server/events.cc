// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/events.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/cgroup_path.h"
#include "server/convert.h"

namespace dmem::server {

namespace {

using store::v1::Entry;

void SetGranted(const Entry& entry, v1::Event* event) {
  const v1::ChargeRequest& request = entry.charge();
  event->set_kind(v1::EVENT_KIND_CHARGED);
  v1::ChargeGranted* granted = event->mutable_charge_granted();
  granted->set_charge_id(request.charge_id().empty() ? entry.generated_charge_id()
                                                     : request.charge_id());
  *granted->mutable_items() = request.items();
  if (request.has_owner()) *granted->mutable_owner() = request.owner();
  *granted->mutable_labels() = request.labels();
  granted->set_forced(request.mode() == v1::CHARGE_MODE_FORCE);
  granted->set_reserved(request.has_ttl());
}

void SetMeasured(const v1::ReportMeasuredRequest& request, const store::v1::Effects& effects,
                 v1::Event* event) {
  event->set_kind(v1::EVENT_KIND_MEASURED);
  const int items = std::min(request.items_size(), effects.measured_before_plus_1_size());
  for (int i = 0; i < items; ++i) {
    const uint64_t before_plus_1 = effects.measured_before_plus_1(i);
    if (before_plus_1 == 0) continue;
    v1::ItemMeasured* item = event->mutable_measured()->add_items();
    item->set_charge_id(request.items(i).charge_id());
    item->set_cgroup(request.items(i).cgroup());
    item->set_region(request.items(i).region());
    item->set_before_bytes(before_plus_1 - 1);
    item->set_after_bytes(request.items(i).measured_bytes());
  }
}

// What the request says of a refusal.
void CompleteRefusal(const Entry& entry, v1::Refusal* refusal) {
  if (entry.code() != 0) refusal->set_reason(entry.reason());
  const int item = static_cast<int>(refusal->item());
  if (entry.has_charge() && item < entry.charge().items_size()) {
    refusal->set_charge_id(entry.charge().charge_id().empty() ? entry.generated_charge_id()
                                                              : entry.charge().charge_id());
    refusal->set_cgroup(entry.charge().items(item).cgroup());
    refusal->set_region(entry.charge().items(item).region());
    refusal->set_bytes(entry.charge().items(item).bytes());
  } else if (entry.has_resize() && item < entry.resize().items_size()) {
    refusal->set_charge_id(entry.resize().items(item).charge_id());
    refusal->set_cgroup(entry.resize().items(item).cgroup());
    refusal->set_region(entry.resize().items(item).region());
    refusal->set_bytes(entry.resize().items(item).bytes());
  } else if (entry.has_commit() && item < entry.commit().placements_size()) {
    refusal->set_charge_id(entry.commit().charge_id());
    refusal->set_cgroup(entry.commit().placements(item).cgroup());
    refusal->set_region(entry.commit().placements(item).region());
    refusal->set_bytes(entry.commit().placements(item).bytes());
  }
}

// Calls `visit` with each cgroup, region and charge id that an event names; empty ones too.
template <typename Visit>
void ForEachName(const v1::Event& event, const Visit& visit) {
  switch (event.what_case()) {
    case v1::Event::kChargeGranted:
      for (const v1::ChargeItem& item : event.charge_granted().items())
        visit(item.cgroup(), item.region(), event.charge_granted().charge_id());
      return;
    case v1::Event::kChargeChanged:
      visit("", "", event.charge_changed().charge_id());
      for (const v1::ItemChange& item : event.charge_changed().items())
        visit(item.cgroup(), item.region(), event.charge_changed().charge_id());
      return;
    case v1::Event::kRefusal:
      visit(event.refusal().cgroup(), event.refusal().region(), event.refusal().charge_id());
      visit(event.refusal().counter_cgroup(), event.refusal().counter_region(), "");
      return;
    case v1::Event::kLimitsChanged:
      return visit(event.limits_changed().cgroup(), event.limits_changed().region(), "");
    case v1::Event::kOverChanged:
      return visit(event.over_changed().cgroup(), event.over_changed().region(), "");
    case v1::Event::kRegionChanged:
      return visit("", event.region_changed().region(), "");
    case v1::Event::kRegionStateChanged:
      return visit("", event.region_state_changed().region(), "");
    case v1::Event::kReservationRenewed:
      visit("", "", event.reservation_renewed().charge_id());
      for (const v1::ChargeItem& item : event.reservation_renewed().items())
        visit(item.cgroup(), item.region(), event.reservation_renewed().charge_id());
      return;
    case v1::Event::kReleaseRequested:
      visit("", "", event.release_requested().charge_id());
      for (const v1::ChargeItem& item : event.release_requested().items())
        visit(item.cgroup(), item.region(), event.release_requested().charge_id());
      return;
    case v1::Event::kCgroupChanged:
      return visit(event.cgroup_changed().cgroup(), "", "");
    case v1::Event::kUnattributedChanged:
      return visit("", event.unattributed_changed().region(), "");
    case v1::Event::kOverGrantChanged:
      return visit(event.over_grant_changed().cgroup(), event.over_grant_changed().region(),
                   event.over_grant_changed().charge_id());
    case v1::Event::kMeasured:
      for (const v1::ItemMeasured& item : event.measured().items())
        visit(item.cgroup(), item.region(), item.charge_id());
      return;
    case v1::Event::kSessionChanged:
    case v1::Event::kNodeReadinessChanged:
    case v1::Event::kReconcileEnded:
    case v1::Event::kOmitted:
    case v1::Event::WHAT_NOT_SET:
      return;
  }
}

}  // namespace

absl::string_view WithoutId(absl::string_view region) { return region.substr(0, region.find('@')); }

absl::Status AppendEvents(const Entry& entry, std::vector<v1::Event>* events) {
  store::v1::Effects effects;
  if (!effects.ParseFromString(entry.effects())) {
    return absl::DataLossError(absl::StrCat("the effects of the command of sequence ",
                                            entry.sequence(), " cannot be parsed"));
  }
  uint32_t index = 0;
  const auto append = [&](v1::Event event) {
    event.set_sequence(entry.sequence());
    event.set_index(index++);
    ToProto(entry.time_us(), event.mutable_time());
    event.set_actor(entry.actor());
    events->push_back(std::move(event));
  };
  if (entry.has_charge() && entry.code() == 0) {
    v1::Event granted;
    SetGranted(entry, &granted);
    append(std::move(granted));
  }
  if (entry.has_report_measured()) {
    v1::Event measured;
    SetMeasured(entry.report_measured(), effects, &measured);
    if (measured.measured().items_size() > 0) append(std::move(measured));
  }
  for (v1::Event& event : *effects.mutable_events()) {
    if (event.has_refusal()) CompleteRefusal(entry, event.mutable_refusal());
    append(std::move(event));
  }
  return absl::OkStatus();
}

EventMatcher::EventMatcher(const v1::EventFilter& filter, const State& state) : filter_(filter) {
  kinds_.insert(filter.kinds().begin(), filter.kinds().end());
  if (filter.region().empty()) return;
  regions_.insert(std::string(WithoutId(filter.region())));
  const Index top = state.FindRegion(filter.region());
  if (top == kNone || !state.regions[top].is_group) return;
  for (Index i = state.scalars.first_region; i != kNone; i = state.regions[i].next) {
    for (Index up = i; up != kNone; up = state.regions[up].parent) {
      if (up == top) regions_.emplace(state.regions[i].name.view());
    }
  }
}

bool EventMatcher::IsWanted(absl::string_view cgroup) const {
  return !cgroup.empty() && IsPathAtOrBelow(cgroup, filter_.cgroup());
}

bool EventMatcher::IsWantedRegion(absl::string_view region) const {
  return regions_.find(std::string(WithoutId(region))) != regions_.end();
}

void EventMatcher::FollowMember(const v1::Event& event) {
  const v1::RegionChanged& change = event.region_changed();
  if (regions_.empty() || !change.has_after() || change.region() == filter_.region()) return;
  if (IsWantedRegion(change.after().parent())) {
    regions_.insert(change.region());
  } else {
    regions_.erase(change.region());
  }
}

bool EventMatcher::Matches(const v1::Event& event) {
  if (event.has_omitted()) return true;
  bool was_in_region = true;
  if (event.has_region_changed()) {
    was_in_region = regions_.empty() || IsWantedRegion(event.region_changed().region());
    FollowMember(event);
  }
  const bool is_named = kinds_.count(event.kind()) > 0;
  if (!is_named && (!kinds_.empty() || event.has_measured())) return false;
  const bool any_region = regions_.empty() || (event.has_region_changed() && was_in_region);
  bool has_place = filter_.cgroup().empty() && any_region;
  bool has_charge = filter_.charge_id().empty();
  ForEachName(event, [&](absl::string_view cgroup, absl::string_view region, absl::string_view id) {
    has_place = has_place || ((filter_.cgroup().empty() || IsWanted(cgroup)) &&
                              (any_region || IsWantedRegion(region)));
    has_charge = has_charge || id == filter_.charge_id();
  });
  return has_place && has_charge;
}

}  // namespace dmem::server
