// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Replays conformance vectors against the core in this process or, with --server, against a running
// and empty dmemd through its API.
//
// Prints each mismatch, then "F files, N ops, K mismatches, S skipped". Exit code: 0 all as
// expected, 1 a mismatch, 2 could not run.

#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "tests/conformance/core_backend.h"
#include "tests/conformance/grpc_backend.h"
#include "tests/conformance/replayer.h"

int main(int argc, char** argv) {
  CLI::App app("Replays conformance vectors of the kernel's dmem controller against dmemd.");
  std::string server;
  std::vector<std::string> paths;
  app.add_option("--server", server,
                 "HOST:PORT of a running, empty dmemd, used through its API only. Default: the "
                 "core in this process.");
  app.add_option("paths", paths, "Files, or directories with *.jsonl files in or below them.")
      ->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  const absl::StatusOr<std::vector<std::string>> files = dmem::conformance::FindVectorFiles(paths);
  if (!files.ok()) {
    std::fprintf(stderr, "replay: %s\n", std::string(files.status().message()).c_str());
    return 2;
  }
  std::unique_ptr<dmem::conformance::Backend> backend;
  dmem::conformance::ReplayOptions options;
  options.audit_every_line = server.empty();
  if (!server.empty()) backend = dmem::conformance::NewGrpcBackend(server);
  // Spent ids are remembered: no replay may use those of an earlier one.
  options.charge_id_prefix = absl::StrFormat("replay-%x-%x", absl::ToUnixNanos(absl::Now()),
                                             static_cast<unsigned>(getpid()));
  options.on_mismatch = [](const std::string& text) { std::printf("%s\n", text.c_str()); };

  dmem::conformance::ReplaySummary summary;
  absl::Status status;
  for (const std::string& file : *files) {
    if (server.empty()) backend = std::make_unique<dmem::conformance::CoreBackend>();
    status = ReplayFile(file, backend.get(), options, &summary);
    if (!status.ok()) break;
  }
  std::printf("%s\n", summary.ToString().c_str());
  if (!status.ok()) {
    std::fprintf(stderr, "replay: %s\n", std::string(status.message()).c_str());
    return 2;
  }
  return summary.mismatches > 0 ? 1 : 0;
}
