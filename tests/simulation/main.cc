// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// simulation: runs many seeds, or one of them with its trace.

#include <unistd.h>

#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <string>

#include "CLI/CLI.hpp"
#include "tests/simulation/simulation.h"

namespace {

// Of a check that fails inside dmemd the seed must be known, too.
volatile std::sig_atomic_t seed_now = 0;

void TellSeed(int) {
  char text[64];
  const int length = std::snprintf(text, sizeof(text), "\naborted in seed %d\n", seed_now);
  const ssize_t written = write(STDOUT_FILENO, text, static_cast<size_t>(length));
  (void)written;
}

}  // namespace

int main(int argc, char** argv) {
  uint64_t seeds = 1000, first = 1;
  dmem::simulation::Options options;
  CLI::App app("Simulates a dmemd with its clients, its disk and its network, faults included.");
  app.add_option("--seeds", seeds, "how many seeds")->capture_default_str();
  app.add_option("--seed", first, "the first of them")->capture_default_str();
  app.add_option("--steps", options.calls, "calls of each party")->capture_default_str();
  app.add_flag("--verbose", options.keep_trace, "print the whole trace");
  CLI11_PARSE(app, argc, argv);

  dmem::simulation::Counts counts;
  uint64_t violations = 0;
  std::signal(SIGABRT, TellSeed);
  for (uint64_t seed = first; seed < first + seeds; ++seed) {
    options.seed = seed;
    seed_now = static_cast<std::sig_atomic_t>(seed);
    const dmem::simulation::Result result = dmem::simulation::Simulate(options);
    counts.Add(result.counts);
    if (options.keep_trace || !result.violation.empty()) {
      for (const std::string& line : result.trace) std::printf("%s\n", line.c_str());
    }
    if (!result.violation.empty()) {
      ++violations;
      std::printf("seed %" PRIu64 ": %s\n  again: simulation --seed=%" PRIu64
                  " --seeds=1 --steps=%d --verbose\n",
                  seed, result.violation.c_str(), seed, options.calls);
    }
    if (isatty(STDERR_FILENO)) {
      std::fprintf(stderr, "\r%" PRIu64 " of %" PRIu64 " seeds, %" PRIu64 " violations",
                   seed - first + 1, seeds, violations);
    }
  }
  if (isatty(STDERR_FILENO)) std::fprintf(stderr, "\n");
  std::printf("%s\n%" PRIu64 " seeds, %" PRIu64 " steps, %" PRIu64 " calls, %" PRIu64
              " crashes, %" PRIu64 " violations\n",
              counts.ToString().c_str(), seeds, counts.steps, counts.calls, counts.power_cuts,
              violations);
  return violations == 0 ? 0 : 1;
}
