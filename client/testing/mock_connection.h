// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_TESTING_MOCK_CONNECTION_H_
#define DMEMD_CLIENT_TESTING_MOCK_CONNECTION_H_

#include <gmock/gmock.h>

#include "client/connection.h"

namespace dmem::client {

// For tests of programs that use Client or ChargeHolder, without a server:
//
//   auto connection = std::make_shared<testing::NiceMock<MockConnection>>();
//   EXPECT_CALL(*connection, Charge).WillOnce(Return(v1::ChargeResponse()));
//   ChargeHolder holder(connection);
class MockConnection : public Connection {
 public:
  MOCK_METHOD(absl::StatusOr<v1::RegisterResponse>, Register,
              (const v1::RegisterRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::UnregisterResponse>, Unregister,
              (const v1::UnregisterRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::CordonResponse>, Cordon,
              (const v1::CordonRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::RegisterGroupResponse>, RegisterGroup,
              (const v1::RegisterGroupRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::UnregisterGroupResponse>, UnregisterGroup,
              (const v1::UnregisterGroupRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::ChargeResponse>, Charge,
              (const v1::ChargeRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::BatchChargeResponse>, BatchCharge,
              (const v1::BatchChargeRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::UnchargeResponse>, Uncharge,
              (const v1::UnchargeRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::ResizeResponse>, Resize,
              (const v1::ResizeRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::OpenSessionResponse>, OpenSession,
              (const v1::OpenSessionRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::KeepAliveResponse>, KeepAlive,
              (const v1::KeepAliveRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::CloseSessionResponse>, CloseSession,
              (const v1::CloseSessionRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::DeclareNotReadyResponse>, DeclareNotReady,
              (const v1::DeclareNotReadyRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::FenceResponse>, Fence, (const v1::FenceRequest&, absl::Duration),
              (override));
  MOCK_METHOD(absl::StatusOr<v1::ReportRegionStateResponse>, ReportRegionState,
              (const v1::ReportRegionStateRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::ListSessionsResponse>, ListSessions,
              (const v1::ListSessionsRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::ListNodesResponse>, ListNodes,
              (const v1::ListNodesRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::CommitResponse>, Commit,
              (const v1::CommitRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::CancelResponse>, Cancel,
              (const v1::CancelRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::RenewResponse>, Renew, (const v1::RenewRequest&, absl::Duration),
              (override));
  MOCK_METHOD(absl::StatusOr<v1::RequestReleaseResponse>, RequestRelease,
              (const v1::RequestReleaseRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::UnchargeItemsResponse>, UnchargeItems,
              (const v1::UnchargeItemsRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::ReconcileResponse>, Reconcile,
              (const v1::ReconcileRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::ReportMeasuredResponse>, ReportMeasured,
              (const v1::ReportMeasuredRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::MoveChargeResponse>, MoveCharge,
              (const v1::MoveChargeRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::SetLimitsResponse>, SetLimits,
              (const v1::SetLimitsRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::CreateCgroupResponse>, CreateCgroup,
              (const v1::CreateCgroupRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::DeleteCgroupResponse>, DeleteCgroup,
              (const v1::DeleteCgroupRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::EvictValuableResponse>, EvictValuable,
              (const v1::EvictValuableRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::EvictCandidatesResponse>, EvictCandidates,
              (const v1::EvictCandidatesRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::GetHeadroomResponse>, GetHeadroom,
              (const v1::GetHeadroomRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::GetPoolResponse>, GetPool,
              (const v1::GetPoolRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::ListPoolsResponse>, ListPools,
              (const v1::ListPoolsRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::ListRegionsResponse>, ListRegions,
              (const v1::ListRegionsRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::ListCgroupsResponse>, ListCgroups,
              (const v1::ListCgroupsRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::ListChargesResponse>, ListCharges,
              (const v1::ListChargesRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::ReadFileResponse>, ReadFile,
              (const v1::ReadFileRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::WriteFileResponse>, WriteFile,
              (const v1::WriteFileRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::CheckResponse>, Check, (const v1::CheckRequest&, absl::Duration),
              (override));
  MOCK_METHOD(absl::StatusOr<v1::GetServerInfoResponse>, GetServerInfo,
              (const v1::GetServerInfoRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::ListEventsResponse>, ListEvents,
              (const v1::ListEventsRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::WhoHeldResponse>, WhoHeld,
              (const v1::WhoHeldRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::StatusOr<v1::ReportUsageResponse>, ReportUsage,
              (const v1::ReportUsageRequest&, absl::Duration), (override));
  MOCK_METHOD(absl::Status, Watch,
              (const v1::WatchRequest&, const std::function<bool(const v1::WatchResponse&)>&),
              (override));
};

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_TESTING_MOCK_CONNECTION_H_
