// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_LOOP_AGENT_CLOCKS_H_
#define DMEMD_CLIENT_AGENT_LOOP_AGENT_CLOCKS_H_

#include <functional>

#include "absl/time/time.h"

namespace dmem::client {

struct AgentClocks {
  std::function<absl::Time()> now;            // As people have it: it may be set.
  std::function<absl::Time()> monotonic_now;  // Only grows; of no calendar.
};

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_LOOP_AGENT_CLOCKS_H_
