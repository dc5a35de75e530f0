// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef TESTS_MODEL_HEADROOM_CHECK_H_
#define TESTS_MODEL_HEADROOM_CHECK_H_

#include <cstdint>
#include <string>

#include "tests/model/model.h"

namespace dmem {
namespace model {

// What was answered for a shape.
struct HeadroomAnswer {
  std::string error;  // "CODE REASON"; empty: none.
  uint64_t count = 0, count_at_most = 0, hole = 0;
  bool is_exact = false;
};

// A shape to ask about in that state, of any cgroup and region that there is, and some that there
// are not.
Shape ShapeFor(const View& view, uint64_t dice);

// What differs from what the model finds by trying, or "". Beyond a few charges only that as many
// as it can try would fit.
std::string CheckHeadroom(const Model& model, const Shape& shape, const HeadroomAnswer& answer);

}  // namespace model
}  // namespace dmem

#endif  // TESTS_MODEL_HEADROOM_CHECK_H_
