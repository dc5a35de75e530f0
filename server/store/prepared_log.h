// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_SERVER_STORE_PREPARED_LOG_H_
#define DMEMD_SERVER_STORE_PREPARED_LOG_H_

#include <memory>
#include <string>

#include "rocksdb/file_system.h"

namespace dmem::server {

// Opens `name` as NewWritableFile of `file_system` does, as a log to which little is appended
// between syncs: bytes ahead of its end are written as zeros, some hundred KiB at a time, so that a
// sync of what is then written over them has neither a new length nor new blocks to make durable.
// Closing it cuts off what is left of them; after a crash they are its tail, which readers take for
// the end of the log (ScanLog, and RocksDB).
rocksdb::IOStatus NewPreparedLog(rocksdb::FileSystem* file_system, const std::string& name,
                                 const rocksdb::FileOptions& options,
                                 std::unique_ptr<rocksdb::FSWritableFile>* result,
                                 rocksdb::IODebugContext* dbg);

}  // namespace dmem::server

#endif  // DMEMD_SERVER_STORE_PREPARED_LOG_H_
