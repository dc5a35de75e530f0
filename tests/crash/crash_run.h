// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_TESTS_CRASH_CRASH_RUN_H_
#define DMEMD_TESTS_CRASH_CRASH_RUN_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tests/crash/victim.h"
#include "tests/crash/violations.h"
#include "tests/crash/worker.h"

namespace dmem::crash {

struct CrashRunOptions {
  int crashes = 20;
  uint64_t seed = 1;
  int threads = 12;
  absl::Duration between = absl::Milliseconds(500);  // Crashes, on average.
  std::function<void(absl::string_view)> progress = [](absl::string_view) {};
};

struct CrashReport {
  int crashes = 0;
  WorkerStats stats;
  Violations violations;
};

// Has clients work at full speed on `victim`, crashes it at random moments, and after each restart,
// and at the end, holds what it shows against what it had acknowledged. Stops at the first crash
// after which something is wrong. The seed decides what is sent and when it crashes; how threads
// and processes interleave is up to the machine.
CrashReport RunCrashes(Victim& victim, const CrashRunOptions& options);

}  // namespace dmem::crash

#endif  // DMEMD_TESTS_CRASH_CRASH_RUN_H_
