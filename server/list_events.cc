// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/list_events.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/convert.h"
#include "server/events.h"
#include "server/page_token.h"

namespace dmem::server {

namespace {

constexpr int kPageSizeDefault = 100;
constexpr size_t kPageBytes = 2 << 20;
// What is read at most for one page, so that a filter that passes little does not hold a reader.
constexpr size_t kReadBytes = 16 << 20;
constexpr uint64_t kWindow = 200;  // Sequences read at once, newest first.
constexpr uint64_t kWindowsMax = 100;
constexpr int kIndexBits = 20;

uint64_t CursorOf(EventPlace place) { return place.sequence << kIndexBits | place.index; }
EventPlace PlaceOf(uint64_t cursor) {
  return {cursor >> kIndexBits, static_cast<uint32_t>(cursor & ((1 << kIndexBits) - 1))};
}

// A page under construction.
struct Page {
  const v1::ListEventsRequest& request;
  v1::ListEventsResponse* response;
  EventMatcher matcher;
  size_t bytes = 0;

  bool IsFull() const {
    const int size =
        request.page_size() == 0 ? kPageSizeDefault : static_cast<int>(request.page_size());
    return response->events_size() >= size || bytes >= kPageBytes;
  }
  void Add(v1::Event&& event) {
    bytes += event.ByteSizeLong();
    *response->add_events() = std::move(event);
  }
};

// What a token is tied to.
std::string ListingOf(v1::ListEventsRequest request) {
  request.clear_page_token();
  request.clear_page_size();
  return absl::StrCat("events ", request.SerializeAsString());
}

// From `from` to the end of `to`. Returns where to go on, {0, 0} at the end.
absl::StatusOr<EventPlace> OldestFirst(const EventLog& log, EventPlace from, uint64_t to,
                                       Page* page) {
  if (from.sequence > to) return EventPlace();
  absl::StatusOr<EventPlace> next = log.Read(from, to, kReadBytes, [page](v1::Event&& event) {
    if (page->IsFull()) return false;
    if (page->matcher.Matches(event)) page->Add(std::move(event));
    return true;
  });
  if (!next.ok() || next->sequence <= to) return next;
  return EventPlace();
}

// Down from before `before` to the beginning of `first`. Returns before what to go on, {0, 0} at
// the end.
absl::StatusOr<EventPlace> NewestFirst(const EventLog& log, uint64_t first, EventPlace before,
                                       Page* page) {
  for (uint64_t windows = 0; before.sequence > first || before.index > 0; ++windows) {
    if (windows == kWindowsMax) return before;
    const uint64_t high = before.index > 0 ? before.sequence : before.sequence - 1;
    const uint64_t low = std::max(first, high - std::min(high, kWindow - 1));
    std::vector<v1::Event> events;
    EventPlace next = {low, 0};
    while (next.sequence <= high) {
      const EventPlace from = next;
      const absl::StatusOr<EventPlace> read =
          log.Read(from, high, kReadBytes, [&](v1::Event&& event) {
            const bool is_before = event.sequence() < before.sequence ||
                                   (before.index > 0 && event.index() < before.index);
            if (is_before && page->matcher.Matches(event)) events.push_back(std::move(event));
            return true;
          });
      if (!read.ok()) return read.status();
      if (read->sequence == from.sequence) break;  // The log ends here.
      next = *read;
    }
    for (auto event = events.rbegin(); event != events.rend(); ++event) {
      if (page->IsFull()) return before;
      // An index of 0 means the end of the sequence before.
      before = {event->sequence(), event->index()};
      page->Add(std::move(*event));
    }
    before = {low, 0};
  }
  return EventPlace();
}

}  // namespace

absl::Status ListEvents(const EventLog& log, const State& state,
                        const v1::ListEventsRequest& request, v1::ListEventsResponse* response) {
  const std::string listing = ListingOf(request);
  const absl::StatusOr<uint64_t> cursor = ParsePageToken(listing, request.page_token());
  if (!cursor.ok()) return cursor.status();
  const uint64_t committed = state.scalars.sequence;
  const absl::StatusOr<uint64_t> oldest = log.OldestSequence();
  if (!oldest.ok()) return oldest.status();
  uint64_t first = *oldest, last = committed;
  if (request.has_since()) {
    const absl::StatusOr<uint64_t> since =
        log.SequenceAt(ToMicroseconds(request.since()), committed);
    if (!since.ok()) return since.status();
    first = *since;
  }
  if (request.has_until()) {
    const absl::StatusOr<uint64_t> until =
        log.SequenceAt(ToMicroseconds(request.until()), committed);
    if (!until.ok()) return until.status();
    last = *until - 1;
  }
  Page page{request, response, EventMatcher(request.filter(), state)};
  absl::StatusOr<EventPlace> next = EventPlace();
  if (request.newest_first()) {
    const EventPlace before = *cursor == 0 ? EventPlace{last + 1, 0} : PlaceOf(*cursor);
    if (first <= last) next = NewestFirst(log, first, before, &page);
  } else {
    const EventPlace from = *cursor == 0 ? EventPlace{first, 0} : PlaceOf(*cursor);
    next = OldestFirst(log, from, last, &page);
  }
  if (!next.ok()) return next.status();
  if (next->sequence != 0) response->set_next_page_token(MakePageToken(listing, CursorOf(*next)));
  response->set_oldest_kept_sequence(*oldest);
  response->set_sequence(committed);
  return absl::OkStatus();
}

}  // namespace dmem::server
