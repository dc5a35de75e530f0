// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Protection and the evict decision, of a state and of the model.

#ifndef TESTS_MODEL_PROTECTION_CHECK_H_
#define TESTS_MODEL_PROTECTION_CHECK_H_

#include <string>

#include "core/state.h"
#include "tests/model/model.h"

namespace dmem {
namespace model {

// What is asked, of every cgroup.
struct ProtectionQuestion {
  RegionRow region;
  CgroupRow limit;          // Protection is relative to this.
  bool is_full = false;     // The decision has no limit: the device is full.
  bool ignore_low = false;  // Of the decision.
};

// Returns what differs, or "". REQUIRES: the state and the model's view do not.
std::string CompareProtection(const State& state, const Model& model,
                              const ProtectionQuestion& question);

}  // namespace model
}  // namespace dmem

#endif  // TESTS_MODEL_PROTECTION_CHECK_H_
