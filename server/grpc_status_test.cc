// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/grpc_status.h"

#include <gtest/gtest.h>

#include "core/errors.h"
#include "google/rpc/error_details.pb.h"
#include "server/errors.h"

namespace dmem::server {
namespace {

// The detail of that type; fails the test if there is not exactly one.
template <typename Detail>
Detail Only(const google::rpc::Status& status) {
  Detail detail;
  int found = 0;
  for (const google::protobuf::Any& any : status.details()) found += any.UnpackTo(&detail) ? 1 : 0;
  EXPECT_EQ(found, 1);
  return detail;
}

CounterRefusal RefusalOf(const char* cgroup) {
  CounterRefusal refusal;
  refusal.cgroup = cgroup;
  refusal.region = "group";
  refusal.usage = ByteCount(90);
  refusal.max = ByteCount(100);
  refusal.requested = ByteCount(30);
  refusal.short_by = ByteCount(20);
  refusal.largest_grantable = ByteCount(10);
  return refusal;
}

TEST(GrpcStatusTest, OkIsOkWithoutDetails) {
  const grpc::Status status = ToGrpcStatus(absl::OkStatus());
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(status.error_details(), "");
}

TEST(GrpcStatusTest, TrailerRepeatsCodeAndTextAndNamesReasonAndFacts) {
  const absl::Status error =
      RefusedByCounter(RefusalKind::kMax, "/a/b", "r", ByteCount(30), RefusalOf("/a"));
  const grpc::Status status = ToGrpcStatus(error);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(status.error_message(), error.message());
  google::rpc::Status rich;
  ASSERT_TRUE(rich.ParseFromString(status.error_details()));
  EXPECT_EQ(rich.code(), static_cast<int>(error.code()));
  EXPECT_EQ(rich.message(), error.message());
  const auto info = Only<google::rpc::ErrorInfo>(rich);
  EXPECT_EQ(info.domain(), "dmemd");
  EXPECT_EQ(info.reason(), "MAX_EXCEEDED");
  EXPECT_EQ(info.metadata().at("short_bytes"), "20");
}

TEST(GrpcStatusTest, QuotaFailureSaysWhoseQuotaAndWhichLimit) {
  const auto max = Only<google::rpc::QuotaFailure>(ToRpcStatus(
      RefusedByCounter(RefusalKind::kMax, "/a/b", "r", ByteCount(30), RefusalOf("/a"))));
  ASSERT_EQ(max.violations_size(), 1);
  EXPECT_EQ(max.violations(0).subject(), "/a");
  EXPECT_EQ(max.violations(0).quota_id(), "max_bytes");
  EXPECT_EQ(max.violations(0).quota_value(), 100);
  EXPECT_EQ(max.violations(0).quota_dimensions().at("counter_region"), "group");
  const auto capacity = Only<google::rpc::QuotaFailure>(ToRpcStatus(
      RefusedByCounter(RefusalKind::kCapacity, "/a/b", "r", ByteCount(30), RefusalOf("/"))));
  EXPECT_EQ(capacity.violations(0).subject(), "group") << "nobody's limit was hit";
  EXPECT_EQ(capacity.violations(0).quota_id(), "grantable_bytes");
}

TEST(GrpcStatusTest, InvalidArgumentNamesTheField) {
  const auto bad = Only<google::rpc::BadRequest>(
      ToRpcStatus(InvalidField("items[2].bytes", "9223372036854775808", "less")));
  ASSERT_EQ(bad.field_violations_size(), 1);
  EXPECT_EQ(bad.field_violations(0).field(), "items[2].bytes");
}

TEST(GrpcStatusTest, UnavailableSaysWhenToRetryAndTheRestDoesNot) {
  const auto soon = Only<google::rpc::RetryInfo>(ToRpcStatus(Overloaded("calls", 5)));
  const auto later = Only<google::rpc::RetryInfo>(ToRpcStatus(StoreFailed()));
  EXPECT_EQ(soon.retry_delay().seconds(), 0);
  EXPECT_GT(soon.retry_delay().nanos(), 0);
  EXPECT_GE(later.retry_delay().seconds(), 1);
  EXPECT_EQ(ToRpcStatus(RegionNotFound("r")).details_size(), 1) << "ErrorInfo only";
}

TEST(GrpcStatusTest, ErrorWithoutFactsIsABugOfOurs) {
  const auto info = Only<google::rpc::ErrorInfo>(ToRpcStatus(absl::InternalError("oops")));
  EXPECT_EQ(info.reason(), "INVARIANT_VIOLATED");
}

}  // namespace
}  // namespace dmem::server
