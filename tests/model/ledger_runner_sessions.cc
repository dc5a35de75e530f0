// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The part of LedgerRunner that is about sessions, nodes and time.

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/session_views.h"
#include "core/views.h"
#include "tests/model/ledger_runner.h"

namespace dmem {
namespace model {

std::string LedgerRunner::Lease(const Command& c) {
  const absl::Time time = absl::FromUnixMicros(c.time_us);
  switch (c.kind) {
    case Kind::kOpenSession: {
      const auto result = ledger_->OpenSession(
          {time, c.owner, c.node, c.incarnation, absl::Microseconds(c.ttl_us), c.nonce});
      if (!result.ok()) return ErrorText(result.status());
      const uint64_t id = state().sessions[result->session].id;
      if (result->replayed) return absl::StrCat("OK replayed ", id);
      return absl::StrCat("OK opened ", id, " took_over=", result->took_over,
                          DroppedText(result->dropped));
    }
    case Kind::kCloseSession: {
      const absl::Status status = ledger_->CloseSession({time, c.session});
      return status.ok() ? "OK" : ErrorText(status);
    }
    case Kind::kDeclareNotReady: {
      const absl::Status status = ledger_->DeclareNotReady({time, c.node, c.flag, "why"});
      return status.ok() ? "OK" : ErrorText(status);
    }
    case Kind::kFence: {
      const auto result = ledger_->Fence({time, c.node, c.fenced_incarnation, "evidence", c.flag});
      if (!result.ok()) return ErrorText(result.status());
      return absl::StrCat("OK session=", result->session, " fenced=", result->fenced_incarnation,
                          " regions=", result->regions, DroppedText(result->dropped));
    }
    case Kind::kReportRegionState: {
      const auto result = ledger_->ReportRegionState({time, c.session, c.name, c.flag, "why"});
      return result.ok() ? "OK" : ErrorText(result.status());
    }
    case Kind::kResume:
      return ledger_->Resume({time}) ? "OK" : "OK nothing";
    default:
      break;
  }
  std::vector<Renewal> renewals;
  for (const auto& [session, age_us] : c.renewals) {
    renewals.push_back({session, absl::Microseconds(age_us)});
  }
  TickResult result = ledger_->Tick({time, renewals});
  return result.is_changed ? "OK" : "OK nothing";
}

void LookAtLeases(const State& state, View* view) {
  Index cursor = 0;
  SessionFilter all;
  all.with_ended = true;
  while (cursor != kNone) {
    for (const Index i : ListSessions(state, all, &cursor, 2)) {
      const SessionView session = ViewSession(state, i);
      view->leases.push_back(
          {absl::StrCat("session ", session.id, " ", session.owner, " of ", session.node, "/",
                        session.incarnation, " ", NameOf(session.state), " ttl=", session.ttl_us,
                        " heard=", session.heard_at_us, " ended=", session.ended_at_us)});
    }
  }
  cursor = 0;
  while (cursor != kNone) {
    for (const Index i : ListNodes(state, &cursor, 2)) {
      const NodeView node = ViewNode(state, i);
      view->leases.push_back({absl::StrCat(
          "node ", node.name, "/", node.incarnation, " fenced=", node.fenced_incarnation,
          " session=", node.session, " not_ready=", node.not_ready_since_us, " unheard=",
          node.unheard_since_us, " lost=", node.is_lost, " lost_at=", node.lost_at_us)});
    }
  }
  for (Index i = state.scalars.first_region; i != kNone; i = state.regions[i].next) {
    const RegionRecord& region = state.regions[i];
    if (region.is_group) continue;
    const std::string node =
        region.node == kNone ? "" : std::string(state.nodes[region.node].name.view());
    view->leases.push_back({absl::StrCat(
        "region ", region.id, " ", NameOf(ViewRegion(state, i).state), " of ", node, " failed=",
        region.is_failed, " lost=", region.is_lost, " unconfirmed=", region.is_unconfirmed)});
  }
  for (Index i = 0; i < state.charges.size(); ++i) {
    if (state.charges[i].id.empty()) continue;
    view->leases.push_back({absl::StrCat("charge ", state.charges[i].id.view(),
                                         " session=", ViewCharge(state, i).session)});
  }
  std::sort(view->leases.begin(), view->leases.end(),
            [](const LeaseRow& a, const LeaseRow& b) { return a.text < b.text; });
}

}  // namespace model
}  // namespace dmem
