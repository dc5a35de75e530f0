// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/make_store.h"

#include <utility>

#include "server/file.h"
#include "server/store/memory_store.h"
#include "server/store/rocksdb_store.h"

namespace dmem::server {

absl::StatusOr<std::unique_ptr<Store>> MakeStore(const Config& config) {
  if (config.store == "memory") {
    // It holds endpoints.json only.
    if (absl::Status status = EnsureDirectory(config.data_dir); !status.ok()) return status;
    return std::make_unique<MemoryStore>();
  }
  StoreOptions options;
  options.data_dir = config.data_dir;
  options.log_retention_bytes = config.keep_records_bytes;
  return std::make_unique<RocksDbStore>(std::move(options));
}

}  // namespace dmem::server
