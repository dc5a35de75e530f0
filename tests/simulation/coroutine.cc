// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/simulation/coroutine.h"

#include <utility>

namespace dmem::simulation {

Coroutine::Coroutine(std::function<void()> body)
    : thread_([this, body = std::move(body)] {
        {
          std::unique_lock<std::mutex> lock(mutex_);
          changed_.wait(lock, [this] { return is_running_; });
        }
        body();
        const std::lock_guard<std::mutex> lock(mutex_);
        is_done_ = true;
        is_running_ = false;
        changed_.notify_all();
      }) {}

Coroutine::~Coroutine() { thread_.join(); }

void Coroutine::Resume() {
  std::unique_lock<std::mutex> lock(mutex_);
  is_running_ = true;
  changed_.notify_all();
  changed_.wait(lock, [this] { return !is_running_; });
}

void Coroutine::Yield() {
  std::unique_lock<std::mutex> lock(mutex_);
  is_running_ = false;
  changed_.notify_all();
  changed_.wait(lock, [this] { return is_running_; });
}

}  // namespace dmem::simulation
