// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// A 128-bit hash whose values never change: they are stored and compared between machines.

#ifndef CORE_STABLE_HASH_H_
#define CORE_STABLE_HASH_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace dmem {

struct Hash128 {
  uint64_t high = 0;
  uint64_t low = 0;
  friend bool operator==(const Hash128& a, const Hash128& b) {
    return a.high == b.high && a.low == b.low;
  }
  friend bool operator!=(const Hash128& a, const Hash128& b) { return !(a == b); }
};

// MurmurHash3 (x64, 128 bits) of `text` with this seed. Not for keys that an adversary chooses.
// Source: the algorithm by Austin Appleby, public domain.
Hash128 StableHash128(absl::string_view text, uint64_t seed = 0);

}  // namespace dmem

#endif  // CORE_STABLE_HASH_H_
