// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/idempotency.h"

#include <algorithm>

namespace dmem::client {
namespace {

Idempotency IdempotentIf(bool condition) {
  return condition ? Idempotency::kIdempotent : Idempotency::kNonIdempotent;
}

}  // namespace

Idempotency IdempotencyOf(const v1::ChargeRequest& request) {
  return IdempotentIf(!request.charge_id().empty() || request.mode() == v1::CHARGE_MODE_CHECK_ONLY);
}

Idempotency IdempotencyOf(const v1::BatchChargeRequest& request) {
  return IdempotentIf(std::all_of(request.charges().begin(), request.charges().end(),
                                  [](const v1::ChargeRequest& charge) {
                                    return IdempotencyOf(charge) == Idempotency::kIdempotent;
                                  }));
}

Idempotency IdempotencyOf(const v1::OpenSessionRequest&) { return Idempotency::kIdempotent; }
Idempotency IdempotencyOf(const v1::KeepAliveRequest&) { return Idempotency::kIdempotent; }
Idempotency IdempotencyOf(const v1::CloseSessionRequest&) { return Idempotency::kIdempotent; }
Idempotency IdempotencyOf(const v1::DeclareNotReadyRequest&) { return Idempotency::kIdempotent; }
// With `forget`, a second answer would be NOT_FOUND.
Idempotency IdempotencyOf(const v1::FenceRequest& request) {
  return request.forget() ? Idempotency::kNonIdempotent : Idempotency::kIdempotent;
}
Idempotency IdempotencyOf(const v1::ReportRegionStateRequest&) { return Idempotency::kIdempotent; }
Idempotency IdempotencyOf(const v1::ListSessionsRequest&) { return Idempotency::kIdempotent; }
Idempotency IdempotencyOf(const v1::ListNodesRequest&) { return Idempotency::kIdempotent; }
Idempotency IdempotencyOf(const v1::SetLimitsRequest& request) {
  return IdempotentIf(
      request.validate_only() ||
      std::none_of(request.updates().begin(), request.updates().end(),
                   [](const v1::LimitsUpdate& update) { return update.has_etag(); }));
}

// A second call answers NOT_FOUND or ALREADY_EXISTS, which a caller would take for somebody else's
// doing.
Idempotency IdempotencyOf(const v1::UnregisterRequest&) { return Idempotency::kNonIdempotent; }
Idempotency IdempotencyOf(const v1::UnregisterGroupRequest&) { return Idempotency::kNonIdempotent; }
Idempotency IdempotencyOf(const v1::CreateCgroupRequest&) { return Idempotency::kNonIdempotent; }
Idempotency IdempotencyOf(const v1::DeleteCgroupRequest&) { return Idempotency::kNonIdempotent; }

// After a lost answer the caller begins anew, with a new list: what a part recorded under a new id
// would be recorded twice.
Idempotency IdempotencyOf(const v1::ReconcileRequest&) { return Idempotency::kNonIdempotent; }

// These say what shall be, in absolute terms.
Idempotency IdempotencyOf(const v1::RegisterRequest&) { return Idempotency::kIdempotent; }
Idempotency IdempotencyOf(const v1::CordonRequest&) { return Idempotency::kIdempotent; }
Idempotency IdempotencyOf(const v1::RegisterGroupRequest&) { return Idempotency::kIdempotent; }
Idempotency IdempotencyOf(const v1::UnchargeRequest&) { return Idempotency::kIdempotent; }
Idempotency IdempotencyOf(const v1::ResizeRequest&) { return Idempotency::kIdempotent; }
Idempotency IdempotencyOf(const v1::UnchargeItemsRequest&) { return Idempotency::kIdempotent; }
Idempotency IdempotencyOf(const v1::CommitRequest&) { return Idempotency::kIdempotent; }
Idempotency IdempotencyOf(const v1::CancelRequest&) { return Idempotency::kIdempotent; }
Idempotency IdempotencyOf(const v1::RenewRequest&) { return Idempotency::kIdempotent; }
Idempotency IdempotencyOf(const v1::RequestReleaseRequest&) { return Idempotency::kIdempotent; }
Idempotency IdempotencyOf(const v1::ReportMeasuredRequest&) { return Idempotency::kIdempotent; }
Idempotency IdempotencyOf(const v1::MoveChargeRequest&) { return Idempotency::kIdempotent; }
Idempotency IdempotencyOf(const v1::WriteFileRequest&) { return Idempotency::kIdempotent; }

// Reads.
Idempotency IdempotencyOf(const v1::EvictValuableRequest&) { return Idempotency::kIdempotent; }
Idempotency IdempotencyOf(const v1::EvictCandidatesRequest&) { return Idempotency::kIdempotent; }
Idempotency IdempotencyOf(const v1::GetHeadroomRequest&) { return Idempotency::kIdempotent; }
Idempotency IdempotencyOf(const v1::GetPoolRequest&) { return Idempotency::kIdempotent; }
Idempotency IdempotencyOf(const v1::ListPoolsRequest&) { return Idempotency::kIdempotent; }
Idempotency IdempotencyOf(const v1::ListRegionsRequest&) { return Idempotency::kIdempotent; }
Idempotency IdempotencyOf(const v1::ListCgroupsRequest&) { return Idempotency::kIdempotent; }
Idempotency IdempotencyOf(const v1::ListChargesRequest&) { return Idempotency::kIdempotent; }
Idempotency IdempotencyOf(const v1::ListEventsRequest&) { return Idempotency::kIdempotent; }
Idempotency IdempotencyOf(const v1::WhoHeldRequest&) { return Idempotency::kIdempotent; }
Idempotency IdempotencyOf(const v1::ReportUsageRequest&) { return Idempotency::kIdempotent; }
Idempotency IdempotencyOf(const v1::ReadFileRequest&) { return Idempotency::kIdempotent; }
Idempotency IdempotencyOf(const v1::CheckRequest&) { return Idempotency::kIdempotent; }
Idempotency IdempotencyOf(const v1::GetServerInfoRequest&) { return Idempotency::kIdempotent; }

}  // namespace dmem::client
