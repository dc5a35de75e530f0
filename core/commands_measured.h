// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Commands on what nodes really hold: measured bytes, and a charge's place in the tenant tree. As
// core/commands.h.

#ifndef CORE_COMMANDS_MEASURED_H_
#define CORE_COMMANDS_MEASURED_H_

#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "core/byte_count.h"
#include "core/state.h"

namespace dmem {

struct MeasuredRegionSpec {
  absl::string_view region;
  ByteCount used;  // All that is in use on the device, the driver's own included.
  // The node tells every item's bytes apart, so that one never measured holds nothing. Else such an
  // item counts with its booked bytes.
  bool items_measured = false;
};

struct MeasuredItemSpec {
  absl::string_view charge_id;
  absl::string_view cgroup;
  absl::string_view region;
  ByteCount bytes;
};

struct ReportMeasuredCommand {
  absl::Time time;
  uint64_t session = 0;                          // 0: none. Else only its node's regions are meant.
  absl::Span<const MeasuredRegionSpec> regions;  // Each region once.
  absl::Span<const MeasuredItemSpec> items;      // No {charge, cgroup, region} twice.
};

struct ReportMeasuredResult {
  std::vector<uint32_t> unknown_items;  // Indices of items that no charge has.
};

struct MoveChargeCommand {
  absl::Time time;
  uint64_t session = 0;  // 0: none. Else only items in its node's regions are moved.
  absl::string_view charge_id;
  absl::string_view from;  // Cgroup.
  absl::string_view to;    // Another one.
};

struct MoveChargeResult {
  Index charge = kNone;
  uint64_t moved_items = 0;
  std::vector<uint64_t> freed_cgroups;  // Ascending.
};

}  // namespace dmem

#endif  // CORE_COMMANDS_MEASURED_H_
