// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What readers are told of sessions and nodes: names, and times of the clock on the wall.

#ifndef CORE_SESSION_VIEWS_H_
#define CORE_SESSION_VIEWS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "core/state.h"

namespace dmem {

// Times are microseconds since 1970, as if there were no outage from now on; 0: none.
struct SessionView {
  uint64_t id = 0;
  std::string owner, node;
  uint64_t incarnation = 0;
  SessionState state = SessionState::kActive;
  int64_t ttl_us = 0;
  int64_t opened_at_us = 0, heard_at_us = 0, ended_at_us = 0;
  std::string why;
};

struct NodeView {
  std::string name;
  uint64_t incarnation = 0, fenced_incarnation = 0;
  uint64_t session = 0;
  SessionState session_state = SessionState::kActive;  // Of `session`.
  int64_t not_ready_since_us = 0, unheard_since_us = 0;
  int64_t lost_at_us = 0;  // When its regions will be LOST.
  std::string not_ready_why;
  bool is_lost = false;  // Whether any of its regions is LOST.
  uint32_t regions = 0;
};

SessionView ViewSession(const State& state, Index session);
NodeView ViewNode(const State& state, Index node);

// A page of a listing, as in core/views.h.
struct SessionFilter {
  absl::string_view node;  // Empty: all.
  bool with_ended = false;
};
std::vector<Index> ListSessions(const State& state, const SessionFilter& filter, Index* cursor,
                                size_t limit);
std::vector<Index> ListNodes(const State& state, Index* cursor, size_t limit);

}  // namespace dmem

#endif  // CORE_SESSION_VIEWS_H_
