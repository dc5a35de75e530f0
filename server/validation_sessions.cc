// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What is wrong with requests on sessions and nodes in any state.

#include "absl/strings/str_cat.h"
#include "core/names.h"
#include "server/field_checks.h"
#include "server/validation.h"

namespace dmem::server {

namespace {

constexpr size_t kOwnerBytesMax = 253;
constexpr size_t kNonceBytesMax = 64;
constexpr size_t kWhyBytesMax = 1024;
constexpr int64_t kTtlSecondsMin = 10;
constexpr int64_t kTtlSecondsMax = 600;

absl::Status CheckSession(uint64_t session) {
  if (session != 0) return absl::OkStatus();
  return InvalidField("session", "0", "the id of a session");
}

absl::Status CheckNode(absl::string_view node) {
  DMEM_RETURN_IF_ERROR(CheckText(Field("node"), node, kAttributeBytesMax));
  return CheckAttribute("node", node);
}

}  // namespace

absl::Status Validate(const v1::OpenSessionRequest& request) {
  DMEM_RETURN_IF_ERROR(CheckText(Field("owner"), request.owner(), kOwnerBytesMax));
  DMEM_RETURN_IF_ERROR(CheckAttribute("node", request.node()));
  if (request.node().empty() != (request.incarnation() == 0)) {
    return InvalidField("incarnation", absl::StrCat(request.incarnation()),
                        request.node().empty() ? "0 without a node" : "more than 0 with a node");
  }
  if (request.has_ttl()) {
    DMEM_RETURN_IF_ERROR(
        CheckDuration(Field("ttl"), request.ttl(), kTtlSecondsMin, kTtlSecondsMax));
  }
  DMEM_RETURN_IF_ERROR(CheckText(Field("nonce"), request.nonce(), kNonceBytesMax));
  return CheckAttribute("nonce", request.nonce());
}

absl::Status Validate(const v1::KeepAliveRequest& request) {
  return CheckSession(request.session());
}

absl::Status Validate(const v1::CloseSessionRequest& request) {
  return CheckSession(request.session());
}

absl::Status Validate(const v1::DeclareNotReadyRequest& request) {
  DMEM_RETURN_IF_ERROR(CheckNode(request.node()));
  return CheckLength(Field("why"), request.why(), kWhyBytesMax);
}

absl::Status Validate(const v1::FenceRequest& request) {
  DMEM_RETURN_IF_ERROR(CheckNode(request.node()));
  return CheckText(Field("evidence"), request.evidence(), kWhyBytesMax);
}

absl::Status Validate(const v1::ReportRegionStateRequest& request) {
  DMEM_RETURN_IF_ERROR(CheckSession(request.session()));
  DMEM_RETURN_IF_ERROR(CheckName(ValidateRegionRef, Field("region"), request.region()));
  return CheckLength(Field("why"), request.why(), kWhyBytesMax);
}

absl::Status Validate(const v1::ListSessionsRequest& request) {
  DMEM_RETURN_IF_ERROR(CheckAttribute("node", request.node()));
  return CheckPage(request.page_size(), request.page_token());
}

absl::Status Validate(const v1::ListNodesRequest& request) {
  DMEM_RETURN_IF_ERROR(CheckAttribute("node", request.node()));
  return CheckPage(request.page_size(), request.page_token());
}

}  // namespace dmem::server
