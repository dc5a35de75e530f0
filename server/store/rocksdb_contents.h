// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_SERVER_STORE_ROCKSDB_CONTENTS_H_
#define DMEMD_SERVER_STORE_ROCKSDB_CONTENTS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/store/rocksdb_database.h"
#include "server/store/store.h"

// Reads what a store has put into its database, and finds what is missing in it. In all functions:
// DATA_LOSS: something is missing or damaged; the text has the sequence where there is one.
// UNAVAILABLE: an I/O error.
namespace dmem::server {

// In the meta family: the newest epoch.
inline constexpr char kEpochKey[] = "epoch";
// In the state family: the checkpoint's own entry sorts before every object, so it is read first.
inline constexpr absl::string_view kCheckpointKey("\0", 1);
inline constexpr char kObjectPrefix = '\1';
inline constexpr absl::string_view kAfterObjects = "\2";

// 0 if none was ever opened.
absl::StatusOr<uint64_t> ReadEpoch(const RocksDbDatabase& database);

// The last sequence of the newest record, 0 if the log is empty.
absl::StatusOr<uint64_t> ReadLastSequence(const RocksDbDatabase& database);

struct CheckpointEntry {
  uint64_t sequence = 0;
  std::string summary;
};

// Shows `visitor` every object. The checkpoint they are of; also any error of `visitor`.
absl::StatusOr<CheckpointEntry> ReadObjects(const RocksDbDatabase& database,
                                            RecoveryVisitor& visitor);

// Shows `visitor` every record after `checkpoint_sequence`. OK means that they have no gap and
// reach `last_sequence`. Also any error of `visitor`.
absl::Status ReadRecords(const RocksDbDatabase& database, uint64_t checkpoint_sequence,
                         uint64_t last_sequence, RecoveryVisitor& visitor);

// Store::Read and Store::Kept, of an open database.
absl::Status ReadKeptRecords(const RocksDbDatabase& database, uint64_t from, uint64_t to,
                             const ReadVisitor& visit);
absl::StatusOr<KeptRecords> ReadKept(const RocksDbDatabase& database);

}  // namespace dmem::server

#endif  // DMEMD_SERVER_STORE_ROCKSDB_CONTENTS_H_
