// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/session_views.h"

#include "absl/types/optional.h"
#include "core/deadlines.h"

namespace dmem {
namespace {

int64_t WallMicros(const State& state, int64_t service_us) {
  return service_us == 0 ? 0 : service_us + state.scalars.outage_us;
}

template <typename Table, typename Matches>
std::vector<Index> ListRecords(const Table& table, Index* cursor, size_t limit,
                               const Matches& matches) {
  std::vector<Index> page;
  Index i = *cursor;
  for (; i < table.size() && page.size() < limit; ++i) {
    if (table[i].id != 0 && matches(table[i])) page.push_back(i);
  }
  *cursor = i < table.size() ? i : kNone;
  return page;
}

}  // namespace

SessionView ViewSession(const State& state, Index i) {
  const SessionRecord& session = state.sessions[i];
  SessionView view;
  view.id = session.id;
  view.owner = std::string(session.owner.view());
  view.node = std::string(session.node_name.view());
  view.incarnation = session.incarnation;
  view.state = session.state;
  view.ttl_us = session.ttl_us;
  view.opened_at_us = session.opened_at_us;
  view.heard_at_us = WallMicros(state, session.heard_at_us);
  view.ended_at_us = WallMicros(state, session.ended_at_us);
  view.why = std::string(session.why.view());
  return view;
}

NodeView ViewNode(const State& state, Index i) {
  const NodeRecord& node = state.nodes[i];
  NodeView view;
  view.name = std::string(node.name.view());
  view.incarnation = node.incarnation;
  view.fenced_incarnation = node.fenced_incarnation;
  if (node.session != kNone) {
    view.session = state.sessions[node.session].id;
    view.session_state = state.sessions[node.session].state;
  }
  view.not_ready_since_us = WallMicros(state, node.not_ready_since_us);
  view.not_ready_why = std::string(node.why.view());
  view.unheard_since_us = WallMicros(state, node.unheard_since_us);
  const absl::optional<int64_t> lost_at_us = DeadlineOfNode(state, i);
  if (lost_at_us.has_value()) view.lost_at_us = WallMicros(state, *lost_at_us);
  for (Index r = node.first_region; r != kNone && !view.is_lost;
       r = state.regions[r].next_of_node) {
    view.is_lost = state.regions[r].is_lost;
  }
  view.regions = node.regions;
  return view;
}

std::vector<Index> ListSessions(const State& state, const SessionFilter& filter, Index* cursor,
                                size_t limit) {
  return ListRecords(state.sessions, cursor, limit, [&](const SessionRecord& session) {
    return (filter.with_ended || !session.has_ended()) &&
           (filter.node.empty() || session.node_name.view() == filter.node);
  });
}

std::vector<Index> ListNodes(const State& state, Index* cursor, size_t limit) {
  return ListRecords(state.nodes, cursor, limit, [](const NodeRecord&) { return true; });
}

}  // namespace dmem
