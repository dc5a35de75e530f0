// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// One run of the whole server, its clients and its disk, from one seed.

#ifndef TESTS_SIMULATION_SIMULATION_H_
#define TESTS_SIMULATION_SIMULATION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tests/simulation/world.h"

namespace dmem::simulation {

struct Options {
  uint64_t seed = 1;
  int calls = 60;  // Of each party.
  bool keep_trace = false;
};

struct Result {
  std::string violation;           // Of a property; empty: none.
  std::vector<std::string> trace;  // The last lines, or all of it.
  uint64_t trace_hash = 0;         // Of all of it.
  Counts counts;
};

// Exactly repeatable: the same options give the same result. Ends at the first violation.
Result Simulate(const Options& options);

}  // namespace dmem::simulation

#endif  // TESTS_SIMULATION_SIMULATION_H_
