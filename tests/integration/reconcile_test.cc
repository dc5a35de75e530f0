// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What nodes hold, told through gRPC.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/integration/http_get.h"
#include "tests/integration/requests.h"

namespace dmem::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A node n1 with one region, and its agent's session.
class ReconcileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    v1::OpenSessionRequest open;
    open.set_owner("agent");
    open.set_node("n1");
    open.set_incarnation(1);
    open.set_nonce("1");
    const auto opened = Call(server_, &Stub::OpenSession, open);
    ASSERT_TRUE(opened.ok()) << opened.status.error_message();
    session_ = opened.response.session().id();
    v1::RegisterRequest region = RegisterOf("n1/gpu0", 1000);
    region.mutable_region()->mutable_attributes()->set_node("n1");
    region.set_session(session_);
    const auto registered = Call(server_, &Stub::Register, region);
    ASSERT_TRUE(registered.ok()) << registered.status.error_message();
    begun_at_ = registered.response.sequence();
  }

  v1::ReconcileRequest ListAsOf(uint64_t as_of) const {
    v1::ReconcileRequest request;
    request.set_session(session_);
    request.set_reconcile_id("list-1");
    request.set_as_of(as_of);
    request.set_last(true);
    return request;
  }
  static void AddItem(const std::string& id, uint64_t bytes, v1::ReconcileRequest* request) {
    v1::HeldItem* item = request->add_items();
    item->set_charge_id(id);
    item->set_cgroup("/team");
    item->set_region("n1/gpu0");
    item->set_bytes(bytes);
  }
  // The differences in words, "KIND id".
  std::vector<std::string> Send(const v1::ReconcileRequest& request) {
    const auto answer = Call(server_, &Stub::Reconcile, request);
    EXPECT_TRUE(answer.ok()) << answer.status.error_message();
    std::vector<std::string> words;
    for (const v1::Difference& difference : answer.response.differences()) {
      words.push_back(v1::Difference::Kind_Name(difference.kind()) + " " + difference.charge_id());
    }
    return words;
  }
  uint64_t Charge(const std::string& id, uint64_t bytes) {
    const auto charged = Call(server_, &Stub::Charge, ChargeOf(id, "/team", "n1/gpu0", bytes));
    EXPECT_TRUE(charged.ok()) << charged.status.error_message();
    return charged.response.sequence();
  }

  TestServer server_;
  uint64_t session_ = 0;
  uint64_t begun_at_ = 0;
};

TEST_F(ReconcileTest, TheLedgerBecomesWhatTheNodeHolds) {
  const uint64_t charged_at = Charge("gone", 100);
  v1::ReconcileRequest list = ListAsOf(charged_at);
  AddItem("held", 1200, &list);
  EXPECT_THAT(Send(list), ElementsAre("RECORDED held", "RELEASED gone"));
  EXPECT_EQ(UsageOf(server_, "/team", "n1/gpu0"), 1200u) << "what runs is never refused";
  const std::string body = HttpGet(server_.server().http_address(), "/metrics").body;
  EXPECT_THAT(body, HasSubstr("dmemd_node_reconciled_timestamp_seconds{node=\"n1\"} "));
}

TEST_F(ReconcileTest, AGrantBetweenTheBeginningOfTheListAndItsLastPartSurvives) {
  v1::ReconcileRequest list = ListAsOf(begun_at_);
  list.set_last(false);
  EXPECT_THAT(Send(list), IsEmpty());
  Charge("new", 100);
  list.set_part(1);
  list.set_last(true);
  EXPECT_THAT(Send(list), IsEmpty());
  EXPECT_EQ(UsageOf(server_, "/team", "n1/gpu0"), 100u);
}

TEST_F(ReconcileTest, ARestartBetweenTwoPartsLosesNothingOfTheList) {
  Charge("a", 100);
  const uint64_t as_of = Charge("b", 200);
  v1::ReconcileRequest list = ListAsOf(as_of);
  list.set_last(false);
  AddItem("a", 100, &list);
  EXPECT_THAT(Send(list), IsEmpty());
  ASSERT_TRUE(server_.Restart().ok());
  list.clear_items();
  list.set_part(1);
  list.set_last(true);
  EXPECT_THAT(Send(list), ElementsAre("RELEASED b"));
  // After a lost answer of the last part: a new list finds all done.
  const auto again = Call(server_, &Stub::Reconcile, list);
  EXPECT_EQ(ErrorInfoOf(again.status).reason(), "RECONCILE_RESTART");
  v1::ReconcileRequest anew = ListAsOf(as_of);
  anew.set_reconcile_id("list-2");
  AddItem("a", 100, &anew);
  EXPECT_THAT(Send(anew), IsEmpty());
}

TEST_F(ReconcileTest, ASessionThatIsNotTheNodesIsRefused) {
  v1::ReconcileRequest list = ListAsOf(begun_at_);
  AddItem("x", 1, &list);
  list.set_session(session_ + 1000);
  EXPECT_EQ(ErrorInfoOf(Call(server_, &Stub::Reconcile, list).status).reason(),
            "SESSION_NOT_FOUND");
  v1::OpenSessionRequest open;
  open.set_owner("other");
  open.set_node("n2");
  open.set_incarnation(1);
  open.set_nonce("2");
  const auto other = Call(server_, &Stub::OpenSession, open);
  ASSERT_TRUE(other.ok());
  list.set_session(other.response.session().id());
  EXPECT_EQ(ErrorInfoOf(Call(server_, &Stub::Reconcile, list).status).reason(), "NODE_MISMATCH");
  v1::ReportMeasuredRequest report;
  report.set_session(other.response.session().id());
  report.add_regions()->set_region("n1/gpu0");
  EXPECT_EQ(ErrorInfoOf(Call(server_, &Stub::ReportMeasured, report).status).reason(),
            "NODE_MISMATCH");
  EXPECT_EQ(UsageOf(server_, "/", "n1/gpu0"), 0u);
}

TEST_F(ReconcileTest, AListOfTheFutureIsRefused) {
  const auto answer = Call(server_, &Stub::Reconcile, ListAsOf(begun_at_ + 1000000));
  EXPECT_EQ(ErrorInfoOf(answer.status).reason(), "AS_OF_IN_FUTURE");
}

}  // namespace
}  // namespace dmem::server
