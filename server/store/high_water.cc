// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/store/high_water.h"

#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "rocksdb/env.h"
#include "server/store/crc32c.h"
#include "server/store/env_files.h"

namespace dmem::server {
namespace {

constexpr int kSlots = 2;
constexpr size_t kSlotBytes = 4096;  // No two slots share a sector or a page.

// dmemd high water 1 epoch 3 sequence 4711 crc 89abcdef
std::string EncodeSlot(const HighWater& value) {
  std::string line =
      absl::StrCat("dmemd high water 1 epoch ", value.epoch, " sequence ", value.sequence);
  absl::StrAppendFormat(&line, " crc %08x\n", Crc32c(line));
  line.resize(kSlotBytes, '\n');
  return line;
}

std::optional<HighWater> DecodeSlot(absl::string_view slot) {
  const size_t end = slot.find('\n');
  if (end == absl::string_view::npos) return std::nullopt;
  const std::vector<absl::string_view> words = absl::StrSplit(slot.substr(0, end), ' ');
  HighWater value;
  if (words.size() != 10 || !absl::SimpleAtoi(words[5], &value.epoch) ||
      !absl::SimpleAtoi(words[7], &value.sequence)) {
    return std::nullopt;
  }
  // Comparing with what would have been written checks every word and the checksum at once.
  const std::string expected = EncodeSlot(value);
  if (slot.substr(0, end + 1) != absl::string_view(expected).substr(0, end + 1)) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

absl::Status HighWaterFile::Create(rocksdb::Env* env, const std::string& path) {
  std::string contents;
  for (int slot = 0; slot < kSlots; ++slot) contents += EncodeSlot(HighWater());
  return FromRocksDb(WriteFileSynced(env, path, contents), absl::StrCat("cannot make ", path));
}

absl::StatusOr<std::unique_ptr<HighWaterFile>> HighWaterFile::Open(rocksdb::Env* env,
                                                                   const std::string& path) {
  std::string contents;
  const rocksdb::Status read = rocksdb::ReadFileToString(env, path, &contents);
  if (read.IsNotFound() || read.IsPathNotFound()) {
    return absl::DataLossError(absl::StrCat(
        path, " is missing: without it nobody can tell whether the end of the log is there"));
  }
  if (!read.ok()) return FromRocksDb(read, absl::StrCat("cannot read ", path));

  std::unique_ptr<rocksdb::RandomRWFile> file;
  const rocksdb::Status opened = env->NewRandomRWFile(path, &file, rocksdb::EnvOptions());
  if (!opened.ok()) return FromRocksDb(opened, absl::StrCat("cannot open ", path));
  auto result = std::unique_ptr<HighWaterFile>(new HighWaterFile(path, std::move(file)));
  bool any = false;
  for (int slot = 0; slot < kSlots; ++slot) {
    if (contents.size() <= slot * kSlotBytes) continue;
    const auto value =
        DecodeSlot(absl::string_view(contents).substr(slot * kSlotBytes, kSlotBytes));
    if (!value.has_value()) continue;
    if (any && std::tie(value->epoch, value->sequence) <
                   std::tie(result->value_.epoch, result->value_.sequence)) {
      continue;
    }
    result->value_ = *value;
    result->next_slot_ = (slot + 1) % kSlots;
    any = true;
  }
  if (!any) {
    return absl::DataLossError(
        absl::StrCat(path, " is damaged: neither of its two slots matches its checksum"));
  }
  return result;
}

HighWaterFile::HighWaterFile(std::string path, std::unique_ptr<rocksdb::RandomRWFile> file)
    : path_(std::move(path)), file_(std::move(file)) {}

HighWaterFile::~HighWaterFile() = default;

absl::Status HighWaterFile::Write(const HighWater& value) {
  rocksdb::Status status = file_->Write(next_slot_ * kSlotBytes, EncodeSlot(value));
  if (status.ok()) status = file_->Sync();
  if (!status.ok()) return FromRocksDb(status, absl::StrCat("cannot write ", path_));
  value_ = value;
  next_slot_ = (next_slot_ + 1) % kSlots;
  return absl::OkStatus();
}

}  // namespace dmem::server
