// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/state_restorer.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/charge_lifecycle.h"
#include "core/details.h"
#include "core/object_kinds.h"
#include "core/state_editor.h"

namespace dmem {
namespace {

absl::Status Damaged(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("stored state: ", what));
}

absl::optional<ByteCount> ReadBytes(Decoder* in) { return ByteCount::FromUint64(in->Uint()); }

__int128 ReadWide(Decoder* in) {
  const uint64_t high = in->BigEndian(), low = in->BigEndian();
  return static_cast<__int128>((static_cast<unsigned __int128>(high) << 64) | low);
}

bool FitsInt32(int64_t value) { return value >= INT32_MIN && value <= INT32_MAX; }

// Whether no counter would overflow; the root's are the largest.
bool Fits(const State& state, Index region, ByteCount bytes) {
  for (; region != kNone; region = state.GroupOf(region)) {
    if (!state.pools[state.regions[region].root_pool].counter.usage.Plus(bytes).has_value())
      return false;
  }
  return true;
}

}  // namespace

absl::Status StateRestorer::AddObject(absl::string_view key, absl::string_view value) {
  if (key.empty()) return Damaged("an object without a key");
  Decoder key_in(key.substr(1));
  Decoder in(value);
  absl::Status status;
  switch (key.front()) {
    case kScalarsKind:
      status = AddScalars(&in);
      break;
    case kRegionKind:
      status = AddRegion(key_in.BigEndian(), &in);
      break;
    case kCgroupKind:
      status = AddCgroup(key_in.BigEndian(), &in);
      break;
    case kPoolKind: {
      const uint64_t cgroup = key_in.BigEndian();
      status = AddPool(cgroup, key_in.BigEndian(), &in);
      break;
    }
    case kChargeKind: {
      const uint64_t granted_sequence = key_in.BigEndian();
      const uint64_t granted_index = key_in.done() ? 0 : key_in.BigEndian();
      status = AddCharge(granted_sequence, granted_index, &in);
      break;
    }
    case kTombstoneKind:
      status = AddTombstone(key_in.BigEndian(), &in);
      break;
    case kNodeKind:
      status = AddNode(key_in.BigEndian(), &in);
      break;
    case kSessionKind:
      status = AddSession(key_in.BigEndian(), &in);
      break;
    default:
      return Damaged(
          absl::StrCat("an object of unknown kind ", absl::CHexEscape(key.substr(0, 1))));
  }
  if (!status.ok()) return status;
  if (!key_in.done() || !in.done())
    return Damaged(absl::StrCat("a malformed object ", absl::CHexEscape(key)));
  return absl::OkStatus();
}

absl::Status StateRestorer::AddScalars(Decoder* in) {
  StateScalars& s = ledger_->state_.scalars;
  const uint64_t implicit = in->Uint();
  if (implicit > static_cast<uint64_t>(ImplicitCgroups::kOff))
    return Damaged("an unknown policy for implicit cgroups");
  s.settings.implicit_cgroups = static_cast<ImplicitCgroups>(implicit);
  s.settings.tombstone_window_us = in->Int();
  s.settings.tombstones_max = in->Uint();
  s.settings.regions_max = in->Uint();
  s.settings.cgroups_max = in->Uint();
  s.settings.pools_max = in->Uint();
  s.settings.charges_max = in->Uint();
  s.settings.items_max = in->Uint();
  s.sequence = in->Uint();
  s.time_us = in->Int();
  s.next_region_id = in->Uint();
  s.next_cgroup_id = in->Uint();
  s.next_tombstone_serial = in->Uint();
  s.ids_covered_since_us = in->Int();
  s.reservations_expired = in->Uint();
  s.releases_completed = in->Uint();
  const uint64_t unattributed = in->Uint();
  if (unattributed > static_cast<uint64_t>(UnattributedPolicy::kIgnore))
    return Damaged("an unknown policy for unattributed bytes");
  s.settings.unattributed = static_cast<UnattributedPolicy>(unattributed);
  s.settings.sessions_max = in->Uint();
  s.settings.lost_after_us = in->Int();
  s.settings.refuses_stale_regions = in->Bool();
  s.outage_us = in->Int();
  s.ticked_at_us = in->Int();
  return absl::OkStatus();
}

absl::Status StateRestorer::AddRegion(uint64_t id, Decoder* in) {
  State& state = ledger_->state_;
  const absl::string_view name = in->String();
  const bool is_group = in->Bool(), is_gone = in->Bool(), is_cordoned = in->Bool(),
             is_explicit = in->Bool();
  const auto capacity = ReadBytes(in), reserved = ReadBytes(in), grantable = ReadBytes(in);
  const uint64_t incarnation = in->Uint(), parent = in->Uint();
  const absl::string_view attributes = in->String();
  const auto device_used = ReadBytes(in), attributed = ReadBytes(in);
  const int64_t device_used_at_us = in->Int();
  const uint64_t node = in->Uint();
  const bool is_failed = in->Bool(), is_lost = in->Bool(), is_unconfirmed = in->Bool();
  const absl::string_view failure = in->String();
  if (!in->ok() || id == 0 || (is_group && (node != 0 || is_lost)) || name.empty() || !capacity ||
      !reserved || !grantable || !device_used || !attributed || !IsRegionAttributes(attributes) ||
      !regions_.emplace(id, state.regions.size()).second) {
    return Damaged(absl::StrCat("a malformed region ", id));
  }
  // Groups may have larger ids than what is in them, so parents and pools follow in LinkRegions.
  const Index i = ledger_->editor().AddRegion(id, name, is_group);
  ledger_->editor().SetAttributes(i, attributes);
  if (is_gone) ledger_->editor().MarkGone(i);
  RegionRecord& region = state.regions.Mutable(i);
  region.is_cordoned = is_cordoned;
  region.grantable_is_explicit = is_explicit;
  region.capacity = *capacity;
  region.reserved = *reserved;
  region.grantable = *grantable;
  region.incarnation = incarnation;
  region.device_used = *device_used;
  region.attributed = *attributed;
  region.device_used_at_us = device_used_at_us;
  region.is_lost = is_lost;
  region.is_unconfirmed = is_unconfirmed;
  ledger_->editor().SetFailed(i, is_failed, failure);
  if (node != 0) nodes_of_regions_.emplace_back(i, node);
  if (parent != 0) parents_.emplace_back(i, parent);
  return absl::OkStatus();
}

absl::Status StateRestorer::LinkRegions() {
  for (const auto& [region, parent] : parents_) {
    const auto it = regions_.find(parent);
    if (it == regions_.end() || !ledger_->state_.regions[it->second].is_group) {
      return Damaged(absl::StrCat("a region's parent ", parent, " is not a group"));
    }
    ledger_->editor().SetRegionParent(region, it->second);
  }
  // Whatever walks up a region's groups relies on an end.
  for (const auto& link : parents_) {
    int depth = 0;
    for (Index i = link.first; i != kNone; i = ledger_->state_.regions[i].parent) {
      if (depth++ > kGroupDepthMax) {
        const uint64_t id = ledger_->state_.regions[link.first].id;
        return Damaged(absl::StrCat("region ", id, " is below too many groups, or below itself"));
      }
    }
  }
  parents_.clear();
  return absl::OkStatus();
}

absl::Status StateRestorer::AddCgroup(uint64_t id, Decoder* in) {
  if (absl::Status status = LinkRegions(); !status.ok()) return status;
  State& state = ledger_->state_;
  const uint64_t parent = in->Uint();
  const absl::string_view name = in->String();
  const bool is_implicit = in->Bool(), is_dying = in->Bool(), has_priority = in->Bool();
  const int64_t priority = in->Int();
  if (!in->ok() || !FitsInt32(priority)) return Damaged(absl::StrCat("a malformed cgroup ", id));
  if (id == 0 && (parent != 0 || !name.empty() || is_implicit || is_dying))
    return Damaged("a malformed root cgroup");
  Index i = kRootCgroup;
  if (id != 0) {
    const auto it = cgroups_.find(parent);
    if (it == cgroups_.end() || name.empty() || state.cgroups[it->second].depth >= kCgroupDepthMax)
      return Damaged(absl::StrCat("cgroup ", id, " has no parent"));
    i = ledger_->editor().AddCgroup(id, it->second, name, is_implicit);
    if (is_dying) ledger_->editor().MarkDying(i, 0);
  }
  cgroups_[id] = i;
  CgroupRecord& cgroup = state.cgroups.Mutable(i);
  cgroup.has_priority = has_priority;
  cgroup.priority = static_cast<int32_t>(priority);
  return absl::OkStatus();
}

absl::Status StateRestorer::AddPool(uint64_t cgroup_id, uint64_t region_id, Decoder* in) {
  const auto peak = ReadBytes(in), min = ReadBytes(in), low = ReadBytes(in), max = ReadBytes(in);
  const bool is_observed = in->Bool();
  const uint64_t limits_sequence = in->Uint(), refusals = in->Uint(), would_refuse = in->Uint();
  const __int128 weighted_bytes = ReadWide(in);
  const auto cgroup = cgroups_.find(cgroup_id);
  const auto region = regions_.find(region_id);
  if (!in->ok() || !peak || !min || !low || !max || cgroup == cgroups_.end() ||
      region == regions_.end()) {
    return Damaged(
        absl::StrCat("a malformed pool of cgroup ", cgroup_id, " and region ", region_id));
  }
  const Index i = ledger_->editor().EnsurePool(cgroup->second, region->second);
  ledger_->editor().SetLimits(i, *min, *low, *max, is_observed, limits_sequence);
  PoolRecord& pool = ledger_->state_.pools.Mutable(i);
  pool.counter.peak = *peak;
  pool.refusals = refusals;
  pool.would_refuse = would_refuse;
  pool.weighted_bytes = weighted_bytes;
  ++pools_;
  return absl::OkStatus();
}

absl::Status StateRestorer::AddCharge(uint64_t granted_sequence, uint64_t granted_index,
                                      Decoder* in) {
  State& state = ledger_->state_;
  const absl::string_view id = in->String(), details = in->String();
  const uint64_t high = in->BigEndian(), low = in->BigEndian();
  const int64_t created_at_us = in->Int(), granted_at_us = in->Int();
  const bool has_priority = in->Bool();
  const int64_t priority = in->Int();
  const uint64_t items_granted = in->Uint();
  const bool is_preemptible = in->Bool(), is_partial = in->Bool();
  const bool is_reserved = in->Bool();
  const int64_t expires_at_us = in->Int();
  const bool is_releasing = in->Bool();
  const absl::string_view lifecycle = in->String();
  const uint64_t basis = in->Uint();
  const uint64_t session = in->Uint();
  if (!in->ok() || id.empty() || !IsChargeDetails(details) || !IsChargeLifecycle(lifecycle) ||
      !FitsInt32(priority) || items_granted > UINT16_MAX ||
      basis > static_cast<uint64_t>(Basis::kMeasured) || state.FindCharge(id) != kNone) {
    return Damaged(absl::StrCat("a malformed charge ", granted_sequence));
  }
  const Index i = ledger_->editor().AddCharge(id);
  ChargeRecord& charge = state.charges.Mutable(i);
  charge.details = Blob::Make(details);
  charge.fingerprint_high = high;
  charge.fingerprint_low = low;
  charge.created_at_us = created_at_us;
  charge.granted_at_us = granted_at_us;
  charge.granted_sequence = granted_sequence;
  charge.granted_index = static_cast<uint32_t>(granted_index);
  charge.has_priority = has_priority;
  charge.priority = static_cast<int32_t>(priority);
  charge.items_granted = static_cast<uint16_t>(items_granted);
  charge.is_preemptible = is_preemptible;
  charge.is_partial = is_partial;
  charge.basis = static_cast<Basis>(basis);
  charge.session = session;
  ledger_->editor().SetLifecycle(i, lifecycle);
  if (is_reserved) ledger_->editor().SetExpiry(i, expires_at_us);
  if (is_releasing) ledger_->editor().MarkReleasing(i);
  for (Index last_item = kNone; !in->done();) {
    const auto cgroup = cgroups_.find(in->Uint());
    const auto region = regions_.find(in->Uint());
    const auto bytes = ReadBytes(in);
    NewItem item;
    item.is_reserved = in->Bool();
    item.placed_sequence = granted_sequence + in->Uint();
    __int128 weighted = 0;
    if (!in->Bool()) {
      weighted = ReadWide(in);
    } else if (bytes) {
      weighted = static_cast<__int128>(bytes->value()) * granted_at_us;
    }
    if (!in->ok() || cgroup == cgroups_.end() || region == regions_.end() || !bytes) {
      return Damaged(absl::StrCat("a malformed item of charge ", granted_sequence));
    }
    const Index pool = state.FindPool(cgroup->second, region->second);
    if (pool == kNone || !Fits(state, region->second, *bytes)) {
      return Damaged(
          absl::StrCat("an item of charge ", granted_sequence, " does not fit its pool"));
    }
    item.bytes = *bytes;
    // Charges come in order of their grants; what was placed later belongs before newer ones.
    const Index newest = state.pools[pool].first_item;
    if (newest != kNone && state.items[newest].placed_sequence > item.placed_sequence)
      unsorted_pools_.insert(pool);
    // Peaks and byte-seconds are stored, and stay: a change at time 0 adds nothing to these.
    last_item = ledger_->editor().AddItem(i, last_item, pool, item, /*time_us=*/0);
    state.items.Mutable(last_item).weighted_bytes.Set(weighted);
    if (in->Bool() && !AddMeasured(last_item, in)) {
      return Damaged(absl::StrCat("a malformed measured item of charge ", granted_sequence));
    }
    state.items.Mutable(last_item).is_listed = in->Bool();
  }
  return absl::OkStatus();
}

bool StateRestorer::AddMeasured(Index item, Decoder* in) {
  const auto bytes = ReadBytes(in);
  const int64_t at_us = in->Int();
  const __int128 weighted_bytes = ReadWide(in);
  if (!in->ok() || !bytes) return false;
  ledger_->editor().AddMeasured(item, *bytes, at_us, weighted_bytes);
  return true;
}

absl::Status StateRestorer::AddTombstone(uint64_t serial, Decoder* in) {
  const absl::string_view id = in->String();
  const int64_t covers_until_us = in->Int();
  const bool is_skewed = in->Bool();
  if (!in->ok() || id.empty() || ledger_->state_.FindTombstone(id) != kNone) {
    return Damaged(absl::StrCat("a malformed tombstone ", serial));
  }
  ledger_->editor().AddTombstone(Blob::Make(id), serial, covers_until_us, is_skewed);
  return absl::OkStatus();
}

absl::Status StateRestorer::AddNode(uint64_t id, Decoder* in) {
  State& state = ledger_->state_;
  const absl::string_view name = in->String(), why = in->String();
  const uint64_t incarnation = in->Uint(), fenced_incarnation = in->Uint();
  const bool is_not_ready = in->Bool();
  const int64_t not_ready_since_us = in->Int(), unheard_since_us = in->Int();
  const bool is_lost = in->Bool();
  const int64_t reconciled_at_us = in->Int();
  if (!in->ok() || id == 0 || name.empty() || state.FindNode(name) != kNone ||
      !nodes_.emplace(id, state.nodes.size()).second) {
    return Damaged(absl::StrCat("a malformed node ", id));
  }
  const Index i = ledger_->editor().AddNode(id, name);
  NodeRecord& node = state.nodes.Mutable(i);
  node.incarnation = incarnation;
  node.fenced_incarnation = fenced_incarnation;
  node.unheard_since_us = unheard_since_us;
  node.is_lost = is_lost;
  node.reconciled_at_us = reconciled_at_us;
  ledger_->editor().SetNotReady(i, is_not_ready, why, not_ready_since_us);
  return absl::OkStatus();
}

absl::Status StateRestorer::AddSession(uint64_t id, Decoder* in) {
  State& state = ledger_->state_;
  const absl::string_view owner = in->String(), node_name = in->String(), why = in->String();
  SessionRecord record;
  record.incarnation = in->Uint();
  const uint64_t high = in->BigEndian(), low = in->BigEndian();
  record.ttl_us = in->Int();
  record.opened_at_us = in->Int();
  record.heard_at_us = in->Int();
  record.ended_at_us = in->Int();
  const uint64_t how = in->Uint(), node_id = in->Uint();
  const absl::string_view reconcile_id = in->String();
  record.reconcile.next_part = in->Uint();
  record.reconcile.as_of = in->Uint();
  record.reconcile.listed = in->Uint();
  record.reconcile.recorded = in->Uint();
  record.reconcile.resized = in->Uint();
  record.reconcile.differing = in->Uint();
  record.reconcile.released = in->Uint();
  const auto node = nodes_.find(node_id);
  if (!in->ok() || id == 0 || how > static_cast<uint64_t>(SessionState::kSuperseded) ||
      (node_id != 0 && node == nodes_.end())) {
    return Damaged(absl::StrCat("a malformed session ", id));
  }
  record.state = static_cast<SessionState>(how);
  if (node_id != 0 && (record.has_ended() || state.nodes[node->second].session != kNone)) {
    return Damaged(absl::StrCat("session ", id, " is not the one of its node"));
  }
  const Index i = ledger_->editor().AddSession(id, Hash128{high, low}, owner, node_name);
  SessionRecord& session = state.sessions.Mutable(i);
  session.why = Blob::Make(why);
  ledger_->editor().SetReconcile(i, record.reconcile, reconcile_id);
  session.incarnation = record.incarnation;
  session.ttl_us = record.ttl_us;
  session.opened_at_us = record.opened_at_us;
  session.heard_at_us = record.heard_at_us;
  session.ended_at_us = record.ended_at_us;
  session.state = record.state;
  if (node_id == 0) return absl::OkStatus();
  session.node = node->second;
  state.nodes.Mutable(node->second).session = i;
  return absl::OkStatus();
}

absl::Status StateRestorer::BindRegions() {
  for (const auto& [region, node_id] : nodes_of_regions_) {
    const auto node = nodes_.find(node_id);
    if (node == nodes_.end()) {
      return Damaged(absl::StrCat("a region's node ", node_id, " is missing"));
    }
    ledger_->editor().BindRegion(region, node->second);
  }
  return absl::OkStatus();
}

absl::Status StateRestorer::Finish() {
  if (absl::Status status = LinkRegions(); !status.ok()) return status;
  if (absl::Status status = BindRegions(); !status.ok()) return status;
  ledger_->deadlines_ = Deadlines::Of(ledger_->state_);
  ledger_->is_ticking_ = !ledger_->deadlines_.empty();
  for (const Index pool : unsorted_pools_) ledger_->editor().SortItems(pool);
  if (ledger_->state_.scalars.pools != pools_) {
    return Damaged(absl::StrCat(pools_, " pools are stored where ", ledger_->state_.scalars.pools,
                                " must be"));
  }
  return absl::OkStatus();
}

}  // namespace dmem
