// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/model/model.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace dmem {
namespace model {

uint64_t Shown(unsigned __int128 amount) {
  return static_cast<uint64_t>(std::min<unsigned __int128>(amount, kUnlimitedBytes));
}

std::string IdsText(const std::vector<uint64_t>& ids) { return absl::StrJoin(ids, ", "); }

Model::Model() {
  s_.cgroups[kRoot].path = "/";
  view_ = Look();
}

std::string Model::Apply(const Command& command) {
  for (auto& [key, pool] : s_.pools) {
    const auto usage = usage_.find(key);
    if (usage == usage_.end()) continue;
    pool.byte_microseconds += usage->second * static_cast<Amount>(command.time_us - time_us_);
  }
  time_us_ = command.time_us;

  const State before = s_;
  refused_by_.reset();
  is_changed_ = false;
  std::string answer = Dispatch(command);
  if (!absl::StartsWith(answer, "OK")) {
    s_ = before;
    // The one trace of a refusal.
    if (refused_by_.has_value() && command.mode != ChargeMode::kCheckOnly) {
      ++s_.pools[*refused_by_].refusals;
    }
  }
  usage_ = UsageNow();
  NotePeaks();
  MakePools();
  View after = Look();
  const bool is_configured = command.kind == Kind::kConfigure && answer == "OK changed";
  if (is_configured || is_changed_ || !Difference(view_, after, /*with_time=*/false).empty()) {
    ++s_.sequence;
    DropSpent(command.time_us);
    const bool is_ticking = !AllDue().empty();
    if (is_ticking && !s_.is_ticking) s_.ticked_at_us = command.time_us;
    s_.is_ticking = is_ticking;
    s_.changed_at_us = command.time_us;
    after = Look();
  }
  view_ = std::move(after);
  return answer;
}

std::string Model::Dispatch(const Command& c) {
  switch (c.kind) {
    case Kind::kRegister:
      return Register(c);
    case Kind::kUnregister:
      return Unregister(c);
    case Kind::kCordon:
      return Cordon(c);
    case Kind::kRegisterGroup:
      return RegisterGroup(c);
    case Kind::kUnregisterGroup:
      return UnregisterGroup(c);
    case Kind::kCharge:
      return Charge(c);
    case Kind::kUncharge:
      return Uncharge(c);
    case Kind::kResize:
      return Resize(c);
    case Kind::kSetLimits:
      return SetLimits(c);
    case Kind::kCreateCgroup:
      return CreateCgroup(c);
    case Kind::kDeleteCgroup:
      return DeleteCgroup(c);
    case Kind::kCommit:
      return Commit(c);
    case Kind::kCancel:
      return Cancel(c);
    case Kind::kRenew:
      return Renew(c);
    case Kind::kRequestRelease:
      return RequestRelease(c);
    case Kind::kOpenSession:
      return OpenSession(c);
    case Kind::kCloseSession:
      return CloseSession(c);
    case Kind::kDeclareNotReady:
      return DeclareNotReady(c);
    case Kind::kFence:
      return Fence(c);
    case Kind::kReportRegionState:
      return ReportRegionState(c);
    case Kind::kReconcile:
      return Reconcile(c);
    case Kind::kReportMeasured:
      return ReportMeasured(c);
    case Kind::kMoveCharge:
      return MoveCharge(c);
    case Kind::kResume:
      return Resume(c);
    case Kind::kTick:
      return Tick(c);
    case Kind::kConfigure:
      break;
  }
  const Bounds& a = s_.bounds;
  const Bounds& b = c.bounds;
  const bool same =
      a.implicit_cgroups == b.implicit_cgroups && a.tombstone_window_us == b.tombstone_window_us &&
      a.tombstones_max == b.tombstones_max && a.regions_max == b.regions_max &&
      a.cgroups_max == b.cgroups_max && a.charges_max == b.charges_max &&
      a.items_max == b.items_max && a.pools_max == b.pools_max &&
      a.sessions_max == b.sessions_max && a.lost_after_us == b.lost_after_us &&
      a.refuses_stale == b.refuses_stale && a.ignores_unattributed == b.ignores_unattributed;
  s_.bounds = c.bounds;
  return same ? "OK same" : "OK changed";
}

Model::Region* Model::FindRegion(const std::string& name) {
  for (Region& region : s_.regions) {
    if (RegionName(region) == name) return &region;
  }
  return nullptr;
}
const Model::Region* Model::FindRegion(const std::string& name) const {
  return const_cast<Model*>(this)->FindRegion(name);
}
Model::Region* Model::RegionOf(uint64_t id) {
  for (Region& region : s_.regions) {
    if (region.id == id) return &region;
  }
  return nullptr;
}
const Model::Region* Model::RegionOf(uint64_t id) const {
  return const_cast<Model*>(this)->RegionOf(id);
}

const Model::Cgroup* Model::FindCgroup(const std::string& name) const {
  for (const auto& [id, cgroup] : s_.cgroups) {
    if (CgroupName(id) == name) return &cgroup;
  }
  return nullptr;
}

std::string Model::CheckCgroup(const std::string& path) const {
  const Cgroup* cgroup = FindCgroup(path);
  if (cgroup != nullptr && cgroup->is_dying) return "FAILED_PRECONDITION CGROUP_DYING";
  if (cgroup != nullptr) return "";
  if (path[0] == '@' || s_.bounds.implicit_cgroups == 2) return "NOT_FOUND CGROUP_NOT_FOUND";
  if (s_.bounds.implicit_cgroups == 0) return "";
  // Some ancestor, "/" aside, must be explicit.
  for (size_t slash = path.rfind('/'); slash > 0; slash = path.rfind('/', slash - 1)) {
    const Cgroup* ancestor = FindCgroup(path.substr(0, slash));
    if (ancestor != nullptr && !ancestor->is_implicit) return "";
  }
  return "NOT_FOUND CGROUP_NOT_FOUND";
}

size_t Model::MissingOn(const std::string& path) const {
  if (FindCgroup(path) != nullptr) return 0;
  const size_t slash = path.rfind('/');
  return 1 + (slash == 0 ? 0 : MissingOn(path.substr(0, slash)));
}

size_t Model::MissingPools(const std::string& cgroup, uint64_t region) const {
  const std::vector<uint64_t> regions = CountedChain(region);
  const Cgroup* found = FindCgroup(cgroup);
  if (found == nullptr) {
    const size_t slash = cgroup.rfind('/');
    return regions.size() + (slash == 0 ? 0 : MissingPools(cgroup.substr(0, slash), region));
  }
  size_t missing = 0;
  for (const Key& key : Counters(found->id, region)) missing += 1 - s_.pools.count(key);
  return missing;
}

uint64_t Model::EnsureCgroup(const std::string& path) {
  if (const Cgroup* cgroup = FindCgroup(path)) return cgroup->id;
  const size_t slash = path.rfind('/');
  Cgroup made;
  made.parent = slash == 0 ? kRoot : EnsureCgroup(path.substr(0, slash));
  made.id = s_.next_cgroup++;
  made.path = path;
  made.is_implicit = true;
  s_.cgroups[made.id] = made;
  return made.id;
}

std::string Model::RegionName(const Region& region) const {
  return region.is_gone ? absl::StrCat(region.name, "@", region.id) : region.name;
}

std::string Model::CgroupName(uint64_t id) const {
  const Cgroup& cgroup = s_.cgroups.at(id);
  return cgroup.is_dying ? absl::StrCat("@", id) : cgroup.path;
}

std::vector<uint64_t> Model::RegionChain(uint64_t region) const {
  std::vector<uint64_t> chain;
  for (; region != 0; region = RegionOf(region)->parent) chain.push_back(region);
  return chain;
}

std::vector<uint64_t> Model::CountedChain(uint64_t region) const {
  if (region != 0 && RegionOf(region)->is_lost) return {region};
  return RegionChain(region);
}

bool Model::IsCountedIn(uint64_t region, uint64_t region_or_group) const {
  const std::vector<uint64_t> chain = CountedChain(region);
  return std::find(chain.begin(), chain.end(), region_or_group) != chain.end();
}

std::vector<uint64_t> Model::CgroupChain(uint64_t cgroup) const {
  std::vector<uint64_t> chain = {cgroup};
  while (chain.back() != kRoot) chain.push_back(s_.cgroups.at(chain.back()).parent);
  return chain;
}

std::vector<Model::Key> Model::Counters(uint64_t cgroup, uint64_t region) const {
  std::vector<Key> counters;
  for (const uint64_t r : CountedChain(region)) {
    for (const uint64_t c : CgroupChain(cgroup)) counters.emplace_back(c, r);
  }
  return counters;
}

std::vector<Model::Key> Model::CountersOf(const Ask& ask) const {
  std::vector<Key> counters;
  for (const Key& counter : Counters(ask.cgroup, ask.region)) {
    if (counter.second == ask.below) break;
    counters.push_back(counter);
  }
  return counters;
}

Model::Usage Model::UsageNow() const {
  Usage usage;
  for (const auto& [id, charge] : s_.charges) {
    for (const ChargedItem& item : charge.items) {
      for (const Key& counter : Counters(item.cgroup, item.region)) usage[counter] += item.bytes;
    }
  }
  return usage;
}

void Model::MakePools() {
  for (const Region& region : s_.regions) s_.pools[{kRoot, region.id}];
  std::vector<Key> keys;
  for (const auto& entry : s_.pools) keys.push_back(entry.first);
  for (const Key& key : keys) {
    for (const Key& above : Counters(key.first, key.second)) s_.pools[above];
  }
}

uint64_t Model::LimitOf(Key counter) const {
  if (counter.first == kRoot) {
    const Region& region = *RegionOf(counter.second);
    if (region.is_group) return kUnlimitedBytes;
    const uint64_t grantable = GrantableOf(region);
    if (grantable == kUnlimitedBytes || s_.bounds.ignores_unattributed) return grantable;
    // What grantable leaves free of the device takes unattributed bytes first.
    const uint64_t usable = region.capacity - region.reserved;
    const uint64_t beside = usable > grantable ? usable - grantable : 0;
    const uint64_t unattributed = UnattributedIn(region);
    const uint64_t taken = unattributed > beside ? unattributed - beside : 0;
    return grantable > taken ? grantable - taken : 0;
  }
  const auto pool = s_.pools.find(counter);
  return pool == s_.pools.end() ? kUnlimitedBytes : pool->second.max;
}

void Model::RemoveCgroup(uint64_t id) {
  for (auto pool = s_.pools.begin(); pool != s_.pools.end();) {
    pool = pool->first.first == id ? s_.pools.erase(pool) : std::next(pool);
  }
  s_.cgroups.erase(id);
}

void Model::RemoveRegion(uint64_t id) {
  for (auto pool = s_.pools.begin(); pool != s_.pools.end();) {
    pool = pool->first.second == id ? s_.pools.erase(pool) : std::next(pool);
  }
  const auto region = std::find_if(s_.regions.begin(), s_.regions.end(),
                                   [id](const Region& one) { return one.id == id; });
  const std::string node = region->bound;
  s_.regions.erase(region);
  Forget(node);
}

std::vector<uint64_t> Model::Collect() {
  for (size_t i = 0; i < s_.regions.size();) {
    const Region& region = s_.regions[i];
    if (region.is_gone && !HasItems(region.id)) {
      RemoveRegion(region.id);
    } else {
      ++i;
    }
  }
  std::vector<uint64_t> dying;
  while (true) {
    std::map<uint64_t, bool> kept;
    for (const auto& [id, cgroup] : s_.cgroups) {
      kept[cgroup.parent] = true;
      if (!cgroup.is_implicit && !cgroup.is_dying) kept[id] = true;
    }
    for (const auto& [id, charge] : s_.charges) {
      for (const ChargedItem& item : charge.items) kept[item.cgroup] = true;
    }
    for (const auto& [key, pool] : s_.pools) {
      if (pool.has_limits()) kept[key.first] = true;
    }
    const auto gone = std::find_if(s_.cgroups.begin(), s_.cgroups.end(),
                                   [&](const auto& entry) { return !kept[entry.first]; });
    if (gone == s_.cgroups.end()) break;
    if (gone->second.is_dying) dying.push_back(gone->first);
    RemoveCgroup(gone->first);
  }
  std::sort(dying.begin(), dying.end());
  return dying;
}

bool Model::IsInRegion(uint64_t region, uint64_t region_or_group) const {
  const std::vector<uint64_t> chain = RegionChain(region);
  return std::find(chain.begin(), chain.end(), region_or_group) != chain.end();
}

uint64_t Model::UsageOf(uint64_t cgroup, uint64_t region) const {
  const auto usage = usage_.find({cgroup, region});
  return usage == usage_.end() ? 0 : Shown(usage->second);
}

void Model::TakeOff(uint64_t cgroup, uint64_t region, uint64_t bytes) {
  for (const Key& counter : Counters(cgroup, region)) usage_[counter] -= bytes;
}

bool Model::IsBelow(uint64_t cgroup, uint64_t ancestor) const {
  const std::vector<uint64_t> chain = CgroupChain(cgroup);
  return std::find(chain.begin() + 1, chain.end(), ancestor) != chain.end();
}

Model::Protection Model::Protect(uint64_t cgroup, uint64_t region, uint64_t limit) const {
  if (cgroup == limit) return {};
  const auto pool_of = [&](uint64_t id) {
    const auto pool = s_.pools.find({id, region});
    return pool == s_.pools.end() ? Pool() : pool->second;
  };
  const auto usage_of = [&](uint64_t id) {
    const auto usage = usage_.find({id, region});
    return usage == usage_.end() ? Amount{0} : usage->second;
  };
  const uint64_t parent = s_.cgroups.at(cgroup).parent;
  const Pool own = pool_of(cgroup);
  if (parent == limit) return {own.min, own.low};
  const Protection above = Protect(parent, region, limit);
  const Amount usage = usage_of(cgroup), parent_usage = usage_of(parent);
  const auto share = [&](Amount effective, uint64_t Pool::*setting) -> uint64_t {
    Amount claims = 0;
    for (const auto& [id, sibling] : s_.cgroups) {
      if (id == kRoot || sibling.parent != parent) continue;
      claims += std::min<Amount>(usage_of(id), pool_of(id).*setting);
    }
    const Amount claim = std::min<Amount>(usage, own.*setting);
    if (claims > effective) return static_cast<uint64_t>(claim * effective / claims);
    Amount result = claim;
    if (effective > claims && parent_usage > claims && usage > claim) {
      result += (effective - claims) * (usage - claim) / (parent_usage - claims);
    }
    return static_cast<uint64_t>(result);
  };
  return {share(above.emin, &Pool::min), share(above.elow, &Pool::low)};
}

std::string Model::EvictValuable(uint64_t limit, uint64_t cgroup, uint64_t region,
                                 bool ignore_low) const {
  if (limit == cgroup || limit == kRoot) return "MAY_EVICT";
  if (limit != kNobody && !IsBelow(cgroup, limit)) return "OUTSIDE";
  const Protection protection = Protect(cgroup, region, limit == kNobody ? kRoot : limit);
  const auto found = usage_.find({cgroup, region});
  const Amount usage = found == usage_.end() ? 0 : found->second;
  const std::string numbers = absl::StrCat(" emin=", protection.emin, " elow=", protection.elow);
  if (usage <= protection.emin) return absl::StrCat("PROTECTED_BY_MIN", numbers);
  if (ignore_low || usage > protection.elow) return absl::StrCat("MAY_EVICT", numbers);
  return absl::StrCat("PROTECTED_BY_LOW", numbers);
}

int32_t Model::PriorityOf(uint64_t cgroup) const {
  for (const uint64_t id : CgroupChain(cgroup)) {
    if (s_.cgroups.at(id).priority.has_value()) return *s_.cgroups.at(id).priority;
  }
  return 0;
}

}  // namespace model
}  // namespace dmem
