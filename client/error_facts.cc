// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/error_facts.h"

#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"

namespace dmem::client {
namespace {

constexpr absl::string_view kDomain = "dmemd";

// The detail of this type, if the status has one that can be read.
template <typename Detail>
std::optional<Detail> DetailOf(const absl::Status& status) {
  const auto payload =
      status.GetPayload(absl::StrCat("type.googleapis.com/", Detail::descriptor()->full_name()));
  Detail detail;
  if (!payload.has_value() || !detail.ParseFromString(std::string(*payload))) return std::nullopt;
  return detail;
}

}  // namespace

std::string ErrorFacts::Get(absl::string_view key) const {
  const auto it = metadata.find(std::string(key));
  return it == metadata.end() ? "" : it->second;
}

std::optional<uint64_t> ErrorFacts::GetNumber(absl::string_view key) const {
  uint64_t number = 0;
  if (!absl::SimpleAtoi(Get(key), &number)) return std::nullopt;
  return number;
}

ErrorFacts FactsOf(const absl::Status& status) {
  ErrorFacts facts;
  const auto info = DetailOf<google::rpc::ErrorInfo>(status);
  if (info.has_value() && info->domain() == kDomain) {
    facts.reason = info->reason();
    facts.metadata.insert(info->metadata().begin(), info->metadata().end());
  }
  if (const auto request = DetailOf<google::rpc::BadRequest>(status)) {
    for (const auto& violation : request->field_violations()) {
      facts.field_violations.push_back({violation.field(), violation.description()});
    }
  }
  if (const auto retry = DetailOf<google::rpc::RetryInfo>(status)) {
    facts.retry_delay = absl::Seconds(retry->retry_delay().seconds()) +
                        absl::Nanoseconds(retry->retry_delay().nanos());
  }
  return facts;
}

bool IsUnanswered(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
}

std::optional<Refusal> RefusalOf(const ErrorFacts& facts) {
  if (facts.reason != "MAX_EXCEEDED" && facts.reason != "CAPACITY" &&
      facts.reason != "UNATTRIBUTED" && facts.reason != "COUNTER_OVERFLOW") {
    return std::nullopt;
  }
  Refusal refusal;
  refusal.reason = facts.reason;
  refusal.item = facts.Get("item");
  refusal.cgroup = facts.Get("cgroup");
  refusal.region = facts.Get("region");
  refusal.item_bytes = facts.GetNumber("bytes").value_or(0);
  refusal.counter_cgroup = facts.Get("counter_cgroup");
  refusal.counter_region = facts.Get("counter_region");
  refusal.usage_bytes = facts.GetNumber("usage_bytes").value_or(0);
  refusal.max_bytes = facts.GetNumber("max_bytes").value_or(0);
  refusal.requested_bytes = facts.GetNumber("requested_bytes").value_or(0);
  refusal.short_bytes = facts.GetNumber("short_bytes").value_or(0);
  refusal.largest_grantable_bytes = facts.GetNumber("largest_grantable_bytes").value_or(0);
  refusal.grantable_bytes = facts.GetNumber("grantable_bytes").value_or(0);
  refusal.unattributed_bytes = facts.GetNumber("unattributed_bytes").value_or(0);
  return refusal;
}

}  // namespace dmem::client
