// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_TESTS_CRASH_REPORT_H_
#define DMEMD_TESTS_CRASH_REPORT_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "tests/crash/crash_run.h"

namespace dmem::crash {

// "20 kills, 12345 acknowledged operations, 99 unknown settled, 0 lost, 0 doubled".
std::string Summary(const CrashReport& report, absl::string_view crashes);

// Prints what is wrong, with the seed, if anything is, and the summary as the last line. Whether
// all was well.
bool PrintReport(const CrashReport& report, absl::string_view crashes, uint64_t seed);

}  // namespace dmem::crash

#endif  // DMEMD_TESTS_CRASH_REPORT_H_
