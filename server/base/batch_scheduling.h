// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef SERVER_BASE_BATCH_SCHEDULING_H_
#define SERVER_BASE_BATCH_SCHEDULING_H_

#include <sched.h>

namespace dmem::server {

// While it lives, the calling thread has the policy SCHED_BATCH, and so has, for good, each thread
// that it starts: one that wakes up then waits for a processor instead of taking it from who runs.
// What runs on an idle processor starts as soon as ever. Where the system does not allow it,
// nothing changes.
//
// Source: sched(7), "SCHED_BATCH: Scheduling batch processes".
class ScopedBatchScheduling {
 public:
  ScopedBatchScheduling() : policy_(sched_getscheduler(0)) {
    is_set_ = policy_ == SCHED_OTHER && Set(SCHED_BATCH);
  }
  ~ScopedBatchScheduling() {
    if (is_set_) Set(policy_);
  }
  ScopedBatchScheduling(const ScopedBatchScheduling&) = delete;
  ScopedBatchScheduling& operator=(const ScopedBatchScheduling&) = delete;

 private:
  static bool Set(int policy) {
    const sched_param no_priority{};
    return sched_setscheduler(0, policy, &no_priority) == 0;
  }

  const int policy_;
  bool is_set_ = false;
};

}  // namespace dmem::server

#endif  // SERVER_BASE_BATCH_SCHEDULING_H_
