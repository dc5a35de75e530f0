// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Past: what was before a state, event by event.

#ifndef SERVER_PAST_H_
#define SERVER_PAST_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/errors.h"
#include "core/state.h"
#include "dmem/v1/events.pb.h"
#include "server/event_log.h"
#include "server/past_charges.h"
#include "server/past_events.h"
#include "server/past_regions.h"

namespace dmem::server {

// Begins at a state and goes back through the kept events, with which regions there were, whose
// charges were, and how much is missing in the records.
//
// Thread-compatible.
class Past {
 public:
  // Both must outlive it. `ended`: what charges() is to know of charges that have ended since.
  Past(const EventLog* log, const State& state, EndedFacts ended)
      : events_(log, state.scalars.sequence), regions_(state), charges_(state, ended) {}

  // As PastEvents::DownTo.
  absl::Status DownTo(int64_t time_us) { return events_.DownTo(time_us); }

  // As PastEvents::Step. `visit` finds regions() as they were before the event, and charges() as
  // they were after it.
  template <typename Visit>
  absl::StatusOr<bool> Step(const Visit& visit) {
    return events_.Step([&](const v1::Event& event) {
      charges_.BeforeUndo(event);
      if (event.has_region_changed()) regions_.Undo(event.region_changed());
      if (event.has_charge_changed()) omitted_items_ += event.charge_changed().omitted_items();
      if (event.has_omitted()) omitted_items_ += event.omitted().events();
      visit(event);
      charges_.AfterUndo(event);
    });
  }

  // Errors: RESOURCE_EXHAUSTED TOO_MANY: more charges have ended since than are remembered.
  absl::Status CheckBounds() const {
    return charges_.size() > kEndedMax ? TooMany("charges held since then", kEndedMax)
                                       : absl::OkStatus();
  }

  const PastRegions& regions() const { return regions_; }
  const PastCharges& charges() const { return charges_; }
  // So far.
  uint64_t omitted_items() const { return omitted_items_; }

 private:
  static constexpr size_t kEndedMax = 4000000;

  PastEvents events_;
  PastRegions regions_;
  PastCharges charges_;
  uint64_t omitted_items_ = 0;
};

}  // namespace dmem::server

#endif  // SERVER_PAST_H_
