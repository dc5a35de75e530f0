// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The thread behind ChargeHolder: gives back and records until it is acknowledged.

#ifndef DMEMD_CLIENT_CHARGE_BACKLOG_H_
#define DMEMD_CLIENT_CHARGE_BACKLOG_H_

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/charge_holder.h"
#include "client/client.h"

namespace dmem::client::internal {

// A charge of a holder. Everything but `backlog` is guarded by the backlog's mutex.
struct Holding {
  Backlog* backlog = nullptr;
  v1::ChargeRequest request;  // As first sent.
  bool is_recorded = false;
  bool is_given_up = false;  // Nobody holds it any more: to be given back.
  bool is_queued = false;
  bool is_busy = false;  // A call about it is under way.
};

// What is left to do. Thread safe.
class Backlog {
 public:
  Backlog(std::shared_ptr<Connection> connection, ChargeHolderOptions options,
          RetryEnvironment environment);
  Backlog(const Backlog&) = delete;
  Backlog& operator=(const Backlog&) = delete;
  ~Backlog();

  absl::StatusOr<std::shared_ptr<Holding>> Charge(v1::ChargeRequest request);
  // Later, on the thread.
  void GiveBack(const std::shared_ptr<Holding>& holding);
  // At once; what fails for want of a server stays in the backlog.
  absl::Status GiveBackNow(const std::shared_ptr<Holding>& holding);
  std::string IdOf(const Holding& holding) const;
  bool IsRecorded(const Holding& holding) const;
  size_t size() const;
  bool Drain(absl::Duration timeout);

 private:
  enum class Task { kRecord, kGiveBack };

  void Loop();
  // Takes on all that is queued, once; stops at the first that no server answers. Returns whether
  // all were answered.
  bool WorkOnce();
  // REQUIRES: the mutex is held.
  void Enqueue(const std::shared_ptr<Holding>& holding);
  // REQUIRES: the mutex is held, and the holding is in the queue no more.
  void Take(Holding* holding);
  // Does the task, and queues what is left to do. REQUIRES: the holding was taken.
  absl::Status Work(const std::shared_ptr<Holding>& holding, Task task);
  absl::Status Record(Holding* holding);
  absl::Status Uncharge(const std::string& charge_id);

  const ChargeHolderOptions options_;
  const RetryEnvironment environment_;
  Client client_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;     // The thread: there is something to do, or it shall stop.
  std::condition_variable settled_;  // Others: a holding is not busy any more.
  // Guarded by mutex_.
  std::deque<std::shared_ptr<Holding>> queue_;
  size_t busy_ = 0;  // Taken from the queue, and under way.
  bool is_stopping_ = false;
  std::thread thread_;
};

}  // namespace dmem::client::internal

#endif  // DMEMD_CLIENT_CHARGE_BACKLOG_H_
