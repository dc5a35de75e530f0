// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The agent's configuration: YAML that is taken or refused with its lines, never anything else.

#include "client/agent/config/agent_config.h"
#include "tests/fuzz/fail.h"
#include "tests/fuzz/fuzz_target.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::StatusOr<dmem::client::AgentConfig> config = dmem::client::ParseAgentConfig(
      "agent.yaml", {reinterpret_cast<const char*>(data), size},
      {{"dmem", [](const dmem::client::BackendOptions&) { return absl::OkStatus(); }}});
  if (!config.ok() && !absl::IsInvalidArgument(config.status())) {
    dmem::fuzz::Fail(config.status().ToString());
  }
  return 0;
}
