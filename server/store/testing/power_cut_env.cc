// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/store/testing/power_cut_env.h"

#include <limits>
#include <mutex>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "rocksdb/env.h"
#include "rocksdb/file_system.h"
#include "rocksdb/system_clock.h"
#include "server/store/testing/disk_model.h"

namespace dmem::server {

using rocksdb::FileOptions;
using rocksdb::FileSystem;
using rocksdb::FSDirectory;
using rocksdb::FSRandomRWFile;
using rocksdb::FSWritableFile;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

IOStatus PowerIsCut() { return IOStatus::IOError("the power is cut"); }

}  // namespace

// Counts operations, decides which of them fail, and keeps the model. One lock around each
// operation, the real one included: the order in the model is the order on the files.
class PowerCutFileSystem : public rocksdb::FileSystemWrapper {
 public:
  explicit PowerCutFileSystem(const std::string& root)
      : FileSystemWrapper(FileSystem::Default()), model_(root) {}

  const char* Name() const override { return "PowerCutFileSystem"; }

  // Decided under the lock, at the start of an operation.
  enum class Fate {
    kDone,
    kDoneThenCut,  // The power goes while it is under way.
    kFullDisk,
    kNothing,  // The power was cut before.
  };

  std::mutex& mutex() { return mutex_; }
  DiskModel& model() { return model_; }

  Fate Begin() {
    if (cut_) return Fate::kNothing;
    const int64_t number = operations_++;
    if (number >= cut_at_) {
      cut_ = true;
      return Fate::kDoneThenCut;
    }
    if (number == fail_at_ || (fail_later_ && number > fail_at_)) return Fate::kFullDisk;
    return Fate::kDone;
  }

  // An operation that changes something: `change` makes it and tells the model.
  template <typename Change>
  IOStatus Do(const Change& change) {
    const std::lock_guard<std::mutex> lock(mutex_);
    switch (Begin()) {
      case Fate::kNothing:
        return PowerIsCut();
      case Fate::kFullDisk:
        return IOStatus::NoSpace("the disk is full");
      case Fate::kDone:
        return change();
      case Fate::kDoneThenCut:
        change().PermitUncheckedError();
        return PowerIsCut();
    }
    return IOStatus::OK();
  }

  // A sync: when the power goes under it, it has done nothing.
  template <typename Mark>
  IOStatus Sync(const Mark& mark) {
    const std::lock_guard<std::mutex> lock(mutex_);
    switch (Begin()) {
      case Fate::kNothing:
      case Fate::kDoneThenCut:
        return PowerIsCut();
      case Fate::kFullDisk:
        return IOStatus::NoSpace("the disk is full");
      case Fate::kDone:
        mark();
        return IOStatus::OK();
    }
    return IOStatus::OK();
  }

  IOStatus CheckPower() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (cut_) return PowerIsCut();
    return IOStatus::OK();
  }

  int64_t operations() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return operations_;
  }
  bool is_cut() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return cut_;
  }
  void Cut() {
    const std::lock_guard<std::mutex> lock(mutex_);
    cut_ = true;
  }
  void CutAt(int64_t operation) {
    const std::lock_guard<std::mutex> lock(mutex_);
    cut_at_ = operation;
  }
  void FailAt(int64_t operation, bool and_later) {
    const std::lock_guard<std::mutex> lock(mutex_);
    fail_at_ = operation;
    fail_later_ = and_later;
  }
  void StopFailing() {
    const std::lock_guard<std::mutex> lock(mutex_);
    fail_at_ = kNever;
    fail_later_ = false;
  }

  IOStatus NewWritableFile(const std::string& name, const FileOptions& options,
                           std::unique_ptr<FSWritableFile>* result, IODebugContext* dbg) override;
  IOStatus ReopenWritableFile(const std::string& name, const FileOptions& options,
                              std::unique_ptr<FSWritableFile>* result,
                              IODebugContext* dbg) override;
  IOStatus ReuseWritableFile(const std::string&, const std::string&, const FileOptions&,
                             std::unique_ptr<FSWritableFile>*, IODebugContext*) override {
    return IOStatus::NotSupported("ReuseWritableFile");
  }
  IOStatus NewRandomRWFile(const std::string& name, const FileOptions& options,
                           std::unique_ptr<FSRandomRWFile>* result, IODebugContext* dbg) override;
  IOStatus NewDirectory(const std::string& name, const IOOptions& options,
                        std::unique_ptr<FSDirectory>* result, IODebugContext* dbg) override;

  IOStatus DeleteFile(const std::string& name, const IOOptions& options,
                      IODebugContext* dbg) override {
    return Do([&] {
      IOStatus status = target()->DeleteFile(name, options, dbg);
      if (status.ok()) model_.Deleted(NormalizedPath(name));
      return status;
    });
  }

  IOStatus Truncate(const std::string& name, size_t size, const IOOptions& options,
                    IODebugContext* dbg) override {
    return Do([&] {
      const DiskModel::FilePtr file = model_.Find(NormalizedPath(name));
      if (file != nullptr) model_.Truncating(*file, size);
      return target()->Truncate(name, size, options, dbg);
    });
  }

  IOStatus CreateDir(const std::string& name, const IOOptions& options,
                     IODebugContext* dbg) override {
    return Do([&] {
      IOStatus status = target()->CreateDir(name, options, dbg);
      if (status.ok()) model_.DirectoryCreated(NormalizedPath(name));
      return status;
    });
  }

  IOStatus CreateDirIfMissing(const std::string& name, const IOOptions& options,
                              IODebugContext* dbg) override {
    return Do([&] {
      IOStatus status = target()->CreateDirIfMissing(name, options, dbg);
      if (status.ok()) model_.DirectoryCreated(NormalizedPath(name));
      return status;
    });
  }

  IOStatus DeleteDir(const std::string& name, const IOOptions& options,
                     IODebugContext* dbg) override {
    return Do([&] {
      IOStatus status = target()->DeleteDir(name, options, dbg);
      if (status.ok()) model_.DirectoryDeleted(NormalizedPath(name));
      return status;
    });
  }

  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* dbg) override {
    return Do([&] {
      IOStatus status = target()->RenameFile(from, to, options, dbg);
      if (status.ok()) model_.Renamed(NormalizedPath(from), NormalizedPath(to));
      return status;
    });
  }

  IOStatus LinkFile(const std::string& from, const std::string& to, const IOOptions& options,
                    IODebugContext* dbg) override {
    return Do([&] {
      IOStatus status = target()->LinkFile(from, to, options, dbg);
      if (status.ok()) model_.Linked(NormalizedPath(from), NormalizedPath(to));
      return status;
    });
  }

  // Without power nothing can be read either.
  IOStatus NewSequentialFile(const std::string& name, const FileOptions& options,
                             std::unique_ptr<rocksdb::FSSequentialFile>* result,
                             IODebugContext* dbg) override {
    const IOStatus power = CheckPower();
    return power.ok() ? target()->NewSequentialFile(name, options, result, dbg) : power;
  }
  IOStatus NewRandomAccessFile(const std::string& name, const FileOptions& options,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                               IODebugContext* dbg) override {
    const IOStatus power = CheckPower();
    return power.ok() ? target()->NewRandomAccessFile(name, options, result, dbg) : power;
  }
  IOStatus FileExists(const std::string& name, const IOOptions& options,
                      IODebugContext* dbg) override {
    const IOStatus power = CheckPower();
    return power.ok() ? target()->FileExists(name, options, dbg) : power;
  }
  IOStatus GetChildren(const std::string& name, const IOOptions& options,
                       std::vector<std::string>* result, IODebugContext* dbg) override {
    const IOStatus power = CheckPower();
    return power.ok() ? target()->GetChildren(name, options, result, dbg) : power;
  }

 private:
  mutable std::mutex mutex_;  // Guards everything below.
  DiskModel model_;
  int64_t operations_ = 0;
  int64_t cut_at_ = kNever;
  int64_t fail_at_ = kNever;
  bool fail_later_ = false;
  bool cut_ = false;
};

namespace {

// `file` is null for a file outside the model: its operations count, and nothing else.
class WritableFile : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  WritableFile(PowerCutFileSystem* file_system, DiskModel::FilePtr file,
               std::unique_ptr<FSWritableFile> target)
      : FSWritableFileOwnerWrapper(std::move(target)),
        file_system_(file_system),
        file_(std::move(file)) {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* dbg) override {
    const std::lock_guard<std::mutex> lock(file_system_->mutex());
    const PowerCutFileSystem::Fate fate = file_system_->Begin();
    if (fate == PowerCutFileSystem::Fate::kNothing) return PowerIsCut();
    const bool full = fate == PowerCutFileSystem::Fate::kFullDisk;
    const Slice written(data.data(), full ? data.size() / 2 : data.size());
    IOStatus status = FSWritableFileOwnerWrapper::Append(written, options, dbg);
    if (status.ok() && file_ != nullptr) file_system_->model().Appended(*file_, written.size());
    if (full) return IOStatus::NoSpace("the disk is full");
    if (fate == PowerCutFileSystem::Fate::kDoneThenCut) return PowerIsCut();
    return status;
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo&,
                  IODebugContext* dbg) override {
    return Append(data, options, dbg);
  }
  IOStatus PositionedAppend(const Slice&, uint64_t, const IOOptions&, IODebugContext*) override {
    return IOStatus::NotSupported("PositionedAppend");
  }
  IOStatus PositionedAppend(const Slice&, uint64_t, const IOOptions&,
                            const rocksdb::DataVerificationInfo&, IODebugContext*) override {
    return IOStatus::NotSupported("PositionedAppend");
  }
  IOStatus Truncate(uint64_t size, const IOOptions& options, IODebugContext* dbg) override {
    return file_system_->Do([&] {
      if (file_ != nullptr) file_system_->model().Truncating(*file_, size);
      return FSWritableFileOwnerWrapper::Truncate(size, options, dbg);
    });
  }
  IOStatus Sync(const IOOptions&, IODebugContext*) override {
    return file_system_->Sync([&] {
      if (file_ != nullptr) file_system_->model().Synced(*file_);
    });
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* dbg) override {
    return Sync(options, dbg);
  }
  // Starts writing, promises nothing.
  IOStatus RangeSync(uint64_t, uint64_t, const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();
  }
  // Space set aside would be cut off again on close, behind the model's back.
  void PrepareWrite(size_t, size_t, const IOOptions&, IODebugContext*) override {}
  IOStatus Allocate(uint64_t, uint64_t, const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();
  }

 private:
  PowerCutFileSystem* const file_system_;
  const DiskModel::FilePtr file_;
};

class RandomRWFile : public rocksdb::FSRandomRWFileOwnerWrapper {
 public:
  RandomRWFile(PowerCutFileSystem* file_system, DiskModel::FilePtr file,
               std::unique_ptr<FSRandomRWFile> target)
      : FSRandomRWFileOwnerWrapper(std::move(target)),
        file_system_(file_system),
        file_(std::move(file)) {}

  IOStatus Write(uint64_t offset, const Slice& data, const IOOptions& options,
                 IODebugContext* dbg) override {
    return file_system_->Do([&] {
      if (file_ != nullptr) file_system_->model().Overwriting(*file_, offset, data.size());
      return FSRandomRWFileOwnerWrapper::Write(offset, data, options, dbg);
    });
  }
  IOStatus Sync(const IOOptions&, IODebugContext*) override {
    return file_system_->Sync([&] {
      if (file_ != nullptr) file_system_->model().Synced(*file_);
    });
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* dbg) override {
    return Sync(options, dbg);
  }

 private:
  PowerCutFileSystem* const file_system_;
  const DiskModel::FilePtr file_;
};

class SyncedDirectory : public FSDirectory {
 public:
  SyncedDirectory(PowerCutFileSystem* file_system, std::string path)
      : file_system_(file_system), path_(std::move(path)) {}

  IOStatus Fsync(const IOOptions&, IODebugContext*) override {
    return file_system_->Sync([&] { file_system_->model().DirectorySynced(path_); });
  }
  IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }

 private:
  PowerCutFileSystem* const file_system_;
  const std::string path_;
};

}  // namespace

IOStatus PowerCutFileSystem::NewWritableFile(const std::string& name, const FileOptions& options,
                                             std::unique_ptr<FSWritableFile>* result,
                                             IODebugContext* dbg) {
  return Do([&] {
    const std::string path = NormalizedPath(name);
    DiskModel::FilePtr file = model_.Find(path);
    if (file != nullptr) model_.Truncating(*file, 0);
    std::unique_ptr<FSWritableFile> opened;
    IOStatus status = target()->NewWritableFile(name, options, &opened, dbg);
    if (!status.ok()) return status;
    if (file == nullptr) file = model_.Created(path);
    *result = std::make_unique<WritableFile>(this, std::move(file), std::move(opened));
    return status;
  });
}

IOStatus PowerCutFileSystem::ReopenWritableFile(const std::string& name, const FileOptions& options,
                                                std::unique_ptr<FSWritableFile>* result,
                                                IODebugContext* dbg) {
  return Do([&] {
    const std::string path = NormalizedPath(name);
    std::unique_ptr<FSWritableFile> opened;
    IOStatus status = target()->ReopenWritableFile(name, options, &opened, dbg);
    if (!status.ok()) return status;
    DiskModel::FilePtr file = model_.Find(path);
    if (file == nullptr) file = model_.Created(path);
    *result = std::make_unique<WritableFile>(this, std::move(file), std::move(opened));
    return status;
  });
}

IOStatus PowerCutFileSystem::NewRandomRWFile(const std::string& name, const FileOptions& options,
                                             std::unique_ptr<FSRandomRWFile>* result,
                                             IODebugContext* dbg) {
  IOStatus power = CheckPower();
  if (!power.ok()) return power;
  const std::lock_guard<std::mutex> lock(mutex_);
  std::unique_ptr<FSRandomRWFile> opened;
  IOStatus status = target()->NewRandomRWFile(name, options, &opened, dbg);
  if (!status.ok()) return status;
  *result =
      std::make_unique<RandomRWFile>(this, model_.Find(NormalizedPath(name)), std::move(opened));
  return status;
}

IOStatus PowerCutFileSystem::NewDirectory(const std::string& name, const IOOptions& options,
                                          std::unique_ptr<FSDirectory>* result,
                                          IODebugContext* dbg) {
  IOStatus power = CheckPower();
  if (!power.ok()) return power;
  std::unique_ptr<FSDirectory> opened;
  IOStatus status = target()->NewDirectory(name, options, &opened, dbg);
  if (status.ok()) *result = std::make_unique<SyncedDirectory>(this, NormalizedPath(name));
  return status;
}

namespace {

// RocksDB waits a second after a failed flush, in case it helps. Here it never does.
class ImpatientClock : public rocksdb::SystemClockWrapper {
 public:
  using SystemClockWrapper::SystemClockWrapper;
  const char* Name() const override { return "ImpatientClock"; }
  void SleepForMicroseconds(int) override { std::this_thread::yield(); }
};

class PowerCutRocksDbEnv : public rocksdb::EnvWrapper {
 public:
  explicit PowerCutRocksDbEnv(const std::shared_ptr<FileSystem>& file_system)
      : EnvWrapper(rocksdb::NewCompositeEnv(file_system)) {
    file_system_ = file_system;
    system_clock_ = std::make_shared<ImpatientClock>(rocksdb::SystemClock::Default());
  }
  const char* Name() const override { return "PowerCutEnv"; }
};

}  // namespace

PowerCutEnv::PowerCutEnv(const std::string& root)
    : file_system_(std::make_shared<PowerCutFileSystem>(root)),
      env_(std::make_unique<PowerCutRocksDbEnv>(file_system_)) {}

PowerCutEnv::~PowerCutEnv() = default;

rocksdb::Env* PowerCutEnv::env() { return env_.get(); }
int64_t PowerCutEnv::operations() const { return file_system_->operations(); }
void PowerCutEnv::Cut() { file_system_->Cut(); }
void PowerCutEnv::CutAt(int64_t operation) { file_system_->CutAt(operation); }
bool PowerCutEnv::is_cut() const { return file_system_->is_cut(); }
void PowerCutEnv::FailAt(int64_t operation, bool and_later) {
  file_system_->FailAt(operation, and_later);
}
void PowerCutEnv::StopFailing() { file_system_->StopFailing(); }

void PowerCutEnv::Settle(Unsynced unsynced, uint64_t seed) {
  std::mt19937_64 random(seed);
  file_system_->model().Settle(unsynced == Unsynced::kPartKept ? &random : nullptr);
}

}  // namespace dmem::server
