// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The families as a table, and how samples are put into them.

#ifndef SERVER_METRIC_FAMILIES_H_
#define SERVER_METRIC_FAMILIES_H_

#include <prometheus/metric_family.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "core/byte_count.h"
#include "server/base/histogram.h"
#include "server/metrics.h"

namespace dmem::server {

using MetricLabels = std::vector<std::pair<const char*, std::string>>;

// Families under construction, made from a part of the table. Thread-compatible.
class FamilySet {
 public:
  FamilySet(const FamilyDescription* table, size_t count);

  void AddGauge(size_t family, const MetricLabels& labels, double value);
  void AddCounter(size_t family, const MetricLabels& labels, double value);
  // `unit`: what an observation of 1 is, in the family's unit.
  void AddHistogram(size_t family, const MetricLabels& labels, const Histogram& histogram,
                    double unit);
  size_t series() const { return series_; }

  // The families that have a sample.
  std::vector<prometheus::MetricFamily> Take();

 private:
  prometheus::ClientMetric* Add(size_t family, const MetricLabels& labels);

  std::vector<prometheus::MetricFamily> families_;
  size_t series_ = 0;
};

// Unlimited is +Inf.
double MetricBytes(ByteCount bytes);

}  // namespace dmem::server

#endif  // SERVER_METRIC_FAMILIES_H_
