// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// storm: kills a dmemd that the agents of a large cluster are connected to, starts it again, and
// says how long it takes until all of them have told it what their nodes hold. Exits 1 if anything
// is not as it must be then, or if that took longer than --seconds-max.

#include <cstdio>
#include <string>

#include "CLI/CLI.hpp"
#include "server/testing/dmemd_process.h"
#include "tests/storm/storm_run.h"

int main(int argc, char** argv) {
  dmem::storm::StormOptions options;
  options.dmemd = dmem::server::FindDmemd(argv[0]);
  double seconds_max = 30;
  CLI::App app("storm: all agents of a cluster come back at once to a dmemd that was killed");
  app.add_option("--sessions", options.sessions, "Agents, each with a node and a session")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  app.add_option("--devices", options.devices, "Of each node")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--charges", options.charges, "On each device; at most 80")
      ->check(CLI::Range(1, 80))
      ->capture_default_str();
  app.add_option("--seconds-max", seconds_max,
                 "From the restart until all are reconciled; more is an error")
      ->capture_default_str();
  app.add_option("--dmemd", options.dmemd, "The program to kill")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  options.progress = [](absl::string_view line) {
    std::printf("%.*s\n", static_cast<int>(line.size()), line.data());
    std::fflush(stdout);
  };
  const dmem::storm::StormReport report = dmem::storm::RunStorm(options);
  std::printf("ready after %.2f s, all reconciled after %.2f s (at most %.0f s)\n",
              absl::ToDoubleSeconds(report.until_ready),
              absl::ToDoubleSeconds(report.until_reconciled), seconds_max);
  std::printf("%llu KeepAlives answered meanwhile, the slowest after %.2f s\n",
              static_cast<unsigned long long>(report.keep_alives),
              absl::ToDoubleSeconds(report.slowest_keep_alive));
  for (const std::string& violation : report.violations) {
    std::printf("VIOLATION: %s\n", violation.c_str());
  }
  const bool is_late = absl::ToDoubleSeconds(report.until_reconciled) > seconds_max;
  if (is_late) std::printf("VIOLATION: it took too long\n");
  return report.violations.empty() && !is_late ? 0 : 1;
}
