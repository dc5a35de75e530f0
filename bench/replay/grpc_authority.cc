// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "bench/replay/grpc_authority.h"

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "dmem/v1/quota_service.grpc.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace dmem::replay {
namespace {

// gRPC's own retries: it makes at most five attempts, here after 0.2, 0.8, 3.2 and 10 s (each
// shortened by a random part).
constexpr char kServiceConfig[] = R"({"methodConfig": [{
  "name": [{"service": "dmem.v1.QuotaService"}],
  "retryPolicy": {
    "maxAttempts": 5, "initialBackoff": "0.2s", "maxBackoff": "10s", "backoffMultiplier": 4,
    "retryableStatusCodes": ["UNAVAILABLE"]
  }}]})";

// For a call with all its attempts; without a server the first call fails after this long.
constexpr std::chrono::seconds kDeadline{30};
constexpr size_t kOwnerBytesMax = 253;
constexpr size_t kLabelBytesMax = 255;

constexpr char kErrorDomain[] = "dmemd";

// The reason that dmemd gave; empty where the error is not dmemd's.
std::string Reason(const grpc::Status& status) {
  google::rpc::Status details;
  if (!details.ParseFromString(status.error_details())) return "";
  for (const google::protobuf::Any& detail : details.details()) {
    google::rpc::ErrorInfo info;
    if (detail.UnpackTo(&info) && info.domain() == kErrorDomain) return info.reason();
  }
  return "";
}

// Whether a counter refused, rather than a bound on objects or on messages.
bool IsRefusal(const grpc::Status& status) {
  if (status.error_code() != grpc::StatusCode::RESOURCE_EXHAUSTED) return false;
  const std::string reason = Reason(status);
  return reason == "MAX_EXCEEDED" || reason == "CAPACITY" || reason == "COUNTER_OVERFLOW";
}

absl::Status ToStatus(absl::string_view asked, const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      absl::StrCat(asked, ": ", status.error_message()));
}

absl::StatusOr<Verdict> ToVerdict(absl::string_view asked, const grpc::Status& status) {
  if (status.ok()) return Verdict{};
  if (IsRefusal(status)) return Verdict{false, status.error_message()};
  return ToStatus(asked, status);
}

std::string Shortened(const std::string& text, size_t bytes_max) {
  // Not in the middle of a UTF-8 sequence.
  size_t end = std::min(text.size(), bytes_max);
  while (end < text.size() && end > 0 && (text[end] & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

}  // namespace

struct GrpcAuthority::Rpc {
  template <typename Request, typename Response>
  using Method = grpc::Status (v1::QuotaService::Stub::*)(grpc::ClientContext*, const Request&,
                                                          Response*);

  // Calls and waits for the answer.
  template <typename Request, typename Response>
  grpc::Status Call(Method<Request, Response> method, const Request& request, Response* response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kDeadline);
    context.set_wait_for_ready(true);  // A server that is just starting is waited for.
    return ((*stub).*method)(&context, request, response);
  }

  std::unique_ptr<v1::QuotaService::Stub> stub;
};

GrpcAuthority::GrpcAuthority(const std::string& server, std::function<absl::Time()> clock)
    : rpc_(std::make_unique<Rpc>()), clock_(std::move(clock)) {
  grpc::ChannelArguments arguments;
  arguments.SetServiceConfigJSON(kServiceConfig);
  rpc_->stub = v1::QuotaService::NewStub(
      grpc::CreateCustomChannel(server, grpc::InsecureChannelCredentials(), arguments));
}

GrpcAuthority::~GrpcAuthority() = default;

absl::Status GrpcAuthority::RegisterGroup(const std::string& name, const std::string& parent) {
  v1::RegisterGroupRequest request;
  request.set_name(name);
  request.set_parent(parent);
  v1::RegisterGroupResponse response;
  return ToStatus(absl::StrCat("registering group \"", name, "\""),
                  rpc_->Call(&v1::QuotaService::Stub::RegisterGroup, request, &response));
}

absl::Status GrpcAuthority::RegisterRegion(const RegionOrder& region) {
  v1::RegisterRequest request;
  request.mutable_region()->set_name(region.name);
  request.mutable_region()->set_parent(region.parent);
  request.mutable_region()->set_capacity_bytes(region.capacity_bytes);
  request.mutable_region()->mutable_attributes()->set_node(region.node);
  request.mutable_region()->mutable_attributes()->set_model(region.model);
  v1::RegisterResponse response;
  return ToStatus(absl::StrCat("registering region \"", region.name, "\""),
                  rpc_->Call(&v1::QuotaService::Stub::Register, request, &response));
}

absl::Status GrpcAuthority::CreateCgroup(const std::string& path) {
  v1::CreateCgroupRequest request;
  request.set_path(path);
  v1::CreateCgroupResponse response;
  const grpc::Status status = rpc_->Call(&v1::QuotaService::Stub::CreateCgroup, request, &response);
  if (status.error_code() == grpc::StatusCode::ALREADY_EXISTS) return absl::OkStatus();
  return ToStatus(absl::StrCat("creating cgroup \"", path, "\""), status);
}

absl::StatusOr<Verdict> GrpcAuthority::Charge(const ChargeOrder& charge) {
  v1::ChargeRequest request;
  request.set_charge_id(charge.charge_id);
  const absl::Time now = clock_();
  const int64_t nanos = absl::ToUnixNanos(now);
  request.mutable_created_at()->set_seconds(nanos / 1000000000);
  request.mutable_created_at()->set_nanos(static_cast<int32_t>(nanos % 1000000000));
  for (const ItemOrder& order : charge.items) {
    v1::ChargeItem* item = request.add_items();
    item->set_cgroup(order.cgroup);
    item->set_region(order.region);
    item->set_bytes(order.bytes);
  }
  request.mutable_owner()->set_kind("Pod");
  request.mutable_owner()->set_name(Shortened(charge.owner, kOwnerBytesMax));
  if (!charge.qos.empty()) {
    (*request.mutable_labels())["qos"] = Shortened(charge.qos, kLabelBytesMax);
  }
  v1::ChargeResponse response;
  return ToVerdict(absl::StrCat("charge \"", charge.charge_id, "\""),
                   rpc_->Call(&v1::QuotaService::Stub::Charge, request, &response));
}

absl::StatusOr<Verdict> GrpcAuthority::Resize(const std::string& charge_id, const ItemOrder& item) {
  v1::ResizeRequest request;
  v1::ResizeItem* resize = request.add_items();
  resize->set_charge_id(charge_id);
  resize->set_cgroup(item.cgroup);
  resize->set_region(item.region);
  resize->set_bytes(item.bytes);
  v1::ResizeResponse response;
  return ToVerdict(absl::StrCat("resizing charge \"", charge_id, "\" to ", item.bytes, " bytes"),
                   rpc_->Call(&v1::QuotaService::Stub::Resize, request, &response));
}

absl::Status GrpcAuthority::Uncharge(const std::string& charge_id) {
  v1::UnchargeRequest request;
  request.add_charge_ids(charge_id);
  v1::UnchargeResponse response;
  const std::string asked = absl::StrCat("uncharging \"", charge_id, "\"");
  const grpc::Status status = rpc_->Call(&v1::QuotaService::Stub::Uncharge, request, &response);
  if (!status.ok()) return ToStatus(asked, status);
  // ALREADY is what a retry of an answered call gets.
  if (response.results_size() != 1 ||
      (response.results(0).outcome() != v1::UNCHARGE_OUTCOME_RELEASED &&
       response.results(0).outcome() != v1::UNCHARGE_OUTCOME_ALREADY)) {
    return absl::InternalError(absl::StrCat(asked, ": the server, which granted it, answers ",
                                            response.ShortDebugString()));
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> GrpcAuthority::PeakBytes(const std::string& cgroup,
                                                  const std::string& region) {
  v1::GetPoolRequest request;
  request.set_cgroup(cgroup);
  request.set_region(region);
  v1::GetPoolResponse response;
  const grpc::Status status = rpc_->Call(&v1::QuotaService::Stub::GetPool, request, &response);
  if (!status.ok()) {
    return ToStatus(absl::StrCat("reading the pool of \"", cgroup, "\" in \"", region, "\""),
                    status);
  }
  return response.pool().peak_bytes();
}

absl::StatusOr<LiveCharges> GrpcAuthority::CountLive(const std::string& group,
                                                     const std::string& id_prefix) {
  v1::ListChargesRequest request;
  request.set_region(group);
  LiveCharges live;
  do {
    v1::ListChargesResponse response;
    const grpc::Status status =
        rpc_->Call(&v1::QuotaService::Stub::ListCharges, request, &response);
    if (!status.ok()) return ToStatus(absl::StrCat("listing charges in \"", group, "\""), status);
    for (const v1::Charge& charge : response.charges()) {
      if (!absl::StartsWith(charge.charge_id(), id_prefix)) continue;
      ++live.charges;
      for (const v1::ChargeItem& item : charge.items()) live.bytes += item.bytes();
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return live;
}

}  // namespace dmem::replay
