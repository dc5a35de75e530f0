// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEM_BENCH_REPLAY_USAGE_TRACE_H_
#define DMEM_BENCH_REPLAY_USAGE_TRACE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace dmem::replay {

// What one container was seen to use.
struct UsageSample {
  size_t container = 0;  // Index into UsageTrace::containers.
  uint64_t bytes = 0;
  size_t line = 0;  // Of the file.
};

// Measured memory of containers over time.
struct UsageTrace {
  std::vector<std::string> containers;  // Sorted, each once.
  std::vector<UsageSample> samples;     // In file order.
};

// Reads used_bytes and container. Errors: as of CsvTable, and INVALID_ARGUMENT for an empty
// container.
absl::StatusOr<UsageTrace> ReadUsageTrace(const std::string& path);

}  // namespace dmem::replay

#endif  // DMEM_BENCH_REPLAY_USAGE_TRACE_H_
