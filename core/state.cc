// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/state.h"

#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/state_indexes.h"

namespace dmem {

absl::string_view NameOf(RegionState state) {
  switch (state) {
    case RegionState::kReady:
      return "READY";
    case RegionState::kStale:
      return "STALE";
    case RegionState::kFailed:
      return "FAILED";
    case RegionState::kLost:
      return "LOST";
    case RegionState::kGone:
      return "GONE";
  }
  return "";
}

absl::string_view NameOf(SessionState state) {
  switch (state) {
    case SessionState::kActive:
      return "ACTIVE";
    case SessionState::kSilent:
      return "SILENT";
    case SessionState::kClosed:
      return "CLOSED";
    case SessionState::kFenced:
      return "FENCED";
    case SessionState::kSuperseded:
      return "SUPERSEDED";
  }
  return "";
}

State::State(SnapshotEpochs* epochs)
    : regions(epochs),
      cgroups(epochs),
      pools(epochs),
      charges(epochs),
      items(epochs),
      tombstones(epochs),
      measured(epochs),
      nodes(epochs),
      sessions(epochs),
      region_names(epochs),
      cgroup_paths(epochs),
      pool_keys(epochs),
      charge_ids(epochs),
      tombstone_ids(epochs),
      node_names(epochs),
      session_ids(epochs),
      session_fingerprints(epochs) {}

State::State(const State& other, FrozenTag)
    : regions(other.regions.Frozen()),
      cgroups(other.cgroups.Frozen()),
      pools(other.pools.Frozen()),
      charges(other.charges.Frozen()),
      items(other.items.Frozen()),
      tombstones(other.tombstones.Frozen()),
      measured(other.measured.Frozen()),
      nodes(other.nodes.Frozen()),
      sessions(other.sessions.Frozen()),
      region_names(other.region_names.Frozen()),
      cgroup_paths(other.cgroup_paths.Frozen()),
      pool_keys(other.pool_keys.Frozen()),
      charge_ids(other.charge_ids.Frozen()),
      tombstone_ids(other.tombstone_ids.Frozen()),
      node_names(other.node_names.Frozen()),
      session_ids(other.session_ids.Frozen()),
      session_fingerprints(other.session_fingerprints.Frozen()),
      scalars(other.scalars) {}

State State::Frozen() const { return State(*this, FrozenTag()); }

namespace {

bool HasRegionName(const State& state, Index i, absl::string_view name) {
  const RegionRecord& region = state.regions[i];
  if (!region.is_gone) return region.name.view() == name;
  return state.RegionName(i) == name;
}

// Compares from the last component to the first. Ancestors of a live cgroup are live.
bool HasCgroupPath(const State& state, Index i, absl::string_view path) {
  if (state.cgroups[i].is_dying) return state.CgroupName(i) == path;
  for (; i != kRootCgroup; i = state.cgroups[i].parent) {
    const absl::string_view name = state.cgroups[i].name.view();
    if (path.size() <= name.size()) return false;
    const size_t slash = path.size() - name.size() - 1;
    if (path[slash] != '/' || path.substr(slash + 1) != name) return false;
    path = path.substr(0, slash);
  }
  return path.empty();
}

}  // namespace

Index State::FindRegion(absl::string_view name) const {
  return region_names.Find(HashName(name), AccessTo<RegionAccess>(regions),
                           [&](Index i) { return HasRegionName(*this, i, name); });
}

Index State::FindCgroup(absl::string_view path) const {
  if (path == "/") return kRootCgroup;
  return cgroup_paths.Find(HashName(path), AccessTo<CgroupAccess>(cgroups),
                           [&](Index i) { return HasCgroupPath(*this, i, path); });
}

Index State::FindPool(Index cgroup, Index region) const {
  return pool_keys.Find(HashPoolKey(cgroup, region), AccessTo<PoolAccess>(pools), [&](Index i) {
    return pools[i].cgroup == cgroup && pools[i].region == region;
  });
}

Index State::FindCharge(absl::string_view charge_id) const {
  return charge_ids.Find(HashName(charge_id), AccessTo<IdAccess>(charges),
                         [&](Index i) { return charges[i].id.view() == charge_id; });
}

Index State::FindTombstone(absl::string_view charge_id) const {
  return tombstone_ids.Find(HashName(charge_id), AccessTo<IdAccess>(tombstones),
                            [&](Index i) { return tombstones[i].id.view() == charge_id; });
}

Index State::FindNode(absl::string_view name) const {
  return node_names.Find(HashName(name), AccessTo<NodeAccess>(nodes),
                         [&](Index i) { return nodes[i].name.view() == name; });
}

Index State::FindSession(uint64_t id) const {
  return session_ids.Find(HashId(id), AccessTo<SessionIdAccess>(sessions),
                          [&](Index i) { return sessions[i].id == id; });
}

Index State::FindSession(const Hash128& fingerprint) const {
  return session_fingerprints.Find(static_cast<uint32_t>(fingerprint.low),
                                   AccessTo<SessionFingerprintAccess>(sessions), [&](Index i) {
                                     return sessions[i].fingerprint_high == fingerprint.high &&
                                            sessions[i].fingerprint_low == fingerprint.low;
                                   });
}

RegionState State::RegionStateOf(Index i) const {
  const RegionRecord& region = regions[i];
  if (region.is_gone) return RegionState::kGone;
  if (region.is_lost) return RegionState::kLost;
  if (region.is_failed) return RegionState::kFailed;
  if (region.node == kNone) return RegionState::kReady;
  const Index session = nodes[region.node].session;
  const bool is_heard = session != kNone && sessions[session].state == SessionState::kActive;
  return is_heard && !region.is_unconfirmed ? RegionState::kReady : RegionState::kStale;
}

uint32_t State::PrefetchIdBuckets(absl::string_view charge_id) const {
  const uint32_t hash = HashName(charge_id);
  charge_ids.PrefetchBucket(hash);
  tombstone_ids.PrefetchBucket(hash);
  return hash;
}

void State::PrefetchIdRecords(uint32_t id_hash) const {
  charge_ids.PrefetchRecord(id_hash, AccessTo<IdAccess>(charges));
  tombstone_ids.PrefetchRecord(id_hash, AccessTo<IdAccess>(tombstones));
}

std::string State::CgroupName(Index cgroup) const {
  if (cgroups[cgroup].is_dying) return absl::StrCat("@", cgroups[cgroup].id);
  return CgroupPath(cgroup);
}

std::string State::CgroupPath(Index cgroup) const {
  if (cgroup == kRootCgroup) return "/";
  size_t size = 0;
  for (Index i = cgroup; i != kRootCgroup; i = cgroups[i].parent)
    size += cgroups[i].name.view().size() + 1;
  std::string path(size, '/');
  for (Index i = cgroup; i != kRootCgroup; i = cgroups[i].parent) {
    const absl::string_view name = cgroups[i].name.view();
    size -= name.size() + 1;
    name.copy(&path[size + 1], name.size());
  }
  return path;
}

std::string State::RegionName(Index region) const {
  const RegionRecord& record = regions[region];
  if (record.is_gone) return absl::StrCat(record.name.view(), "@", record.id);
  return std::string(record.name.view());
}

int32_t State::EffectivePriority(Index cgroup) const {
  for (Index i = cgroup; i != kNone; i = cgroups[i].parent) {
    if (cgroups[i].has_priority) return cgroups[i].priority;
  }
  return 0;
}

bool State::IsBelow(Index cgroup, Index ancestor) const {
  const uint8_t depth = cgroups[ancestor].depth;
  while (cgroups[cgroup].depth > depth) {
    cgroup = cgroups[cgroup].parent;
    if (cgroup == ancestor) return true;
  }
  return false;
}

Index State::NextInSubtree(Index pool, Index root) const {
  if (pools[pool].first_child != kNone) return pools[pool].first_child;
  for (; pool != root; pool = pools[pool].counter.parent) {
    if (pools[pool].next_sibling != kNone) return pools[pool].next_sibling;
  }
  return kNone;
}

unsigned __int128 State::ByteMicroseconds(Index pool, int64_t time_us) const {
  const PoolRecord& record = pools[pool];
  const __int128 integral =
      static_cast<__int128>(record.counter.usage.value()) * time_us - record.weighted_bytes;
  DMEM_CHECK(integral >= 0);
  return static_cast<unsigned __int128>(integral);
}

unsigned __int128 State::MeasuredByteMicroseconds(Index item, int64_t time_us) const {
  if (items[item].measured == kNone) return 0;
  const MeasuredRecord& record = measured[items[item].measured];
  const __int128 integral =
      static_cast<__int128>(record.bytes.value()) * time_us - record.weighted_bytes;
  DMEM_CHECK(integral >= 0);
  return static_cast<unsigned __int128>(integral);
}

unsigned __int128 State::BookedByteMicroseconds(Index item, int64_t time_us) const {
  const ItemRecord& record = items[item];
  const __int128 integral =
      static_cast<__int128>(record.bytes.value()) * time_us - record.weighted_bytes.value();
  DMEM_CHECK(integral >= 0);
  return static_cast<unsigned __int128>(integral);
}

ByteCount State::RootMax(Index region) const {
  const RegionRecord& record = regions[region];
  if (record.grantable.is_unlimited() ||
      scalars.settings.unattributed == UnattributedPolicy::kIgnore) {
    return record.grantable;
  }
  const ByteCount beside =
      record.capacity.MinusOrZero(record.reserved).MinusOrZero(record.grantable);
  return record.grantable.MinusOrZero(record.unattributed().MinusOrZero(beside));
}

}  // namespace dmem
