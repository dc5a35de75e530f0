// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_CLIENT_H_
#define DMEMD_CLIENT_CLIENT_H_

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "client/connection.h"
#include "client/retry_environment.h"
#include "client/retry_loop.h"
#include "dmem/v1/quota_service.pb.h"

namespace dmem::client {

// QuotaService for programs: each RPC of dmem/v1/quota_service.proto with a deadline, and sent
// again while the server is UNAVAILABLE where that is safe (idempotency.h). Give a charge a
// charge_id and its created_at, and a lost answer costs nothing.
//
// Thread safe. OK means that the server answered OK. Errors are the server's, with its details as
// payloads (see Connection); where attempts ended at an UNAVAILABLE, the text says why.
class Client {
 public:
  explicit Client(std::shared_ptr<Connection> connection, RetryPolicy policy = {},
                  RetryEnvironment environment = RealRetryEnvironment());

  absl::StatusOr<v1::RegisterResponse> Register(const v1::RegisterRequest& request);
  absl::StatusOr<v1::UnregisterResponse> Unregister(const v1::UnregisterRequest& request);
  absl::StatusOr<v1::CordonResponse> Cordon(const v1::CordonRequest& request);
  absl::StatusOr<v1::RegisterGroupResponse> RegisterGroup(const v1::RegisterGroupRequest& request);
  absl::StatusOr<v1::UnregisterGroupResponse> UnregisterGroup(
      const v1::UnregisterGroupRequest& request);
  absl::StatusOr<v1::ChargeResponse> Charge(const v1::ChargeRequest& request);
  absl::StatusOr<v1::BatchChargeResponse> BatchCharge(const v1::BatchChargeRequest& request);
  absl::StatusOr<v1::UnchargeResponse> Uncharge(const v1::UnchargeRequest& request);
  absl::StatusOr<v1::ResizeResponse> Resize(const v1::ResizeRequest& request);
  absl::StatusOr<v1::OpenSessionResponse> OpenSession(const v1::OpenSessionRequest& request);
  absl::StatusOr<v1::KeepAliveResponse> KeepAlive(const v1::KeepAliveRequest& request);
  absl::StatusOr<v1::CloseSessionResponse> CloseSession(const v1::CloseSessionRequest& request);
  absl::StatusOr<v1::DeclareNotReadyResponse> DeclareNotReady(
      const v1::DeclareNotReadyRequest& request);
  absl::StatusOr<v1::FenceResponse> Fence(const v1::FenceRequest& request);
  absl::StatusOr<v1::ReportRegionStateResponse> ReportRegionState(
      const v1::ReportRegionStateRequest& request);
  absl::StatusOr<v1::ListSessionsResponse> ListSessions(const v1::ListSessionsRequest& request);
  absl::StatusOr<v1::ListNodesResponse> ListNodes(const v1::ListNodesRequest& request);
  absl::StatusOr<v1::CommitResponse> Commit(const v1::CommitRequest& request);
  absl::StatusOr<v1::CancelResponse> Cancel(const v1::CancelRequest& request);
  absl::StatusOr<v1::RenewResponse> Renew(const v1::RenewRequest& request);
  absl::StatusOr<v1::RequestReleaseResponse> RequestRelease(
      const v1::RequestReleaseRequest& request);
  absl::StatusOr<v1::UnchargeItemsResponse> UnchargeItems(const v1::UnchargeItemsRequest& request);
  absl::StatusOr<v1::ReconcileResponse> Reconcile(const v1::ReconcileRequest& request);
  absl::StatusOr<v1::ReportMeasuredResponse> ReportMeasured(
      const v1::ReportMeasuredRequest& request);
  absl::StatusOr<v1::MoveChargeResponse> MoveCharge(const v1::MoveChargeRequest& request);
  absl::StatusOr<v1::SetLimitsResponse> SetLimits(const v1::SetLimitsRequest& request);
  absl::StatusOr<v1::CreateCgroupResponse> CreateCgroup(const v1::CreateCgroupRequest& request);
  absl::StatusOr<v1::DeleteCgroupResponse> DeleteCgroup(const v1::DeleteCgroupRequest& request);
  absl::StatusOr<v1::EvictValuableResponse> EvictValuable(const v1::EvictValuableRequest& request);
  absl::StatusOr<v1::EvictCandidatesResponse> EvictCandidates(
      const v1::EvictCandidatesRequest& request);
  absl::StatusOr<v1::GetHeadroomResponse> GetHeadroom(const v1::GetHeadroomRequest& request);
  absl::StatusOr<v1::GetPoolResponse> GetPool(const v1::GetPoolRequest& request);
  absl::StatusOr<v1::ListPoolsResponse> ListPools(const v1::ListPoolsRequest& request);
  absl::StatusOr<v1::ListRegionsResponse> ListRegions(const v1::ListRegionsRequest& request);
  absl::StatusOr<v1::ListCgroupsResponse> ListCgroups(const v1::ListCgroupsRequest& request);
  absl::StatusOr<v1::ListChargesResponse> ListCharges(const v1::ListChargesRequest& request);
  absl::StatusOr<v1::ReadFileResponse> ReadFile(const v1::ReadFileRequest& request);
  absl::StatusOr<v1::WriteFileResponse> WriteFile(const v1::WriteFileRequest& request);
  absl::StatusOr<v1::CheckResponse> Check(const v1::CheckRequest& request);
  absl::StatusOr<v1::GetServerInfoResponse> GetServerInfo(const v1::GetServerInfoRequest& request);
  absl::StatusOr<v1::ListEventsResponse> ListEvents(const v1::ListEventsRequest& request);
  absl::StatusOr<v1::WhoHeldResponse> WhoHeld(const v1::WhoHeldRequest& request);
  absl::StatusOr<v1::ReportUsageResponse> ReportUsage(const v1::ReportUsageRequest& request);

  // Shows `visit` what comes, until it returns false (OK). A stream that is cut off is resumed
  // where it was, as often as it takes; an UNAVAILABLE that attempts in a row do not get past is
  // returned.
  absl::Status Watch(v1::WatchRequest request,
                     const std::function<bool(const v1::WatchResponse&)>& visit);

  // All pages of a list in one answer, from the request's page_token on. Each page has the deadline
  // of a call. `sequence` is the last page's: what changes meanwhile may be in it or not.
  absl::StatusOr<v1::ListPoolsResponse> ListAllPools(v1::ListPoolsRequest request);
  absl::StatusOr<v1::ListRegionsResponse> ListAllRegions(v1::ListRegionsRequest request);
  absl::StatusOr<v1::ListCgroupsResponse> ListAllCgroups(v1::ListCgroupsRequest request);
  absl::StatusOr<v1::ListChargesResponse> ListAllCharges(v1::ListChargesRequest request);
  absl::StatusOr<v1::ListSessionsResponse> ListAllSessions(v1::ListSessionsRequest request);
  absl::StatusOr<v1::ListNodesResponse> ListAllNodes(v1::ListNodesRequest request);
  // Here all pages are of one time.
  absl::StatusOr<v1::WhoHeldResponse> AllWhoHeld(v1::WhoHeldRequest request);
  absl::StatusOr<v1::ReportUsageResponse> ReportAllUsage(v1::ReportUsageRequest request);

 private:
  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(absl::StatusOr<Response> (Connection::*method)(const Request&,
                                                                               absl::Duration),
                                const Request& request);
  template <typename Request, typename Response>
  absl::StatusOr<Response> CallAllPages(absl::StatusOr<Response> (Client::*method)(const Request&),
                                        Request request);

  const std::shared_ptr<Connection> connection_;
  const RetryPolicy policy_;
  const RetryEnvironment environment_;
};

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_CLIENT_H_
