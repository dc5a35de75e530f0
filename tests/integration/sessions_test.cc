// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Sessions, fences and region states through gRPC.

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "dmem/v1/quota_service.grpc.pb.h"
#include "server/testing/test_server.h"
#include "tests/integration/http_get.h"
#include "tests/integration/requests.h"

namespace dmem::server {
namespace {

class SessionsTest : public ::testing::Test {
 protected:
  static v1::OpenSessionRequest OpenOf(const std::string& nonce, const std::string& node,
                                       uint64_t incarnation) {
    v1::OpenSessionRequest request;
    request.set_owner("agent of " + node);
    request.set_node(node);
    request.set_incarnation(incarnation);
    request.set_nonce(nonce);
    return request;
  }
  uint64_t Open(const std::string& nonce, const std::string& node, uint64_t incarnation) {
    const auto answer = Call(server_, &Stub::OpenSession, OpenOf(nonce, node, incarnation));
    EXPECT_TRUE(answer.ok()) << answer.status.error_message();
    return answer.response.session().id();
  }
  void Register(uint64_t session, const std::string& name, const std::string& node,
                uint64_t incarnation) {
    v1::RegisterRequest request = RegisterOf(name, 1000, "cluster");
    request.set_session(session);
    request.mutable_region()->set_incarnation(incarnation);
    request.mutable_region()->mutable_attributes()->set_node(node);
    const auto answer = Call(server_, &Stub::Register, request);
    EXPECT_TRUE(answer.ok()) << answer.status.error_message();
  }
  void SetUpNode() {
    v1::RegisterGroupRequest group;
    group.set_name("cluster");
    ASSERT_TRUE(Call(server_, &Stub::RegisterGroup, group).ok());
    session_ = Open("first", "n1", 7);
    Register(session_, "n1/gpu0", "n1", 7);
  }
  v1::Region RegionOf(const std::string& name) {
    const auto answer = Call(server_, &Stub::ListRegions, v1::ListRegionsRequest());
    for (const v1::Region& region : answer.response.regions()) {
      if (region.name() == name) return region;
    }
    ADD_FAILURE() << "no region " << name;
    return v1::Region();
  }
  v1::RegionGroup Cluster() {
    return Call(server_, &Stub::ListRegions, v1::ListRegionsRequest()).response.groups(0);
  }
  std::string KeepAliveReason(uint64_t session) {
    v1::KeepAliveRequest request;
    request.set_session(session);
    return ErrorInfoOf(Call(server_, &Stub::KeepAlive, request).status).reason();
  }
  Answer<v1::FenceResponse> Fence(const std::string& node, bool forget = false) {
    v1::FenceRequest request;
    request.set_node(node);
    request.set_evidence("machine powered off, ticket 12");
    request.set_forget(forget);
    return Call(server_, &Stub::Fence, request);
  }

  TestServer server_;
  uint64_t session_ = 0;
};

TEST_F(SessionsTest, AnOpenedSessionIsKeptAliveAndListed) {
  SetUpNode();
  v1::KeepAliveRequest request;
  request.set_session(session_);
  const auto kept = Call(server_, &Stub::KeepAlive, request);
  ASSERT_TRUE(kept.ok()) << kept.status.error_message();
  EXPECT_EQ(kept.response.state(), v1::SESSION_STATE_ACTIVE);
  EXPECT_EQ(kept.response.ttl().seconds(), 60);

  const auto sessions = Call(server_, &Stub::ListSessions, v1::ListSessionsRequest());
  ASSERT_EQ(sessions.response.sessions_size(), 1);
  EXPECT_EQ(sessions.response.sessions(0).node(), "n1");
  EXPECT_EQ(sessions.response.sessions(0).owner(), "agent of n1");
  const auto nodes = Call(server_, &Stub::ListNodes, v1::ListNodesRequest());
  ASSERT_EQ(nodes.response.nodes_size(), 1);
  EXPECT_EQ(nodes.response.nodes(0).session(), session_);
  EXPECT_EQ(nodes.response.nodes(0).regions(), 1u);
  EXPECT_EQ(RegionOf("n1/gpu0").session(), session_);
}

TEST(SilenceTest, WhoeverChargesInBatchesIsAlive) {
  std::atomic<int64_t> now_us = 1'000'000'000'000;
  Config config;
  config.ticks = false;
  config.now_us = [&now_us] { return now_us.load(); };
  TestServer server(config);
  ASSERT_TRUE(Call(server, &Stub::Register, RegisterOf("gpu0", 1000)).ok());
  v1::OpenSessionRequest open;
  open.set_owner("a batch system");
  open.set_nonce("1");
  open.mutable_ttl()->set_seconds(60);
  const auto opened = Call(server, &Stub::OpenSession, open);
  ASSERT_TRUE(opened.ok()) << opened.status.error_message();
  v1::BatchChargeRequest batch;
  *batch.add_charges() = ChargeOf("c1", "/a", "gpu0", 1);
  batch.mutable_charges(0)->set_session(opened.response.session().id());
  const auto state = [&server] {
    return Call(server, &Stub::ListSessions, v1::ListSessionsRequest())
        .response.sessions(0)
        .state();
  };

  // A Tick is expected each second; what is longer is an outage, in which nobody falls silent.
  const auto pass = [&server, &now_us](int seconds) {
    for (int i = 0; i < seconds; ++i) {
      now_us += 1'000'000;
      ASSERT_TRUE(server.server().Tick().ok());
    }
  };

  for (int i = 0; i < 4; ++i) {
    pass(50);
    batch.mutable_charges(0)->set_charge_id(absl::StrCat("c", i));
    ASSERT_TRUE(Call(server, &Stub::BatchCharge, batch).ok());
    EXPECT_EQ(state(), v1::SESSION_STATE_ACTIVE);
  }
  pass(61);
  EXPECT_EQ(state(), v1::SESSION_STATE_SILENT);
}

TEST_F(SessionsTest, OpenedAgainAfterALostAnswerItIsTheSameSession) {
  const uint64_t first = Open("nonce", "n1", 7);
  const auto again = Call(server_, &Stub::OpenSession, OpenOf("nonce", "n1", 7));
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again.response.replayed());
  EXPECT_EQ(again.response.session().id(), first);
}

TEST_F(SessionsTest, ManySessionsShareOneStreamOfKeepAlives) {
  const uint64_t a = Open("a", "n1", 1), b = Open("b", "n2", 1);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kCallTimeout);
  const auto stream = server_.stub().KeepAliveStream(&context);
  for (const uint64_t session : {a, b, a}) {
    v1::KeepAliveRequest request;
    request.set_session(session);
    ASSERT_TRUE(stream->Write(request));
    v1::KeepAliveResponse response;
    ASSERT_TRUE(stream->Read(&response));
    EXPECT_EQ(response.session(), session);
    EXPECT_EQ(response.state(), v1::SESSION_STATE_ACTIVE);
  }
  v1::CloseSessionRequest close;
  close.set_session(a);
  ASSERT_TRUE(Call(server_, &Stub::CloseSession, close).ok());
  v1::KeepAliveRequest request;
  request.set_session(a);
  ASSERT_TRUE(stream->Write(request));
  v1::KeepAliveResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(ErrorInfoOf(stream->Finish()).reason(), "SESSION_CLOSED");
}

TEST_F(SessionsTest, AnOpenStreamDoesNotHoldUpAStop) {
  const uint64_t session = Open("a", "n1", 1);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kCallTimeout);
  const auto stream = server_.stub().KeepAliveStream(&context);
  v1::KeepAliveRequest request;
  request.set_session(session);
  ASSERT_TRUE(stream->Write(request));
  v1::KeepAliveResponse response;
  ASSERT_TRUE(stream->Read(&response));
  ASSERT_TRUE(server_.server().Shutdown().ok());
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(ErrorInfoOf(stream->Finish()).reason(), "SHUTTING_DOWN");
}

TEST_F(SessionsTest, AStreamThatItsCallerEndsEndsOk) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kCallTimeout);
  const auto stream = server_.stub().KeepAliveStream(&context);
  ASSERT_TRUE(stream->WritesDone());
  v1::KeepAliveResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(SessionsTest, ARestartedAgentTakesOverAndTheOldOneIsTold) {
  SetUpNode();
  const uint64_t restarted = Open("second", "n1", 7);
  EXPECT_EQ(RegionOf("n1/gpu0").state(), v1::REGION_STATE_READY);
  EXPECT_EQ(KeepAliveReason(session_), "SESSION_SUPERSEDED");
  EXPECT_EQ(KeepAliveReason(restarted), "");
}

TEST_F(SessionsTest, AClosedSessionLeavesItsRegionStaleAndItsChargesHeld) {
  SetUpNode();
  ASSERT_TRUE(Call(server_, &Stub::Charge, ChargeOf("c1", "/a", "n1/gpu0", 400)).ok());
  v1::CloseSessionRequest close;
  close.set_session(session_);
  ASSERT_TRUE(Call(server_, &Stub::CloseSession, close).ok());
  EXPECT_EQ(RegionOf("n1/gpu0").state(), v1::REGION_STATE_STALE);
  EXPECT_EQ(UsageOf(server_, "/a", "cluster"), 400u);
  EXPECT_EQ(Cluster().capacity_bytes(), 1000u) << "STALE counts";
}

TEST_F(SessionsTest, AFencedNodeLeavesItsGroupUntilANewerIncarnationRegisters) {
  SetUpNode();
  ASSERT_TRUE(Call(server_, &Stub::Charge, ChargeOf("c1", "/a", "n1/gpu0", 400)).ok());
  const auto fenced = Fence("n1");
  ASSERT_TRUE(fenced.ok()) << fenced.status.error_message();
  EXPECT_EQ(fenced.response.session(), session_);
  ASSERT_EQ(fenced.response.dropped_size(), 1);
  EXPECT_EQ(fenced.response.dropped(0).charge_id(), "c1");
  EXPECT_EQ(RegionOf("n1/gpu0").state(), v1::REGION_STATE_LOST);
  EXPECT_EQ(Cluster().capacity_bytes(), 0u);
  ASSERT_EQ(Cluster().states_size(), 1);
  EXPECT_EQ(Cluster().states(0).state(), v1::REGION_STATE_LOST);
  EXPECT_EQ(Cluster().states(0).capacity_bytes(), 1000u);
  const auto refused = Call(server_, &Stub::Charge, ChargeOf("c2", "/a", "n1/gpu0", 1));
  EXPECT_EQ(refused.status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ErrorInfoOf(refused.status).reason(), "REGION_LOST");
  EXPECT_EQ(KeepAliveReason(session_), "SESSION_FENCED");
  const auto late = Call(server_, &Stub::OpenSession, OpenOf("late", "n1", 7));
  EXPECT_EQ(ErrorInfoOf(late.status).reason(), "SESSION_FENCED");

  const uint64_t rebooted = Open("boot 8", "n1", 8);
  Register(rebooted, "n1/gpu0", "n1", 8);
  EXPECT_EQ(RegionOf("n1/gpu0").state(), v1::REGION_STATE_READY);
  EXPECT_EQ(Cluster().capacity_bytes(), 1000u);
  EXPECT_TRUE(Call(server_, &Stub::Charge, ChargeOf("c2", "/a", "n1/gpu0", 1)).ok());
}

TEST_F(SessionsTest, AForgottenNodeLeavesNoRegion) {
  SetUpNode();
  ASSERT_TRUE(Fence("n1", /*forget=*/true).ok());
  EXPECT_EQ(Call(server_, &Stub::ListRegions, v1::ListRegionsRequest()).response.regions_size(), 0);
  EXPECT_EQ(ErrorInfoOf(Fence("n1").status).reason(), "NODE_NOT_FOUND");
}

TEST_F(SessionsTest, AFailedDeviceSaysWhyToWhoeverAsksForIt) {
  SetUpNode();
  v1::ReportRegionStateRequest report;
  report.set_session(session_);
  report.set_region("n1/gpu0");
  report.set_failed(true);
  report.set_why("XID 79");
  const auto reported = Call(server_, &Stub::ReportRegionState, report);
  ASSERT_TRUE(reported.ok()) << reported.status.error_message();
  EXPECT_EQ(reported.response.region().state(), v1::REGION_STATE_FAILED);
  EXPECT_EQ(reported.response.region().failure(), "XID 79");
  const auto refused = Call(server_, &Stub::Charge, ChargeOf("c1", "/a", "n1/gpu0", 1));
  EXPECT_EQ(ErrorInfoOf(refused.status).reason(), "REGION_FAILED");
  EXPECT_EQ(ErrorInfoOf(refused.status).metadata().at("why"), "XID 79");
  EXPECT_EQ(Cluster().capacity_bytes(), 0u);
}

TEST_F(SessionsTest, NotReadyIsShownAndChangesNothingByItself) {
  SetUpNode();
  v1::DeclareNotReadyRequest declare;
  declare.set_node("n1");
  declare.set_why("NodeStatusUnknown");
  const auto declared = Call(server_, &Stub::DeclareNotReady, declare);
  ASSERT_TRUE(declared.ok()) << declared.status.error_message();
  EXPECT_TRUE(declared.response.node().not_ready());
  EXPECT_EQ(declared.response.node().not_ready_why(), "NodeStatusUnknown");
  EXPECT_FALSE(declared.response.node().has_lost_at()) << "its agent is heard";
  EXPECT_EQ(RegionOf("n1/gpu0").state(), v1::REGION_STATE_READY);
}

TEST_F(SessionsTest, ARestartKnowsSessionsFencesAndStates) {
  SetUpNode();
  Open("other", "n2", 1);
  ASSERT_TRUE(Fence("n2").ok());
  v1::ReportRegionStateRequest report;
  report.set_session(session_);
  report.set_region("n1/gpu0");
  report.set_failed(true);
  ASSERT_TRUE(Call(server_, &Stub::ReportRegionState, report).ok());
  ASSERT_TRUE(server_.Restart().ok());
  EXPECT_EQ(RegionOf("n1/gpu0").state(), v1::REGION_STATE_FAILED);
  EXPECT_EQ(KeepAliveReason(session_), "");
  EXPECT_EQ(ErrorInfoOf(Call(server_, &Stub::OpenSession, OpenOf("late", "n2", 1)).status).reason(),
            "SESSION_FENCED");
  EXPECT_FALSE(server_.StateHash().empty());
}

TEST_F(SessionsTest, WhatIsWrongInAnyStateIsInvalid) {
  const auto field = [&](const v1::OpenSessionRequest& request) {
    const auto answer = Call(server_, &Stub::OpenSession, request);
    EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    return ErrorInfoOf(answer.status).metadata().at("field");
  };
  v1::OpenSessionRequest request = OpenOf("nonce", "n1", 7);
  request.clear_owner();
  EXPECT_EQ(field(request), "owner");
  EXPECT_EQ(field(OpenOf("nonce", "n1", 0)), "incarnation");
  EXPECT_EQ(field(OpenOf("nonce", "", 7)), "incarnation");
  EXPECT_EQ(field(OpenOf("", "n1", 7)), "nonce");
  EXPECT_EQ(field(OpenOf(std::string(65, 'x'), "n1", 7)), "nonce");
  request = OpenOf("nonce", "n1", 7);
  request.mutable_ttl()->set_seconds(9);
  EXPECT_EQ(field(request), "ttl");
  request.mutable_ttl()->set_seconds(601);
  EXPECT_EQ(field(request), "ttl");
  v1::FenceRequest fence;
  fence.set_node("n1");
  const auto answer = Call(server_, &Stub::Fence, fence);
  EXPECT_EQ(ErrorInfoOf(answer.status).metadata().at("field"), "evidence");
}

TEST_F(SessionsTest, AScrapeCountsSessionsAndRegionsByState) {
  SetUpNode();
  Open("other", "n2", 1);
  ASSERT_TRUE(Fence("n2").ok());
  const std::string text = HttpGet(server_.server().http_address(), "/metrics").body;
  EXPECT_NE(text.find("dmemd_sessions{state=\"ACTIVE\"} 1\n"), std::string::npos) << text;
  EXPECT_NE(text.find("dmemd_sessions{state=\"FENCED\"} 1\n"), std::string::npos);
  EXPECT_NE(text.find("dmemd_regions{state=\"READY\"} 1\n"), std::string::npos);
  EXPECT_NE(text.find("dmemd_region_state{region=\"n1/gpu0\",state=\"READY\"} 1\n"),
            std::string::npos);
}

}  // namespace
}  // namespace dmem::server
