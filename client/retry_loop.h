// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_RETRY_LOOP_H_
#define DMEMD_CLIENT_RETRY_LOOP_H_

#include <limits>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/idempotency.h"
#include "client/retry_environment.h"

namespace dmem::client {

struct RetryPolicy {
  // For a call, with all its attempts and the waits between them.
  absl::Duration timeout = absl::Seconds(10);
  // How many attempts in all; by default, as many as fit in the timeout.
  int attempts_max = std::numeric_limits<int>::max();
  // The wait before the second attempt; it doubles with each, up to backoff_max. A random part of
  // up to a half is taken off, so that clients do not come back together.
  absl::Duration backoff_initial = absl::Milliseconds(100);
  absl::Duration backoff_max = absl::Seconds(2);
};

// Calls `attempt` with the time that is left of policy.timeout until it answers something else than
// UNAVAILABLE, and returns that; to DEADLINE_EXCEEDED it appends how long that was. UNAVAILABLE is
// returned, with its payloads and the reason appended to its text, if the request is not idempotent
// (it may have taken effect), if attempts_max were made, or if the next wait would pass the
// deadline. The wait is at least what a google.rpc.RetryInfo asks for.
absl::Status RetryLoop(const RetryPolicy& policy, const RetryEnvironment& environment,
                       Idempotency idempotency,
                       absl::FunctionRef<absl::Status(absl::Duration timeout)> attempt);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_RETRY_LOOP_H_
