// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/store/rocksdb_contents.h"

#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "rocksdb/db.h"
#include "server/store/encoding.h"
#include "server/store/env_files.h"

namespace dmem::server {
namespace {

absl::string_view ToView(const rocksdb::Slice& s) { return absl::string_view(s.data(), s.size()); }

rocksdb::ReadOptions SequentialRead() {
  rocksdb::ReadOptions options;
  options.verify_checksums = true;
  options.fill_cache = false;
  options.readahead_size = 2 << 20;
  return options;
}

}  // namespace

absl::StatusOr<uint64_t> ReadLastSequence(const RocksDbDatabase& database) {
  const std::unique_ptr<rocksdb::Iterator> it(
      database.db()->NewIterator(rocksdb::ReadOptions(), database.log()));
  it->SeekToLast();
  if (!it->status().ok()) return FromRocksDb(it->status(), "cannot read the end of the log");
  if (!it->Valid()) return 0;
  const std::optional<uint64_t> first = DecodeLogKey(ToView(it->key()));
  const auto decoded = first.has_value() ? DecodeRecord(*first, ToView(it->value())) : std::nullopt;
  if (!decoded.has_value()) {
    return absl::DataLossError(absl::StrCat("the last record of the log, at sequence ",
                                            first.value_or(0), ", does not match its checksum"));
  }
  return decoded->range.last;
}

absl::StatusOr<uint64_t> ReadEpoch(const RocksDbDatabase& database) {
  std::string value;
  const rocksdb::Status read =
      database.db()->Get(rocksdb::ReadOptions(), database.meta(), kEpochKey, &value);
  if (read.IsNotFound()) return 0;
  if (!read.ok()) return FromRocksDb(read, "cannot read the epoch");
  const std::optional<uint64_t> epoch = DecodeFixed64(value);
  if (!epoch.has_value()) return absl::DataLossError("the epoch is unreadable");
  return *epoch;
}

absl::StatusOr<CheckpointEntry> ReadObjects(const RocksDbDatabase& database,
                                            RecoveryVisitor& visitor) {
  const std::unique_ptr<rocksdb::Iterator> it(
      database.db()->NewIterator(SequentialRead(), database.state()));
  it->SeekToFirst();
  CheckpointEntry checkpoint;
  if (it->Valid()) {
    const absl::string_view value = ToView(it->value());
    const std::optional<uint64_t> sequence = DecodeFixed64(value.substr(0, 8));
    if (ToView(it->key()) != kCheckpointKey || !sequence.has_value()) {
      return absl::DataLossError("the state does not begin with its checkpoint");
    }
    checkpoint.sequence = *sequence;
    checkpoint.summary = std::string(value.substr(8));
    for (it->Next(); it->Valid(); it->Next()) {
      absl::string_view key = ToView(it->key());
      if (key.empty() || key[0] != kObjectPrefix) {
        return absl::DataLossError("the state has an entry that is not an object");
      }
      absl::Status status = visitor.OnObject(key.substr(1), ToView(it->value()));
      if (!status.ok()) return status;
    }
  }
  if (!it->status().ok()) return FromRocksDb(it->status(), "cannot read the state");
  return checkpoint;
}

absl::Status ReadRecords(const RocksDbDatabase& database, uint64_t checkpoint_sequence,
                         uint64_t last_sequence, RecoveryVisitor& visitor) {
  const std::unique_ptr<rocksdb::Iterator> it(
      database.db()->NewIterator(SequentialRead(), database.log()));
  uint64_t next = checkpoint_sequence + 1;
  for (it->Seek(EncodeLogKey(next)); it->Valid(); it->Next()) {
    const std::optional<uint64_t> first = DecodeLogKey(ToView(it->key()));
    if (!first.has_value()) return absl::DataLossError("the log has a key that is no sequence");
    if (*first != next) {
      return absl::DataLossError(
          absl::StrCat("the log has no sequence ", next, ": the next record begins at ", *first));
    }
    const auto decoded = DecodeRecord(*first, ToView(it->value()));
    if (!decoded.has_value()) {
      return absl::DataLossError(
          absl::StrCat("the record at sequence ", next, " does not match its checksum"));
    }
    absl::Status status = visitor.OnRecord(decoded->range, decoded->record);
    if (!status.ok()) return status;
    next = decoded->range.last + 1;
  }
  if (!it->status().ok()) {
    return FromRocksDb(it->status(), absl::StrCat("cannot read the log at sequence ", next));
  }
  if (next != last_sequence + 1) {
    return absl::DataLossError(
        absl::StrCat("the log has no sequence ", next, ", but later ones up to ", last_sequence));
  }
  return absl::OkStatus();
}

absl::Status ReadKeptRecords(const RocksDbDatabase& database, uint64_t from, uint64_t to,
                             const ReadVisitor& visit) {
  rocksdb::ReadOptions options;
  options.verify_checksums = true;
  const std::unique_ptr<rocksdb::Iterator> it(database.db()->NewIterator(options, database.log()));
  uint64_t next = from;
  it->SeekForPrev(EncodeLogKey(from));
  if (it->status().ok() && !it->Valid()) {
    return absl::OutOfRangeError(absl::StrCat("sequence ", from, " is no longer kept"));
  }
  for (; it->Valid() && next <= to; it->Next()) {
    const std::optional<uint64_t> first = DecodeLogKey(ToView(it->key()));
    if (!first.has_value()) return absl::DataLossError("the log has a key that is no sequence");
    const auto decoded = DecodeRecord(*first, ToView(it->value()));
    if (!decoded.has_value()) {
      return absl::DataLossError(
          absl::StrCat("the kept record at sequence ", *first, " does not match its checksum"));
    }
    if (*first > next || decoded->range.last < next) {
      return absl::DataLossError(absl::StrCat("the kept records have no sequence ", next));
    }
    if (!visit(decoded->range, decoded->record)) return absl::OkStatus();
    next = decoded->range.last + 1;
  }
  if (it->status().ok()) return absl::OkStatus();
  return FromRocksDb(it->status(),
                     absl::StrCat("cannot read the kept records from sequence ", next, " on"));
}

absl::StatusOr<KeptRecords> ReadKept(const RocksDbDatabase& database) {
  KeptRecords kept;
  const std::unique_ptr<rocksdb::Iterator> it(
      database.db()->NewIterator(rocksdb::ReadOptions(), database.log()));
  it->SeekToFirst();
  if (!it->status().ok()) return FromRocksDb(it->status(), "cannot read the oldest kept record");
  if (it->Valid()) kept.oldest_sequence = DecodeLogKey(ToView(it->key())).value_or(0);
  uint64_t tables = 0, buffers = 0;
  database.db()->GetIntProperty(database.log(), rocksdb::DB::Properties::kTotalSstFilesSize,
                                &tables);
  database.db()->GetIntProperty(database.log(), rocksdb::DB::Properties::kCurSizeAllMemTables,
                                &buffers);
  kept.bytes = tables + buffers;
  return kept;
}

}  // namespace dmem::server
