// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/state_codec.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "core/encoding.h"
#include "core/object_kinds.h"
#include "core/stable_hash.h"

namespace dmem {
namespace {

// Encodes the objects of one state. Every function overwrites `key` and `value`.
struct ObjectEncoder {
  const State& state;
  std::string key;
  std::string value;

  void Start(char kind, uint64_t id) {
    key.assign(1, kind);
    Encoder(&key).BigEndian(id);
    value.clear();
  }
  uint64_t RegionId(Index region) const { return region == kNone ? 0 : state.regions[region].id; }

  void Scalars() {
    const StateScalars& s = state.scalars;
    key.assign(1, kScalarsKind);
    value.clear();
    Encoder out(&value);
    out.Uint(static_cast<uint64_t>(s.settings.implicit_cgroups));
    out.Int(s.settings.tombstone_window_us);
    out.Uint(s.settings.tombstones_max);
    out.Uint(s.settings.regions_max);
    out.Uint(s.settings.cgroups_max);
    out.Uint(s.settings.pools_max);
    out.Uint(s.settings.charges_max);
    out.Uint(s.settings.items_max);
    out.Uint(s.sequence);
    out.Int(s.time_us);
    out.Uint(s.next_region_id);
    out.Uint(s.next_cgroup_id);
    out.Uint(s.next_tombstone_serial);
    out.Int(s.ids_covered_since_us);
    out.Uint(s.reservations_expired);
    out.Uint(s.releases_completed);
    out.Uint(static_cast<uint64_t>(s.settings.unattributed));
    out.Uint(s.settings.sessions_max);
    out.Int(s.settings.lost_after_us);
    out.Bool(s.settings.refuses_stale_regions);
    out.Int(s.outage_us);
    out.Int(s.ticked_at_us);
  }

  bool Region(Index i) {
    const RegionRecord& region = state.regions[i];
    if (region.id == 0) return false;
    Start(kRegionKind, region.id);
    Encoder out(&value);
    out.String(region.name.view());
    out.Bool(region.is_group);
    out.Bool(region.is_gone);
    out.Bool(region.is_cordoned);
    out.Bool(region.grantable_is_explicit);
    out.Uint(region.capacity.value());
    out.Uint(region.reserved.value());
    out.Uint(region.grantable.value());
    out.Uint(region.incarnation);
    out.Uint(RegionId(region.parent));
    out.String(region.attributes.view());
    out.Uint(region.device_used.value());
    out.Uint(region.attributed.value());
    out.Int(region.device_used_at_us);
    out.Uint(region.node == kNone ? 0 : state.nodes[region.node].id);
    out.Bool(region.is_failed);
    out.Bool(region.is_lost);
    out.Bool(region.is_unconfirmed);
    out.String(region.failure.view());
    return true;
  }

  bool Cgroup(Index i) {
    const CgroupRecord& cgroup = state.cgroups[i];
    if (!cgroup.is_used) return false;
    Start(kCgroupKind, cgroup.id);
    Encoder out(&value);
    out.Uint(cgroup.parent == kNone ? 0 : state.cgroups[cgroup.parent].id);
    out.String(cgroup.name.view());
    out.Bool(cgroup.is_implicit);
    out.Bool(cgroup.is_dying);
    out.Bool(cgroup.has_priority);
    out.Int(cgroup.priority);
    return true;
  }

  // Usage, own bytes and claims follow from the charges.
  bool Pool(Index i) {
    const PoolRecord& pool = state.pools[i];
    if (pool.cgroup == kNone) return false;
    Start(kPoolKind, state.cgroups[pool.cgroup].id);
    Encoder(&key).BigEndian(RegionId(pool.region));
    Encoder out(&value);
    out.Uint(pool.counter.peak.value());
    out.Uint(pool.counter.min.value());
    out.Uint(pool.counter.low.value());
    out.Uint(pool.counter.max.value());
    out.Bool(pool.is_observed);
    out.Uint(pool.limits_sequence);
    out.Uint(pool.refusals);
    out.Uint(pool.would_refuse);
    Wide(pool.weighted_bytes);
    return true;
  }

  bool Charge(Index i) {
    const ChargeRecord& charge = state.charges[i];
    if (charge.id.empty()) return false;
    Start(kChargeKind, charge.granted_sequence);
    if (charge.granted_index > 0) Encoder(&key).BigEndian(charge.granted_index);
    Encoder out(&value);
    out.String(charge.id.view());
    out.String(charge.details.view());
    out.BigEndian(charge.fingerprint_high);
    out.BigEndian(charge.fingerprint_low);
    out.Int(charge.created_at_us);
    out.Int(charge.granted_at_us);
    out.Bool(charge.has_priority);
    out.Int(charge.priority);
    out.Uint(charge.items_granted);
    out.Bool(charge.is_preemptible);
    out.Bool(charge.is_partial);
    out.Bool(charge.is_reserved);
    out.Int(charge.expires_at_us);
    out.Bool(charge.is_releasing);
    out.String(charge.lifecycle.view());
    out.Uint(static_cast<uint64_t>(charge.basis));
    out.Uint(charge.session);
    for (Index item = charge.first_item; item != kNone; item = state.items[item].next_in_charge) {
      const PoolRecord& pool = state.pools[state.items[item].pool];
      out.Uint(state.cgroups[pool.cgroup].id);
      out.Uint(RegionId(pool.region));
      out.Uint(state.items[item].bytes.value());
      out.Bool(state.items[item].is_reserved);
      out.Uint(state.items[item].placed_sequence - charge.granted_sequence);
      Weighted(state.items[item], charge.granted_at_us);
      Measured(state.items[item].measured);
      out.Bool(state.items[item].is_listed);
    }
    return true;
  }

  void Weighted(const ItemRecord& item, int64_t granted_at_us) {
    Encoder out(&value);
    // Mostly that of an item which was granted with its charge and has kept its size.
    const __int128 weighted = item.weighted_bytes.value();
    const bool is_plain = weighted == static_cast<__int128>(item.bytes.value()) * granted_at_us;
    out.Bool(is_plain);
    if (!is_plain) Wide(weighted);
  }

  void Measured(Index i) {
    Encoder out(&value);
    out.Bool(i != kNone);
    if (i == kNone) return;
    const MeasuredRecord& measured = state.measured[i];
    out.Uint(measured.bytes.value());
    out.Int(measured.at_us);
    Wide(measured.weighted_bytes);
  }

  void Wide(__int128 number) {
    const unsigned __int128 bits = static_cast<unsigned __int128>(number);
    Encoder out(&value);
    out.BigEndian(static_cast<uint64_t>(bits >> 64));
    out.BigEndian(static_cast<uint64_t>(bits));
  }

  bool Tombstone(Index i) {
    const TombstoneRecord& tombstone = state.tombstones[i];
    if (tombstone.id.empty()) return false;
    Start(kTombstoneKind, tombstone.serial);
    Encoder out(&value);
    out.String(tombstone.id.view());
    out.Int(tombstone.covers_until_us);
    out.Bool(tombstone.is_skewed);
    return true;
  }

  bool Node(Index i) {
    const NodeRecord& node = state.nodes[i];
    if (node.id == 0) return false;
    Start(kNodeKind, node.id);
    Encoder out(&value);
    out.String(node.name.view());
    out.String(node.why.view());
    out.Uint(node.incarnation);
    out.Uint(node.fenced_incarnation);
    out.Bool(node.is_not_ready);
    out.Int(node.not_ready_since_us);
    out.Int(node.unheard_since_us);
    out.Bool(node.is_lost);
    out.Int(node.reconciled_at_us);
    return true;
  }

  bool Session(Index i) {
    const SessionRecord& session = state.sessions[i];
    if (session.id == 0) return false;
    Start(kSessionKind, session.id);
    Encoder out(&value);
    out.String(session.owner.view());
    out.String(session.node_name.view());
    out.String(session.why.view());
    out.Uint(session.incarnation);
    out.BigEndian(session.fingerprint_high);
    out.BigEndian(session.fingerprint_low);
    out.Int(session.ttl_us);
    out.Int(session.opened_at_us);
    out.Int(session.heard_at_us);
    out.Int(session.ended_at_us);
    out.Uint(static_cast<uint64_t>(session.state));
    out.Uint(session.node == kNone ? 0 : state.nodes[session.node].id);
    const ReconcileProgress& reconcile = session.reconcile;
    out.String(session.reconcile_id.view());
    out.Uint(reconcile.next_part);
    out.Uint(reconcile.as_of);
    out.Uint(reconcile.listed);
    out.Uint(reconcile.recorded);
    out.Uint(reconcile.resized);
    out.Uint(reconcile.differing);
    out.Uint(reconcile.released);
    return true;
  }
};

// A sum modulo 2^128, so that objects can be taken out again.
struct HashSum {
  unsigned __int128 sum = 0;
  static unsigned __int128 Of(const ObjectEncoder& object) {
    const Hash128 key = StableHash128(object.key);
    const Hash128 hash = StableHash128(object.value, key.high ^ key.low);
    return (static_cast<unsigned __int128>(hash.high) << 64) | hash.low;
  }
  explicit HashSum(const StateHash& hash)
      : sum((static_cast<unsigned __int128>(hash.high) << 64) | hash.low) {}
  StateHash ToStateHash() const {
    return {static_cast<uint64_t>(sum >> 64), static_cast<uint64_t>(sum)};
  }
};

// Calls `visit` for each index at which `table` may differ from `base`; for all of them if there is
// none.
template <typename Table, typename Visit>
void ForEachIndex(const Table& table, const Table* base, const Visit& visit) {
  const size_t size = base == nullptr ? table.size() : std::max(table.size(), base->size());
  for (Index i = 0; i < size; ++i) {
    if (base != nullptr && i % Table::page_size() == 0 && table.SharesPage(*base, i)) {
      i += static_cast<Index>(Table::page_size()) - 1;
      continue;
    }
    visit(i);
  }
}

class Differ {
 public:
  Differ(const State* base, const StateHash& base_hash, const State& state)
      : base_(base),
        state_(state),
        old_{base == nullptr ? state : *base, {}, {}},
        new_{state, {}, {}},
        hash_(base_hash) {}

  StateDelta Run() {
    if (base_ != nullptr) {
      old_.Scalars();
      hash_.sum -= HashSum::Of(old_);
    }
    new_.Scalars();
    hash_.sum += HashSum::Of(new_);
    delta_.puts.emplace_back(new_.key, new_.value);
    Table(&State::regions, &ObjectEncoder::Region);
    Table(&State::cgroups, &ObjectEncoder::Cgroup);
    Table(&State::pools, &ObjectEncoder::Pool);
    // An item and what was measured of it are part of its charge, which may lie in a page that did
    // not change.
    Charges();
    Table(&State::tombstones, &ObjectEncoder::Tombstone);
    Table(&State::nodes, &ObjectEncoder::Node);
    Table(&State::sessions, &ObjectEncoder::Session);
    // What one record lost and another got is a put.
    std::sort(delta_.deletes.begin(), delta_.deletes.end());
    std::sort(delta_.puts.begin(), delta_.puts.end());
    std::vector<std::string> deletes;
    auto put = delta_.puts.begin();
    for (std::string& key : delta_.deletes) {
      while (put != delta_.puts.end() && put->first < key) ++put;
      if (put == delta_.puts.end() || put->first != key) deletes.push_back(std::move(key));
    }
    delta_.deletes = std::move(deletes);
    delta_.hash = hash_.ToStateHash();
    return std::move(delta_);
  }

 private:
  template <typename Record>
  void Table(CowTable<Record> State::*table, bool (ObjectEncoder::*encode)(Index)) {
    ForEachIndex(state_.*table, base_ == nullptr ? nullptr : &(base_->*table), [&](Index i) {
      Compare(i, base_ == nullptr ? 0 : (base_->*table).size(), (state_.*table).size(), encode);
    });
  }

  void Compare(Index i, size_t old_size, size_t new_size, bool (ObjectEncoder::*encode)(Index)) {
    const bool was = i < old_size && (old_.*encode)(i);
    const bool is = i < new_size && (new_.*encode)(i);
    if (was && is && old_.key == new_.key && old_.value == new_.value) return;
    if (was) {
      hash_.sum -= HashSum::Of(old_);
      if (!is || old_.key != new_.key) delta_.deletes.push_back(old_.key);
    }
    if (is) {
      hash_.sum += HashSum::Of(new_);
      delta_.puts.emplace_back(new_.key, new_.value);
    }
  }

  void Charges() {
    if (base_ == nullptr) return Table(&State::charges, &ObjectEncoder::Charge);
    std::vector<Index> changed;
    ForEachIndex(state_.charges, &base_->charges, [&](Index i) { changed.push_back(i); });
    const auto add_charge_of = [&](const State& state, Index item) {
      if (item < state.items.size() && state.items[item].charge != kNone)
        changed.push_back(state.items[item].charge);
    };
    ForEachIndex(state_.items, &base_->items, [&](Index i) {
      add_charge_of(state_, i);
      add_charge_of(*base_, i);
    });
    const auto add_charge_of_measured = [&](const State& state, Index i) {
      if (i < state.measured.size() && state.measured[i].item != kNone)
        add_charge_of(state, state.measured[i].item);
    };
    ForEachIndex(state_.measured, &base_->measured, [&](Index i) {
      add_charge_of_measured(state_, i);
      add_charge_of_measured(*base_, i);
    });
    std::sort(changed.begin(), changed.end());
    changed.erase(std::unique(changed.begin(), changed.end()), changed.end());
    for (const Index i : changed) {
      Compare(i, base_->charges.size(), state_.charges.size(), &ObjectEncoder::Charge);
    }
  }

  const State* const base_;
  const State& state_;
  ObjectEncoder old_;
  ObjectEncoder new_;
  HashSum hash_;
  StateDelta delta_;
};

}  // namespace

std::string StateHash::ToHex() const { return absl::StrFormat("%016x%016x", high, low); }

StateHash HashOf(const State& state) {
  ObjectEncoder object{state, {}, {}};
  HashSum hash{StateHash()};
  object.Scalars();
  hash.sum += HashSum::Of(object);
  const auto add_table = [&](size_t size, bool (ObjectEncoder::*encode)(Index)) {
    for (Index i = 0; i < size; ++i) {
      if ((object.*encode)(i)) hash.sum += HashSum::Of(object);
    }
  };
  add_table(state.regions.size(), &ObjectEncoder::Region);
  add_table(state.cgroups.size(), &ObjectEncoder::Cgroup);
  add_table(state.pools.size(), &ObjectEncoder::Pool);
  add_table(state.charges.size(), &ObjectEncoder::Charge);
  add_table(state.tombstones.size(), &ObjectEncoder::Tombstone);
  add_table(state.nodes.size(), &ObjectEncoder::Node);
  add_table(state.sessions.size(), &ObjectEncoder::Session);
  return hash.ToStateHash();
}

StateDelta DiffStates(const State* base, const StateHash& base_hash, const State& state) {
  return Differ(base, base == nullptr ? StateHash() : base_hash, state).Run();
}

}  // namespace dmem
