// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// dmemd: the flags, and the process around a Server.

#include <malloc.h>

#include <cstdio>
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/synchronization/mutex.h"
#include "server/config.h"
#include "server/log.h"
#include "server/make_store.h"
#include "server/process.h"
#include "server/server.h"

namespace {

using dmem::server::Config;

constexpr int kExitError = 1;
constexpr int kExitUsage = 2;

void AddFlags(CLI::App* app, Config* config) {
  const auto flag = [app](const char* name, auto& value, const char* help) {
    app->add_option(name, value, help)->capture_default_str()->take_last();
  };
  flag("--listen", config->listen, "HOST:PORT for gRPC; port 0 takes any free one");
  flag("--http", config->http, "HOST:PORT for /metrics, /healthz and /readyz");
  flag("--data-dir", config->data_dir, "Directory of the store and of endpoints.json");
  flag("--store", config->store, "rocksdb, or memory: forgets everything, for trying things out");
  flag("--log-level", config->log_level, "debug, info, warning or error");
  flag("--metrics-detail", config->metrics_detail,
       "What /metrics shows: regions only; default: pools too, up to 20,000 series; all: every "
       "pool");
  flag("--implicit-cgroups", config->implicit_cgroups,
       "Whether charges and limits make missing cgroups: on, below-explicit (only below one that "
       "was created) or off");
  flag("--stale-regions", config->stale_regions,
       "Whether regions whose node's agent is not heard take new charges: allow, or refuse");
  flag("--lost-after", config->lost_after_seconds,
       "Seconds that a node is both NotReady and not heard before its regions leave their groups");
  flag("--sessions-max", config->settings.sessions_max,
       "Sessions at most, those that ended lately included; and as many nodes");
  flag("--unattributed", config->unattributed,
       "What memory in use on a device that belongs to no charge does: reduce what the device's "
       "region grants, or ignore");
  flag("--tombstone-window", config->tombstone_window_seconds,
       "Seconds that a spent charge id is remembered; longer than any client retries");
  flag("--tombstones-max", config->settings.tombstones_max, "Spent charge ids remembered at most");
  flag("--regions-max", config->settings.regions_max, "Regions and groups at most");
  flag("--cgroups-max", config->settings.cgroups_max, "Cgroups at most");
  flag("--pools-max", config->settings.pools_max, "Pools at most (about 300 bytes of memory each)");
  flag("--charges-max", config->settings.charges_max,
       "Live charges at most (about 300 bytes of memory each)");
  flag("--items-max", config->settings.items_max, "Items of live charges at most");
  flag("--checkpoint-interval", config->checkpoint_interval_seconds,
       "Seconds between checkpoints; shorter: faster restarts, more writing");
  flag("--checkpoint-sequences", config->checkpoint_sequences,
       "Commands after which a checkpoint is made before its time");
  flag("--keep-records-bytes", config->keep_records_bytes,
       "Bytes of records kept that a checkpoint covers already: the events and the audit trail");
  flag("--keep-records-for", config->keep_records_seconds,
       "Seconds that such a record is kept, within these bytes; whole files of them are dropped");
  flag("--reader-threads", config->reader_threads, "Threads for listings, plans and scrapes");
  app->add_flag("--insecure", config->insecure,
                "Allow addresses other than loopback, without TLS: for trusted networks only");
  app->set_version_flag("--version", std::string("dmemd ") + dmem::server::kVersion);
}

int Fail(const absl::Status& status, int code) {
  std::fprintf(stderr, "dmemd: %s\n", std::string(status.message()).c_str());
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  Config config;
  CLI::App app("dmemd: the authority for a cluster's device memory");
  AddFlags(&app, &config);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  if (absl::Status status = Validate(config); !status.ok()) return Fail(status, kExitUsage);
  dmem::server::SetLogLevel(*dmem::server::ParseLogLevel(config.log_level));
  // gRPC locks through Abseil's mutexes, which Debian builds to look for deadlocks at every lock.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  // Blocks of a batch's messages and records come and go many times a second: kept, they need not
  // be cleared by the kernel each time.
  mallopt(M_MMAP_THRESHOLD, 16 << 20);
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
  dmem::server::StopSignals signals;  // Before the first thread, which inherits the mask.
  auto store = dmem::server::MakeStore(config);
  if (!store.ok()) return Fail(store.status(), kExitError);
  auto server = dmem::server::Server::Start(config, *std::move(store));
  if (!server.ok()) return Fail(server.status(), kExitError);
  signals.Wait();
  const absl::Status status = (*server)->Shutdown();
  return status.ok() ? 0 : Fail(status, kExitError);
}
