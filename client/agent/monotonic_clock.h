// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_MONOTONIC_CLOCK_H_
#define DMEMD_CLIENT_AGENT_MONOTONIC_CLOCK_H_

#include "absl/time/time.h"

namespace dmem::client {

// A time that only grows, whatever is done to the node's clock; of no calendar.
absl::Time MonotonicNow();

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_MONOTONIC_CLOCK_H_
