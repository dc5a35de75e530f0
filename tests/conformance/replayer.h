// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Replays conformance vectors against a Backend and compares every answer.

#ifndef TESTS_CONFORMANCE_REPLAYER_H_
#define TESTS_CONFORMANCE_REPLAYER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/conformance/backend.h"

namespace dmem {
namespace conformance {

// What the word "max" stands for in the vectors: 2^51-1 (conformance description 3.1).
inline constexpr uint64_t kKernelMax = 2251799813685247;

struct ReplayOptions {
  // Begins every charge id, so that it must differ from that of any earlier replay against the same
  // dmemd (spent ids are remembered). Everything else is named as in the vectors.
  std::string charge_id_prefix;
  // Audit after every line, or only at the end of each file.
  bool audit_every_line = false;
  // Called for each mismatch with a line "FILE:LINE: op …: expected …, got …".
  std::function<void(const std::string&)> on_mismatch = [](const std::string&) {};
};

struct ReplaySummary {
  uint64_t files = 0;  // Replayed.
  uint64_t ops = 0;
  uint64_t mismatches = 0;
  uint64_t skipped = 0;  // Files of class kernel-quirk, not replayed.

  // "F files, N ops, K mismatches, S skipped".
  std::string ToString() const;
};

// The files named and, of directories, all *.jsonl files in them and below, sorted by path.
// Errors: NOT_FOUND for a path that does not exist or a directory without such files.
absl::StatusOr<std::vector<std::string>> FindVectorFiles(const std::vector<std::string>& paths);

// Replays one file and adds to *summary. Starts from an empty dmemd and leaves it empty: uncharges
// what is charged, deletes cgroups, unregisters regions.
//
// Differences by design are mapped, not reported: `applied: false` is MAX_BELOW_USAGE, `peak` is
// the granted one, "max" of a min or low is sent as 2^51-1 and whatever is at least that reads as
// "max", "@ID" and charge ids are translated; see the description in testdata/README.md.
//
// Errors: INVALID_ARGUMENT: the file is not vectors (with file and line) · FAILED_PRECONDITION:
// dmemd is not empty, before or after · UNAVAILABLE: dmemd does not answer. What was counted until
// then stays counted.
absl::Status ReplayFile(const std::string& path, Backend* backend, const ReplayOptions& options,
                        ReplaySummary* summary);

}  // namespace conformance
}  // namespace dmem

#endif  // TESTS_CONFORMANCE_REPLAYER_H_
