// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/store/table_check.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "server/store/crc32c.h"

namespace dmem::server {
namespace {

constexpr size_t kFooterBytes = 53;  // Checksum type (1), two handles (40), format (4), magic (8).
constexpr uint64_t kMagic = 0x88e241b785f4cff7;
constexpr uint64_t kFormat = 5;
constexpr char kCrc32cType = 1;
constexpr size_t kTrailerBytes = 5;  // Compression (1), checksum (4).
constexpr uint64_t kMaxBlockBytes = 16 << 20;
constexpr absl::string_view kPropertiesName = "rocksdb.properties";

struct Handle {
  uint64_t offset;
  uint64_t size;
};

uint64_t Fixed(absl::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i > 0; --i) value = value << 8 | static_cast<uint8_t>(bytes[i - 1]);
  return value;
}

std::optional<uint64_t> TakeVarint(absl::string_view* bytes) {
  uint64_t value = 0;
  for (int shift = 0; shift < 63 && !bytes->empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(bytes->front());
    bytes->remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  return std::nullopt;
}

std::optional<Handle> TakeHandle(absl::string_view* bytes) {
  const std::optional<uint64_t> offset = TakeVarint(bytes);
  const std::optional<uint64_t> size = TakeVarint(bytes);
  if (!offset.has_value() || !size.has_value()) return std::nullopt;
  return Handle{*offset, *size};
}

// Of an index of blocks by name: the handle under `name`.
std::optional<Handle> FindInBlock(absl::string_view block, absl::string_view name) {
  if (block.size() < 4) return std::nullopt;
  const uint64_t restarts = Fixed(block.substr(block.size() - 4));
  if (restarts > block.size() / 4 - 1) return std::nullopt;
  absl::string_view entries = block.substr(0, block.size() - 4 * (restarts + 1));
  std::string key;
  while (!entries.empty()) {
    const std::optional<uint64_t> shared = TakeVarint(&entries);
    const std::optional<uint64_t> unshared = TakeVarint(&entries);
    const std::optional<uint64_t> value_size = TakeVarint(&entries);
    if (!shared.has_value() || !unshared.has_value() || !value_size.has_value() ||
        *shared > key.size() || *unshared > entries.size() ||
        *value_size > entries.size() - *unshared) {
      return std::nullopt;
    }
    key.resize(*shared);
    key.append(entries.data(), *unshared);
    absl::string_view value = entries.substr(*unshared, *value_size);
    entries.remove_prefix(*unshared + *value_size);
    if (key == name) return TakeHandle(&value);
  }
  return std::nullopt;
}

}  // namespace

absl::Status CheckTableProperties(
    uint64_t size, const std::function<std::string(uint64_t offset, size_t length)>& read) {
  if (size < kFooterBytes) return absl::DataLossError("the table is too short");
  const std::string footer = read(size - kFooterBytes, kFooterBytes);
  absl::string_view handles = footer;
  if (footer.size() != kFooterBytes || footer[0] != kCrc32cType ||
      Fixed(handles.substr(41, 4)) != kFormat || Fixed(handles.substr(45)) != kMagic) {
    return absl::DataLossError("the table's footer is damaged");
  }
  // A block and its trailer, or nothing if they do not match.
  const auto read_block = [&](Handle handle) -> std::optional<std::string> {
    if (handle.size > kMaxBlockBytes || handle.offset > size ||
        handle.size + kTrailerBytes > size - handle.offset) {
      return std::nullopt;
    }
    std::string block = read(handle.offset, handle.size + kTrailerBytes);
    if (block.size() != handle.size + kTrailerBytes) return std::nullopt;
    const absl::string_view covered = absl::string_view(block).substr(0, handle.size + 1);
    const auto stored =
        static_cast<uint32_t>(Fixed(absl::string_view(block).substr(handle.size + 1)));
    if (MaskedCrc32c(Crc32c(covered)) != stored) return std::nullopt;
    block.resize(handle.size);
    return block;
  };
  handles = handles.substr(1, 40);
  const std::optional<Handle> index = TakeHandle(&handles);
  const std::optional<std::string> index_block =
      index.has_value() ? read_block(*index) : std::nullopt;
  if (!index_block.has_value()) {
    return absl::DataLossError("the table's index of its own blocks is damaged");
  }
  const std::optional<Handle> properties = FindInBlock(*index_block, kPropertiesName);
  if (!properties.has_value() || !read_block(*properties).has_value()) {
    return absl::DataLossError("the table's properties are damaged");
  }
  return absl::OkStatus();
}

}  // namespace dmem::server
