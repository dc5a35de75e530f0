// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/session.h"

#include <utility>

#include "client/cli/explain.h"

namespace dmem::client {
namespace {

// With RetryPolicy's waits some two to three seconds: enough to ride over the restart of a small
// server, and little enough for somebody who waits to be told of a wrong address.
constexpr int kAttemptsMax = 6;

}  // namespace

Session::Session(const Environment& environment, GlobalFlags flags)
    : environment_(environment), flags_(std::move(flags)) {}

Client& Session::client() {
  if (client_ == nullptr) {
    RetryPolicy policy;
    policy.timeout = flags_.timeout;
    policy.attempts_max = kAttemptsMax;
    client_ =
        std::make_unique<Client>(environment_.connect(flags_.server), policy, environment_.retry);
  }
  return *client_;
}

// What watches prints as it comes, also into a pipe.
void Session::Print(absl::string_view text) { environment_.out << text << std::flush; }

void Session::PrintResult(const google::protobuf::Message& message, absl::string_view text) {
  Print(json() ? ToJson(message) : std::string(text));
}

void Session::Warn(absl::string_view text) { environment_.err << "Warning: " << text << "\n"; }

}  // namespace dmem::client
