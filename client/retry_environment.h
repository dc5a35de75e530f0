// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_RETRY_ENVIRONMENT_H_
#define DMEMD_CLIENT_RETRY_ENVIRONMENT_H_

#include <functional>

#include "absl/time/time.h"

namespace dmem::client {

// Time and chance, passed in so that tests need neither. Each is called by any thread.
struct RetryEnvironment {
  std::function<absl::Time()> now;
  std::function<void(absl::Duration)> sleep;
  std::function<double()> chance;  // In [0, 1).
};

// The clock and the random numbers of this machine.
RetryEnvironment RealRetryEnvironment();

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_RETRY_ENVIRONMENT_H_
