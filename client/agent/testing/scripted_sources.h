// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_TESTING_SCRIPTED_SOURCES_H_
#define DMEMD_CLIENT_AGENT_TESTING_SCRIPTED_SOURCES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/agent/device_backend.h"
#include "client/agent/pods/pod_source.h"

namespace dmem::client {

// What a ScriptedBackend says, and was asked.
struct BackendScript {
  std::vector<Device> devices;  // Sorted by region.
  Usage usage;                  // Whatever cgroups are asked for.
  absl::Status failure;         // Unless OK: of Scan and Measure.
  Capability capability = Capability::kWatching;
  LimitState outcome = {{}, LimitOutcome::kWritten, {}, {}, {}};  // Of Apply; ReadBack is kDrifted.

  std::optional<uint64_t> standing_max_bytes;  // Of every cgroup, to ReadBack.

  std::vector<std::string> asked;  // By the last Measure.
  std::vector<Limit> applied;      // By all calls of Apply.
};

// `script` must outlive it, and may change between calls.
class ScriptedBackend : public DeviceBackend {
 public:
  explicit ScriptedBackend(BackendScript* script) : script_(*script) {}

  absl::string_view name() const override { return "fake"; }

  absl::StatusOr<DeviceScan> Scan() override {
    if (!script_.failure.ok()) return script_.failure;
    return DeviceScan{script_.devices, {}};
  }

  absl::StatusOr<Usage> Measure(const std::vector<std::string>& cgroups) override {
    if (!script_.failure.ok()) return script_.failure;
    script_.asked = cgroups;
    return script_.usage;
  }

  std::vector<LimitState> Apply(const std::vector<Limit>& limits) override {
    std::vector<LimitState> states;
    for (const Limit& limit : limits) {
      script_.applied.push_back(limit);
      states.push_back(script_.outcome);
      states.back().limit = limit;
    }
    return states;
  }

  std::vector<LimitState> ReadBack(const std::vector<Limit>& limits) override {
    std::vector<LimitState> states;
    states.reserve(limits.size());
    for (const Limit& limit : limits) {
      states.push_back({limit, LimitOutcome::kDrifted, {}, script_.standing_max_bytes, {}});
    }
    return states;
  }

  Capability capability() const override { return script_.capability; }

 private:
  BackendScript& script_;
};

// Says what `snapshot` is at the moment; it must outlive the source.
class ScriptedPodSource : public PodSource {
 public:
  explicit ScriptedPodSource(const PodSnapshot* snapshot) : snapshot_(*snapshot) {}

  absl::string_view name() const override { return "scripted"; }
  PodSnapshot List() override { return snapshot_; }

 private:
  const PodSnapshot& snapshot_;
};

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_TESTING_SCRIPTED_SOURCES_H_
