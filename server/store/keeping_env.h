// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_SERVER_STORE_KEEPING_ENV_H_
#define DMEMD_SERVER_STORE_KEEPING_ENV_H_

#include <memory>

namespace rocksdb {
class Env;
}  // namespace rocksdb

namespace dmem::server {

// An Env on another that makes up for two things in RocksDB 7.8.
//
// It deletes no file any more once a write, sync or rename has failed. After a failed sync nobody
// knows what is on disk: a MANIFEST may hold a change that RocksDB takes for not made. RocksDB then
// deletes the file that the change added, and the next start refuses a database with a file
// missing. What was kept for nothing goes at the next start.
//
// And it opens no table whose properties do not match their checksum (table_check.h): the error
// then names the file.
//
// `target` is not owned and must outlive the result. Thread safe.
std::unique_ptr<rocksdb::Env> NewKeepingEnv(rocksdb::Env* target);

}  // namespace dmem::server

#endif  // DMEMD_SERVER_STORE_KEEPING_ENV_H_
