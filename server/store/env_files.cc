// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/store/env_files.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"

namespace dmem::server {

using rocksdb::EnvOptions;
using rocksdb::Slice;
using rocksdb::Status;

absl::Status FromRocksDb(const Status& status, absl::string_view doing) {
  if (status.ok()) return absl::OkStatus();
  const std::string text = absl::StrCat(doing, ": ", status.ToString());
  return status.IsCorruption() ? absl::DataLossError(text) : absl::UnavailableError(text);
}

Status SyncDirectory(rocksdb::Env* env, const std::string& directory) {
  std::unique_ptr<rocksdb::Directory> handle;
  Status status = env->NewDirectory(directory, &handle);
  if (status.ok()) status = handle->Fsync();
  return status;
}

Status WriteFileSynced(rocksdb::Env* env, const std::string& path, absl::string_view contents) {
  std::unique_ptr<rocksdb::WritableFile> file;
  Status status = env->NewWritableFile(path, &file, EnvOptions());
  if (status.ok()) status = file->Append(Slice(contents.data(), contents.size()));
  if (status.ok()) status = file->Sync();
  if (status.ok()) status = file->Close();
  return status;
}

Status TruncateFileSynced(rocksdb::Env* env, const std::string& path, uint64_t size) {
  std::unique_ptr<rocksdb::WritableFile> file;
  Status status = env->ReopenWritableFile(path, &file, EnvOptions());
  if (status.ok()) status = file->Truncate(size);
  if (status.ok()) status = file->Sync();
  if (status.ok()) status = file->Close();
  return status;
}

Status DeleteFileIfExists(rocksdb::Env* env, const std::string& path) {
  Status status = env->FileExists(path);
  if (status.IsNotFound()) return Status::OK();
  return status.ok() ? env->DeleteFile(path) : status;
}

}  // namespace dmem::server
