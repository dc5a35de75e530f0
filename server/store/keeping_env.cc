// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/store/keeping_env.h"

#include <atomic>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "rocksdb/env.h"
#include "rocksdb/file_system.h"
#include "server/store/prepared_log.h"
#include "server/store/table_check.h"

namespace dmem::server {
namespace {

using rocksdb::DataVerificationInfo;
using rocksdb::FileOptions;
using rocksdb::FSDirectory;
using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

// Shared by a file system and its files, which may outlive it.
class FailureNote {
 public:
  IOStatus Noted(IOStatus status) {
    if (!status.ok()) failed_.store(true, std::memory_order_relaxed);
    return status;
  }
  bool failed() const { return failed_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> failed_{false};
};

class NotingFile : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  NotingFile(std::shared_ptr<FailureNote> note, std::unique_ptr<FSWritableFile> target)
      : FSWritableFileOwnerWrapper(std::move(target)), note_(std::move(note)) {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* dbg) override {
    return note_->Noted(FSWritableFileOwnerWrapper::Append(data, options, dbg));
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const DataVerificationInfo& info,
                  IODebugContext* dbg) override {
    return note_->Noted(FSWritableFileOwnerWrapper::Append(data, options, info, dbg));
  }
  IOStatus Flush(const IOOptions& options, IODebugContext* dbg) override {
    return note_->Noted(FSWritableFileOwnerWrapper::Flush(options, dbg));
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* dbg) override {
    return note_->Noted(FSWritableFileOwnerWrapper::Sync(options, dbg));
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* dbg) override {
    return note_->Noted(FSWritableFileOwnerWrapper::Fsync(options, dbg));
  }
  IOStatus Close(const IOOptions& options, IODebugContext* dbg) override {
    return note_->Noted(FSWritableFileOwnerWrapper::Close(options, dbg));
  }

 private:
  const std::shared_ptr<FailureNote> note_;
};

class NotingDirectory : public rocksdb::FSDirectoryWrapper {
 public:
  NotingDirectory(std::shared_ptr<FailureNote> note, std::unique_ptr<FSDirectory> target)
      : FSDirectoryWrapper(std::move(target)), note_(std::move(note)) {}

  IOStatus Fsync(const IOOptions& options, IODebugContext* dbg) override {
    return note_->Noted(FSDirectoryWrapper::Fsync(options, dbg));
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* dbg,
                               const rocksdb::DirFsyncOptions& how) override {
    return note_->Noted(FSDirectoryWrapper::FsyncWithDirOptions(options, dbg, how));
  }

 private:
  const std::shared_ptr<FailureNote> note_;
};

class KeepingFileSystem : public rocksdb::FileSystemWrapper {
 public:
  using FileSystemWrapper::FileSystemWrapper;

  const char* Name() const override { return "KeepingFileSystem"; }

  IOStatus NewWritableFile(const std::string& name, const FileOptions& options,
                           std::unique_ptr<FSWritableFile>* result, IODebugContext* dbg) override {
    if (absl::EndsWith(name, ".log"))
      return Wrapped(NewPreparedLog(target(), name, options, result, dbg), result);
    return Wrapped(target()->NewWritableFile(name, options, result, dbg), result);
  }
  IOStatus ReopenWritableFile(const std::string& name, const FileOptions& options,
                              std::unique_ptr<FSWritableFile>* result,
                              IODebugContext* dbg) override {
    return Wrapped(target()->ReopenWritableFile(name, options, result, dbg), result);
  }
  IOStatus NewRandomAccessFile(const std::string& name, const FileOptions& options,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                               IODebugContext* dbg) override {
    IOStatus status = target()->NewRandomAccessFile(name, options, result, dbg);
    if (!status.ok() || !absl::EndsWith(name, ".sst")) return status;
    uint64_t size = 0;
    status = target()->GetFileSize(name, options.io_options, &size, dbg);
    if (!status.ok()) return status;
    const absl::Status table = CheckTableProperties(size, [&](uint64_t offset, size_t length) {
      std::string scratch(length, '\0');
      Slice read;
      const IOStatus outcome =
          (*result)->Read(offset, length, options.io_options, &read, scratch.data(), dbg);
      return outcome.ok() ? read.ToString() : std::string();
    });
    if (table.ok()) return status;
    result->reset();
    return IOStatus::Corruption(std::string(table.message()), name);
  }
  IOStatus NewDirectory(const std::string& name, const IOOptions& options,
                        std::unique_ptr<FSDirectory>* result, IODebugContext* dbg) override {
    IOStatus status = note_->Noted(target()->NewDirectory(name, options, result, dbg));
    if (status.ok()) *result = std::make_unique<NotingDirectory>(note_, std::move(*result));
    return status;
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* dbg) override {
    return note_->Noted(target()->RenameFile(from, to, options, dbg));
  }
  IOStatus DeleteFile(const std::string& name, const IOOptions& options,
                      IODebugContext* dbg) override {
    if (note_->failed()) return IOStatus::IOError("kept, because a write has failed", name);
    return target()->DeleteFile(name, options, dbg);
  }

 private:
  IOStatus Wrapped(IOStatus status, std::unique_ptr<FSWritableFile>* file) {
    if (status.ok()) *file = std::make_unique<NotingFile>(note_, std::move(*file));
    return note_->Noted(std::move(status));
  }

  const std::shared_ptr<FailureNote> note_ = std::make_shared<FailureNote>();
};

class KeepingEnv : public rocksdb::EnvWrapper {
 public:
  KeepingEnv(rocksdb::Env* target, const std::shared_ptr<rocksdb::FileSystem>& file_system)
      : EnvWrapper(rocksdb::NewCompositeEnv(file_system)) {
    file_system_ = file_system;
    system_clock_ = target->GetSystemClock();
  }
  const char* Name() const override { return "KeepingEnv"; }
};

}  // namespace

std::unique_ptr<rocksdb::Env> NewKeepingEnv(rocksdb::Env* target) {
  return std::make_unique<KeepingEnv>(target,
                                      std::make_shared<KeepingFileSystem>(target->GetFileSystem()));
}

}  // namespace dmem::server
