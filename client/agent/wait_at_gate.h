// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_WAIT_AT_GATE_H_
#define DMEMD_CLIENT_AGENT_WAIT_AT_GATE_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace dmem::client {

// A pod that waits for leave to start.
struct GateWait {
  std::string directory;  // The agent's gate_dir, or where it is mounted.
  std::string uid;
  absl::Duration timeout;
  std::function<absl::Time()> now;  // Only grows, whatever is done to the clock.
  std::function<void(absl::Duration)> pause;
  std::function<void(const std::string& line)> say;  // Gets why it waits, for people.
};

// Waits until the pod may start; OK: it may. Says why it waits, and when that has changed again, at
// most each half minute. INVALID_ARGUMENT: not a pod's uid. DEADLINE_EXCEEDED: not in time, with
// why; or that nothing is said of why, or that the directory is not there.
absl::Status WaitAtGate(const GateWait& wait);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_WAIT_AT_GATE_H_
