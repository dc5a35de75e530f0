// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/model/plan_check.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "core/eviction.h"

namespace dmem {
namespace model {
namespace {

// A plan on its way through the model.
class PlanCheck {
 public:
  PlanCheck(const State& state, const Model& model, const EvictRequest& request, uint64_t limit)
      : state_(state), after_(model), request_(request), limit_(limit) {}

  std::string Run() {
    const EvictPlan plan = EvictCandidates(state_, request_);
    unsigned __int128 total = 0;
    for (const Victim& victim : plan.victims) {
      total += victim.evict.value();
      std::string wrong = CheckVictim(victim);
      if (!wrong.empty()) return Describe(plan, wrong);
      const bool is_last = &victim == &plan.victims.back();
      // What a victim keeps, though more is needed, is protected or not its own.
      if (!request_.whole_charges && !(is_last && plan.satisfied) && CouldGiveOneMore(victim)) {
        return Describe(plan, "expected one byte more from a victim\n     got its turn ended");
      }
    }
    if (total != plan.total.value()) return Describe(plan, "total is not the sum");
    const uint64_t needed = request_.bytes_needed.value();
    if (plan.satisfied != (total >= needed)) return Describe(plan, "satisfied is wrong");
    if (!request_.whole_charges && total > needed) return Describe(plan, "more than needed");
    if (plan.satisfied && !plan.blocked_by.empty()) return Describe(plan, "blocked and satisfied");
    return "";
  }

 private:
  uint64_t CgroupId(const Victim& victim) const {
    return state_.cgroups[state_.pools[victim.pool].cgroup].id;
  }
  uint64_t RegionId(const Victim& victim) const {
    return state_.regions[state_.pools[victim.pool].region].id;
  }

  // What is charged to the pool's own cgroup and not merely reserved.
  uint64_t HeldBy(const Victim& victim) const {
    uint64_t held = 0;
    for (Index i = state_.pools[victim.pool].first_item; i != kNone;
         i = state_.items[i].next_in_pool) {
      if (!state_.items[i].is_reserved) held += state_.items[i].bytes.value();
    }
    return held;
  }

  std::string CheckVictim(const Victim& victim) {
    const uint64_t cgroup = CgroupId(victim), region = RegionId(victim);
    if (state_.regions[state_.pools[victim.pool].region].is_group) return "a pool of a group";
    if (!after_.IsCountedIn(region, state_.regions[request_.region].id)) return "another region";
    if (cgroup != limit_ && !after_.IsBelow(cgroup, limit_)) return "not below the limit";
    if (victim.evict.is_zero()) return "a victim that gives nothing";
    if (victim.tier == 2 && request_.ignore_low == IgnoreLow::kNever) return "tier 2 with NEVER";
    uint64_t& given = given_[{cgroup, region}];
    given += victim.evict.value();
    if (given > HeldBy(victim)) return "more than its own";
    after_.TakeOff(cgroup, region, victim.evict.value() - 1);
    if (!MayGive(victim)) return "its last byte was protected";
    after_.TakeOff(cgroup, region, 1);
    return Stands(victim) ? "" : "below its protection";
  }

  // How far the victim's usage is above its protection, at the level where that is least.
  int64_t Headroom(const Victim& victim) const {
    const uint64_t cgroup = CgroupId(victim);
    int64_t least = INT64_MAX;
    for (const uint64_t level : after_.CountedChain(RegionId(victim))) {
      const Model::Protection protection = after_.Protect(cgroup, level, limit_);
      const uint64_t kept =
          victim.tier == 2 ? protection.emin : std::max(protection.emin, protection.elow);
      // Amounts are below 2^63, and so is the difference.
      least = std::min(
          least, static_cast<int64_t>(after_.UsageOf(cgroup, level)) - static_cast<int64_t>(kept));
    }
    return least;
  }
  bool Stands(const Victim& victim) const { return Headroom(victim) >= 0; }
  // Whether the kernel's question is yes at every level, as it is asked before each byte.
  bool MayGive(const Victim& victim) const { return Headroom(victim) > 0; }

  bool CouldGiveOneMore(const Victim& victim) const {
    const uint64_t cgroup = CgroupId(victim), region = RegionId(victim);
    if (given_.at({cgroup, region}) == HeldBy(victim)) return false;
    if (!MayGive(victim)) return false;
    PlanCheck next = *this;
    next.after_.TakeOff(cgroup, region, 1);
    return next.Stands(victim);
  }

  std::string Describe(const EvictPlan& plan, const std::string& wrong) const {
    std::string text =
        absl::StrCat("plan for ", request_.bytes_needed.value(), " bytes in ",
                     state_.RegionName(request_.region), ", limit @", limit_,
                     " ignore_low=", static_cast<int>(request_.ignore_low),
                     " whole_charges=", request_.whole_charges, ": ", wrong,
                     "\n  satisfied=", plan.satisfied, " total=", plan.total.value());
    for (const Victim& victim : plan.victims) {
      absl::StrAppend(&text, "\n  @", CgroupId(victim), ":", RegionId(victim),
                      " tier=", victim.tier, " evict=", victim.evict.value(),
                      " usage=", victim.usage.value(), " emin=", victim.emin.value(),
                      " elow=", victim.elow.value());
    }
    return text;
  }

  const State& state_;
  Model after_;
  const EvictRequest request_;
  const uint64_t limit_;
  std::map<std::pair<uint64_t, uint64_t>, uint64_t> given_;
};

}  // namespace

std::string CheckPlan(const State& state, const Model& model, uint64_t dice) {
  const View& view = model.view();
  if (view.regions.empty()) return "";
  const RegionRow& region = view.regions[dice % view.regions.size()];
  const CgroupRow& limit = view.cgroups[(dice >> 8) % view.cgroups.size()];
  if (region.usage == 0) return "";
  EvictRequest request;
  request.region = state.FindRegion(region.name);
  request.limit = state.FindCgroup(limit.name);
  if (limit.id == Model::kRoot && (dice >> 16) % 2 == 0) request.limit = kNone;
  request.bytes_needed = ByteCount(1 + (dice >> 20) % std::min<uint64_t>(2 * region.usage, 300));
  request.ignore_low = static_cast<IgnoreLow>((dice >> 40) % 3);
  request.list_charges = (dice >> 42) % 2 == 0;
  request.whole_charges = (dice >> 43) % 4 == 0;
  return PlanCheck(state, model, request, limit.id).Run();
}

}  // namespace model
}  // namespace dmem
