// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What could give memory in an eviction plan. For eviction.cc.

#ifndef CORE_EVICTION_CANDIDATES_H_
#define CORE_EVICTION_CANDIDATES_H_

#include <cstdint>
#include <vector>

#include "core/byte_count.h"
#include "core/eviction.h"
#include "core/protection.h"
#include "core/state.h"

namespace dmem {

// A pool that holds bytes of its own.
struct Candidate {
  Index pool;
  int32_t priority;
  ByteCount own_left;
  ByteCount usage;  // At the level asked for, before the plan, and so is protection.
  EffectiveProtection protection;
  Index cgroup;
  Index region;
  Index named_after;  // The cgroup that its cgroup's name begins with; itself if its name is no
                      // path below another one.
  bool is_guarded;    // Whether any min or low is above or at it, at any level.
};

// The candidates of the request at `limit` and below it, in no order. `limit`: of the request; root
// if it has none.
std::vector<Candidate> CollectCandidates(const State& state, const EvictRequest& request,
                                         Index limit);

}  // namespace dmem

#endif  // CORE_EVICTION_CANDIDATES_H_
