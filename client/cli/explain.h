// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_CLI_EXPLAIN_H_
#define DMEMD_CLIENT_CLI_EXPLAIN_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "client/error_facts.h"
#include "dmem/v1/quota_service.pb.h"

namespace dmem::client {

// Exit codes of dmemctl. 5 is kept for a command that compares.
enum ExitCode {
  kExitOk = 0,
  kExitError = 1,
  kExitUsage = 2,        // The command line is wrong; the server was not asked.
  kExitRefused = 3,      // Refused by a quota: a max, or the capacity of a device.
  kExitUnavailable = 4,  // No answer: the server is not there, is overloaded, or took too long.
};

ExitCode ExitCodeOf(const absl::Status& status);

// What to print of an error, some lines: the server's text, of a refusal every number of the
// counter that refused, and where something can be done, what to type next. `server` is the address
// asked.
std::string ExplainError(const absl::Status& status, absl::string_view server);

// Of a refusal every number of its counter, an indented line each. `is_past`: it is of some time
// ago.
std::string RefusalFields(const Refusal& refusal, bool is_past);

// The same of one that stands, and what to type next.
std::string ExplainRefusal(const Refusal& refusal);

// The error with its details as JSON, in the form of google.rpc.Status.
std::string ErrorToJson(const absl::Status& status);

// A line on a counter with an observed max that would have refused.
std::string ExplainWouldRefuse(const v1::WouldRefuse& would_refuse);

// `word` as a POSIX shell reads it back.
std::string ShellQuoted(absl::string_view word);

// Messages as JSON: names as in the proto, 64-bit numbers as decimal strings (protobuf's mapping),
// fields that are 0 or empty included. Ends with a new line.
std::string ToJson(const google::protobuf::Message& message);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_CLI_EXPLAIN_H_
