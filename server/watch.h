// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// WatchHub: serves all watchers of events.

#ifndef SERVER_WATCH_H_
#define SERVER_WATCH_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "dmem/v1/quota_service.grpc.pb.h"
#include "server/base/mutex.h"
#include "server/event_log.h"
#include "server/writer.h"

namespace dmem::server {

struct WatchOptions {
  size_t watchers_max = 1000;
  // A watcher that is sent nothing is told its progress so often.
  absl::Duration progress_interval = absl::Seconds(5);
  // How long a watcher that is up to date waits before it looks for more.
  absl::Duration poll_interval = absl::Milliseconds(10);
};

struct WatchStats {
  std::atomic<uint64_t> watchers{0};
  std::atomic<uint64_t> events_sent{0};
  std::atomic<uint64_t> ended_too_old{0};
};

// Watchers read the kept records, each at its own pace, and hold one message each: the writer never
// waits for one, nor knows of it. One that falls behind what is kept is ended with EVENTS_TOO_OLD,
// which names the oldest place that there is. One thread serves them in turn, a message each.
//
// Thread-safe.
class WatchHub {
 public:
  WatchHub(const WatchOptions& options, EventLog* log, Writer* writer);
  WatchHub(const WatchHub&) = delete;
  WatchHub& operator=(const WatchHub&) = delete;
  ~WatchHub();

  using Reactor = grpc::ServerWriteReactor<v1::WatchResponse>;
  // REQUIRES: Validate(request) is OK.
  Reactor* Watch(const v1::WatchRequest& request);
  // The reactor of a call that is refused.
  static Reactor* Refuse(const absl::Status& status);

  // Ends every watcher with SHUTTING_DOWN, and takes no more.
  void Drain();
  // REQUIRES: Drain was called, and no call is left.
  void Stop();

  const WatchStats& stats() const { return stats_; }

 private:
  class Watcher;

  void Loop();
  // Takes new watchers; waits until there may be something to do. Returns false at the end.
  bool WaitForWork(bool is_busy);
  // Goes on with one watcher. Returns false once it has ended.
  bool Serve(Watcher* watcher, bool* is_busy);
  absl::Status ReadNext(Watcher* watcher, bool* is_busy);
  void Wake();

  const WatchOptions options_;
  EventLog* const log_;
  Writer* const writer_;
  WatchStats stats_;
  std::atomic<bool> draining_{false};

  Mutex mutex_;
  CondVar wake_;
  std::vector<Watcher*> arrived_ ABSL_GUARDED_BY(mutex_);
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  std::vector<Watcher*> watchers_;  // Of the thread.
  std::thread thread_;
};

}  // namespace dmem::server

#endif  // SERVER_WATCH_H_
