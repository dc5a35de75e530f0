// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef TESTS_SIMULATION_RANDOM_H_
#define TESTS_SIMULATION_RANDOM_H_

#include <cstdint>

namespace dmem::simulation {

// SplitMix64: the same numbers from the same seed with every library, which the distributions of
// <random> do not promise. Thread-compatible.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // Uniform, both ends included. REQUIRES: from <= to.
  int64_t Between(int64_t from, int64_t to) {
    return from + static_cast<int64_t>(Next() % static_cast<uint64_t>(to - from + 1));
  }
  bool Chance(int per_mille) { return Between(0, 999) < per_mille; }

 private:
  uint64_t state_;
};

}  // namespace dmem::simulation

#endif  // TESTS_SIMULATION_RANDOM_H_
