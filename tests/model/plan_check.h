// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Evict plans, judged by the model.

#ifndef TESTS_MODEL_PLAN_CHECK_H_
#define TESTS_MODEL_PLAN_CHECK_H_

#include <cstdint>
#include <string>

#include "core/state.h"
#include "tests/model/model.h"

namespace dmem {
namespace model {

// Asks for a plan that follows from `dice` on the ledger's state, and returns what is wrong with it
// by the rules of R10, or "". The model, in the same state, recomputes protection after each
// victim at every level.
std::string CheckPlan(const State& state, const Model& model, uint64_t dice);

}  // namespace model
}  // namespace dmem

#endif  // TESTS_MODEL_PLAN_CHECK_H_
