// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// torture: kills dmemd again and again while clients work on it, and checks that nothing that it
// acknowledged was lost and nothing was done twice. docs/crash-testing.md.

#include <cstdio>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/time/clock.h"
#include "server/testing/dmemd_process.h"
#include "tests/crash/crash_run.h"
#include "tests/crash/dmemd_victim.h"
#include "tests/crash/report.h"

int main(int argc, char** argv) {
  dmem::crash::CrashRunOptions options;
  options.seed = static_cast<uint64_t>(absl::GetCurrentTimeNanos());
  double seconds_between = 0.5;
  std::string binary = dmem::server::FindDmemd(argv[0]);
  CLI::App app("torture: kills dmemd while clients work on it, and checks what it remembers");
  app.add_option("--kills", options.crashes, "How often it is killed")->capture_default_str();
  app.add_option("--seed", options.seed,
                 "Of what is sent and when it is killed; default: the time");
  app.add_option("--seconds-between", seconds_between, "Between kills, on average")
      ->capture_default_str();
  app.add_option("--threads", options.threads, "Clients, each with one call at a time")
      ->capture_default_str();
  app.add_option("--dmemd", binary, "The program to kill")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  options.between = absl::Seconds(seconds_between);
  options.progress = [](absl::string_view line) {
    std::printf("%.*s\n", static_cast<int>(line.size()), line.data());
    std::fflush(stdout);
  };
  dmem::crash::DmemdVictim victim(binary);
  const dmem::crash::CrashReport report = dmem::crash::RunCrashes(victim, options);
  std::printf("%d of the kills were SIGTERM; %d more while it was starting\n", victim.terminated(),
              victim.killed_while_starting());
  return dmem::crash::PrintReport(report, "kills", options.seed) ? 0 : 1;
}
