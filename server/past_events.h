// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// PastEvents: kept events, newest first, for what goes back from the present state.

#ifndef SERVER_PAST_EVENTS_H_
#define SERVER_PAST_EVENTS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "dmem/v1/events.pb.h"
#include "server/event_log.h"

namespace dmem::server {

// Thread-compatible.
class PastEvents {
 public:
  // How many items a step has at most, unless one command has more. Events count as items.
  static constexpr size_t kStepItemsMax = 16000;

  // `log` must outlive it. `last`: the newest sequence, committed.
  PastEvents(const EventLog* log, uint64_t last) : log_(log), high_(last) {}

  // Down to the first event after `time_us`. To be called first. Errors: OUT_OF_RANGE TIME_TOO_OLD:
  // not all of them are kept, or may not be · those of EventLog.
  absl::Status DownTo(int64_t time_us);

  // Shows `visit` the next events: kStepItemsMax items at most, or those of one command.
  // Returns whether these were the last. Errors: those of EventLog::Read.
  absl::StatusOr<bool> Step(const std::function<void(const v1::Event& event)>& visit);

 private:
  // Reads the events of these sequences, and says how many items they have; fewer events once that
  // is more than one step may have, unless it is only one sequence.
  absl::StatusOr<size_t> ReadAll(uint64_t low, uint64_t high, std::vector<v1::Event>* events) const;

  const EventLog* const log_;
  uint64_t first_ = 1;
  uint64_t high_;  // The newest sequence not shown yet.
  uint64_t window_ = 16;
};

// A page of an answer about the past: of which time it is, from which entry on. So all pages are of
// one time, though the first was asked for without.
struct PastPage {
  int64_t time_us = 0;
  uint64_t first = 0;
};

// `listing` names the listing and its filters. The empty token is of `now_us`.
// Errors: INVALID_ARGUMENT as for ParsePageToken.
absl::StatusOr<PastPage> ParsePastToken(absl::string_view listing, absl::string_view token,
                                        int64_t now_us);
std::string MakePastToken(absl::string_view listing, const PastPage& page);

}  // namespace dmem::server

#endif  // SERVER_PAST_EVENTS_H_
