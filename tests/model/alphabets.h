// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Alphabets: the commands of which the exhaustive test tries all sequences.

#ifndef TESTS_MODEL_ALPHABETS_H_
#define TESTS_MODEL_ALPHABETS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tests/model/command.h"

namespace dmem {
namespace model {

// A few commands that have much to do with each other, on a tree that is as small as it can be.
struct Alphabet {
  std::string name;
  std::vector<Command> setup;    // Come first.
  std::vector<Command> letters;  // time_us: how much time passes before.
  int depth = 0;                 // How long the sequences are, by default.
};

// A letter's session: the newest one that is ACTIVE.
inline constexpr uint64_t kNewestSession = UINT64_MAX;
// A letter's as_of: the present sequence, less so many.
inline constexpr uint64_t kNow = UINT64_MAX;

// "limits", "protection", "ids", "reservations", "devices", "nodes".
std::vector<Alphabet> Alphabets();

}  // namespace model
}  // namespace dmem

#endif  // TESTS_MODEL_ALPHABETS_H_
