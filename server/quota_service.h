// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef SERVER_QUOTA_SERVICE_H_
#define SERVER_QUOTA_SERVICE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "dmem/v1/quota_service.grpc.pb.h"
#include "server/arena_messages.h"
#include "server/call.h"
#include "server/event_log.h"
#include "server/keep_alive.h"
#include "server/reader_pool.h"
#include "server/rpc_metrics.h"
#include "server/session_keeper.h"
#include "server/watch.h"
#include "server/writer.h"

namespace dmem::server {

// dmem.v1.QuotaService. Each RPC is validated, queued for the writer or, as a long read, for the
// readers, and answered from there.
//
// Thread-safe.
class QuotaService final : public v1::QuotaService::CallbackService {
 public:
  // All must outlive the service. `past_readers` are for reads of the past, of which each keeps
  // what it has found so far. `version` and `store` are shown by GetServerInfo.
  QuotaService(Writer* writer, ReaderPool* readers, ReaderPool* past_readers, SessionKeeper* keeper,
               EventLog* events, WatchHub* watchers, RpcMetrics* metrics, std::string version,
               std::string store)
      : writer_(writer),
        readers_(readers),
        past_readers_(past_readers),
        keeper_(keeper),
        events_(events),
        watchers_(watchers),
        metrics_(metrics),
        version_(std::move(version)),
        store_(std::move(store)),
        keep_alive_streams_(writer, keeper, metrics) {
    SetMessageAllocatorFor_BatchCharge(&batch_messages_);
  }

  // From now on every call is UNAVAILABLE SHUTTING_DOWN. Returns when no call has come for a
  // moment, at most after a second: what comes after that, gRPC cancels without saying why.
  void Drain();

  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;

  Reactor* Register(Context* context, const v1::RegisterRequest* request,
                    v1::RegisterResponse* response) override;
  Reactor* Unregister(Context* context, const v1::UnregisterRequest* request,
                      v1::UnregisterResponse* response) override;
  Reactor* Cordon(Context* context, const v1::CordonRequest* request,
                  v1::CordonResponse* response) override;
  Reactor* RegisterGroup(Context* context, const v1::RegisterGroupRequest* request,
                         v1::RegisterGroupResponse* response) override;
  Reactor* UnregisterGroup(Context* context, const v1::UnregisterGroupRequest* request,
                           v1::UnregisterGroupResponse* response) override;
  Reactor* Charge(Context* context, const v1::ChargeRequest* request,
                  v1::ChargeResponse* response) override;
  Reactor* BatchCharge(Context* context, const v1::BatchChargeRequest* request,
                       v1::BatchChargeResponse* response) override;
  Reactor* Uncharge(Context* context, const v1::UnchargeRequest* request,
                    v1::UnchargeResponse* response) override;
  Reactor* Resize(Context* context, const v1::ResizeRequest* request,
                  v1::ResizeResponse* response) override;
  Reactor* Commit(Context* context, const v1::CommitRequest* request,
                  v1::CommitResponse* response) override;
  Reactor* Cancel(Context* context, const v1::CancelRequest* request,
                  v1::CancelResponse* response) override;
  Reactor* Renew(Context* context, const v1::RenewRequest* request,
                 v1::RenewResponse* response) override;
  Reactor* RequestRelease(Context* context, const v1::RequestReleaseRequest* request,
                          v1::RequestReleaseResponse* response) override;
  Reactor* UnchargeItems(Context* context, const v1::UnchargeItemsRequest* request,
                         v1::UnchargeItemsResponse* response) override;
  Reactor* OpenSession(Context* context, const v1::OpenSessionRequest* request,
                       v1::OpenSessionResponse* response) override;
  Reactor* KeepAlive(Context* context, const v1::KeepAliveRequest* request,
                     v1::KeepAliveResponse* response) override;
  KeepAliveStreams::Reactor* KeepAliveStream(Context* context) override;
  Reactor* CloseSession(Context* context, const v1::CloseSessionRequest* request,
                        v1::CloseSessionResponse* response) override;
  Reactor* DeclareNotReady(Context* context, const v1::DeclareNotReadyRequest* request,
                           v1::DeclareNotReadyResponse* response) override;
  Reactor* Fence(Context* context, const v1::FenceRequest* request,
                 v1::FenceResponse* response) override;
  Reactor* ReportRegionState(Context* context, const v1::ReportRegionStateRequest* request,
                             v1::ReportRegionStateResponse* response) override;
  Reactor* Reconcile(Context* context, const v1::ReconcileRequest* request,
                     v1::ReconcileResponse* response) override;
  Reactor* ReportMeasured(Context* context, const v1::ReportMeasuredRequest* request,
                          v1::ReportMeasuredResponse* response) override;
  Reactor* MoveCharge(Context* context, const v1::MoveChargeRequest* request,
                      v1::MoveChargeResponse* response) override;
  Reactor* SetLimits(Context* context, const v1::SetLimitsRequest* request,
                     v1::SetLimitsResponse* response) override;
  Reactor* CreateCgroup(Context* context, const v1::CreateCgroupRequest* request,
                        v1::CreateCgroupResponse* response) override;
  Reactor* DeleteCgroup(Context* context, const v1::DeleteCgroupRequest* request,
                        v1::DeleteCgroupResponse* response) override;
  Reactor* EvictValuable(Context* context, const v1::EvictValuableRequest* request,
                         v1::EvictValuableResponse* response) override;
  Reactor* EvictCandidates(Context* context, const v1::EvictCandidatesRequest* request,
                           v1::EvictCandidatesResponse* response) override;
  Reactor* GetHeadroom(Context* context, const v1::GetHeadroomRequest* request,
                       v1::GetHeadroomResponse* response) override;
  Reactor* GetPool(Context* context, const v1::GetPoolRequest* request,
                   v1::GetPoolResponse* response) override;
  Reactor* ListPools(Context* context, const v1::ListPoolsRequest* request,
                     v1::ListPoolsResponse* response) override;
  Reactor* ListRegions(Context* context, const v1::ListRegionsRequest* request,
                       v1::ListRegionsResponse* response) override;
  Reactor* ListCgroups(Context* context, const v1::ListCgroupsRequest* request,
                       v1::ListCgroupsResponse* response) override;
  Reactor* ListCharges(Context* context, const v1::ListChargesRequest* request,
                       v1::ListChargesResponse* response) override;
  Reactor* ListSessions(Context* context, const v1::ListSessionsRequest* request,
                        v1::ListSessionsResponse* response) override;
  Reactor* ListNodes(Context* context, const v1::ListNodesRequest* request,
                     v1::ListNodesResponse* response) override;
  Reactor* ReadFile(Context* context, const v1::ReadFileRequest* request,
                    v1::ReadFileResponse* response) override;
  Reactor* WriteFile(Context* context, const v1::WriteFileRequest* request,
                     v1::WriteFileResponse* response) override;
  Reactor* Check(Context* context, const v1::CheckRequest* request,
                 v1::CheckResponse* response) override;
  Reactor* GetServerInfo(Context* context, const v1::GetServerInfoRequest* request,
                         v1::GetServerInfoResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchResponse>* Watch(Context* context,
                                                     const v1::WatchRequest* request) override;
  Reactor* ListEvents(Context* context, const v1::ListEventsRequest* request,
                      v1::ListEventsResponse* response) override;
  Reactor* WhoHeld(Context* context, const v1::WhoHeldRequest* request,
                   v1::WhoHeldResponse* response) override;
  Reactor* ReportUsage(Context* context, const v1::ReportUsageRequest* request,
                       v1::ReportUsageResponse* response) override;

 private:
  // OK, or why the call is not taken.
  template <typename Request>
  absl::Status Admit(const Request& request);
  // Hands the call to the writer as a Task.
  template <typename Task, typename Request, typename Response, typename... More>
  Reactor* Submit(Method method, Context* context, const Request* request, Response* response,
                  More... more);
  template <typename Request, typename Response>
  Reactor* Command(Method method, Context* context, const Request* request, Response* response);
  template <typename Request, typename Response>
  Reactor* ShortRead(Method method, Context* context, const Request* request, Response* response);
  template <typename Request, typename Response>
  absl::Status ReadLong(const ReadView& view, const Request& request, Response* response);
  absl::Status ReadLong(const ReadView& view, const v1::ListEventsRequest& request,
                        v1::ListEventsResponse* response);
  // Takes a place among `readers`, called `name`, and calls `use`, which is to use it, with the
  // call and a view of what is committed.
  template <typename Request, typename Use>
  Reactor* WithView(Method method, Context* context, const Request* request, ReaderPool* readers,
                    absl::string_view name, Use use);
  template <typename Response>
  void FinishRead(const Call& call, absl::Status outcome, Response* response);
  template <typename Request, typename Response>
  Reactor* LongRead(Method method, Context* context, const Request* request, Response* response);
  // A read so long that others have their turn after each of its steps.
  template <typename PastRead, typename Request, typename Response>
  Reactor* ReadPast(Method method, Context* context, const Request* request, Response* response);
  // Returns whether the call has been answered.
  template <typename PastRead, typename Response>
  bool TakeStep(const Call& call, Context* context, std::unique_ptr<PastRead>* read,
                Response* response);

  Writer* const writer_;
  ReaderPool* const readers_;
  ReaderPool* const past_readers_;
  SessionKeeper* const keeper_;
  EventLog* const events_;
  WatchHub* const watchers_;
  RpcMetrics* const metrics_;
  const std::string version_;
  const std::string store_;
  ArenaMessages<v1::BatchChargeRequest, v1::BatchChargeResponse> batch_messages_;
  KeepAliveStreams keep_alive_streams_;
  std::atomic<bool> draining_{false};
  std::atomic<int64_t> last_refused_ns_{0};
};

}  // namespace dmem::server

#endif  // SERVER_QUOTA_SERVICE_H_
