// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The command by which a node says all that it holds, and its result. As core/commands.h.

#ifndef CORE_COMMANDS_RECONCILE_H_
#define CORE_COMMANDS_RECONCILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "core/byte_count.h"
#include "core/commands.h"

namespace dmem {

// What the node holds of one charge in one cgroup and region.
struct ReconcileItemSpec {
  absl::string_view cgroup;  // A path.
  absl::string_view region;
  ByteCount bytes;
  // Its charge_id. Of a charge that is not known: also created_at, owner, labels, priority,
  // preemptible and basis. The rest is not read.
  ChargeCommand charge;
};

struct ReconcileCommand {
  absl::Time time;
  uint64_t session = 0;
  absl::string_view reconcile_id;  // The same in all parts.
  uint64_t as_of = 0;              // The same in all parts.
  uint64_t part = 0;               // From 0.
  bool last = false;
  absl::string_view
      fresh_id;  // Made just now: how ids begin under which what is spent is recorded.
  absl::Span<const ReconcileItemSpec> items;  // No {charge, cgroup, region} twice.
  // That the list is of, with those of all items among them; none: all of the node's.
  absl::Span<const absl::string_view> regions;
};

struct Difference {
  enum class Kind : uint8_t {
    kRecorded = 0,       // Held and not known: recorded, with FORCE.
    kRecordedAnew = 1,   // The same under `new_id`, since its own id is spent: a leak.
    kCommitted = 2,      // Was RESERVED; HELD now.
    kResized = 3,        // Of a MEASURED charge: set to what the node holds, with FORCE.
    kSizeDiffers = 4,    // Of a BOOKED charge: left as it is.
    kCgroupDiffers = 5,  // Known in `known_cgroup`: left there.
    kReleased = 6,       // Known and not held: given back.
  };
  Kind kind = Kind::kRecorded;
  std::string charge_id, new_id;
  std::string cgroup;  // As the node says; of a released one, as known.
  std::string known_cgroup;
  std::string region;
  ByteCount known;  // Before.
  ByteCount held;
  bool charge_ended = false;
};

struct ReconcileResult {
  static constexpr size_t kListed = 2000;
  std::vector<Difference> differences;  // The first.
  uint64_t count = 0;                   // How many there were.
  std::vector<uint64_t> freed_cgroups;  // Ascending.
};

}  // namespace dmem

#endif  // CORE_COMMANDS_RECONCILE_H_
