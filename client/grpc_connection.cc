// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/grpc_connection.h"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "client/from_grpc_status.h"
#include "dmem/v1/quota_service.grpc.pb.h"

namespace dmem::client {
namespace {

// Requests are at most 4 MiB, answers are only paged by number of objects: a page of gangs with
// labels may be larger than gRPC's default.
constexpr int kAnswerBytesMax = 64 << 20;

// gRPC waits between attempts to connect, during which calls fail at once. Its default, a second
// growing to two minutes, would make a restart of the server look much longer than it is.
constexpr int kReconnectMsInitial = 50;
constexpr int kReconnectMsMax = 1000;

// A connection that was lost is made by gRPC in the time of calls, and every five seconds besides:
// calls that fail at once leave it none. So the next call to a server that was not there waits a
// little for it.
constexpr absl::Duration kConnectWaitMax = absl::Milliseconds(250);

class GrpcConnection final : public Connection {
 public:
  GrpcConnection(const std::vector<std::shared_ptr<grpc::Channel>>& channels,
                 absl::string_view actor)
      : actor_(actor) {
    for (const auto& channel : channels) servers_.push_back(std::make_unique<Server>(channel));
  }

  absl::StatusOr<v1::RegisterResponse> Register(const v1::RegisterRequest& request,
                                                absl::Duration timeout) override {
    return Call(&Stub::Register, request, timeout);
  }
  absl::StatusOr<v1::UnregisterResponse> Unregister(const v1::UnregisterRequest& request,
                                                    absl::Duration timeout) override {
    return Call(&Stub::Unregister, request, timeout);
  }
  absl::StatusOr<v1::CordonResponse> Cordon(const v1::CordonRequest& request,
                                            absl::Duration timeout) override {
    return Call(&Stub::Cordon, request, timeout);
  }
  absl::StatusOr<v1::RegisterGroupResponse> RegisterGroup(const v1::RegisterGroupRequest& request,
                                                          absl::Duration timeout) override {
    return Call(&Stub::RegisterGroup, request, timeout);
  }
  absl::StatusOr<v1::UnregisterGroupResponse> UnregisterGroup(
      const v1::UnregisterGroupRequest& request, absl::Duration timeout) override {
    return Call(&Stub::UnregisterGroup, request, timeout);
  }
  absl::StatusOr<v1::ChargeResponse> Charge(const v1::ChargeRequest& request,
                                            absl::Duration timeout) override {
    return Call(&Stub::Charge, request, timeout);
  }
  absl::StatusOr<v1::BatchChargeResponse> BatchCharge(const v1::BatchChargeRequest& request,
                                                      absl::Duration timeout) override {
    return Call(&Stub::BatchCharge, request, timeout);
  }
  absl::StatusOr<v1::UnchargeResponse> Uncharge(const v1::UnchargeRequest& request,
                                                absl::Duration timeout) override {
    return Call(&Stub::Uncharge, request, timeout);
  }
  absl::StatusOr<v1::ResizeResponse> Resize(const v1::ResizeRequest& request,
                                            absl::Duration timeout) override {
    return Call(&Stub::Resize, request, timeout);
  }
  absl::StatusOr<v1::OpenSessionResponse> OpenSession(const v1::OpenSessionRequest& request,
                                                      absl::Duration timeout) override {
    return Call(&Stub::OpenSession, request, timeout);
  }
  absl::StatusOr<v1::KeepAliveResponse> KeepAlive(const v1::KeepAliveRequest& request,
                                                  absl::Duration timeout) override {
    return Call(&Stub::KeepAlive, request, timeout);
  }
  absl::StatusOr<v1::CloseSessionResponse> CloseSession(const v1::CloseSessionRequest& request,
                                                        absl::Duration timeout) override {
    return Call(&Stub::CloseSession, request, timeout);
  }
  absl::StatusOr<v1::DeclareNotReadyResponse> DeclareNotReady(
      const v1::DeclareNotReadyRequest& request, absl::Duration timeout) override {
    return Call(&Stub::DeclareNotReady, request, timeout);
  }
  absl::StatusOr<v1::FenceResponse> Fence(const v1::FenceRequest& request,
                                          absl::Duration timeout) override {
    return Call(&Stub::Fence, request, timeout);
  }
  absl::StatusOr<v1::ReportRegionStateResponse> ReportRegionState(
      const v1::ReportRegionStateRequest& request, absl::Duration timeout) override {
    return Call(&Stub::ReportRegionState, request, timeout);
  }
  absl::StatusOr<v1::ListSessionsResponse> ListSessions(const v1::ListSessionsRequest& request,
                                                        absl::Duration timeout) override {
    return Call(&Stub::ListSessions, request, timeout);
  }
  absl::StatusOr<v1::ListNodesResponse> ListNodes(const v1::ListNodesRequest& request,
                                                  absl::Duration timeout) override {
    return Call(&Stub::ListNodes, request, timeout);
  }
  absl::StatusOr<v1::CommitResponse> Commit(const v1::CommitRequest& request,
                                            absl::Duration timeout) override {
    return Call(&Stub::Commit, request, timeout);
  }
  absl::StatusOr<v1::CancelResponse> Cancel(const v1::CancelRequest& request,
                                            absl::Duration timeout) override {
    return Call(&Stub::Cancel, request, timeout);
  }
  absl::StatusOr<v1::RenewResponse> Renew(const v1::RenewRequest& request,
                                          absl::Duration timeout) override {
    return Call(&Stub::Renew, request, timeout);
  }
  absl::StatusOr<v1::RequestReleaseResponse> RequestRelease(
      const v1::RequestReleaseRequest& request, absl::Duration timeout) override {
    return Call(&Stub::RequestRelease, request, timeout);
  }
  absl::StatusOr<v1::UnchargeItemsResponse> UnchargeItems(const v1::UnchargeItemsRequest& request,
                                                          absl::Duration timeout) override {
    return Call(&Stub::UnchargeItems, request, timeout);
  }
  absl::StatusOr<v1::ReconcileResponse> Reconcile(const v1::ReconcileRequest& request,
                                                  absl::Duration timeout) override {
    return Call(&Stub::Reconcile, request, timeout);
  }
  absl::StatusOr<v1::ReportMeasuredResponse> ReportMeasured(
      const v1::ReportMeasuredRequest& request, absl::Duration timeout) override {
    return Call(&Stub::ReportMeasured, request, timeout);
  }
  absl::StatusOr<v1::MoveChargeResponse> MoveCharge(const v1::MoveChargeRequest& request,
                                                    absl::Duration timeout) override {
    return Call(&Stub::MoveCharge, request, timeout);
  }
  absl::StatusOr<v1::SetLimitsResponse> SetLimits(const v1::SetLimitsRequest& request,
                                                  absl::Duration timeout) override {
    return Call(&Stub::SetLimits, request, timeout);
  }
  absl::StatusOr<v1::CreateCgroupResponse> CreateCgroup(const v1::CreateCgroupRequest& request,
                                                        absl::Duration timeout) override {
    return Call(&Stub::CreateCgroup, request, timeout);
  }
  absl::StatusOr<v1::DeleteCgroupResponse> DeleteCgroup(const v1::DeleteCgroupRequest& request,
                                                        absl::Duration timeout) override {
    return Call(&Stub::DeleteCgroup, request, timeout);
  }
  absl::StatusOr<v1::EvictValuableResponse> EvictValuable(const v1::EvictValuableRequest& request,
                                                          absl::Duration timeout) override {
    return Call(&Stub::EvictValuable, request, timeout);
  }
  absl::StatusOr<v1::EvictCandidatesResponse> EvictCandidates(
      const v1::EvictCandidatesRequest& request, absl::Duration timeout) override {
    return Call(&Stub::EvictCandidates, request, timeout);
  }
  absl::StatusOr<v1::GetHeadroomResponse> GetHeadroom(const v1::GetHeadroomRequest& request,
                                                      absl::Duration timeout) override {
    return Call(&Stub::GetHeadroom, request, timeout);
  }
  absl::StatusOr<v1::GetPoolResponse> GetPool(const v1::GetPoolRequest& request,
                                              absl::Duration timeout) override {
    return Call(&Stub::GetPool, request, timeout);
  }
  absl::StatusOr<v1::ListPoolsResponse> ListPools(const v1::ListPoolsRequest& request,
                                                  absl::Duration timeout) override {
    return Call(&Stub::ListPools, request, timeout);
  }
  absl::StatusOr<v1::ListRegionsResponse> ListRegions(const v1::ListRegionsRequest& request,
                                                      absl::Duration timeout) override {
    return Call(&Stub::ListRegions, request, timeout);
  }
  absl::StatusOr<v1::ListCgroupsResponse> ListCgroups(const v1::ListCgroupsRequest& request,
                                                      absl::Duration timeout) override {
    return Call(&Stub::ListCgroups, request, timeout);
  }
  absl::StatusOr<v1::ListChargesResponse> ListCharges(const v1::ListChargesRequest& request,
                                                      absl::Duration timeout) override {
    return Call(&Stub::ListCharges, request, timeout);
  }
  absl::StatusOr<v1::ReadFileResponse> ReadFile(const v1::ReadFileRequest& request,
                                                absl::Duration timeout) override {
    return Call(&Stub::ReadFile, request, timeout);
  }
  absl::StatusOr<v1::WriteFileResponse> WriteFile(const v1::WriteFileRequest& request,
                                                  absl::Duration timeout) override {
    return Call(&Stub::WriteFile, request, timeout);
  }
  absl::StatusOr<v1::CheckResponse> Check(const v1::CheckRequest& request,
                                          absl::Duration timeout) override {
    return Call(&Stub::Check, request, timeout);
  }
  absl::StatusOr<v1::GetServerInfoResponse> GetServerInfo(const v1::GetServerInfoRequest& request,
                                                          absl::Duration timeout) override {
    return Call(&Stub::GetServerInfo, request, timeout);
  }
  absl::StatusOr<v1::ListEventsResponse> ListEvents(const v1::ListEventsRequest& request,
                                                    absl::Duration timeout) override {
    return Call(&Stub::ListEvents, request, timeout);
  }
  absl::StatusOr<v1::WhoHeldResponse> WhoHeld(const v1::WhoHeldRequest& request,
                                              absl::Duration timeout) override {
    return Call(&Stub::WhoHeld, request, timeout);
  }
  absl::StatusOr<v1::ReportUsageResponse> ReportUsage(const v1::ReportUsageRequest& request,
                                                      absl::Duration timeout) override {
    return Call(&Stub::ReportUsage, request, timeout);
  }
  absl::Status Watch(const v1::WatchRequest& request,
                     const std::function<bool(const v1::WatchResponse&)>& visit) override {
    grpc::ClientContext context;
    size_t at = current_.load(std::memory_order_relaxed);
    Server& server = *servers_[at];
    server.AwaitConnection(gpr_inf_future(GPR_CLOCK_MONOTONIC));
    const auto reader = server.stub->Watch(&context, request);
    v1::WatchResponse response;
    while (reader->Read(&response)) {
      if (visit(response)) continue;
      context.TryCancel();
      reader->Finish().ok();
      return absl::OkStatus();
    }
    const grpc::Status status = reader->Finish();
    if (status.ok()) return absl::OkStatus();
    Note(status, at);
    return FromGrpcStatus(status);
  }

 private:
  using Stub = v1::QuotaService::Stub;

  struct Server {
    explicit Server(std::shared_ptr<grpc::Channel> to)
        : channel(std::move(to)), stub(v1::QuotaService::NewStub(channel)) {}

    // Returns at once unless the last call was UNAVAILABLE.
    void AwaitConnection(gpr_timespec deadline) {
      if (!was_unavailable.load(std::memory_order_relaxed)) return;
      const gpr_timespec enough = gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), Span(kConnectWaitMax));
      channel->WaitForConnected(gpr_time_min(deadline, enough));
    }

    const std::shared_ptr<grpc::Channel> channel;
    const std::unique_ptr<Stub> stub;
    std::atomic<bool> was_unavailable{false};
  };

  static gpr_timespec Span(absl::Duration duration) {
    return gpr_time_from_micros(absl::ToInt64Microseconds(duration), GPR_TIMESPAN);
  }

  // What a call to servers_[at] came to.
  void Note(const grpc::Status& status, size_t at) {
    const bool is_unavailable = status.error_code() == grpc::StatusCode::UNAVAILABLE;
    std::atomic<bool>& was_unavailable = servers_[at]->was_unavailable;
    if (was_unavailable.load(std::memory_order_relaxed) != is_unavailable)
      was_unavailable.store(is_unavailable, std::memory_order_relaxed);
    // Only from the server that this call asked: others may have moved on already.
    if (is_unavailable)
      current_.compare_exchange_strong(at, (at + 1) % servers_.size(), std::memory_order_relaxed);
  }

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                                const Request& request, absl::Duration timeout) {
    grpc::ClientContext context;
    if (!actor_.empty()) context.AddMetadata("dmem-actor", actor_);
    // On the monotonic clock: a wall clock that is set does not matter.
    const gpr_timespec deadline = gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), Span(timeout));
    context.set_deadline(deadline);
    Response response;
    const size_t at = current_.load(std::memory_order_relaxed);
    Server& server = *servers_[at];
    server.AwaitConnection(deadline);
    const grpc::Status status = (server.stub.get()->*method)(&context, request, &response);
    Note(status, at);
    if (status.ok()) return response;
    return FromGrpcStatus(status);
  }

  const std::string actor_;
  std::vector<std::unique_ptr<Server>> servers_;  // Never empty.
  std::atomic<size_t> current_{0};                // The one that is asked.
};

}  // namespace

std::unique_ptr<Connection> MakeGrpcConnection(absl::string_view server, absl::string_view actor) {
  return MakeGrpcConnection(std::vector<std::string>{std::string(server)}, actor);
}

std::unique_ptr<Connection> MakeGrpcConnection(const std::vector<std::string>& servers,
                                               absl::string_view actor) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kAnswerBytesMax);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectMsInitial);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectMsMax);
  // Device memory is not asked for through a web proxy, whatever the environment says.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  channels.reserve(servers.size());
  for (const std::string& server : servers) {
    channels.push_back(
        grpc::CreateCustomChannel(server, grpc::InsecureChannelCredentials(), arguments));
  }
  return std::make_unique<GrpcConnection>(channels, actor);
}

}  // namespace dmem::client
