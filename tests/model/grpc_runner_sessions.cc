// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The part of GrpcRunner that is about sessions, nodes, and what nodes hold.

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/util/time_util.h"
#include "tests/model/grpc_call.h"
#include "tests/model/grpc_runner.h"

namespace dmem {
namespace model {
namespace {

using google::protobuf::util::TimeUtil;

FoundDifference Translate(const v1::Difference& difference) {
  FoundDifference found;
  found.kind = v1::Difference::Kind_Name(difference.kind());
  found.charge_id = difference.charge_id();
  found.new_id = difference.new_charge_id();
  found.cgroup = difference.cgroup();
  found.known_cgroup = difference.known_cgroup();
  found.region = difference.region();
  found.known = difference.known_bytes();
  found.held = difference.held_bytes();
  found.charge_ended = difference.charge_ended();
  return found;
}

}  // namespace

std::string GrpcRunner::Lease(const Command& c) {
  switch (c.kind) {
    case Kind::kOpenSession: {
      v1::OpenSessionRequest request;
      request.set_owner(c.owner);
      request.set_node(c.node);
      request.set_incarnation(c.incarnation);
      *request.mutable_ttl() = TimeUtil::MicrosecondsToDuration(c.ttl_us);
      request.set_nonce(c.nonce);
      return Call(stub_, &Stub::OpenSession, request, [](const v1::OpenSessionResponse& response) {
        const uint64_t id = response.session().id();
        if (response.replayed()) return absl::StrCat("OK replayed ", id);
        return absl::StrCat("OK opened ", id, " took_over=", response.took_over(),
                            DroppedText(response));
      });
    }
    case Kind::kCloseSession: {
      v1::CloseSessionRequest request;
      request.set_session(c.session);
      return Call(stub_, &Stub::CloseSession, request,
                  [](const v1::CloseSessionResponse&) { return "OK"; });
    }
    case Kind::kDeclareNotReady: {
      v1::DeclareNotReadyRequest request;
      request.set_node(c.node);
      request.set_ready(!c.flag);
      request.set_why("why");
      return Call(stub_, &Stub::DeclareNotReady, request,
                  [](const v1::DeclareNotReadyResponse&) { return "OK"; });
    }
    case Kind::kFence: {
      v1::FenceRequest request;
      request.set_node(c.node);
      request.set_incarnation(c.fenced_incarnation.value_or(0));
      request.set_evidence("evidence");
      request.set_forget(c.flag);
      return Call(stub_, &Stub::Fence, request, [](const v1::FenceResponse& response) {
        return absl::StrCat("OK session=", response.session(),
                            " fenced=", response.fenced_incarnation(),
                            " regions=", response.regions(), DroppedText(response));
      });
    }
    default:
      break;
  }
  v1::ReportRegionStateRequest request;
  request.set_session(c.session);
  request.set_region(c.name);
  request.set_failed(c.flag);
  request.set_why("why");
  return Call(stub_, &Stub::ReportRegionState, request,
              [](const v1::ReportRegionStateResponse&) { return "OK"; });
}

std::string GrpcRunner::Reconcile(const Command& c) {
  v1::ReconcileRequest request;
  request.set_session(c.session);
  request.set_reconcile_id(c.list_id);
  request.set_as_of(c.as_of);
  request.set_part(static_cast<uint32_t>(c.part));
  request.set_last(c.last);
  for (const HeldItem& held : c.held) {
    v1::HeldItem& item = *request.add_items();
    item.set_charge_id(held.charge_id);
    item.set_cgroup(held.cgroup);
    item.set_region(held.region);
    item.set_bytes(held.bytes);
    *item.mutable_created_at() = TimeUtil::MicrosecondsToTimestamp(held.created_at_us);
    item.mutable_owner()->set_name(held.owner);
    if (held.priority.has_value()) item.set_priority(*held.priority);
    item.set_preemptible(held.preemptible);
    if (held.is_measured) item.set_basis(v1::BASIS_MEASURED);
  }
  const std::string answer =
      Call(stub_, &Stub::Reconcile, request, [](const v1::ReconcileResponse& response) {
        std::vector<std::string> found;
        for (const v1::Difference& difference : response.differences()) {
          found.push_back(Translate(difference).ToString());
        }
        if (response.differences_total() != found.size()) found.push_back("another count");
        return absl::StrCat("OK ", absl::StrJoin(found, " "),
                            " freed: ", absl::StrJoin(response.freed_cgroups(), ", "));
      });
  if (absl::StartsWith(answer, "OK")) return answer;
  // Code and reason: without a counter's numbers.
  const std::vector<std::string> words = absl::StrSplit(answer, absl::MaxSplits(' ', 2));
  return words.size() < 2 ? answer : absl::StrCat(words[0], " ", words[1]);
}

}  // namespace model
}  // namespace dmem
