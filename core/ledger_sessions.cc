// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The ledger's commands on sessions and nodes. Silence releases nothing: only evidence does, a
// newer incarnation or a fence.

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/encoding.h"
#include "core/errors.h"
#include "core/ledger.h"

namespace dmem {
namespace {

Hash128 Fingerprint(const OpenSessionCommand& command) {
  std::string encoded;
  Encoder encoder(&encoded);
  encoder.String(command.owner);
  encoder.String(command.node);
  encoder.Uint(command.incarnation);
  encoder.Int(absl::ToInt64Microseconds(command.ttl));
  encoder.String(command.nonce);
  return StableHash128(encoded);
}

void Merge(Dropped from, Dropped* to) {
  to->count += from.count;
  for (DroppedItem& item : from.items) {
    if (to->items.size() < Dropped::kListed) to->items.push_back(std::move(item));
  }
  to->freed_cgroups.insert(to->freed_cgroups.end(), from.freed_cgroups.begin(),
                           from.freed_cgroups.end());
  std::sort(to->freed_cgroups.begin(), to->freed_cgroups.end());
}

}  // namespace

absl::Status Ledger::SessionEndedError(Index session) const {
  const SessionRecord& record = state_.sessions[session];
  switch (record.state) {
    case SessionState::kClosed:
      return SessionClosed(record.id, record.why.view());
    case SessionState::kFenced:
      return SessionFenced(record.node_name.view(), record.incarnation, record.why.view());
    default:
      DMEM_CHECK(record.state == SessionState::kSuperseded);
      return SessionSuperseded(record.id, record.why.view());
  }
}

absl::StatusOr<Index> Ledger::CheckSession(uint64_t id) const {
  const Index session = state_.FindSession(id);
  if (session == kNone) return SessionNotFound(id);
  if (state_.sessions[session].has_ended()) return SessionEndedError(session);
  return session;
}

absl::Status Ledger::CheckOptionalSession(uint64_t id) const {
  if (id == 0) return absl::OkStatus();
  return CheckSession(id).status();
}

absl::StatusOr<Index> Ledger::FindRegionOfSession(Index session, absl::string_view name) const {
  const Index region = state_.FindRegion(name);
  if (region == kNone) return RegionNotFound(name);
  if (state_.regions[region].is_group) return RegionIsGroup(name);
  const Index node = state_.sessions[session].node;
  if (node == kNone || state_.regions[region].node != node) {
    return NodeMismatch(name, state_.sessions[session].node_name.view());
  }
  return region;
}

std::vector<Index> Ledger::RegionsOfNode(Index node) const {
  std::vector<Index> regions;
  for (Index r = state_.nodes[node].first_region; r != kNone; r = state_.regions[r].next_of_node) {
    regions.push_back(r);
  }
  std::sort(regions.begin(), regions.end(),
            [this](Index a, Index b) { return state_.regions[a].id < state_.regions[b].id; });
  return regions;
}

std::vector<Ledger::KnownState> Ledger::StatesOfNode(Index node) const {
  std::vector<KnownState> states;
  if (node == kNone || !changes_.is_kept()) return states;
  for (const Index r : RegionsOfNode(node)) {
    states.push_back({r, state_.regions[r].id, state_.RegionStateOf(r)});
  }
  return states;
}

void Ledger::TellStates(absl::Span<const KnownState> before, absl::string_view why) {
  for (const KnownState& known : before) {
    if (state_.regions[known.region].id != known.id) continue;  // It went.
    const RegionState now = state_.RegionStateOf(known.region);
    if (now == known.state) continue;
    RegionStateChanged change;
    change.region = state_.RegionName(known.region);
    change.from = std::string(NameOf(known.state));
    change.to = std::string(NameOf(now));
    change.why = std::string(why);
    change.counts_in_groups = !state_.regions[known.region].is_lost;
    changes_.Add(std::move(change));
  }
}

void Ledger::TellSession(Index i, SessionChanged::What what) {
  if (!changes_.is_kept()) return;
  const SessionRecord& session = state_.sessions[i];
  SessionChanged change;
  change.what = what;
  change.id = session.id;
  change.owner = std::string(session.owner.view());
  change.node = std::string(session.node_name.view());
  change.incarnation = session.incarnation;
  change.why = std::string(session.why.view());
  changes_.Add(std::move(change));
}

void Ledger::EndSession(Index session, SessionState how, absl::string_view why, int64_t at_us) {
  editor().EndSession(session, how, why, at_us);
  TellSession(session, how == SessionState::kClosed   ? SessionChanged::What::kClosed
                       : how == SessionState::kFenced ? SessionChanged::What::kFenced
                                                      : SessionChanged::What::kSuperseded);
}

// What the node held is gone. Its regions stay, until they are registered again; one that is GONE
// has nothing left to stay for.
Dropped Ledger::DropItemsOfNode(Index node, absl::Time time) {
  Dropped dropped;
  for (const Index region : RegionsOfNode(node)) {
    Merge(DropMemoryOf(region, time), &dropped);
    state_.regions.Mutable(region).is_unconfirmed = true;
    if (state_.regions[region].is_gone) editor().RemoveRegion(region);
  }
  return dropped;
}

absl::StatusOr<OpenSessionResult> Ledger::OpenSession(const OpenSessionCommand& command) {
  const Hash128 fingerprint = Fingerprint(command);
  OpenSessionResult result;
  result.session = state_.FindSession(fingerprint);
  if (result.session != kNone) {
    if (state_.sessions[result.session].has_ended()) return SessionEndedError(result.session);
    result.replayed = true;
    return result;
  }
  Index node = command.node.empty() ? kNone : state_.FindNode(command.node);
  if (node != kNone) {
    const NodeRecord& record = state_.nodes[node];
    if (command.incarnation <= record.fenced_incarnation) {
      return SessionFenced(command.node, command.incarnation, "the node was fenced up to it");
    }
    if (command.incarnation < record.incarnation) {
      return StaleNodeIncarnation(command.node, command.incarnation, record.incarnation);
    }
  }
  const StateScalars& s = state_.scalars;
  if (s.sessions >= s.settings.sessions_max) return TooMany("sessions", s.settings.sessions_max);
  const bool is_new_node = node == kNone && !command.node.empty();
  if (is_new_node && s.nodes >= s.settings.sessions_max) {
    return TooMany("nodes", s.settings.sessions_max);
  }

  const uint64_t id = next_sequence();
  result.session = editor().AddSession(id, fingerprint, command.owner, command.node);
  SessionRecord& session = state_.sessions.Mutable(result.session);
  session.incarnation = command.incarnation;
  session.ttl_us = absl::ToInt64Microseconds(command.ttl);
  session.opened_at_us = absl::ToUnixMicros(command.time);
  session.heard_at_us = ServiceMicros(command.time);
  if (is_new_node) node = editor().AddNode(id, command.node);
  const std::vector<KnownState> states = StatesOfNode(node);
  if (node != kNone) TakeOverNode(node, command.time, &result);
  SetHeard(result.session);
  TellSession(result.session, SessionChanged::What::kOpened);
  TellStates(states, absl::StrCat("session ", id, " was opened"));
  Commit(command.time);
  return result;
}

// Makes the session that was just added the node's.
void Ledger::TakeOverNode(Index node, absl::Time time, OpenSessionResult* result) {
  const SessionRecord& session = state_.sessions[result->session];
  const uint64_t id = session.id, incarnation = session.incarnation;
  const Index old = state_.nodes[node].session;
  const bool is_newer = incarnation > state_.nodes[node].incarnation;
  if (old != kNone) {
    result->took_over = state_.sessions[old].id;
    EndSession(old, is_newer ? SessionState::kFenced : SessionState::kSuperseded,
               is_newer
                   ? absl::StrCat("incarnation ", incarnation, " of the node opened session ", id)
                   : absl::StrCat("session ", id, " took over"),
               ServiceMicros(time));
  }
  state_.sessions.Mutable(result->session).node = node;
  NodeRecord& record = state_.nodes.Mutable(node);
  record.session = result->session;
  record.incarnation = incarnation;
  // The regions of the same incarnation follow the node: none leaves READY for that.
  changes_.SetCause(Cause::kNewerIncarnation);
  if (is_newer) result->dropped = DropItemsOfNode(node, time);
}

void Ledger::SetHeard(Index session) {
  state_.sessions.Mutable(session).state = SessionState::kActive;
  const Index node = state_.sessions[session].node;
  if (node == kNone) return editor().UpdateDeadlineOfSession(session);
  NodeRecord& record = state_.nodes.Mutable(node);
  record.unheard_since_us = 0;
  record.is_lost = false;
  editor().UpdateDeadlinesOfNode(node);
}

absl::Status Ledger::CloseSession(const CloseSessionCommand& command) {
  const Index session = state_.FindSession(command.session);
  if (session == kNone) return SessionNotFound(command.session);
  if (state_.sessions[session].state == SessionState::kClosed) return absl::OkStatus();
  if (state_.sessions[session].has_ended()) return SessionEndedError(session);
  const Index node = state_.sessions[session].node;
  CancelReservationsOf(command.session, command.time);
  const std::vector<KnownState> states = StatesOfNode(node);
  EndSession(session, SessionState::kClosed, "its owner closed it", ServiceMicros(command.time));
  TellStates(states, absl::StrCat("session ", command.session, " was closed"));
  if (node != kNone) editor().CollectNode(node);
  Commit(command.time);
  return absl::OkStatus();
}

absl::Status Ledger::DeclareNotReady(const DeclareNotReadyCommand& command) {
  const Index node = state_.FindNode(command.node);
  if (node == kNone) return NodeNotFound(command.node);
  if (state_.nodes[node].is_not_ready == command.not_ready) return absl::OkStatus();
  editor().SetNotReady(node, command.not_ready, command.not_ready ? command.why : "",
                       ServiceMicros(command.time));
  changes_.Add(
      NodeReadinessChanged{std::string(command.node), command.not_ready, std::string(command.why)});
  editor().CollectNode(node);
  Commit(command.time);
  return absl::OkStatus();
}

absl::StatusOr<FenceResult> Ledger::Fence(const FenceCommand& command) {
  const Index node = state_.FindNode(command.node);
  if (node == kNone) return NodeNotFound(command.node);
  const NodeRecord& record = state_.nodes[node];
  FenceResult result;
  const uint64_t incarnation = command.incarnation.value_or(record.incarnation);
  if (incarnation < record.incarnation) {
    // The node is back already, and what the older one held was dropped then.
    if (command.forget) return StaleNodeIncarnation(command.node, incarnation, record.incarnation);
    result.fenced_incarnation = record.fenced_incarnation;
    return result;
  }
  const bool was_fenced = record.session == kNone && record.fenced_incarnation >= incarnation;
  if (was_fenced && !command.forget) {
    result.fenced_incarnation = record.fenced_incarnation;
    result.regions = record.regions;
    return result;
  }
  const std::vector<KnownState> states = StatesOfNode(node);
  if (record.session != kNone) {
    result.session = state_.sessions[record.session].id;
    EndSession(record.session, SessionState::kFenced, command.evidence,
               ServiceMicros(command.time));
  }
  // Never below what an earlier fence said.
  result.fenced_incarnation = std::max(incarnation, state_.nodes[node].fenced_incarnation);
  state_.nodes.Mutable(node).fenced_incarnation = result.fenced_incarnation;
  changes_.SetCause(Cause::kFence);
  result.dropped = DropItemsOfNode(node, command.time);
  const std::vector<Index> regions = RegionsOfNode(node);
  result.regions = regions.size();
  if (command.forget) {
    for (const Index region : regions) editor().RemoveRegion(region);
    editor().RemoveNode(node);
  } else {
    for (const Index region : regions) {
      editor().DetachRegion(region, absl::ToUnixMicros(command.time));
    }
    state_.nodes.Mutable(node).is_lost = true;
    editor().UpdateDeadlinesOfNode(node);
    TellStates(states, command.evidence);
  }
  Commit(command.time);
  return result;
}

absl::StatusOr<Index> Ledger::ReportRegionState(const ReportRegionStateCommand& command) {
  const absl::StatusOr<Index> session = CheckSession(command.session);
  if (!session.ok()) return session.status();
  absl::StatusOr<Index> region = FindRegionOfSession(*session, command.region);
  if (!region.ok()) return region.status();
  const RegionRecord& record = state_.regions[*region];
  const absl::string_view why = command.failed ? command.why : "";
  if (record.is_failed == command.failed && record.failure.view() == why) return region;
  const KnownState before{*region, record.id, state_.RegionStateOf(*region)};
  editor().SetFailed(*region, command.failed, why);
  TellStates(absl::MakeConstSpan(&before, 1), command.why);
  Commit(command.time);
  return region;
}

// Nobody is there any more who could commit what the session has RESERVED.
void Ledger::CancelReservationsOf(uint64_t session, absl::Time time) {
  std::vector<Index> charges;
  deadlines_.ForEach([&](const Deadline& deadline) {
    if (deadline.kind == DeadlineKind::kReservation &&
        state_.charges[deadline.record].session == session) {
      charges.push_back(deadline.record);
    }
  });
  std::vector<uint64_t> freed_cgroups;
  changes_.SetCause(Cause::kCancel);
  for (const Index charge : charges) {
    GiveBackReserved(charge, absl::ToUnixMicros(time), &freed_cgroups);
  }
}

// ---- Time ----

// A Tick is expected each second. What is missing beyond this nobody could have been heard in: the
// process stood still.
constexpr int64_t kTickGapMaxUs = 5 * int64_t{1000000};
// Things that come due in one Tick, so that no command takes long.
constexpr int64_t kDueMax = 1000;

bool Ledger::Resume(const ResumeCommand& command) {
  if (deadlines_.empty()) return false;
  StateScalars& s = state_.scalars;
  const int64_t time_us = absl::ToUnixMicros(command.time);
  s.outage_us += time_us - s.time_us;
  s.ticked_at_us = time_us;
  Commit(command.time);
  return true;
}

TickResult Ledger::Tick(const TickCommand& command) {
  TickResult result;
  const bool was_idle = deadlines_.empty();
  if (was_idle && command.renewals.empty()) return result;
  StateScalars& s = state_.scalars;
  const int64_t time_us = absl::ToUnixMicros(command.time);
  const int64_t last_us = was_idle ? time_us : s.ticked_at_us;
  const int64_t heard_since_us = state_.ServiceMicros(last_us);
  s.outage_us += std::max<int64_t>(0, time_us - last_us - kTickGapMaxUs);
  s.ticked_at_us = time_us;
  const int64_t now_us = state_.ServiceMicros(time_us);
  for (const Renewal& renewal : command.renewals) {
    const Index session = state_.FindSession(renewal.session);
    if (session == kNone || state_.sessions[session].has_ended()) continue;
    // What was not in the Tick before was heard after it.
    const int64_t heard_us =
        std::min(now_us, std::max(heard_since_us, now_us - absl::ToInt64Microseconds(renewal.age)));
    if (heard_us < state_.sessions[session].heard_at_us) continue;
    state_.sessions.Mutable(session).heard_at_us = heard_us;
    const bool was_silent = state_.sessions[session].state == SessionState::kSilent;
    const std::vector<KnownState> states =
        was_silent ? StatesOfNode(state_.sessions[session].node) : std::vector<KnownState>();
    SetHeard(session);
    if (!was_silent) continue;
    TellSession(session, SessionChanged::What::kRenewedLate);
    TellStates(states, "its agent was heard again");
  }
  int64_t left = kDueMax;
  while (left > 0 && !deadlines_.empty() && deadlines_.first().at_us <= now_us) {
    left -= Expire(Deadline(deadlines_.first()), command.time);
  }
  result.is_changed = true;
  result.has_more = !deadlines_.empty() && deadlines_.first().at_us <= now_us;
  Commit(command.time);
  return result;
}

// Returns how much there was to do.
int64_t Ledger::Expire(const Deadline& due, absl::Time time) {
  switch (due.kind) {
    case DeadlineKind::kSession:
      ExpireSession(due);
      return 1;
    case DeadlineKind::kNode:
      return LoseRegionsOf(due.record, time);
    case DeadlineKind::kReservation: {
      const int64_t items = state_.charges[due.record].items_granted;
      std::vector<uint64_t> freed;
      changes_.SetCause(Cause::kExpiry);
      ++state_.scalars.reservations_expired;
      GiveBackReserved(due.record, absl::ToUnixMicros(time), &freed);
      return std::max<int64_t>(items, 1);
    }
  }
  return 1;
}

void Ledger::ExpireSession(const Deadline& due) {
  SessionRecord& session = state_.sessions.Mutable(due.record);
  if (session.has_ended()) {
    TellSession(due.record, SessionChanged::What::kForgotten);
    return editor().RemoveSession(due.record);
  }
  const Index node = session.node;
  if (session.state == SessionState::kSilent) {
    EndSession(due.record, SessionState::kClosed, "it fell silent and held no region", due.at_us);
    if (node != kNone) editor().CollectNode(node);
    return;
  }
  const std::vector<KnownState> states = StatesOfNode(node);
  session.state = SessionState::kSilent;
  TellSession(due.record, SessionChanged::What::kSilent);
  if (node == kNone) return editor().UpdateDeadlineOfSession(due.record);
  state_.nodes.Mutable(node).unheard_since_us = due.at_us;
  editor().UpdateDeadlinesOfNode(node);
  TellStates(states, "its agent fell silent");
}

int64_t Ledger::LoseRegionsOf(Index node, absl::Time time) {
  const std::vector<Index> regions = RegionsOfNode(node);
  const std::vector<KnownState> states = StatesOfNode(node);
  for (const Index region : regions) editor().DetachRegion(region, absl::ToUnixMicros(time));
  state_.nodes.Mutable(node).is_lost = true;
  editor().UpdateDeadlinesOfNode(node);
  TellStates(states, "its node is NOT_READY and unheard of");
  return static_cast<int64_t>(regions.size());
}

}  // namespace dmem
