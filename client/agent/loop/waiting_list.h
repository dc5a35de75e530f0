// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_LOOP_WAITING_LIST_H_
#define DMEMD_CLIENT_AGENT_LOOP_WAITING_LIST_H_

#include <map>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace dmem::client {

// What asked for leave to start and was refused, from one pass to the next: the authority keeps a
// record of each refusal, so that nobody is to ask for the same in earnest again as long as the
// answer would be the same. One thread at a time.
class WaitingList {
 public:
  struct Refused {
    std::string asked;   // What was asked for, in full.
    absl::Time at;       // When it was last asked for in earnest.
    std::string reason;  // A name of dmem.v1.ErrorReason, or another one in its form.
    std::string why;     // For people.

    static Refused By(const absl::Status& status, std::string asked, absl::Time at);
  };

  // What was refused in the pass before is what counts now; what was before that waits no more.
  void BeginPass();

  // The refusal of just this in the pass before, until the next BeginPass; null: there was none.
  const Refused* Before(const std::string& key, const std::string& asked) const;

  // In this pass.
  void Add(const std::string& key, Refused refused) { now_[key] = std::move(refused); }

  // The one of this pass; null: there was none.
  const Refused* Now(const std::string& key) const;

 private:
  std::map<std::string, Refused> before_, now_;
};

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_LOOP_WAITING_LIST_H_
