// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What readers are told of the objects: names, not indices.

#ifndef CORE_VIEWS_H_
#define CORE_VIEWS_H_

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/optional.h"
#include "core/byte_count.h"
#include "core/state.h"

namespace dmem {

struct RegionView {
  std::string name;
  uint64_t id = 0;
  ByteCount capacity, reserved, grantable;
  std::string node, model, uuid, pci;
  std::string parent;
  uint64_t incarnation = 0;
  bool is_gone = false, is_cordoned = false, grantable_is_explicit = false;
  RegionState state = RegionState::kReady;
  uint64_t session = 0;         // Of its node, ACTIVE or SILENT; 0: none.
  bool is_unconfirmed = false;  // Its node has not registered it since it restarted or was fenced.
  std::string failure;
  ByteCount usage, over;
  ByteCount reservations;  // Of usage, what is RESERVED.
  uint64_t live_items = 0;
  ByteCount device_used, unattributed, measured, over_grant;
  int64_t device_used_at_us = 0;  // 0: never told.
};

// Members of a group in one state.
struct StateTotal {
  uint32_t regions = 0;
  ByteCount capacity;
};

struct GroupView {
  std::string name;
  uint64_t id = 0;
  std::string parent;
  ByteCount grantable, capacity, usage;
  ByteCount reservations;  // Of usage, what is RESERVED on members or on the group itself.
  uint32_t member_regions = 0, member_groups = 0;
  std::array<StateTotal, 5> states;  // By RegionState.
};

struct CgroupView {
  std::string path;                  // "@ID" if dying.
  std::string path_before_deletion;  // Of a dying one.
  uint64_t id = 0;
  bool is_dying = false, is_implicit = false, has_priority = false;
  int32_t priority = 0;
  uint64_t live_items = 0;
  uint32_t children = 0;
};

struct PoolView {
  std::string cgroup;
  uint64_t cgroup_id = 0;
  std::string region;
  bool is_group = false;
  ByteCount usage, own, peak, min, low,
      max = kUnlimited;  // max of a region's root pool: what it grants, see State::RootMax.
  bool is_observed = false;
  uint64_t etag = 0;
  ByteCount emin, elow;
  ByteCount over;
  uint64_t refusals = 0, would_refuse = 0;
  std::string byte_seconds = "0";  // Decimal, up to 6 digits after the point.
};

struct ItemView {
  std::string cgroup, region;
  ByteCount bytes;
  bool is_reserved = false;
  absl::optional<ByteCount> measured;
  int64_t measured_at_us = 0;
};

struct ChargeView {
  std::string charge_id;
  bool is_partial = false;
  std::vector<ItemView> items;
  std::string owner_kind, owner_namespace, owner_name, owner_uid, owner_container;
  std::vector<std::pair<std::string, std::string>> labels;
  int32_t priority = 0;
  bool has_priority = false, preemptible = false;
  Basis basis = Basis::kBooked;
  int64_t created_at_us = 0, granted_at_us = 0;
  uint64_t granted_sequence = 0;
  uint64_t session = 0;  // That charged it; 0: none.
  bool is_reserved = false, is_releasing = false;
  int64_t expires_at_us = 0;            // If is_reserved; wall time.
  int64_t release_requested_at_us = 0;  // If is_releasing.
  std::string release_requested_by, release_reason;
};

RegionView ViewRegion(const State& state, Index region);
// All groups, in order of registration, in one pass over the regions. All regions count as members;
// what they can hold counts where they are READY or STALE.
std::vector<GroupView> ViewGroups(const State& state);
// As in ViewGroups, at the same cost.
GroupView ViewGroup(const State& state, Index group);
CgroupView ViewCgroup(const State& state, Index cgroup);
ChargeView ViewCharge(const State& state, Index charge);
// When the release was asked for that is waited for longest; nullopt if none is. Cost: all charges,
// if one is RELEASING.
absl::optional<int64_t> OldestReleaseRequest(const State& state);
// `limit`: the cgroup that protection is relative to. `time_us`: up to when byte-seconds count.
PoolView ViewPool(const State& state, Index pool, Index limit, int64_t time_us);
// Of a pool that has not been made: all defaults. (`cgroup_name` as addressed.)
PoolView DefaultPoolView(const State& state, absl::string_view cgroup_name, Index cgroup,
                         Index region);

// One page of a listing: calls of the same kind with the cursor that the last one left, from 0
// until it is kNone, give every object that exists throughout exactly once, in no particular order.
// A call returns at most `limit` of those that match, and looks at each record at most once.
struct PoolFilter {
  Index region = kNone;  // Only of this region or group.
  Index cgroup = kNone;  // Only of this cgroup and those below it.
  Index below = kNone;   // Only of cgroups below this one (itself left out).
};
std::vector<Index> ListPools(const State& state, const PoolFilter& filter, Index* cursor,
                             size_t limit);
std::vector<Index> ListCgroups(const State& state, Index at_or_below, Index* cursor, size_t limit);
struct ChargeFilter {
  Index region = kNone;  // With an item in this region, or below this group.
  Index cgroup = kNone;  // With an item in this cgroup or below it.
};
std::vector<Index> ListCharges(const State& state, const ChargeFilter& filter, Index* cursor,
                               size_t limit);
// In order of registration, groups among the regions. Continues behind `*after_id`, and leaves
// there the id of the last one returned, or 0 after the end.
std::vector<Index> ListRegions(const State& state, uint64_t* after_id, size_t limit);

// Byte-microseconds as byte-seconds: a decimal number with up to 6 digits after the point.
std::string FormatByteSeconds(unsigned __int128 byte_micros);

}  // namespace dmem

#endif  // CORE_VIEWS_H_
