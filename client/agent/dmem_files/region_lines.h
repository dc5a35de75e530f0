// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_DMEM_FILES_REGION_LINES_H_
#define DMEMD_CLIENT_AGENT_DMEM_FILES_REGION_LINES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace dmem::client {

// What a dmem file of the kernel says: a line `REGION VALUE` for each region, in its order.
// `max` reads as kNoLimit.
struct RegionLines {
  std::vector<std::pair<std::string, uint64_t>> values;  // Each region once.
  // One for each line that says nothing: torn (without its end), without a value, with one that is
  // no number up to 2^63-1, of a region that dmemd could not name, or of one that was there before
  // (a write reaches only the first).
  std::vector<std::string> problems;

  std::optional<uint64_t> Find(absl::string_view region) const;
};

RegionLines ParseRegionLines(absl::string_view text);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_DMEM_FILES_REGION_LINES_H_
