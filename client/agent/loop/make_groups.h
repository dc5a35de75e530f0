// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_LOOP_MAKE_GROUPS_H_
#define DMEMD_CLIENT_AGENT_LOOP_MAKE_GROUPS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/client.h"

namespace dmem::client {

// Registers those of `groups`, each of which is in the next one, that the authority does not have,
// from the outside in. One that is there stays where it is. Errors: of ListRegions and
// RegisterGroup; those made before stay.
absl::Status MakeGroups(Client* client, const std::vector<std::string>& groups);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_LOOP_MAKE_GROUPS_H_
