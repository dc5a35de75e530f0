// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/reader_pool.h"

#include <utility>

#include "core/check.h"
#include "server/base/background_thread.h"

namespace dmem::server {

ReaderPool::ReaderPool(size_t threads, size_t queue_max) : queue_max_(queue_max) {
  for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Loop(); });
}

ReaderPool::~ReaderPool() { Stop(); }

bool ReaderPool::Reserve() {
  MutexLock lock(&mutex_);
  if (reserved_ == queue_max_) return false;
  ++reserved_;
  return true;
}

void ReaderPool::Cancel() {
  MutexLock lock(&mutex_);
  DMEM_CHECK(reserved_ > 0);
  --reserved_;
}

void ReaderPool::Submit(std::function<void()> work) {
  SubmitSteps([work = std::move(work)] {
    work();
    return true;
  });
}

void ReaderPool::SubmitSteps(std::function<bool()> step) {
  {
    MutexLock lock(&mutex_);
    DMEM_CHECK(reserved_ > 0);
    if (!stopping_) {
      queue_.push_back(std::move(step));
      wake_.NotifyOne();
      return;
    }
    --reserved_;
  }
  while (!step()) {
  }
}

void ReaderPool::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void ReaderPool::Loop() {
  BecomeIdleThread();
  for (;;) {
    std::function<bool()> step;
    {
      MutexLock lock(&mutex_);
      while (queue_.empty() && !stopping_) wake_.Wait(&mutex_);
      if (queue_.empty()) return;
      step = std::move(queue_.front());
      queue_.pop_front();
    }
    const bool is_done = step();
    // The view that the work held goes before the place is free again.
    if (is_done) step = nullptr;
    MutexLock lock(&mutex_);
    if (is_done) {
      --reserved_;
    } else {
      queue_.push_back(std::move(step));
    }
  }
}

}  // namespace dmem::server
