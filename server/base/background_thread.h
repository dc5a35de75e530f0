// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef SERVER_BASE_BACKGROUND_THREAD_H_
#define SERVER_BASE_BACKGROUND_THREAD_H_

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace dmem::server {

// Gives way to the threads that answer calls from now on: the calling thread's niceness becomes 10,
// about a tenth of a busy processor. On Linux a thread has a niceness of its own; without it the
// thread is only less polite.
inline void BecomeBackgroundThread() {
  static_cast<void>(setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), 10));
}

}  // namespace dmem::server

#endif  // SERVER_BASE_BACKGROUND_THREAD_H_
