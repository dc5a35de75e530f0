// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The part of Model that is about regions, groups, cgroups and limits. Rules R7, R11, R12.

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/model/model.h"

namespace dmem {
namespace model {
namespace {

constexpr size_t kGroupDepthMax = 8;

}  // namespace

bool Model::HasItems(uint64_t region) const {
  for (const auto& [id, charge] : s_.charges) {
    for (const ChargedItem& item : charge.items) {
      const std::vector<uint64_t> chain = RegionChain(item.region);
      if (std::count(chain.begin(), chain.end(), region) > 0) return true;
    }
  }
  return false;
}

size_t Model::GroupsUp(uint64_t group) const { return group == 0 ? 0 : RegionChain(group).size(); }

size_t Model::GroupsDown(uint64_t group) const {
  size_t deepest = 0;
  for (const Region& region : s_.regions) {
    if (region.is_group && region.parent == group) {
      deepest = std::max(deepest, GroupsDown(region.id));
    }
  }
  return deepest + 1;
}

// Each pool of the region may need one in every group above; whether it is there already does not
// count.
bool Model::HasRoomForParent(const Region& region, uint64_t parent) const {
  if (parent == 0 || parent == region.parent) return true;
  size_t pools = 0;
  for (const auto& entry : s_.pools) pools += entry.first.second == region.id;
  return s_.pools.size() + pools * GroupsUp(parent) <= s_.bounds.pools_max;
}

// Drops the items in a region, and charges with their last item. What that frees is collected by
// the caller.
std::string Model::DropItems(uint64_t region, int64_t time_us) {
  std::vector<std::string> dropped;
  std::vector<std::string> ended;
  for (auto& [id, charge] : s_.charges) {
    std::vector<ChargedItem> here;  // By cgroup, HELD first; the last of them ends the charge.
    for (const ChargedItem& item : charge.items) {
      if (item.region == region) here.push_back(item);
    }
    if (here.empty()) continue;
    std::sort(here.begin(), here.end(), [](const ChargedItem& a, const ChargedItem& b) {
      return std::tie(a.cgroup, a.is_reserved) < std::tie(b.cgroup, b.is_reserved);
    });
    const bool ends = here.size() == charge.items.size();
    for (size_t i = 0; i < here.size(); ++i) {
      dropped.push_back(absl::StrCat(id, " ", CgroupName(here[i].cgroup), ":", here[i].bytes,
                                     ends && i + 1 == here.size() ? " ended" : ""));
    }
    charge.items.erase(
        std::remove_if(charge.items.begin(), charge.items.end(),
                       [region](const ChargedItem& item) { return item.region == region; }),
        charge.items.end());
    charge.is_partial = true;
    if (charge.items.empty()) ended.push_back(id);
  }
  // Spent in the order of their grants, like all that happens to them at once.
  std::sort(ended.begin(), ended.end(), [&](const std::string& a, const std::string& b) {
    const LiveCharge &one = s_.charges[a], &other = s_.charges[b];
    return std::tie(one.granted_sequence, one.granted_index) <
           std::tie(other.granted_sequence, other.granted_index);
  });
  for (const std::string& id : ended) {
    const int64_t created_at_us = s_.charges[id].created_at_us;
    s_.charges.erase(id);
    Spend(id, created_at_us, time_us);
  }
  std::sort(dropped.begin(), dropped.end());
  return absl::StrJoin(dropped, ", ");
}

// The items, and what was seen on the device.
std::string Model::DropMemory(uint64_t region, int64_t time_us) {
  std::string dropped = DropItems(region, time_us);
  RegionOf(region)->device_used = RegionOf(region)->attributed = 0;
  RegionOf(region)->device_used_at_us = 0;
  return dropped;
}

std::string Model::Register(const Command& c) {
  Region* region = FindRegion(c.name);
  if (region != nullptr && region->is_group) return "FAILED_PRECONDITION WRONG_KIND";
  const Region* parent = c.parent.empty() ? nullptr : FindRegion(c.parent);
  if (!c.parent.empty() && parent == nullptr) return "NOT_FOUND PARENT_NOT_FOUND";
  if (parent != nullptr && !parent->is_group) return "FAILED_PRECONDITION WRONG_KIND";
  const uint64_t parent_id = parent == nullptr ? 0 : parent->id;
  const bool created = region == nullptr;
  if (const std::string error = CheckSession(c.session); !error.empty()) return error;
  std::string node;
  if (c.session != 0) {
    node = s_.sessions[c.session].node;
    if (c.node != node) return "INVALID_ARGUMENT NODE_MISMATCH";
  } else if (!created && !region->bound.empty() && c.node != region->bound) {
    return "INVALID_ARGUMENT NODE_MISMATCH";
  }
  if (!created) {
    if (c.incarnation < region->incarnation) return "ABORTED STALE_INCARNATION";
    const bool is_moved = parent_id != region->parent ||
                          (!node.empty() && !region->bound.empty() && node != region->bound);
    if (is_moved && c.incarnation == region->incarnation && HasItems(region->id)) {
      return "FAILED_PRECONDITION HAS_CHARGES";
    }
    if (!HasRoomForParent(*region, parent_id)) return "RESOURCE_EXHAUSTED TOO_MANY";
  } else {
    if (s_.regions.size() >= s_.bounds.regions_max || s_.pools.size() >= s_.bounds.pools_max) {
      return "RESOURCE_EXHAUSTED TOO_MANY";
    }
    Region made;
    made.id = s_.next_region++;
    made.name = c.name;
    made.is_cordoned = c.flag;
    made.incarnation = c.incarnation;
    s_.regions.push_back(made);
  }
  const uint64_t id = created ? s_.regions.back().id : region->id;
  std::string dropped;
  const bool is_newer = c.incarnation > RegionOf(id)->incarnation;
  if (is_newer) dropped = DropMemory(id, c.time_us);
  region = RegionOf(id);
  const std::string bound_before = region->bound;
  if (!node.empty()) region->bound = node;
  const bool is_back = !node.empty() && region->is_unconfirmed;
  if (is_newer || is_back) region->is_lost = region->is_failed = false;
  if (is_back) region->is_unconfirmed = false;
  if (bound_before != region->bound) Forget(bound_before);
  region->parent = parent_id;
  region->capacity = c.capacity;
  region->reserved = c.reserved;
  region->grantable = c.grantable;
  region->incarnation = c.incarnation;
  region->node = c.node;
  const std::string freed = IdsText(Collect());
  return absl::StrCat("OK created=", created, " dropped: ", dropped, " freed: ", freed);
}

std::string Model::Unregister(const Command& c) {
  Region* region = FindRegion(c.name);
  if (region == nullptr) return "NOT_FOUND REGION_NOT_FOUND";
  if (region->is_group) return "FAILED_PRECONDITION WRONG_KIND";
  if (region->is_gone && !c.flag) return "FAILED_PRECONDITION REGION_GONE";
  const uint64_t id = region->id;
  const std::string dropped = c.flag ? DropItems(id, c.time_us) : "";
  const bool removed = !HasItems(id);
  RegionOf(id)->is_gone = true;
  const std::string freed = IdsText(Collect());
  return absl::StrCat("OK id=", id, " removed=", removed, " dropped: ", dropped, " freed: ", freed);
}

std::string Model::Cordon(const Command& c) {
  Region* region = FindRegion(c.name);
  if (region == nullptr) return "NOT_FOUND REGION_NOT_FOUND";
  if (region->is_group) return "FAILED_PRECONDITION WRONG_KIND";
  if (region->is_gone) return "FAILED_PRECONDITION REGION_GONE";
  region->is_cordoned = c.flag;
  return "OK";
}

std::string Model::RegisterGroup(const Command& c) {
  Region* group = FindRegion(c.name);
  if (group != nullptr && !group->is_group) return "FAILED_PRECONDITION WRONG_KIND";
  const bool created = group == nullptr;
  // A group below itself is a cycle, whether or not there is one already.
  if (created && c.parent == c.name) return "FAILED_PRECONDITION GROUP_CYCLE";
  const Region* parent = c.parent.empty() ? nullptr : FindRegion(c.parent);
  if (!c.parent.empty() && parent == nullptr) return "NOT_FOUND PARENT_NOT_FOUND";
  if (parent != nullptr && !parent->is_group) return "FAILED_PRECONDITION WRONG_KIND";
  const uint64_t parent_id = parent == nullptr ? 0 : parent->id;
  if (!created && parent != nullptr) {
    const std::vector<uint64_t> chain = RegionChain(parent_id);
    if (std::count(chain.begin(), chain.end(), group->id) > 0) {
      return "FAILED_PRECONDITION GROUP_CYCLE";
    }
  }
  if (GroupsUp(parent_id) + (created ? 1 : GroupsDown(group->id)) > kGroupDepthMax) {
    return "FAILED_PRECONDITION GROUP_TOO_DEEP";
  }
  if (!created && parent_id != group->parent && HasItems(group->id)) {
    return "FAILED_PRECONDITION HAS_CHARGES";
  }
  if (!created && !HasRoomForParent(*group, parent_id)) return "RESOURCE_EXHAUSTED TOO_MANY";
  if (created) {
    if (s_.regions.size() >= s_.bounds.regions_max || s_.pools.size() >= s_.bounds.pools_max) {
      return "RESOURCE_EXHAUSTED TOO_MANY";
    }
    Region made;
    made.id = s_.next_region++;
    made.name = c.name;
    made.is_group = true;
    s_.regions.push_back(made);
    group = &s_.regions.back();
  }
  group->parent = parent_id;
  return absl::StrCat("OK created=", created);
}

std::string Model::UnregisterGroup(const Command& c) {
  const Region* group = FindRegion(c.name);
  if (group == nullptr) return "NOT_FOUND GROUP_NOT_FOUND";
  if (!group->is_group) return "FAILED_PRECONDITION WRONG_KIND";
  for (const Region& region : s_.regions) {
    if (region.parent == group->id) return "FAILED_PRECONDITION GROUP_NOT_EMPTY";
  }
  if (HasItems(group->id)) return "FAILED_PRECONDITION HAS_CHARGES";
  RemoveRegion(group->id);
  Collect();
  return "OK";
}

std::string Model::SetLimits(const Command& c) {
  // All are checked against the state before; a pool comes once, so that they do not meet.
  for (const LimitChange& change : c.limits) {
    const Region* region = FindRegion(change.region);
    if (region == nullptr) return "NOT_FOUND REGION_NOT_FOUND";
    if (region->is_gone) return "FAILED_PRECONDITION REGION_GONE";
    const std::string error = CheckCgroup(change.cgroup);
    if (!error.empty()) return error;
    const Cgroup* cgroup = FindCgroup(change.cgroup);
    Pool pool;
    uint64_t usage = 0;
    if (cgroup != nullptr) {
      const auto found = s_.pools.find({cgroup->id, region->id});
      if (found != s_.pools.end()) pool = found->second;
      const auto used = usage_.find({cgroup->id, region->id});
      if (used != usage_.end()) usage = Shown(used->second);
    }
    if (change.etag.has_value() && *change.etag != pool.etag) return "ABORTED ETAG_MISMATCH";
    if (change.max.has_value() && *change.max < usage && *change.max < pool.max && !c.flag &&
        !change.observe.value_or(pool.is_observed)) {
      return "FAILED_PRECONDITION MAX_BELOW_USAGE";
    }
  }
  const State before = s_;
  struct Result {
    Key key = {kNobody, 0};
    Pool pool;
    bool is_changed = false;
  };
  std::vector<Result> results;
  size_t missing = 0, missing_pools = 0;  // What two updates would share is counted for each.
  for (const LimitChange& change : c.limits) {
    Result result;
    const Cgroup* cgroup = FindCgroup(change.cgroup);
    if (cgroup != nullptr) result.key = {cgroup->id, FindRegion(change.region)->id};
    const auto found = s_.pools.find(result.key);
    const Pool old = found == s_.pools.end() ? Pool() : found->second;
    result.pool = old;
    result.pool.min = change.min.value_or(old.min);
    result.pool.low = change.low.value_or(old.low);
    result.pool.max = change.max.value_or(old.max);
    result.pool.is_observed = change.observe.value_or(old.is_observed);
    result.is_changed = result.pool.min != old.min || result.pool.low != old.low ||
                        result.pool.max != old.max || result.pool.is_observed != old.is_observed;
    if (result.is_changed) {
      missing += MissingOn(change.cgroup);
      missing_pools += MissingPools(change.cgroup, FindRegion(change.region)->id);
    }
    results.push_back(result);
  }
  if ((missing > 0 && s_.cgroups.size() + missing > s_.bounds.cgroups_max) ||
      (missing_pools > 0 && s_.pools.size() + missing_pools > s_.bounds.pools_max)) {
    return "RESOURCE_EXHAUSTED TOO_MANY";
  }
  for (size_t i = 0; i < results.size(); ++i) {
    Result& result = results[i];
    if (!result.is_changed) continue;
    result.pool.etag = s_.sequence + 1;
    result.key = {EnsureCgroup(c.limits[i].cgroup), FindRegion(c.limits[i].region)->id};
    s_.pools[result.key] = result.pool;
  }
  Collect();
  std::string answer = "OK";
  for (size_t i = 0; i < results.size(); ++i) {
    const Result& result = results[i];
    const auto used = usage_.find(result.key);
    // Validated only: the etag that it still has. Gone with its cgroup: what it reads from now on.
    const std::map<Key, Pool>& pools = c.validate_only ? before.pools : s_.pools;
    const auto pool = pools.find(result.key);
    absl::StrAppend(&answer, " {", c.limits[i].cgroup, ":", c.limits[i].region,
                    " usage=", used == usage_.end() ? 0 : Shown(used->second),
                    " min=", result.pool.min, " low=", result.pool.low, " max=", result.pool.max,
                    " observed=", result.pool.is_observed,
                    " etag=", pool == pools.end() ? 0 : pool->second.etag, "}");
  }
  if (c.validate_only) s_ = before;
  return answer;
}

std::string Model::CreateCgroup(const Command& c) {
  const Cgroup* existing = FindCgroup(c.name);
  if (existing != nullptr && !existing->is_implicit) return "ALREADY_EXISTS CGROUP_EXISTS";
  uint64_t id = 0;
  if (existing == nullptr) {
    const size_t slash = c.name.rfind('/');
    if (slash > 0 && FindCgroup(c.name.substr(0, slash)) == nullptr) {
      return "NOT_FOUND PARENT_NOT_FOUND";
    }
    if (s_.cgroups.size() >= s_.bounds.cgroups_max) return "RESOURCE_EXHAUSTED TOO_MANY";
    id = EnsureCgroup(c.name);
  } else {
    id = existing->id;
  }
  Cgroup& cgroup = s_.cgroups[id];
  cgroup.is_implicit = false;
  if (c.priority.has_value()) cgroup.priority = c.priority;
  return absl::StrCat("OK id=", id);
}

std::string Model::DeleteCgroup(const Command& c) {
  const Cgroup* found = FindCgroup(c.name);
  if (found == nullptr) return "NOT_FOUND CGROUP_NOT_FOUND";
  if (found->is_dying) return "FAILED_PRECONDITION CGROUP_DYING";
  const uint64_t id = found->id;
  for (const auto& [other, cgroup] : s_.cgroups) {
    if (other != kRoot && cgroup.parent == id && !cgroup.is_dying) {
      return "FAILED_PRECONDITION CGROUP_HAS_CHILDREN";
    }
  }
  s_.cgroups[id].is_dying = true;
  for (auto& [key, pool] : s_.pools) {
    if (key.first != id || !pool.has_limits()) continue;
    pool.min = pool.low = 0;
    pool.max = kUnlimitedBytes;
    pool.is_observed = false;
    pool.etag = s_.sequence + 1;
  }
  Collect();
  return absl::StrCat("OK id=", id, s_.cgroups.count(id) > 0 ? " DYING" : " FREED");
}

}  // namespace model
}  // namespace dmem
