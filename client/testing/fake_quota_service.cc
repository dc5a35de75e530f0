// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/testing/fake_quota_service.h"

#include <grpcpp/grpcpp.h>

#include <cstdlib>
#include <deque>
#include <iostream>
#include <map>
#include <mutex>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "dmem/v1/quota_service.grpc.pb.h"
#include "google/rpc/status.pb.h"

namespace dmem::client {
namespace {

grpc::Status ToGrpcStatus(const absl::Status& status) {
  google::rpc::Status details;
  details.set_code(static_cast<int>(status.code()));
  details.set_message(std::string(status.message()));
  status.ForEachPayload([&details](absl::string_view type_url, const absl::Cord& payload) {
    google::protobuf::Any* any = details.add_details();
    any->set_type_url(std::string(type_url));
    any->set_value(std::string(payload));
  });
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), details.message(),
                      details.SerializeAsString());
}

}  // namespace

class FakeQuotaService::Impl final : public v1::QuotaService::Service {
 public:
  explicit Impl(const std::string& address) {
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) {
      std::cerr << address << " cannot be listened on" << std::endl;
      std::abort();
    }
    address_ = absl::StrCat("127.0.0.1:", port);
  }

  ~Impl() override { server_->Shutdown(); }

  const std::string& address() const { return address_; }

  void Script(const std::string& response_name, absl::Status status, std::string response) {
    const std::lock_guard<std::mutex> lock(mutex_);
    script_[response_name].push_back({std::move(status), std::move(response)});
  }

  std::vector<std::string> requests() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return requests_;
  }

  grpc::Status Register(grpc::ServerContext*, const v1::RegisterRequest* request,
                        v1::RegisterResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status Unregister(grpc::ServerContext*, const v1::UnregisterRequest* request,
                          v1::UnregisterResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status Cordon(grpc::ServerContext*, const v1::CordonRequest* request,
                      v1::CordonResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status RegisterGroup(grpc::ServerContext*, const v1::RegisterGroupRequest* request,
                             v1::RegisterGroupResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status UnregisterGroup(grpc::ServerContext*, const v1::UnregisterGroupRequest* request,
                               v1::UnregisterGroupResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status Charge(grpc::ServerContext*, const v1::ChargeRequest* request,
                      v1::ChargeResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status BatchCharge(grpc::ServerContext*, const v1::BatchChargeRequest* request,
                           v1::BatchChargeResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status Uncharge(grpc::ServerContext*, const v1::UnchargeRequest* request,
                        v1::UnchargeResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status Resize(grpc::ServerContext*, const v1::ResizeRequest* request,
                      v1::ResizeResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status Commit(grpc::ServerContext*, const v1::CommitRequest* request,
                      v1::CommitResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status Cancel(grpc::ServerContext*, const v1::CancelRequest* request,
                      v1::CancelResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status Renew(grpc::ServerContext*, const v1::RenewRequest* request,
                     v1::RenewResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status RequestRelease(grpc::ServerContext*, const v1::RequestReleaseRequest* request,
                              v1::RequestReleaseResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status UnchargeItems(grpc::ServerContext*, const v1::UnchargeItemsRequest* request,
                             v1::UnchargeItemsResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status Reconcile(grpc::ServerContext*, const v1::ReconcileRequest* request,
                         v1::ReconcileResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status ReportMeasured(grpc::ServerContext*, const v1::ReportMeasuredRequest* request,
                              v1::ReportMeasuredResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status MoveCharge(grpc::ServerContext*, const v1::MoveChargeRequest* request,
                          v1::MoveChargeResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status OpenSession(grpc::ServerContext*, const v1::OpenSessionRequest* request,
                           v1::OpenSessionResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status KeepAlive(grpc::ServerContext*, const v1::KeepAliveRequest* request,
                         v1::KeepAliveResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status CloseSession(grpc::ServerContext*, const v1::CloseSessionRequest* request,
                            v1::CloseSessionResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status DeclareNotReady(grpc::ServerContext*, const v1::DeclareNotReadyRequest* request,
                               v1::DeclareNotReadyResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status Fence(grpc::ServerContext*, const v1::FenceRequest* request,
                     v1::FenceResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status ReportRegionState(grpc::ServerContext*, const v1::ReportRegionStateRequest* request,
                                 v1::ReportRegionStateResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status ListEvents(grpc::ServerContext*, const v1::ListEventsRequest* request,
                          v1::ListEventsResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status WhoHeld(grpc::ServerContext*, const v1::WhoHeldRequest* request,
                       v1::WhoHeldResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status ReportUsage(grpc::ServerContext*, const v1::ReportUsageRequest* request,
                           v1::ReportUsageResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status ListSessions(grpc::ServerContext*, const v1::ListSessionsRequest* request,
                            v1::ListSessionsResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status ListNodes(grpc::ServerContext*, const v1::ListNodesRequest* request,
                         v1::ListNodesResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status SetLimits(grpc::ServerContext*, const v1::SetLimitsRequest* request,
                         v1::SetLimitsResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status CreateCgroup(grpc::ServerContext*, const v1::CreateCgroupRequest* request,
                            v1::CreateCgroupResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status DeleteCgroup(grpc::ServerContext*, const v1::DeleteCgroupRequest* request,
                            v1::DeleteCgroupResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status EvictValuable(grpc::ServerContext*, const v1::EvictValuableRequest* request,
                             v1::EvictValuableResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status EvictCandidates(grpc::ServerContext*, const v1::EvictCandidatesRequest* request,
                               v1::EvictCandidatesResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status GetHeadroom(grpc::ServerContext*, const v1::GetHeadroomRequest* request,
                           v1::GetHeadroomResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status GetPool(grpc::ServerContext*, const v1::GetPoolRequest* request,
                       v1::GetPoolResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status ListPools(grpc::ServerContext*, const v1::ListPoolsRequest* request,
                         v1::ListPoolsResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status ListRegions(grpc::ServerContext*, const v1::ListRegionsRequest* request,
                           v1::ListRegionsResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status ListCgroups(grpc::ServerContext*, const v1::ListCgroupsRequest* request,
                           v1::ListCgroupsResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status ListCharges(grpc::ServerContext*, const v1::ListChargesRequest* request,
                           v1::ListChargesResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status ReadFile(grpc::ServerContext*, const v1::ReadFileRequest* request,
                        v1::ReadFileResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status WriteFile(grpc::ServerContext*, const v1::WriteFileRequest* request,
                         v1::WriteFileResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status Check(grpc::ServerContext*, const v1::CheckRequest* request,
                     v1::CheckResponse* response) override {
    return Reply(*request, response);
  }
  grpc::Status GetServerInfo(grpc::ServerContext*, const v1::GetServerInfoRequest* request,
                             v1::GetServerInfoResponse* response) override {
    return Reply(*request, response);
  }

 private:
  struct Scripted {
    absl::Status status;
    std::string response;  // Serialized.
  };

  grpc::Status Reply(const google::protobuf::Message& request,
                     google::protobuf::Message* response) {
    const std::lock_guard<std::mutex> lock(mutex_);
    requests_.push_back(
        absl::StrCat(request.GetDescriptor()->name(), " {", request.ShortDebugString(), "}"));
    std::deque<Scripted>& answers = script_[response->GetDescriptor()->name()];
    if (answers.empty()) {
      return grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "no answer is scripted for this call");
    }
    const Scripted answer = std::move(answers.front());
    answers.pop_front();
    if (!answer.status.ok()) return ToGrpcStatus(answer.status);
    response->ParseFromString(answer.response);
    return grpc::Status::OK;
  }

  mutable std::mutex mutex_;
  std::map<std::string, std::deque<Scripted>>
      script_;                         // By name of the response. Guarded by mutex_.
  std::vector<std::string> requests_;  // Guarded by mutex_.
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

FakeQuotaService::FakeQuotaService(const std::string& address)
    : impl_(std::make_unique<Impl>(address)) {}

FakeQuotaService::~FakeQuotaService() = default;

const std::string& FakeQuotaService::address() const { return impl_->address(); }

void FakeQuotaService::Answer(const google::protobuf::Message& response) {
  impl_->Script(response.GetDescriptor()->name(), absl::OkStatus(), response.SerializeAsString());
}

void FakeQuotaService::FailNamed(const std::string& response_name, const absl::Status& status) {
  impl_->Script(response_name, status, "");
}

std::vector<std::string> FakeQuotaService::requests() const { return impl_->requests(); }

std::string FakeQuotaService::last_request() const {
  const std::vector<std::string> all = requests();
  return all.empty() ? "" : all.back();
}

absl::Status WithDetail(absl::Status status, const google::protobuf::Message& detail) {
  status.SetPayload(absl::StrCat("type.googleapis.com/", detail.GetDescriptor()->full_name()),
                    absl::Cord(detail.SerializeAsString()));
  return status;
}

}  // namespace dmem::client
