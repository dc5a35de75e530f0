// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The JSON that fake directories hold and scripts print; docs/agent-backends.md has it for people.

#ifndef DMEMD_CLIENT_AGENT_FAKE_DOCUMENTS_H_
#define DMEMD_CLIENT_AGENT_FAKE_DOCUMENTS_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/agent/device_backend.h"

namespace dmem::client {

// One JSON object. INVALID_ARGUMENT, naming `where`: it is none.
absl::StatusOr<nlohmann::json> ParseJsonObject(absl::string_view text, absl::string_view where);

// {"region", "capacity_bytes", "reserved_bytes", "used_bytes", "model", "uuid", "pci",
// "device_ids", "token", "failed"}; all but region may be absent. `overrides` win. capability is
// left at its default. INVALID_ARGUMENT, naming `where`: a key is unknown or has another type, or
// the region has no valid name.
absl::StatusOr<Device> ParseDevice(const nlohmann::json& value, const MemoryOverrides& overrides,
                                   absl::string_view where);

// Processes that a Usage has, by pid and region.
using SeenProcesses = std::set<std::pair<int64_t, std::string>>;

// Adds the lists of {"cgroups": [{"cgroup", "region", "used_bytes", "peak_bytes"}], "processes":
// [{"pid", "region", "used_bytes"}], "listed_regions": [], "gone_cgroups": [], "problems": []}; all
// may be absent. What is wrong in it, a process that is in `seen` too, is left out, added to
// usage.problems, and false returned.
bool AddUsage(const nlohmann::json& value, absl::string_view where, SeenProcesses& seen,
              Usage& usage);

// What stands for a cgroup and a region.
struct StandingLimit {
  std::string cgroup;
  std::string region;
  uint64_t low_bytes = 0;
  uint64_t max_bytes = kNoLimit;
  bool gone = false;  // The cgroup does not exist.
  std::string error;  // Empty: none.
};

// {"cgroup", "region", "low_bytes", "max_bytes", "gone", "error"}; all but the first two may be
// absent. Amounts are numbers, or "max". INVALID_ARGUMENT: as ParseDevice.
absl::StatusOr<StandingLimit> ParseStandingLimit(const nlohmann::json& value,
                                                 absl::string_view where);

// {"cgroup", "region", "low_bytes", "max_bytes"}.
nlohmann::json LimitToJson(const Limit& limit);

// An array of words. INVALID_ARGUMENT: it is none.
absl::StatusOr<std::vector<std::string>> ParseWords(const nlohmann::json& value,
                                                    absl::string_view where);

// blind, watching or enforcing, in any case. INVALID_ARGUMENT: another word.
absl::StatusOr<Capability> ParseCapability(const nlohmann::json& value, absl::string_view where);

// State of `limit` as far as `stands` says: kStands, kDrifted, kGone or kFailed.
LimitState StateOf(const Limit& limit, const StandingLimit& stands);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_FAKE_DOCUMENTS_H_
