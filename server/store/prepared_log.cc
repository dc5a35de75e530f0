// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/store/prepared_log.h"

#include <cstddef>
#include <cstdint>
#include <utility>

#include "rocksdb/slice.h"

namespace dmem::server {
namespace {

using rocksdb::DataVerificationInfo;
using rocksdb::FileOptions;
using rocksdb::FileSystem;
using rocksdb::FSRandomRWFile;
using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

constexpr size_t kPrepareBytes = 256 << 10;
// For as much as this the sync takes longer than the length, and the zeros would double it.
constexpr size_t kLargeBytes = 32 << 10;

class PreparedLog final : public FSWritableFile {
 public:
  PreparedLog(std::unique_ptr<FSWritableFile> created, std::unique_ptr<FSRandomRWFile> file)
      : created_(std::move(created)), file_(std::move(file)) {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* dbg) override {
    const uint64_t end = size_ + data.size();
    if (end > prepared_ && data.size() < kLargeBytes) {
      static const char kZeros[kPrepareBytes] = {};
      // From the end of the data on, which is written anyway.
      const IOStatus status = file_->Write(end, Slice(kZeros, sizeof(kZeros)), options, dbg);
      if (!status.ok()) return status;
      prepared_ = end + sizeof(kZeros);
    }
    IOStatus status = file_->Write(size_, data, options, dbg);
    if (status.ok()) size_ = end;
    return status;
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const DataVerificationInfo&,
                  IODebugContext* dbg) override {
    return Append(data, options, dbg);
  }
  IOStatus Truncate(uint64_t size, const IOOptions& options, IODebugContext* dbg) override {
    IOStatus status = created_->Truncate(size, options, dbg);
    if (status.ok()) size_ = prepared_ = size;
    return status;
  }
  IOStatus Flush(const IOOptions& options, IODebugContext* dbg) override {
    return file_->Flush(options, dbg);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* dbg) override {
    return file_->Sync(options, dbg);
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* dbg) override {
    return file_->Fsync(options, dbg);
  }
  bool IsSyncThreadSafe() const override { return true; }
  uint64_t GetFileSize(const IOOptions&, IODebugContext*) override { return size_; }
  IOStatus Close(const IOOptions& options, IODebugContext* dbg) override {
    IOStatus status = prepared_ > size_ ? Truncate(size_, options, dbg) : IOStatus::OK();
    if (status.ok()) status = created_->Close(options, dbg);
    const IOStatus closed = file_->Close(options, dbg);
    return status.ok() ? closed : status;
  }

 private:
  const std::unique_ptr<FSWritableFile> created_;  // To be cut off at its end.
  const std::unique_ptr<FSRandomRWFile> file_;     // The same file, to be written anywhere.
  uint64_t size_ = 0;
  uint64_t prepared_ = 0;  // Up to here the file has been written.
};

}  // namespace

IOStatus NewPreparedLog(FileSystem* file_system, const std::string& name,
                        const FileOptions& options, std::unique_ptr<FSWritableFile>* result,
                        IODebugContext* dbg) {
  std::unique_ptr<FSWritableFile> created;
  IOStatus status = file_system->NewWritableFile(name, options, &created, dbg);
  std::unique_ptr<FSRandomRWFile> file;
  if (status.ok()) status = file_system->NewRandomRWFile(name, options, &file, dbg);
  if (status.ok()) {
    *result = std::make_unique<PreparedLog>(std::move(created), std::move(file));
  }
  return status;
}

}  // namespace dmem::server
