// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The seed of tests that choose at random.

#ifndef SERVER_STORE_TESTING_SEED_H_
#define SERVER_STORE_TESTING_SEED_H_

#include <cstdint>
#include <cstdlib>

#include "absl/strings/numbers.h"

namespace dmem::server {

// The same in every run, so that a failure stays; another one with --test_env=DMEMD_TEST_SEED=N.
inline uint64_t TestSeed() {
  uint64_t seed = 1;
  const char* given = std::getenv("DMEMD_TEST_SEED");
  if (given != nullptr && !absl::SimpleAtoi(given, &seed)) std::abort();
  return seed;
}

}  // namespace dmem::server

#endif  // SERVER_STORE_TESTING_SEED_H_
