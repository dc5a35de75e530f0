// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/grpc_status.h"

#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/errors.h"
#include "google/rpc/error_details.pb.h"

namespace dmem::server {

namespace {

constexpr char kDomain[] = "dmemd";

absl::string_view Fact(const ErrorFacts& facts, absl::string_view key) {
  for (const auto& entry : facts.metadata) {
    if (entry.first == key) return entry.second;
  }
  return absl::string_view();
}

bool IsCounterRefusal(const ErrorFacts& facts) {
  return facts.reason == "MAX_EXCEEDED" || facts.reason == "CAPACITY" ||
         facts.reason == "UNATTRIBUTED" || facts.reason == "COUNTER_OVERFLOW";
}

google::rpc::QuotaFailure QuotaFailureOf(const absl::Status& status, const ErrorFacts& facts) {
  google::rpc::QuotaFailure failure;
  google::rpc::QuotaFailure::Violation* violation = failure.add_violations();
  const absl::string_view cgroup = Fact(facts, "counter_cgroup");
  const absl::string_view region = Fact(facts, "counter_region");
  // When the device is full, it is nobody's quota that was hit but the region's.
  violation->set_subject(std::string(cgroup.empty() ? region : cgroup));
  violation->set_description(std::string(status.message()));
  violation->set_api_service("dmem.v1.QuotaService");
  violation->set_quota_metric("dmem.usage_bytes");
  violation->set_quota_id(cgroup.empty() ? "grantable_bytes" : "max_bytes");
  for (const char* key :
       {"counter_cgroup", "counter_region", "usage_bytes", "requested_bytes", "short_bytes",
        "largest_grantable_bytes", "grantable_bytes", "unattributed_bytes"}) {
    const absl::string_view value = Fact(facts, key);
    if (!value.empty()) (*violation->mutable_quota_dimensions())[key] = std::string(value);
  }
  int64_t max = 0;
  if (absl::SimpleAtoi(Fact(facts, "max_bytes"), &max)) violation->set_quota_value(max);
  return failure;
}

// How long a caller should wait. A full queue drains in milliseconds; a restart takes seconds.
google::rpc::RetryInfo RetryInfoOf(const ErrorFacts& facts) {
  google::rpc::RetryInfo retry;
  if (facts.reason == "OVERLOADED") {
    retry.mutable_retry_delay()->set_nanos(100 * 1000 * 1000);
  } else {
    retry.mutable_retry_delay()->set_seconds(1);
  }
  return retry;
}

}  // namespace

google::rpc::Status ToRpcStatus(const absl::Status& status) {
  const ErrorFacts facts = FactsOf(status);
  google::rpc::Status result;
  result.set_code(static_cast<int>(status.code()));
  result.set_message(std::string(status.message()));
  google::rpc::ErrorInfo info;
  info.set_reason(facts.reason.empty() ? "INVARIANT_VIOLATED" : facts.reason);
  info.set_domain(kDomain);
  for (const auto& entry : facts.metadata) (*info.mutable_metadata())[entry.first] = entry.second;
  result.add_details()->PackFrom(info);
  if (IsCounterRefusal(facts)) result.add_details()->PackFrom(QuotaFailureOf(status, facts));
  if (status.code() == absl::StatusCode::kInvalidArgument) {
    google::rpc::BadRequest bad;
    google::rpc::BadRequest::FieldViolation* violation = bad.add_field_violations();
    violation->set_field(std::string(Fact(facts, "field")));
    violation->set_description(std::string(status.message()));
    result.add_details()->PackFrom(bad);
  }
  if (status.code() == absl::StatusCode::kUnavailable) {
    result.add_details()->PackFrom(RetryInfoOf(facts));
  }
  return result;
}

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()),
                      ToRpcStatus(status).SerializeAsString());
}

}  // namespace dmem::server
