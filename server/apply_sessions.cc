// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Commands on sessions and nodes, and the passing of time.

#include <string>
#include <vector>

#include "core/session_views.h"
#include "core/views.h"
#include "server/apply.h"
#include "server/convert.h"
#include "server/convert_sessions.h"
#include "server/render_dropped.h"

namespace dmem::server {

namespace {

constexpr absl::Duration kDefaultTtl = absl::Seconds(60);

}  // namespace

absl::Status Apply(const CommandInput& input, const v1::OpenSessionRequest& request, Ledger* ledger,
                   v1::OpenSessionResponse* response) {
  OpenSessionCommand command;
  command.time = absl::FromUnixMicros(input.time_us);
  command.owner = request.owner();
  command.node = request.node();
  command.incarnation = request.incarnation();
  command.ttl = request.has_ttl() ? ToDuration(request.ttl()) : kDefaultTtl;
  command.nonce = request.nonce();
  const absl::StatusOr<OpenSessionResult> result = ledger->OpenSession(command);
  if (!result.ok() || response == nullptr) return result.status();
  ToProto(ViewSession(ledger->state(), result->session), response->mutable_session());
  response->set_replayed(result->replayed);
  response->set_took_over(result->took_over);
  RenderDropped(result->dropped, response);
  response->set_sequence(ledger->state().scalars.sequence);
  return absl::OkStatus();
}

absl::Status Apply(const CommandInput& input, const v1::CloseSessionRequest& request,
                   Ledger* ledger, v1::CloseSessionResponse* response) {
  absl::Status status =
      ledger->CloseSession({absl::FromUnixMicros(input.time_us), request.session()});
  if (!status.ok() || response == nullptr) return status;
  response->set_sequence(ledger->state().scalars.sequence);
  return absl::OkStatus();
}

absl::Status Apply(const CommandInput& input, const v1::DeclareNotReadyRequest& request,
                   Ledger* ledger, v1::DeclareNotReadyResponse* response) {
  absl::Status status = ledger->DeclareNotReady(
      {absl::FromUnixMicros(input.time_us), request.node(), !request.ready(), request.why()});
  if (!status.ok() || response == nullptr) return status;
  const Index node = ledger->state().FindNode(request.node());
  if (node != kNone) ToProto(ViewNode(ledger->state(), node), response->mutable_node());
  response->set_sequence(ledger->state().scalars.sequence);
  return absl::OkStatus();
}

absl::Status Apply(const CommandInput& input, const v1::FenceRequest& request, Ledger* ledger,
                   v1::FenceResponse* response) {
  FenceCommand command;
  command.time = absl::FromUnixMicros(input.time_us);
  command.node = request.node();
  if (request.incarnation() != 0) command.incarnation = request.incarnation();
  command.evidence = request.evidence();
  command.forget = request.forget();
  const absl::StatusOr<FenceResult> result = ledger->Fence(command);
  if (!result.ok() || response == nullptr) return result.status();
  response->set_session(result->session);
  response->set_fenced_incarnation(result->fenced_incarnation);
  response->set_regions(result->regions);
  RenderDropped(result->dropped, response);
  response->set_sequence(ledger->state().scalars.sequence);
  return absl::OkStatus();
}

absl::Status Apply(const CommandInput& input, const v1::ReportRegionStateRequest& request,
                   Ledger* ledger, v1::ReportRegionStateResponse* response) {
  ReportRegionStateCommand command;
  command.time = absl::FromUnixMicros(input.time_us);
  command.session = request.session();
  command.region = request.region();
  command.failed = request.failed();
  command.why = request.why();
  const absl::StatusOr<Index> region = ledger->ReportRegionState(command);
  if (!region.ok() || response == nullptr) return region.status();
  ToProto(ViewRegion(ledger->state(), *region), response->mutable_region());
  response->set_sequence(ledger->state().scalars.sequence);
  return absl::OkStatus();
}

TickResult Apply(const CommandInput& input, const store::v1::Tick& tick, Ledger* ledger) {
  std::vector<Renewal> renewals;
  renewals.reserve(tick.sessions_size());
  for (int i = 0; i < tick.sessions_size() && i < tick.ages_us_size(); ++i) {
    renewals.push_back({tick.sessions(i), absl::Microseconds(tick.ages_us(i))});
  }
  return ledger->Tick({absl::FromUnixMicros(input.time_us), renewals});
}

bool Apply(const CommandInput& input, const store::v1::Resume&, Ledger* ledger) {
  return ledger->Resume({absl::FromUnixMicros(input.time_us)});
}

}  // namespace dmem::server
