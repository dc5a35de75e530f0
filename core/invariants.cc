// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/invariants.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/state_indexes.h"

namespace dmem {
namespace {

// What one pass over the charge items, pools and cgroups says the numbers must be.
// How many records ahead of the one that is looked at memory is asked for.
constexpr Index kAhead = 12;

class Audit {
 public:
  explicit Audit(const State& state)
      : state_(state),
        pools_(state.pools.size()),
        cgroups_(state.cgroups.size()),
        regions_(state.regions.size()) {}

  AuditReport Run() {
    CheckCharges();
    CheckPools();
    CheckCgroups();
    CheckRegions();
    CheckTombstones();
    CheckNodes();
    CheckSessions();
    CheckCounts();
    return std::move(report_);
  }

 private:
  struct PoolSums {
    unsigned __int128 usage = 0, own = 0, reserved = 0, min_claims = 0, low_claims = 0;
    uint64_t items = 0, children = 0;
  };
  struct CgroupSums {
    uint64_t children = 0, live_children = 0, items = 0, pools = 0;
    bool has_limits = false;
  };
  struct RegionSums {
    uint64_t items = 0, members = 0;
    unsigned __int128 reserved = 0, measured = 0, over_grant = 0;
  };

  // Words may be of these, which become a name only where something is wrong: there are millions.
  struct PoolName {
    Index pool;
  };
  struct CgroupName {
    Index cgroup;
  };

  template <typename... Words>
  void Expect(bool holds, const Words&... words) {
    if (__builtin_expect(holds, 1)) return;
    ++report_.violations_total;
    if (report_.violations.size() < 100)
      report_.violations.push_back(absl::StrCat(TextOf(words)...));
  }

  template <typename Word>
  const Word& TextOf(const Word& word) const {
    return word;
  }
  std::string TextOf(PoolName name) const {
    return absl::StrCat("pool ", state_.CgroupName(state_.pools[name.pool].cgroup), " in ",
                        state_.RegionName(state_.pools[name.pool].region));
  }
  std::string TextOf(CgroupName name) const { return state_.CgroupName(name.cgroup); }

  bool IsUsedPool(Index pool) const {
    return pool < state_.pools.size() && state_.pools[pool].cgroup != kNone;
  }

  // I6: every item is in one charge and one pool. Adds it to what the counters must say.
  void CheckCharges() {
    const StateScalars& s = state_.scalars;
    uint64_t charges = 0, items = 0, reserved = 0, releasing = 0;
    for (Index i = 0; i < state_.charges.size(); ++i) {
      PrefetchCharge(state_, i + kAhead);
      const ChargeRecord& charge = state_.charges[i];
      if (charge.id.empty()) continue;
      ++charges;
      const absl::string_view id = charge.id.view();
      Expect(state_.FindCharge(id) == i, "I8: charge ", id, " is not the one that its id finds");
      Expect(state_.FindTombstone(id) == kNone, "I8: live charge ", id, " is spent as well");
      Expect(charge.first_item != kNone, "I6: charge ", id, " has no item");
      reserved += charge.is_reserved;
      releasing += charge.is_releasing;
      Expect(!(charge.is_reserved && charge.is_releasing), "I6: charge ", id,
             " is RESERVED and RELEASING");
      Expect(charge.granted_sequence <= s.sequence, "I9: charge ", id, " is of the future");
      bool has_reserved = false;
      for (Index item = charge.first_item; item != kNone;
           item = state_.items[item].next_in_charge) {
        ++items;
        has_reserved |= state_.items[item].is_reserved;
        Expect(state_.items[item].placed_sequence >= charge.granted_sequence &&
                   state_.items[item].placed_sequence <= s.sequence,
               "I9: an item of charge ", id, " was placed before its grant or in the future");
        Expect(state_.items[item].charge == i, "I6: an item of charge ", id,
               " names another charge");
        AddItem(item);
      }
      Expect(has_reserved == charge.is_reserved, "I6: charge ", id,
             " has RESERVED items and no expiry, or the other way round");
    }
    Expect(reserved == s.reserved_charges && releasing == s.releasing_charges, "I6: ", reserved,
           " RESERVED and ", releasing, " RELEASING charges, counted ", s.reserved_charges, " and ",
           s.releasing_charges);
    uint64_t used = 0;
    for (Index i = 0; i < state_.items.size(); ++i) used += state_.items[i].charge != kNone;
    Expect(charges == s.charges, "I6: ", charges, " charges, counted ", s.charges);
    Expect(items == s.items && used == items, "I6: ", items, " items in charges, ", used,
           " used, counted ", s.items);
    Expect(state_.charge_ids.size() == charges, "I8: the index of charges has another size");
  }

  void AddItem(Index i) {
    const ItemRecord& item = state_.items[i];
    if (!IsUsedPool(item.pool)) {
      Expect(false, "I6: an item is in a pool that is free");
      return;
    }
    const Index region = state_.pools[item.pool].region;
    Expect(item.is_reserved || !state_.regions[region].is_group,
           "I6: an item that is HELD lies in a group");
    if (item.is_reserved) {
      pools_[item.pool].reserved += item.bytes.value();
      regions_[region].reserved += item.bytes.value();
    }
    report_.charged_bytes += item.bytes.value();
    ++pools_[item.pool].items;
    ++cgroups_[state_.pools[item.pool].cgroup].items;
    AddMeasured(i);
    for (Index r = state_.pools[item.pool].region; r != kNone; r = state_.regions[r].parent)
      ++regions_[r].items;
    for (Index level = item.pool; level != kNone; level = state_.pools[level].group_pool) {
      pools_[level].own += item.bytes.value();
      for (Index p = level; p != kNone; p = state_.pools[p].counter.parent)
        pools_[p].usage += item.bytes.value();
    }
  }

  void AddMeasured(Index i) {
    const ItemRecord& item = state_.items[i];
    if (item.measured == kNone) return;
    ++measured_;
    const MeasuredRecord& measured = state_.measured[item.measured];
    Expect(measured.item == i, "I12: what was measured of an item names another");
    Expect(static_cast<__int128>(measured.bytes.value()) * state_.scalars.time_us >=
               measured.weighted_bytes,
           "I4: an item has negative measured byte-seconds");
    RegionSums& region = regions_[state_.pools[item.pool].region];
    region.measured += measured.bytes.value();
    region.over_grant += measured.bytes.MinusOrZero(item.bytes).value();
  }

  void CheckPools() {
    uint64_t count = 0;
    for (Index i = 0; i < state_.pools.size(); ++i) {
      if (!IsUsedPool(i)) continue;
      ++count;
      AddToParents(i);
    }
    for (Index i = 0; i < state_.pools.size(); ++i) {
      PrefetchPool(state_, i + kAhead);
      if (IsUsedPool(i)) CheckPool(i);
    }
    Expect(count == state_.scalars.pools, "I1: ", count, " pools, counted ", state_.scalars.pools);
    Expect(state_.pool_keys.size() == count, "I1: the index of pools has another size");
  }

  void AddToParents(Index i) {
    const PoolRecord& pool = state_.pools[i];
    CgroupSums& cgroup = cgroups_[pool.cgroup];
    ++cgroup.pools;
    cgroup.has_limits |= pool.cgroup != kRootCgroup && !pool.has_default_limits();
    if (pool.counter.parent == kNone) return;
    PoolSums& parent = pools_[pool.counter.parent];
    ++parent.children;
    parent.min_claims += pool.counter.min_claim().value();
    parent.low_claims += pool.counter.low_claim().value();
  }

  void CheckPool(Index i) {
    const PoolRecord& pool = state_.pools[i];
    const PageCounter& counter = pool.counter;
    const PoolSums& sums = pools_[i];
    Expect(counter.usage.value() == sums.usage, "I1: ", PoolName{i}, " has usage ",
           counter.usage.value(), " and not the sum of its charges");
    Expect(pool.own.value() == sums.own, "I1: ", PoolName{i},
           " has other own bytes than its charges");
    Expect(pool.own_reservations.value() == sums.reserved, "I1: ", PoolName{i},
           " has other reserved bytes than its charges");
    Expect(counter.peak >= counter.usage, "I1: ", PoolName{i}, " has a peak below its usage");
    Expect(counter.children_min_claims.value() == sums.min_claims, "I5: ", PoolName{i},
           " has other min claims");
    Expect(counter.children_low_claims.value() == sums.low_claims, "I5: ", PoolName{i},
           " has other low claims");
    Expect(state_.FindPool(pool.cgroup, pool.region) == i, "I1: ", PoolName{i},
           " is not found by its key");
    CheckPoolLinks(i);
  }

  void CheckPoolLinks(Index i) {
    const PoolRecord& pool = state_.pools[i];
    const Index parent_cgroup = state_.cgroups[pool.cgroup].parent;
    const Index parent =
        parent_cgroup == kNone ? kNone : state_.FindPool(parent_cgroup, pool.region);
    const Index group = state_.GroupOf(pool.region);
    const Index group_pool = group == kNone ? kNone : state_.FindPool(pool.cgroup, group);
    Expect(pool.counter.parent == parent && (parent != kNone) == (parent_cgroup != kNone),
           "I1: ", PoolName{i}, " has another parent than its cgroup");
    Expect(pool.group_pool == group_pool && (group_pool != kNone) == (group != kNone),
           "I1: ", PoolName{i}, " has another group than its region");
    uint64_t children = 0, items = 0;
    Index prev = kNone;
    for (Index c = pool.first_child; c != kNone; prev = c, c = state_.pools[c].next_sibling) {
      ++children;
      Expect(state_.pools[c].counter.parent == i && state_.pools[c].prev_sibling == prev,
             "I1: ", PoolName{c}, " hangs in the wrong list");
    }
    Expect(children == pools_[i].children, "I1: ", PoolName{i}, " lists ", children, " children");
    std::tuple<uint64_t, uint64_t, uint32_t> newest = {~uint64_t{0}, 0, 0};
    prev = kNone;
    for (Index item = pool.first_item; item != kNone;
         prev = item, item = state_.items[item].next_in_pool) {
      ++items;
      Expect(state_.items[item].pool == i && state_.items[item].prev_in_pool == prev,
             "I6: an item hangs in the list of ", PoolName{i}, " and is in another pool");
      const ChargeRecord& charge = state_.charges[state_.items[item].charge];
      const auto age = std::make_tuple(state_.items[item].placed_sequence, charge.granted_sequence,
                                       charge.granted_index);
      Expect(age < newest, "I6: the items of ", PoolName{i}, " are not newest first");
      newest = age;
    }
    Expect(items == pools_[i].items, "I6: ", PoolName{i}, " lists ", items, " items of ",
           pools_[i].items);
    // Compared, since the difference of what is damaged may not fit.
    const __int128 most =
        static_cast<__int128>(pool.counter.usage.value()) * state_.scalars.time_us;
    Expect(most >= pool.weighted_bytes, "I4: ", PoolName{i}, " has negative byte-seconds");
  }

  void CheckCgroups() {
    uint64_t count = 0, listed_pools = 0;
    for (Index i = 0; i < state_.cgroups.size(); ++i) {
      const CgroupRecord& cgroup = state_.cgroups[i];
      if (!cgroup.is_used) continue;
      ++count;
      for (Index p = cgroup.first_pool; p != kNone; p = state_.pools[p].next_of_cgroup) {
        ++listed_pools;
        Expect(state_.pools[p].cgroup == i, "I1: ", PoolName{p},
               " hangs in the list of another cgroup");
      }
      if (i == kRootCgroup) continue;
      CgroupSums& parent = cgroups_[cgroup.parent];
      ++parent.children;
      parent.live_children += !cgroup.is_dying;
      Expect(state_.FindCgroup(state_.CgroupName(i)) == i, "I1: cgroup ", CgroupName{i},
             " is not found by name");
      Expect(cgroup.depth == state_.cgroups[cgroup.parent].depth + 1, "I1: cgroup ", cgroup.id,
             " has a wrong depth");
      Expect(cgroup.id < state_.scalars.next_cgroup_id, "I9: cgroup id ", cgroup.id,
             " is of the future");
    }
    for (Index i = 0; i < state_.cgroups.size(); ++i) {
      if (state_.cgroups[i].is_used) CheckCgroup(i);
    }
    Expect(count == state_.scalars.cgroups, "I1: ", count, " cgroups, counted ",
           state_.scalars.cgroups);
    Expect(state_.cgroup_paths.size() + 1 == count, "I1: the index of cgroups has another size");
    Expect(listed_pools == state_.scalars.pools, "I1: cgroups list ", listed_pools, " pools");
  }

  void CheckCgroup(Index i) {
    const CgroupRecord& cgroup = state_.cgroups[i];
    const CgroupSums& sums = cgroups_[i];
    Expect(cgroup.children == sums.children && cgroup.live_children == sums.live_children,
           "I1: cgroup ", CgroupName{i}, " counts its children wrong");
    Expect(cgroup.live_items == sums.items, "I6: cgroup ", CgroupName{i},
           " counts its items wrong");
    uint64_t listed = 0;
    Index prev = kNone;
    for (Index c = cgroup.first_child; c != kNone; prev = c, c = state_.cgroups[c].next_sibling) {
      ++listed;
      Expect(state_.cgroups[c].parent == i && state_.cgroups[c].prev_sibling == prev, "I1: cgroup ",
             CgroupName{c}, " hangs in the wrong list");
    }
    Expect(listed == sums.children, "I1: cgroup ", CgroupName{i}, " lists ", listed, " children");
    if (i == kRootCgroup) return;
    const bool is_empty = sums.items == 0 && sums.children == 0;
    Expect(!(cgroup.is_dying && is_empty), "I1: cgroup ", CgroupName{i}, " should have ended");
    Expect(!(cgroup.is_dying && sums.has_limits), "I1: dying cgroup ", CgroupName{i},
           " has limits");
    Expect(!(cgroup.is_implicit && !cgroup.is_dying && is_empty && !sums.has_limits),
           "I1: implicit cgroup ", CgroupName{i}, " should have disappeared");
  }

  void CheckRegions() {
    uint64_t regions = 0, groups = 0, last_id = 0;
    Index prev = kNone;
    for (Index i = state_.scalars.first_region; i != kNone; prev = i, i = state_.regions[i].next) {
      const RegionRecord& region = state_.regions[i];
      ++(region.is_group ? groups : regions);
      Expect(region.prev == prev && region.id > last_id, "I1: region ", region.id,
             " is out of order");
      last_id = region.id;
      if (region.parent != kNone) ++regions_[region.parent].members;
      Expect(state_.FindRegion(state_.RegionName(i)) == i, "I1: region ", region.id,
             " is not found by name");
      const PoolRecord& root = state_.pools[region.root_pool];
      Expect(root.cgroup == kRootCgroup && root.region == i, "I1: region ", region.id,
             " has another root pool");
      Expect(root.counter.max == state_.RootMax(i) && root.counter.min.is_zero() &&
                 root.counter.low.is_zero() && !root.is_observed,
             "I2: the root pool of region ", region.id, " has other limits than its grantable");
      Expect(region.measured == regions_[i].measured && region.over_grant == regions_[i].over_grant,
             "I12: region ", region.id, " has other measured bytes than its items");
    }
    for (Index i = state_.scalars.first_region; i != kNone; i = state_.regions[i].next) {
      Expect(state_.regions[i].members == regions_[i].members, "I1: group ", state_.RegionName(i),
             " counts its members wrong");
      Expect(state_.regions[i].reservations.value() == regions_[i].reserved, "I1: region ",
             state_.RegionName(i), " counts its reserved bytes wrong");
      Expect(state_.regions[i].live_items == regions_[i].items, "I6: region ", state_.RegionName(i),
             " counts its items wrong");
      Expect(!(state_.regions[i].is_gone && regions_[i].items == 0), "I1: region ",
             state_.RegionName(i), " should have ended");
    }
    Expect(prev == state_.scalars.last_region, "I1: the list of regions has another end");
    Expect(regions == state_.scalars.regions && groups == state_.scalars.groups,
           "I1: regions are counted wrong");
    Expect(state_.region_names.size() == regions + groups,
           "I1: the index of regions has another size");
    Expect(last_id < state_.scalars.next_region_id, "I9: a region id is of the future");
  }

  void CheckTombstones() {
    uint64_t count = 0;
    for (const int skewed : {0, 1}) {
      int64_t covers = 0;
      uint64_t serial = 0;
      Index last = kNone;
      for (Index i = state_.scalars.first_tombstone[skewed]; i != kNone;
           last = i, i = state_.tombstones[i].next) {
        const TombstoneRecord& tombstone = state_.tombstones[i];
        ++count;
        Expect(tombstone.covers_until_us >= covers && tombstone.serial > serial,
               "I8: tombstones are out of order");
        covers = tombstone.covers_until_us;
        serial = tombstone.serial;
        Expect(state_.FindTombstone(tombstone.id.view()) == i,
               "I8: a tombstone is not found by its id");
      }
      Expect(last == state_.scalars.last_tombstone[skewed],
             "I8: a queue of tombstones has another end");
    }
    Expect(count == state_.scalars.tombstones, "I8: ", count, " tombstones, counted ",
           state_.scalars.tombstones);
    Expect(state_.tombstone_ids.size() == count, "I8: the index of tombstones has another size");
  }

  // I10: what answers for a region, or points to a session, exists.
  void CheckNodes() {
    uint64_t count = 0, bound = 0, listed = 0;
    for (Index i = 0; i < state_.regions.size(); ++i) {
      const RegionRecord& region = state_.regions[i];
      bound += region.node != kNone;
      Expect(!region.is_group || (region.node == kNone && !region.is_lost && !region.is_failed),
             "I10: group ", region.id, " has the state of a region");
      Expect(region.node == kNone ||
                 (region.node < state_.nodes.size() && state_.nodes[region.node].id != 0),
             "I10: the node of region ", region.id, " is missing");
      Expect(!region.is_unconfirmed || region.node != kNone, "I10: region ", region.id,
             " waits for a node that it has not");
    }
    for (Index i = 0; i < state_.nodes.size(); ++i) {
      const NodeRecord& node = state_.nodes[i];
      if (node.id == 0) continue;
      ++count;
      const absl::string_view name = node.name.view();
      Expect(state_.FindNode(name) == i, "I10: node ", name, " is not found by its name");
      Expect(node.id <= state_.scalars.sequence, "I9: node ", name, " is of the future");
      Expect(node.session == kNone || state_.sessions[node.session].node == i, "I10: node ", name,
             " has a session that is not its own");
      Expect(node.session != kNone || node.regions > 0 || node.fenced_incarnation > 0 ||
                 node.is_not_ready,
             "I10: node ", name, " should have been forgotten");
      uint64_t regions = 0;
      Index prev = kNone;
      for (Index r = node.first_region; r != kNone; prev = r, r = state_.regions[r].next_of_node) {
        ++regions;
        Expect(state_.regions[r].node == i && state_.regions[r].prev_of_node == prev,
               "I10: region ", state_.RegionName(r), " hangs in the list of another node");
      }
      Expect(regions == node.regions, "I10: node ", name, " counts its regions wrong");
      listed += regions;
    }
    Expect(listed == bound, "I10: nodes list ", listed, " regions of ", bound);
    Expect(count == state_.scalars.nodes, "I10: ", count, " nodes, counted ", state_.scalars.nodes);
    Expect(state_.node_names.size() == count, "I10: the index of nodes has another size");
  }

  void CheckSessions() {
    uint64_t count = 0;
    for (Index i = 0; i < state_.sessions.size(); ++i) {
      const SessionRecord& session = state_.sessions[i];
      if (session.id == 0) continue;
      ++count;
      Expect(
          state_.FindSession(session.id) == i &&
              state_.FindSession(Hash128{session.fingerprint_high, session.fingerprint_low}) == i,
          "I10: session ", session.id, " is not found");
      Expect(session.id <= state_.scalars.sequence, "I9: session ", session.id,
             " is of the future");
      const bool has_node = session.node != kNone;
      Expect(has_node == (!session.has_ended() && !session.node_name.empty()), "I10: session ",
             session.id, " has a node, or none, against its state");
      if (!has_node) continue;
      const NodeRecord& node = state_.nodes[session.node];
      Expect(node.session == i && node.name.view() == session.node_name.view() &&
                 node.incarnation == session.incarnation &&
                 session.incarnation > node.fenced_incarnation,
             "I10: session ", session.id, " is not the one of its node");
    }
    Expect(count == state_.scalars.sessions, "I10: ", count, " sessions, counted ",
           state_.scalars.sessions);
    Expect(state_.session_ids.size() == count && state_.session_fingerprints.size() == count,
           "I10: the index of sessions has another size");
  }

  // A record is used or in its table's list of free ones.
  void CheckCounts() {
    const StateScalars& s = state_.scalars;
    const auto length = [](Index head, const auto& next) {
      uint64_t n = 0;
      for (Index i = head; i != kNone; i = next(i)) ++n;
      return n;
    };
    Expect(
        s.charges + length(s.free_charge, [&](Index i) { return state_.charges[i].hash_next; }) ==
            state_.charges.size(),
        "I6: charge records leak");
    Expect(s.items + length(s.free_item, [&](Index i) { return state_.items[i].next_in_charge; }) ==
               state_.items.size(),
           "I6: item records leak");
    Expect(s.pools + length(s.free_pool, [&](Index i) { return state_.pools[i].next_sibling; }) ==
               state_.pools.size(),
           "I1: pool records leak");
    Expect(s.cgroups +
                   length(s.free_cgroup, [&](Index i) { return state_.cgroups[i].next_sibling; }) ==
               state_.cgroups.size(),
           "I1: cgroup records leak");
    Expect(s.regions + s.groups +
                   length(s.free_region, [&](Index i) { return state_.regions[i].next; }) ==
               state_.regions.size(),
           "I1: region records leak");
    Expect(s.tombstones +
                   length(s.free_tombstone, [&](Index i) { return state_.tombstones[i].next; }) ==
               state_.tombstones.size(),
           "I8: tombstone records leak");
    Expect(s.measured + length(s.free_measured, [&](Index i) { return state_.measured[i].next; }) ==
                   state_.measured.size() &&
               measured_ == s.measured,
           "I12: measured records leak");
    Expect(s.nodes + length(s.free_node, [&](Index i) { return state_.nodes[i].hash_next; }) ==
               state_.nodes.size(),
           "I10: node records leak");
    Expect(
        s.sessions + length(s.free_session, [&](Index i) { return state_.sessions[i].id_next; }) ==
            state_.sessions.size(),
        "I10: session records leak");
  }

  const State& state_;
  std::vector<PoolSums> pools_;
  std::vector<CgroupSums> cgroups_;
  std::vector<RegionSums> regions_;
  uint64_t measured_ = 0;
  AuditReport report_;
};

}  // namespace

AuditReport CheckInvariants(const State& state) { return Audit(state).Run(); }

}  // namespace dmem
