// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef SERVER_READER_POOL_H_
#define SERVER_READER_POOL_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "server/base/mutex.h"

namespace dmem::server {

// A few threads for long reads, with a bounded queue. They run at a lower priority than the rest of
// the process, so that plans, listings and scrapes give way to charges.
//
// Thread-safe.
class ReaderPool {
 public:
  ReaderPool(size_t threads, size_t queue_max);
  ReaderPool(const ReaderPool&) = delete;
  ReaderPool& operator=(const ReaderPool&) = delete;
  ~ReaderPool();

  // Takes a place in the queue, to be used by one Submit or SubmitSteps, or given back by Cancel.
  // Returns false if there is none.
  bool Reserve();
  void Cancel();
  // REQUIRES: a place is reserved. After Stop the work is run at once, on the caller's thread.
  void Submit(std::function<void()> work);
  // The same of work in steps: `step` is run again, behind all that waits, until it returns true;
  // it keeps its place so long.
  void SubmitSteps(std::function<bool()> step);

  // Finishes what has queued and ends the threads.
  void Stop();

  size_t queue_max() const { return queue_max_; }

 private:
  void Loop();

  const size_t queue_max_;
  Mutex mutex_;
  CondVar wake_;
  std::deque<std::function<bool()>> queue_ ABSL_GUARDED_BY(mutex_);
  size_t reserved_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace dmem::server

#endif  // SERVER_READER_POOL_H_
