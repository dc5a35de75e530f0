// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_SERVER_STORE_MEMORY_STORE_H_
#define DMEMD_SERVER_STORE_MEMORY_STORE_H_

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/store/store.h"

namespace dmem::server {

// What a MemoryStore keeps; outlives it, as a disk does. Thread safe, opaque.
class MemoryMedium {
 private:
  friend class MemoryStore;

  std::mutex mutex_;
  uint64_t epoch_ = 0;
  uint64_t last_sequence_ = 0;
  uint64_t checkpoint_sequence_ = 0;
  std::string summary_;
  std::map<std::string, std::string> objects_;
  std::map<uint64_t, std::pair<uint64_t, std::string>> records_;  // By first: last, record.
  uint64_t record_bytes_ = 0;
  uint64_t keep_bytes_ = 64 << 20;
};

// A store in memory, for tests: the contract of Store, and failures and delays on demand. Reopening
// is another MemoryStore on the same medium; the older one is then fenced off by its epoch.
//
// Thread safety: as Store; the functions for tests may be called from any thread.
class MemoryStore final : public Store {
 public:
  MemoryStore() : MemoryStore(std::make_shared<MemoryMedium>()) {}
  explicit MemoryStore(std::shared_ptr<MemoryMedium> medium) : medium_(std::move(medium)) {}

  absl::StatusOr<RecoveredLog> Recover(RecoveryVisitor& visitor) override;
  absl::Status Append(uint64_t epoch, SequenceRange range, absl::string_view record) override;
  absl::Status Checkpoint(const CheckpointDelta& delta) override;
  absl::Status Read(uint64_t from, uint64_t to, const ReadVisitor& visit) override;
  absl::StatusOr<KeptRecords> Kept() override;

  // How many bytes of records stay that a checkpoint covers; 64 MiB at first.
  void SetKeptBytes(uint64_t bytes);

  const std::shared_ptr<MemoryMedium>& medium() const { return medium_; }

  // What becomes of a record whose Append fails: both happen to a real disk.
  enum class Loss { kLost, kKept };

  // Makes the next valid Append (Checkpoint) fail, and the store with it.
  void FailNextAppend(absl::Status error, Loss loss = Loss::kLost);
  void FailNextCheckpoint(absl::Status error);

  // From now on Append (Checkpoint) blocks before it does anything, until released.
  void BlockAppends();
  void BlockCheckpoints();
  void ReleaseAll();

  // Returns once a call is blocked.
  void WaitForBlockedAppend();
  void WaitForBlockedCheckpoint();

 private:
  // A place where calls can be held.
  struct Gate {
    bool closed = false;
    int waiting = 0;
  };

  // REQUIRES: the medium's mutex is held.
  void DropOldRecords(uint64_t keep_from);
  void Pass(Gate& gate);
  void WaitForBlocked(const Gate& gate);
  absl::Status CheckUsable();

  const std::shared_ptr<MemoryMedium> medium_;

  std::mutex mutex_;  // Guards everything below. Taken before the medium's.
  std::condition_variable changed_;
  Gate append_gate_;
  Gate checkpoint_gate_;
  absl::Status append_error_;
  Loss append_loss_ = Loss::kLost;
  absl::Status checkpoint_error_;
  bool recover_called_ = false;
  bool recovered_ = false;
  absl::Status failure_;
};

}  // namespace dmem::server

#endif  // DMEMD_SERVER_STORE_MEMORY_STORE_H_
