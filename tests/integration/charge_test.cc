// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Charges through gRPC, from the first to what a restart finds.

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <string>

#include "dmem/v1/quota_service.grpc.pb.h"
#include "server/testing/test_server.h"
#include "tests/integration/requests.h"

namespace dmem::server {
namespace {

class ChargeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(Call(server_, &Stub::Register, RegisterOf("n1/gpu0", 1000)).ok());
  }

  TestServer server_;
};

TEST_F(ChargeTest, GrantedChargeIsCountedUpToTheRoot) {
  auto charged = Call(server_, &Stub::Charge, ChargeOf("c1", "/team/job", "n1/gpu0", 400));
  ASSERT_TRUE(charged.ok()) << charged.status.error_message();
  EXPECT_EQ(charged.response.charge().charge_id(), "c1");
  EXPECT_FALSE(charged.response.replayed());
  for (const char* cgroup : {"/team/job", "/team", "/"}) {
    EXPECT_EQ(UsageOf(server_, cgroup, "n1/gpu0"), 400u) << cgroup;
  }
}

TEST_F(ChargeTest, RefusalByMaxCarriesTheFactsThatExplainIt) {
  ASSERT_TRUE(Call(server_, &Stub::SetLimits, MaxOf("/team", "n1/gpu0", 500)).ok());
  ASSERT_TRUE(Call(server_, &Stub::Charge, ChargeOf("c1", "/team/job", "n1/gpu0", 400)).ok());
  const auto refused = Call(server_, &Stub::Charge, ChargeOf("c2", "/team/job", "n1/gpu0", 150));
  EXPECT_EQ(refused.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  const google::rpc::ErrorInfo info = ErrorInfoOf(refused.status);
  EXPECT_EQ(info.domain(), "dmemd");
  EXPECT_EQ(info.reason(), "MAX_EXCEEDED");
  const auto& facts = info.metadata();
  EXPECT_EQ(facts.at("counter_cgroup"), "/team");
  EXPECT_EQ(facts.at("counter_region"), "n1/gpu0");
  EXPECT_EQ(facts.at("usage_bytes"), "400");
  EXPECT_EQ(facts.at("max_bytes"), "500");
  EXPECT_EQ(facts.at("requested_bytes"), "150");
  EXPECT_EQ(facts.at("short_bytes"), "50");
  EXPECT_EQ(facts.at("largest_grantable_bytes"), "100");
  const google::rpc::QuotaFailure failure = QuotaFailureOf(refused.status);
  ASSERT_EQ(failure.violations_size(), 1);
  EXPECT_EQ(failure.violations(0).subject(), "/team");
  EXPECT_EQ(failure.violations(0).quota_value(), 500);
}

TEST_F(ChargeTest, RefusalByCapacityNamesNoCgroup) {
  const auto refused = Call(server_, &Stub::Charge, ChargeOf("c1", "/team/job", "n1/gpu0", 1001));
  EXPECT_EQ(refused.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  const google::rpc::ErrorInfo info = ErrorInfoOf(refused.status);
  EXPECT_EQ(info.reason(), "CAPACITY");
  EXPECT_EQ(info.metadata().count("counter_cgroup"), 0u);
  EXPECT_EQ(QuotaFailureOf(refused.status).violations(0).subject(), "n1/gpu0");
}

TEST_F(ChargeTest, SameIdSentAgainIsReplayedAndCountedOnce) {
  const v1::ChargeRequest request = ChargeOf("c1", "/team/job", "n1/gpu0", 400);
  ASSERT_TRUE(Call(server_, &Stub::Charge, request).ok());
  const auto again = Call(server_, &Stub::Charge, request);
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again.response.replayed());
  EXPECT_EQ(UsageOf(server_, "/", "n1/gpu0"), 400u);
}

TEST_F(ChargeTest, ChargeWithoutAnIdGetsOneThatUnchargesIt) {
  v1::ChargeRequest request = ChargeOf("", "/team/job", "n1/gpu0", 400);
  request.clear_created_at();
  const auto charged = Call(server_, &Stub::Charge, request);
  ASSERT_TRUE(charged.ok());
  v1::UnchargeRequest uncharge;
  uncharge.add_charge_ids(charged.response.charge().charge_id());
  const auto uncharged = Call(server_, &Stub::Uncharge, uncharge);
  ASSERT_TRUE(uncharged.ok());
  EXPECT_EQ(uncharged.response.results(0).outcome(), v1::UNCHARGE_OUTCOME_RELEASED);
  EXPECT_EQ(UsageOf(server_, "/", "n1/gpu0"), 0u);
}

TEST_F(ChargeTest, CheckOnlyAnswersInFullAndChangesNothing) {
  const std::string before = server_.StateHash();
  v1::ChargeRequest request = ChargeOf("c1", "/team/job", "n1/gpu0", 400);
  request.set_mode(v1::CHARGE_MODE_CHECK_ONLY);
  const auto checked = Call(server_, &Stub::Charge, request);
  ASSERT_TRUE(checked.ok());
  EXPECT_TRUE(checked.response.checked_only());
  EXPECT_EQ(checked.response.charge().items_size(), 1);
  EXPECT_EQ(server_.StateHash(), before);
}

TEST_F(ChargeTest, BatchGivesEachChargeItsOwnResultInOrder) {
  v1::BatchChargeRequest batch;
  *batch.add_charges() = ChargeOf("c1", "/team/job", "n1/gpu0", 600);
  *batch.add_charges() = ChargeOf("c2", "/team/job", "n1/gpu0", 600);
  *batch.add_charges() = ChargeOf("c3", "/team/job", "n1/gpu0", 400);
  *batch.add_charges() = ChargeOf("c4", "/team/../job", "n1/gpu0", 1);
  const auto answer = Call(server_, &Stub::BatchCharge, batch);
  ASSERT_TRUE(answer.ok());
  ASSERT_EQ(answer.response.results_size(), 4);
  EXPECT_FALSE(answer.response.results(0).has_error());
  EXPECT_EQ(answer.response.results(1).error().code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_FALSE(answer.response.results(2).has_error());
  EXPECT_EQ(answer.response.results(3).error().code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(UsageOf(server_, "/", "n1/gpu0"), 1000u);
}

TEST_F(ChargeTest, LargestBatchIsAppliedWhole) {
  v1::BatchChargeRequest batch;
  for (int i = 0; i < 10000; ++i) {
    *batch.add_charges() = ChargeOf("c" + std::to_string(i), "/team/job", "n1/gpu0", i % 2);
  }
  const auto answer = Call(server_, &Stub::BatchCharge, batch);
  ASSERT_TRUE(answer.ok()) << answer.status.error_message();
  ASSERT_EQ(answer.response.results_size(), 10000);
  int granted = 0;
  for (const v1::BatchChargeResult& result : answer.response.results()) {
    if (!result.has_error()) ++granted;
  }
  EXPECT_EQ(granted, 6000);  // All of 0 bytes, and 1,000 of 1 byte.
  EXPECT_EQ(UsageOf(server_, "/", "n1/gpu0"), 1000u);
  EXPECT_LT(answer.response.ByteSizeLong(), 4u << 20);
  server_.StateHash();  // Fails on a violation.
}

TEST_F(ChargeTest, RestartFindsTheSameState) {
  ASSERT_TRUE(Call(server_, &Stub::Charge, ChargeOf("c1", "/team/job", "n1/gpu0", 400)).ok());
  ASSERT_FALSE(Call(server_, &Stub::Charge, ChargeOf("c2", "/team/job", "n1/gpu0", 700)).ok());
  const std::string before = server_.StateHash();
  ASSERT_TRUE(server_.Restart().ok());
  EXPECT_EQ(server_.StateHash(), before);
  EXPECT_EQ(UsageOf(server_, "/team/job", "n1/gpu0"), 400u);
}

}  // namespace
}  // namespace dmem::server
