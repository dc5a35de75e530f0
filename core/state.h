// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// State: everything that the authority knows, as plain records in tables.

#ifndef CORE_STATE_H_
#define CORE_STATE_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "core/blob.h"
#include "core/byte_count.h"
#include "core/cow_table.h"
#include "core/hash_index.h"
#include "core/page_counter.h"
#include "core/stable_hash.h"

namespace dmem {

// A region or a region group.
struct RegionRecord {
  uint64_t id = 0;  // 1 and up, in order of registration. 0: a free record.
  Blob name;
  Blob attributes;  // Encoded RegionAttributes; empty for groups.
  ByteCount capacity;
  ByteCount reserved;
  ByteCount grantable;     // In effect; kUnlimited for groups, whose root pools never refuse.
  ByteCount reservations;  // Bytes of the RESERVED items in it; of a group: on itself.
  uint64_t incarnation = 0;
  uint64_t live_items = 0;  // Charge items in this region, or below this group.
  Blob failure;             // Why it is FAILED, in its agent's words.
  Index parent = kNone;     // A group.
  Index root_pool = kNone;
  Index node = kNone;  // Whose sessions answer for it; kNone: nobody does.
  Index next_of_node = kNone;
  Index prev_of_node = kNone;
  Index next = kNone;  // In order of registration. Free records: the next free one.
  Index prev = kNone;
  uint32_t members = 0;  // Of a group: direct members, GONE regions included.
  uint32_t name_hash = 0;
  Index hash_next = kNone;
  bool is_group = false;
  bool is_gone = false;
  bool is_cordoned = false;
  bool grantable_is_explicit = false;
  // What its node last saw on the device, and how much of that it could attribute to charges then.
  // Fixed at the report: what is charged or given back later changes neither.
  ByteCount device_used;
  ByteCount attributed;
  int64_t device_used_at_us = 0;  // 0: never told.
  // Sums over the items in this region that were measured; of no meaning for groups.
  unsigned __int128 measured = 0;
  unsigned __int128 over_grant = 0;

  // What is in use on the device and belongs to no charge.
  ByteCount unattributed() const {
    return device_used.MinusOrZero(reserved).MinusOrZero(attributed);
  }
  bool is_failed = false;
  // Does not count in its groups: its pools have no group_pool.
  bool is_lost = false;
  // Its node came back, or was fenced, and has not registered it since.
  bool is_unconfirmed = false;
};

// In which state a region is shown: the first of these, from below, that holds.
enum class RegionState : uint8_t { kReady = 0, kStale, kFailed, kLost, kGone };

struct CgroupRecord {
  uint64_t id = 0;  // Root is 0; given in order of creation.
  Blob name;        // Last component.
  Index parent = kNone;
  Index first_child = kNone;
  Index next_sibling = kNone;  // Free records: the next free one.
  Index prev_sibling = kNone;
  Index first_pool = kNone;
  uint32_t children = 0;  // Live and dying.
  uint32_t live_children = 0;
  uint32_t live_items = 0;  // Charge items in this cgroup itself.
  uint32_t path_hash = 0;
  Index hash_next = kNone;
  int32_t priority = 0;
  uint8_t depth = 0;
  bool is_used = false;
  bool is_implicit = false;
  bool is_dying = false;
  bool has_priority = false;
};

// One cgroup's account in one region or group. A pool always has its parent cgroup's pool in the
// same region as parent, and its own cgroup's pool in the region's group as group_pool.
struct PoolRecord {
  PageCounter counter;
  ByteCount own;                // Charged to this cgroup itself.
  ByteCount own_reservations;   // Of these, in RESERVED items of this very pool, not of members'.
  __int128 weighted_bytes = 0;  // Sum over all changes of usage of change × time in microseconds.
  uint64_t limits_sequence = 0;
  uint64_t refusals = 0;
  uint64_t would_refuse = 0;
  Index first_child = kNone;
  Index next_sibling = kNone;  // Free records: the next free one.
  Index prev_sibling = kNone;
  Index cgroup = kNone;  // kNone: a free record.
  Index region = kNone;
  Index group_pool = kNone;
  Index next_of_cgroup = kNone;
  Index first_item = kNone;  // Newest first, by placed_sequence.
  Index hash_next = kNone;
  bool is_observed = false;

  bool has_default_limits() const {
    return counter.min.is_zero() && counter.low.is_zero() && counter.max.is_unlimited() &&
           !is_observed;
  }
};

// What a charge's bytes say: what was asked for, or what was last measured.
enum class Basis : uint8_t { kBooked = 0, kMeasured = 1 };

// The 128 bits of a sum over changes of change × time, without their alignment.
struct WeightedBytes {
  uint64_t high = 0;
  uint64_t low = 0;

  __int128 value() const {
    return static_cast<__int128>((static_cast<unsigned __int128>(high) << 64) | low);
  }
  void Set(__int128 value) {
    high = static_cast<uint64_t>(static_cast<unsigned __int128>(value) >> 64);
    low = static_cast<uint64_t>(value);
  }
};

struct ChargeRecord {
  Blob id;       // Empty: a free record.
  Blob details;  // Encoded owner and labels; may be empty.
  uint64_t fingerprint_high = 0;
  uint64_t fingerprint_low = 0;
  int64_t created_at_us = 0;
  int64_t granted_at_us = 0;
  // Together unique: only a Reconcile records more than one charge.
  uint64_t granted_sequence = 0;
  uint32_t granted_index = 0;
  int64_t expires_at_us = 0;  // While is_reserved: the end of its ttl, in service time.
  uint64_t session = 0;       // That charged it, whether it still exists or not; 0: none.
  Blob lifecycle;             // Encoded ChargeLifecycle: mostly empty.
  Index first_item = kNone;   // In request order.
  uint32_t id_hash = 0;
  Index hash_next = kNone;  // Free records: the next free one.
  int32_t priority = 0;
  uint16_t items_granted = 0;
  bool has_priority = false;
  bool is_preemptible = false;
  bool is_partial = false;
  bool is_reserved = false;   // Has RESERVED items.
  bool is_releasing = false;  // Its release was asked for.
  Basis basis = Basis::kBooked;
};

struct ItemRecord {
  ByteCount bytes;
  WeightedBytes weighted_bytes;  // As PoolRecord::weighted_bytes.
  uint64_t placed_sequence = 0;  // Of the command that granted it or, committed, placed it.
  Index charge = kNone;          // kNone: a free record.
  Index pool = kNone;            // Of a region; of a group only while is_reserved.
  Index next_in_charge = kNone;  // Free records: the next free one.
  Index next_in_pool = kNone;    // Older.
  Index prev_in_pool = kNone;    // Newer.
  Index measured = kNone;        // Its MeasuredRecord; kNone: never measured.
  bool is_reserved = false;
  bool is_listed = false;  // By the Reconcile of its region's session that is under way.
};

// What a node last saw an item really use. Changes no usage.
struct MeasuredRecord {
  ByteCount bytes;
  int64_t at_us = 0;
  __int128 weighted_bytes = 0;  // As PoolRecord::weighted_bytes.
  Index item = kNone;           // kNone: a free record.
  Index next = kNone;           // Free records: the next free one.
};

// A spent charge id.
struct TombstoneRecord {
  Blob id;                      // Empty: a free record.
  int64_t covers_until_us = 0;  // Covers charges with created_at up to this time.
  uint64_t serial = 0;
  Index next = kNone;  // In its queue. Free records: the next free one.
  uint32_t id_hash = 0;
  Index hash_next = kNone;
  bool is_skewed = false;  // In the queue of those whose created_at may be after their release.
};

// A node that has, or had, sessions. Stays while something must be remembered of it.
struct NodeRecord {
  uint64_t id = 0;  // The sequence of the command that made it. 0: a free record.
  Blob name;
  Blob why;                         // Of is_not_ready.
  uint64_t incarnation = 0;         // Highest of its sessions.
  uint64_t fenced_incarnation = 0;  // Sessions up to this one are fenced; 0: none.
  int64_t not_ready_since_us = 0;   // Service time.
  int64_t reconciled_at_us = 0;     // Command time of the end of its last Reconcile; 0: none.
  int64_t unheard_since_us = 0;     // Service time since which no session of it is ACTIVE.
  Index session = kNone;            // Its current one, ACTIVE or SILENT.
  Index first_region = kNone;       // In no particular order.
  uint32_t regions = 0;
  uint32_t name_hash = 0;
  Index hash_next = kNone;  // Free records: the next free one.
  bool is_not_ready = false;
  bool is_lost = false;  // Declared so by a Tick, until it is heard again.
};

// How far a session's Reconcile has come.
struct ReconcileProgress {
  uint64_t next_part = 0;  // 0: none is under way.
  uint64_t as_of = 0;
  // So far: items listed and, of these, unknown before, resized, and of another size; released.
  uint64_t listed = 0, recorded = 0, resized = 0, differing = 0, released = 0;
};

enum class SessionState : uint8_t { kActive = 0, kSilent, kClosed, kFenced, kSuperseded };

// Somebody's lease on being alive. An ended one is remembered for a while, so that late calls are
// told how it ended.
struct SessionRecord {
  uint64_t id = 0;  // The sequence of the command that opened it. 0: a free record.
  Blob owner;
  Blob node_name;  // May be empty: of a scheduler.
  Blob why;        // Of its end.
  Blob reconcile_id;
  ReconcileProgress reconcile;
  uint64_t incarnation = 0;
  uint64_t fingerprint_high = 0;  // Of all that the request to open it said.
  uint64_t fingerprint_low = 0;
  int64_t ttl_us = 0;
  int64_t opened_at_us = 0;  // Command time. The others are service time.
  int64_t heard_at_us = 0;
  int64_t ended_at_us = 0;
  Index node = kNone;     // While it is ACTIVE or SILENT.
  Index id_next = kNone;  // Free records: the next free one.
  Index fingerprint_next = kNone;
  SessionState state = SessionState::kActive;

  bool has_ended() const { return state > SessionState::kSilent; }
};

enum class ImplicitCgroups : uint8_t { kOn = 0, kBelowExplicit = 1, kOff = 2 };
// What memory that belongs to no charge does to what its region may grant.
enum class UnattributedPolicy : uint8_t { kReduce = 0, kIgnore = 1 };

// What decides outcomes and so is part of the state; set by the Configure command.
struct Settings {
  ImplicitCgroups implicit_cgroups = ImplicitCgroups::kOn;
  UnattributedPolicy unattributed = UnattributedPolicy::kReduce;
  int64_t tombstone_window_us = int64_t{10} * 60 * 1000000;
  uint64_t tombstones_max = 1000000;
  uint64_t regions_max = 100000;  // Regions and groups together.
  uint64_t cgroups_max = 1000000;
  uint64_t pools_max = 4000000;
  uint64_t charges_max = 4000000;
  uint64_t items_max = 8000000;
  uint64_t sessions_max = 100000;  // Remembered ones included; and as many nodes.
  // For how long a node is unheard of and NOT_READY before its regions are LOST.
  int64_t lost_after_us = int64_t{5} * 60 * 1000000;
  bool refuses_stale_regions = false;  // New charges in regions that are STALE.

  friend bool operator==(const Settings& a, const Settings& b) {
    return a.implicit_cgroups == b.implicit_cgroups && a.unattributed == b.unattributed &&
           a.tombstone_window_us == b.tombstone_window_us && a.tombstones_max == b.tombstones_max &&
           a.regions_max == b.regions_max && a.cgroups_max == b.cgroups_max &&
           a.pools_max == b.pools_max && a.charges_max == b.charges_max &&
           a.items_max == b.items_max && a.sessions_max == b.sessions_max &&
           a.lost_after_us == b.lost_after_us && a.refuses_stale_regions == b.refuses_stale_regions;
  }
  friend bool operator!=(const Settings& a, const Settings& b) { return !(a == b); }
};

// Everything of the state that is not a record.
struct StateScalars {
  Settings settings;
  uint64_t sequence = 0;  // Commands that changed something so far.
  // Told by the owner, another after each recovery: records lie differently then, so that what
  // points to them by index has no meaning any more. Not stored, decides nothing.
  uint64_t layout = 0;
  int64_t time_us = 0;  // Of the last of them.
  // Deadlines are kept in service time: command time less the time during which there was nobody
  // who could have listened, so that an outage extends all of them at once.
  int64_t outage_us = 0;
  int64_t ticked_at_us = 0;  // Of the last Tick, or of what made Ticks necessary.
  uint64_t next_region_id = 1;
  uint64_t next_cgroup_id = 1;
  uint64_t next_tombstone_serial = 1;
  int64_t ids_covered_since_us = 0;  // Tombstones of ids created up to here may have been dropped.
  uint64_t regions = 0;
  uint64_t groups = 0;
  uint64_t cgroups = 1;  // Root included.
  uint64_t pools = 0;
  uint64_t charges = 0;
  uint64_t items = 0;
  uint64_t tombstones = 0;
  uint64_t sessions = 0;  // Ended ones that are remembered included.
  uint64_t nodes = 0;
  uint64_t reserved_charges = 0;  // Live ones with RESERVED items.
  uint64_t releasing_charges = 0;
  uint64_t reservations_expired = 0;  // Ever.
  uint64_t releases_completed = 0;    // Charges that ended RELEASING, ever.
  uint64_t measured = 0;              // Items that were measured.
  Index first_region = kNone;         // In order of registration.
  Index last_region = kNone;
  Index first_tombstone[2] = {kNone, kNone};  // By is_skewed; oldest first.
  Index last_tombstone[2] = {kNone, kNone};
  Index free_region = kNone;
  Index free_cgroup = kNone;
  Index free_pool = kNone;
  Index free_charge = kNone;
  Index free_item = kNone;
  Index free_tombstone = kNone;
  Index free_measured = kNone;
  Index free_session = kNone;
  Index free_node = kNone;
};

// "READY", "ACTIVE" and so on.
absl::string_view NameOf(RegionState state);
absl::string_view NameOf(SessionState state);

inline constexpr Index kRootCgroup = 0;
inline constexpr int kCgroupDepthMax = 32;
// Groups above a region.
inline constexpr int kGroupDepthMax = 8;
// How far a charge's created_at may be ahead of the command's time.
inline constexpr int64_t kClockSkewMaxUs = 60 * int64_t{1000000};

// The tables. Only the Ledger changes one; everything that reads (protection, eviction, listings,
// checkpoints, the audit) works on a const State, be it the ledger's own or a snapshot.
//
// Indices are internal: they decide nothing and are not stored.
class State {
 public:
  explicit State(SnapshotEpochs* epochs);
  State(State&&) = default;

  State Frozen() const;

  // Index of the live (not GONE) region or group of that name, or of the GONE region "NAME@ID";
  // else kNone.
  Index FindRegion(absl::string_view name) const;
  // Index of the live cgroup of that path, or of the dying one "@ID"; else kNone.
  Index FindCgroup(absl::string_view path) const;
  // Index of the pool, or kNone if it has not been made.
  Index FindPool(Index cgroup, Index region) const;
  Index FindCharge(absl::string_view charge_id) const;
  Index FindTombstone(absl::string_view charge_id) const;
  Index FindNode(absl::string_view name) const;
  // The session of that id, ended or not, or kNone if there is none or it is forgotten.
  Index FindSession(uint64_t id) const;
  Index FindSession(const Hash128& fingerprint) const;

  RegionState RegionStateOf(Index region) const;
  // The group in which a region or group counts: its parent, unless it is LOST.
  Index GroupOf(Index region) const {
    return regions[region].is_lost ? kNone : regions[region].parent;
  }
  int64_t ServiceMicros(int64_t command_time_us) const {
    return command_time_us - scalars.outage_us;
  }

  // For callers that know which ids come next (see HashIndex::PrefetchBucket): first the buckets,
  // and a few lookups later the records. They change nothing, and need not be right.
  uint32_t PrefetchIdBuckets(absl::string_view charge_id) const;  // Returns the id's hash.
  void PrefetchIdRecords(uint32_t id_hash) const;

  // "/a/b", or "@ID" if dying.
  std::string CgroupName(Index cgroup) const;
  // The path that a cgroup has or, if dying, had.
  std::string CgroupPath(Index cgroup) const;
  // "NAME", or "NAME@ID" if GONE.
  std::string RegionName(Index region) const;
  // Its own or the nearest ancestor's; root: 0.
  int32_t EffectivePriority(Index cgroup) const;
  // Whether `ancestor` is a proper ancestor of `cgroup`.
  bool IsBelow(Index cgroup, Index ancestor) const;
  // The pool after `pool` in the subtree of `root` (parents before children), or kNone after the
  // last.
  Index NextInSubtree(Index pool, Index root) const;
  // Bytes × microseconds that the pool has used up to `time_us`, from when it was made.
  unsigned __int128 ByteMicroseconds(Index pool, int64_t time_us) const;
  // The same of what was measured of an item, from when it first was.
  unsigned __int128 MeasuredByteMicroseconds(Index item, int64_t time_us) const;
  // What the region's root pool grants: its grantable bytes and, if the settings say so, less by
  // the unattributed ones for which the device has no room beside them.
  ByteCount RootMax(Index region) const;
  // The same of one item, from when it was added to its pool.
  unsigned __int128 BookedByteMicroseconds(Index item, int64_t time_us) const;
  // A usage above this is OVER: the pool's max or, for the root pool of a region, what that may
  // grant.
  ByteCount OverBound(Index pool) const {
    const PoolRecord& record = pools[pool];
    return record.counter.parent == kNone ? regions[record.region].grantable : record.counter.max;
  }

  CowTable<RegionRecord> regions;
  CowTable<CgroupRecord> cgroups;
  CowTable<PoolRecord> pools;
  CowTable<ChargeRecord> charges;
  CowTable<ItemRecord> items;
  CowTable<TombstoneRecord> tombstones;
  CowTable<MeasuredRecord> measured;
  CowTable<NodeRecord> nodes;
  CowTable<SessionRecord> sessions;
  HashIndex region_names;  // Live regions and groups.
  HashIndex cgroup_paths;  // Live cgroups.
  HashIndex pool_keys;
  HashIndex charge_ids;
  HashIndex tombstone_ids;
  HashIndex node_names;
  HashIndex session_ids;
  HashIndex session_fingerprints;
  StateScalars scalars;

 private:
  struct FrozenTag {};
  State(const State& other, FrozenTag);
};

}  // namespace dmem

#endif  // CORE_STATE_H_
