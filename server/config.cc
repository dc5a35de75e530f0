// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/config.h"

#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "server/log.h"

namespace dmem::server {

namespace {

absl::Status BadFlag(absl::string_view flag, absl::string_view value, absl::string_view bound) {
  return absl::InvalidArgumentError(absl::StrCat("--", flag, "=", value, ": must be ", bound));
}

absl::optional<ImplicitCgroups> ParseImplicitCgroups(absl::string_view value) {
  if (value == "on") return ImplicitCgroups::kOn;
  if (value == "below-explicit") return ImplicitCgroups::kBelowExplicit;
  if (value == "off") return ImplicitCgroups::kOff;
  return absl::nullopt;
}

absl::optional<UnattributedPolicy> ParseUnattributed(absl::string_view value) {
  if (value == "reduce") return UnattributedPolicy::kReduce;
  if (value == "ignore") return UnattributedPolicy::kIgnore;
  return absl::nullopt;
}

absl::optional<MetricsDetail> ParseMetricsDetail(absl::string_view value) {
  if (value == "regions") return MetricsDetail::kRegions;
  if (value == "default") return MetricsDetail::kDefault;
  if (value == "all") return MetricsDetail::kAll;
  return absl::nullopt;
}

bool IsLoopback(absl::string_view host) {
  return host == "localhost" || host == "::1" || absl::StartsWith(host, "127.");
}

absl::Status CheckAddress(absl::string_view flag, const std::string& address, bool insecure) {
  const absl::StatusOr<HostPort> parsed = ParseHostPort(address);
  if (!parsed.ok()) return BadFlag(flag, address, "HOST:PORT with a port of 0 to 65535");
  if (insecure || IsLoopback(parsed->host)) return absl::OkStatus();
  return BadFlag(flag, address,
                 "a loopback address: other addresses are open to everybody who reaches them and "
                 "need --insecure");
}

absl::Status CheckSeconds(absl::string_view flag, double seconds, double min, double max) {
  if (std::isfinite(seconds) && seconds >= min && seconds <= max) return absl::OkStatus();
  return BadFlag(flag, absl::StrCat(seconds), absl::StrCat(min, " to ", max, " seconds"));
}

absl::Status CheckBound(absl::string_view flag, uint64_t value, uint64_t max) {
  if (value >= 1 && value <= max) return absl::OkStatus();
  return BadFlag(flag, absl::StrCat(value), absl::StrCat("1 to ", max));
}

}  // namespace

absl::StatusOr<HostPort> ParseHostPort(const std::string& address) {
  HostPort parsed;
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0 ||
      !absl::SimpleAtoi(address.substr(colon + 1), &parsed.port) || parsed.port < 0 ||
      parsed.port > 65535) {
    return absl::InvalidArgumentError("not HOST:PORT");
  }
  parsed.host = address.substr(0, colon);
  if (parsed.host.front() == '[' && parsed.host.back() == ']') {
    parsed.host = parsed.host.substr(1, parsed.host.size() - 2);
  } else if (absl::StrContains(parsed.host, ':')) {
    return absl::InvalidArgumentError("an IPv6 address goes in brackets");
  }
  return parsed;
}

absl::Status Validate(const Config& config) {
  // Tables hold up to 2^32 - 1 records.
  constexpr uint64_t kObjectsMax = 4000000000;
  absl::Status status = CheckAddress("listen", config.listen, config.insecure);
  if (status.ok()) status = CheckAddress("http", config.http, config.insecure);
  if (!status.ok()) return status;
  if (config.store != "rocksdb" && config.store != "memory") {
    return BadFlag("store", config.store, "rocksdb or memory");
  }
  if (config.data_dir.empty()) return BadFlag("data-dir", "", "a directory");
  if (!ParseLogLevel(config.log_level).has_value()) {
    return BadFlag("log-level", config.log_level, "debug, info, warning or error");
  }
  if (!ParseMetricsDetail(config.metrics_detail).has_value()) {
    return BadFlag("metrics-detail", config.metrics_detail, "regions, default or all");
  }
  if (!ParseImplicitCgroups(config.implicit_cgroups).has_value()) {
    return BadFlag("implicit-cgroups", config.implicit_cgroups, "on, below-explicit or off");
  }
  if (config.stale_regions != "allow" && config.stale_regions != "refuse") {
    return BadFlag("stale-regions", config.stale_regions, "allow or refuse");
  }
  if (!ParseUnattributed(config.unattributed).has_value()) {
    return BadFlag("unattributed", config.unattributed, "reduce or ignore");
  }
  for (const absl::Status& bound :
       {CheckSeconds("lost-after", config.lost_after_seconds, 1, 24 * 3600),
        CheckBound("sessions-max", config.settings.sessions_max, kObjectsMax),
        CheckSeconds("tombstone-window", config.tombstone_window_seconds, 1, 7 * 24 * 3600),
        CheckSeconds("checkpoint-interval", config.checkpoint_interval_seconds, 0.01, 24 * 3600),
        CheckBound("checkpoint-sequences", config.checkpoint_sequences, kObjectsMax),
        CheckBound("keep-records-bytes", static_cast<uint64_t>(config.keep_records_bytes),
                   uint64_t{1} << 50),
        CheckSeconds("keep-records-for", config.keep_records_seconds, 0, 10 * 366 * 24 * 3600),
        CheckBound("reader-threads", config.reader_threads, 64),
        CheckBound("tombstones-max", config.settings.tombstones_max, kObjectsMax),
        CheckBound("regions-max", config.settings.regions_max, kObjectsMax),
        CheckBound("cgroups-max", config.settings.cgroups_max, kObjectsMax),
        CheckBound("pools-max", config.settings.pools_max, kObjectsMax),
        CheckBound("charges-max", config.settings.charges_max, kObjectsMax),
        CheckBound("items-max", config.settings.items_max, kObjectsMax)}) {
    if (!bound.ok()) return bound;
  }
  return absl::OkStatus();
}

Settings SettingsOf(const Config& config) {
  Settings settings = config.settings;
  settings.implicit_cgroups = *ParseImplicitCgroups(config.implicit_cgroups);
  settings.unattributed = *ParseUnattributed(config.unattributed);
  settings.tombstone_window_us = std::llround(config.tombstone_window_seconds * 1e6);
  settings.refuses_stale_regions = config.stale_regions == "refuse";
  settings.lost_after_us = std::llround(config.lost_after_seconds * 1e6);
  return settings;
}

MetricsDetail MetricsDetailOf(const Config& config) {
  return *ParseMetricsDetail(config.metrics_detail);
}

}  // namespace dmem::server
