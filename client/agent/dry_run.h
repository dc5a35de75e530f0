// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_DRY_RUN_H_
#define DMEMD_CLIENT_AGENT_DRY_RUN_H_

#include <string>

#include "client/agent/loop/node_watcher.h"

namespace dmem::client {

// Looks once, and says in tables what the agent would register, charge and limit. Changes nothing.
// REQUIRES: the watcher's configuration has dry_run.
std::string DryRun(NodeWatcher* watcher);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_DRY_RUN_H_
