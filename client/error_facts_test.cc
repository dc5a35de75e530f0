// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/error_facts.h"

#include <gtest/gtest.h>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"

namespace dmem::client {
namespace {

void AddDetail(absl::Status& status, const google::protobuf::Message& detail) {
  status.SetPayload(absl::StrCat("type.googleapis.com/", detail.GetDescriptor()->full_name()),
                    absl::Cord(detail.SerializeAsString()));
}

google::rpc::ErrorInfo Info(const std::string& reason) {
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain("dmemd");
  return info;
}

TEST(ErrorFactsTest, StatusWithoutDetailsHasNoFacts) {
  const ErrorFacts facts = FactsOf(absl::UnavailableError("connection refused"));
  EXPECT_EQ(facts.reason, "");
  EXPECT_FALSE(facts.retry_delay.has_value());
  EXPECT_FALSE(RefusalOf(facts).has_value());
  EXPECT_EQ(FactsOf(absl::OkStatus()).reason, "");
}

TEST(ErrorFactsTest, ReadsReasonMetadataFieldsAndDelay) {
  google::rpc::ErrorInfo info = Info("INVALID_FIELD");
  (*info.mutable_metadata())["field"] = "items[2].bytes";
  google::rpc::BadRequest request;
  auto* violation = request.add_field_violations();
  violation->set_field("items[2].bytes");
  violation->set_description("is 2^63 or more");
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(1);
  retry.mutable_retry_delay()->set_nanos(500'000'000);
  absl::Status status = absl::InvalidArgumentError("no");
  AddDetail(status, info);
  AddDetail(status, request);
  AddDetail(status, retry);

  const ErrorFacts facts = FactsOf(status);
  EXPECT_EQ(facts.reason, "INVALID_FIELD");
  EXPECT_EQ(facts.Get("field"), "items[2].bytes");
  EXPECT_EQ(facts.Get("absent"), "");
  ASSERT_EQ(facts.field_violations.size(), 1u);
  EXPECT_EQ(facts.field_violations[0].field, "items[2].bytes");
  EXPECT_EQ(facts.field_violations[0].description, "is 2^63 or more");
  EXPECT_EQ(facts.retry_delay, absl::Milliseconds(1500));
}

TEST(ErrorFactsTest, ForeignDomainAndUnreadableDetailAreNoFacts) {
  google::rpc::ErrorInfo info = Info("MAX_EXCEEDED");
  info.set_domain("proxy.example");
  absl::Status foreign = absl::ResourceExhaustedError("no");
  AddDetail(foreign, info);
  EXPECT_EQ(FactsOf(foreign).reason, "");

  absl::Status torn = absl::ResourceExhaustedError("no");
  torn.SetPayload("type.googleapis.com/google.rpc.ErrorInfo", absl::Cord("\x0a\x7f"));
  EXPECT_EQ(FactsOf(torn).reason, "");
}

TEST(ErrorFactsTest, NumbersAreReadWholeOrNotAtAll) {
  ErrorFacts facts;
  facts.metadata = {{"good", "18446744073709551615"},
                    {"large", "18446744073709551616"},
                    {"negative", "-1"},
                    {"tail", "12GiB"}};
  EXPECT_EQ(facts.GetNumber("good"), UINT64_MAX);
  EXPECT_FALSE(facts.GetNumber("large").has_value());
  EXPECT_FALSE(facts.GetNumber("negative").has_value());
  EXPECT_FALSE(facts.GetNumber("tail").has_value());
  EXPECT_FALSE(facts.GetNumber("absent").has_value());
}

TEST(ErrorFactsTest, RefusalHasEveryNumberOfTheCounter) {
  ErrorFacts facts;
  facts.reason = "MAX_EXCEEDED";
  facts.metadata = {{"item", "1"},
                    {"cgroup", "/team-a/train"},
                    {"region", "n7/gpu0"},
                    {"bytes", "8"},
                    {"counter_cgroup", "/team-a"},
                    {"counter_region", "model/h100"},
                    {"usage_bytes", "32"},
                    {"max_bytes", "38"},
                    {"requested_bytes", "16"},
                    {"short_bytes", "10"},
                    {"largest_grantable_bytes", "6"}};
  const auto refusal = RefusalOf(facts);
  ASSERT_TRUE(refusal.has_value());
  EXPECT_EQ(refusal->item, "1");
  EXPECT_EQ(refusal->cgroup, "/team-a/train");
  EXPECT_EQ(refusal->region, "n7/gpu0");
  EXPECT_EQ(refusal->item_bytes, 8u);
  EXPECT_EQ(refusal->counter_cgroup, "/team-a");
  EXPECT_EQ(refusal->counter_region, "model/h100");
  EXPECT_EQ(refusal->usage_bytes, 32u);
  EXPECT_EQ(refusal->max_bytes, 38u);
  EXPECT_EQ(refusal->requested_bytes, 16u);
  EXPECT_EQ(refusal->short_bytes, 10u);
  EXPECT_EQ(refusal->largest_grantable_bytes, 6u);

  facts.reason = "TOO_MANY";
  EXPECT_FALSE(RefusalOf(facts).has_value());
}

}  // namespace
}  // namespace dmem::client
