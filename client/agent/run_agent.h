// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_RUN_AGENT_H_
#define DMEMD_CLIENT_AGENT_RUN_AGENT_H_

#include "client/agent/loop/agent.h"

namespace dmem::client {

// dmem-agent's main: returns the exit code. To be called before the program has other threads.
int RunAgent(int argc, char** argv, const LinkParts& parts = {});

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_RUN_AGENT_H_
