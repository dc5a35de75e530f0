// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_LOOP_GATE_H_
#define DMEMD_CLIENT_AGENT_LOOP_GATE_H_

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace dmem::client {

// What is to be said at the gate, by Pod::cgroup_uid.
struct GateState {
  std::set<std::string> open;                 // May start.
  std::map<std::string, std::string> closed;  // Wait, and why.
  // All pods of the node; absent: it is not known which there are.
  std::optional<std::set<std::string>> present;
};

// A directory in which there is a file for each pod that may start, named by its uid. What starts
// containers (a hook of the runtime, an init container) waits for its file. Why a pod waits is in a
// file ".UID.why". What is there is looked at each time, and not remembered: an agent after this
// one, and somebody who removes a file, need nothing else. One thread at a time.
class Gate {
 public:
  // Empty: there is no gate.
  explicit Gate(std::string directory) : directory_(std::move(directory)) {}

  // Makes the directory say that, and removes what an agent said of other pods. Leave to start that
  // was given once stands as long as its pod is there: then nothing is said of why it waits. Files
  // that no agent made stay. The first error; what else can be done is done. NOT_FOUND and others:
  // the directory, which is never made here, cannot be listed.
  absl::Status Set(const GateState& state);

  // To those that wait: nobody lets them in now.
  absl::Status Stop();

  // Who has a file, as of the last Set; whether this agent made it or not.
  const std::set<std::string>& opened() const { return opened_; }

 private:
  std::string Path(absl::string_view name) const;
  absl::Status List(std::set<std::string>* names) const;
  absl::Status Replace(const std::string& name, absl::string_view text) const;
  bool IsOurs(const std::string& name) const;
  absl::Status SetOpen(const GateState& state, const std::set<std::string>& names);
  absl::Status SetClosed(const std::map<std::string, std::string>& closed,
                         const std::set<std::string>& names);

  const std::string directory_;
  std::set<std::string> opened_;
  std::map<std::string, std::string> said_;  // Of why, so that it is written when it changes only.
};

// What is said of why the pod waits; empty: nothing is.
std::string WhyClosed(const std::string& directory, absl::string_view uid);

// Whether `uid` can name a file: not empty, no "/", not beginning with ".".
bool IsGateName(absl::string_view uid);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_LOOP_GATE_H_
