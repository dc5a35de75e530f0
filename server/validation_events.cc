// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Validate of the calls on events.

#include "absl/strings/str_cat.h"
#include "core/names.h"
#include "server/field_checks.h"
#include "server/validation.h"

namespace dmem::server {

namespace {

constexpr size_t kKindsMax = 64;
constexpr size_t kPageTokenBytesMax = 1024;

absl::Status CheckFilter(const v1::EventFilter& filter) {
  if (!filter.cgroup().empty()) {
    DMEM_RETURN_IF_ERROR(CheckName(ValidateCgroupPath, Field("filter.cgroup"), filter.cgroup()));
  }
  if (!filter.region().empty()) {
    DMEM_RETURN_IF_ERROR(CheckName(ValidateRegionRef, Field("filter.region"), filter.region()));
  }
  if (!filter.charge_id().empty()) {
    DMEM_RETURN_IF_ERROR(
        CheckName(ValidateChargeId, Field("filter.charge_id"), filter.charge_id()));
  }
  if (filter.kinds_size() > 0)
    DMEM_RETURN_IF_ERROR(CheckCount("filter.kinds", filter.kinds_size(), kKindsMax));
  for (int i = 0; i < filter.kinds_size(); ++i) {
    DMEM_RETURN_IF_ERROR(CheckEnum(Field("filter.kinds", i, ""), filter.kinds(i),
                                   v1::EventKind_IsValid(filter.kinds(i)), "EventKind"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Validate(const v1::WatchRequest& request) {
  DMEM_RETURN_IF_ERROR(CheckFilter(request.filter()));
  if (request.after() && !request.has_from())
    return InvalidField("after", "true", "false without a place to watch from");
  return absl::OkStatus();
}

absl::Status Validate(const v1::ListEventsRequest& request) {
  DMEM_RETURN_IF_ERROR(CheckFilter(request.filter()));
  if (request.has_since()) DMEM_RETURN_IF_ERROR(CheckTimestamp(Field("since"), request.since()));
  if (request.has_until()) DMEM_RETURN_IF_ERROR(CheckTimestamp(Field("until"), request.until()));
  if (request.page_size() > static_cast<uint32_t>(kPageSizeMax))
    return InvalidField("page_size", absl::StrCat(request.page_size()), "0 to 1000");
  return CheckLength(Field("page_token"), request.page_token(), kPageTokenBytesMax);
}

}  // namespace dmem::server
