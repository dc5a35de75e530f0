// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_SERVER_STORE_DATA_DIRECTORY_H_
#define DMEMD_SERVER_STORE_DATA_DIRECTORY_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace rocksdb {
class Env;
}  // namespace rocksdb

namespace dmem::server {

// The format that this program writes. It reads no other.
inline constexpr int kStoreFormat = 2;

// Exclusive use of a data directory, by its file LOCK, until destruction. The kernel drops it when
// the process ends, however it ends. Not through rocksdb::Env: it has no meaning after a power cut.
class DirectoryLock {
 public:
  // FAILED_PRECONDITION: held by another process, or by another lock in this one; the text has the
  //   directory and the holder's pid. Or `directory` is not writable.
  static absl::StatusOr<std::unique_ptr<DirectoryLock>> Acquire(const std::string& directory);

  ~DirectoryLock();
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  explicit DirectoryLock(int fd) : fd_(fd) {}

  const int fd_;
};

enum class DirectoryState {
  kEmpty,       // Missing, or without anything that could be data.
  kUnfinished,  // A store was being made here: nothing in it was ever acknowledged.
  kStore,       // A store of our format.
};

// What `directory` is. Writes nothing.
// FAILED_PRECONDITION: not empty and not a store; a store of another format; not a directory.
// DATA_LOSS: its FORMAT is unreadable.
absl::StatusOr<DirectoryState> InspectDirectory(rocksdb::Env* env, const std::string& directory);

// Makes the directory itself, not its parent, durably; OK if it is there.
absl::Status MakeDirectory(rocksdb::Env* env, const std::string& directory);

// Making a store: BeginStore, then everything in it, synced, then FinishStore, which makes it one.
// A crash in between leaves kUnfinished.
absl::Status BeginStore(rocksdb::Env* env, const std::string& directory);
absl::Status FinishStore(rocksdb::Env* env, const std::string& directory);

}  // namespace dmem::server

#endif  // DMEMD_SERVER_STORE_DATA_DIRECTORY_H_
