// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What a charge names: may this region and this cgroup take it? Amounts are not looked at
// (core/charge_walk.h). Rules R11 and R12, shared by the ledger and by all that foretells it.

#ifndef CORE_CHARGE_TARGET_H_
#define CORE_CHARGE_TARGET_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/state.h"

namespace dmem {

// OK if the region takes new charges and growths, else why not; `name` is the region as addressed.
// The one place that knows in which states a region does. A group always does.
// Errors, in the order checked: REGION_GONE, REGION_CORDONED, REGION_LOST, REGION_FAILED,
// REGION_STALE.
absl::Status CheckTakesCharges(const State& state, Index region, absl::string_view name);

struct NearestCgroup {
  Index cgroup = kNone;
  uint64_t missing = 0;  // Levels to be made below it.
};

// The cgroup that a path names or its nearest ancestor that exists, whatever may be made.
NearestCgroup FindNearestAncestor(const State& state, absl::string_view path);

// The cgroup that a path names or, if it may be made implicitly, its nearest ancestor that exists.
// Errors: CGROUP_NOT_FOUND, CGROUP_DYING.
absl::StatusOr<NearestCgroup> FindNearestCgroup(const State& state, absl::string_view path);

}  // namespace dmem

#endif  // CORE_CHARGE_TARGET_H_
