// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The kernel's text for limits: sizes with suffixes, and REGION VALUE lines.

#ifndef CORE_LIMIT_TEXT_H_
#define CORE_LIMIT_TEXT_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/byte_count.h"
#include "core/state.h"

namespace dmem {

struct LimitLine {
  absl::string_view region;  // Into the text parsed. May be any text without blank and tab.
  ByteCount value;
};

// Parses "REGION VALUE": white space (blank, tab, newline) at both ends is ignored, and exactly one
// blank or tab separates the two. VALUE is "max", for kUnlimited, or digits and at most one of the
// suffixes k m g t p e in either case, for powers of 1024. "0x" or "0X" begins a hexadecimal number
// (where e is a digit), any other leading 0 an octal one.
//
// Errors: INVALID_ARGUMENT BAD_LIMIT_TEXT with the reason.
//
// Source: conformance description 3.9. Differs: what the kernel mis-parses (5.4) is refused: a
// number or product that does not fit ("16E" is 0 there; here 2^63-1 is the largest), and a suffix
// without a number ("k" is 0 there).
absl::StatusOr<LimitLine> ParseLimitLine(absl::string_view text);

// "max" for kUnlimited, else decimal.
std::string FormatLimit(ByteCount value);

// The whole text of a file of a cgroup: a line "REGION VALUE\n" for each region in order of
// registration, then for each group in order of registration, whether or not the cgroup ever used
// it. Regions that are GONE have no line.
//
// The root has dmem.capacity (of a group: the sum over the regions below it that are not GONE;
// always decimal) and dmem.current; every other cgroup has dmem.current, dmem.peak, dmem.min,
// dmem.low and dmem.max. A pool that has not been made reads as defaults.
//
// Errors: NOT_FOUND FILE_NOT_FOUND for a file that this cgroup does not have; RESOURCE_EXHAUSTED
// TOO_MANY if the text would pass `max_bytes`.
//
// Source: conformance description 3.9.
absl::StatusOr<std::string> ReadLimitFile(const State& state, Index cgroup, absl::string_view file,
                                          size_t max_bytes);

}  // namespace dmem

#endif  // CORE_LIMIT_TEXT_H_
