// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_FAKE_SCRIPT_BACKEND_H_
#define DMEMD_CLIENT_AGENT_FAKE_SCRIPT_BACKEND_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/agent/device_backend.h"

namespace dmem::client {

struct ScriptOptions {
  std::vector<std::string> command;  // The program, an absolute path, and its first arguments.
  absl::Duration timeout = absl::Seconds(5);  // For each run of it.
  // false: limits are not applied, and the node is at most WATCHING.
  bool enforce = true;
  MemoryOverrides memory;
};

// Devices that a program knows: it is run as COMMAND scan, measure, apply or read-back, with a JSON
// object on its standard input, and prints one.
//
// Source: docs/agent-backends.md.
class ScriptBackend : public DeviceBackend {
 public:
  explicit ScriptBackend(ScriptOptions options);

  absl::string_view name() const override { return "fake"; }
  absl::StatusOr<DeviceScan> Scan() override;
  absl::StatusOr<Usage> Measure(const std::vector<std::string>& cgroups) override;
  std::vector<LimitState> Apply(const std::vector<Limit>& limits) override;
  std::vector<LimitState> ReadBack(const std::vector<Limit>& limits) override;
  Capability capability() const override;

 private:
  absl::StatusOr<nlohmann::json> Run(const std::string& verb, const nlohmann::json& input) const;
  bool Knows(absl::string_view region) const;
  // The states of those limits that have none yet (kFailed without a status), by `verb`.
  void Ask(const std::string& verb, std::vector<LimitState>& states) const;

  const ScriptOptions options_;
  std::vector<Device> devices_;  // Of the last Scan.
};

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_FAKE_SCRIPT_BACKEND_H_
