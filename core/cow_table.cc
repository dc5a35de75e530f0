// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/cow_table.h"

#include <algorithm>

namespace dmem {

SnapshotEpochs::~SnapshotEpochs() {
  DMEM_CHECK(live_.empty());
  DMEM_CHECK(retired_.empty());
}

uint64_t SnapshotEpochs::Acquire() {
  live_.push_back(current_);
  shared_until_ = current_;
  return current_++;
}

void SnapshotEpochs::Release(uint64_t epoch) {
  const auto it = std::lower_bound(live_.begin(), live_.end(), epoch);
  DMEM_CHECK(it != live_.end() && *it == epoch);
  live_.erase(it);
  shared_until_ = live_.empty() ? 0 : live_.back();
  const auto keep = std::partition(retired_.begin(), retired_.end(), [this](const Retired& r) {
    return IsReadable(r.birth_epoch, r.retire_epoch);
  });
  for (auto r = keep; r != retired_.end(); ++r) r->free(r->memory);
  retired_.erase(keep, retired_.end());
}

void SnapshotEpochs::Retire(uint64_t birth_epoch, void* memory, void (*free)(void*)) {
  if (IsReadable(birth_epoch, current_)) {
    retired_.push_back({birth_epoch, current_, memory, free});
  } else {
    free(memory);
  }
}

bool SnapshotEpochs::IsReadable(uint64_t birth_epoch, uint64_t retire_epoch) const {
  const auto it = std::lower_bound(live_.begin(), live_.end(), birth_epoch);
  return it != live_.end() && *it < retire_epoch;
}

}  // namespace dmem
