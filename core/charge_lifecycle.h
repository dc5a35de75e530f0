// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What few charges carry: how they were committed, and the request for their release.

#ifndef CORE_CHARGE_LIFECYCLE_H_
#define CORE_CHARGE_LIFECYCLE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace dmem {

// A commit that a charge has seen, by hashes: so that it can be sent again.
struct CommitMark {
  uint64_t id_hash = 0;
  uint64_t placements_hash = 0;
};

// Views refer to the encoded bytes.
struct ChargeLifecycle {
  std::vector<CommitMark> commits;  // Oldest first.
  int64_t release_requested_at_us = 0;
  absl::string_view release_requested_by, release_reason;

  // Null if there was no such commit.
  const CommitMark* FindCommit(uint64_t id_hash) const;
};

std::string EncodeChargeLifecycle(const ChargeLifecycle& lifecycle);
// REQUIRES: `encoded` is empty, or what EncodeChargeLifecycle made (checked by IsChargeLifecycle
// where it comes from a store).
ChargeLifecycle DecodeChargeLifecycle(absl::string_view encoded);
bool IsChargeLifecycle(absl::string_view encoded);

}  // namespace dmem

#endif  // CORE_CHARGE_LIFECYCLE_H_
