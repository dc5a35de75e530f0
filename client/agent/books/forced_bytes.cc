// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/books/forced_bytes.h"

#include <algorithm>

namespace dmem::client {
std::optional<uint64_t> ChargedBefore(const NodeSight& sight, const Holding& holding) {
  if (!sight.charged_before.has_value()) return std::nullopt;
  const auto it = sight.charged_before->find({holding.pod_uid, holding.region});
  return it == sight.charged_before->end() ? std::nullopt : std::optional<uint64_t>(it->second);
}

void SetForced(const NodeSight& sight, const std::set<std::string>& charges,
               std::vector<Holding>* holdings) {
  for (Holding& holding : *holdings) {
    holding.forced_bytes = holding.state == HoldingState::kPending ? 0 : holding.booked_bytes;
    const std::optional<uint64_t> before = ChargedBefore(sight, holding);
    if (!before.has_value() || holding.is_as_charged || holding.is_measured_basis ||
        charges.count(holding.charge_id) == 0)
      continue;
    holding.forced_bytes =
        std::min(holding.forced_bytes, std::max(*before, holding.measured_bytes.value_or(0)));
  }
}

}  // namespace dmem::client
