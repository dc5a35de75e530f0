// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/quota_service.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "server/base/mutex.h"
#include "server/batch_charge.h"
#include "server/call_tasks.h"
#include "server/errors.h"
#include "server/list_events.h"
#include "server/read.h"
#include "server/usage_report.h"
#include "server/validation.h"
#include "server/who_held.h"

namespace dmem::server {

namespace {

bool IsPrintable(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

void NoteAudit(const v1::CheckResponse& response, RpcMetrics* metrics) {
  metrics->SetAuditViolations(response.violations_total());
}
template <typename Response>
void NoteAudit(const Response&, RpcMetrics*) {}

// Who calls: what the call says, or else from where it came.
std::string ActorOf(const grpc::CallbackServerContext& context) {
  constexpr size_t kActorBytesMax = 253;
  const auto& metadata = context.client_metadata();
  const auto said = metadata.find("dmem-actor");
  if (said != metadata.end() && !said->second.empty()) {
    const std::string actor(said->second.data(), said->second.size());
    return IsPrintable(actor) ? actor.substr(0, kActorBytesMax) : "(unprintable)";
  }
  return context.peer().substr(0, kActorBytesMax);
}

constexpr absl::Duration kQuietTime = absl::Milliseconds(20);
constexpr absl::Duration kQuietTimeMax = absl::Seconds(1);

}  // namespace

template <typename Request>
absl::Status QuotaService::Admit(const Request& request) {
  if (__builtin_expect(draining_.load(std::memory_order_relaxed), 0)) {
    last_refused_ns_.store(MonotonicNanoseconds(), std::memory_order_relaxed);
    return ShuttingDown();
  }
  return Validate(request);
}

void QuotaService::Drain() {
  const int64_t started_ns = MonotonicNanoseconds();
  last_refused_ns_.store(started_ns);
  draining_.store(true);
  keep_alive_streams_.Drain();
  Mutex mutex;
  CondVar never;
  for (int64_t now_ns = started_ns;
       absl::Nanoseconds(now_ns - last_refused_ns_.load()) < kQuietTime &&
       absl::Nanoseconds(now_ns - started_ns) < kQuietTimeMax;
       now_ns = MonotonicNanoseconds()) {
    MutexLock lock(&mutex);
    never.WaitFor(&mutex, kQuietTime);
  }
}

template <typename Task, typename Request, typename Response, typename... More>
grpc::ServerUnaryReactor* QuotaService::Submit(Method method, Context* context,
                                               const Request* request, Response* response,
                                               More... more) {
  const Call call(method, context->DefaultReactor(), metrics_);
  absl::Status refused = Admit(*request);
  if (refused.ok()) {
    std::unique_ptr<WriterTask> task =
        std::make_unique<Task>(call, request, response, std::move(more)...);
    refused = writer_->Enqueue(task);
  }
  if (!refused.ok()) call.Finish(refused);
  return call.reactor();
}

template <typename Request, typename Response>
grpc::ServerUnaryReactor* QuotaService::Command(Method method, Context* context,
                                                const Request* request, Response* response) {
  return Submit<CommandTask<Request, Response>>(method, context, request, response, keeper_,
                                                ActorOf(*context));
}

template <typename Request, typename Response>
grpc::ServerUnaryReactor* QuotaService::ShortRead(Method method, Context* context,
                                                  const Request* request, Response* response) {
  return Submit<ShortReadTask<Request, Response>>(method, context, request, response);
}

template <typename Request, typename Response>
absl::Status QuotaService::ReadLong(const ReadView& view, const Request& request,
                                    Response* response) {
  return Read(view.state(), view.time_us, request, response);
}

absl::Status QuotaService::ReadLong(const ReadView& view, const v1::ListEventsRequest& request,
                                    v1::ListEventsResponse* response) {
  return server::ListEvents(*events_, view.state(), request, response);
}

template <typename Request, typename Use>
grpc::ServerUnaryReactor* QuotaService::WithView(Method method, Context* context,
                                                 const Request* request, ReaderPool* readers,
                                                 absl::string_view name, Use use) {
  const Call call(method, context->DefaultReactor(), metrics_);
  if (absl::Status refused = Admit(*request); !refused.ok()) {
    call.Finish(refused);
    return call.reactor();
  }
  if (!readers->Reserve()) {
    call.Finish(Overloaded(name, readers->queue_max()));
    return call.reactor();
  }
  writer_->RequestView([call, readers, use](absl::StatusOr<ReadView> view) {
    if (!view.ok()) {
      readers->Cancel();
      call.Finish(view.status());
      return;
    }
    use(call, *std::move(view));
  });
  return call.reactor();
}

template <typename Response>
void QuotaService::FinishRead(const Call& call, absl::Status outcome, Response* response) {
  if (writer_->failed()) outcome = StoreFailed();
  if (outcome.ok()) {
    NoteAudit(*response, metrics_);
  } else {
    response->Clear();
  }
  call.Finish(outcome);
}

template <typename Request, typename Response>
grpc::ServerUnaryReactor* QuotaService::LongRead(Method method, Context* context,
                                                 const Request* request, Response* response) {
  const auto begin = [this, request, response](const Call& call, ReadView view) {
    readers_->Submit([this, call, request, response, view = std::move(view)]() mutable {
      absl::Status outcome = ReadLong(view, *request, response);
      // Given back before the answer, so that it never waits for a slow caller.
      view = ReadView();
      FinishRead(call, std::move(outcome), response);
    });
  };
  return WithView(method, context, request, readers_, "long reads", begin);
}

template <typename PastRead, typename Response>
bool QuotaService::TakeStep(const Call& call, Context* context, std::unique_ptr<PastRead>* read,
                            Response* response) {
  absl::StatusOr<bool> is_done = false;
  if (context->IsCancelled()) {
    is_done = absl::CancelledError("the caller has gone");
  } else if (draining_.load()) {
    is_done = ShuttingDown();
  } else {
    is_done = (*read)->Step(response);
  }
  if (is_done.ok() && !*is_done) return false;
  read->reset();  // With the view, as in LongRead.
  FinishRead(call, is_done.status(), response);
  return true;
}

template <typename PastRead, typename Request, typename Response>
grpc::ServerUnaryReactor* QuotaService::ReadPast(Method method, Context* context,
                                                 const Request* request, Response* response) {
  const auto begin = [this, context, request, response](const Call& call, ReadView view) {
    const auto read = std::make_shared<std::unique_ptr<PastRead>>();
    past_readers_->SubmitSteps(
        [this, call, context, request, response, read, view = std::move(view)]() mutable {
          // Not before: it is much work for the writer's thread, which is where the view comes.
          if (*read == nullptr)
            *read = std::make_unique<PastRead>(events_, std::move(view), request);
          return TakeStep(call, context, read.get(), response);
        });
  };
  return WithView(method, context, request, past_readers_, "reads of the past", begin);
}

grpc::ServerUnaryReactor* QuotaService::Register(Context* context,
                                                 const v1::RegisterRequest* request,
                                                 v1::RegisterResponse* response) {
  return Command(Method::kRegister, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::Unregister(Context* context,
                                                   const v1::UnregisterRequest* request,
                                                   v1::UnregisterResponse* response) {
  return Command(Method::kUnregister, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::Cordon(Context* context, const v1::CordonRequest* request,
                                               v1::CordonResponse* response) {
  return Command(Method::kCordon, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::RegisterGroup(Context* context,
                                                      const v1::RegisterGroupRequest* request,
                                                      v1::RegisterGroupResponse* response) {
  return Command(Method::kRegisterGroup, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::UnregisterGroup(Context* context,
                                                        const v1::UnregisterGroupRequest* request,
                                                        v1::UnregisterGroupResponse* response) {
  return Command(Method::kUnregisterGroup, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::Charge(Context* context, const v1::ChargeRequest* request,
                                               v1::ChargeResponse* response) {
  return Command(Method::kCharge, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::BatchCharge(Context* context,
                                                    const v1::BatchChargeRequest* request,
                                                    v1::BatchChargeResponse* response) {
  return Submit<BatchChargeTask>(Method::kBatchCharge, context, request, response, keeper_,
                                 ActorOf(*context));
}

grpc::ServerUnaryReactor* QuotaService::Uncharge(Context* context,
                                                 const v1::UnchargeRequest* request,
                                                 v1::UnchargeResponse* response) {
  return Command(Method::kUncharge, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::Resize(Context* context, const v1::ResizeRequest* request,
                                               v1::ResizeResponse* response) {
  return Command(Method::kResize, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::Commit(Context* context, const v1::CommitRequest* request,
                                               v1::CommitResponse* response) {
  return Command(Method::kCommit, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::Cancel(Context* context, const v1::CancelRequest* request,
                                               v1::CancelResponse* response) {
  return Command(Method::kCancel, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::Renew(Context* context, const v1::RenewRequest* request,
                                              v1::RenewResponse* response) {
  return Command(Method::kRenew, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::RequestRelease(Context* context,
                                                       const v1::RequestReleaseRequest* request,
                                                       v1::RequestReleaseResponse* response) {
  return Command(Method::kRequestRelease, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::OpenSession(Context* context,
                                                    const v1::OpenSessionRequest* request,
                                                    v1::OpenSessionResponse* response) {
  return Command(Method::kOpenSession, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::KeepAlive(Context* context,
                                                  const v1::KeepAliveRequest* request,
                                                  v1::KeepAliveResponse* response) {
  const Call call(Method::kKeepAlive, context->DefaultReactor(), metrics_);
  absl::Status refused = Admit(*request);
  if (refused.ok()) {
    std::unique_ptr<WriterTask> task = std::make_unique<KeepAliveTask>(
        keeper_, request, response, [call](const absl::Status& outcome) { call.Finish(outcome); });
    refused = writer_->Enqueue(task);
  }
  if (!refused.ok()) call.Finish(refused);
  return call.reactor();
}

KeepAliveStreams::Reactor* QuotaService::KeepAliveStream(Context*) {
  return keep_alive_streams_.Open();
}

grpc::ServerUnaryReactor* QuotaService::CloseSession(Context* context,
                                                     const v1::CloseSessionRequest* request,
                                                     v1::CloseSessionResponse* response) {
  return Command(Method::kCloseSession, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::DeclareNotReady(Context* context,
                                                        const v1::DeclareNotReadyRequest* request,
                                                        v1::DeclareNotReadyResponse* response) {
  return Command(Method::kDeclareNotReady, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::Fence(Context* context, const v1::FenceRequest* request,
                                              v1::FenceResponse* response) {
  return Command(Method::kFence, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::ReportRegionState(
    Context* context, const v1::ReportRegionStateRequest* request,
    v1::ReportRegionStateResponse* response) {
  return Command(Method::kReportRegionState, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::UnchargeItems(Context* context,
                                                      const v1::UnchargeItemsRequest* request,
                                                      v1::UnchargeItemsResponse* response) {
  return Command(Method::kUnchargeItems, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::Reconcile(Context* context,
                                                  const v1::ReconcileRequest* request,
                                                  v1::ReconcileResponse* response) {
  return Command(Method::kReconcile, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::ReportMeasured(Context* context,
                                                       const v1::ReportMeasuredRequest* request,
                                                       v1::ReportMeasuredResponse* response) {
  return Command(Method::kReportMeasured, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::MoveCharge(Context* context,
                                                   const v1::MoveChargeRequest* request,
                                                   v1::MoveChargeResponse* response) {
  return Command(Method::kMoveCharge, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::SetLimits(Context* context,
                                                  const v1::SetLimitsRequest* request,
                                                  v1::SetLimitsResponse* response) {
  return Command(Method::kSetLimits, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::CreateCgroup(Context* context,
                                                     const v1::CreateCgroupRequest* request,
                                                     v1::CreateCgroupResponse* response) {
  return Command(Method::kCreateCgroup, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::DeleteCgroup(Context* context,
                                                     const v1::DeleteCgroupRequest* request,
                                                     v1::DeleteCgroupResponse* response) {
  return Command(Method::kDeleteCgroup, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::WriteFile(Context* context,
                                                  const v1::WriteFileRequest* request,
                                                  v1::WriteFileResponse* response) {
  return Command(Method::kWriteFile, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::EvictValuable(Context* context,
                                                      const v1::EvictValuableRequest* request,
                                                      v1::EvictValuableResponse* response) {
  return ShortRead(Method::kEvictValuable, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::GetPool(Context* context, const v1::GetPoolRequest* request,
                                                v1::GetPoolResponse* response) {
  return ShortRead(Method::kGetPool, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::GetServerInfo(Context* context,
                                                      const v1::GetServerInfoRequest* request,
                                                      v1::GetServerInfoResponse* response) {
  response->set_version(version_);
  response->set_store(store_);
  return ShortRead(Method::kGetServerInfo, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::EvictCandidates(Context* context,
                                                        const v1::EvictCandidatesRequest* request,
                                                        v1::EvictCandidatesResponse* response) {
  return LongRead(Method::kEvictCandidates, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::GetHeadroom(Context* context,
                                                    const v1::GetHeadroomRequest* request,
                                                    v1::GetHeadroomResponse* response) {
  return LongRead(Method::kGetHeadroom, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::ListPools(Context* context,
                                                  const v1::ListPoolsRequest* request,
                                                  v1::ListPoolsResponse* response) {
  return LongRead(Method::kListPools, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::ListRegions(Context* context,
                                                    const v1::ListRegionsRequest* request,
                                                    v1::ListRegionsResponse* response) {
  return LongRead(Method::kListRegions, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::ListCgroups(Context* context,
                                                    const v1::ListCgroupsRequest* request,
                                                    v1::ListCgroupsResponse* response) {
  return LongRead(Method::kListCgroups, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::ListCharges(Context* context,
                                                    const v1::ListChargesRequest* request,
                                                    v1::ListChargesResponse* response) {
  return LongRead(Method::kListCharges, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::ListSessions(Context* context,
                                                     const v1::ListSessionsRequest* request,
                                                     v1::ListSessionsResponse* response) {
  return LongRead(Method::kListSessions, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::ListNodes(Context* context,
                                                  const v1::ListNodesRequest* request,
                                                  v1::ListNodesResponse* response) {
  return LongRead(Method::kListNodes, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::ReadFile(Context* context,
                                                 const v1::ReadFileRequest* request,
                                                 v1::ReadFileResponse* response) {
  return LongRead(Method::kReadFile, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::Check(Context* context, const v1::CheckRequest* request,
                                              v1::CheckResponse* response) {
  return LongRead(Method::kCheck, context, request, response);
}

grpc::ServerWriteReactor<v1::WatchResponse>* QuotaService::Watch(Context* /*context*/,
                                                                 const v1::WatchRequest* request) {
  const int64_t started_ns = MonotonicNanoseconds();
  const absl::Status refused = Admit(*request);
  metrics_->Observe(Method::kWatch, refused.code(), (MonotonicNanoseconds() - started_ns) / 1000);
  return refused.ok() ? watchers_->Watch(*request) : WatchHub::Refuse(refused);
}

grpc::ServerUnaryReactor* QuotaService::ListEvents(Context* context,
                                                   const v1::ListEventsRequest* request,
                                                   v1::ListEventsResponse* response) {
  return LongRead(Method::kListEvents, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::WhoHeld(Context* context, const v1::WhoHeldRequest* request,
                                                v1::WhoHeldResponse* response) {
  return ReadPast<WhoHeldRead>(Method::kWhoHeld, context, request, response);
}

grpc::ServerUnaryReactor* QuotaService::ReportUsage(Context* context,
                                                    const v1::ReportUsageRequest* request,
                                                    v1::ReportUsageResponse* response) {
  return ReadPast<UsageReportRead>(Method::kReportUsage, context, request, response);
}

}  // namespace dmem::server
