// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_SERVER_STORE_LOG_SCAN_H_
#define DMEMD_SERVER_STORE_LOG_SCAN_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace dmem::server {

// What one file in RocksDB's log format (a write-ahead log or a MANIFEST) holds.
struct LogScan {
  uint64_t records = 0;      // Whole records before the damage.
  uint64_t valid_bytes = 0;  // Where the last of them ends.
  // Up to here something was written: what follows is zeros, which were there before it (see
  // prepared_log.h).
  uint64_t data_bytes = 0;
  bool damaged = false;  // Something after `valid_bytes` is not a whole record.
  // A record begins after the damage. Records are synced one by one, each before the next is
  // written, so the damaged one had been synced: this is not a torn write.
  bool record_after_damage = false;
};

// Reads `contents`, the whole of a file, front to back. A pure function.
// Source: RocksDB's description of its log format (blocks of 32 KiB; each fragment has a masked
// CRC-32C, a length and a type). Log recycling and compression, which the store does not use, count
// as damage.
LogScan ScanLog(absl::string_view contents);

}  // namespace dmem::server

#endif  // DMEMD_SERVER_STORE_LOG_SCAN_H_
