// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Commands, answers and the visible state in plain types: what the naive model and the ledger have
// in common. Includes nothing of core.

#ifndef TESTS_MODEL_COMMAND_H_
#define TESTS_MODEL_COMMAND_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace dmem {
namespace model {

inline constexpr uint64_t kUnlimitedBytes = 9223372036854775807;

enum class Kind {
  kRegister,
  kUnregister,
  kCordon,
  kRegisterGroup,
  kUnregisterGroup,
  kCharge,
  kUncharge,
  kResize,
  kSetLimits,
  kCreateCgroup,
  kDeleteCgroup,
  kConfigure,
  kCommit,
  kCancel,
  kRenew,
  kRequestRelease,
  kOpenSession,
  kCloseSession,
  kDeclareNotReady,
  kFence,
  kReportRegionState,
  kReconcile,
  kReportMeasured,
  kMoveCharge,
  kResume,
  kTick,
};

enum class ChargeMode { kStrict, kCheckOnly, kForce };

struct Item {
  std::string cgroup, region;
  uint64_t bytes = 0;
  absl::optional<uint64_t> incarnation;
  // In views.
  bool is_reserved = false;
  absl::optional<uint64_t> measured = absl::nullopt;
  int64_t measured_at_us = 0;
};

// What a node says it holds.
struct HeldItem {
  std::string charge_id, cgroup, region;
  uint64_t bytes = 0;
  int64_t created_at_us = 0;
  std::string owner;
  absl::optional<int32_t> priority;
  bool preemptible = false, is_measured = false;
};

// What a node sees in use on a device, and by an item.
struct SeenRegion {
  std::string region;
  uint64_t used = 0;
  bool items_measured = false;
};
struct SeenItem {
  std::string charge_id, cgroup, region;
  uint64_t bytes = 0;
};

struct Placement {
  std::string cgroup, reserved_in, region;
  uint64_t bytes = 0;
  absl::optional<uint64_t> incarnation;
};

struct NewSize {
  std::string charge_id, cgroup, region;
  uint64_t bytes = 0;
  absl::optional<uint64_t> expected;
};

struct LimitChange {
  std::string cgroup, region;
  absl::optional<uint64_t> min, low, max;
  absl::optional<bool> observe;
  absl::optional<uint64_t> etag;
};

// What decides outcomes. Defaults as those of the ledger.
struct Bounds {
  int implicit_cgroups = 0;  // 0 on, 1 below explicit, 2 off.
  int64_t tombstone_window_us = 600000000;
  uint64_t tombstones_max = 1000000;
  uint64_t regions_max = 100000;
  uint64_t cgroups_max = 1000000;
  uint64_t pools_max = 4000000;
  uint64_t charges_max = 4000000;
  uint64_t items_max = 8000000;
  uint64_t sessions_max = 100000;
  int64_t lost_after_us = 300000000;
  bool refuses_stale = false, ignores_unattributed = false;
};

// Any command; which fields count follows from the kind.
struct Command {
  Kind kind = Kind::kCharge;
  int64_t time_us = 0;
  // Regions, groups and cgroups.
  std::string name, parent, node;
  uint64_t capacity = 0, reserved = 0, incarnation = 0;
  absl::optional<uint64_t> grantable;
  bool flag = false;  // Cordoned; forced; APPLY.
  absl::optional<int32_t> priority;
  // Charges.
  std::string charge_id, owner;
  int64_t created_at_us = 0;
  ChargeMode mode = ChargeMode::kStrict;
  bool preemptible = false, is_measured = false;
  std::vector<Item> items;
  std::vector<std::string> charge_ids;
  int64_t ttl_us = 0;  // Of a reservation.
  std::string commit_id, reason;
  std::vector<Placement> placements;
  std::vector<NewSize> sizes;
  // Limits.
  std::vector<LimitChange> limits;
  bool validate_only = false;
  Bounds bounds;
  // Sessions: `node`, `owner`, `incarnation` and `ttl_us` count, too. `flag`: not ready; failed;
  // forget.
  uint64_t session = 0;
  std::string nonce;
  absl::optional<uint64_t> fenced_incarnation;
  std::vector<std::pair<uint64_t, int64_t>> renewals;  // Sessions, and how long ago.
  // What nodes hold: `session` counts, too. `nonce`: how ids begin under which what is spent is
  // recorded. A move is of `charge_id`, from `name` to `parent`.
  std::string list_id;
  uint64_t as_of = 0, part = 0;
  bool last = false;
  std::vector<HeldItem> held;
  std::vector<SeenRegion> seen_regions;
  std::vector<SeenItem> seen_items;

  std::string ToString() const;
};

// A counter that refused, or would have under OBSERVE.
struct Refusal {
  std::string cgroup, region;
  uint64_t item = 0;
  uint64_t usage = 0, max = 0, requested = 0, short_by = 0, largest_grantable = 0;
  std::string ToString() const;
};

// An error in the words that Model::Apply uses: its code, its reason, and of a refusal by a counter
// the numbers. `facts` is the error's metadata.
std::string ErrorAnswer(absl::string_view code, absl::string_view reason,
                        const std::map<std::string, std::string>& facts);

// One difference that a Reconcile found. `kind` as the API names it.
struct FoundDifference {
  std::string kind, charge_id, new_id, cgroup, known_cgroup, region;
  uint64_t known = 0, held = 0;
  bool charge_ended = false;
  std::string ToString() const;
};

// What is visible of the state, sorted so that equal states give equal rows.
struct RegionRow {
  uint64_t id = 0;
  std::string name;  // "NAME@ID" if GONE.
  std::string parent, node;
  bool is_group = false, is_gone = false, is_cordoned = false, grantable_is_explicit = false;
  // Of a group: sums over the regions below it that are not GONE.
  uint64_t capacity = 0, grantable = 0;
  uint64_t reserved = 0, incarnation = 0, usage = 0, over = 0, live_items = 0;
  uint64_t member_regions = 0, member_groups = 0;  // Of a group: at any depth.
  uint64_t reservations = 0;
  uint64_t device_used = 0, unattributed = 0, measured = 0, over_grant = 0;
  int64_t device_used_at_us = 0;
  std::string ToString() const;
};

struct CgroupRow {
  uint64_t id = 0, parent = 0;
  std::string name, path;  // The name is "@ID" if dying.
  bool is_implicit = false, is_dying = false, has_priority = false;
  int32_t priority = 0;
  uint64_t children = 0, live_children = 0, live_items = 0;
  std::string ToString() const;
};

struct PoolRow {
  uint64_t cgroup = 0, region = 0;
  uint64_t usage = 0, own = 0, peak = 0, min = 0, low = 0, max = kUnlimitedBytes;
  bool is_observed = false;
  uint64_t etag = 0, over = 0, refusals = 0, would_refuse = 0;
  std::string byte_seconds = "0";
  std::string ToString() const;
  // Reads as a pool that was never made does. (The max of a root pool is its region's.)
  bool is_default() const {
    return usage == 0 && own == 0 && peak == 0 && min == 0 && low == 0 && !is_observed &&
           (max == kUnlimitedBytes || cgroup == 0) && etag == 0 && refusals == 0 &&
           would_refuse == 0 && byte_seconds == "0";
  }
};

struct ChargeRow {
  std::string id;
  std::vector<Item> items;  // As they are named now.
  bool is_partial = false, has_priority = false, is_preemptible = false;
  int32_t priority = 0;  // In effect.
  int64_t created_at_us = 0, granted_at_us = 0;
  uint64_t granted_sequence = 0;
  std::string owner;
  bool is_reserved = false, is_releasing = false, is_measured = false;
  int64_t expires_at_us = 0;
  std::string release;  // When, by whom and why it was asked for.
  std::string ToString() const;
};

// A session, a node, or what these make of a region or charge.
struct LeaseRow {
  std::string text;
  std::string ToString() const { return text; }
};

struct View {
  std::vector<RegionRow> regions;      // In order of registration.
  std::vector<CgroupRow> cgroups;      // By id.
  std::vector<PoolRow> pools;          // By cgroup, then region; without defaults.
  std::vector<ChargeRow> charges;      // By id.
  std::vector<std::string> spent_ids;  // Sorted.
  std::vector<LeaseRow> leases;        // Sorted.
  uint64_t sequence = 0;
  int64_t ids_covered_since_us = 0;
};

// The first difference in words; empty if the views are equal. `with_time`: also byte_seconds,
// sequence and ids_covered_since_us, which can differ without a change.
std::string Difference(const View& expected, const View& got, bool with_time = true);

}  // namespace model
}  // namespace dmem

#endif  // TESTS_MODEL_COMMAND_H_
