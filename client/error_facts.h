// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_ERROR_FACTS_H_
#define DMEMD_CLIENT_ERROR_FACTS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace dmem::client {

// What an error of dmemd says to programs. The text is for people.
struct ErrorFacts {
  struct FieldViolation {
    std::string field;
    std::string description;
  };

  // A name of dmem.v1.ErrorReason; empty: the error is not dmemd's (the network, a proxy).
  std::string reason;
  std::map<std::string, std::string> metadata;
  std::vector<FieldViolation> field_violations;
  std::optional<absl::Duration> retry_delay;

  // metadata[key], or "" where it is absent.
  std::string Get(absl::string_view key) const;
  // metadata[key] as a number; absent where the key is, or is no decimal number below 2^64.
  std::optional<uint64_t> GetNumber(absl::string_view key) const;
};

// The facts in the payloads of `status`; none for OK.
ErrorFacts FactsOf(const absl::Status& status);

// No server answered; whether the call took effect is not known.
bool IsUnanswered(const absl::Status& status);

// Why a charge or a growth was refused, by which counter. All in bytes.
struct Refusal {
  std::string reason;  // MAX_EXCEEDED, CAPACITY, UNATTRIBUTED or COUNTER_OVERFLOW.
  std::string item;    // Index in the request of the item that was refused.
  std::string cgroup;  // That item's.
  std::string region;
  uint64_t item_bytes = 0;
  std::string counter_cgroup;  // The counter's; empty for CAPACITY and UNATTRIBUTED.
  std::string counter_region;
  uint64_t usage_bytes = 0;  // Committed, without this request.
  uint64_t max_bytes = 0;
  uint64_t requested_bytes = 0;  // What all items together ask of the counter.
  uint64_t short_bytes = 0;
  uint64_t largest_grantable_bytes = 0;  // In a single item to cgroup and region, now.
  // Where memory that belongs to no charge lowers what a region grants: what max_bytes would be
  // without, and how much that is. Else 0.
  uint64_t grantable_bytes = 0;
  uint64_t unattributed_bytes = 0;
};

// Absent: it is not a refusal by a counter.
std::optional<Refusal> RefusalOf(const ErrorFacts& facts);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_ERROR_FACTS_H_
