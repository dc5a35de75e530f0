// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/process.h"

#include <grpc/support/log.h>
#include <pthread.h>
#include <unistd.h>

#include <thread>

#include "server/log.h"

namespace dmem::server {

namespace {

// gRPC writes lines of its own form; what matters of them comes back as errors of its calls.
void LogForGrpc(gpr_log_func_args* args) {
  Log(LogLevel::kDebug, "grpc", {{"message", args->message}});
}

}  // namespace

StopSignals::StopSignals() {
  gpr_set_log_function(LogForGrpc);
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGTERM);
  sigaddset(&signals_, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

void StopSignals::Wait() {
  int signal = 0;
  sigwait(&signals_, &signal);
  Log(LogLevel::kInfo, "stop_requested", {{"signal", signal}});
  std::thread([signals = signals_] {
    int second = 0;
    sigwait(&signals, &second);
    _exit(1);
  }).detach();
}

}  // namespace dmem::server
