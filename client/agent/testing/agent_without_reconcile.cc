// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// A dmem-agent that never reconciles: tests that can tell it from the real one show what Reconcile
// is for.

#include "client/agent/run_agent.h"

int main(int argc, char** argv) {
  dmem::client::LinkParts parts;
  parts.reconciles = false;
  return dmem::client::RunAgent(argc, argv, parts);
}
