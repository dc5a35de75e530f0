// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_SERVER_STORE_ENV_FILES_H_
#define DMEMD_SERVER_STORE_ENV_FILES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "rocksdb/env.h"
#include "rocksdb/status.h"

// Files beside the database, written through the same rocksdb::Env as the database itself, so that
// one layer under both can be told to fail or to lose power.
namespace dmem::server {

// `status` in our codes, with `doing` ("cannot sync the log") before its text: DATA_LOSS for
// corruption, UNAVAILABLE for everything else. RocksDB's text names the file where it knows it.
absl::Status FromRocksDb(const rocksdb::Status& status, absl::string_view doing);

// Makes created, renamed and deleted names in `directory` durable.
rocksdb::Status SyncDirectory(rocksdb::Env* env, const std::string& directory);

// Writes and syncs a file; its name is durable only after SyncDirectory.
rocksdb::Status WriteFileSynced(rocksdb::Env* env, const std::string& path,
                                absl::string_view contents);

// Cuts a file to `size` bytes and syncs it.
rocksdb::Status TruncateFileSynced(rocksdb::Env* env, const std::string& path, uint64_t size);

// Deletes a file; OK if there is none.
rocksdb::Status DeleteFileIfExists(rocksdb::Env* env, const std::string& path);

}  // namespace dmem::server

#endif  // DMEMD_SERVER_STORE_ENV_FILES_H_
