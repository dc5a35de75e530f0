// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEM_BENCH_REPLAY_REPLAY_H_
#define DMEM_BENCH_REPLAY_REPLAY_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "bench/replay/authority.h"
#include "bench/replay/openb_trace.h"
#include "bench/replay/usage_trace.h"

namespace dmem::replay {

// What a replay did, and what the authority says at its end. Fields that a trace has no use for are
// 0.
struct Totals {
  uint64_t tasks_placed = 0;
  uint64_t tasks_unplaced = 0;
  uint64_t charges = 0;  // Granted charge calls; a task of several GPUs is one.
  uint64_t uncharges = 0;
  uint64_t resizes = 0;  // Granted.
  uint64_t live_charges = 0;
  uint64_t live_bytes = 0;
  // Of "/" and each first-level cgroup in the group "cluster": path and bytes, sorted.
  std::vector<std::pair<std::string, uint64_t>> peak_bytes;

  // Charges and resizes that the authority refused: somebody set limits, or holds memory besides.
  uint64_t refusals = 0;
  std::string first_refusal;
};

// Told after each call to the authority: how many of how many of a phase are done, and how many
// charges are live.
using ProgressFunction =
    std::function<void(absl::string_view phase, size_t done, size_t total, uint64_t live)>;

// How a replay is told apart from others against the same server, and followed.
struct ReplayOptions {
  std::string run;  // Begins every charge id. At most 32 printable ASCII bytes.
  ProgressFunction progress;
};

// Replays tasks on a cluster of these nodes, an operation at a time, each when the one before was
// answered: in order of time, at the same second ends before starts, otherwise in file order.
// Registers a region SN/gpuI for each GPU, in groups model/MODEL under "cluster", and creates the
// first-level cgroups before the first charge. A task that fits nowhere, or that the authority
// refuses, is dropped.
//
// Errors: the first of the authority's that is not a refusal, as it is; INTERNAL where, at the end,
// the authority does not hold exactly this run's charges.
absl::StatusOr<Totals> ReplayTasks(const std::vector<GpuNode>& nodes,
                                   const std::vector<GpuTask>& tasks, const ReplayOptions& options,
                                   Authority* authority);

// Replays measured usage, eight containers a node, a GPU of 48 GiB each: the first sample above
// zero charges /genai/CONTAINER, each different one resizes that charge, and zero uncharges it. A
// refused charge leaves the container without one, a refused resize leaves it as it was. Errors: as
// of ReplayTasks.
absl::StatusOr<Totals> ReplayUsage(const UsageTrace& trace, const ReplayOptions& options,
                                   Authority* authority);

}  // namespace dmem::replay

#endif  // DMEM_BENCH_REPLAY_REPLAY_H_
