// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/store/rocksdb_database.h"

#include <algorithm>
#include <cstdarg>
#include <cstdlib>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "rocksdb/cache.h"
#include "rocksdb/env.h"
#include "rocksdb/listener.h"
#include "rocksdb/sst_file_reader.h"
#include "rocksdb/table.h"
#include "server/store/env_files.h"
#include "server/store/log_scan.h"

namespace dmem::server {
namespace {

constexpr char kLogFamily[] = "log";
constexpr char kStateFamily[] = "state";

// Opening for reading must not make RocksDB's own log of events.
class SilentLogger : public rocksdb::Logger {
 public:
  void Logv(const char*, va_list) override {}
};

// What the first failure leaves on disk is known only by reading it again (Store). Setting
// max_bgerror_resume_count is not enough: a full disk is waited for in another way.
class NoResumption : public rocksdb::EventListener {
 public:
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }
};

rocksdb::DBOptions DatabaseWideOptions(const DatabaseOptions& options) {
  rocksdb::DBOptions result;
  result.env = options.env;
  result.paranoid_checks = true;
  result.max_bgerror_resume_count = 0;
  result.listeners.push_back(std::make_shared<NoResumption>());
  // One thread that flushes, one that compacts.
  result.max_background_jobs = 2;
  result.max_file_opening_threads = 2;
  // The other families' few bytes must not keep old write-ahead logs alive.
  result.max_total_wal_size = 4 * static_cast<uint64_t>(options.log_buffer_bytes);
  // Recycled logs cannot be told from damaged ones.
  result.recycle_log_file_num = 0;
  // One thread appends: what helps many only costs here.
  result.allow_concurrent_memtable_write = false;
  result.enable_write_thread_adaptive_yield = false;
  // Large files reach the disk as they are written: a sync of the log behind them does not wait.
  result.bytes_per_sync = 1 << 20;
  result.max_log_file_size = 1 << 20;
  result.keep_log_file_num = 4;
  result.stats_dump_period_sec = 0;
  result.stats_persist_period_sec = 0;
  result.skip_stats_update_on_db_open = true;
  return result;
}

rocksdb::ColumnFamilyOptions FamilyOptions(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions result;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.block_size = 16 << 10;
  // As table_check.h reads it.
  table.format_version = 5;
  table.checksum = rocksdb::kCRC32c;
  result.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  result.compression = rocksdb::kNoCompression;
  result.write_buffer_size = 64 << 10;
  // Stalls are for the whole database: what `state` has yet to compact must not hold up the log.
  result.level0_slowdown_writes_trigger = 1 << 20;
  result.level0_stop_writes_trigger = 1 << 20;
  result.soft_pending_compaction_bytes_limit = 0;
  result.hard_pending_compaction_bytes_limit = 0;
  return result;
}

// Keys only ever grow here, so a compaction moves files down and rewrites nothing.
rocksdb::ColumnFamilyOptions LogFamilyOptions(const DatabaseOptions& options,
                                              const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions result = FamilyOptions(cache);
  result.write_buffer_size = static_cast<size_t>(options.log_buffer_bytes);
  result.max_write_buffer_number = 3;
  return result;
}

// The write-ahead logs in the database's directory, oldest first.
absl::StatusOr<std::vector<std::string>> LogFiles(const DatabaseOptions& options) {
  std::vector<std::string> children;
  const rocksdb::Status listed = options.env->GetChildren(options.directory, &children);
  if (!listed.ok()) return FromRocksDb(listed, absl::StrCat("cannot list ", options.directory));
  std::vector<std::pair<uint64_t, std::string>> numbered;
  for (const std::string& child : children) {
    uint64_t number = 0;
    if (!absl::EndsWith(child, ".log") ||
        !absl::SimpleAtoi(child.substr(0, child.size() - 4), &number)) {
      continue;
    }
    numbered.emplace_back(number, absl::StrCat(options.directory, "/", child));
  }
  std::sort(numbered.begin(), numbered.end());
  std::vector<std::string> files;
  files.reserve(numbered.size());
  for (auto& [number, path] : numbered) files.push_back(std::move(path));
  return files;
}

}  // namespace

absl::Status RocksDbDatabase::Create(const DatabaseOptions& options) {
  rocksdb::Env* const env = options.env;
  std::vector<std::string> children;
  rocksdb::Status status = env->GetChildren(options.directory, &children);
  if (status.IsNotFound()) status = rocksdb::Status::OK();
  for (const std::string& child : children) {
    if (child == "." || child == "..") continue;
    if (status.ok()) status = env->DeleteFile(absl::StrCat(options.directory, "/", child));
  }
  if (status.ok()) status = env->CreateDirIfMissing(options.directory);
  if (!status.ok()) return FromRocksDb(status, absl::StrCat("cannot make ", options.directory));
  return OpenAs(options, Mode::kCreate).status();
}

absl::StatusOr<LogInspection> RocksDbDatabase::InspectLogs(const DatabaseOptions& options) {
  const absl::StatusOr<std::vector<std::string>> files = LogFiles(options);
  if (!files.ok()) return files.status();
  LogInspection result;
  for (const std::string& path : *files) {
    std::string contents;
    const rocksdb::Status read = rocksdb::ReadFileToString(options.env, path, &contents);
    if (!read.ok()) return FromRocksDb(read, absl::StrCat("cannot read ", path));
    const LogScan scan = ScanLog(contents);
    absl::StrAppend(&result.listing, result.listing.empty() ? "" : ", ", path, " of ", scan.records,
                    " records");
    if (!result.torn_file.empty()) {
      result.records_after |= scan.records > 0 || scan.record_after_damage;
    } else if (scan.damaged) {
      result.torn_file = path;
      result.torn_at = scan.valid_bytes;
      result.torn_bytes = std::max(scan.data_bytes, scan.valid_bytes) - scan.valid_bytes;
      result.records_after = scan.record_after_damage;
    }
  }
  return result;
}

absl::StatusOr<std::unique_ptr<RocksDbDatabase>> RocksDbDatabase::OpenForReading(
    const DatabaseOptions& options, bool up_to_damage) {
  return OpenAs(options, up_to_damage ? Mode::kReadUpToDamage : Mode::kRead);
}

absl::StatusOr<std::unique_ptr<RocksDbDatabase>> RocksDbDatabase::Open(
    const DatabaseOptions& options) {
  return OpenAs(options, Mode::kWrite);
}

absl::StatusOr<std::unique_ptr<RocksDbDatabase>> RocksDbDatabase::OpenAs(
    const DatabaseOptions& options, Mode mode) {
  rocksdb::DBOptions db_options = DatabaseWideOptions(options);
  db_options.create_if_missing = mode == Mode::kCreate;
  db_options.create_missing_column_families = mode == Mode::kCreate;
  db_options.error_if_exists = mode == Mode::kCreate;
  db_options.wal_recovery_mode = mode == Mode::kReadUpToDamage
                                     ? rocksdb::WALRecoveryMode::kPointInTimeRecovery
                                     : rocksdb::WALRecoveryMode::kAbsoluteConsistency;
  const bool reading = mode == Mode::kRead || mode == Mode::kReadUpToDamage;
  if (reading) db_options.info_log = std::make_shared<SilentLogger>();

  const auto cache = rocksdb::NewLRUCache(static_cast<size_t>(options.block_cache_bytes));
  const std::vector<rocksdb::ColumnFamilyDescriptor> families = {
      {rocksdb::kDefaultColumnFamilyName, FamilyOptions(cache)},
      {kLogFamily, LogFamilyOptions(options, cache)},
      {kStateFamily, FamilyOptions(cache)},
  };
  rocksdb::DB* db = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  const rocksdb::Status status =
      reading ? rocksdb::DB::OpenForReadOnly(db_options, options.directory, families, &handles, &db)
              : rocksdb::DB::Open(db_options, options.directory, families, &handles, &db);
  if (!status.ok()) {
    // Whatever RocksDB calls it: of a database that is there, what cannot be opened is damaged,
    // unless it is the machine that fails.
    // Of a table that is missing it gives the name that LevelDB would have used.
    const std::string text = absl::StrCat(
        "cannot open the database in ", options.directory, ": ",
        absl::StrReplaceAll(status.ToString(), {{".ldb", ".sst"}}), "; ", DescribeDamage(options));
    if (status.IsIOError() && !status.IsPathNotFound()) return absl::UnavailableError(text);
    return mode == Mode::kCreate ? absl::UnavailableError(text) : absl::DataLossError(text);
  }
  auto result = std::unique_ptr<RocksDbDatabase>(new RocksDbDatabase());
  result->db_.reset(db);
  result->meta_ = handles[0];
  result->log_ = handles[1];
  result->state_ = handles[2];
  return result;
}

RocksDbDatabase::~RocksDbDatabase() {
  for (rocksdb::ColumnFamilyHandle* handle : {meta_, log_, state_}) {
    if (handle != nullptr) db_->DestroyColumnFamilyHandle(handle).PermitUncheckedError();
  }
}

rocksdb::Options RocksDbDatabase::StateFileOptions() const { return db_->GetOptions(state_); }

std::string DescribeDamage(const DatabaseOptions& options) {
  std::vector<std::string> children;
  if (!options.env->GetChildren(options.directory, &children).ok()) {
    return absl::StrCat(options.directory, " cannot be listed");
  }
  std::sort(children.begin(), children.end());
  const std::string current_path = absl::StrCat(options.directory, "/CURRENT");
  std::string current;
  if (!rocksdb::ReadFileToString(options.env, current_path, &current).ok()) {
    return absl::StrCat(current_path, " cannot be read");
  }
  const std::string manifest = current.substr(0, current.find('\n'));
  if (std::find(children.begin(), children.end(), manifest) == children.end()) {
    return absl::StrCat(current_path, " names a file \"", manifest, "\" that is not there");
  }
  for (const std::string& child : children) {
    const std::string path = absl::StrCat(options.directory, "/", child);
    if (child == manifest) {
      std::string contents;
      if (!rocksdb::ReadFileToString(options.env, path, &contents).ok()) {
        return absl::StrCat(path, " cannot be read");
      }
      const LogScan scan = ScanLog(contents);
      if (scan.damaged) return absl::StrCat(path, " is damaged at byte ", scan.valid_bytes);
    } else if (absl::EndsWith(child, ".sst")) {
      rocksdb::Options reader_options;
      reader_options.env = options.env;
      rocksdb::SstFileReader reader(reader_options);
      rocksdb::Status status = reader.Open(path);
      if (status.ok()) status = reader.VerifyChecksum();
      if (!status.ok()) return absl::StrCat(path, " is damaged: ", status.ToString());
    }
  }
  return "each file, read alone, is intact";
}

}  // namespace dmem::server
