// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_LOOP_POD_RESERVATIONS_H_
#define DMEMD_CLIENT_AGENT_LOOP_POD_RESERVATIONS_H_

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "client/agent/books/node_books.h"

namespace dmem::client {

// Which reservation each pod's annotation named (kChargeAnnotation), and which of them have ended.
// Once a pod is gone nothing else says whose such a charge is, so the first is kept in a file, for
// the agent after this one. One thread at a time.
class PodReservations {
 public:
  // Reads `state_dir`/reservations. What cannot be read counts for nothing, as if the file were
  // lost; status() says so.
  explicit PodReservations(const std::string& state_dir);

  // What the annotations of pods that are there name. In the file before this returns, or status()
  // says why not.
  void Remember(const std::vector<SeenPod>& pods);

  // The reservation is of no use any more to its pods that are charged to `cgroup`.
  void End(const std::string& charge_id, const std::string& cgroup) {
    ended_ids_.emplace(charge_id, cgroup);
  }

  // The charge ids that were named by pods that are not in `pods`.
  std::set<std::string> IdsOfOthers(const std::vector<SeenPod>& pods) const;

  // Forgets those of pods that are gone and of which nothing is charged. REQUIRES: every pod of the
  // node is in `pods`; and in `charged` is each of IdsOfOthers that has an item on the node, by
  // what the authority says of that charge: that it is in no list of what devices hold proves
  // nothing, as a device may be away.
  void Forget(const std::vector<SeenPod>& pods, const std::set<std::string>& charged);

  // Charge ids, by Pod::cgroup_uid.
  const std::map<std::string, std::string>& ids() const { return ids_; }
  // Charge ids and cgroups.
  const std::set<std::pair<std::string, std::string>>& ended_ids() const { return ended_ids_; }

  // Whether the file says what is known.
  const absl::Status& status() const { return status_; }

 private:
  absl::Status Read();
  void Keep();

  const std::string file_;
  std::map<std::string, std::string> ids_;
  std::set<std::pair<std::string, std::string>> ended_ids_;
  absl::Status status_;
};

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_LOOP_POD_RESERVATIONS_H_
