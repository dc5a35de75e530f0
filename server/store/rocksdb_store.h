// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_SERVER_STORE_ROCKSDB_STORE_H_
#define DMEMD_SERVER_STORE_ROCKSDB_STORE_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/store/data_directory.h"
#include "server/store/high_water.h"
#include "server/store/store.h"

namespace rocksdb {
class Env;
class WriteBatch;
}  // namespace rocksdb

namespace dmem::server {

class RocksDbDatabase;

struct StoreOptions {
  // Made if it is missing; its parent must be there.
  std::string data_dir;

  // Records that a checkpoint covers are kept until the log is larger than this, then dropped from
  // the oldest by whole files (of log_buffer_bytes to 64 MiB). Newer records are always kept.
  int64_t log_retention_bytes = int64_t{1} << 30;

  // Memory: up to three buffers of this size, and the cache. At least 64 KiB.
  int64_t log_buffer_bytes = 16 << 20;
  int64_t block_cache_bytes = 32 << 20;

  // How far the high-water mark may be behind the last acknowledged record, in time. Zero: it is
  // written, at the price of a second sync, before each Append returns; infinite: on close only.
  absl::Duration high_water_interval = absl::Seconds(1);

  // Whether Append syncs. Without it a power cut loses acknowledged records: for the test that
  // shows that such a loss is noticed, and nothing else.
  bool sync = true;

  // Not owned, must outlive the store; null is the operating system's.
  rocksdb::Env* env = nullptr;
};

// The store on an embedded RocksDB. docs/store.md describes its files, and what recovery does in
// each case of damage.
//
// Thread safety: as Store.
class RocksDbStore final : public Store {
 public:
  explicit RocksDbStore(StoreOptions options);

  // Writes the high-water mark, unless the store has failed.
  ~RocksDbStore() override;

  absl::StatusOr<RecoveredLog> Recover(RecoveryVisitor& visitor) override;
  absl::Status Append(uint64_t epoch, SequenceRange range, absl::string_view record) override;
  absl::Status Checkpoint(const CheckpointDelta& delta) override;
  absl::Status Read(uint64_t from, uint64_t to, const ReadVisitor& visit) override;
  absl::StatusOr<KeptRecords> Kept() override;

 private:
  absl::Status CreateIfEmpty();
  absl::StatusOr<RecoveredLog> ReadAll(RecoveryVisitor& visitor);
  absl::Status OpenEpoch(const RecoveredLog& read);
  absl::Status IngestDelta(const CheckpointDelta& delta);
  absl::Status DropOldRecords(uint64_t checkpoint_sequence, uint64_t keep_from);

  absl::Status WriteHighWater();
  void KeepHighWater();

  absl::Status CheckUsable() const;
  // Makes `status`, an error, the reason for which every later call fails.
  absl::Status Fail(absl::Status status);

  const StoreOptions options_;
  const std::string database_dir_;
  const std::string checkpoint_path_;  // Of the file that is about to be ingested.
  const std::unique_ptr<rocksdb::Env> env_;

  bool recover_called_ = false;
  std::unique_ptr<DirectoryLock> lock_;
  std::unique_ptr<RocksDbDatabase> database_;
  uint64_t epoch_ = 0;
  std::atomic<uint64_t> last_sequence_{0};      // Durable. Written by Append only.
  uint64_t checkpoint_sequence_ = 0;            // Of Checkpoint's thread.
  std::unique_ptr<rocksdb::WriteBatch> batch_;  // Of Append's thread: keeps its memory.

  std::atomic<bool> usable_{false};
  mutable std::mutex failure_mutex_;
  absl::Status failure_;  // Guarded by failure_mutex_.

  // Guards high_water_ and stopping_. Never held together with failure_mutex_.
  std::mutex high_water_mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;
  std::unique_ptr<HighWaterFile> high_water_;
  std::thread high_water_thread_;
};

}  // namespace dmem::server

#endif  // DMEMD_SERVER_STORE_ROCKSDB_STORE_H_
