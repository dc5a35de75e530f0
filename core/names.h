// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The rules of names and ids, and how bad ones are shown.

#ifndef CORE_NAMES_H_
#define CORE_NAMES_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace dmem {

inline constexpr size_t kRegionNameBytesMax = 255;
inline constexpr size_t kCgroupPathBytesMax = 1024;
inline constexpr size_t kCgroupComponentBytesMax = 255;
inline constexpr size_t kChargeIdBytesMax = 128;

// Each returns OK, or INVALID_ARGUMENT with a message that names the value (by QuoteForMessage) and
// the bound that it breaks. They depend on the text only, never on what exists. White space is
// ASCII's: blank, tab, newline, vertical tab, form feed, carriage return.

// Of a region or group: 1-255 printable ASCII bytes, without white space and '@'.
absl::Status ValidateRegionName(absl::string_view name);

// Whatever addresses a region or group: a name, or "NAME@ID" for a region that is GONE.
absl::Status ValidateRegionRef(absl::string_view ref);

// "/", or an absolute path of at most 1,024 bytes and 32 components, each 1-255 bytes without white
// space or control characters, not "." or "..", without a leading '@', and no '/' at the end. Bytes
// from 0x80 on are allowed: any UTF-8, but nothing is decoded or normalized.
absl::Status ValidateCgroupPath(absl::string_view path);

// Whatever addresses a cgroup: a path, or "@ID" for one that is dying.
absl::Status ValidateCgroupRef(absl::string_view ref);

// 1-128 printable ASCII bytes without white space.
absl::Status ValidateChargeId(absl::string_view id);

// The text in double quotes, as errors show it: what is not printable ASCII, quotes and backslashes
// escaped as in C, and cut after 64 bytes with the full length said: "aaaa..." (256 bytes).
std::string QuoteForMessage(absl::string_view text);

}  // namespace dmem

#endif  // CORE_NAMES_H_
