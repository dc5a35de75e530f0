// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_LOOP_ADMISSIONS_H_
#define DMEMD_CLIENT_AGENT_LOOP_ADMISSIONS_H_

#include <set>
#include <string>

#include "absl/time/time.h"
#include "client/agent/books/node_books.h"
#include "client/agent/config/agent_config.h"

namespace dmem::client {

// Which pods may start. One thread at a time.
class Admissions {
 public:
  // What is to be done while nobody can say.
  struct Policy {
    UnreachablePolicy when_unreachable = UnreachablePolicy::kAllow;
    absl::Duration grace;  // And after how long.
  };

  // A pod whose devices are known may start once all that it is to hold is held; or, where the
  // policy is to allow, once nobody has been able to say for its grace: the authority does not
  // answer, or the software of a device never has. Who may start once may until it is gone. `now`
  // only grows, whatever is done to the clock.
  void Update(const NodeSight& sight, const NodeBooks& books, bool is_connected,
              const Policy& policy, absl::Time now);

  // These, by Pod::cgroup_uid, have leave of an agent before.
  void Admit(const std::set<std::string>& uids);

  // By Pod::cgroup_uid.
  const std::set<std::string>& pods() const { return pods_; }
  // It was let in while nobody could say.
  bool IsUnheard(const std::string& uid) const { return unheard_.count(uid) > 0; }
  // NAMESPACE/NAME of those that the last Update let in so.
  const std::set<std::string>& newly_unheard() const { return newly_unheard_; }

 private:
  bool IsGraceOver(bool can_say, const Policy& policy, absl::Time now);

  std::set<std::string> pods_;
  std::set<std::string> unheard_;
  std::set<std::string> newly_unheard_;
  absl::Time silent_since_ = absl::InfiniteFuture();
};

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_LOOP_ADMISSIONS_H_
