// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/field_checks.h"

#include "core/byte_count.h"
#include "core/names.h"
#include "server/validation.h"

namespace dmem::server {

namespace {

constexpr size_t kPageTokenBytesMax = 256;

}  // namespace

absl::Status CheckName(absl::Status (*rule)(absl::string_view), const Field& field,
                       absl::string_view value) {
  absl::Status status = rule(value);
  if (status.ok()) return status;
  return InvalidName(field.Path(), value, status.message());
}

absl::Status CheckBytes(const Field& field, uint64_t bytes) {
  if (ByteCount::FromUint64(bytes).has_value()) return absl::OkStatus();
  return InvalidField(field.Path(), absl::StrCat(bytes), "at most 9223372036854775807 bytes");
}

absl::Status CheckLength(const Field& field, absl::string_view value, size_t max) {
  if (value.size() <= max) return absl::OkStatus();
  return InvalidField(field.Path(), value, absl::StrCat("at most ", max, " bytes"));
}

absl::Status CheckCount(absl::string_view field, size_t count, size_t max) {
  if (count >= 1 && count <= max) return absl::OkStatus();
  return InvalidField(field, absl::StrCat(count, " entries"),
                      absl::StrCat("a list of 1 to ", max, " entries"));
}

absl::Status CheckEnum(const Field& field, int value, bool is_valid, absl::string_view type) {
  if (is_valid) return absl::OkStatus();
  return InvalidField(field.Path(), absl::StrCat(value), absl::StrCat("a value of ", type));
}

absl::Status CheckUnset(absl::string_view field, bool is_set) {
  if (!is_set) return absl::OkStatus();
  return InvalidField(field, "set", "unset: the server gives it");
}

absl::Status CheckCommandBytes(size_t bytes) {
  if (bytes <= kCommandBytesMax) return absl::OkStatus();
  return InvalidField("request", absl::StrCat(bytes, " bytes"),
                      absl::StrCat("at most ", kCommandBytesMax, " bytes, being all or nothing"));
}

absl::Status CheckTimestamp(const Field& field, const google::protobuf::Timestamp& time) {
  if (time.seconds() >= kTimestampSecondsMin && time.seconds() <= kTimestampSecondsMax &&
      time.nanos() >= 0 && time.nanos() <= 999999999) {
    return absl::OkStatus();
  }
  return InvalidField(field.Path(), absl::StrCat(time.seconds(), " s ", time.nanos(), " ns"),
                      "a time from year 1 to 9999 with 0 to 999999999 nanos");
}

absl::Status CheckText(const Field& field, absl::string_view value, size_t max) {
  if (!value.empty() && value.size() <= max) return absl::OkStatus();
  return InvalidField(field.Path(), value, absl::StrCat("1 to ", max, " bytes"));
}

absl::Status CheckDuration(const Field& field, const google::protobuf::Duration& duration,
                           int64_t seconds_min, int64_t seconds_max) {
  const int64_t seconds = duration.seconds();
  const int32_t nanos = duration.nanos();
  if (nanos >= 0 && nanos <= 999999999 && seconds >= seconds_min &&
      (seconds < seconds_max || (seconds == seconds_max && nanos == 0))) {
    return absl::OkStatus();
  }
  return InvalidField(field.Path(), absl::StrCat(seconds, " s ", nanos, " ns"),
                      absl::StrCat(seconds_min, " to ", seconds_max, " seconds"));
}

absl::Status CheckAttribute(absl::string_view field, absl::string_view value) {
  DMEM_RETURN_IF_ERROR(CheckLength(Field(field), value, kAttributeBytesMax));
  for (const char c : value) {
    if (c < 0x20 || c > 0x7e) {
      return InvalidField(field, value, "printable ASCII");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckPage(int page_size, absl::string_view page_token) {
  if (page_size < 0 || page_size > kPageSizeMax) {
    return InvalidField("page_size", absl::StrCat(page_size), "0 to 1000");
  }
  return CheckLength(Field("page_token"), page_token, kPageTokenBytesMax);
}

absl::Status CheckRegionNames(const google::protobuf::RepeatedPtrField<std::string>& regions,
                              size_t max) {
  if (regions.empty()) return absl::OkStatus();
  const int count = regions.size();
  DMEM_RETURN_IF_ERROR(CheckCount("regions", count, max));
  for (int i = 0; i < count; ++i)
    DMEM_RETURN_IF_ERROR(CheckName(ValidateRegionName, Field("regions", i, ""), regions.Get(i)));
  return CheckDistinct("regions", count, [&regions](size_t i) {
    return Key(regions.Get(static_cast<int>(i)), absl::string_view(), absl::string_view());
  });
}

}  // namespace dmem::server
