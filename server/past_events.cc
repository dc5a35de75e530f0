// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/past_events.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/errors.h"
#include "server/page_token.h"

namespace dmem::server {

namespace {

constexpr size_t kReadBytes = 16 << 20;
// Of a step, as far as the number of sequences read at once decides it.
constexpr size_t kItemsWanted = PastEvents::kStepItemsMax / 4;
constexpr uint64_t kWindowMax = 65536;

size_t ItemsOf(const v1::Event& event) {
  switch (event.what_case()) {
    case v1::Event::kChargeGranted:
      return 1 + static_cast<size_t>(event.charge_granted().items_size());
    case v1::Event::kChargeChanged:
      return 1 + static_cast<size_t>(event.charge_changed().items_size());
    case v1::Event::kMeasured:
      return 1 + static_cast<size_t>(event.measured().items_size());
    default:
      return 1;
  }
}

}  // namespace

absl::Status PastEvents::DownTo(int64_t time_us) {
  const absl::StatusOr<uint64_t> oldest = log_->OldestSequence();
  if (!oldest.ok()) return oldest.status();
  if (*oldest > 1) {
    const absl::StatusOr<int64_t> kept_since = log_->TimeOf(*oldest);
    if (!kept_since.ok()) return kept_since.status();
    if (time_us < *kept_since) {
      return TimeTooOld(absl::FromUnixMicros(time_us), absl::FromUnixMicros(*kept_since));
    }
  }
  const absl::StatusOr<uint64_t> first = log_->SequenceAt(time_us + 1, high_);
  if (!first.ok()) return first.status();
  first_ = *first;
  return absl::OkStatus();
}

absl::StatusOr<size_t> PastEvents::ReadAll(uint64_t low, uint64_t high,
                                           std::vector<v1::Event>* events) const {
  const size_t items_max = low == high ? std::numeric_limits<size_t>::max() : kStepItemsMax;
  size_t items = 0;
  EventPlace next = {low, 0};
  while (next.sequence <= high && items <= items_max) {
    const EventPlace from = next;
    const absl::StatusOr<EventPlace> read =
        log_->Read(from, high, kReadBytes, [&](v1::Event&& event) {
          items += ItemsOf(event);
          events->push_back(std::move(event));
          return items <= items_max;
        });
    if (!read.ok()) return read.status();
    if (read->sequence == from.sequence && items <= items_max)
      return absl::DataLossError(
          absl::StrCat("the kept records end before sequence ", from.sequence));
    next = *read;
  }
  return items;
}

absl::StatusOr<bool> PastEvents::Step(const std::function<void(const v1::Event& event)>& visit) {
  if (high_ < first_) return true;
  uint64_t low = 0;
  std::vector<v1::Event> events;
  absl::StatusOr<size_t> items = 0;
  for (;;) {
    low = high_ - first_ < window_ ? first_ : high_ - window_ + 1;
    events.clear();
    items = ReadAll(low, high_, &events);
    if (!items.ok()) return items.status();
    if (*items <= kStepItemsMax || low == high_) break;
    window_ = std::max<uint64_t>((high_ - low + 1) / 8, 1);
  }
  for (auto event = events.rbegin(); event != events.rend(); ++event) visit(*event);
  if (*items > kItemsWanted) {
    window_ = std::max<uint64_t>(window_ / 2, 1);
  } else if (*items < kItemsWanted / 4) {
    window_ = std::min(window_ * 2, kWindowMax);
  }
  high_ = low - 1;
  return high_ < first_;
}

absl::StatusOr<PastPage> ParsePastToken(absl::string_view listing, absl::string_view token,
                                        int64_t now_us) {
  if (token.empty()) return PastPage{now_us, 0};
  PastPage page;
  const size_t dot = std::min(token.find('.'), token.size());
  if (!absl::SimpleAtoi(token.substr(0, dot), &page.time_us)) page.time_us = -1;
  const absl::StatusOr<uint64_t> first =
      ParsePageToken(absl::StrCat(page.time_us, " ", listing),
                     dot == token.size() ? token : token.substr(dot + 1));
  if (!first.ok()) return first.status();
  page.first = *first;
  return page;
}

std::string MakePastToken(absl::string_view listing, const PastPage& page) {
  return absl::StrCat(page.time_us, ".",
                      MakePageToken(absl::StrCat(page.time_us, " ", listing), page.first));
}

}  // namespace dmem::server
