// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/books/forced_bytes.h"

#include <algorithm>

namespace dmem::client {
namespace {

bool IsSaid(const Holding& holding) {
  return !holding.is_as_charged && !holding.is_measured_basis &&
         holding.state != HoldingState::kPending;
}

uint64_t ForcedOf(const NodeSight& sight, const Holding& holding, bool is_reservation) {
  if (holding.state == HoldingState::kPending) return 0;
  const std::optional<uint64_t> before = ChargedBefore(sight, holding);
  if (!is_reservation || !IsSaid(holding) || !before.has_value()) return holding.booked_bytes;
  return std::min(holding.booked_bytes, std::max(*before, holding.measured_bytes.value_or(0)));
}

void CapForced(const KnownItem& item, std::vector<Holding*> holders) {
  uint64_t left = item.bytes;
  for (const Holding* holding : holders) {
    if (holding->is_as_charged) left -= std::min(left, holding->measured_bytes.value_or(0));
  }
  std::stable_sort(holders.begin(), holders.end(), [](const Holding* a, const Holding* b) {
    return a->booked_bytes < b->booked_bytes;
  });
  for (Holding* holding : holders) {
    if (!IsSaid(*holding)) continue;
    const uint64_t share = std::min(holding->booked_bytes, left);
    left -= share;
    const uint64_t used = std::min(holding->booked_bytes, holding->measured_bytes.value_or(0));
    holding->forced_bytes = std::max(share, used);
  }
}

}  // namespace

std::optional<uint64_t> ChargedBefore(const NodeSight& sight, const Holding& holding) {
  if (!sight.charged_before.has_value()) return std::nullopt;
  const auto it = sight.charged_before->find({holding.pod_uid, holding.region});
  return it == sight.charged_before->end() ? std::nullopt : std::optional<uint64_t>(it->second);
}

void SetForced(const NodeSight& sight, const std::set<std::string>& reservations,
               std::vector<Holding>* holdings) {
  for (Holding& holding : *holdings)
    holding.forced_bytes = ForcedOf(sight, holding, reservations.count(holding.charge_id) > 0);
  if (sight.charged_before.has_value()) return;
  for (const KnownItem& item : sight.known) {
    if (!item.is_reserved && !item.is_measured_basis && reservations.count(item.charge_id) > 0)
      CapForced(item, HoldersOf(sight.known, item, holdings));
  }
}

}  // namespace dmem::client
