// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEM_BENCH_REPLAY_OPENB_TRACE_H_
#define DMEM_BENCH_REPLAY_OPENB_TRACE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"

namespace dmem::replay {

// A node of the node list, with GPUs of one model.
struct GpuNode {
  std::string name;
  std::string model;
  uint32_t gpus = 0;
  uint64_t capacity_bytes = 0;  // Of each GPU.
};

// A task of the pod list that asks for GPUs and ends after it starts.
struct GpuTask {
  std::string name;
  std::string qos;                 // As in the file.
  std::string first_level_cgroup;  // "/QOS" in lower case.
  std::string cgroup;              // "/QOS/NAME".
  size_t line = 0;                 // Of the file.
  uint32_t gpus = 0;
  int64_t gpu_milli = 0;            // Share of its GPU; read where gpus is 1.
  std::vector<std::string> models;  // Empty: any.
  int64_t start_seconds = 0;
  absl::optional<int64_t> end_seconds;  // Absent: never.

  // Whether it may run on GPUs of this model.
  bool Allows(const std::string& model) const;

  // What it takes of one GPU of that capacity. May be more than the capacity.
  uint64_t BytesOn(uint64_t capacity_bytes) const;
};

// Device memory of a GPU model of the trace; absent for a model that it does not know.
absl::optional<uint64_t> ModelBytes(const std::string& model);

// Reads sn, gpu and model of a node list. With `take`, keeps every floor(rows / take)-th row from
// the first, `take` in all; at least as many as there are rows keeps all. Nodes without a GPU are
// left out after that. Errors: as of CsvTable, and INVALID_ARGUMENT for an unknown model of a node
// that is kept (naming it), an empty sn, and the same sn twice.
absl::StatusOr<std::vector<GpuNode>> ReadGpuNodes(const std::string& path,
                                                  absl::optional<size_t> take);

// Reads a pod list, in file order. Tasks without a GPU, and those whose end is not after their
// start, are left out. A task starts at its scheduled_time, or at its creation_time where that is
// empty. Errors: as of CsvTable, and INVALID_ARGUMENT for an unknown model in gpu_spec (naming it),
// and an empty name or qos.
absl::StatusOr<std::vector<GpuTask>> ReadGpuTasks(const std::string& path);

}  // namespace dmem::replay

#endif  // DMEM_BENCH_REPLAY_OPENB_TRACE_H_
