// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/store/encoding.h"

#include "server/store/crc32c.h"

namespace dmem::server {
namespace {

std::string EncodeFixed32(uint32_t value) {
  std::string bytes;
  for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<char>(value >> (8 * i)));
  return bytes;
}

uint32_t RecordCrc(SequenceRange range, absl::string_view record) {
  const uint32_t crc = Crc32c(EncodeFixed64(range.last), Crc32c(EncodeFixed64(range.first)));
  return Crc32c(record, crc);
}

}  // namespace

std::string EncodeLogKey(uint64_t first_sequence) {
  std::string bytes;
  for (int i = 7; i >= 0; --i) bytes.push_back(static_cast<char>(first_sequence >> (8 * i)));
  return bytes;
}

std::optional<uint64_t> DecodeLogKey(absl::string_view key) {
  if (key.size() != 8) return std::nullopt;
  uint64_t value = 0;
  for (char c : key) value = value << 8 | static_cast<uint8_t>(c);
  return value;
}

std::string EncodeFixed64(uint64_t value) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<char>(value >> (8 * i)));
  return bytes;
}

std::optional<uint64_t> DecodeFixed64(absl::string_view bytes) {
  if (bytes.size() != 8) return std::nullopt;
  uint64_t value = 0;
  for (int i = 7; i >= 0; --i) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

std::string EncodeRecordHeader(SequenceRange range, absl::string_view record) {
  return EncodeFixed32(RecordCrc(range, record)) + EncodeFixed64(range.last);
}

std::optional<DecodedRecord> DecodeRecord(uint64_t first_sequence, absl::string_view value) {
  if (value.size() < kRecordHeaderBytes) return std::nullopt;
  const SequenceRange range{first_sequence, *DecodeFixed64(value.substr(4, 8))};
  const absl::string_view record = value.substr(kRecordHeaderBytes);
  if (range.first == 0 || range.last < range.first) return std::nullopt;
  if (value.substr(0, 4) != EncodeFixed32(RecordCrc(range, record))) return std::nullopt;
  return DecodedRecord{range, record};
}

}  // namespace dmem::server
