// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What a scrape of /metrics shows. docs/metrics.md has the table.

#ifndef SERVER_METRICS_H_
#define SERVER_METRICS_H_

#include <prometheus/metric_family.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/state.h"
#include "server/config.h"
#include "server/rpc_metrics.h"
#include "server/writer.h"

namespace dmem::server {

// Series of regions and pools in the default detail.
inline constexpr size_t kDefaultSeriesMax = 20000;

// Families of the objects of one state: regions and groups, then pools, in this order until
// `series_max` series: "/" and the first-level cgroups in the groups, then the other pools by
// usage, largest first. How many were left out is a metric. With MetricsDetail::kRegions no pools,
// with kAll everything. Byte-seconds count up to `time_us`. A pure function.
//
// Cost: a pass over all pools, and the protection of those shown.
std::vector<prometheus::MetricFamily> CollectObjects(const State& state, int64_t time_us,
                                                     MetricsDetail detail,
                                                     size_t series_max = kDefaultSeriesMax);

// What the service knows of itself, beside what its parts count.
struct ServiceFacts {
  double recovery_seconds = 0;
  double checkpoint_seconds = 0;  // The last one took; 0: none since the start.
  uint64_t checkpoint_sequence = 0;
  bool store_failed = false;
  uint64_t ticks = 0;
  uint64_t renewals = 0;
  uint64_t kept_bytes = 0;
  uint64_t oldest_kept_sequence = 0;  // 0: not known.
  int64_t oldest_kept_time_us = 0;    // 0: not known.
  uint64_t watchers = 0;
  uint64_t events_sent = 0;
  uint64_t watchers_too_old = 0;
};

// Families of the service. Thread-safe, as its arguments are.
std::vector<prometheus::MetricFamily> CollectService(const RpcMetrics& rpcs,
                                                     const WriterStats& writer,
                                                     const ServiceFacts& facts);

// Name, type and help of every family that can be shown, for the test of the documentation.
struct FamilyDescription {
  const char* name;
  prometheus::MetricType type;
  const char* help;
};
std::vector<FamilyDescription> AllFamilies();

}  // namespace dmem::server

#endif  // SERVER_METRICS_H_
