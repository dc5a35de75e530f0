// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What nodes measure, and charges that move, through gRPC.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "tests/integration/http_get.h"
#include "tests/integration/requests.h"

namespace dmem::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

v1::ReportMeasuredRequest UsedOf(const std::string& region, uint64_t used) {
  v1::ReportMeasuredRequest request;
  v1::MeasuredRegion* added = request.add_regions();
  added->set_region(region);
  added->set_used_bytes(used);
  added->set_items_measured(true);
  return request;
}

void AddItem(const std::string& id, const std::string& cgroup, uint64_t bytes,
             v1::ReportMeasuredRequest* request) {
  v1::MeasuredItem* item = request->add_items();
  item->set_charge_id(id);
  item->set_cgroup(cgroup);
  item->set_region("n1/gpu0");
  item->set_measured_bytes(bytes);
}

v1::MoveChargeRequest MoveOf(const std::string& id, const std::string& from,
                             const std::string& to) {
  v1::MoveChargeRequest request;
  request.set_charge_id(id);
  request.set_from_cgroup(from);
  request.set_to_cgroup(to);
  return request;
}

class MeasuredTest : public ::testing::Test {
 protected:
  explicit MeasuredTest(Config config = Config()) : server_(std::move(config)) {}

  void SetUp() override {
    ASSERT_TRUE(Call(server_, &Stub::Register, RegisterOf("n1/gpu0", 1000)).ok());
  }

  v1::Region Region() {
    const auto listed = Call(server_, &Stub::ListRegions, v1::ListRegionsRequest());
    EXPECT_EQ(listed.response.regions_size(), 1);
    return listed.response.regions(0);
  }
  v1::Charge ChargeNamed(const std::string& id) {
    v1::ListChargesRequest request;
    request.set_charge_id(id);
    const auto listed = Call(server_, &Stub::ListCharges, request);
    EXPECT_EQ(listed.response.charges_size(), 1);
    return listed.response.charges(0);
  }
  std::string Reason(const v1::ReportMeasuredRequest& request) {
    return ErrorInfoOf(Call(server_, &Stub::ReportMeasured, request).status).reason();
  }

  TestServer server_;
};

class IgnoringTest : public MeasuredTest {
 protected:
  IgnoringTest() : MeasuredTest(Ignoring()) {}
  static Config Ignoring() {
    Config config;
    config.unattributed = "ignore";
    return config;
  }
};

TEST_F(MeasuredTest, AReportIsShownPerChargeAndPerRegionAndChangesNoUsage) {
  v1::ChargeRequest charge = ChargeOf("c1", "/team", "n1/gpu0", 400);
  charge.set_basis(v1::BASIS_MEASURED);
  ASSERT_TRUE(Call(server_, &Stub::Charge, charge).ok());
  v1::ReportMeasuredRequest report = UsedOf("n1/gpu0", 700);
  AddItem("c1", "/team", 500, &report);
  AddItem("gone", "/team", 1, &report);
  const auto answer = Call(server_, &Stub::ReportMeasured, report);
  ASSERT_TRUE(answer.ok()) << answer.status.error_message();
  EXPECT_THAT(answer.response.unknown_items(), ElementsAre(1));
  const v1::Charge shown = ChargeNamed("c1");
  EXPECT_EQ(shown.basis(), v1::BASIS_MEASURED);
  EXPECT_EQ(shown.items(0).bytes(), 400u);
  EXPECT_EQ(shown.items(0).measured_bytes(), 500u);
  EXPECT_GE(shown.items(0).measured_at().seconds(), charge.created_at().seconds());
  EXPECT_EQ(shown.measured_bytes(), 500u);
  EXPECT_EQ(shown.over_grant_bytes(), 100u);
  EXPECT_EQ(Region().device_used_bytes(), 700u);
  EXPECT_EQ(Region().unattributed_bytes(), 200u);
  EXPECT_EQ(Region().measured_bytes(), 500u);
  EXPECT_EQ(Region().over_grant_bytes(), 100u);
  EXPECT_EQ(UsageOf(server_, "/", "n1/gpu0"), 400u);
}

TEST_F(MeasuredTest, MemoryOfNobodyIsNotGrantedAndTheRefusalSaysSoToPrograms) {
  ASSERT_TRUE(Call(server_, &Stub::ReportMeasured, UsedOf("n1/gpu0", 300)).ok());
  const auto refused = Call(server_, &Stub::Charge, ChargeOf("c1", "/team", "n1/gpu0", 701));
  EXPECT_EQ(refused.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  const google::rpc::ErrorInfo info = ErrorInfoOf(refused.status);
  EXPECT_EQ(info.reason(), "UNATTRIBUTED");
  EXPECT_EQ(info.metadata().at("unattributed_bytes"), "300");
  EXPECT_EQ(info.metadata().at("grantable_bytes"), "1000");
  EXPECT_EQ(info.metadata().at("max_bytes"), "700");
  const google::rpc::QuotaFailure failure = QuotaFailureOf(refused.status);
  EXPECT_EQ(failure.violations(0).subject(), "n1/gpu0");
  EXPECT_EQ(failure.violations(0).quota_value(), 700);
  EXPECT_THAT(refused.status.error_message(),
              HasSubstr("300 bytes are in use on the device and belong to no charge"));
  EXPECT_TRUE(Call(server_, &Stub::Charge, ChargeOf("c1", "/team", "n1/gpu0", 700)).ok());
}

TEST_F(IgnoringTest, ThePolicyIgnoreGrantsItAllTheSame) {
  ASSERT_TRUE(Call(server_, &Stub::ReportMeasured, UsedOf("n1/gpu0", 300)).ok());
  EXPECT_TRUE(Call(server_, &Stub::Charge, ChargeOf("c1", "/team", "n1/gpu0", 1000)).ok());
  EXPECT_EQ(Region().unattributed_bytes(), 300u);
}

TEST_F(MeasuredTest, ARestartFindsWhatWasMeasuredAndWhereChargesMoved) {
  ASSERT_TRUE(Call(server_, &Stub::Charge, ChargeOf("c1", "/team", "n1/gpu0", 400)).ok());
  v1::ReportMeasuredRequest report = UsedOf("n1/gpu0", 700);
  AddItem("c1", "/team", 500, &report);
  ASSERT_TRUE(Call(server_, &Stub::ReportMeasured, report).ok());
  ASSERT_TRUE(Call(server_, &Stub::MoveCharge, MoveOf("c1", "/team", "/other/job")).ok());
  const std::string hash = server_.StateHash();
  ASSERT_TRUE(server_.Restart().ok());
  EXPECT_EQ(server_.StateHash(), hash);
  EXPECT_EQ(ChargeNamed("c1").items(0).cgroup(), "/other/job");
  EXPECT_EQ(ChargeNamed("c1").items(0).measured_bytes(), 500u);
  EXPECT_EQ(Region().unattributed_bytes(), 200u);
}

TEST_F(MeasuredTest, AMoveAnswersWithTheChargeAndSentAgainMovesNothing) {
  ASSERT_TRUE(Call(server_, &Stub::Charge, ChargeOf("c1", "/team", "n1/gpu0", 400)).ok());
  const auto moved = Call(server_, &Stub::MoveCharge, MoveOf("c1", "/team", "/other"));
  ASSERT_TRUE(moved.ok()) << moved.status.error_message();
  EXPECT_EQ(moved.response.moved_items(), 1u);
  EXPECT_EQ(moved.response.charge().items(0).cgroup(), "/other");
  const auto again = Call(server_, &Stub::MoveCharge, MoveOf("c1", "/team", "/other"));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again.response.moved_items(), 0u);
  EXPECT_EQ(again.response.sequence(), moved.response.sequence());
  EXPECT_EQ(UsageOf(server_, "/other", "n1/gpu0"), 400u);
  const auto same = Call(server_, &Stub::MoveCharge, MoveOf("c1", "/other", "/other"));
  EXPECT_EQ(BadRequestOf(same.status).field_violations(0).field(), "to_cgroup");
}

TEST_F(MeasuredTest, WhatIsWrongInAnyStateNamesItsField) {
  const auto field = [this](const v1::ReportMeasuredRequest& request) {
    const auto answer = Call(server_, &Stub::ReportMeasured, request);
    EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    const google::rpc::BadRequest bad = BadRequestOf(answer.status);
    return bad.field_violations_size() == 0 ? "" : bad.field_violations(0).field();
  };
  EXPECT_EQ(field(v1::ReportMeasuredRequest()), "regions");
  EXPECT_EQ(field(UsedOf("a b", 1)), "regions[0].region");
  EXPECT_EQ(field(UsedOf("n1/gpu0", uint64_t{1} << 63)), "regions[0].used_bytes");
  v1::ReportMeasuredRequest twice = UsedOf("n1/gpu0", 1);
  *twice.add_regions() = twice.regions(0);
  EXPECT_EQ(Reason(twice), "DUPLICATE_ITEM");
  v1::ReportMeasuredRequest items;
  AddItem("c 1", "/a", 1, &items);
  EXPECT_EQ(field(items), "items[0].charge_id");
  items.Clear();
  AddItem("c", "a", 1, &items);
  EXPECT_EQ(field(items), "items[0].cgroup");
  items.Clear();
  AddItem("c", "/a", uint64_t{1} << 63, &items);
  EXPECT_EQ(field(items), "items[0].measured_bytes");
  items.Clear();
  AddItem("c", "/a", 1, &items);
  AddItem("c", "/a", 2, &items);
  EXPECT_EQ(Reason(items), "DUPLICATE_ITEM");
  items.Clear();
  for (int i = 0; i < 1001; ++i) AddItem("c" + std::to_string(i), "/a", 1, &items);
  EXPECT_EQ(field(items), "items");
  v1::ChargeRequest charge = ChargeOf("c", "/a", "n1/gpu0", 1);
  charge.set_basis(static_cast<v1::Basis>(7));
  EXPECT_EQ(BadRequestOf(Call(server_, &Stub::Charge, charge).status).field_violations(0).field(),
            "basis");
  charge.clear_basis();
  charge.mutable_items(0)->set_measured_bytes(1);
  EXPECT_EQ(BadRequestOf(Call(server_, &Stub::Charge, charge).status).field_violations(0).field(),
            "items[0].measured_bytes");
}

TEST_F(MeasuredTest, AScrapeShowsWhatWasMeasuredOnceItWas) {
  EXPECT_THAT(HttpGet(server_.server().http_address(), "/metrics").body,
              ::testing::Not(HasSubstr("dmemd_region_unattributed_bytes{")));
  ASSERT_TRUE(Call(server_, &Stub::Charge, ChargeOf("c1", "/team", "n1/gpu0", 400)).ok());
  v1::ReportMeasuredRequest report = UsedOf("n1/gpu0", 700);
  AddItem("c1", "/team", 500, &report);
  ASSERT_TRUE(Call(server_, &Stub::ReportMeasured, report).ok());
  const std::string body = HttpGet(server_.server().http_address(), "/metrics").body;
  EXPECT_THAT(body, HasSubstr("dmemd_region_device_used_bytes{region=\"n1/gpu0\"} 700\n"));
  EXPECT_THAT(body, HasSubstr("dmemd_region_unattributed_bytes{region=\"n1/gpu0\"} 200\n"));
  EXPECT_THAT(body, HasSubstr("dmemd_region_measured_bytes{region=\"n1/gpu0\"} 500\n"));
  EXPECT_THAT(body, HasSubstr("dmemd_region_over_grant_bytes{region=\"n1/gpu0\"} 100\n"));
}

}  // namespace
}  // namespace dmem::server
