// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Validate of the calls on events.

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
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

std::string FormatTime(const google::protobuf::Timestamp& time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ",
                          absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos()),
                          absl::UTCTimeZone());
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

absl::Status Validate(const v1::WhoHeldRequest& request) {
  DMEM_RETURN_IF_ERROR(CheckName(ValidateRegionName, Field("region"), request.region()));
  if (request.has_at()) DMEM_RETURN_IF_ERROR(CheckTimestamp(Field("at"), request.at()));
  if (!request.cgroup().empty())
    DMEM_RETURN_IF_ERROR(CheckName(ValidateCgroupPath, Field("cgroup"), request.cgroup()));
  if (request.page_size() > static_cast<uint32_t>(kPageSizeMax))
    return InvalidField("page_size", absl::StrCat(request.page_size()), "0 to 1000");
  return CheckLength(Field("page_token"), request.page_token(), kPageTokenBytesMax);
}

absl::Status Validate(const v1::ReportUsageRequest& request) {
  constexpr uint32_t kRowsMax = 10000;
  if (!request.has_from()) return InvalidField("from", "", "there");
  DMEM_RETURN_IF_ERROR(CheckTimestamp(Field("from"), request.from()));
  if (request.has_to()) {
    DMEM_RETURN_IF_ERROR(CheckTimestamp(Field("to"), request.to()));
    const auto& from = request.from();
    const auto& to = request.to();
    if (to.seconds() < from.seconds() ||
        (to.seconds() == from.seconds() && to.nanos() < from.nanos()))
      return InvalidField("to", FormatTime(to), absl::StrCat("from ", FormatTime(from), " on"));
  }
  for (int i = 0; i < request.by_size(); ++i) {
    const v1::UsageKey key = request.by(i);
    DMEM_RETURN_IF_ERROR(CheckEnum(Field("by", i, ""), key,
                                   v1::UsageKey_IsValid(key) && key != v1::USAGE_KEY_UNSPECIFIED,
                                   "UsageKey"));
    if (std::count(request.by().begin(), request.by().end(), key) > 1)
      return DuplicateItem(Field("by", i, "").Path(), v1::UsageKey_Name(key));
  }
  if (!request.cgroup().empty())
    DMEM_RETURN_IF_ERROR(CheckName(ValidateCgroupPath, Field("cgroup"), request.cgroup()));
  if (!request.region().empty())
    DMEM_RETURN_IF_ERROR(CheckName(ValidateRegionName, Field("region"), request.region()));
  if (request.page_size() > kRowsMax)
    return InvalidField("page_size", absl::StrCat(request.page_size()), "0 to 10000");
  return CheckLength(Field("page_token"), request.page_token(), kPageTokenBytesMax);
}

}  // namespace dmem::server
