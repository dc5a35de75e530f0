// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/loop/agent_metrics.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"

namespace dmem::client {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

using Labels = std::vector<std::pair<std::string, std::string>>;

MetricFamily Family(const char* name, const char* help, MetricType type = MetricType::Gauge) {
  MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  return family;
}

void Add(MetricFamily* family, const Labels& labels, double value) {
  ClientMetric& metric = family->metric.emplace_back();
  for (const auto& label : labels) metric.label.push_back({label.first, label.second});
  metric.gauge.value = value;
  metric.counter.value = value;
}

// Seconds since 1970; 0: never.
double SecondsOf(absl::Time time) {
  return time == absl::InfinitePast() ? 0 : static_cast<double>(absl::ToUnixMicros(time)) / 1e6;
}

}  // namespace

void AgentMetrics::Set(PassFigures figures) {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++passes_;
  differences_ += figures.reconciled_differences;
  figures_ = std::move(figures);
}

std::vector<MetricFamily> AgentMetrics::Collect() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<MetricFamily> families;
  families.push_back(Family("dmem_agent_passes_total", "Looks at the node.", MetricType::Counter));
  Add(&families.back(), {}, static_cast<double>(passes_));
  families.push_back(
      Family("dmem_agent_connected", "1 if the authority answered every call of the last pass."));
  Add(&families.back(), {}, figures_.is_connected ? 1 : 0);
  families.push_back(
      Family("dmem_agent_problems", "What went wrong in the last pass; see the log."));
  Add(&families.back(), {}, static_cast<double>(figures_.problems));
  families.push_back(Family("dmem_agent_reconciled_differences_total",
                            "Differences between node and ledger that Reconcile put right.",
                            MetricType::Counter));
  Add(&families.back(), {}, static_cast<double>(differences_));
  families.push_back(Family("dmem_agent_reconciled_timestamp_seconds",
                            "When the node was looked at for the last complete list that the "
                            "authority took; 0: none yet."));
  Add(&families.back(), {}, SecondsOf(figures_.reconciled_as_of));
  families.push_back(Family("dmem_agent_reported_timestamp_seconds",
                            "When the node was looked at for the last report of measured bytes "
                            "that the authority took; 0: none yet."));
  Add(&families.back(), {}, SecondsOf(figures_.reported_as_of));
  families.push_back(
      Family("dmem_agent_capability", "1 for what the node can do: ENFORCING, WATCHING or BLIND."));
  for (const Capability capability :
       {Capability::kBlind, Capability::kWatching, Capability::kEnforcing}) {
    Add(&families.back(), {{"capability", std::string(CapabilityName(capability))}},
        capability == figures_.capability ? 1 : 0);
  }
  families.push_back(Family("dmem_agent_pods_waiting", "Pods without leave to start, by reason."));
  for (const auto& [reason, pods] : figures_.waiting)
    Add(&families.back(), {{"reason", reason}}, static_cast<double>(pods));
  if (figures_.gate_works.has_value()) {
    families.push_back(Family("dmem_agent_gate_works", "1 if gate_dir says what it should."));
    Add(&families.back(), {}, *figures_.gate_works ? 1 : 0);
  }

  MetricFamily capacity = Family("dmem_agent_device_capacity_bytes", "As the device reports it.");
  MetricFamily used = Family("dmem_agent_device_used_bytes", "In use in all, reserved included.");
  MetricFamily failed = Family("dmem_agent_device_failed", "1 if the device is broken.");
  for (const Device& device : figures_.devices) {
    const Labels labels = {{"region", absl::StrCat(figures_.node, "/", device.region)}};
    Add(&capacity, labels, static_cast<double>(device.capacity_bytes));
    if (device.used_bytes.has_value()) Add(&used, labels, static_cast<double>(*device.used_bytes));
    Add(&failed, labels, device.failed ? 1 : 0);
  }
  MetricFamily booked = Family("dmem_agent_pod_booked_bytes", "Charged for the pod.");
  MetricFamily measured = Family("dmem_agent_pod_measured_bytes", "Seen in use by the pod.");
  MetricFamily over = Family("dmem_agent_pod_over_grant_bytes", "Measured beyond what is booked.");
  for (const Holding& holding : figures_.holdings) {
    const Labels labels = {{"namespace", holding.pod_namespace},
                           {"pod", holding.pod_name},
                           {"uid", holding.pod_uid},
                           {"cgroup", holding.cgroup},
                           {"region", holding.region}};
    Add(&booked, labels, static_cast<double>(holding.charged_bytes.value_or(0)));
    if (!holding.measured_bytes.has_value()) continue;
    Add(&measured, labels, static_cast<double>(*holding.measured_bytes));
    const uint64_t allowed = holding.charged_bytes.value_or(holding.booked_bytes);
    const uint64_t beyond =
        *holding.measured_bytes > allowed ? *holding.measured_bytes - allowed : 0;
    Add(&over, labels, holding.is_measured_basis ? 0 : static_cast<double>(beyond));
  }
  MetricFamily limits =
      Family("dmem_agent_limits", "Limits of the last pass, by what came of each.");
  std::map<std::string, int> outcomes;
  for (const LimitState& state : figures_.limits)
    ++outcomes[std::string(LimitOutcomeName(state.outcome))];
  for (const auto& outcome : outcomes) Add(&limits, {{"outcome", outcome.first}}, outcome.second);
  for (MetricFamily* family : {&capacity, &used, &failed, &booked, &measured, &over, &limits})
    families.push_back(std::move(*family));
  return families;
}

}  // namespace dmem::client
