// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/store/rocksdb_store.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "rocksdb/convenience.h"
#include "rocksdb/db.h"
#include "rocksdb/env.h"
#include "rocksdb/metadata.h"
#include "rocksdb/sst_file_writer.h"
#include "rocksdb/write_batch.h"
#include "server/store/encoding.h"
#include "server/store/env_files.h"
#include "server/store/keeping_env.h"
#include "server/store/rocksdb_contents.h"
#include "server/store/rocksdb_database.h"
#include "server/store/store_checks.h"

namespace dmem::server {
namespace {

using rocksdb::Slice;

Slice ToSlice(absl::string_view s) { return Slice(s.data(), s.size()); }

DatabaseOptions DatabaseOptionsOf(const StoreOptions& options, const std::string& directory,
                                  rocksdb::Env* env) {
  DatabaseOptions result;
  result.directory = directory;
  result.log_buffer_bytes = std::max<int64_t>(options.log_buffer_bytes, 64 << 10);
  result.block_cache_bytes = options.block_cache_bytes;
  result.env = env;
  return result;
}

// Passes everything on, and tells the visitor's errors, which are returned as they are, from ours.
class ErrorKeeper final : public RecoveryVisitor {
 public:
  explicit ErrorKeeper(RecoveryVisitor& visitor) : visitor_(visitor) {}

  absl::Status OnObject(absl::string_view key, absl::string_view value) override {
    return error_ = visitor_.OnObject(key, value);
  }
  absl::Status OnCheckpoint(uint64_t sequence, absl::string_view summary) override {
    return error_ = visitor_.OnCheckpoint(sequence, summary);
  }
  absl::Status OnRecord(SequenceRange range, absl::string_view record) override {
    return error_ = visitor_.OnRecord(range, record);
  }

  const absl::Status& error() const { return error_; }

 private:
  RecoveryVisitor& visitor_;
  absl::Status error_;
};

// One line of the file that makes a checkpoint; null `value` deletes.
struct DeltaEntry {
  absl::string_view key;
  const std::string* value;
};

}  // namespace

RocksDbStore::RocksDbStore(StoreOptions options)
    : options_(std::move(options)),
      database_dir_(absl::StrCat(options_.data_dir, "/db")),
      checkpoint_path_(absl::StrCat(options_.data_dir, "/checkpoint.sst")),
      env_(NewKeepingEnv(options_.env != nullptr ? options_.env : rocksdb::Env::Default())) {}

RocksDbStore::~RocksDbStore() {
  {
    const std::lock_guard<std::mutex> lock(high_water_mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  if (high_water_thread_.joinable()) high_water_thread_.join();
  if (usable_.load()) {
    // A store that does not sync has nothing durable to speak of.
    if (options_.sync) Fail(WriteHighWater()).IgnoreError();
    usable_.store(false);
  }
}

absl::Status RocksDbStore::CheckUsable() const {
  if (usable_.load(std::memory_order_acquire)) return absl::OkStatus();
  const std::lock_guard<std::mutex> lock(failure_mutex_);
  if (failure_.ok()) return absl::FailedPreconditionError("the store is not recovered");
  return absl::FailedPreconditionError(
      absl::StrCat("the store has failed and must be recovered: ", failure_.message()));
}

absl::Status RocksDbStore::Fail(absl::Status status) {
  if (status.ok()) return status;
  const std::lock_guard<std::mutex> lock(failure_mutex_);
  usable_.store(false, std::memory_order_release);
  if (failure_.ok()) failure_ = status;
  return status;
}

absl::StatusOr<RecoveredLog> RocksDbStore::Recover(RecoveryVisitor& visitor) {
  if (recover_called_) return absl::FailedPreconditionError("Recover was called before");
  recover_called_ = true;
  absl::Status status = CreateIfEmpty();
  if (!status.ok()) return Fail(std::move(status));
  absl::StatusOr<RecoveredLog> read = ReadAll(visitor);
  if (!read.ok()) {
    Fail(read.status()).IgnoreError();
    return read;
  }
  status = OpenEpoch(*read);
  if (!status.ok()) return Fail(std::move(status));
  read->epoch = epoch_;
  usable_.store(true, std::memory_order_release);
  if (options_.sync && options_.high_water_interval > absl::ZeroDuration() &&
      options_.high_water_interval < absl::InfiniteDuration()) {
    high_water_thread_ = std::thread([this] { KeepHighWater(); });
  }
  return read;
}

absl::Status RocksDbStore::CreateIfEmpty() {
  // Looked at before it is locked: what is not ours must not get so much as a LOCK.
  absl::StatusOr<DirectoryState> state = InspectDirectory(env_.get(), options_.data_dir);
  if (!state.ok()) return state.status();
  absl::Status status;
  if (*state == DirectoryState::kEmpty) status = MakeDirectory(env_.get(), options_.data_dir);
  if (!status.ok()) return status;
  absl::StatusOr<std::unique_ptr<DirectoryLock>> lock = DirectoryLock::Acquire(options_.data_dir);
  if (!lock.ok()) return lock.status();
  lock_ = *std::move(lock);
  // Again: another process may have made a store in between.
  state = InspectDirectory(env_.get(), options_.data_dir);
  if (!state.ok()) return state.status();
  if (*state == DirectoryState::kStore) return absl::OkStatus();

  status = BeginStore(env_.get(), options_.data_dir);
  if (status.ok()) {
    status = RocksDbDatabase::Create(DatabaseOptionsOf(options_, database_dir_, env_.get()));
  }
  if (status.ok()) {
    status = HighWaterFile::Create(env_.get(), absl::StrCat(options_.data_dir, "/HIGH_WATER"));
  }
  if (status.ok()) {
    status = FromRocksDb(SyncDirectory(env_.get(), options_.data_dir),
                         absl::StrCat("cannot sync ", options_.data_dir));
  }
  if (status.ok()) status = FinishStore(env_.get(), options_.data_dir);
  return status;
}

// Reads without writing a byte, so that a refused start, for damage or by the visitor, leaves the
// directory for people to look at, and a second start sees what the first saw.
absl::StatusOr<RecoveredLog> RocksDbStore::ReadAll(RecoveryVisitor& visitor) {
  const DatabaseOptions database_options = DatabaseOptionsOf(options_, database_dir_, env_.get());
  absl::StatusOr<std::unique_ptr<HighWaterFile>> high_water =
      HighWaterFile::Open(env_.get(), absl::StrCat(options_.data_dir, "/HIGH_WATER"));
  if (!high_water.ok()) return high_water.status();
  high_water_ = *std::move(high_water);

  const std::string current = absl::StrCat(database_dir_, "/CURRENT");
  if (env_->FileExists(current).IsNotFound()) {
    return absl::DataLossError(
        absl::StrCat("store in ", options_.data_dir,
                     " refused: it has a FORMAT file, but its database has no ", current));
  }
  const absl::StatusOr<LogInspection> logs = RocksDbDatabase::InspectLogs(database_options);
  if (!logs.ok()) return logs.status();
  const bool torn = !logs->torn_file.empty();
  const auto data_loss = [&](absl::string_view what) {
    std::string text =
        absl::StrCat("store in ", options_.data_dir, " refused, nothing was changed: ", what);
    if (torn) absl::StrAppend(&text, "; ", logs->torn_file, " is damaged at byte ", logs->torn_at);
    absl::StrAppend(&text, "; write-ahead logs (*.log): ",
                    logs->listing.empty() ? absl::StrCat("none in ", database_dir_) : logs->listing,
                    "; other files: ", DescribeDamage(database_options));
    return absl::DataLossError(text);
  };
  const auto explained = [&](const absl::Status& status) {
    return absl::IsDataLoss(status) ? data_loss(status.message()) : status;
  };

  absl::StatusOr<std::unique_ptr<RocksDbDatabase>> database =
      RocksDbDatabase::OpenForReading(database_options, /*up_to_damage=*/torn);
  if (!database.ok()) return explained(database.status());
  const absl::StatusOr<uint64_t> last = ReadLastSequence(**database);
  if (!last.ok()) return explained(last.status());
  if (logs->records_after) {
    return data_loss(absl::StrCat("the log is damaged after sequence ", *last,
                                  ", and records after the damage are intact, so it is not a "
                                  "write that a power cut interrupted"));
  }
  const HighWater& acknowledged = high_water_->value();
  if (*last < acknowledged.sequence) {
    return data_loss(absl::StrCat(
        "the log ends at sequence ", *last, ", but sequence ", acknowledged.sequence,
        " was acknowledged (", options_.data_dir, "/HIGH_WATER)",
        torn ? absl::StrCat("; ", logs->torn_file, " is damaged at byte ", logs->torn_at) : ""));
  }
  const absl::StatusOr<uint64_t> epoch = ReadEpoch(**database);
  if (!epoch.ok()) return explained(epoch.status());
  if (*epoch < acknowledged.epoch) {
    return data_loss(absl::StrCat("the database is of epoch ", *epoch, ", but epoch ",
                                  acknowledged.epoch, " was opened after sequence ", *last, " (",
                                  options_.data_dir, "/HIGH_WATER)"));
  }

  ErrorKeeper keeper(visitor);
  const absl::StatusOr<CheckpointEntry> checkpoint = ReadObjects(**database, keeper);
  if (!keeper.error().ok()) return keeper.error();
  if (!checkpoint.ok()) return explained(checkpoint.status());
  if (*last < checkpoint->sequence) {
    return data_loss(absl::StrCat("the log ends at sequence ", *last,
                                  ", before the checkpoint at sequence ", checkpoint->sequence));
  }
  absl::Status status = keeper.OnCheckpoint(checkpoint->sequence, checkpoint->summary);
  if (!status.ok()) return status;
  status = ReadRecords(**database, checkpoint->sequence, *last, keeper);
  if (!keeper.error().ok()) return keeper.error();
  if (!status.ok()) return explained(status);

  epoch_ = *epoch;
  checkpoint_sequence_ = checkpoint->sequence;
  RecoveredLog read;
  read.last_sequence = *last;
  if (torn) {
    read.dropped_tail =
        absl::StrCat(logs->torn_file, ": ", logs->torn_bytes, " bytes from byte ", logs->torn_at,
                     " on are not a whole record and were dropped: a write after sequence ", *last,
                     " that was interrupted before it was acknowledged");
    database->reset();
    // The only repair. RocksDB's own way of tolerating such a tail leaves it in place and, cut off
    // between two of its steps, could show it later as damage with records after it.
    status = FromRocksDb(TruncateFileSynced(env_.get(), logs->torn_file, logs->torn_at),
                         absl::StrCat("cannot cut ", logs->torn_file));
    if (!status.ok()) return status;
  }
  return read;
}

absl::Status RocksDbStore::OpenEpoch(const RecoveredLog& read) {
  // What a crash in the middle of a checkpoint left: never ingested, so never part of the state.
  absl::Status status = FromRocksDb(DeleteFileIfExists(env_.get(), checkpoint_path_),
                                    absl::StrCat("cannot delete ", checkpoint_path_));
  if (!status.ok()) return status;
  // FORMAT may be there and not be durable, after a process that failed to sync its name: a power
  // cut would then make the store an unfinished one again, with acknowledged records in it.
  status = FromRocksDb(SyncDirectory(env_.get(), options_.data_dir),
                       absl::StrCat("cannot sync ", options_.data_dir));
  if (!status.ok()) return status;
  absl::StatusOr<std::unique_ptr<RocksDbDatabase>> database =
      RocksDbDatabase::Open(DatabaseOptionsOf(options_, database_dir_, env_.get()));
  if (!database.ok()) return database.status();
  database_ = *std::move(database);
  const absl::StatusOr<uint64_t> last = ReadLastSequence(*database_);
  if (!last.ok()) return last.status();
  if (*last != read.last_sequence) {
    return absl::DataLossError(absl::StrCat("the log in ", database_dir_,
                                            " was read up to sequence ", read.last_sequence,
                                            " and opened at ", *last));
  }
  last_sequence_.store(read.last_sequence);

  rocksdb::WriteOptions synced;
  synced.sync = true;
  ++epoch_;
  status =
      FromRocksDb(database_->db()->Put(synced, database_->meta(), kEpochKey, EncodeFixed64(epoch_)),
                  "cannot open a new epoch");
  if (!status.ok()) return status;
  batch_ = std::make_unique<rocksdb::WriteBatch>();
  return options_.sync ? WriteHighWater() : absl::OkStatus();
}

absl::Status RocksDbStore::Append(uint64_t epoch, SequenceRange range, absl::string_view record) {
  absl::Status status = CheckUsable();
  if (!status.ok()) return status;
  status =
      CheckAppend({epoch_, last_sequence_.load(std::memory_order_relaxed)}, epoch, range, record);
  if (!status.ok()) return status;

  const std::string key = EncodeLogKey(range.first);
  const std::string header = EncodeRecordHeader(range, record);
  const Slice key_part = key;
  const Slice value_parts[] = {header, ToSlice(record)};
  batch_->Clear();
  rocksdb::Status written = batch_->Put(database_->log(), rocksdb::SliceParts(&key_part, 1),
                                        rocksdb::SliceParts(value_parts, 2));
  rocksdb::WriteOptions write_options;
  write_options.sync = options_.sync;
  if (written.ok()) written = database_->db()->Write(write_options, batch_.get());
  if (!written.ok()) {
    return Fail(
        absl::UnavailableError(absl::StrCat("cannot append the record of sequences ", range.first,
                                            " to ", range.last, ": ", written.ToString())));
  }
  last_sequence_.store(range.last, std::memory_order_release);
  if (options_.sync && options_.high_water_interval <= absl::ZeroDuration()) {
    return Fail(WriteHighWater());
  }
  return absl::OkStatus();
}

absl::Status RocksDbStore::Checkpoint(const CheckpointDelta& delta) {
  absl::Status status = CheckUsable();
  if (!status.ok()) return status;
  status =
      CheckCheckpoint(checkpoint_sequence_, last_sequence_.load(std::memory_order_acquire), delta);
  if (!status.ok()) return status;
  status = IngestDelta(delta);
  if (!status.ok()) return status;
  checkpoint_sequence_ = delta.sequence;
  return Fail(DropOldRecords(delta.sequence, delta.keep_from));
}

// As a file of its own that RocksDB takes in whole: atomic, and past the write-ahead log, where
// megabytes of objects would stand before the next records. Objects, summary and sequence are in
// one column family because one file is what is atomic.
absl::Status RocksDbStore::IngestDelta(const CheckpointDelta& delta) {
  std::vector<DeltaEntry> entries;
  entries.reserve(delta.puts.size() + delta.deletes.size());
  for (const StoredObject& object : delta.puts) entries.push_back({object.key, &object.value});
  for (const std::string& key : delta.deletes) entries.push_back({key, nullptr});
  std::sort(entries.begin(), entries.end(),
            [](const DeltaEntry& a, const DeltaEntry& b) { return a.key < b.key; });
  for (size_t i = 1; i < entries.size(); ++i) {
    if (entries[i].key == entries[i - 1].key) {
      return absl::InvalidArgumentError("a checkpoint has the same object twice");
    }
  }

  // Deleted, not truncated: after a crash between RocksDB's link and unlink, this name is a second
  // one of a file that belongs to the database.
  rocksdb::Status status = DeleteFileIfExists(env_.get(), checkpoint_path_);
  const rocksdb::Options file_options = database_->StateFileOptions();
  rocksdb::SstFileWriter writer(rocksdb::EnvOptions(file_options), file_options,
                                database_->state());
  if (status.ok()) status = writer.Open(checkpoint_path_);
  const std::string object_prefix(1, kObjectPrefix);
  if (status.ok() && delta.replace_all) {
    // Older than the objects in the same file, which therefore stay.
    status = writer.DeleteRange(object_prefix, ToSlice(kAfterObjects));
  }
  std::string buffer = EncodeFixed64(delta.sequence) + delta.summary;
  if (status.ok()) status = writer.Put(ToSlice(kCheckpointKey), buffer);
  for (const DeltaEntry& entry : entries) {
    if (!status.ok()) break;
    buffer.assign(1, kObjectPrefix);
    buffer.append(entry.key.data(), entry.key.size());
    status = entry.value != nullptr ? writer.Put(buffer, *entry.value) : writer.Delete(buffer);
  }
  if (status.ok()) status = writer.Finish();
  rocksdb::IngestExternalFileOptions ingest;
  ingest.move_files = true;
  ingest.failed_move_fall_back_to_copy = false;
  ingest.write_global_seqno = false;
  if (status.ok()) {
    status = database_->db()->IngestExternalFile(database_->state(), {checkpoint_path_}, ingest);
  }
  if (status.ok()) return absl::OkStatus();
  return Fail(absl::UnavailableError(absl::StrCat("cannot make the checkpoint at sequence ",
                                                  delta.sequence, ": ", status.ToString())));
}

absl::Status RocksDbStore::DropOldRecords(uint64_t checkpoint_sequence, uint64_t keep_from) {
  rocksdb::ColumnFamilyMetaData metadata;
  database_->db()->GetColumnFamilyMetaData(database_->log(), &metadata);
  std::vector<rocksdb::SstFileMetaData> files;
  for (const rocksdb::LevelMetaData& level : metadata.levels) {
    files.insert(files.end(), level.files.begin(), level.files.end());
  }
  std::sort(files.begin(), files.end(),
            [](const auto& a, const auto& b) { return a.smallestkey > b.smallestkey; });
  uint64_t kept_bytes = 0;
  const auto limit = static_cast<uint64_t>(std::max<int64_t>(options_.log_retention_bytes, 0));
  const auto too_many = std::find_if(files.begin(), files.end(), [&](const auto& file) {
    kept_bytes += file.size;
    return kept_bytes > limit;
  });
  const std::string unwanted = EncodeLogKey(keep_from);
  const bool is_too_old = std::any_of(files.begin(), files.end(),
                                      [&](const auto& file) { return file.largestkey < unwanted; });
  if (too_many == files.end() && !is_too_old) return absl::OkStatus();

  // The record that the checkpoint is at stays, whatever its size: recovery finds by it that the
  // log reaches the checkpoint.
  const std::unique_ptr<rocksdb::Iterator> it(
      database_->db()->NewIterator(rocksdb::ReadOptions(), database_->log()));
  it->SeekForPrev(EncodeLogKey(checkpoint_sequence));
  if (!it->status().ok()) return FromRocksDb(it->status(), "cannot find the checkpoint's record");
  if (!it->Valid()) return absl::OkStatus();
  const std::string checkpoint = it->key().ToString();
  // Whole files before `end` go, and the one that is too many ends before `end` at the latest. The
  // record that holds `keep_from` may begin before it.
  std::string end = is_too_old ? unwanted : std::string();
  if (is_too_old) {
    it->SeekForPrev(unwanted);
    if (!it->status().ok()) return absl::OkStatus();  // What is damaged is not dropped by its age.
    if (it->Valid()) end = it->key().ToString();
  }
  if (too_many != files.end()) {
    end = std::max(end, too_many == files.begin() ? checkpoint : (too_many - 1)->smallestkey);
  }
  end = std::min(end, checkpoint);
  const Slice end_slice = end;
  return FromRocksDb(rocksdb::DeleteFilesInRange(database_->db(), database_->log(), nullptr,
                                                 &end_slice, /*include_end=*/false),
                     "cannot drop old records");
}

absl::Status RocksDbStore::Read(uint64_t from, uint64_t to, const ReadVisitor& visit) {
  if (database_ == nullptr) return absl::FailedPreconditionError("the store is not recovered");
  if (from > last_sequence_.load(std::memory_order_acquire)) return absl::OkStatus();
  return ReadKeptRecords(*database_, from, to, visit);
}

absl::StatusOr<KeptRecords> RocksDbStore::Kept() {
  if (database_ == nullptr) return absl::FailedPreconditionError("the store is not recovered");
  return ReadKept(*database_);
}

absl::Status RocksDbStore::WriteHighWater() {
  const std::lock_guard<std::mutex> lock(high_water_mutex_);
  const HighWater value{epoch_, last_sequence_.load(std::memory_order_acquire)};
  const HighWater& written = high_water_->value();
  if (value.epoch == written.epoch && value.sequence == written.sequence) return absl::OkStatus();
  return high_water_->Write(value);
}

void RocksDbStore::KeepHighWater() {
  const auto interval = absl::ToChronoNanoseconds(options_.high_water_interval);
  while (usable_.load()) {
    {
      std::unique_lock<std::mutex> lock(high_water_mutex_);
      if (stop_.wait_for(lock, interval, [this] { return stopping_; })) return;
    }
    Fail(WriteHighWater()).IgnoreError();
  }
}

}  // namespace dmem::server
