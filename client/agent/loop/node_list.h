// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_LOOP_NODE_LIST_H_
#define DMEMD_CLIENT_AGENT_LOOP_NODE_LIST_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/client.h"

namespace dmem::client {

// Tells the authority all that the node holds in `regions`, as seen at `as_of`, in one list of as
// many parts as it takes; adds what was different to `differences`. Errors: of Reconcile; the parts
// that were taken before stand, and nothing is released. REQUIRES: the items of a charge are
// neighbours, and no more than fit in a part (1,000); all are in `regions`, which are not empty.
absl::Status SendNodeList(Client* client, uint64_t session, uint64_t as_of,
                          const std::set<std::string>& regions,
                          const std::vector<v1::HeldItem>& items, uint64_t* differences);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_LOOP_NODE_LIST_H_
