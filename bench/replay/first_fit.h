// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEM_BENCH_REPLAY_FIRST_FIT_H_
#define DMEM_BENCH_REPLAY_FIRST_FIT_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/optional.h"
#include "bench/replay/openb_trace.h"

namespace dmem::replay {

// Where a task goes: on the first of its GPUs of one node, the same bytes on each.
struct Placement {
  size_t node = 0;
  std::vector<uint32_t> gpus;  // Ascending.
  uint64_t bytes = 0;          // On each.
};

// Places tasks on GPUs by free bytes: nodes in the order given, those of an allowed model, the
// first on which the task fits, lowest GPU index first. A task of one GPU fits where its share is
// free; a task of several takes as many GPUs of one node, each wholly.
//
// The books are the caller's view: they change only by Take and Give.
class FirstFit {
 public:
  // `nodes` must outlive this.
  explicit FirstFit(const std::vector<GpuNode>* nodes);

  // Where the task would go now; nullopt where it fits nowhere. Changes nothing.
  absl::optional<Placement> Find(const GpuTask& task) const;

  // Books a placement that Find returned, with no Take in between.
  void Take(const Placement& placement);

  // Frees a placement that was taken, once.
  void Give(const Placement& placement);

 private:
  const std::vector<GpuNode>& nodes_;
  std::vector<std::vector<uint64_t>> free_bytes_;  // [node][GPU]
};

}  // namespace dmem::replay

#endif  // DMEM_BENCH_REPLAY_FIRST_FIT_H_
