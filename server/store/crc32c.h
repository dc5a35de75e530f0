// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_SERVER_STORE_CRC32C_H_
#define DMEMD_SERVER_STORE_CRC32C_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace dmem::server {

// CRC-32C (Castagnoli) of `data`, continuing `crc`, the value for what precedes it (0 for nothing).
// Uses the processor's instruction where there is one. Thread safe.
uint32_t Crc32c(absl::string_view data, uint32_t crc = 0);

// As LevelDB and RocksDB store it: rotated and offset, because a CRC over data with its own CRC in
// it is a bad one.
inline uint32_t MaskedCrc32c(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; }

// As Crc32c, without the instruction: for processors that lack it, and for comparison.
uint32_t Crc32cPortable(absl::string_view data, uint32_t crc = 0);

}  // namespace dmem::server

#endif  // DMEMD_SERVER_STORE_CRC32C_H_
