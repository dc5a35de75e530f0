// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef SERVER_CONFIG_H_
#define SERVER_CONFIG_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/state.h"

namespace dmem::server {

inline constexpr char kVersion[] = "0.1.0";

// Which pools a scrape shows.
enum class MetricsDetail { kRegions, kDefault, kAll };

// What the flags say; main.cc describes each.
struct Config {
  std::string listen = "127.0.0.1:7171";
  std::string http = "127.0.0.1:7172";
  std::string data_dir = "dmemd-data";
  std::string store = "rocksdb";
  std::string log_level = "info";
  std::string metrics_detail = "default";
  std::string implicit_cgroups = "on";
  std::string stale_regions = "allow";
  double lost_after_seconds = 300;
  std::string unattributed = "reduce";
  bool insecure = false;
  double tombstone_window_seconds = 600;
  double checkpoint_interval_seconds = 60;
  uint64_t checkpoint_sequences = 1000000;
  int64_t keep_records_bytes = int64_t{1} << 30;
  double keep_records_seconds = 7 * 24 * 3600;
  size_t reader_threads = 2;
  // No flags, for tests. Without ticks no deadline passes but by Server::Tick. `now_us`: the time
  // in microseconds since 1970, from any thread, never going back; empty: the real time.
  bool ticks = true;
  std::function<int64_t()> now_us;
  Settings settings;  // Its bounds; the other settings come from the flags above.
};

// OK, or INVALID_ARGUMENT that names the flag, its value and what it may be. An address that is not
// a loopback address needs `insecure`, as TLS is not there yet.
absl::Status Validate(const Config& config);

// REQUIRES: Validate(config) is OK.
Settings SettingsOf(const Config& config);
MetricsDetail MetricsDetailOf(const Config& config);

// "HOST:PORT" in parts; "[::1]:7171" for IPv6.
struct HostPort {
  std::string host;
  int port = 0;
};
absl::StatusOr<HostPort> ParseHostPort(const std::string& address);

}  // namespace dmem::server

#endif  // SERVER_CONFIG_H_
