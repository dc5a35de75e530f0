// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The only place that reads a clock; everything else is given the time.

#ifndef SERVER_CLOCK_H_
#define SERVER_CLOCK_H_

#include <cstdint>

#include "absl/time/time.h"

namespace dmem::server {

absl::Time WallClockNow();

// Nanoseconds since some point before the start. Never goes back.
int64_t MonotonicNanoseconds();

// Time that never goes back: the wall clock when it was made, plus the monotonic time since, so
// that a wall clock that is set moves nothing. Whole microseconds. Thread-safe.
class SteadyWallClock {
 public:
  SteadyWallClock();
  int64_t NowMicroseconds() const;

 private:
  const int64_t wall_start_us_;
  const int64_t monotonic_start_ns_;
};

}  // namespace dmem::server

#endif  // SERVER_CLOCK_H_
