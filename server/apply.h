// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Requests as commands of the ledger: the same for what comes over the wire and for what the store
// gives back at a start.

#ifndef SERVER_APPLY_H_
#define SERVER_APPLY_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "core/ledger.h"
#include "dmem/store/v1/record.pb.h"
#include "dmem/v1/quota_service.pb.h"

namespace dmem::server {

// The actor of what the server does by itself.
inline constexpr char kServerActor[] = "dmemd";

// What the server adds to a request; recorded with it.
struct CommandInput {
  int64_t time_us = 0;
  std::string generated_charge_id;  // Of a charge without an id; of Reconcile, how new ids begin.
  std::string actor;                // Of events; decides nothing.
};

// Each applies the request and, if `response` is not null, renders the answer as of this command.
// REQUIRES: Validate(request) is OK. Errors: those of the RPC, after its INVALID_ARGUMENTs.
absl::Status Apply(const CommandInput& input, const v1::RegisterRequest& request, Ledger* ledger,
                   v1::RegisterResponse* response);
absl::Status Apply(const CommandInput& input, const v1::UnregisterRequest& request, Ledger* ledger,
                   v1::UnregisterResponse* response);
absl::Status Apply(const CommandInput& input, const v1::CordonRequest& request, Ledger* ledger,
                   v1::CordonResponse* response);
absl::Status Apply(const CommandInput& input, const v1::RegisterGroupRequest& request,
                   Ledger* ledger, v1::RegisterGroupResponse* response);
absl::Status Apply(const CommandInput& input, const v1::UnregisterGroupRequest& request,
                   Ledger* ledger, v1::UnregisterGroupResponse* response);
absl::Status Apply(const CommandInput& input, const v1::ChargeRequest& request, Ledger* ledger,
                   v1::ChargeResponse* response);
// A charge of a BatchCharge. Its error is not rendered.
absl::Status Apply(const CommandInput& input, const v1::ChargeRequest& request, Ledger* ledger,
                   v1::BatchChargeResult* result);
absl::Status Apply(const CommandInput& input, const v1::UnchargeRequest& request, Ledger* ledger,
                   v1::UnchargeResponse* response);
absl::Status Apply(const CommandInput& input, const v1::ResizeRequest& request, Ledger* ledger,
                   v1::ResizeResponse* response);
absl::Status Apply(const CommandInput& input, const v1::CommitRequest& request, Ledger* ledger,
                   v1::CommitResponse* response);
absl::Status Apply(const CommandInput& input, const v1::CancelRequest& request, Ledger* ledger,
                   v1::CancelResponse* response);
absl::Status Apply(const CommandInput& input, const v1::RenewRequest& request, Ledger* ledger,
                   v1::RenewResponse* response);
absl::Status Apply(const CommandInput& input, const v1::RequestReleaseRequest& request,
                   Ledger* ledger, v1::RequestReleaseResponse* response);
absl::Status Apply(const CommandInput& input, const v1::UnchargeItemsRequest& request,
                   Ledger* ledger, v1::UnchargeItemsResponse* response);
absl::Status Apply(const CommandInput& input, const v1::ReconcileRequest& request, Ledger* ledger,
                   v1::ReconcileResponse* response);
absl::Status Apply(const CommandInput& input, const v1::ReportMeasuredRequest& request,
                   Ledger* ledger, v1::ReportMeasuredResponse* response);
absl::Status Apply(const CommandInput& input, const v1::MoveChargeRequest& request, Ledger* ledger,
                   v1::MoveChargeResponse* response);
absl::Status Apply(const CommandInput& input, const v1::SetLimitsRequest& request, Ledger* ledger,
                   v1::SetLimitsResponse* response);
absl::Status Apply(const CommandInput& input, const v1::WriteFileRequest& request, Ledger* ledger,
                   v1::WriteFileResponse* response);
absl::Status Apply(const CommandInput& input, const v1::CreateCgroupRequest& request,
                   Ledger* ledger, v1::CreateCgroupResponse* response);
absl::Status Apply(const CommandInput& input, const v1::DeleteCgroupRequest& request,
                   Ledger* ledger, v1::DeleteCgroupResponse* response);

absl::Status Apply(const CommandInput& input, const v1::OpenSessionRequest& request, Ledger* ledger,
                   v1::OpenSessionResponse* response);
absl::Status Apply(const CommandInput& input, const v1::CloseSessionRequest& request,
                   Ledger* ledger, v1::CloseSessionResponse* response);
absl::Status Apply(const CommandInput& input, const v1::DeclareNotReadyRequest& request,
                   Ledger* ledger, v1::DeclareNotReadyResponse* response);
absl::Status Apply(const CommandInput& input, const v1::FenceRequest& request, Ledger* ledger,
                   v1::FenceResponse* response);
absl::Status Apply(const CommandInput& input, const v1::ReportRegionStateRequest& request,
                   Ledger* ledger, v1::ReportRegionStateResponse* response);

// How time passes; no RPCs.
TickResult Apply(const CommandInput& input, const store::v1::Tick& tick, Ledger* ledger);
// Returns whether anything changed.
bool Apply(const CommandInput& input, const store::v1::Resume& resume, Ledger* ledger);

// The settings that decide outcomes; not an RPC.
void Apply(const CommandInput& input, const store::v1::Configure& configure, Ledger* ledger);
store::v1::Configure ToProto(const Settings& settings);

}  // namespace dmem::server

#endif  // SERVER_APPLY_H_
