// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/kept_events.h"

#include <utility>

namespace dmem::client {
namespace {

constexpr uint32_t kPageSize = 1000;

}  // namespace

absl::StatusOr<v1::ListEventsResponse> NewestEvents(
    Session& session, v1::ListEventsRequest request, size_t limit,
    const std::function<bool(const v1::Event&)>& is_wanted) {
  request.set_newest_first(true);
  request.set_page_size(kPageSize);
  v1::ListEventsResponse all;
  for (;;) {
    auto page = session.client().ListEvents(request);
    if (!page.ok()) return page.status();
    all.set_oldest_kept_sequence(page->oldest_kept_sequence());
    all.set_sequence(page->sequence());
    for (v1::Event& event : *page->mutable_events()) {
      if (static_cast<size_t>(all.events_size()) == limit) return all;
      if (is_wanted(event)) *all.add_events() = std::move(event);
    }
    if (page->next_page_token().empty()) return all;
    request.set_page_token(page->next_page_token());
  }
}

void ForEachPlace(
    const v1::Event& event,
    const std::function<void(const std::string& cgroup, const std::string& region)>& visit) {
  static const std::string* const kNone = new std::string;
  switch (event.what_case()) {
    case v1::Event::kChargeGranted:
      for (const v1::ChargeItem& item : event.charge_granted().items())
        visit(item.cgroup(), item.region());
      return;
    case v1::Event::kChargeChanged:
      for (const v1::ItemChange& item : event.charge_changed().items())
        visit(item.cgroup(), item.region());
      return;
    case v1::Event::kRefusal:
      visit(event.refusal().cgroup(), event.refusal().region());
      return visit(event.refusal().counter_cgroup(), event.refusal().counter_region());
    case v1::Event::kLimitsChanged:
      return visit(event.limits_changed().cgroup(), event.limits_changed().region());
    case v1::Event::kOverChanged:
      return visit(event.over_changed().cgroup(), event.over_changed().region());
    case v1::Event::kRegionChanged:
      return visit(*kNone, event.region_changed().region());
    case v1::Event::kRegionStateChanged:
      return visit(*kNone, event.region_state_changed().region());
    case v1::Event::kCgroupChanged:
      return visit(event.cgroup_changed().cgroup(), *kNone);
    case v1::Event::kUnattributedChanged:
      return visit(*kNone, event.unattributed_changed().region());
    case v1::Event::kOverGrantChanged:
      return visit(event.over_grant_changed().cgroup(), event.over_grant_changed().region());
    default:
      return;
  }
}

const std::string& ChargeIdOf(const v1::Event& event) {
  static const std::string* const kNone = new std::string;
  switch (event.what_case()) {
    case v1::Event::kChargeGranted:
      return event.charge_granted().charge_id();
    case v1::Event::kChargeChanged:
      return event.charge_changed().charge_id();
    case v1::Event::kRefusal:
      return event.refusal().charge_id();
    case v1::Event::kReservationRenewed:
      return event.reservation_renewed().charge_id();
    case v1::Event::kReleaseRequested:
      return event.release_requested().charge_id();
    case v1::Event::kOverGrantChanged:
      return event.over_grant_changed().charge_id();
    default:
      return *kNone;
  }
}

}  // namespace dmem::client
