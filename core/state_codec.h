// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The state as objects, keys and values of bytes: for checkpoints and the state hash.

#ifndef CORE_STATE_CODEC_H_
#define CORE_STATE_CODEC_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/state.h"

namespace dmem {

// A 128-bit sum over the hashes of all objects: independent of their order, and of how the state
// came about. Stable across versions.
struct StateHash {
  uint64_t high = 0;
  uint64_t low = 0;
  std::string ToHex() const;
  friend bool operator==(const StateHash& a, const StateHash& b) {
    return a.high == b.high && a.low == b.low;
  }
  friend bool operator!=(const StateHash& a, const StateHash& b) { return !(a == b); }
};

// What changed between two states. A key is in `deletes` or in `puts`, once.
struct StateDelta {
  std::vector<std::string> deletes;
  std::vector<std::pair<std::string, std::string>> puts;
  StateHash hash;  // Of the newer state.
};

// Hash of the whole state. Cost: all objects.
StateHash HashOf(const State& state);

// What leads from `base` to `state`; with a null base, all of `state`. `base_hash` is the base's
// hash. Cost: the objects in pages that changed. REQUIRES: both come from the same ledger.
StateDelta DiffStates(const State* base, const StateHash& base_hash, const State& state);

}  // namespace dmem

#endif  // CORE_STATE_CODEC_H_
