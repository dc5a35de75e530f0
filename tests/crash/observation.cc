// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/crash/observation.h"

#include "absl/strings/str_cat.h"
#include "tests/crash/topology.h"

namespace dmem::crash {
namespace {

void CheckTopology(const Observation& observed, Violations* violations) {
  for (const std::string& name : Regions()) {
    const auto it = observed.regions.find(name);
    if (it == observed.regions.end() || it->second.capacity_bytes() != kRegionBytes ||
        it->second.parent() != ChainOf(name)[1] || it->second.incarnation() != 1 ||
        it->second.attributes().node() != name.substr(0, name.find('/'))) {
      violations->Lost(absl::StrCat("region ", name, " as registered"));
    }
  }
  for (const char* name : {"cluster", "model/a", "model/b"}) {
    if (observed.groups.count(name) == 0) violations->Lost(absl::StrCat("group ", name));
  }
  for (const char* path : {"/team-a", "/team-b"}) {
    const auto cgroup = observed.cgroups.find(path);
    if (cgroup == observed.cgroups.end() || cgroup->second.implicit()) {
      violations->Lost(absl::StrCat("explicit cgroup ", path));
    }
    const auto pool = observed.pools.find({path, "cluster"});
    if (pool == observed.pools.end() || pool->second.max_bytes() != kTeamMaxBytes) {
      violations->Lost(absl::StrCat("max of ", path, " in cluster"));
    }
  }
}

}  // namespace

absl::StatusOr<Observation> Observe(client::Client& client) {
  Observation observed;
  auto charges = client.ListAllCharges({});
  if (!charges.ok()) return charges.status();
  for (v1::Charge& charge : *charges->mutable_charges()) {
    const std::string id = charge.charge_id();
    if (!observed.charges.emplace(id, std::move(charge)).second) {
      return absl::InternalError(absl::StrCat("ListCharges shows ", id, " twice"));
    }
  }
  auto pools = client.ListAllPools({});
  if (!pools.ok()) return pools.status();
  for (v1::Pool& pool : *pools->mutable_pools()) {
    const PoolKey key(pool.cgroup(), pool.region());
    if (!observed.pools.emplace(key, std::move(pool)).second) {
      return absl::InternalError(
          absl::StrCat("ListPools shows ", key.first, " in ", key.second, " twice"));
    }
  }
  auto regions = client.ListAllRegions({});
  if (!regions.ok()) return regions.status();
  for (v1::Region& region : *regions->mutable_regions()) {
    observed.regions[region.name()] = region;
  }
  for (v1::RegionGroup& group : *regions->mutable_groups()) {
    observed.groups[group.name()] = group;
  }
  auto cgroups = client.ListAllCgroups({});
  if (!cgroups.ok()) return cgroups.status();
  for (v1::Cgroup& cgroup : *cgroups->mutable_cgroups()) {
    observed.cgroups[cgroup.path()] = cgroup;
  }
  auto check = client.Check({});
  if (!check.ok()) return check.status();
  observed.check = *std::move(check);
  return observed;
}

void CheckCounters(const Observation& observed, Violations* violations) {
  std::map<PoolKey, uint64_t> usage;
  std::map<PoolKey, uint64_t> own;
  uint64_t charged_bytes = 0;
  for (const auto& [id, charge] : observed.charges) {
    for (const v1::ChargeItem& item : charge.items()) {
      charged_bytes += item.bytes();
      for (const std::string& level : ChainOf(item.region())) {
        own[{item.cgroup(), level}] += item.bytes();
        for (const std::string& cgroup : PathUp(item.cgroup())) {
          usage[{cgroup, level}] += item.bytes();
        }
      }
    }
  }
  for (const auto& [key, bytes] : usage) {
    if (bytes > 0 && observed.pools.count(key) == 0) {
      violations->Lost(absl::StrCat("pool ", key.first, " in ", key.second, " with ", bytes,
                                    " bytes of listed charges"));
    }
  }
  for (const auto& [key, pool] : observed.pools) {
    const uint64_t expected = usage[key];
    const std::string text =
        absl::StrCat("pool ", key.first, " in ", key.second, " has usage ", pool.usage_bytes(),
                     ", own ", pool.own_bytes(), ", peak ", pool.peak_bytes(),
                     "; its charges sum to ", expected, ", own ", own[key]);
    if (pool.usage_bytes() > expected) violations->Doubled(text);
    if (pool.usage_bytes() < expected) violations->Lost(text);
    if (pool.usage_bytes() == expected &&
        (pool.own_bytes() != own[key] || pool.peak_bytes() < expected)) {
      violations->Other(text);
    }
  }
  const v1::CheckResponse& check = observed.check;
  if (check.violations_total() != 0 || check.charges() != observed.charges.size() ||
      check.charged_bytes() != charged_bytes) {
    violations->Other(absl::StrCat("Check with ", observed.charges.size(), " charges of ",
                                   charged_bytes, " bytes listed: ", check.ShortDebugString()));
  }
  CheckTopology(observed, violations);
}

}  // namespace dmem::crash
