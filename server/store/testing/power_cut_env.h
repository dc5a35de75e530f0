// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_SERVER_STORE_TESTING_POWER_CUT_ENV_H_
#define DMEMD_SERVER_STORE_TESTING_POWER_CUT_ENV_H_

#include <cstdint>
#include <memory>
#include <string>

namespace rocksdb {
class Env;
}  // namespace rocksdb

namespace dmem::server {

class PowerCutFileSystem;

// A rocksdb::Env on real files that knows which bytes and which names have been synced, and can
// therefore leave a directory as a power cut would: without those that were not. It can also make
// one operation, or all from one on, fail as a full disk does.
//
// An operation is whatever changes a file or a directory or syncs one: append, write, truncate,
// create, rename, link, delete, sync. They are counted from 0. Syncs are recorded, not done: the
// files are as safe from a real power cut as those of any test.
//
// What the model grants and what it does not: a sync makes the file's bytes durable, not its name;
// a sync of the directory makes its names durable, not the bytes; renames are atomic; the changes
// of one directory become durable in order. Files that do not go through the Env (LOCK, RocksDB's
// own LOG) are outside it.
//
// Thread safe, except Settle.
class PowerCutEnv {
 public:
  // What becomes of changes that were not synced.
  enum class Unsynced {
    kDropped,   // All of them are gone.
    kPartKept,  // By the seed: of a file a prefix of what was appended, cut anywhere, of which
                // sectors may never have been written; sectors of what was overwritten; of a
                // directory the first so many changes.
  };

  // Tracks everything below `root`; what is there now is taken to be durable. Uses the directory
  // `root` + ".unsynced" beside it, deleted in the end. REQUIRES: no other one has this root.
  explicit PowerCutEnv(const std::string& root);
  ~PowerCutEnv();
  PowerCutEnv(const PowerCutEnv&) = delete;
  PowerCutEnv& operator=(const PowerCutEnv&) = delete;

  // For StoreOptions::env or rocksdb::Options::env.
  rocksdb::Env* env();

  // How many operations have begun.
  int64_t operations() const;

  // Cuts the power now: every operation from here on fails, and nothing more becomes durable.
  void Cut();

  // Cuts the power in the middle of the operation with this number: a change has been made and is
  // not synced, a sync has done nothing.
  void CutAt(int64_t operation);

  bool is_cut() const;

  // Makes the operation with this number fail for want of space, an append after half its bytes;
  // with `and_later` all that follow it as well, until failing stops with `StopFailing`.
  void FailAt(int64_t operation, bool and_later);
  void StopFailing();

  // Makes the files what a disk would hold after Cut. Then a new PowerCutEnv, or none, can be used
  // on them. REQUIRES: the power is cut, and whatever used env() has closed its files.
  void Settle(Unsynced unsynced, uint64_t seed);

 private:
  std::shared_ptr<PowerCutFileSystem> file_system_;
  std::unique_ptr<rocksdb::Env> env_;
};

}  // namespace dmem::server

#endif  // DMEMD_SERVER_STORE_TESTING_POWER_CUT_ENV_H_
