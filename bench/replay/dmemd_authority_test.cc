// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "bench/replay/dmemd_authority.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/client.h"
#include "client/grpc_connection.h"
#include "dmem/v1/quota_service.grpc.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace dmem::replay {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

grpc::Status Error(grpc::StatusCode code, const std::string& reason) {
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain("dmemd");
  google::rpc::Status details;
  details.set_code(code);
  details.add_details()->PackFrom(info);
  return grpc::Status(code, absl::StrCat("because of ", reason), details.SerializeAsString());
}

// Answers with what it is told, and writes requests down.
class ScriptedService : public v1::QuotaService::Service {
 public:
  grpc::Status Charge(grpc::ServerContext*, const v1::ChargeRequest* request,
                      v1::ChargeResponse*) override {
    requests.push_back(request->ShortDebugString());
    return Next();
  }
  grpc::Status Resize(grpc::ServerContext*, const v1::ResizeRequest* request,
                      v1::ResizeResponse*) override {
    requests.push_back(request->ShortDebugString());
    return Next();
  }
  grpc::Status Uncharge(grpc::ServerContext*, const v1::UnchargeRequest* request,
                        v1::UnchargeResponse* response) override {
    requests.push_back(request->ShortDebugString());
    response->add_results()->set_outcome(outcome);
    return Next();
  }
  grpc::Status CreateCgroup(grpc::ServerContext*, const v1::CreateCgroupRequest* request,
                            v1::CreateCgroupResponse*) override {
    requests.push_back(request->ShortDebugString());
    return Next();
  }
  grpc::Status Register(grpc::ServerContext*, const v1::RegisterRequest* request,
                        v1::RegisterResponse*) override {
    requests.push_back(request->ShortDebugString());
    return Next();
  }
  grpc::Status RegisterGroup(grpc::ServerContext*, const v1::RegisterGroupRequest* request,
                             v1::RegisterGroupResponse*) override {
    requests.push_back(request->ShortDebugString());
    return Next();
  }
  grpc::Status GetPool(grpc::ServerContext*, const v1::GetPoolRequest* request,
                       v1::GetPoolResponse* response) override {
    requests.push_back(request->ShortDebugString());
    response->mutable_pool()->set_peak_bytes(77);
    return Next();
  }
  // Two pages of two charges.
  grpc::Status ListCharges(grpc::ServerContext*, const v1::ListChargesRequest* request,
                           v1::ListChargesResponse* response) override {
    requests.push_back(request->ShortDebugString());
    const bool first = request->page_token().empty();
    v1::Charge* mine = response->add_charges();
    mine->set_charge_id(first ? "run.1" : "run.2");
    mine->add_items()->set_bytes(10);
    mine->add_items()->set_bytes(5);
    v1::Charge* other = response->add_charges();
    other->set_charge_id("other.1");
    other->add_items()->set_bytes(1000);
    if (first) response->set_next_page_token("more");
    return Next();
  }

  std::vector<grpc::Status> answers;  // Taken from the front; OK when there is none.
  v1::UnchargeOutcome outcome = v1::UNCHARGE_OUTCOME_RELEASED;
  std::vector<std::string> requests;

 private:
  grpc::Status Next() {
    if (answers.empty()) return grpc::Status::OK;
    grpc::Status status = answers.front();
    answers.erase(answers.begin());
    return status;
  }
};

class DmemdAuthorityTest : public ::testing::Test {
 protected:
  DmemdAuthorityTest() {
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    client_ = std::make_unique<client::Client>(
        client::MakeGrpcConnection(absl::StrCat("127.0.0.1:", port)));
    authority_ = std::make_unique<DmemdAuthority>(client_.get(), [this] { return now_; });
  }
  ~DmemdAuthorityTest() override { server_->Shutdown(); }

  ScriptedService service_;
  std::unique_ptr<grpc::Server> server_;
  absl::Time now_ = absl::FromUnixNanos(1700000000123456789);
  std::unique_ptr<client::Client> client_;
  std::unique_ptr<DmemdAuthority> authority_;
};

const ChargeOrder& AnOrder() {
  static const ChargeOrder* order =
      new ChargeOrder{"run.7.t", {{"/ls/t", "n/gpu0", 5}, {"/ls/t", "n/gpu1", 5}}, "t", "LS"};
  return *order;
}

TEST_F(DmemdAuthorityTest, SendsAChargeWithIdTimeOwnerAndQos) {
  const auto verdict = authority_->Charge(AnOrder());
  ASSERT_TRUE(verdict.ok()) << verdict.status();
  EXPECT_TRUE(verdict->granted);
  EXPECT_THAT(
      service_.requests,
      ElementsAre("charge_id: \"run.7.t\" created_at { seconds: 1700000000 nanos: 123456789 "
                  "} items { cgroup: \"/ls/t\" region: \"n/gpu0\" bytes: 5 } items { "
                  "cgroup: \"/ls/t\" region: \"n/gpu1\" bytes: 5 } owner { kind: \"Pod\" "
                  "name: \"t\" } labels { key: \"qos\" value: \"LS\" }"));
}

TEST_F(DmemdAuthorityTest, RetriesUnavailableWithTheSameRequest) {
  service_.answers = {grpc::Status(grpc::StatusCode::UNAVAILABLE, "busy"),
                      grpc::Status(grpc::StatusCode::UNAVAILABLE, "busy")};
  const auto verdict = authority_->Charge(AnOrder());
  ASSERT_TRUE(verdict.ok()) << verdict.status();
  ASSERT_EQ(service_.requests.size(), 3u);
  EXPECT_EQ(service_.requests[0], service_.requests[1]);
  EXPECT_EQ(service_.requests[0], service_.requests[2]);
}

TEST_F(DmemdAuthorityTest, ACountersRefusalIsAVerdict) {
  for (const char* reason : {"MAX_EXCEEDED", "CAPACITY", "COUNTER_OVERFLOW"}) {
    service_.answers = {Error(grpc::StatusCode::RESOURCE_EXHAUSTED, reason),
                        Error(grpc::StatusCode::RESOURCE_EXHAUSTED, reason)};
    for (const auto& verdict :
         {authority_->Charge(AnOrder()), authority_->Resize("run.7.t", AnOrder().items[0])}) {
      ASSERT_TRUE(verdict.ok()) << verdict.status();
      EXPECT_FALSE(verdict->granted);
      EXPECT_EQ(verdict->refusal, absl::StrCat("because of ", reason));
    }
  }
}

TEST_F(DmemdAuthorityTest, AnyOtherErrorIsAnErrorThatSaysWhatWasAsked) {
  service_.answers = {Error(grpc::StatusCode::RESOURCE_EXHAUSTED, "TOO_MANY"),
                      grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "message too large"),
                      Error(grpc::StatusCode::NOT_FOUND, "REGION_NOT_FOUND")};
  for (absl::StatusCode code :
       {absl::StatusCode::kResourceExhausted, absl::StatusCode::kResourceExhausted,
        absl::StatusCode::kNotFound}) {
    const auto verdict = authority_->Charge(AnOrder());
    EXPECT_EQ(verdict.status().code(), code);
    EXPECT_THAT(std::string(verdict.status().message()), HasSubstr("charge \"run.7.t\": "));
  }
}

TEST_F(DmemdAuthorityTest, ResizesToAnAbsoluteSize) {
  ASSERT_TRUE(authority_->Resize("run.7.t", {"/ls/t", "n/gpu0", 9}).ok());
  EXPECT_THAT(service_.requests, ElementsAre("items { charge_id: \"run.7.t\" cgroup: \"/ls/t\" "
                                             "region: \"n/gpu0\" bytes: 9 }"));
}

TEST_F(DmemdAuthorityTest, AnUnchargeMustFindItsCharge) {
  EXPECT_TRUE(authority_->Uncharge("run.7.t").ok());
  service_.outcome = v1::UNCHARGE_OUTCOME_ALREADY;
  EXPECT_TRUE(authority_->Uncharge("run.7.t").ok()) << "as after a retry";
  service_.outcome = v1::UNCHARGE_OUTCOME_NEVER_SEEN;
  EXPECT_EQ(authority_->Uncharge("run.7.t").code(), absl::StatusCode::kInternal);
  EXPECT_EQ(service_.requests[0], "charge_ids: \"run.7.t\"");
}

TEST_F(DmemdAuthorityTest, ACgroupThatExistsIsFine) {
  service_.answers = {Error(grpc::StatusCode::ALREADY_EXISTS, "CGROUP_EXISTS"),
                      Error(grpc::StatusCode::NOT_FOUND, "PARENT_NOT_FOUND")};
  EXPECT_TRUE(authority_->CreateCgroup("/ls").ok());
  EXPECT_EQ(authority_->CreateCgroup("/a/b").code(), absl::StatusCode::kNotFound);
}

TEST_F(DmemdAuthorityTest, RegistersGroupsAndRegions) {
  ASSERT_TRUE(authority_->RegisterGroup("model/T4", "cluster").ok());
  ASSERT_TRUE(authority_->RegisterRegion({"n/gpu0", "model/T4", "n", "T4", 100}).ok());
  EXPECT_THAT(service_.requests,
              ElementsAre("name: \"model/T4\" parent: \"cluster\"",
                          "region { name: \"n/gpu0\" capacity_bytes: 100 attributes { node: \"n\" "
                          "model: \"T4\" } parent: \"model/T4\" }"));
}

TEST_F(DmemdAuthorityTest, ReadsThePeak) {
  const auto peak = authority_->PeakBytes("/ls", "cluster");
  ASSERT_TRUE(peak.ok()) << peak.status();
  EXPECT_EQ(*peak, 77u);
  EXPECT_THAT(service_.requests, ElementsAre("cgroup: \"/ls\" region: \"cluster\""));
}

TEST_F(DmemdAuthorityTest, CountsTheChargesOfTheRunOnAllPages) {
  const auto live = authority_->CountLive("cluster", "run.");
  ASSERT_TRUE(live.ok()) << live.status();
  EXPECT_EQ(live->charges, 2u);
  EXPECT_EQ(live->bytes, 30u);
  EXPECT_THAT(service_.requests,
              ElementsAre("region: \"cluster\"", "region: \"cluster\" page_token: \"more\""));
}

}  // namespace
}  // namespace dmem::replay
