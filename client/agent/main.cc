// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// dmem-agent: one on each node; docs/agent.md says what it does.

#include "client/agent/run_agent.h"

int main(int argc, char** argv) { return dmem::client::RunAgent(argc, argv); }
