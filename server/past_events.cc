// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/past_events.h"

#include <algorithm>
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
constexpr size_t kEventsWanted = 4000;
constexpr uint64_t kWindowMax = 65536;

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

absl::StatusOr<bool> PastEvents::Step(const std::function<void(const v1::Event& event)>& visit) {
  if (high_ < first_) return true;
  const uint64_t low = high_ - first_ < window_ ? first_ : high_ - window_ + 1;
  std::vector<v1::Event> events;
  EventPlace next = {low, 0};
  while (next.sequence <= high_) {
    const EventPlace from = next;
    const absl::StatusOr<EventPlace> read =
        log_->Read(from, high_, kReadBytes, [&events](v1::Event&& event) {
          events.push_back(std::move(event));
          return true;
        });
    if (!read.ok()) return read.status();
    if (read->sequence == from.sequence)
      return absl::DataLossError(
          absl::StrCat("the kept records end before sequence ", from.sequence));
    next = *read;
  }
  for (auto event = events.rbegin(); event != events.rend(); ++event) visit(*event);
  if (events.size() > kEventsWanted) {
    window_ = std::max<uint64_t>(window_ / 2, 1);
  } else if (events.size() < kEventsWanted / 4) {
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
