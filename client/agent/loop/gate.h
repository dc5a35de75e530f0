// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_LOOP_GATE_H_
#define DMEMD_CLIENT_AGENT_LOOP_GATE_H_

#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace dmem::client {

// A directory in which there is an empty file for each pod that may start, named by its uid. What
// starts containers (a hook of the runtime, an init container) waits for its file.
class Gate {
 public:
  // `directory` exists. Empty: there is no gate.
  explicit Gate(std::string directory) : directory_(std::move(directory)) {}

  // Makes the files of `uids`, and removes those of others that this gate made. The error of the
  // first that could not be; the others are done.
  absl::Status Set(const std::set<std::string>& uids);

 private:
  const std::string directory_;
  std::set<std::string> open_;
};

// Whether `uid` can name a file: not empty, no "/", not beginning with ".".
bool IsGateName(absl::string_view uid);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_LOOP_GATE_H_
