// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "bench/replay/usage_trace.h"

#include <limits>
#include <map>

#include "bench/replay/csv_table.h"

namespace dmem::replay {

absl::StatusOr<UsageTrace> ReadUsageTrace(const std::string& path) {
  enum Column : size_t { kUsedBytes, kContainer };
  absl::StatusOr<CsvTable> table = CsvTable::Read(path, {"used_bytes", "container"});
  if (!table.ok()) return table.status();

  std::map<std::string, size_t> indices;  // In the order of names.
  for (size_t row = 0; row < table->rows(); ++row) {
    const std::string& container = table->Text(row, kContainer);
    if (container.empty()) return table->Error(row, kContainer, "is empty");
    indices.emplace(container, 0);
  }
  UsageTrace trace;
  for (auto& [container, index] : indices) {
    index = trace.containers.size();
    trace.containers.push_back(container);
  }
  for (size_t row = 0; row < table->rows(); ++row) {
    absl::StatusOr<int64_t> bytes =
        table->Number(row, kUsedBytes, 0, std::numeric_limits<int64_t>::max());
    if (!bytes.ok()) return bytes.status();
    trace.samples.push_back(
        {indices[table->Text(row, kContainer)], static_cast<uint64_t>(*bytes), table->line(row)});
  }
  return trace;
}

}  // namespace dmem::replay
