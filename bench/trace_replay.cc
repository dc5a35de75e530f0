// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Replays the trace of a GPU cluster, or measured usage, against a running dmemd:
// docs/trace-replay.md.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "bench/replay/dmemd_authority.h"
#include "bench/replay/openb_trace.h"
#include "bench/replay/progress_bar.h"
#include "bench/replay/replay.h"
#include "bench/replay/report.h"
#include "bench/replay/usage_trace.h"
#include "client/client.h"
#include "client/grpc_connection.h"

namespace dmem::replay {
namespace {

enum ExitCode { kOk = 0, kError = 1, kUsage = 2 };

struct Flags {
  std::string server = "127.0.0.1:7171";
  std::string openb_nodes;
  std::string openb_pods;
  absl::optional<size_t> take_nodes;
  std::string usage;
  std::string output = "text";
  std::string progress = "auto";
};

absl::StatusOr<Totals> Replay(const Flags& flags, const ReplayOptions& options,
                              Authority* authority) {
  if (!flags.usage.empty()) {
    absl::StatusOr<UsageTrace> trace = ReadUsageTrace(flags.usage);
    if (!trace.ok()) return trace.status();
    return ReplayUsage(*trace, options, authority);
  }
  absl::StatusOr<std::vector<GpuNode>> nodes = ReadGpuNodes(flags.openb_nodes, flags.take_nodes);
  if (!nodes.ok()) return nodes.status();
  absl::StatusOr<std::vector<GpuTask>> tasks = ReadGpuTasks(flags.openb_pods);
  if (!tasks.ok()) return tasks.status();
  return ReplayTasks(*nodes, *tasks, options, authority);
}

// Told apart from other runs against the same server, whose ids may be live or spent.
std::string NewRun() { return absl::StrFormat("%x-%x", absl::ToUnixMillis(absl::Now()), getpid()); }

int Run(const Flags& flags) {
  const bool terminal = isatty(STDERR_FILENO) == 1;
  ProgressBar bar(terminal ? ProgressBar::Style::kTerminal : ProgressBar::Style::kLines, absl::Now,
                  &std::cerr);
  ReplayOptions options;
  options.run = NewRun();
  if (flags.progress == "always" || (flags.progress == "auto" && terminal)) {
    options.progress = [&bar](absl::string_view phase, size_t done, size_t total, uint64_t live) {
      bar.Update(phase, done, total, live);
    };
  }
  client::Client client(client::MakeGrpcConnection(flags.server));
  DmemdAuthority authority(&client, absl::Now);
  const absl::Time began = absl::Now();
  absl::StatusOr<Totals> totals = Replay(flags, options, &authority);
  if (!totals.ok()) {
    std::cerr << "trace_replay: " << totals.status().message() << "\n";
    return kError;
  }
  if (totals->refusals > 0) {
    std::cerr << "trace_replay: the server refused " << totals->refusals
              << " operations; the first: " << totals->first_refusal << "\n";
  }
  const absl::Duration wall = absl::Now() - began;
  std::cout << (flags.output == "json" ? JsonReport(*totals, wall) : TextReport(*totals, wall));
  return std::cout.flush() ? kOk : kError;
}

int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app(
      "Replays a GPU cluster's tasks, or containers' measured memory, against a running dmemd.",
      "trace_replay");
  app.add_option("--server", flags.server, "dmemd's gRPC address, HOST:PORT")
      ->envname("DMEM_SERVER")
      ->capture_default_str();
  auto* nodes = app.add_option("--openb-nodes", flags.openb_nodes,
                               "node list (CSV: sn, gpu, model); with --openb-pods");
  auto* pods = app.add_option("--openb-pods", flags.openb_pods,
                              "pod list (CSV: name, num_gpu, gpu_milli, gpu_spec, qos, "
                              "creation_time, deletion_time, scheduled_time)");
  auto* take =
      app.add_option("--take-nodes", flags.take_nodes,
                     "keep so many nodes, evenly spread over the list: makes memory scarce")
          ->check(CLI::PositiveNumber);
  auto* usage = app.add_option("--usage", flags.usage,
                               "measured usage (CSV: used_bytes, container), instead of a cluster");
  app.add_option("-o,--output", flags.output, "json or text")
      ->check(CLI::IsMember({"json", "text"}))
      ->capture_default_str();
  app.add_flag(
         "--progress{always}", flags.progress,
         "show progress on stderr: --progress=auto (the default: on a terminal), always (also "
         "when no value is given), never")
      ->check(CLI::IsMember({"auto", "always", "never"}));
  nodes->needs(pods);
  pods->needs(nodes);
  take->needs(nodes);
  usage->excludes(nodes)->excludes(pods);
  app.footer("Exit codes: 0 ok, 1 error, 2 usage.");
  try {
    app.parse(argc, argv);
    if (flags.usage.empty() && flags.openb_nodes.empty()) {
      throw CLI::RequiredError("--openb-nodes and --openb-pods, or --usage,");
    }
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kOk : kUsage;
  }
  return Run(flags);
}

}  // namespace
}  // namespace dmem::replay

int main(int argc, char** argv) { return dmem::replay::Main(argc, argv); }
