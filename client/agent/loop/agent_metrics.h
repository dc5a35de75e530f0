// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_LOOP_AGENT_METRICS_H_
#define DMEMD_CLIENT_AGENT_LOOP_AGENT_METRICS_H_

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/agent/books/node_books.h"
#include "client/agent/device_backend.h"

namespace dmem::client {

// What one pass of the agent came to.
struct PassFigures {
  bool is_connected = false;
  Capability capability = Capability::kBlind;
  size_t problems = 0;
  uint64_t reconciled_differences = 0;
  // See LinkReport.
  absl::Time reconciled_as_of = absl::InfinitePast();
  absl::Time reported_as_of = absl::InfinitePast();
  std::vector<Device> devices;
  std::vector<Holding> holdings;
  std::vector<LimitState> limits;
  std::string node;
  std::map<std::string, size_t> waiting;  // Pods, by WaitingPod::reason.
  std::optional<bool> gate_works;         // Absent: there is none.
};

// The agent's own metrics, docs/agent.md: pods' series are here, not at the authority. A series
// goes when its pod does. Thread safe.
class AgentMetrics : public prometheus::Collectable {
 public:
  void Set(PassFigures figures);
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  PassFigures figures_;
  uint64_t passes_ = 0;
  uint64_t differences_ = 0;
};

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_LOOP_AGENT_METRICS_H_
