// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What is wrong with a request in any state. The ranges are those that the protos document.

#ifndef SERVER_VALIDATION_H_
#define SERVER_VALIDATION_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "dmem/v1/quota_service.pb.h"

namespace dmem::server {

// Bounds that are not flags. They may only ever become wider: what the log holds is validated, too,
// when it is applied again (server/record.h).
inline constexpr int kMessageBytesMax = 4 << 20;
inline constexpr size_t kItemsMax = 1000;
inline constexpr size_t kCommandBytesMax = 512 << 10;  // Of an all-or-nothing request.
inline constexpr size_t kBatchMax = 10000;
inline constexpr int kPageSizeMax = 1000;
// google.protobuf.Timestamp's own range: the years 1 to 9999.
inline constexpr int64_t kTimestampSecondsMin = -62135596800;
inline constexpr int64_t kTimestampSecondsMax = 253402300799;
inline constexpr int64_t kReservationSecondsMin = 1;
inline constexpr int64_t kReservationSecondsMax = int64_t{24} * 60 * 60;

// Each returns OK or INVALID_ARGUMENT (for files NOT_FOUND too), whose facts name the field, its
// value and the bound. What passes is safe to convert: every number, name and enumerator in range.
// BatchCharge: only what is wrong with it as a whole; its items are validated one by one.
absl::Status Validate(const v1::RegisterRequest& request);
absl::Status Validate(const v1::UnregisterRequest& request);
absl::Status Validate(const v1::CordonRequest& request);
absl::Status Validate(const v1::RegisterGroupRequest& request);
absl::Status Validate(const v1::UnregisterGroupRequest& request);
absl::Status Validate(const v1::ChargeRequest& request);
absl::Status Validate(const v1::BatchChargeRequest& request);
absl::Status Validate(const v1::UnchargeRequest& request);
absl::Status Validate(const v1::ResizeRequest& request);
absl::Status Validate(const v1::OpenSessionRequest& request);
absl::Status Validate(const v1::KeepAliveRequest& request);
absl::Status Validate(const v1::CloseSessionRequest& request);
absl::Status Validate(const v1::DeclareNotReadyRequest& request);
absl::Status Validate(const v1::FenceRequest& request);
absl::Status Validate(const v1::ReportRegionStateRequest& request);
absl::Status Validate(const v1::ListSessionsRequest& request);
absl::Status Validate(const v1::ListNodesRequest& request);
absl::Status Validate(const v1::ReportMeasuredRequest& request);
absl::Status Validate(const v1::MoveChargeRequest& request);
absl::Status Validate(const v1::ReconcileRequest& request);
absl::Status Validate(const v1::SetLimitsRequest& request);
absl::Status Validate(const v1::CommitRequest& request);
absl::Status Validate(const v1::CancelRequest& request);
absl::Status Validate(const v1::RenewRequest& request);
absl::Status Validate(const v1::RequestReleaseRequest& request);
absl::Status Validate(const v1::UnchargeItemsRequest& request);
absl::Status Validate(const v1::CreateCgroupRequest& request);
absl::Status Validate(const v1::DeleteCgroupRequest& request);
absl::Status Validate(const v1::EvictValuableRequest& request);
absl::Status Validate(const v1::EvictCandidatesRequest& request);
absl::Status Validate(const v1::GetHeadroomRequest& request);
absl::Status Validate(const v1::GetPoolRequest& request);
absl::Status Validate(const v1::ListPoolsRequest& request);
absl::Status Validate(const v1::ListRegionsRequest& request);
absl::Status Validate(const v1::ListCgroupsRequest& request);
absl::Status Validate(const v1::ListChargesRequest& request);
absl::Status Validate(const v1::ReadFileRequest& request);
absl::Status Validate(const v1::WriteFileRequest& request);
absl::Status Validate(const v1::CheckRequest& request);
absl::Status Validate(const v1::GetServerInfoRequest& request);
absl::Status Validate(const v1::WatchRequest& request);
absl::Status Validate(const v1::ListEventsRequest& request);
absl::Status Validate(const v1::WhoHeldRequest& request);
absl::Status Validate(const v1::ReportUsageRequest& request);

// The ttl of a reservation, as a field of that name.
absl::Status CheckReservationTtl(const google::protobuf::Duration& ttl);

}  // namespace dmem::server

#endif  // SERVER_VALIDATION_H_
