// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/client.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "client/idempotency.h"

namespace dmem::client {

Client::Client(std::shared_ptr<Connection> connection, RetryPolicy policy,
               RetryEnvironment environment)
    : connection_(std::move(connection)), policy_(policy), environment_(std::move(environment)) {}

template <typename Request, typename Response>
absl::StatusOr<Response> Client::Call(
    absl::StatusOr<Response> (Connection::*method)(const Request&, absl::Duration),
    const Request& request) {
  absl::StatusOr<Response> result;
  const absl::Status status =
      RetryLoop(policy_, environment_, IdempotencyOf(request), [&](absl::Duration timeout) {
        result = (connection_.get()->*method)(request, timeout);
        return result.status();
      });
  if (!status.ok()) return status;
  return result;
}

template <typename Request, typename Response>
absl::StatusOr<Response> Client::CallAllPages(
    absl::StatusOr<Response> (Client::*method)(const Request&), Request request) {
  Response all;
  while (true) {
    absl::StatusOr<Response> page = (this->*method)(request);
    if (!page.ok()) return page.status();
    // Repeated fields are appended, the others become the last page's.
    std::string next = std::move(*page->mutable_next_page_token());
    page->clear_next_page_token();
    all.MergeFrom(*page);
    if (next.empty()) return all;
    if (next == request.page_token()) {
      return absl::InternalError("a list answered with the page token that it was asked with");
    }
    request.set_page_token(std::move(next));
  }
}

absl::StatusOr<v1::RegisterResponse> Client::Register(const v1::RegisterRequest& request) {
  return Call(&Connection::Register, request);
}

absl::StatusOr<v1::UnregisterResponse> Client::Unregister(const v1::UnregisterRequest& request) {
  return Call(&Connection::Unregister, request);
}

absl::StatusOr<v1::CordonResponse> Client::Cordon(const v1::CordonRequest& request) {
  return Call(&Connection::Cordon, request);
}

absl::StatusOr<v1::RegisterGroupResponse> Client::RegisterGroup(
    const v1::RegisterGroupRequest& request) {
  return Call(&Connection::RegisterGroup, request);
}

absl::StatusOr<v1::UnregisterGroupResponse> Client::UnregisterGroup(
    const v1::UnregisterGroupRequest& request) {
  return Call(&Connection::UnregisterGroup, request);
}

absl::StatusOr<v1::ChargeResponse> Client::Charge(const v1::ChargeRequest& request) {
  return Call(&Connection::Charge, request);
}

absl::StatusOr<v1::BatchChargeResponse> Client::BatchCharge(const v1::BatchChargeRequest& request) {
  return Call(&Connection::BatchCharge, request);
}

absl::StatusOr<v1::UnchargeResponse> Client::Uncharge(const v1::UnchargeRequest& request) {
  return Call(&Connection::Uncharge, request);
}

absl::StatusOr<v1::ResizeResponse> Client::Resize(const v1::ResizeRequest& request) {
  return Call(&Connection::Resize, request);
}

absl::StatusOr<v1::OpenSessionResponse> Client::OpenSession(const v1::OpenSessionRequest& request) {
  return Call(&Connection::OpenSession, request);
}

absl::StatusOr<v1::KeepAliveResponse> Client::KeepAlive(const v1::KeepAliveRequest& request) {
  return Call(&Connection::KeepAlive, request);
}

absl::StatusOr<v1::CloseSessionResponse> Client::CloseSession(
    const v1::CloseSessionRequest& request) {
  return Call(&Connection::CloseSession, request);
}

absl::StatusOr<v1::DeclareNotReadyResponse> Client::DeclareNotReady(
    const v1::DeclareNotReadyRequest& request) {
  return Call(&Connection::DeclareNotReady, request);
}

absl::StatusOr<v1::FenceResponse> Client::Fence(const v1::FenceRequest& request) {
  return Call(&Connection::Fence, request);
}

absl::StatusOr<v1::ReportRegionStateResponse> Client::ReportRegionState(
    const v1::ReportRegionStateRequest& request) {
  return Call(&Connection::ReportRegionState, request);
}

absl::StatusOr<v1::ListSessionsResponse> Client::ListSessions(
    const v1::ListSessionsRequest& request) {
  return Call(&Connection::ListSessions, request);
}

absl::StatusOr<v1::ListNodesResponse> Client::ListNodes(const v1::ListNodesRequest& request) {
  return Call(&Connection::ListNodes, request);
}

absl::StatusOr<v1::CommitResponse> Client::Commit(const v1::CommitRequest& request) {
  return Call(&Connection::Commit, request);
}

absl::StatusOr<v1::CancelResponse> Client::Cancel(const v1::CancelRequest& request) {
  return Call(&Connection::Cancel, request);
}

absl::StatusOr<v1::RenewResponse> Client::Renew(const v1::RenewRequest& request) {
  return Call(&Connection::Renew, request);
}

absl::StatusOr<v1::RequestReleaseResponse> Client::RequestRelease(
    const v1::RequestReleaseRequest& request) {
  return Call(&Connection::RequestRelease, request);
}

absl::StatusOr<v1::UnchargeItemsResponse> Client::UnchargeItems(
    const v1::UnchargeItemsRequest& request) {
  return Call(&Connection::UnchargeItems, request);
}

absl::StatusOr<v1::ReconcileResponse> Client::Reconcile(const v1::ReconcileRequest& request) {
  return Call(&Connection::Reconcile, request);
}

absl::StatusOr<v1::ReportMeasuredResponse> Client::ReportMeasured(
    const v1::ReportMeasuredRequest& request) {
  return Call(&Connection::ReportMeasured, request);
}

absl::StatusOr<v1::MoveChargeResponse> Client::MoveCharge(const v1::MoveChargeRequest& request) {
  return Call(&Connection::MoveCharge, request);
}

absl::StatusOr<v1::SetLimitsResponse> Client::SetLimits(const v1::SetLimitsRequest& request) {
  return Call(&Connection::SetLimits, request);
}

absl::StatusOr<v1::CreateCgroupResponse> Client::CreateCgroup(
    const v1::CreateCgroupRequest& request) {
  return Call(&Connection::CreateCgroup, request);
}

absl::StatusOr<v1::DeleteCgroupResponse> Client::DeleteCgroup(
    const v1::DeleteCgroupRequest& request) {
  return Call(&Connection::DeleteCgroup, request);
}

absl::StatusOr<v1::EvictValuableResponse> Client::EvictValuable(
    const v1::EvictValuableRequest& request) {
  return Call(&Connection::EvictValuable, request);
}

absl::StatusOr<v1::EvictCandidatesResponse> Client::EvictCandidates(
    const v1::EvictCandidatesRequest& request) {
  return Call(&Connection::EvictCandidates, request);
}

absl::StatusOr<v1::GetHeadroomResponse> Client::GetHeadroom(const v1::GetHeadroomRequest& request) {
  return Call(&Connection::GetHeadroom, request);
}

absl::StatusOr<v1::GetPoolResponse> Client::GetPool(const v1::GetPoolRequest& request) {
  return Call(&Connection::GetPool, request);
}

absl::StatusOr<v1::ListPoolsResponse> Client::ListPools(const v1::ListPoolsRequest& request) {
  return Call(&Connection::ListPools, request);
}

absl::StatusOr<v1::ListRegionsResponse> Client::ListRegions(const v1::ListRegionsRequest& request) {
  return Call(&Connection::ListRegions, request);
}

absl::StatusOr<v1::ListCgroupsResponse> Client::ListCgroups(const v1::ListCgroupsRequest& request) {
  return Call(&Connection::ListCgroups, request);
}

absl::StatusOr<v1::ListChargesResponse> Client::ListCharges(const v1::ListChargesRequest& request) {
  return Call(&Connection::ListCharges, request);
}

absl::StatusOr<v1::ReadFileResponse> Client::ReadFile(const v1::ReadFileRequest& request) {
  return Call(&Connection::ReadFile, request);
}

absl::StatusOr<v1::WriteFileResponse> Client::WriteFile(const v1::WriteFileRequest& request) {
  return Call(&Connection::WriteFile, request);
}

absl::StatusOr<v1::CheckResponse> Client::Check(const v1::CheckRequest& request) {
  return Call(&Connection::Check, request);
}

absl::StatusOr<v1::GetServerInfoResponse> Client::GetServerInfo(
    const v1::GetServerInfoRequest& request) {
  return Call(&Connection::GetServerInfo, request);
}

absl::StatusOr<v1::ListPoolsResponse> Client::ListAllPools(v1::ListPoolsRequest request) {
  return CallAllPages(&Client::ListPools, std::move(request));
}

absl::StatusOr<v1::ListRegionsResponse> Client::ListAllRegions(v1::ListRegionsRequest request) {
  return CallAllPages(&Client::ListRegions, std::move(request));
}

absl::StatusOr<v1::ListCgroupsResponse> Client::ListAllCgroups(v1::ListCgroupsRequest request) {
  return CallAllPages(&Client::ListCgroups, std::move(request));
}

absl::StatusOr<v1::ListEventsResponse> Client::ListEvents(const v1::ListEventsRequest& request) {
  return Call(&Connection::ListEvents, request);
}

absl::Status Client::Watch(v1::WatchRequest request,
                           const std::function<bool(const v1::WatchResponse&)>& visit) {
  for (;;) {
    bool was_cut_off = false;
    absl::Status status =
        RetryLoop(policy_, environment_, Idempotency::kIdempotent, [&](absl::Duration) {
          bool has_advanced = false;
          const absl::Status end =
              connection_->Watch(request, [&](const v1::WatchResponse& response) {
                has_advanced = true;
                *request.mutable_from() = response.progress();
                request.set_after(true);
                return visit(response);
              });
          was_cut_off = has_advanced && absl::IsUnavailable(end);
          return was_cut_off ? absl::OkStatus() : end;
        });
    if (!was_cut_off) return status;
  }
}

absl::StatusOr<v1::ListChargesResponse> Client::ListAllCharges(v1::ListChargesRequest request) {
  return CallAllPages(&Client::ListCharges, std::move(request));
}

absl::StatusOr<v1::ListSessionsResponse> Client::ListAllSessions(v1::ListSessionsRequest request) {
  return CallAllPages(&Client::ListSessions, std::move(request));
}

absl::StatusOr<v1::WhoHeldResponse> Client::WhoHeld(const v1::WhoHeldRequest& request) {
  return Call(&Connection::WhoHeld, request);
}

absl::StatusOr<v1::ReportUsageResponse> Client::ReportUsage(const v1::ReportUsageRequest& request) {
  return Call(&Connection::ReportUsage, request);
}

absl::StatusOr<v1::WhoHeldResponse> Client::AllWhoHeld(v1::WhoHeldRequest request) {
  return CallAllPages(&Client::WhoHeld, std::move(request));
}

absl::StatusOr<v1::ReportUsageResponse> Client::ReportAllUsage(v1::ReportUsageRequest request) {
  return CallAllPages(&Client::ReportUsage, std::move(request));
}

absl::StatusOr<v1::ListNodesResponse> Client::ListAllNodes(v1::ListNodesRequest request) {
  return CallAllPages(&Client::ListNodes, std::move(request));
}

}  // namespace dmem::client
