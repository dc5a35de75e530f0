// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_FAKE_COMMAND_H_
#define DMEMD_CLIENT_AGENT_FAKE_COMMAND_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace dmem::client {

// The most that a command may print.
inline constexpr size_t kMaxCommandOutputBytes = 4 << 20;

// Runs a program, without a shell, with `input` on its standard input, and returns what it printed.
// It runs in a process group of its own; whatever is left of the group when `timeout` is over is
// killed, so the call never takes much longer.
//
// REQUIRES: `arguments` is not empty; the first is an absolute path.
// UNAVAILABLE: it could not be started, took too long, printed more than kMaxCommandOutputBytes,
// was
//   killed, or ended with another status than 0; the text has the first line of its standard error.
absl::StatusOr<std::string> RunCommand(const std::vector<std::string>& arguments,
                                       absl::string_view input, absl::Duration timeout);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_FAKE_COMMAND_H_
