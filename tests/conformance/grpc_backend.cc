// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/conformance/grpc_backend.h"

#include <grpcpp/grpcpp.h>

#include <utility>

#include "absl/time/clock.h"
#include "dmem/v1/quota_service.grpc.pb.h"
#include "google/protobuf/util/time_util.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace dmem {
namespace conformance {
namespace {

constexpr uint64_t kUnlimitedBytes = 9223372036854775807;

// The error's own facts; no reason if it is not from a dmemd that is at work.
Failure FailureOf(const grpc::Status& status) {
  Failure failure;
  failure.text = status.error_message();
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE) return failure;
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  if (!details.ParseFromString(status.error_details())) return failure;
  for (const google::protobuf::Any& detail : details.details()) {
    if (!detail.UnpackTo(&info)) continue;
    failure.reason = info.reason();
    failure.facts.insert(info.metadata().begin(), info.metadata().end());
  }
  return failure;
}

PoolNumbers Numbers(const v1::Pool& pool) {
  PoolNumbers numbers;
  numbers.cgroup = pool.cgroup();
  numbers.usage = pool.usage_bytes();
  numbers.peak = pool.peak_bytes();
  numbers.min = pool.min_bytes();
  numbers.low = pool.low_bytes();
  numbers.max = pool.max_bytes();
  numbers.emin = pool.emin_bytes();
  numbers.elow = pool.elow_bytes();
  return numbers;
}

// Thread-compatible.
class GrpcBackend : public Backend {
 public:
  GrpcBackend(const std::string& address, absl::Duration patience)
      : patience_(patience),
        stub_(v1::QuotaService::NewStub(
            grpc::CreateChannel(address, grpc::InsecureChannelCredentials()))) {}

  Reply<Nothing> Register(const std::string& region, uint64_t capacity) override {
    v1::RegisterRequest request;
    request.mutable_region()->set_name(region);
    request.mutable_region()->set_capacity_bytes(capacity);
    request.mutable_region()->set_grantable_bytes(kUnlimitedBytes);
    v1::RegisterResponse response;
    return Call(&Stub::Register, request, &response);
  }

  Reply<Nothing> Unregister(const std::string& region, bool force) override {
    v1::UnregisterRequest request;
    request.set_region(region);
    request.set_force(force);
    v1::UnregisterResponse response;
    return Call(&Stub::Unregister, request, &response);
  }

  Reply<Nothing> Charge(const std::string& charge_id, const std::string& cgroup,
                        const std::string& region, uint64_t bytes) override {
    v1::ChargeRequest request;
    request.set_charge_id(charge_id);
    *request.mutable_created_at() = google::protobuf::util::TimeUtil::GetCurrentTime();
    v1::ChargeItem* item = request.add_items();
    item->set_cgroup(cgroup);
    item->set_region(region);
    item->set_bytes(bytes);
    v1::ChargeResponse response;
    return Call(&Stub::Charge, request, &response);
  }

  Reply<Uncharged> Uncharge(const std::string& charge_id) override {
    v1::UnchargeRequest request;
    request.add_charge_ids(charge_id);
    v1::UnchargeResponse response;
    const Reply<Nothing> reply = Call(&Stub::Uncharge, request, &response);
    if (!reply.ok()) return *reply.failure;
    Uncharged uncharged;
    if (response.results_size() != 1) return Failure{"", {}, "not one result of Uncharge"};
    switch (response.results(0).outcome()) {
      case v1::UNCHARGE_OUTCOME_RELEASED:
        uncharged.outcome = Released::kReleased;
        break;
      case v1::UNCHARGE_OUTCOME_ALREADY:
        uncharged.outcome = Released::kAlready;
        break;
      case v1::UNCHARGE_OUTCOME_NEVER_SEEN:
        uncharged.outcome = Released::kNeverSeen;
        break;
      default:
        return Failure{"", {}, "no outcome of Uncharge"};
    }
    uncharged.freed_cgroups.assign(response.freed_cgroups().begin(),
                                   response.freed_cgroups().end());
    return uncharged;
  }

  Reply<Nothing> SetLimit(const std::string& cgroup, const std::string& region, Limit which,
                          uint64_t bytes) override {
    v1::SetLimitsRequest request;
    v1::LimitsUpdate* update = request.add_updates();
    update->set_cgroup(cgroup);
    update->set_region(region);
    if (which == Limit::kMin) update->set_min_bytes(bytes);
    if (which == Limit::kLow) update->set_low_bytes(bytes);
    if (which == Limit::kMax) update->set_max_bytes(bytes);
    v1::SetLimitsResponse response;
    return Call(&Stub::SetLimits, request, &response);
  }

  Reply<uint64_t> CreateCgroup(const std::string& path) override {
    v1::CreateCgroupRequest request;
    request.set_path(path);
    v1::CreateCgroupResponse response;
    const Reply<Nothing> reply = Call(&Stub::CreateCgroup, request, &response);
    if (!reply.ok()) return *reply.failure;
    return response.cgroup().id();
  }

  Reply<Deleted> DeleteCgroup(const std::string& path) override {
    v1::DeleteCgroupRequest request;
    request.set_path(path);
    v1::DeleteCgroupResponse response;
    const Reply<Nothing> reply = Call(&Stub::DeleteCgroup, request, &response);
    if (!reply.ok()) return *reply.failure;
    return Deleted{response.id(), response.outcome() == v1::DeleteCgroupResponse::DYING};
  }

  Reply<Decision> EvictValuable(const absl::optional<std::string>& limit, const std::string& cgroup,
                                const std::string& region, bool ignore_low) override {
    v1::EvictValuableRequest request;
    if (limit.has_value()) request.set_limit_cgroup(*limit);
    request.set_cgroup(cgroup);
    request.set_region(region);
    request.set_ignore_low(ignore_low);
    v1::EvictValuableResponse response;
    const Reply<Nothing> reply = Call(&Stub::EvictValuable, request, &response);
    if (!reply.ok()) return *reply.failure;
    switch (response.decision()) {
      case v1::EvictValuableResponse::MAY_EVICT:
        return Decision::kMayEvict;
      case v1::EvictValuableResponse::PROTECTED_BY_LOW:
        return Decision::kProtectedByLow;
      case v1::EvictValuableResponse::PROTECTED_BY_MIN:
        return Decision::kProtectedByMin;
      case v1::EvictValuableResponse::OUTSIDE:
        return Decision::kOutside;
      default:
        return Failure{"", {}, "no decision of EvictValuable"};
    }
  }

  Reply<PoolNumbers> GetPool(const std::string& cgroup, const std::string& region,
                             const std::string& relative_to) override {
    v1::GetPoolRequest request;
    request.set_cgroup(cgroup);
    request.set_region(region);
    request.set_relative_to(relative_to);
    v1::GetPoolResponse response;
    const Reply<Nothing> reply = Call(&Stub::GetPool, request, &response);
    if (!reply.ok()) return *reply.failure;
    return Numbers(response.pool());
  }

  Reply<std::vector<PoolNumbers>> ListPools(const std::string& region,
                                            const std::string& relative_to) override {
    v1::ListPoolsRequest request;
    request.set_region(region);
    request.set_relative_to(relative_to);
    std::vector<PoolNumbers> pools;
    v1::ListPoolsResponse response;
    const Reply<Nothing> reply = CallForAllPages(&Stub::ListPools, request, &response, [&] {
      for (const v1::Pool& pool : response.pools()) pools.push_back(Numbers(pool));
    });
    if (!reply.ok()) return *reply.failure;
    return pools;
  }

  Reply<std::string> ReadFile(const std::string& cgroup, const std::string& file) override {
    v1::ReadFileRequest request;
    request.set_cgroup(cgroup);
    request.set_file(file);
    v1::ReadFileResponse response;
    const Reply<Nothing> reply = Call(&Stub::ReadFile, request, &response);
    if (!reply.ok()) return *reply.failure;
    return response.text();
  }

  Reply<uint64_t> WriteFile(const std::string& cgroup, const std::string& file,
                            const std::string& text) override {
    v1::WriteFileRequest request;
    request.set_cgroup(cgroup);
    request.set_file(file);
    request.set_text(text);
    v1::WriteFileResponse response;
    const Reply<Nothing> reply = Call(&Stub::WriteFile, request, &response);
    if (!reply.ok()) return *reply.failure;
    return response.value();
  }

  Reply<Inventory> List() override {
    Inventory inventory;
    v1::ListRegionsResponse regions;
    Reply<Nothing> reply =
        CallForAllPages(&Stub::ListRegions, v1::ListRegionsRequest(), &regions, [&] {
          for (const auto& region : regions.regions()) inventory.regions.push_back(region.name());
          for (const auto& group : regions.groups()) inventory.regions.push_back(group.name());
        });
    if (!reply.ok()) return *reply.failure;
    v1::ListCgroupsResponse cgroups;
    reply = CallForAllPages(&Stub::ListCgroups, v1::ListCgroupsRequest(), &cgroups, [&] {
      for (const auto& cgroup : cgroups.cgroups()) {
        if (cgroup.path() != "/") inventory.cgroups.push_back(cgroup.path());
      }
    });
    if (!reply.ok()) return *reply.failure;
    v1::ListChargesResponse charges;
    reply = CallForAllPages(&Stub::ListCharges, v1::ListChargesRequest(), &charges, [&] {
      for (const auto& charge : charges.charges()) inventory.charges.push_back(charge.charge_id());
    });
    if (!reply.ok()) return *reply.failure;
    return inventory;
  }

  Reply<std::vector<std::string>> Audit() override {
    v1::CheckResponse response;
    const Reply<Nothing> reply = Call(&Stub::Check, v1::CheckRequest(), &response);
    if (!reply.ok()) return *reply.failure;
    return std::vector<std::string>(response.violations().begin(), response.violations().end());
  }

 private:
  using Stub = v1::QuotaService::Stub;

  template <typename Request, typename Response>
  Reply<Nothing> Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                      const Request& request, Response* response) {
    grpc::ClientContext context;
    // Until the server is up; a call that it has taken is answered at once.
    context.set_wait_for_ready(true);
    context.set_deadline(absl::ToChronoTime(absl::Now() + patience_));
    const grpc::Status status = (stub_.get()->*method)(&context, request, response);
    if (!status.ok()) return FailureOf(status);
    return Nothing();
  }

  // Calls `use` with each page in *response.
  template <typename Request, typename Response, typename Use>
  Reply<Nothing> CallForAllPages(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                              Response*),
                                 Request request, Response* response, const Use& use) {
    while (true) {
      Reply<Nothing> reply = Call(method, request, response);
      if (!reply.ok()) return reply;
      use();
      if (response->next_page_token().empty()) return reply;
      request.set_page_token(response->next_page_token());
    }
  }

  const absl::Duration patience_;
  std::unique_ptr<Stub> stub_;
};

}  // namespace

std::unique_ptr<Backend> NewGrpcBackend(const std::string& address, absl::Duration patience) {
  return std::make_unique<GrpcBackend>(address, patience);
}

}  // namespace conformance
}  // namespace dmem
