// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/store/log_scan.h"

#include <algorithm>
#include <cstddef>
#include <optional>

#include "server/store/crc32c.h"

namespace dmem::server {
namespace {

constexpr size_t kBlockBytes = 32768;
constexpr size_t kHeaderBytes = 7;  // CRC (4), length (2), type (1).

enum FragmentType : uint8_t { kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

struct Fragment {
  FragmentType type;
  size_t end;
};

uint8_t ByteAt(absl::string_view s, size_t i) { return static_cast<uint8_t>(s[i]); }

// The whole, intact fragment at `offset`, if there is one.
std::optional<Fragment> FragmentAt(absl::string_view contents, size_t offset) {
  const size_t block_end = std::min(contents.size(), (offset / kBlockBytes + 1) * kBlockBytes);
  if (offset + kHeaderBytes > block_end) return std::nullopt;
  const uint8_t type = ByteAt(contents, offset + 6);
  if (type < kFull || type > kLast) return std::nullopt;
  const size_t length = ByteAt(contents, offset + 4) | ByteAt(contents, offset + 5) << 8;
  const size_t end = offset + kHeaderBytes + length;
  if (end > block_end) return std::nullopt;
  uint32_t stored = 0;
  for (int i = 3; i >= 0; --i) stored = stored << 8 | ByteAt(contents, offset + i);
  if (MaskedCrc32c(Crc32c(contents.substr(offset + 6, 1 + length))) != stored) return std::nullopt;
  return Fragment{static_cast<FragmentType>(type), end};
}

// Byte by byte, not from the next header that the damaged one would lead to: its length may be what
// is damaged. A false match needs 32 equal bits of CRC.
bool RecordBeginsAfter(absl::string_view contents, size_t offset) {
  for (size_t i = offset + 1; i + kHeaderBytes <= contents.size(); ++i) {
    const uint8_t type = ByteAt(contents, i + 6);
    if (type != kFull && type != kFirst) continue;
    if (FragmentAt(contents, i).has_value()) return true;
  }
  return false;
}

}  // namespace

LogScan ScanLog(absl::string_view contents) {
  LogScan scan;
  size_t offset = 0;
  bool in_record = false;
  while (true) {
    const size_t left_in_block = kBlockBytes - offset % kBlockBytes;
    if (left_in_block < kHeaderBytes) offset += left_in_block;  // Padding: carries nothing.
    if (offset >= contents.size()) {
      scan.data_bytes = contents.size();
      scan.damaged = in_record;
      return scan;
    }
    const std::optional<Fragment> fragment = FragmentAt(contents, offset);
    const bool begins =
        fragment.has_value() && (fragment->type == kFull || fragment->type == kFirst);
    if (!fragment.has_value() || begins == in_record) {
      scan.data_bytes = contents.find_last_not_of('\0') + 1;  // 0 if there is none.
      if (scan.data_bytes <= offset && !in_record) return scan;
      scan.damaged = true;
      scan.record_after_damage = begins || RecordBeginsAfter(contents, offset);
      return scan;
    }
    offset = fragment->end;
    in_record = fragment->type == kFirst || fragment->type == kMiddle;
    if (!in_record) {
      ++scan.records;
      scan.valid_bytes = offset;
    }
  }
}

}  // namespace dmem::server
