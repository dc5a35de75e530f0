// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/pass_health.h"

#include "absl/strings/str_cat.h"

namespace dmem::client {

void PassHealth::PassEnded() {
  const std::lock_guard<std::mutex> lock(mutex_);
  last_ = now_();
  has_passed_ = true;
}

absl::Status PassHealth::Check() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const absl::Duration silence = now_() - last_;
  if (silence <= silence_max_) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat(has_passed_ ? "the last look at the node ended "
                               : "no look at the node has ended since the start ",
                   absl::FormatDuration(absl::Trunc(silence, absl::Seconds(1))), " ago, more than ",
                   absl::FormatDuration(silence_max_)));
}

}  // namespace dmem::client
