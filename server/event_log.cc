// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/event_log.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "dmem/store/v1/record.pb.h"
#include "server/errors.h"
#include "server/events.h"

namespace dmem::server {

namespace {

absl::Status Unparsable(uint64_t sequence) {
  return absl::DataLossError(
      absl::StrCat("the kept record at sequence ", sequence, " cannot be parsed"));
}

}  // namespace

absl::Status EventLog::ReadErrorOf(const absl::Status& read, uint64_t sequence) const {
  if (!absl::IsOutOfRange(read)) return read;
  const absl::StatusOr<uint64_t> oldest = OldestSequence();
  return oldest.ok() ? EventsTooOld(sequence, *oldest) : oldest.status();
}

absl::StatusOr<EventPlace> EventLog::Read(
    EventPlace from, uint64_t to, size_t record_bytes_max,
    const std::function<bool(v1::Event&& event)>& visit) const {
  EventPlace next = from;
  size_t bytes = 0;
  absl::Status error;
  std::vector<v1::Event> events;
  const auto read_entry = [&](const store::v1::Entry& entry) {
    if (entry.sequence() < next.sequence) return true;
    if (entry.sequence() > to) return false;
    events.clear();
    error = AppendEvents(entry, &events);
    if (!error.ok()) return false;
    for (v1::Event& event : events) {
      if (event.sequence() == next.sequence && event.index() < next.index) continue;
      const EventPlace place = {event.sequence(), event.index()};
      if (!visit(std::move(event))) {
        next = place;
        return false;
      }
    }
    next = {entry.sequence() + 1, 0};
    return true;
  };
  const absl::Status read =
      store_->Read(from.sequence, to, [&](SequenceRange range, absl::string_view record) {
        store::v1::Record parsed;
        if (!parsed.ParseFromArray(record.data(), static_cast<int>(record.size()))) {
          error = Unparsable(range.first);
          return false;
        }
        for (const store::v1::Entry& entry : parsed.entries()) {
          if (!read_entry(entry)) return false;
        }
        bytes += record.size();
        return bytes < record_bytes_max;
      });
  if (!read.ok()) return ReadErrorOf(read, from.sequence);
  if (!error.ok()) return error;
  return next;
}

absl::StatusOr<uint64_t> EventLog::OldestSequence() const {
  const absl::StatusOr<KeptRecords> kept = store_->Kept();
  if (!kept.ok()) return kept.status();
  return std::max<uint64_t>(kept->oldest_sequence, 1);
}

absl::StatusOr<int64_t> EventLog::TimeOf(uint64_t sequence) const {
  absl::StatusOr<int64_t> time_us = Unparsable(sequence);
  const absl::Status read =
      store_->Read(sequence, sequence, [&](SequenceRange, absl::string_view record) {
        store::v1::Record parsed;
        if (!parsed.ParseFromArray(record.data(), static_cast<int>(record.size()))) return false;
        for (const store::v1::Entry& entry : parsed.entries()) {
          if (entry.sequence() == sequence) time_us = entry.time_us();
        }
        return false;
      });
  if (!read.ok()) return ReadErrorOf(read, sequence);
  return time_us;
}

absl::StatusOr<uint64_t> EventLog::SequenceAt(int64_t time_us, uint64_t committed) const {
  absl::StatusOr<uint64_t> low = OldestSequence();
  if (!low.ok()) return low;
  uint64_t high = committed + 1;  // Times never go back: those from here on are late enough.
  while (*low < high) {
    const uint64_t middle = *low + (high - *low) / 2;
    const absl::StatusOr<int64_t> time = TimeOf(middle);
    if (!time.ok()) return time.status();
    if (*time < time_us) {
      *low = middle + 1;
    } else {
      high = middle;
    }
  }
  return high;
}

}  // namespace dmem::server
