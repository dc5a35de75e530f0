// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// A file of conformance vectors: one JSON object a line.

#ifndef TESTS_CONFORMANCE_VECTOR_FILE_H_
#define TESTS_CONFORMANCE_VECTOR_FILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace dmem {
namespace conformance {

struct VectorLine {
  int number = 0;  // In the file, from 1.
  nlohmann::json json;
};

struct VectorFile {
  std::string vector_class;  // "kernel-exact", "exact-large" or "kernel-quirk".
  std::vector<VectorLine> lines;
};

// Reads a file whole. Numbers are integers up to 2^64-1, exactly. Errors: NOT_FOUND: cannot be read
// · INVALID_ARGUMENT, with the line: not JSON objects, no meta line first, a line without op or
// expect, a number that is not such an integer.
absl::StatusOr<VectorFile> ReadVectorFile(const std::string& path);

}  // namespace conformance
}  // namespace dmem

#endif  // TESTS_CONFORMANCE_VECTOR_FILE_H_
