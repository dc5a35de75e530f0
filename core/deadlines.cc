// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/deadlines.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace dmem {

absl::optional<int64_t> DeadlineOfSession(const State& state, Index i) {
  const SessionRecord& session = state.sessions[i];
  const Settings& settings = state.scalars.settings;
  if (session.has_ended()) return session.ended_at_us + settings.tombstone_window_us;
  const int64_t silent_at_us = session.heard_at_us + session.ttl_us;
  if (session.state == SessionState::kActive) return silent_at_us;
  // Silence alone is no reason to give up what answers for regions.
  if (session.node != kNone && state.nodes[session.node].regions > 0) return absl::nullopt;
  return silent_at_us + settings.lost_after_us;
}

absl::optional<int64_t> DeadlineOfNode(const State& state, Index i) {
  const NodeRecord& node = state.nodes[i];
  const bool is_heard =
      node.session != kNone && state.sessions[node.session].state == SessionState::kActive;
  if (!node.is_not_ready || is_heard || node.is_lost || node.regions == 0) return absl::nullopt;
  return std::max(node.not_ready_since_us, node.unheard_since_us) +
         state.scalars.settings.lost_after_us;
}

absl::optional<int64_t> DeadlineOfCharge(const State& state, Index i) {
  const ChargeRecord& charge = state.charges[i];
  if (!charge.is_reserved) return absl::nullopt;
  return charge.expires_at_us;
}

void Deadlines::Set(DeadlineKind kind, uint64_t id, Index record, absl::optional<int64_t> at_us) {
  const auto key = std::make_pair(kind, id);
  const auto it = at_us_.find(key);
  if (it != at_us_.end()) {
    if (at_us == it->second) return;
    in_order_.erase(Deadline{it->second, kind, id, record});
    if (!at_us.has_value()) at_us_.erase(it);
  }
  if (!at_us.has_value()) return;
  at_us_[key] = *at_us;
  in_order_.insert(Deadline{*at_us, kind, id, record});
}

Deadlines Deadlines::Of(const State& state) {
  Deadlines deadlines;
  for (Index i = 0; i < state.sessions.size(); ++i) {
    const uint64_t id = state.sessions[i].id;
    if (id != 0) deadlines.Set(DeadlineKind::kSession, id, i, DeadlineOfSession(state, i));
  }
  for (Index i = 0; i < state.nodes.size(); ++i) {
    const uint64_t id = state.nodes[i].id;
    if (id != 0) deadlines.Set(DeadlineKind::kNode, id, i, DeadlineOfNode(state, i));
  }
  if (state.scalars.reserved_charges == 0) return deadlines;
  for (Index i = 0; i < state.charges.size(); ++i) {
    if (state.charges[i].id.empty()) continue;
    deadlines.Set(DeadlineKind::kReservation, state.charges[i].granted_sequence, i,
                  DeadlineOfCharge(state, i));
  }
  return deadlines;
}

std::vector<std::string> Deadlines::Check(const State& state) const {
  std::vector<std::string> differences;
  const auto say = [&](const Deadline& deadline, absl::string_view what) {
    differences.push_back(absl::StrCat("I11: the deadline of ", static_cast<int>(deadline.kind),
                                       "/", deadline.id, " at ", deadline.at_us, what));
  };
  const Deadlines expected = Of(state);
  for (const Deadline& deadline : expected.in_order_) {
    const auto it = in_order_.find(deadline);
    if (it == in_order_.end() || !(*it == deadline)) say(deadline, " is missing");
  }
  for (const Deadline& deadline : in_order_) {
    if (expected.in_order_.count(deadline) == 0) say(deadline, " is of nothing");
  }
  if (at_us_.size() != in_order_.size()) {
    differences.push_back("I11: deadlines are counted wrong");
  }
  return differences;
}

}  // namespace dmem
