// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/clock.h"

#include <chrono>

#include "absl/time/clock.h"

namespace dmem::server {

absl::Time WallClockNow() { return absl::Now(); }

int64_t MonotonicNanoseconds() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

SteadyWallClock::SteadyWallClock()
    : wall_start_us_(absl::ToUnixMicros(WallClockNow())),
      monotonic_start_ns_(MonotonicNanoseconds()) {}

int64_t SteadyWallClock::NowMicroseconds() const {
  return wall_start_us_ + (MonotonicNanoseconds() - monotonic_start_ns_) / 1000;
}

}  // namespace dmem::server
