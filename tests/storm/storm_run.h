// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef TESTS_STORM_STORM_RUN_H_
#define TESTS_STORM_STORM_RUN_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace dmem::storm {

struct StormOptions {
  std::string dmemd = "server/dmemd";  // The program, as tests find it.
  int sessions = 10000;  // Agents, each with a node and, if files allow, a connection.
  int devices = 8;       // Of each node.
  int charges = 4;       // On each device.
  absl::Duration session_ttl = absl::Seconds(60);  // The server is away for a second longer.
  std::function<void(absl::string_view line)> progress = [](absl::string_view) {};
};

struct StormReport {
  int connections = 0;
  absl::Duration until_ready;       // From the start of the process that follows the killed one.
  absl::Duration until_reconciled;  // From there, too: the last answer to a Reconcile.
  uint64_t keep_alives = 0;         // Answered meanwhile, beside those with which agents come back.
  absl::Duration slowest_keep_alive;
  std::vector<std::string> violations;  // What is not as it must be.
};

// Kills a dmemd on RocksDB on which all agents have sessions and all devices have charges, starts
// it again once all sessions' ttls have gone by, and lets all agents come back at once: each keeps
// its session alive and sends the whole list of what its node holds, which of some has changed
// meanwhile. Then looks at all charges, sessions and events.
StormReport RunStorm(const StormOptions& options);

}  // namespace dmem::storm

#endif  // TESTS_STORM_STORM_RUN_H_
