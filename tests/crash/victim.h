// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_TESTS_CRASH_VICTIM_H_
#define DMEMD_TESTS_CRASH_VICTIM_H_

#include <random>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace dmem::crash {

// A dmemd that can be crashed, and started again on what is then on its disk. Thread-compatible.
class Victim {
 public:
  virtual ~Victim() = default;

  // Starts it, perhaps with crashes during the start, and returns its address. An error: it does
  // not come up, with what it said.
  virtual absl::StatusOr<std::string> Start(std::mt19937_64& random) = 0;

  // Whether the next crash may come by itself from now on.
  virtual void Arm(std::mt19937_64& random) = 0;

  // Crashes it, if it has not crashed by itself, so that nothing of it runs on return. An error: it
  // ended in a way that was not asked for.
  virtual absl::Status Crash(std::mt19937_64& random) = 0;
};

}  // namespace dmem::crash

#endif  // DMEMD_TESTS_CRASH_VICTIM_H_
