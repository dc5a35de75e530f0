// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What a state is, up to the names that do not matter.

#ifndef TESTS_MODEL_STATE_KEY_H_
#define TESTS_MODEL_STATE_KEY_H_

#include <cstdint>
#include <string>

#include "core/state.h"

namespace dmem {
namespace model {

// Equal for states of which no command that names neither an id nor a sequence can tell one from
// the other: sequences and ids are replaced by their order, and counts of refusals end at 2. What
// is in doubt (sessions) stays as it is, which only makes more keys than are needed.
std::string KeyOf(const State& state, int64_t time_us);

}  // namespace model
}  // namespace dmem

#endif  // TESTS_MODEL_STATE_KEY_H_
