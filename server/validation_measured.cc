// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Validate of the calls by which nodes tell what is really held.

#include "core/names.h"
#include "server/field_checks.h"
#include "server/validation.h"

namespace dmem::server {

namespace {

absl::Status CheckAtMost(absl::string_view field, size_t count, size_t max) {
  return count == 0 ? absl::OkStatus() : CheckCount(field, count, max);
}

}  // namespace

absl::Status Validate(const v1::ReportMeasuredRequest& request) {
  if (request.items_size() == 0) {
    DMEM_RETURN_IF_ERROR(CheckCount("regions", request.regions_size(), kItemsMax));
  }
  DMEM_RETURN_IF_ERROR(CheckAtMost("regions", request.regions_size(), kItemsMax));
  DMEM_RETURN_IF_ERROR(CheckAtMost("items", request.items_size(), kItemsMax));
  for (int i = 0; i < request.regions_size(); ++i) {
    const v1::MeasuredRegion& region = request.regions(i);
    DMEM_RETURN_IF_ERROR(
        CheckName(ValidateRegionRef, Field("regions", i, "region"), region.region()));
    DMEM_RETURN_IF_ERROR(CheckBytes(Field("regions", i, "used_bytes"), region.used_bytes()));
  }
  for (int i = 0; i < request.items_size(); ++i) {
    const v1::MeasuredItem& item = request.items(i);
    DMEM_RETURN_IF_ERROR(
        CheckName(ValidateChargeId, Field("items", i, "charge_id"), item.charge_id()));
    DMEM_RETURN_IF_ERROR(CheckName(ValidateCgroupRef, Field("items", i, "cgroup"), item.cgroup()));
    DMEM_RETURN_IF_ERROR(CheckName(ValidateRegionRef, Field("items", i, "region"), item.region()));
    DMEM_RETURN_IF_ERROR(CheckBytes(Field("items", i, "measured_bytes"), item.measured_bytes()));
  }
  DMEM_RETURN_IF_ERROR(CheckDistinct("regions", request.regions_size(), [&request](size_t i) {
    return Key(request.regions(static_cast<int>(i)).region(), absl::string_view(),
               absl::string_view());
  }));
  DMEM_RETURN_IF_ERROR(CheckDistinct("items", request.items_size(), [&request](size_t i) {
    const v1::MeasuredItem& item = request.items(static_cast<int>(i));
    return Key(item.charge_id(), item.cgroup(), item.region());
  }));
  return CheckCommandBytes(request.ByteSizeLong());
}

absl::Status Validate(const v1::MoveChargeRequest& request) {
  DMEM_RETURN_IF_ERROR(CheckName(ValidateChargeId, Field("charge_id"), request.charge_id()));
  DMEM_RETURN_IF_ERROR(CheckName(ValidateCgroupRef, Field("from_cgroup"), request.from_cgroup()));
  DMEM_RETURN_IF_ERROR(CheckName(ValidateCgroupRef, Field("to_cgroup"), request.to_cgroup()));
  if (request.to_cgroup() != request.from_cgroup()) return absl::OkStatus();
  return InvalidField("to_cgroup", request.to_cgroup(), "another than from_cgroup");
}

}  // namespace dmem::server
