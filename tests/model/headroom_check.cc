// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/model/headroom_check.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace dmem {
namespace model {
namespace {

constexpr uint64_t kTriedMax = 4;

}  // namespace

Shape ShapeFor(const View& view, uint64_t dice) {
  const auto below = [&dice](uint64_t bound) {
    const uint64_t value = dice % bound;
    dice /= bound;
    return value;
  };
  Shape shape;
  shape.cgroup = below(3) == 0 ? "/a/b/new" : view.cgroups[below(view.cgroups.size())].name;
  shape.region = "g1";
  if (!view.regions.empty() && below(16) > 0)
    shape.region = view.regions[below(view.regions.size())].name;
  const bool is_group =
      std::any_of(view.regions.begin(), view.regions.end(),
                  [&](const RegionRow& row) { return row.is_group && row.name == shape.region; });
  shape.items = is_group || below(8) == 0 ? 1 + below(3) : 1;
  shape.bytes = 1 + below(60);
  shape.same_node = below(2) == 0;
  return shape;
}

std::string CheckHeadroom(const Model& model, const Shape& shape, const HeadroomAnswer& answer) {
  const std::string what =
      absl::StrCat("headroom of ", shape.items, " x ", shape.bytes, " to ", shape.cgroup, " in ",
                   shape.region, shape.same_node ? " on one node" : "", ": ");
  const std::string error = model.CheckShape(shape);
  if (error != answer.error) {
    return absl::StrCat(what, "expected \"", error, "\"\n     got \"", answer.error, "\"");
  }
  if (!error.empty()) return "";
  if (answer.count > answer.count_at_most ||
      (answer.is_exact && answer.count != answer.count_at_most)) {
    return absl::StrCat(what, answer.count, " of at most ", answer.count_at_most);
  }
  if (!answer.is_exact && model.IsSimple(shape)) return absl::StrCat(what, "expected it exact");
  const uint64_t tried = std::min(answer.count, kTriedMax);
  if (!model.Fits(shape, tried)) {
    return absl::StrCat(what, "expected less than ", tried, "\n     got ", answer.count);
  }
  if (answer.count_at_most < kTriedMax && model.Fits(shape, answer.count_at_most + 1)) {
    return absl::StrCat(what, "expected more than ", answer.count_at_most, "\n     got ",
                        answer.count);
  }
  // The bounds on objects aside: where not even one charge may be added nothing is granted.
  Shape one = shape;
  one.items = 1;
  one.bytes = std::max<uint64_t>(model.Hole(shape), 1);
  const uint64_t hole = model.Fits(one, 1) ? model.Hole(shape) : 0;
  if (answer.hole != hole) {
    return absl::StrCat(what, "expected a hole of ", hole, "\n     got ", answer.hole);
  }
  return "";
}

}  // namespace model
}  // namespace dmem
