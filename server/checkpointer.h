// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef SERVER_CHECKPOINTER_H_
#define SERVER_CHECKPOINTER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/state_codec.h"
#include "server/base/mutex.h"
#include "server/store/store.h"
#include "server/writer.h"

namespace dmem::server {

struct CheckpointerOptions {
  // A checkpoint is made when either has passed since the last, and something has changed.
  absl::Duration interval = absl::Seconds(60);
  uint64_t sequences = 1000000;
  // Given the sequence of a checkpoint, the first one whose record is still wanted; 0: all are.
  std::function<uint64_t(uint64_t)> keep_from = [](uint64_t) { return uint64_t{0}; };
};

// Keeps the store's checkpoint close behind the state, so that a restart has little to apply. Works
// on snapshots, on its own thread; the writer only takes them. Each checkpoint holds what changed
// since the last.
//
// Thread-safe, but Start and Stop come from one thread.
class Checkpointer {
 public:
  // `base` is the state of the store's last checkpoint, null if there is none.
  Checkpointer(const CheckpointerOptions& options, Writer* writer, Store* store,
               std::shared_ptr<const Snapshot> base, const StateHash& base_hash);
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;
  ~Checkpointer();

  void Start();
  // Makes a last checkpoint, unless the store has failed, and ends the thread. REQUIRES: the writer
  // runs. Errors: that of the last checkpoint.
  absl::Status Stop();

  // Makes a checkpoint of `view`, unless nothing has changed; what Start's thread does, for callers
  // that never call Start. Errors: the store's, which then takes nothing more.
  absl::Status Take(ReadView view);

  uint64_t last_sequence() const { return last_sequence_.load(std::memory_order_relaxed); }
  // Microseconds that the last one took; 0 if there was none since the start.
  int64_t last_duration_us() const { return last_duration_us_.load(std::memory_order_relaxed); }

 private:
  void Loop();
  absl::Status MakeCheckpoint();

  const CheckpointerOptions options_;
  Writer* const writer_;
  Store* const store_;
  std::shared_ptr<const Snapshot> base_;
  StateHash base_hash_;
  std::atomic<uint64_t> last_sequence_{0};
  std::atomic<int64_t> last_duration_us_{0};

  Mutex mutex_;
  CondVar wake_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace dmem::server

#endif  // SERVER_CHECKPOINTER_H_
