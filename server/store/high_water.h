// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_SERVER_STORE_HIGH_WATER_H_
#define DMEMD_SERVER_STORE_HIGH_WATER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace rocksdb {
class Env;
class RandomRWFile;
}  // namespace rocksdb

namespace dmem::server {

// How far a store is known to have come, kept apart from the log: what tells a log whose end is
// missing from a log that ends there.
struct HighWater {
  uint64_t epoch = 0;
  uint64_t sequence = 0;
};

// The file HIGH_WATER: two slots of 4 KiB, each a checksummed line, written in turn and in place,
// so that a write torn by a power cut leaves the other slot and no name or length ever changes.
//
// Thread-compatible.
class HighWaterFile {
 public:
  // Makes the file with both slots at zero, synced; its name is the caller's to sync.
  static absl::Status Create(rocksdb::Env* env, const std::string& path);

  // Opens a file that is there and reads it.
  // DATA_LOSS: it is missing, or neither slot is intact; the text names it.
  static absl::StatusOr<std::unique_ptr<HighWaterFile>> Open(rocksdb::Env* env,
                                                             const std::string& path);

  ~HighWaterFile();

  // The newest intact slot.
  const HighWater& value() const { return value_; }

  // OK means durable. REQUIRES: `value` is not lower than value(), and all of it is durable.
  absl::Status Write(const HighWater& value);

 private:
  HighWaterFile(std::string path, std::unique_ptr<rocksdb::RandomRWFile> file);

  const std::string path_;
  const std::unique_ptr<rocksdb::RandomRWFile> file_;
  HighWater value_;
  int next_slot_ = 0;
};

}  // namespace dmem::server

#endif  // DMEMD_SERVER_STORE_HIGH_WATER_H_
