// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Commands on reservations and on the release of charges, and their results. What holds for
// commands (core/commands.h) holds here too.

#ifndef CORE_COMMANDS_RESERVATIONS_H_
#define CORE_COMMANDS_RESERVATIONS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "core/byte_count.h"
#include "core/commands.h"

namespace dmem {

// Bounds on what one charge may gather by being committed in parts.
inline constexpr size_t kItemsOfChargeMax = 1000;
inline constexpr size_t kCommitsOfChargeMax = 64;

struct PlacementSpec {
  absl::string_view cgroup;
  // The region or group of the reserved item. Empty: the item on `region` itself or else on the
  // nearest group above it.
  absl::string_view reserved_in;
  absl::string_view region;
  ByteCount bytes;
  absl::optional<uint64_t> region_incarnation;
};

struct CommitReservationCommand {
  absl::Time time;
  absl::string_view charge_id;
  absl::string_view commit_id;
  // No {cgroup, reserved_in, region} twice. None: every reserved item that names a region, whole.
  absl::Span<const PlacementSpec> placements;
  uint64_t session = 0;  // Of the caller; 0: none.
};

struct CancelReservationCommand {
  absl::Time time;
  absl::string_view charge_id;
};

struct RenewReservationCommand {
  absl::Time time;
  absl::string_view charge_id;
  absl::Duration ttl;  // From `time`.
};

struct RequestReleaseCommand {
  absl::Time time;
  absl::Span<const absl::string_view> charge_ids;  // Each once.
  absl::string_view requested_by;
  absl::string_view reason;
};

// Gives back what a RELEASING charge has in the regions of the session's node.
struct UnchargeItemsCommand {
  absl::Time time;
  uint64_t session = 0;
  absl::string_view charge_id;
  absl::string_view evidence;  // Not empty.
  absl::Span<const absl::string_view>
      regions;  // Only what is in these; none: in all of the node's.
};

// ---- Results ----

struct CommitReservationResult {
  Index charge = kNone;
  bool replayed = false;
  ByteCount placed;      // HELD by this command.
  ByteCount given_back;  // Of region items of which less was committed than reserved.
  std::vector<CounterRefusal> would_refuse;
};

enum class CancelOutcome : uint8_t {
  kCancelled = 0,
  kNothingReserved = 1,  // A live charge, all of it HELD.
  kAlready = 2,          // The id is spent.
  kNeverSeen = 3,        // It is spent now.
};

struct CancelReservationResult {
  CancelOutcome outcome = CancelOutcome::kCancelled;
  Index charge = kNone;  // kNone: nothing of it is left.
  ByteCount cancelled;
  std::vector<uint64_t> freed_cgroups;  // Ascending.
};

enum class ReleaseOutcome : uint8_t {
  kRequested = 0,
  kRequestedBefore = 1,  // Who asked first, and why, stays.
  kAlreadyReleased = 2,  // The id is spent.
};

struct RequestReleaseResult {
  std::vector<ReleaseOutcome> outcomes;  // In the command's order.
};

struct UnchargeItemsResult {
  Index charge = kNone;  // kNone: nothing of it is left.
  uint64_t items = 0;    // That were given back.
  ByteCount bytes;
  std::vector<uint64_t> freed_cgroups;  // Ascending.
};

}  // namespace dmem

#endif  // CORE_COMMANDS_RESERVATIONS_H_
