// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_SERVER_STORE_TABLE_CHECK_H_
#define DMEMD_SERVER_STORE_TABLE_CHECK_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace dmem::server {

// Checks the one block of a table that RocksDB 7.8 parses before it looks at its checksum, the
// properties: a flipped bit there can end the process in an assertion instead of an error.
// The rest of the table is left to RocksDB.
//
// `read` gives `length` bytes at `offset` of a file of `size` bytes, or fewer.
// DATA_LOSS: not a table as the store's options make it (format 5, CRC-32C), or the block or the
//   way to it does not match its checksum.
// Source: RocksDB's description of the block-based table format.
absl::Status CheckTableProperties(
    uint64_t size, const std::function<std::string(uint64_t offset, size_t length)>& read);

}  // namespace dmem::server

#endif  // DMEMD_SERVER_STORE_TABLE_CHECK_H_
