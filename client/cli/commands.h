// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_CLI_COMMANDS_H_
#define DMEMD_CLIENT_CLI_COMMANDS_H_

#include <CLI/CLI.hpp>

#include "client/cli/session.h"

namespace dmem::client {

// Each adds its commands to the parser. Parsing one leaves in `command` what to run; a command line
// that is wrong is a CLI::ParseError, before any call.
void AddGetCommands(CLI::App& app, Command& command);      // get, describe
void AddEventCommands(CLI::App& get, Command& command);    // get events
void AddRegionCommands(CLI::App& app, Command& command);   // register, unregister, cordon, uncordon
void AddSessionCommands(CLI::App& app, Command& command);  // get and describe, fence, not-ready
void AddCgroupCommands(CLI::App& app, Command& command);   // create, delete, set limits
void AddChargeCommands(CLI::App& app, Command& command);   // charge, uncharge, resize
void AddReservationCommands(CLI::App& app, Command& command);  // commit, cancel, renew, release
void AddMoveCommand(CLI::App& app, Command& command);          // move
void AddEvictCommands(CLI::App& app, Command& command);        // evict-candidates, evict-valuable
void AddHistoryCommand(CLI::App& app, Command& command);       // history
void AddWhoCommand(CLI::App& app, Command& command);           // who
void AddReportCommand(CLI::App& app, Command& command);        // report usage
void AddWhyCommand(CLI::App& app, Command& command);           // why
void AddHeadroomCommand(CLI::App& app, Command& command);      // headroom
void AddTextCommands(CLI::App& app, Command& command);         // cat, write
void AddTreeCommand(CLI::App& app, Command& command);          // tree
void AddServerCommands(CLI::App& app, Command& command);       // check, version

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_CLI_COMMANDS_H_
