// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_SERVER_STORE_ROCKSDB_DATABASE_H_
#define DMEMD_SERVER_STORE_ROCKSDB_DATABASE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "rocksdb/db.h"
#include "rocksdb/options.h"

namespace dmem::server {

struct DatabaseOptions {
  std::string directory;
  int64_t log_buffer_bytes = 0;
  int64_t block_cache_bytes = 0;
  rocksdb::Env* env = nullptr;  // Not null.
};

// What the write-ahead logs say of how the database ended, read before anything opens it.
struct LogInspection {
  std::string listing;    // Each file's path and records, for error texts; empty if there is none.
  std::string torn_file;  // Path of the file whose end is not a whole record; empty if none.
  uint64_t torn_at = 0;   // Where the last whole record before it ends.
  uint64_t torn_bytes = 0;
  // Records follow the damage, in the same file or in a newer one: it is no torn write.
  bool records_after = false;
};

// An open RocksDB with the three column families of a store.
class RocksDbDatabase {
 public:
  // Makes the database, with nothing in it, and closes it again. Whatever is in the directory goes.
  static absl::Status Create(const DatabaseOptions& options);

  // Reads all write-ahead logs. Writes nothing.
  static absl::StatusOr<LogInspection> InspectLogs(const DatabaseOptions& options);

  // Opens for reading and writes nothing at all. With `up_to_damage` the log ends at the first
  // damage in it; without, damage is an error.
  // DATA_LOSS names the damaged file.
  static absl::StatusOr<std::unique_ptr<RocksDbDatabase>> OpenForReading(
      const DatabaseOptions& options, bool up_to_damage);

  // Opens for reading and writing. Any damage to the logs is an error.
  static absl::StatusOr<std::unique_ptr<RocksDbDatabase>> Open(const DatabaseOptions& options);

  ~RocksDbDatabase();
  RocksDbDatabase(const RocksDbDatabase&) = delete;
  RocksDbDatabase& operator=(const RocksDbDatabase&) = delete;

  rocksdb::DB* db() const { return db_.get(); }
  rocksdb::ColumnFamilyHandle* meta() const { return meta_; }
  rocksdb::ColumnFamilyHandle* log() const { return log_; }
  rocksdb::ColumnFamilyHandle* state() const { return state_; }

  // For files that `state` takes in whole.
  rocksdb::Options StateFileOptions() const;

 private:
  enum class Mode { kCreate, kRead, kReadUpToDamage, kWrite };

  RocksDbDatabase() = default;
  static absl::StatusOr<std::unique_ptr<RocksDbDatabase>> OpenAs(const DatabaseOptions& options,
                                                                 Mode mode);

  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::ColumnFamilyHandle* meta_ = nullptr;
  rocksdb::ColumnFamilyHandle* log_ = nullptr;
  rocksdb::ColumnFamilyHandle* state_ = nullptr;
};

// The text of the first file of the database in `options.directory` that is found damaged when each
// is read through, or a text that says that none is. Writes nothing. For error texts.
std::string DescribeDamage(const DatabaseOptions& options);

}  // namespace dmem::server

#endif  // DMEMD_SERVER_STORE_ROCKSDB_DATABASE_H_
