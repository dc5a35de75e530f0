// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef SERVER_PROCESS_H_
#define SERVER_PROCESS_H_

#include <csignal>

namespace dmem::server {

// SIGTERM and SIGINT as an order to stop. Made before any other thread, which then never sees them.
// A second one, while the first is being obeyed, ends the process at once with exit code 1: what
// was acknowledged is durable at every instant. gRPC's own lines are kept off standard error.
class StopSignals {
 public:
  StopSignals();
  // Returns when the first one has come.
  void Wait();

 private:
  sigset_t signals_;
};

}  // namespace dmem::server

#endif  // SERVER_PROCESS_H_
