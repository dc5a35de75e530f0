// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/retry_environment.h"

#include "absl/random/random.h"
#include "absl/time/clock.h"

namespace dmem::client {

RetryEnvironment RealRetryEnvironment() {
  return {absl::Now, absl::SleepFor, [] {
            thread_local absl::BitGen generator;
            return absl::Uniform(generator, 0.0, 1.0);
          }};
}

}  // namespace dmem::client
