// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_SERVER_STORE_TESTING_DISK_MODEL_H_
#define DMEMD_SERVER_STORE_TESTING_DISK_MODEL_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace dmem::server {

// What a disk would hold of the files below one directory, if the power went now. Keeps the files
// reachable that still have to be restored, as hard links in a directory beside it.
//
// Told of each change before it is made on the real files (deletes, renames, overwrites) or after
// (creations, appends). Thread-compatible.
class DiskModel {
 public:
  explicit DiskModel(const std::string& root);
  ~DiskModel();
  DiskModel(const DiskModel&) = delete;
  DiskModel& operator=(const DiskModel&) = delete;

  struct File;
  using FilePtr = std::shared_ptr<File>;

  // The file that `path` names; null if it is outside the model.
  FilePtr Find(const std::string& path) const;

  // After `path` was created. The file it names.
  FilePtr Created(const std::string& path);
  void DirectoryCreated(const std::string& path);
  void Deleted(const std::string& path);
  void DirectoryDeleted(const std::string& path);
  void Renamed(const std::string& from, const std::string& to);
  void Linked(const std::string& from, const std::string& to);
  void DirectorySynced(const std::string& path);

  void Appended(File& file, uint64_t bytes);
  // Before the bytes from `offset` on are overwritten.
  void Overwriting(File& file, uint64_t offset, uint64_t bytes);
  // Before it is cut to `size`.
  void Truncating(File& file, uint64_t size);
  void Synced(File& file);

  // Makes the real files what the disk would hold. With `random` some of what was not synced is
  // kept; without, none.
  void Settle(std::mt19937_64* random);

 private:
  // One change to the names of a directory: `name` becomes `file`, or nothing. A rename within a
  // directory is one change with two names.
  struct Names {
    std::map<std::string, FilePtr> set;
    std::vector<std::string> unset;
  };
  struct Directory {
    std::map<std::string, FilePtr> durable;
    std::vector<Names> pending;
  };

  bool Inside(const std::string& path) const;
  FilePtr NewFile(const std::string& path, uint64_t durable_size, bool is_directory);
  void Adopt(const std::string& directory);
  Directory& ParentOf(const std::string& path);

  const std::string root_;
  const std::string side_directory_;
  uint64_t next_file_ = 0;
  std::map<std::string, FilePtr> current_;  // By path.
  std::map<std::string, Directory> directories_;
};

// `path` without repeated or trailing slashes.
std::string NormalizedPath(absl::string_view path);

}  // namespace dmem::server

#endif  // DMEMD_SERVER_STORE_TESTING_DISK_MODEL_H_
