// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/crash/report.h"

#include <cinttypes>
#include <cstdio>

#include "absl/strings/str_cat.h"

namespace dmem::crash {

std::string Summary(const CrashReport& report, absl::string_view crashes) {
  const Violations& violations = report.violations;
  return absl::StrCat(
      report.crashes, " ", crashes, ", ", report.stats.acknowledged, " acknowledged operations, ",
      report.stats.settled, " unknown settled, ", violations.lost(), " lost, ",
      violations.doubled(), " doubled",
      violations.other() == 0 ? "" : absl::StrCat(", ", violations.other(), " wrong"));
}

bool PrintReport(const CrashReport& report, absl::string_view crashes, uint64_t seed) {
  for (const std::string& text : report.violations.texts()) std::printf("%s\n", text.c_str());
  if (!report.violations.empty()) std::printf("seed %" PRIu64 "\n", seed);
  std::printf("%s\n", Summary(report, crashes).c_str());
  return report.violations.empty();
}

}  // namespace dmem::crash
