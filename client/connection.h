// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_CONNECTION_H_
#define DMEMD_CLIENT_CONNECTION_H_

#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "dmem/v1/quota_service.pb.h"

namespace dmem::client {

// One attempt of each RPC of QuotaService. This is what a user of Client replaces in a test, or
// wraps to add a trace or a credential; dmem/v1/quota_service.proto says what each call does.
//
// Thread safe. OK means that the server answered OK. An error has the server's code and text, and
// each of its details (google.rpc.ErrorInfo and so on) as a payload under the detail's type URL;
// FactsOf() in error_facts.h reads them. DEADLINE_EXCEEDED: no answer came within `timeout`, and
// whether the call took effect is not known.
class Connection {
 public:
  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  virtual ~Connection() = default;

  virtual absl::StatusOr<v1::RegisterResponse> Register(const v1::RegisterRequest& request,
                                                        absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::UnregisterResponse> Unregister(const v1::UnregisterRequest& request,
                                                            absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::CordonResponse> Cordon(const v1::CordonRequest& request,
                                                    absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::RegisterGroupResponse> RegisterGroup(
      const v1::RegisterGroupRequest& request, absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::UnregisterGroupResponse> UnregisterGroup(
      const v1::UnregisterGroupRequest& request, absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::ChargeResponse> Charge(const v1::ChargeRequest& request,
                                                    absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::BatchChargeResponse> BatchCharge(const v1::BatchChargeRequest& request,
                                                              absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::UnchargeResponse> Uncharge(const v1::UnchargeRequest& request,
                                                        absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::ResizeResponse> Resize(const v1::ResizeRequest& request,
                                                    absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::OpenSessionResponse> OpenSession(const v1::OpenSessionRequest& request,
                                                              absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::KeepAliveResponse> KeepAlive(const v1::KeepAliveRequest& request,
                                                          absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::CloseSessionResponse> CloseSession(
      const v1::CloseSessionRequest& request, absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::DeclareNotReadyResponse> DeclareNotReady(
      const v1::DeclareNotReadyRequest& request, absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::FenceResponse> Fence(const v1::FenceRequest& request,
                                                  absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::ReportRegionStateResponse> ReportRegionState(
      const v1::ReportRegionStateRequest& request, absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::ListSessionsResponse> ListSessions(
      const v1::ListSessionsRequest& request, absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::ListNodesResponse> ListNodes(const v1::ListNodesRequest& request,
                                                          absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::CommitResponse> Commit(const v1::CommitRequest& request,
                                                    absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::CancelResponse> Cancel(const v1::CancelRequest& request,
                                                    absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::RenewResponse> Renew(const v1::RenewRequest& request,
                                                  absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::RequestReleaseResponse> RequestRelease(
      const v1::RequestReleaseRequest& request, absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::UnchargeItemsResponse> UnchargeItems(
      const v1::UnchargeItemsRequest& request, absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::ReconcileResponse> Reconcile(const v1::ReconcileRequest& request,
                                                          absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::ReportMeasuredResponse> ReportMeasured(
      const v1::ReportMeasuredRequest& request, absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::MoveChargeResponse> MoveCharge(const v1::MoveChargeRequest& request,
                                                            absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::SetLimitsResponse> SetLimits(const v1::SetLimitsRequest& request,
                                                          absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::CreateCgroupResponse> CreateCgroup(
      const v1::CreateCgroupRequest& request, absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::DeleteCgroupResponse> DeleteCgroup(
      const v1::DeleteCgroupRequest& request, absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::EvictValuableResponse> EvictValuable(
      const v1::EvictValuableRequest& request, absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::EvictCandidatesResponse> EvictCandidates(
      const v1::EvictCandidatesRequest& request, absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::GetHeadroomResponse> GetHeadroom(const v1::GetHeadroomRequest& request,
                                                              absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::GetPoolResponse> GetPool(const v1::GetPoolRequest& request,
                                                      absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::ListPoolsResponse> ListPools(const v1::ListPoolsRequest& request,
                                                          absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::ListRegionsResponse> ListRegions(const v1::ListRegionsRequest& request,
                                                              absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::ListCgroupsResponse> ListCgroups(const v1::ListCgroupsRequest& request,
                                                              absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::ListChargesResponse> ListCharges(const v1::ListChargesRequest& request,
                                                              absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::ReadFileResponse> ReadFile(const v1::ReadFileRequest& request,
                                                        absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::WriteFileResponse> WriteFile(const v1::WriteFileRequest& request,
                                                          absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::CheckResponse> Check(const v1::CheckRequest& request,
                                                  absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::GetServerInfoResponse> GetServerInfo(
      const v1::GetServerInfoRequest& request, absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::ListEventsResponse> ListEvents(const v1::ListEventsRequest& request,
                                                            absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::WhoHeldResponse> WhoHeld(const v1::WhoHeldRequest& request,
                                                      absl::Duration timeout) = 0;
  virtual absl::StatusOr<v1::ReportUsageResponse> ReportUsage(const v1::ReportUsageRequest& request,
                                                              absl::Duration timeout) = 0;
  // Shows `visit` each message, without a deadline, until it returns false (OK) or the stream ends.
  virtual absl::Status Watch(const v1::WatchRequest& request,
                             const std::function<bool(const v1::WatchResponse&)>& visit) = 0;
};

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_CONNECTION_H_
