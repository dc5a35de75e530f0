// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The audit: recomputes every counter from the charges.

#ifndef CORE_INVARIANTS_H_
#define CORE_INVARIANTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/byte_count.h"
#include "core/state.h"

namespace dmem {

struct AuditReport {
  std::vector<std::string>
      violations;  // In words with the invariant's number (docs/invariants.md); the first 100.
  uint64_t violations_total = 0;
  unsigned __int128 charged_bytes = 0;  // Sum over all charge items.
};

// Checks what the invariants of docs/invariants.md say of one state, and the structure of all
// tables, indices, lists, claims and counts. A pure function; cost: the whole state.
AuditReport CheckInvariants(const State& state);

}  // namespace dmem

#endif  // CORE_INVARIANTS_H_
