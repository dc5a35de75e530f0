// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The kernel's text for limits: sizes with suffixes, and REGION VALUE lines.

#ifndef CORE_LIMIT_TEXT_H_
#define CORE_LIMIT_TEXT_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/byte_count.h"
#include "core/state.h"

namespace dmem {

struct LimitLine {
  absl::string_view region;  // Into the text parsed.
  ByteCount value;
};

// Parses "REGION VALUE". Errors: INVALID_ARGUMENT BAD_LIMIT_TEXT with the reason; whatever the
// kernel mis-parses (a number that wraps, a bare suffix) is refused. Source: conformance
// description 3.9, 5.4.
absl::StatusOr<LimitLine> ParseLimitLine(absl::string_view text);

// "max" for kUnlimited, else decimal.
std::string FormatLimit(ByteCount value);

// The whole text of a file of a cgroup: one line a region in order of registration, then groups.
// Errors: NOT_FOUND FILE_NOT_FOUND for a file that this cgroup does not have; RESOURCE_EXHAUSTED
// TOO_MANY beyond max_bytes.
absl::StatusOr<std::string> ReadLimitFile(const State& state, Index cgroup, absl::string_view file,
                                          size_t max_bytes);

}  // namespace dmem

#endif  // CORE_LIMIT_TEXT_H_
