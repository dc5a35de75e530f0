// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_LOOP_ADMISSIONS_H_
#define DMEMD_CLIENT_AGENT_LOOP_ADMISSIONS_H_

#include <set>
#include <string>
#include <vector>

#include "client/agent/books/node_books.h"
#include "client/agent/config/agent_config.h"

namespace dmem::client {

// Which pods may start. One thread at a time.
class Admissions {
 public:
  // A pod whose devices are known may start once all that it is to hold is held; or, where the
  // policy is to allow, while nobody can say: the authority does not answer, or the software of a
  // device never has. Who may start once may until it is gone. `known`: what the authority has.
  void Update(const NodeSight& sight, const NodeBooks& books, const std::vector<KnownItem>& known,
              bool is_connected, UnreachablePolicy policy);

  // By Pod::cgroup_uid.
  const std::set<std::string>& pods() const { return pods_; }
  // It was let in while nobody could say.
  bool IsUnheard(const std::string& uid) const { return unheard_.count(uid) > 0; }

 private:
  std::set<std::string> pods_;
  std::set<std::string> unheard_;
};

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_LOOP_ADMISSIONS_H_
