// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "bench/replay/report.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"

namespace dmem::replay {
namespace {

std::string Bytes(uint64_t bytes) {
  return absl::StrFormat("%d (%.2f GiB)", bytes, static_cast<double>(bytes) / (1 << 30));
}

}  // namespace

std::string JsonReport(const Totals& totals, absl::Duration wall) {
  nlohmann::ordered_json peaks = nlohmann::ordered_json::object();
  for (const auto& [cgroup, bytes] : totals.peak_bytes) peaks[cgroup] = bytes;
  nlohmann::ordered_json report;
  report["tasks_placed"] = totals.tasks_placed;
  report["tasks_unplaced"] = totals.tasks_unplaced;
  report["charges"] = totals.charges;
  report["uncharges"] = totals.uncharges;
  report["resizes"] = totals.resizes;
  report["live_charges"] = totals.live_charges;
  report["live_bytes"] = totals.live_bytes;
  report["peak_bytes"] = peaks;
  report["wall_seconds"] = absl::ToInt64Milliseconds(wall) / 1000.0;
  // Names that are no UTF-8 are shown with replacement characters rather than throwing.
  return report.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string TextReport(const Totals& totals, absl::Duration wall) {
  std::vector<std::pair<std::string, std::string>> lines = {
      {"tasks placed", absl::StrCat(totals.tasks_placed)},
      {"tasks unplaced", absl::StrCat(totals.tasks_unplaced)},
      {"charges", absl::StrCat(totals.charges)},
      {"uncharges", absl::StrCat(totals.uncharges)},
      {"resizes", absl::StrCat(totals.resizes)},
      {"live charges", absl::StrCat(totals.live_charges)},
      {"live bytes", Bytes(totals.live_bytes)},
  };
  for (const auto& [cgroup, bytes] : totals.peak_bytes) {
    lines.emplace_back(absl::StrCat("peak of ", cgroup), Bytes(bytes));
  }
  lines.emplace_back("wall seconds", absl::StrFormat("%.3f", absl::ToDoubleSeconds(wall)));
  size_t width = 0;
  for (const auto& [name, value] : lines) width = std::max(width, name.size());
  std::string report;
  for (const auto& [name, value] : lines) {
    absl::StrAppendFormat(&report, "%-*s  %s\n", static_cast<int>(width), name, value);
  }
  return report;
}

}  // namespace dmem::replay
