// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/dry_run.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "client/agent/loop/agent.h"
#include "client/cli/byte_size.h"
#include "client/cli/table.h"

namespace dmem::client {
namespace {

std::string SizeOrUnknown(const std::optional<uint64_t>& bytes) {
  return bytes.has_value() ? FormatByteSize(*bytes) : "unknown";
}

const char* StateName(HoldingState state) {
  switch (state) {
    case HoldingState::kPending:
      return "pending";
    case HoldingState::kRunning:
      return "running";
    case HoldingState::kEnding:
      return "ending";
  }
  return "";
}

// What would come of a limit; where it would be written over others, what these are.
std::string LimitText(const LimitState& state) {
  if (state.outcome != LimitOutcome::kDrifted) return std::string(LimitOutcomeName(state.outcome));
  const uint64_t low = state.low_bytes.value_or(0);
  const uint64_t max = state.max_bytes.value_or(kNoLimit);
  if (low == 0 && max >= kNoLimit) return "would be written";
  return absl::StrCat("would be written (low ", FormatByteSize(low), ", max ", FormatByteSize(max),
                      " stand)");
}

}  // namespace

std::string DryRun(NodeWatcher* watcher) {
  std::vector<absl::Status> problems;
  const NodeSight sight = watcher->Look(&problems);
  const NodeBooks books = MakeNodeBooks(sight);
  problems.insert(problems.end(), books.problems.begin(), books.problems.end());

  Table devices({"REGION", "CAPACITY", "RESERVED", "USED", "CAPABILITY", "STATE"});
  for (const Device& device : sight.devices) {
    devices.AddRow({absl::StrCat(sight.node, "/", device.region),
                    device.capacity_bytes == 0 ? "unknown" : FormatByteSize(device.capacity_bytes),
                    SizeOrUnknown(device.reserved_bytes), SizeOrUnknown(device.used_bytes),
                    std::string(CapabilityName(device.capability)),
                    device.failed ? absl::StrCat("failed: ", device.failure) : "works"});
  }
  Table charges({"CGROUP", "REGION", "POD", "BOOKED", "MEASURED", "BASIS", "STATE"});
  for (const Holding& holding : books.holdings) {
    charges.AddRow({holding.cgroup, holding.region,
                    holding.pod_name.empty()
                        ? holding.pod_uid
                        : absl::StrCat(holding.pod_namespace, "/", holding.pod_name),
                    FormatByteSize(holding.booked_bytes), SizeOrUnknown(holding.measured_bytes),
                    holding.is_measured_basis ? "MEASURED" : "BOOKED", StateName(holding.state)});
  }
  Table limits({"NODE CGROUP", "REGION", "LOW", "MAX", "OUTCOME"});
  for (const LimitState& state : watcher->Apply(LimitsOf(books))) {
    limits.AddRow({state.limit.cgroup, state.limit.region, FormatByteSize(state.limit.low_bytes),
                   FormatByteSize(state.limit.max_bytes), LimitText(state)});
  }
  std::string text =
      absl::StrCat("Node ", sight.node, " is ", CapabilityName(watcher->capability()),
                   ". Nothing was changed.\n\nWould register:\n", devices.Render(),
                   "\nWould charge:\n", charges.Render(), "\nWould limit:\n", limits.Render());
  if (!problems.empty()) absl::StrAppend(&text, "\nProblems:\n");
  for (const absl::Status& problem : problems)
    absl::StrAppend(&text, "  ", Printable(std::string(problem.message())), "\n");
  return text;
}

}  // namespace dmem::client
