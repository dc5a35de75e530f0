// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What of holdings is recorded whatever the limits say.

#ifndef DMEMD_CLIENT_AGENT_BOOKS_FORCED_BYTES_H_
#define DMEMD_CLIENT_AGENT_BOOKS_FORCED_BYTES_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "client/agent/books/node_books.h"

namespace dmem::client {

// Sets forced_bytes of each. What runs is recorded as it is booked. But under `charges` a pod that
// was charged for before has no more than that, or what it uses: its annotation may say more since.
// These are reservations, which pods may join, and charges by measure: of others the item itself
// says what there was before.
void SetForced(const NodeSight& sight, const std::set<std::string>& charges,
               std::vector<Holding>* holdings);

// NodeSight::charged_before of the holding.
std::optional<uint64_t> ChargedBefore(const NodeSight& sight, const Holding& holding);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_BOOKS_FORCED_BYTES_H_
