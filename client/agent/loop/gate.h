// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_LOOP_GATE_H_
#define DMEMD_CLIENT_AGENT_LOOP_GATE_H_

#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace dmem::client {

// A directory in which there is an empty file for each pod that may start, named by its uid. What
// starts containers (a hook of the runtime, an init container) waits for its file. Why a pod waits
// is in a file ".UID.why".
class Gate {
 public:
  // `directory` exists. Empty: there is no gate.
  explicit Gate(std::string directory) : directory_(std::move(directory)) {}

  // Makes the files of `uids`, and those that say why `closed` (by uid) wait, and removes those of
  // others that this gate made. The error of the first that could not be; the others are done.
  absl::Status Set(const std::set<std::string>& uids,
                   const std::map<std::string, std::string>& closed);

 private:
  absl::Status Open(const std::set<std::string>& uids);
  void ForgetWhy();
  absl::Status SayWhy(const std::map<std::string, std::string>& closed);

  const std::string directory_;
  std::set<std::string> open_;
  std::map<std::string, std::string> closed_;
  bool has_forgotten_ = false;  // What an agent before said.
};

// What is said of why the pod waits; empty: nothing is.
std::string WhyClosed(const std::string& directory, absl::string_view uid);

// Whether `uid` can name a file: not empty, no "/", not beginning with ".".
bool IsGateName(absl::string_view uid);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_LOOP_GATE_H_
