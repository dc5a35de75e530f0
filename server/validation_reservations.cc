// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Validate of the calls on reservations and on the release of charges.

#include "core/names.h"
#include "server/field_checks.h"
#include "server/validation.h"

namespace dmem::server {

namespace {

constexpr size_t kCommitIdBytesMax = 64;
constexpr size_t kRequestedByBytesMax = 253;
constexpr size_t kReasonBytesMax = 1024;

absl::Status CheckPlacement(const v1::CommitRequest& request, int i) {
  const v1::Placement& placement = request.placements(i);
  DMEM_RETURN_IF_ERROR(
      CheckName(ValidateCgroupRef, Field("placements", i, "cgroup"), placement.cgroup()));
  if (!placement.reserved_in().empty()) {
    DMEM_RETURN_IF_ERROR(CheckName(ValidateRegionRef, Field("placements", i, "reserved_in"),
                                   placement.reserved_in()));
  }
  DMEM_RETURN_IF_ERROR(
      CheckName(ValidateRegionRef, Field("placements", i, "region"), placement.region()));
  return CheckBytes(Field("placements", i, "bytes"), placement.bytes());
}

}  // namespace

absl::Status CheckReservationTtl(const google::protobuf::Duration& ttl) {
  return CheckDuration(Field("ttl"), ttl, kReservationSecondsMin, kReservationSecondsMax);
}

absl::Status Validate(const v1::CommitRequest& request) {
  DMEM_RETURN_IF_ERROR(CheckName(ValidateChargeId, Field("charge_id"), request.charge_id()));
  DMEM_RETURN_IF_ERROR(CheckName(ValidateChargeId, Field("commit_id"), request.commit_id()));
  DMEM_RETURN_IF_ERROR(CheckLength(Field("commit_id"), request.commit_id(), kCommitIdBytesMax));
  if (request.placements_size() > 0)
    DMEM_RETURN_IF_ERROR(CheckCount("placements", request.placements_size(), kItemsMax));
  for (int i = 0; i < request.placements_size(); ++i)
    DMEM_RETURN_IF_ERROR(CheckPlacement(request, i));
  DMEM_RETURN_IF_ERROR(CheckDistinct("placements", request.placements_size(), [&request](size_t i) {
    const v1::Placement& placement = request.placements(static_cast<int>(i));
    return Key(placement.cgroup(), placement.region(), placement.reserved_in());
  }));
  return CheckCommandBytes(request.ByteSizeLong());
}

absl::Status Validate(const v1::CancelRequest& request) {
  return CheckName(ValidateChargeId, Field("charge_id"), request.charge_id());
}

absl::Status Validate(const v1::RenewRequest& request) {
  DMEM_RETURN_IF_ERROR(CheckName(ValidateChargeId, Field("charge_id"), request.charge_id()));
  return CheckReservationTtl(request.ttl());
}

absl::Status Validate(const v1::RequestReleaseRequest& request) {
  DMEM_RETURN_IF_ERROR(CheckCount("charge_ids", request.charge_ids_size(), kItemsMax));
  for (int i = 0; i < request.charge_ids_size(); ++i) {
    DMEM_RETURN_IF_ERROR(
        CheckName(ValidateChargeId, Field("charge_ids", i, ""), request.charge_ids(i)));
  }
  DMEM_RETURN_IF_ERROR(
      CheckText(Field("requested_by"), request.requested_by(), kRequestedByBytesMax));
  DMEM_RETURN_IF_ERROR(CheckText(Field("reason"), request.reason(), kReasonBytesMax));
  return CheckDistinct("charge_ids", request.charge_ids_size(), [&request](size_t i) {
    return Key(request.charge_ids(static_cast<int>(i)), absl::string_view(), absl::string_view());
  });
}

absl::Status Validate(const v1::UnchargeItemsRequest& request) {
  if (request.session() == 0) return InvalidField("session", "0", "the id of a session");
  DMEM_RETURN_IF_ERROR(CheckName(ValidateChargeId, Field("charge_id"), request.charge_id()));
  DMEM_RETURN_IF_ERROR(CheckRegionNames(request.regions(), kItemsMax));
  return CheckText(Field("evidence"), request.evidence(), kReasonBytesMax);
}

}  // namespace dmem::server
