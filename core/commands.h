// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Commands of the ledger and their results, as plain structs.

#ifndef CORE_COMMANDS_H_
#define CORE_COMMANDS_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "core/byte_count.h"
#include "core/state.h"

namespace dmem {

// Commands refer to their strings and lists; these must live until the call returns. Names, counts
// and ranges are valid already (core/names.h has the rules): the ledger decides only what depends
// on the state. `time` is the command's time: never before that of an earlier command.

enum class Mode : uint8_t { kStrict = 0, kCheckOnly = 1, kForce = 2 };

struct RegisterCommand {
  absl::Time time;
  absl::string_view name;
  ByteCount capacity;                   // > 0.
  ByteCount reserved;                   // <= capacity.
  absl::optional<ByteCount> grantable;  // Absent: capacity - reserved.
  absl::string_view node, model, uuid, pci;
  absl::string_view parent;  // Empty: none.
  uint64_t incarnation = 0;
  bool keep_policy = false;  // Of a region that exists: parent and explicit grantable stay.
  bool cordoned = false;     // Read on creation only.
  uint64_t session = 0;      // Whose node answers for the region from now on. 0: as it is.
};

struct UnregisterCommand {
  absl::Time time;
  absl::string_view name;
  bool force = false;
};

struct CordonCommand {
  absl::Time time;
  absl::string_view name;
  bool cordoned = true;
};

struct RegisterGroupCommand {
  absl::Time time;
  absl::string_view name;
  absl::string_view parent;
};

struct UnregisterGroupCommand {
  absl::Time time;
  absl::string_view name;
};

struct ChargeItemSpec {
  absl::string_view cgroup;
  absl::string_view region;
  ByteCount bytes;
  absl::optional<uint64_t> region_incarnation;
};

using Label = std::pair<absl::string_view, absl::string_view>;

struct ChargeCommand {
  absl::Time time;
  absl::string_view charge_id;
  absl::Time created_at;
  bool is_fresh_id = false;  // Made by the server just now, so that nobody can have sent it before.
  absl::Span<const ChargeItemSpec> items;  // No {cgroup, region} twice.
  Mode mode = Mode::kStrict;
  absl::string_view owner_kind, owner_namespace, owner_name, owner_uid, owner_container;
  absl::Span<const Label> labels;  // Ascending by key, each key once.
  absl::optional<int32_t> priority;
  bool preemptible = false;
  absl::Duration ttl;    // Above zero: a reservation, whose items may name groups.
  uint64_t session = 0;  // No part of what makes two requests the same.
  Basis basis = Basis::kBooked;
};

struct UnchargeCommand {
  absl::Time time;
  absl::Span<const absl::string_view> charge_ids;  // Each once.
  uint64_t session = 0;
  // Of charges that are RELEASING: why their memory is known to be free.
  absl::string_view evidence = {};
};

struct ResizeItemSpec {
  absl::string_view charge_id;
  absl::string_view cgroup;
  absl::string_view region;
  ByteCount bytes;
  absl::optional<ByteCount> expected;
};

struct ResizeCommand {
  absl::Time time;
  absl::Span<const ResizeItemSpec> items;  // No {charge, cgroup, region} twice.
  Mode mode = Mode::kStrict;
  uint64_t session = 0;
};

struct LimitsUpdate {
  absl::string_view cgroup;  // Never "/".
  absl::string_view region;
  absl::optional<ByteCount> min, low, max;
  absl::optional<bool> observe;
  absl::optional<uint64_t> etag;
};

struct SetLimitsCommand {
  absl::Time time;
  absl::Span<const LimitsUpdate> updates;  // No {cgroup, region} twice.
  bool apply_below_usage = false;          // Else such a max is refused.
  bool validate_only = false;
};

struct CreateCgroupCommand {
  absl::Time time;
  absl::string_view path;
  absl::optional<int32_t> priority;
};

struct DeleteCgroupCommand {
  absl::Time time;
  absl::string_view path;  // Never "/".
};

// Sets what decides outcomes. Given at start when the configuration differs from the state's.
struct ConfigureCommand {
  absl::Time time;
  Settings settings;
};

// ---- Results ----

struct DroppedItem {
  std::string charge_id, cgroup, region;
  ByteCount bytes;
  bool charge_ended = false;
};

// The first of the dropped items, and how many there were.
struct Dropped {
  static constexpr size_t kListed = 1000;
  std::vector<DroppedItem> items;
  uint64_t count = 0;
  std::vector<uint64_t> freed_cgroups;  // Ids of dying cgroups that ended with them, ascending.
};

struct RegisterResult {
  Index region = kNone;
  bool created = false;
  Dropped dropped;
};

struct UnregisterResult {
  uint64_t id = 0;
  bool removed = false;
  Dropped dropped;
};

// A counter that refused, or under OBSERVE would have.
struct CounterRefusal {
  std::string cgroup;  // Of the counter.
  std::string region;
  uint32_t item = 0;  // Index in the command.
  ByteCount usage;    // Before the command.
  ByteCount max;
  ByteCount requested;  // What all the command's items ask of the counter together.
  ByteCount short_by;
  ByteCount largest_grantable;
  // Of a region that grants less because memory in use on the device belongs to no charge: what max
  // would be without, and how much that is. Else 0.
  ByteCount grantable;
  ByteCount unattributed;
};

// How many counters of would_refuse are listed; all count. So an answer stays bounded.
inline constexpr size_t kWouldRefuseListed = 1000;

struct ChargeResult {
  Index charge = kNone;  // kNone if only checked.
  bool replayed = false;
  std::vector<CounterRefusal> would_refuse;
};

enum class UnchargeOutcome : uint8_t { kReleased = 0, kAlready = 1, kNeverSeen = 2 };

struct UnchargeResult {
  std::vector<UnchargeOutcome> outcomes;  // In the command's order.
  std::vector<uint64_t> freed_cgroups;    // Ascending.
};

struct ResizeResult {
  std::vector<Index> charges;  // Each once, in order of first mention.
  std::vector<CounterRefusal> would_refuse;
};

// Limits of a pool as they are, or would be, after SetLimits.
struct LimitsResult {
  std::string cgroup, region;
  Index pool = kNone;  // kNone: validated only, or never made because all stayed default.
  ByteCount usage, min, low, max;
  bool observed = false;
  uint64_t etag = 0;
};

struct SetLimitsResult {
  std::vector<LimitsResult> limits;  // In the command's order.
};

struct CreateCgroupResult {
  Index cgroup = kNone;
};

struct DeleteCgroupResult {
  uint64_t id = 0;
  bool dying = false;
};

}  // namespace dmem

#endif  // CORE_COMMANDS_H_
