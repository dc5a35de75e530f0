// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/metric_families.h"

#include <limits>

#include "core/check.h"

namespace dmem::server {

FamilySet::FamilySet(const FamilyDescription* table, size_t count) : families_(count) {
  for (size_t i = 0; i < count; ++i) {
    families_[i].name = table[i].name;
    families_[i].type = table[i].type;
    families_[i].help = table[i].help;
  }
}

prometheus::ClientMetric* FamilySet::Add(size_t family, const MetricLabels& labels) {
  families_[family].metric.emplace_back();
  prometheus::ClientMetric* metric = &families_[family].metric.back();
  metric->label.reserve(labels.size());
  for (const auto& label : labels) {
    prometheus::ClientMetric::Label added;
    added.name = label.first;
    added.value = label.second;
    metric->label.push_back(std::move(added));
  }
  ++series_;
  return metric;
}

void FamilySet::AddGauge(size_t family, const MetricLabels& labels, double value) {
  DMEM_CHECK(families_[family].type == prometheus::MetricType::Gauge);
  Add(family, labels)->gauge.value = value;
}

void FamilySet::AddCounter(size_t family, const MetricLabels& labels, double value) {
  DMEM_CHECK(families_[family].type == prometheus::MetricType::Counter);
  Add(family, labels)->counter.value = value;
}

void FamilySet::AddHistogram(size_t family, const MetricLabels& labels, const Histogram& histogram,
                             double unit) {
  DMEM_CHECK(families_[family].type == prometheus::MetricType::Histogram);
  const Histogram::Values values = histogram.Read();
  prometheus::ClientMetric::Histogram& shown = Add(family, labels)->histogram;
  shown.sample_count = values.count;
  shown.sample_sum = static_cast<double>(values.sum) * unit;
  for (size_t i = 0; i < values.cumulative.size(); ++i) {
    prometheus::ClientMetric::Bucket bucket;
    bucket.cumulative_count = values.cumulative[i];
    bucket.upper_bound = static_cast<double>(histogram.Bound(i)) * unit;
    shown.bucket.push_back(bucket);
  }
  prometheus::ClientMetric::Bucket rest;
  rest.cumulative_count = values.count;
  rest.upper_bound = std::numeric_limits<double>::infinity();
  shown.bucket.push_back(rest);
}

std::vector<prometheus::MetricFamily> FamilySet::Take() {
  std::vector<prometheus::MetricFamily> shown;
  for (prometheus::MetricFamily& family : families_) {
    if (!family.metric.empty()) shown.push_back(std::move(family));
  }
  families_.clear();
  return shown;
}

double MetricBytes(ByteCount bytes) {
  return bytes.is_unlimited() ? std::numeric_limits<double>::infinity()
                              : static_cast<double>(bytes.value());
}

}  // namespace dmem::server
