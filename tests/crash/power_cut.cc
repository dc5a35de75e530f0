// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// power_cut: cuts the power of a dmemd again and again while clients work on it, and checks that
// nothing that it acknowledged was lost and nothing was done twice. docs/crash-testing.md.

#include <cstdio>

#include "CLI/CLI.hpp"
#include "absl/time/clock.h"
#include "tests/crash/crash_run.h"
#include "tests/crash/power_cut_victim.h"
#include "tests/crash/report.h"

int main(int argc, char** argv) {
  dmem::crash::CrashRunOptions options;
  options.seed = static_cast<uint64_t>(absl::GetCurrentTimeNanos());
  double seconds_between = 0.3;
  bool no_sync = false;
  CLI::App app("power_cut: cuts dmemd's power while clients work on it, and checks its disk");
  app.add_option("--cuts", options.crashes, "How often")->capture_default_str();
  app.add_option("--seed", options.seed, "Of what is sent and where it is cut; default: the time");
  app.add_option("--seconds-between", seconds_between, "Between cuts, on average, at most")
      ->capture_default_str();
  app.add_option("--threads", options.threads, "Clients, each with one call at a time")
      ->capture_default_str();
  app.add_flag("--no-sync", no_sync, "Leave out the store's syncs: must be found out");
  CLI11_PARSE(app, argc, argv);
  options.between = absl::Seconds(seconds_between);
  options.progress = [](absl::string_view line) {
    std::printf("%.*s\n", static_cast<int>(line.size()), line.data());
    std::fflush(stdout);
  };
  dmem::crash::PowerCutVictim victim(!no_sync);
  const dmem::crash::CrashReport report = dmem::crash::RunCrashes(victim, options);
  std::printf("%d more cuts while it was starting\n", victim.cut_while_starting());
  return dmem::crash::PrintReport(report, "cuts", options.seed) ? 0 : 1;
}
