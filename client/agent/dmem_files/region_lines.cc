// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/dmem_files/region_lines.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/agent/device_backend.h"

namespace dmem::client {
namespace {

// Digits only: SimpleAtoi alone takes signs and white space.
std::optional<uint64_t> ParseValue(absl::string_view text) {
  if (text == "max") return kNoLimit;
  uint64_t value = 0;
  if (text.empty() || !std::all_of(text.begin(), text.end(), absl::ascii_isdigit) ||
      !absl::SimpleAtoi(text, &value) || value > kNoLimit) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

std::optional<uint64_t> RegionLines::Find(absl::string_view region) const {
  for (const auto& [name, value] : values) {
    if (name == region) return value;
  }
  return std::nullopt;
}

RegionLines ParseRegionLines(absl::string_view text) {
  RegionLines lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const absl::string_view line = text.substr(0, end);
    const auto problem = [&lines, line](absl::string_view what) {
      lines.problems.push_back(
          absl::StrCat("line \"", absl::CHexEscape(line.substr(0, 300)), "\" ", what));
    };
    if (end == absl::string_view::npos) {
      problem("has no end");  // Its last digits may be missing.
      break;
    }
    text.remove_prefix(end + 1);

    const size_t separator = line.find(' ');
    const absl::string_view region = line.substr(0, separator);
    const std::optional<uint64_t> value = separator == absl::string_view::npos
                                              ? std::nullopt
                                              : ParseValue(line.substr(separator + 1));
    if (!value.has_value()) {
      problem("is no region, a blank and a number or max");
    } else if (!CheckDeviceRegion(region).ok()) {
      problem("names a region that is too long or not printable");
    } else if (lines.Find(region).has_value()) {
      problem("names a region a second time");
    } else {
      lines.values.emplace_back(region, *value);
    }
  }
  return lines;
}

}  // namespace dmem::client
