// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef TESTS_SIMULATION_COROUTINE_H_
#define TESTS_SIMULATION_COROUTINE_H_

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace dmem::simulation {

// A thread that runs only while its owner waits in Resume: of all of them and the owner exactly one
// runs at any time, so that nothing depends on the machine's scheduler.
class Coroutine {
 public:
  // Nothing of `body` runs before the first Resume.
  explicit Coroutine(std::function<void()> body);
  Coroutine(const Coroutine&) = delete;
  Coroutine& operator=(const Coroutine&) = delete;
  // REQUIRES: is_done().
  ~Coroutine();

  // Owner: runs the body until it yields or ends. REQUIRES: !is_done().
  void Resume();
  // Body: returns at the next Resume.
  void Yield();
  // Owner.
  bool is_done() const { return is_done_; }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_running_ = false;  // Whose turn it is.
  bool is_done_ = false;
  std::thread thread_;
};

}  // namespace dmem::simulation

#endif  // TESTS_SIMULATION_COROUTINE_H_
