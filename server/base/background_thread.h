// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// For threads that give way to those that answer calls. On Linux a thread has a policy and a
// niceness of its own; where the system does not allow these, it is only less polite.

#ifndef SERVER_BASE_BACKGROUND_THREAD_H_
#define SERVER_BASE_BACKGROUND_THREAD_H_

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace dmem::server {

// For what must not fall behind: from now on about a tenth of a processor that others want too.
inline void BecomeBackgroundThread() {
  static_cast<void>(setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), 10));
}

// For what may wait: from now on the calling thread has the policy SCHED_IDLE. Whoever wakes up
// takes the processor from it at once; gRPC's threads (batch_scheduling.h) do that to no other.
//
// Source: sched(7), "SCHED_IDLE: Scheduling very low priority jobs".
inline void BecomeIdleThread() {
  const sched_param no_priority{};
  static_cast<void>(sched_setscheduler(0, SCHED_IDLE, &no_priority));
}

}  // namespace dmem::server

#endif  // SERVER_BASE_BACKGROUND_THREAD_H_
