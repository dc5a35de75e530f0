// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/run_agent.h"

#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "client/agent/agent_http.h"
#include "client/agent/config/about_key.h"
#include "client/agent/config/agent_config.h"
#include "client/agent/dry_run.h"
#include "client/agent/gate_help.h"
#include "client/agent/make_backend.h"
#include "client/agent/monotonic_clock.h"
#include "client/agent/pass_health.h"
#include "client/agent/pass_pace.h"
#include "client/agent/pods/api_pod_source.h"
#include "client/agent/pods/file_pod_source.h"
#include "client/agent/pods/kubelet_pod_source.h"
#include "client/agent/wait_at_gate.h"
#include "client/grpc_connection.h"
#include "client/retry_environment.h"
#include "client/version.h"

namespace dmem::client {
namespace {

constexpr int kExitError = 1;
constexpr int kExitUsage = 2;
constexpr absl::Duration kCallTimeout = absl::Seconds(5);
// A pass waits for pod sources, device software and an authority that does not answer, for each a
// bounded time, and far less than this in sum.
constexpr absl::Duration kPassSilenceMax = absl::Minutes(5);

int Fail(const absl::Status& status, int code) {
  std::fprintf(stderr, "dmem-agent: %s\n", std::string(status.message()).c_str());
  return code;
}

// A line of JSON on standard error.
void Log(absl::Time time, const std::string& event, const std::string& what) {
  const nlohmann::ordered_json line = {
      {"time", absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", time, absl::UTCTimeZone())},
      {"event", event},
      {"what", what}};
  std::fprintf(stderr, "%s\n",
               line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
}

BackendValidators Validators(const std::string& cgroup_root) {
  BackendValidators validators;
  for (const char* kind : {"dmem", "nvml", "fake"}) {
    validators[kind] = [kind, cgroup_root](const BackendOptions& options) {
      return MakeDeviceBackend(kind, options, cgroup_root, {}).status();
    };
  }
  return validators;
}

absl::StatusOr<std::unique_ptr<NodeWatcher>> MakeWatcher(const AgentConfig& config,
                                                         const RetryEnvironment& environment) {
  std::vector<std::unique_ptr<DeviceBackend>> backends;
  for (const BackendConfig& backend : config.backends) {
    auto made =
        MakeDeviceBackend(backend.name, backend.options, config.cgroup_root, config.devices);
    if (!made.ok()) return made.status();
    backends.push_back(*std::move(made));
  }
  std::unique_ptr<PodSource> kubelet, described;
  if (config.pods.pod_resources.enabled) {
    kubelet = MakeKubeletPodSource(config.pods.pod_resources.socket,
                                   config.pods.pod_resources.timeout, MonotonicNow);
  }
  if (!config.pods.file.empty()) {
    described = MakeFilePodSource(config.pods.file, config.node_name, MonotonicNow);
  } else if (config.pods.api_server.enabled) {
    ApiPodSourceOptions options;
    options.url = config.pods.api_server.url;
    options.token_file = config.pods.api_server.token_file;
    options.ca_file = config.pods.api_server.ca_file;
    options.node = config.node_name;
    options.timeout = config.pods.api_server.timeout;
    described = MakeApiPodSource(options, {MonotonicNow, environment.chance});
  }
  return std::make_unique<NodeWatcher>(&config, std::move(backends), std::move(kubelet),
                                       std::move(described));
}

// Waits so long, unless a signal comes that says so.
bool IsToldToStop(const sigset_t& stop, absl::Duration wait) {
  const timespec time = absl::ToTimespec(wait);
  return sigtimedwait(&stop, nullptr, &time) > 0;
}

// Until SIGTERM or SIGINT.
int Run(const AgentConfig& config, const LinkParts& parts, const sigset_t& stop) {
  const RetryEnvironment environment = RealRetryEnvironment();
  auto incarnations = Incarnations::Load(config.proc_root, config.state_dir);
  if (!incarnations.ok()) return Fail(incarnations.status(), kExitError);
  auto watcher = MakeWatcher(config, environment);
  if (!watcher.ok()) return Fail(watcher.status(), kExitUsage);

  AgentMetrics metrics;
  PassHealth health(MonotonicNow, kPassSilenceMax);
  std::unique_ptr<AgentHttp> http;
  if (!config.http.empty()) {
    auto started = AgentHttp::Start(config.http, &metrics, [&health] { return health.Check(); });
    if (!started.ok()) return Fail(AboutKey("http", config.http, started.status()), kExitError);
    http = *std::move(started);
  }
  // One attempt of each call: the next pass is the next attempt.
  RetryPolicy once;
  once.timeout = kCallTimeout;
  once.attempts_max = 1;
  const auto client = std::make_shared<Client>(
      MakeGrpcConnection(config.servers, "dmem-agent/" + config.node_name), once);
  const auto log = [&environment](const std::string& event, const std::string& what) {
    Log(environment.now(), event, what);
  };
  Agent agent(&config, *std::move(watcher), client, &*incarnations, &metrics,
              {environment.now, MonotonicNow}, log, parts);
  log("started", "version " + std::string(kVersion) + " on node " + config.node_name +
                     (http == nullptr ? "" : ", metrics on port " + std::to_string(http->port())));
  PassPace pace(MonotonicNow, config.measure_interval);
  while (true) {
    agent.Pass();
    health.PassEnded();
    const absl::Duration until_halfway = pace.UntilHalfway();
    if (until_halfway > absl::ZeroDuration()) {
      if (IsToldToStop(stop, until_halfway)) break;
      agent.FollowTenants();
    }
    if (IsToldToStop(stop, pace.Pause())) break;
  }
  // What is held stays held: the next agent of this node takes over.
  agent.Stop();
  log("stopped", "");
  return 0;
}

// For hooks and init containers.
int WaitUntilOpen(const std::string& directory, const std::string& uid, double seconds) {
  const auto say = [](const std::string& line) {
    std::fprintf(stderr, "dmem-agent: %s\n", line.c_str());
  };
  const absl::Status status = WaitAtGate(
      {directory, uid, absl::Seconds(seconds), MonotonicNow, RealRetryEnvironment().sleep, say});
  if (status.ok()) return 0;
  return Fail(status, absl::IsInvalidArgument(status) ? kExitUsage : kExitError);
}

}  // namespace

int RunAgent(int argc, char** argv, const LinkParts& parts) {
  // Before the first thread, so that all inherit it.
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  sigprocmask(SIG_BLOCK, &stop, nullptr);

  CLI::App app("dmem-agent: a node's half of dmemd. Books what runs, gives back what is gone.");
  std::string file = "/etc/dmem-agent.yaml";
  bool dry_run = false;
  app.add_option("--config", file, "The configuration; docs/agent-configuration.md has its keys")
      ->capture_default_str();
  app.add_flag("--dry-run", dry_run,
               "Look once, print what would be charged and limited, change nothing anywhere");
  app.set_version_flag("--version", std::string("dmem-agent ") + kVersion);
  CLI::App* gate =
      app.add_subcommand("gate", "Wait until a pod may start: until its device memory is charged");
  std::string uid, directory;
  double seconds = 60;
  gate->add_option("UID", uid, "The pod's uid")->required();
  gate->add_option("--dir", directory,
                   "gate_dir of the agent's configuration, or where it is mounted")
      ->required();
  gate->add_option("--timeout", seconds, "How long, in seconds")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  gate->footer(std::string(kGateFooter) + kGatedPod);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  if (gate->parsed()) {
    sigprocmask(SIG_UNBLOCK, &stop, nullptr);
    return WaitUntilOpen(directory, uid, seconds);
  }
  auto config = LoadAgentConfig(file, Validators("/sys/fs/cgroup"));
  if (!config.ok()) return Fail(config.status(), kExitUsage);
  if (!dry_run) return Run(*config, parts, stop);
  config->dry_run = true;
  auto watcher = MakeWatcher(*config, RealRetryEnvironment());
  if (!watcher.ok()) return Fail(watcher.status(), kExitUsage);
  std::fputs(DryRun(watcher->get()).c_str(), stdout);
  return 0;
}

}  // namespace dmem::client
