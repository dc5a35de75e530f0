// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_IDEMPOTENCY_H_
#define DMEMD_CLIENT_IDEMPOTENCY_H_

#include "dmem/v1/quota_service.pb.h"

namespace dmem::client {

// Whether the same request, sent again after an attempt whose outcome is not known, has no second
// effect and the answer that it would have had, or one that says so (replayed, ALREADY).
enum class Idempotency { kIdempotent, kNonIdempotent };

// The rules, by request. Reads are idempotent; so is whatever changes nothing (CHECK_ONLY,
// validate_only). A charge is with a charge_id. SetLimits is without an etag: after the first
// attempt the etag would be wrong.
//
// Source: dmem/v1/quota_service.proto, at each RPC.
Idempotency IdempotencyOf(const v1::RegisterRequest& request);
Idempotency IdempotencyOf(const v1::UnregisterRequest& request);
Idempotency IdempotencyOf(const v1::CordonRequest& request);
Idempotency IdempotencyOf(const v1::RegisterGroupRequest& request);
Idempotency IdempotencyOf(const v1::UnregisterGroupRequest& request);
Idempotency IdempotencyOf(const v1::ChargeRequest& request);
Idempotency IdempotencyOf(const v1::BatchChargeRequest& request);
Idempotency IdempotencyOf(const v1::UnchargeRequest& request);
Idempotency IdempotencyOf(const v1::ResizeRequest& request);
Idempotency IdempotencyOf(const v1::OpenSessionRequest& request);
Idempotency IdempotencyOf(const v1::KeepAliveRequest& request);
Idempotency IdempotencyOf(const v1::CloseSessionRequest& request);
Idempotency IdempotencyOf(const v1::DeclareNotReadyRequest& request);
Idempotency IdempotencyOf(const v1::FenceRequest& request);
Idempotency IdempotencyOf(const v1::ReportRegionStateRequest& request);
Idempotency IdempotencyOf(const v1::ListSessionsRequest& request);
Idempotency IdempotencyOf(const v1::ListNodesRequest& request);
Idempotency IdempotencyOf(const v1::CommitRequest& request);
Idempotency IdempotencyOf(const v1::CancelRequest& request);
Idempotency IdempotencyOf(const v1::RenewRequest& request);
Idempotency IdempotencyOf(const v1::RequestReleaseRequest& request);
Idempotency IdempotencyOf(const v1::UnchargeItemsRequest& request);
Idempotency IdempotencyOf(const v1::ReconcileRequest& request);
Idempotency IdempotencyOf(const v1::ReportMeasuredRequest& request);
Idempotency IdempotencyOf(const v1::MoveChargeRequest& request);
Idempotency IdempotencyOf(const v1::SetLimitsRequest& request);
Idempotency IdempotencyOf(const v1::CreateCgroupRequest& request);
Idempotency IdempotencyOf(const v1::DeleteCgroupRequest& request);
Idempotency IdempotencyOf(const v1::EvictValuableRequest& request);
Idempotency IdempotencyOf(const v1::EvictCandidatesRequest& request);
Idempotency IdempotencyOf(const v1::GetHeadroomRequest& request);
Idempotency IdempotencyOf(const v1::GetPoolRequest& request);
Idempotency IdempotencyOf(const v1::ListPoolsRequest& request);
Idempotency IdempotencyOf(const v1::ListRegionsRequest& request);
Idempotency IdempotencyOf(const v1::ListCgroupsRequest& request);
Idempotency IdempotencyOf(const v1::ListChargesRequest& request);
Idempotency IdempotencyOf(const v1::ListEventsRequest& request);
Idempotency IdempotencyOf(const v1::WhoHeldRequest& request);
Idempotency IdempotencyOf(const v1::ReportUsageRequest& request);
Idempotency IdempotencyOf(const v1::ReadFileRequest& request);
Idempotency IdempotencyOf(const v1::WriteFileRequest& request);
Idempotency IdempotencyOf(const v1::CheckRequest& request);
Idempotency IdempotencyOf(const v1::GetServerInfoRequest& request);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_IDEMPOTENCY_H_
