// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The order of checks, which the protos list: each table starts with a request in which everything
// is wrong, and mends one thing a row; the answer is always the first error left.

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/integration/requests.h"

namespace dmem::server {
namespace {

template <typename Request>
struct Step {
  const char* error;  // Reason of what is answered now.
  std::function<void(Request*)> mend;
};

class CheckOrderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    v1::RegisterGroupRequest group;
    group.set_name("group");
    ASSERT_TRUE(Call(server_, &Stub::RegisterGroup, group).ok());
    v1::RegisterRequest gpu = RegisterOf("gpu", 1000, "group");
    gpu.mutable_region()->set_incarnation(5);
    ASSERT_TRUE(Call(server_, &Stub::Register, gpu).ok());
    ASSERT_TRUE(Call(server_, &Stub::Register, RegisterOf("going", 1000)).ok());
    ASSERT_TRUE(Call(server_, &Stub::Charge, ChargeOf("held", "/a", "gpu", 100)).ok());
    ASSERT_TRUE(Call(server_, &Stub::Charge, ChargeOf("on-gone", "/a", "going", 1)).ok());
    ASSERT_TRUE(Call(server_, &Stub::Charge, ChargeOf("in-dying", "/dying", "gpu", 1)).ok());
    v1::DeleteCgroupRequest remove;
    remove.set_path("/dying");
    dying_ = "@" + std::to_string(Call(server_, &Stub::DeleteCgroup, remove).response.id());
    v1::UnregisterRequest unregister;
    unregister.set_region("going");
    const auto gone = Call(server_, &Stub::Unregister, unregister);
    gone_ = "going@" + std::to_string(gone.response.id());
    v1::UnchargeRequest spent;
    spent.add_charge_ids("spent");
    ASSERT_TRUE(Call(server_, &Stub::Uncharge, spent).ok());
    Cordon(true);
  }

  void Cordon(bool cordoned) {
    v1::CordonRequest cordon;
    cordon.set_region("gpu");
    cordon.set_uncordon(!cordoned);
    ASSERT_TRUE(Call(server_, &Stub::Cordon, cordon).ok());
  }

  template <typename Request, typename Response>
  void Run(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
           Request request, const std::vector<Step<Request>>& steps) {
    for (const Step<Request>& step : steps) {
      const auto answer = Call(server_, method, request);
      EXPECT_EQ(ErrorInfoOf(answer.status).reason(), step.error) << answer.status.error_message();
      step.mend(&request);
    }
    const auto answer = Call(server_, method, request);
    EXPECT_TRUE(answer.ok()) << answer.status.error_message();
  }

  TestServer server_;
  std::string dying_;
  std::string gone_;
};

TEST_F(CheckOrderTest, Charge) {
  using R = v1::ChargeRequest;
  const int64_t now = ChargeOf("", "", "", 0).created_at().seconds();
  R request = ChargeOf("held", dying_, "none", 5000);
  request.clear_created_at();
  Run<R>(
      &Stub::Charge, request,
      {
          {"CREATED_AT_MISSING", [&](R* r) { r->mutable_created_at()->set_seconds(now + 1000); }},
          {"CREATED_AT_IN_FUTURE", [](R* r) { r->mutable_created_at()->set_seconds(1); }},
          {"CHARGE_ID_IN_USE", [](R* r) { r->set_charge_id("spent"); }},
          {"ALREADY_RELEASED", [](R* r) { r->set_charge_id("new"); }},
          {"ID_TOO_OLD", [&](R* r) { r->mutable_created_at()->set_seconds(now); }},
          {"REGION_NOT_FOUND", [](R* r) { r->mutable_items(0)->set_region("group"); }},
          {"WRONG_KIND",
           [this](R* r) {
             r->mutable_items(0)->set_region(gone_);
             r->mutable_items(0)->set_region_incarnation(4);
           }},
          {"REGION_GONE", [](R* r) { r->mutable_items(0)->set_region("gpu"); }},
          {"INCARNATION_MISMATCH", [](R* r) { r->mutable_items(0)->set_region_incarnation(5); }},
          {"REGION_CORDONED", [this](R*) { Cordon(false); }},
          {"CGROUP_DYING", [](R* r) { r->mutable_items(0)->set_cgroup("@9999"); }},
          {"CGROUP_NOT_FOUND", [](R* r) { r->mutable_items(0)->set_cgroup("/a/new"); }},
          {"CAPACITY", [](R* r) { r->mutable_items(0)->set_bytes(10); }},
      });
}

TEST_F(CheckOrderTest, ChargeChecksItemsInOrderBeforeAnyCounter) {
  using R = v1::ChargeRequest;
  Cordon(false);
  R request = ChargeOf("new", "/a", "gpu", 5000);  // Too large, but checked after all items.
  v1::ChargeItem* second = request.add_items();
  second->set_cgroup(dying_);
  second->set_region("gpu");
  v1::ChargeItem* third = request.add_items();
  third->set_cgroup("/a");
  third->set_region("none");
  Run<R>(&Stub::Charge, request,
         {
             {"CGROUP_DYING", [](R* r) { r->mutable_items(1)->set_cgroup("/b"); }},
             {"REGION_NOT_FOUND", [](R* r) { r->mutable_items()->RemoveLast(); }},
             {"CAPACITY", [](R* r) { r->mutable_items(0)->set_bytes(1); }},
         });
}

TEST_F(CheckOrderTest, Resize) {
  using R = v1::ResizeRequest;
  R request;
  v1::ResizeItem* item = request.add_items();
  item->set_charge_id("none");
  item->set_cgroup("/none");
  item->set_region("gpu");
  item->set_bytes(5000);
  item->set_expected_bytes(7);
  Run<R>(&Stub::Resize, request,
         {
             {"CHARGE_NOT_FOUND", [](R* r) { r->mutable_items(0)->set_charge_id("spent"); }},
             {"ALREADY_RELEASED", [](R* r) { r->mutable_items(0)->set_charge_id("held"); }},
             {"ITEM_NOT_FOUND", [](R* r) { r->mutable_items(0)->set_cgroup("/a"); }},
             {"EXPECTED_BYTES_MISMATCH",
              [this](R* r) {
                r->mutable_items(0)->set_charge_id("on-gone");
                r->mutable_items(0)->set_region(gone_);
                r->mutable_items(0)->set_expected_bytes(1);
              }},
             {"REGION_GONE",
              [this](R* r) {
                r->mutable_items(0)->set_charge_id("in-dying");
                r->mutable_items(0)->set_cgroup(dying_);
                r->mutable_items(0)->set_region("gpu");
              }},
             {"REGION_CORDONED", [this](R*) { Cordon(false); }},
             {"CGROUP_DYING",
              [](R* r) {
                r->mutable_items(0)->set_charge_id("held");
                r->mutable_items(0)->set_cgroup("/a");
                r->mutable_items(0)->set_expected_bytes(100);
              }},
             {"CAPACITY", [](R* r) { r->mutable_items(0)->set_bytes(101); }},
         });
}

TEST_F(CheckOrderTest, SetLimits) {
  using R = v1::SetLimitsRequest;
  R request = MaxOf("/", "none", 1);
  request.mutable_updates(0)->set_etag(99);
  Run<R>(&Stub::SetLimits, request,
         {
             {"ROOT_HAS_NO_LIMITS", [this](R* r) { r->mutable_updates(0)->set_cgroup(dying_); }},
             {"REGION_NOT_FOUND", [this](R* r) { r->mutable_updates(0)->set_region(gone_); }},
             {"REGION_GONE",
              [](R* r) {
                r->mutable_updates(0)->set_region("gpu");
                r->mutable_updates(0)->set_cgroup("@9999");
              }},
             {"CGROUP_NOT_FOUND", [this](R* r) { r->mutable_updates(0)->set_cgroup(dying_); }},
             {"CGROUP_DYING", [](R* r) { r->mutable_updates(0)->set_cgroup("/a"); }},
             {"ETAG_MISMATCH", [](R* r) { r->mutable_updates(0)->set_etag(0); }},
             {"MAX_BELOW_USAGE", [](R* r) { r->mutable_updates(0)->set_max_bytes(100); }},
         });
}

TEST_F(CheckOrderTest, Register) {
  using R = v1::RegisterRequest;
  R request = RegisterOf("group", 1000, "none");
  request.mutable_region()->set_incarnation(4);
  Run<R>(&Stub::Register, request,
         {
             {"WRONG_KIND", [](R* r) { r->mutable_region()->set_name("gpu"); }},
             {"PARENT_NOT_FOUND", [](R* r) { r->mutable_region()->set_parent("gpu"); }},
             {"WRONG_KIND", [](R* r) { r->mutable_region()->set_parent(""); }},
             {"STALE_INCARNATION", [](R* r) { r->mutable_region()->set_incarnation(5); }},
             {"HAS_CHARGES", [](R* r) { r->mutable_region()->set_parent("group"); }},
         });
}

TEST_F(CheckOrderTest, WriteFile) {
  using R = v1::WriteFileRequest;
  R request;
  request.set_cgroup("/");
  request.set_file("dmem.none");
  request.set_text("none k");
  Run<R>(&Stub::WriteFile, request,
         {
             {"FILE_NOT_FOUND", [](R* r) { r->set_file("dmem.current"); }},
             {"READ_ONLY_FILE", [](R* r) { r->set_file("dmem.max"); }},
             {"ROOT_HAS_NO_LIMITS", [](R* r) { r->set_cgroup("/a"); }},
             {"BAD_LIMIT_TEXT", [](R* r) { r->set_text("none 1"); }},
             {"REGION_NOT_FOUND", [](R* r) { r->set_text("gpu 1"); }},
             {"MAX_BELOW_USAGE", [](R* r) { r->set_text("gpu 1k"); }},
         });
}

TEST_F(CheckOrderTest, GetPool) {
  using R = v1::GetPoolRequest;
  R request;
  request.set_cgroup("@9999");
  request.set_region("none");
  request.set_relative_to("/none");
  Run<R>(&Stub::GetPool, request,
         {
             {"REGION_NOT_FOUND", [](R* r) { r->set_region("gpu"); }},
             {"CGROUP_NOT_FOUND", [](R* r) { r->set_cgroup("/b"); }},
             {"CGROUP_NOT_FOUND", [](R* r) { r->set_relative_to("/a"); }},
             {"NOT_BELOW", [](R* r) { r->set_cgroup("/a/x"); }},
         });
}

}  // namespace
}  // namespace dmem::server
