// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_CLI_DMEMCTL_H_
#define DMEMD_CLIENT_CLI_DMEMCTL_H_

#include <string>
#include <vector>

#include "client/cli/session.h"

namespace dmem::client {

// Runs dmemctl with `arguments` (without the program's name), and returns its exit code
// (explain.h). Results go to environment.out, warnings and errors to environment.err.
int RunDmemctl(std::vector<std::string> arguments, const Environment& environment);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_CLI_DMEMCTL_H_
