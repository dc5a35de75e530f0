// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/model/protection_check.h"

#include "absl/strings/str_cat.h"
#include "core/protection.h"

namespace dmem {
namespace model {
namespace {

const char* NameOf(EvictDecision decision) {
  static constexpr const char* kNames[] = {"MAY_EVICT", "PROTECTED_BY_LOW", "PROTECTED_BY_MIN",
                                           "OUTSIDE"};
  return kNames[static_cast<int>(decision)];
}

}  // namespace

std::string CompareProtection(const State& state, const Model& model,
                              const ProtectionQuestion& question) {
  const RegionRow& region = question.region;
  const CgroupRow& limit = question.limit;
  const Index r = state.FindRegion(region.name), l = state.FindCgroup(limit.name);
  for (const CgroupRow& cgroup : model.view().cgroups) {
    const Index c = state.FindCgroup(cgroup.name);
    const std::string where = absl::StrCat(cgroup.name, " in ", region.name, " relative to ",
                                           question.is_full ? "none" : limit.name);
    const std::string decision = NameOf(
        EvictValuable(state, question.is_full ? kNone : l, c, r, question.ignore_low).decision);
    std::string expected = model.EvictValuable(question.is_full ? Model::kNobody : limit.id,
                                               cgroup.id, region.id, question.ignore_low);
    expected = expected.substr(0, expected.find(' '));
    if (decision != expected) {
      return absl::StrCat("evict ", where, ": expected ", expected, "\n     got ", decision);
    }
    const Index pool = state.FindPool(c, r);
    if (pool == kNone || (cgroup.id != limit.id && !model.IsBelow(cgroup.id, limit.id))) continue;
    const Model::Protection wanted = model.Protect(cgroup.id, region.id, limit.id);
    const EffectiveProtection protection = ProtectionOf(state, pool, l);
    if (protection.emin.value() != wanted.emin || protection.elow.value() != wanted.elow) {
      return absl::StrCat("protection of ", cgroup.name, " in ", region.name, " relative to ",
                          limit.name, ": expected ", wanted.emin, " and ", wanted.elow,
                          "\n     got ", protection.emin.value(), " and ", protection.elow.value());
    }
  }
  return "";
}

}  // namespace model
}  // namespace dmem
