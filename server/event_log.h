// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// EventLog: the kept records as one list of events.

#ifndef SERVER_EVENT_LOG_H_
#define SERVER_EVENT_LOG_H_

#include <cstddef>
#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dmem/v1/events.pb.h"
#include "server/store/store.h"

namespace dmem::server {

// Where an event stands.
struct EventPlace {
  uint64_t sequence = 0;
  uint32_t index = 0;
};

// Reads committed events, and nothing that a crash could take back: callers say up to where it is
// committed. Never in the writer's way.
//
// Thread-safe.
class EventLog {
 public:
  explicit EventLog(Store* store) : store_(store) {}

  // Shows `visit` the events from `from` up to the end of sequence `to`, until it returns false
  // (the event is then not counted as read) or about `record_bytes_max` bytes of records were read.
  // Returns the place of the first event that was not read; {to + 1, 0} after the last.
  // Errors: OUT_OF_RANGE EVENTS_TOO_OLD · DATA_LOSS: a record in this range is damaged ·
  // UNAVAILABLE.
  absl::StatusOr<EventPlace> Read(EventPlace from, uint64_t to, size_t record_bytes_max,
                                  const std::function<bool(v1::Event&& event)>& visit) const;

  // The first kept sequence; 1 if nothing was ever recorded.
  absl::StatusOr<uint64_t> OldestSequence() const;

  // The first kept sequence up to `committed` whose time is not before `time_us`; committed + 1 if
  // there is none. Errors: as for Read.
  absl::StatusOr<uint64_t> SequenceAt(int64_t time_us, uint64_t committed) const;

  // The time of a kept sequence, in microseconds. Errors: as for Read.
  absl::StatusOr<int64_t> TimeOf(uint64_t sequence) const;

 private:
  // What the store's error comes to, of a read from `sequence` on.
  absl::Status ReadErrorOf(const absl::Status& read, uint64_t sequence) const;

  Store* const store_;
};

}  // namespace dmem::server

#endif  // SERVER_EVENT_LOG_H_
