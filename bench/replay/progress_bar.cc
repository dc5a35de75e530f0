// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "bench/replay/progress_bar.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace dmem::replay {
namespace {

constexpr size_t kWidth = 28;
constexpr absl::Duration kRedraw = absl::Milliseconds(100);

}  // namespace

ProgressBar::ProgressBar(Style style, std::function<absl::Time()> clock, std::ostream* out)
    : style_(style), clock_(std::move(clock)), out_(*out) {}

void ProgressBar::Update(absl::string_view phase, size_t done, size_t total, uint64_t live) {
  const absl::Time now = clock_();
  if (phase != phase_) {
    phase_ = std::string(phase);
    phase_began_ = now;
    drawn_ = absl::InfinitePast();
    tenths_ = 0;
  }
  if (style_ == Style::kTerminal) {
    if (done < total && now - drawn_ < kRedraw) return;
    // "\x1b[K" clears what a longer line left behind.
    out_ << "\r" << Line(done, total, live) << "\x1b[K" << (done == total ? "\n" : "")
         << std::flush;
    drawn_ = now;
    return;
  }
  const size_t tenths = done * 10 / total;
  if (tenths == tenths_) return;
  tenths_ = tenths;
  out_ << Line(done, total, live) << std::endl;
}

std::string ProgressBar::Line(size_t done, size_t total, uint64_t live) const {
  const size_t filled = done * kWidth / total;
  std::string line =
      absl::StrFormat("%-11s [%s%s] %3d%%  %d/%d", phase_, std::string(filled, '#'),
                      std::string(kWidth - filled, '.'), done * 100 / total, done, total);
  const double seconds = absl::ToDoubleSeconds(clock_() - phase_began_);
  if (seconds > 0) absl::StrAppend(&line, "  ", absl::StrFormat("%.0f/s", done / seconds));
  if (live > 0) absl::StrAppend(&line, "  ", live, " live");
  return line;
}

}  // namespace dmem::replay
