// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/wait_at_gate.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "client/agent/loop/gate.h"

namespace dmem::client {
namespace {

constexpr absl::Duration kLookAgainAfter = absl::Milliseconds(100);
constexpr absl::Duration kSayWhyAgainAfter = absl::Seconds(30);

std::string WhyNothingIsSaid(const std::string& directory) {
  if (access(directory.c_str(), X_OK) == 0)
    return "dmem-agent says nothing of it (does it run on this node, with this gate_dir?)";
  return absl::StrCat(directory, ": ", std::strerror(errno),
                      " (is the agent's gate_dir mounted there?)");
}

}  // namespace

absl::Status WaitAtGate(const GateWait& wait) {
  if (!IsGateName(wait.uid))
    return absl::InvalidArgumentError(absl::StrCat("not a pod's uid: ", wait.uid));
  const std::string path = absl::StrCat(wait.directory, "/", wait.uid);
  const absl::Time deadline = wait.now() + wait.timeout;
  std::string said;
  absl::Time said_at = absl::InfinitePast();
  while (access(path.c_str(), F_OK) != 0) {
    const std::string why = WhyClosed(wait.directory, wait.uid);
    const absl::Time now = wait.now();
    if (now >= deadline) {
      return absl::DeadlineExceededError(absl::StrCat(
          "pod ", wait.uid,
          " may not start yet: ", why.empty() ? WhyNothingIsSaid(wait.directory) : why));
    }
    if (!why.empty() && why != said && now - said_at >= kSayWhyAgainAfter) {
      wait.say(absl::StrCat("pod ", wait.uid, " waits for memory: ", why));
      said = why;
      said_at = now;
    }
    wait.pause(kLookAgainAfter);
  }
  return absl::OkStatus();
}

}  // namespace dmem::client
