// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/loop/agent_metrics.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "absl/strings/str_cat.h"

namespace dmem::client {
namespace {

// {name{label=value,...}: value} of all series.
std::map<std::string, double> Series(const AgentMetrics& metrics) {
  std::map<std::string, double> series;
  for (const prometheus::MetricFamily& family : metrics.Collect()) {
    for (const prometheus::ClientMetric& metric : family.metric) {
      std::string name = family.name;
      for (const auto& label : metric.label)
        absl::StrAppend(&name, &label == &metric.label.front() ? "{" : ",", label.name, "=",
                        label.value);
      if (!metric.label.empty()) absl::StrAppend(&name, "}");
      EXPECT_TRUE(series
                      .emplace(name, family.type == prometheus::MetricType::Counter
                                         ? metric.counter.value
                                         : metric.gauge.value)
                      .second)
          << name;
    }
  }
  return series;
}

constexpr char kPod[] = "{namespace=ml,pod=web,uid=u1,cgroup=/ns/ml,region=n1/gpu0}";

PassFigures OnePod() {
  PassFigures figures;
  figures.is_connected = true;
  figures.node = "n1";
  Device& device = figures.devices.emplace_back();
  device.region = "gpu0";
  device.capacity_bytes = 100;
  Holding& holding = figures.holdings.emplace_back();
  holding.cgroup = "/ns/ml";
  holding.region = "n1/gpu0";
  holding.pod_uid = "u1";
  holding.pod_namespace = "ml";
  holding.pod_name = "web";
  holding.booked_bytes = 8;
  holding.charged_bytes = 8;
  return figures;
}

TEST(AgentMetricsTest, BookedIsWhatIsChargedAndNotWhatIsWanted) {
  AgentMetrics metrics;
  PassFigures figures = OnePod();
  const std::string booked = absl::StrCat("dmem_agent_pod_booked_bytes", kPod);
  figures.holdings[0].charged_bytes.reset();  // It waits for leave to start.
  metrics.Set(figures);
  EXPECT_EQ(Series(metrics).at(booked), 0);
  figures.holdings[0].charged_bytes = 5;
  figures.holdings[0].measured_bytes = 7;
  metrics.Set(figures);
  EXPECT_EQ(Series(metrics).at(booked), 5);
  EXPECT_EQ(Series(metrics).at(absl::StrCat("dmem_agent_pod_over_grant_bytes", kPod)), 2);
}

TEST(AgentMetricsTest, PassesAndDifferencesAddUpAndTheRestIsOfTheLastPass) {
  AgentMetrics metrics;
  EXPECT_EQ(Series(metrics).at("dmem_agent_passes_total"), 0);
  PassFigures figures;
  figures.reconciled_differences = 3;
  figures.problems = 2;
  figures.is_connected = true;
  metrics.Set(figures);
  figures.reconciled_differences = 4;
  figures.problems = 1;
  figures.is_connected = false;
  metrics.Set(figures);
  const std::map<std::string, double> series = Series(metrics);
  EXPECT_EQ(series.at("dmem_agent_passes_total"), 2);
  EXPECT_EQ(series.at("dmem_agent_reconciled_differences_total"), 7);
  EXPECT_EQ(series.at("dmem_agent_problems"), 1);
  EXPECT_EQ(series.at("dmem_agent_connected"), 0);
}

TEST(AgentMetricsTest, TimesAreSecondsSince1970AndZeroForNever) {
  AgentMetrics metrics;
  EXPECT_EQ(Series(metrics).at("dmem_agent_reconciled_timestamp_seconds"), 0);
  EXPECT_EQ(Series(metrics).at("dmem_agent_reported_timestamp_seconds"), 0);
  PassFigures figures;
  figures.reconciled_as_of = absl::FromUnixMillis(1500);
  figures.reported_as_of = absl::FromUnixMillis(2250);
  metrics.Set(figures);
  EXPECT_EQ(Series(metrics).at("dmem_agent_reconciled_timestamp_seconds"), 1.5);
  EXPECT_EQ(Series(metrics).at("dmem_agent_reported_timestamp_seconds"), 2.25);
}

TEST(AgentMetricsTest, ExactlyOneCapabilityIsOne) {
  AgentMetrics metrics;
  PassFigures figures;
  figures.capability = Capability::kWatching;
  metrics.Set(figures);
  const std::map<std::string, double> series = Series(metrics);
  EXPECT_EQ(series.at("dmem_agent_capability{capability=WATCHING}"), 1);
  EXPECT_EQ(series.at("dmem_agent_capability{capability=ENFORCING}"), 0);
  EXPECT_EQ(series.at("dmem_agent_capability{capability=BLIND}"), 0);
}

TEST(AgentMetricsTest, WhatIsNotKnownHasNoSeries) {
  AgentMetrics metrics;
  metrics.Set(OnePod());
  const std::map<std::string, double> series = Series(metrics);
  EXPECT_EQ(series.at("dmem_agent_device_capacity_bytes{region=n1/gpu0}"), 100);
  EXPECT_EQ(series.count("dmem_agent_device_used_bytes{region=n1/gpu0}"), 0u);
  EXPECT_EQ(series.at(absl::StrCat("dmem_agent_pod_booked_bytes", kPod)), 8);
  EXPECT_EQ(series.count(absl::StrCat("dmem_agent_pod_measured_bytes", kPod)), 0u);
  EXPECT_EQ(series.count(absl::StrCat("dmem_agent_pod_over_grant_bytes", kPod)), 0u);
}

TEST(AgentMetricsTest, OverGrantIsWhatIsMeasuredBeyondWhatIsBookedAndNotMeasured) {
  AgentMetrics metrics;
  PassFigures figures = OnePod();
  const std::string over = absl::StrCat("dmem_agent_pod_over_grant_bytes", kPod);
  for (const auto& [measured, expected] : {std::make_pair(7, 0), {8, 0}, {11, 3}}) {
    figures.holdings[0].measured_bytes = measured;
    metrics.Set(figures);
    EXPECT_EQ(Series(metrics).at(over), expected);
  }
  figures.holdings[0].is_measured_basis = true;
  metrics.Set(figures);
  EXPECT_EQ(Series(metrics).at(over), 0) << "booked follows measured";
}

TEST(AgentMetricsTest, PodsThatWaitAreCountedByReasonAndTheSeriesGoesWithTheLast) {
  AgentMetrics metrics;
  PassFigures figures;
  figures.waiting = {{"CAPACITY", 2}};
  metrics.Set(figures);
  EXPECT_EQ(Series(metrics).at("dmem_agent_pods_waiting{reason=CAPACITY}"), 2);
  metrics.Set(PassFigures());
  EXPECT_EQ(Series(metrics).count("dmem_agent_pods_waiting{reason=CAPACITY}"), 0u);
}

TEST(AgentMetricsTest, WhetherTheGateWorksIsSaidWhereThereIsOne) {
  AgentMetrics metrics;
  PassFigures figures;
  metrics.Set(figures);
  EXPECT_EQ(Series(metrics).count("dmem_agent_gate_works"), 0u);
  for (const bool works : {true, false}) {
    figures.gate_works = works;
    metrics.Set(figures);
    EXPECT_EQ(Series(metrics).at("dmem_agent_gate_works"), works ? 1 : 0);
  }
}

TEST(AgentMetricsTest, SeriesOfAPodGoWithIt) {
  AgentMetrics metrics;
  metrics.Set(OnePod());
  metrics.Set(PassFigures());
  for (const auto& series : Series(metrics))
    EXPECT_EQ(series.first.find("dmem_agent_pod_"), std::string::npos) << series.first;
}

TEST(AgentMetricsTest, LimitsAreCountedByWhatCameOfThem) {
  AgentMetrics metrics;
  PassFigures figures;
  for (const LimitOutcome outcome :
       {LimitOutcome::kStands, LimitOutcome::kDrifted, LimitOutcome::kStands})
    figures.limits.emplace_back().outcome = outcome;
  metrics.Set(figures);
  const std::map<std::string, double> series = Series(metrics);
  EXPECT_EQ(series.at("dmem_agent_limits{outcome=stands}"), 2);
  EXPECT_EQ(series.at("dmem_agent_limits{outcome=drifted}"), 1);
  EXPECT_EQ(series.count("dmem_agent_limits{outcome=failed}"), 0u);
}

}  // namespace
}  // namespace dmem::client
