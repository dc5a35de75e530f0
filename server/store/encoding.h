// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_SERVER_STORE_ENCODING_H_
#define DMEMD_SERVER_STORE_ENCODING_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "server/store/store.h"

// The bytes of keys and values in the RocksDB store; docs/store.md has them as a table.
namespace dmem::server {

// 8 bytes, big-endian, so that keys sort as numbers.
std::string EncodeLogKey(uint64_t first_sequence);
std::optional<uint64_t> DecodeLogKey(absl::string_view key);

// 8 bytes, little-endian.
std::string EncodeFixed64(uint64_t value);
std::optional<uint64_t> DecodeFixed64(absl::string_view bytes);

// What stands before a record: CRC-32C over both sequences and the record, then the last sequence.
inline constexpr size_t kRecordHeaderBytes = 12;
std::string EncodeRecordHeader(SequenceRange range, absl::string_view record);

struct DecodedRecord {
  SequenceRange range;
  absl::string_view record;  // Into the decoded value.
};

// Nothing if the checksum does not match or `last` is before `first_sequence`.
std::optional<DecodedRecord> DecodeRecord(uint64_t first_sequence, absl::string_view value);

}  // namespace dmem::server

#endif  // DMEMD_SERVER_STORE_ENCODING_H_
