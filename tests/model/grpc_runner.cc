// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/model/grpc_runner.h"

#include <grpcpp/grpcpp.h>

#include <map>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/util/time_util.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "tests/model/grpc_call.h"

namespace dmem {
namespace model {
namespace {

using google::protobuf::util::TimeUtil;

std::string WouldRefuseText(const google::protobuf::RepeatedPtrField<v1::WouldRefuse>& all) {
  std::string text;
  for (const v1::WouldRefuse& one : all) {
    Refusal refusal;
    refusal.cgroup = one.cgroup();
    refusal.region = one.region();
    refusal.item = one.item();
    refusal.usage = one.usage_bytes();
    refusal.max = one.max_bytes();
    refusal.requested = one.requested_bytes();
    refusal.short_by = one.short_bytes();
    refusal.largest_grantable = one.largest_grantable_bytes();
    absl::StrAppend(&text, " ", refusal.ToString());
  }
  return text;
}

v1::ChargeMode Translate(ChargeMode mode) {
  switch (mode) {
    case ChargeMode::kStrict:
      return v1::CHARGE_MODE_UNSPECIFIED;  // Which is STRICT.
    case ChargeMode::kCheckOnly:
      return v1::CHARGE_MODE_CHECK_ONLY;
    case ChargeMode::kForce:
      break;
  }
  return v1::CHARGE_MODE_FORCE;
}

}  // namespace

std::string ErrorText(const google::rpc::Status& error) {
  google::rpc::ErrorInfo info;
  for (const google::protobuf::Any& detail : error.details()) {
    if (detail.Is<google::rpc::ErrorInfo>()) detail.UnpackTo(&info);
  }
  return ErrorAnswer(
      absl::StatusCodeToString(static_cast<absl::StatusCode>(error.code())),
      info.reason().empty() ? error.message() : info.reason(),
      std::map<std::string, std::string>(info.metadata().begin(), info.metadata().end()));
}

std::string ErrorText(const grpc::Status& status) {
  google::rpc::Status error;
  // What is not a dmemd's error has no details.
  if (status.error_details().empty() || !error.ParseFromString(status.error_details())) {
    error.set_code(status.error_code());
    error.set_message(status.error_message());
  }
  return ErrorText(error);
}

std::string GrpcRunner::Apply(const Command& c) {
  switch (c.kind) {
    case Kind::kRegister:
      return Register(c);
    case Kind::kUnregister:
    case Kind::kCordon:
      return Unregister(c);
    case Kind::kRegisterGroup:
    case Kind::kUnregisterGroup:
      return Group(c);
    case Kind::kCharge:
      return Charge(c);
    case Kind::kUncharge:
      return Uncharge(c);
    case Kind::kResize:
      return Resize(c);
    case Kind::kSetLimits:
      return SetLimits(c);
    case Kind::kCreateCgroup:
    case Kind::kDeleteCgroup:
      return Cgroup(c);
    case Kind::kCommit:
      return Commit(c);
    case Kind::kCancel:
    case Kind::kRenew:
      return Reservation(c);
    case Kind::kRequestRelease:
      return RequestRelease(c);
    case Kind::kReportMeasured:
      return ReportMeasured(c);
    case Kind::kMoveCharge:
      return MoveCharge(c);
    case Kind::kReconcile:
      return Reconcile(c);
    case Kind::kOpenSession:
    case Kind::kCloseSession:
    case Kind::kDeclareNotReady:
    case Kind::kFence:
    case Kind::kReportRegionState:
      return Lease(c);
    case Kind::kResume:
    case Kind::kTick:
    case Kind::kConfigure:
      break;
  }
  return "not an RPC";
}

std::string GrpcRunner::Register(const Command& c) {
  v1::RegisterRequest request;
  request.set_session(c.session);
  v1::Region& region = *request.mutable_region();
  region.set_name(c.name);
  region.set_capacity_bytes(c.capacity);
  region.set_reserved_bytes(c.reserved);
  if (c.grantable.has_value()) region.set_grantable_bytes(*c.grantable);
  region.mutable_attributes()->set_node(c.node);
  region.set_parent(c.parent);
  region.set_incarnation(c.incarnation);
  region.set_cordoned(c.flag);
  return Call(stub_, &Stub::Register, request, [](const v1::RegisterResponse& response) {
    return absl::StrCat("OK created=", response.created(), DroppedText(response));
  });
}

std::string GrpcRunner::Unregister(const Command& c) {
  if (c.kind == Kind::kCordon) {
    v1::CordonRequest request;
    request.set_region(c.name);
    request.set_uncordon(!c.flag);
    return Call(stub_, &Stub::Cordon, request, [](const v1::CordonResponse&) { return "OK"; });
  }
  v1::UnregisterRequest request;
  request.set_region(c.name);
  request.set_force(c.flag);
  return Call(stub_, &Stub::Unregister, request, [](const v1::UnregisterResponse& response) {
    return absl::StrCat("OK id=", response.id(), " removed=", response.removed(),
                        DroppedText(response));
  });
}

std::string GrpcRunner::Group(const Command& c) {
  if (c.kind == Kind::kUnregisterGroup) {
    v1::UnregisterGroupRequest request;
    request.set_name(c.name);
    return Call(stub_, &Stub::UnregisterGroup, request,
                [](const v1::UnregisterGroupResponse&) { return "OK"; });
  }
  v1::RegisterGroupRequest request;
  request.set_name(c.name);
  request.set_parent(c.parent);
  return Call(stub_, &Stub::RegisterGroup, request, [](const v1::RegisterGroupResponse& response) {
    return absl::StrCat("OK created=", response.created());
  });
}

std::string GrpcRunner::Charge(const Command& c) {
  v1::ChargeRequest request;
  request.set_charge_id(c.charge_id);
  *request.mutable_created_at() = TimeUtil::MicrosecondsToTimestamp(c.created_at_us);
  for (const Item& item : c.items) {
    v1::ChargeItem& out = *request.add_items();
    out.set_cgroup(item.cgroup);
    out.set_region(item.region);
    out.set_bytes(item.bytes);
    if (item.incarnation.has_value()) out.set_region_incarnation(*item.incarnation);
  }
  request.set_mode(Translate(c.mode));
  request.mutable_owner()->set_name(c.owner);
  if (c.priority.has_value()) request.set_priority(*c.priority);
  request.set_preemptible(c.preemptible);
  if (c.is_measured) request.set_basis(v1::BASIS_MEASURED);
  if (c.ttl_us > 0) *request.mutable_ttl() = TimeUtil::MicrosecondsToDuration(c.ttl_us);
  request.set_session(c.session);
  if (c.charge_id.size() % 2 == 0) {
    v1::BatchChargeRequest batch;
    *batch.add_charges() = request;
    return Call(stub_, &Stub::BatchCharge, batch, [](const v1::BatchChargeResponse& response) {
      if (response.results_size() != 1) return absl::StrCat(response.results_size(), " results");
      const v1::BatchChargeResult& result = response.results(0);
      if (result.has_error()) return ErrorText(result.error());
      if (result.replayed()) return std::string("OK replayed");
      return absl::StrCat("OK", WouldRefuseText(result.would_refuse()));
    });
  }
  return Call(stub_, &Stub::Charge, request, [](const v1::ChargeResponse& response) {
    if (response.replayed()) return std::string("OK replayed");
    return absl::StrCat("OK", WouldRefuseText(response.would_refuse()));
  });
}

std::string GrpcRunner::Commit(const Command& c) {
  v1::CommitRequest request;
  request.set_charge_id(c.charge_id);
  request.set_commit_id(c.commit_id);
  for (const Placement& placement : c.placements) {
    v1::Placement& out = *request.add_placements();
    out.set_cgroup(placement.cgroup);
    out.set_reserved_in(placement.reserved_in);
    out.set_region(placement.region);
    out.set_bytes(placement.bytes);
    if (placement.incarnation.has_value()) out.set_region_incarnation(*placement.incarnation);
  }
  return Call(stub_, &Stub::Commit, request, [](const v1::CommitResponse& response) {
    if (response.replayed()) return std::string("OK replayed");
    return absl::StrCat("OK placed=", response.placed_bytes(),
                        " given_back=", response.given_back_bytes(),
                        WouldRefuseText(response.would_refuse()));
  });
}

std::string GrpcRunner::Reservation(const Command& c) {
  if (c.kind == Kind::kRenew) {
    v1::RenewRequest request;
    request.set_charge_id(c.charge_id);
    *request.mutable_ttl() = TimeUtil::MicrosecondsToDuration(c.ttl_us);
    return Call(stub_, &Stub::Renew, request, [](const v1::RenewResponse&) { return "OK"; });
  }
  v1::CancelRequest request;
  request.set_charge_id(c.charge_id);
  return Call(stub_, &Stub::Cancel, request, [](const v1::CancelResponse& response) {
    // Without "CANCEL_OUTCOME_".
    return absl::StrCat("OK ", v1::CancelOutcome_Name(response.outcome()).substr(15), " ",
                        response.cancelled_bytes(),
                        " freed: ", absl::StrJoin(response.freed_cgroups(), ", "));
  });
}

std::string GrpcRunner::RequestRelease(const Command& c) {
  v1::RequestReleaseRequest request;
  for (const std::string& id : c.charge_ids) request.add_charge_ids(id);
  request.set_requested_by(c.owner);
  request.set_reason(c.reason);
  return Call(stub_, &Stub::RequestRelease, request,
              [](const v1::RequestReleaseResponse& response) {
                std::vector<std::string> outcomes;
                for (const v1::RequestReleaseResult& result : response.results()) {
                  // Without "RELEASE_OUTCOME_".
                  outcomes.push_back(v1::ReleaseOutcome_Name(result.outcome()).substr(16));
                }
                return absl::StrCat("OK ", absl::StrJoin(outcomes, ", "));
              });
}

std::string GrpcRunner::Uncharge(const Command& c) {
  v1::UnchargeRequest request;
  for (const std::string& id : c.charge_ids) request.add_charge_ids(id);
  request.set_session(c.session);
  request.set_evidence(c.reason);
  return Call(stub_, &Stub::Uncharge, request, [](const v1::UnchargeResponse& response) {
    std::vector<std::string> outcomes;
    for (const v1::UnchargeResult& result : response.results()) {
      // Without "UNCHARGE_OUTCOME_".
      outcomes.push_back(v1::UnchargeOutcome_Name(result.outcome()).substr(17));
    }
    return absl::StrCat("OK ", absl::StrJoin(outcomes, ", "),
                        " freed: ", absl::StrJoin(response.freed_cgroups(), ", "));
  });
}

std::string GrpcRunner::Resize(const Command& c) {
  v1::ResizeRequest request;
  request.set_session(c.session);
  request.set_mode(Translate(c.mode));
  for (const NewSize& size : c.sizes) {
    v1::ResizeItem& out = *request.add_items();
    out.set_charge_id(size.charge_id);
    out.set_cgroup(size.cgroup);
    out.set_region(size.region);
    out.set_bytes(size.bytes);
    if (size.expected.has_value()) out.set_expected_bytes(*size.expected);
  }
  return Call(stub_, &Stub::Resize, request, [](const v1::ResizeResponse& response) {
    return absl::StrCat("OK ",
                        absl::StrJoin(response.charges(), ", ",
                                      [](std::string* out, const v1::Charge& charge) {
                                        out->append(charge.charge_id());
                                      }),
                        WouldRefuseText(response.would_refuse()));
  });
}

std::string GrpcRunner::SetLimits(const Command& c) {
  v1::SetLimitsRequest request;
  request.set_below_usage(c.flag ? v1::BELOW_USAGE_POLICY_APPLY
                                 : v1::BELOW_USAGE_POLICY_UNSPECIFIED);
  request.set_validate_only(c.validate_only);
  for (const LimitChange& change : c.limits) {
    v1::LimitsUpdate& out = *request.add_updates();
    out.set_cgroup(change.cgroup);
    out.set_region(change.region);
    if (change.min.has_value()) out.set_min_bytes(*change.min);
    if (change.low.has_value()) out.set_low_bytes(*change.low);
    if (change.max.has_value()) out.set_max_bytes(*change.max);
    if (change.observe.has_value()) {
      out.set_enforcement(*change.observe ? v1::ENFORCEMENT_OBSERVE : v1::ENFORCEMENT_ENFORCE);
    }
    if (change.etag.has_value()) out.set_etag(*change.etag);
  }
  return Call(stub_, &Stub::SetLimits, request, [](const v1::SetLimitsResponse& response) {
    std::string answer = "OK";
    for (const v1::Pool& pool : response.pools()) {
      absl::StrAppend(
          &answer, " {", pool.cgroup(), ":", pool.region(), " usage=", pool.usage_bytes(),
          " min=", pool.min_bytes(), " low=", pool.low_bytes(), " max=", pool.max_bytes(),
          " observed=", pool.enforcement() == v1::ENFORCEMENT_OBSERVE, " etag=", pool.etag(), "}");
    }
    return answer;
  });
}

std::string GrpcRunner::Cgroup(const Command& c) {
  if (c.kind == Kind::kCreateCgroup) {
    v1::CreateCgroupRequest request;
    request.set_path(c.name);
    if (c.priority.has_value()) request.set_priority(*c.priority);
    return Call(stub_, &Stub::CreateCgroup, request, [](const v1::CreateCgroupResponse& response) {
      return absl::StrCat("OK id=", response.cgroup().id());
    });
  }
  v1::DeleteCgroupRequest request;
  request.set_path(c.name);
  return Call(stub_, &Stub::DeleteCgroup, request, [](const v1::DeleteCgroupResponse& response) {
    return absl::StrCat("OK id=", response.id(), " ",
                        v1::DeleteCgroupResponse::Outcome_Name(response.outcome()));
  });
}

std::string GrpcRunner::ReportMeasured(const Command& c) {
  v1::ReportMeasuredRequest request;
  request.set_session(c.session);
  for (const SeenRegion& seen : c.seen_regions) {
    v1::MeasuredRegion& out = *request.add_regions();
    out.set_region(seen.region);
    out.set_used_bytes(seen.used);
    out.set_items_measured(seen.items_measured);
  }
  for (const SeenItem& seen : c.seen_items) {
    v1::MeasuredItem& out = *request.add_items();
    out.set_charge_id(seen.charge_id);
    out.set_cgroup(seen.cgroup);
    out.set_region(seen.region);
    out.set_measured_bytes(seen.bytes);
  }
  return Call(stub_, &Stub::ReportMeasured, request,
              [](const v1::ReportMeasuredResponse& response) {
                return absl::StrCat("OK unknown: ", absl::StrJoin(response.unknown_items(), ", "));
              });
}

std::string GrpcRunner::MoveCharge(const Command& c) {
  v1::MoveChargeRequest request;
  request.set_session(c.session);
  request.set_charge_id(c.charge_id);
  request.set_from_cgroup(c.name);
  request.set_to_cgroup(c.parent);
  return Call(stub_, &Stub::MoveCharge, request, [](const v1::MoveChargeResponse& response) {
    return absl::StrCat("OK moved=", response.moved_items(),
                        " freed: ", absl::StrJoin(response.freed_cgroups(), ", "));
  });
}

HeadroomAnswer GrpcRunner::Headroom(const Shape& shape) {
  v1::GetHeadroomRequest request;
  request.set_cgroup(shape.cgroup);
  request.set_region(shape.region);
  request.set_items(static_cast<uint32_t>(shape.items));
  request.set_bytes(shape.bytes);
  request.set_same_node(shape.same_node);
  HeadroomAnswer answer;
  answer.error =
      Call(stub_, &Stub::GetHeadroom, request, [&answer](const v1::GetHeadroomResponse& response) {
        answer.count = response.count();
        answer.count_at_most = response.count_at_most();
        answer.hole = response.hole_bytes();
        answer.is_exact = response.exact();
        return std::string();
      });
  return answer;
}

}  // namespace model
}  // namespace dmem
