// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "bench/replay/first_fit.h"

#include <utility>

namespace dmem::replay {

FirstFit::FirstFit(const std::vector<GpuNode>* nodes) : nodes_(*nodes) {
  free_bytes_.reserve(nodes_.size());
  for (const GpuNode& node : nodes_) free_bytes_.emplace_back(node.gpus, node.capacity_bytes);
}

absl::optional<Placement> FirstFit::Find(const GpuTask& task) const {
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const GpuNode& node = nodes_[i];
    if (node.gpus < task.gpus || !task.Allows(node.model)) continue;
    Placement placement;
    placement.node = i;
    placement.bytes = task.BytesOn(node.capacity_bytes);
    for (uint32_t gpu = 0; gpu < node.gpus && placement.gpus.size() < task.gpus; ++gpu) {
      if (free_bytes_[i][gpu] >= placement.bytes) placement.gpus.push_back(gpu);
    }
    if (placement.gpus.size() == task.gpus) return placement;
  }
  return absl::nullopt;
}

void FirstFit::Take(const Placement& placement) {
  for (uint32_t gpu : placement.gpus) free_bytes_[placement.node][gpu] -= placement.bytes;
}

void FirstFit::Give(const Placement& placement) {
  for (uint32_t gpu : placement.gpus) free_bytes_[placement.node][gpu] += placement.bytes;
}

}  // namespace dmem::replay
