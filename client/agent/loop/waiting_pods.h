// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_LOOP_WAITING_PODS_H_
#define DMEMD_CLIENT_AGENT_LOOP_WAITING_PODS_H_

#include <functional>
#include <map>
#include <set>
#include <string>

#include "client/agent/books/node_books.h"
#include "client/agent/loop/waiting_list.h"

namespace dmem::client {

// Why a pod waits for leave to start, where it was not refused.
inline constexpr char kUnanswered[] = "UNANSWERED";  // By the authority.
// Something else failed before; or nothing says what it is to have, and others have all.
inline constexpr char kNotAsked[] = "NOT_ASKED";
inline constexpr char kNotRegistered[] = "NOT_REGISTERED";    // The region.
inline constexpr char kNotKept[] = "NOT_KEPT";                // state_dir cannot be written.
inline constexpr char kNotScanned[] = "NOT_SCANNED";          // A device.
inline constexpr char kDevicesUnknown[] = "DEVICES_UNKNOWN";  // Which ones the pod has.

struct WaitingPod {
  std::string pod;     // NAMESPACE/NAME
  std::string reason;  // The first of them: WaitingList::Refused::reason, or one of those above.
  std::string why;     // For people: all of them, and what of its annotations cannot be read.
};

// All pods that wait to start, by Pod::cgroup_uid: each that is pending and not `admitted` has a
// reason. `refused_of` is what was refused of a holding in this pass; null: nothing was.
std::map<std::string, WaitingPod> WaitingPods(
    const NodeSight& sight, const NodeBooks& books, const std::set<std::string>& admitted,
    bool is_connected,
    const std::function<const WaitingList::Refused*(const Holding&)>& refused_of);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_LOOP_WAITING_PODS_H_
