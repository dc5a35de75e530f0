// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Events, from the entries of kept records.

#ifndef SERVER_EVENTS_H_
#define SERVER_EVENTS_H_

#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/state.h"
#include "dmem/store/v1/record.pb.h"
#include "dmem/v1/events.pb.h"

namespace dmem::server {

// Appends the events of an entry, in order: whole, with their places.
// Errors: DATA_LOSS: its effects cannot be parsed; nothing is appended.
absl::Status AppendEvents(const store::v1::Entry& entry, std::vector<v1::Event>* events);

// "NAME" of "NAME@ID", as events name regions that are GONE.
absl::string_view WithoutId(absl::string_view region);

// Whether events pass a filter. Events are shown to it in order of their places, as the members of
// a group change with them.
//
// Thread-compatible.
class EventMatcher {
 public:
  // `state` says what is below a group now. REQUIRES: Validate(filter) is OK.
  EventMatcher(const v1::EventFilter& filter, const State& state);

  bool Matches(const v1::Event& event);

 private:
  bool IsWanted(absl::string_view cgroup) const;
  bool IsWantedRegion(absl::string_view region) const;
  void FollowMember(const v1::Event& event);

  const v1::EventFilter filter_;
  std::set<int> kinds_;
  std::set<std::string, std::less<>> regions_;  // The region or group, and all below it.
};

}  // namespace dmem::server

#endif  // SERVER_EVENTS_H_
