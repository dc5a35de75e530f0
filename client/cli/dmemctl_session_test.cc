// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// dmemctl on sessions and nodes.

#include <gtest/gtest.h>

#include "client/cli/dmemctl_fixture.h"

namespace dmem::client {
namespace {

constexpr char kNodes[] = R"pb(
  nodes {
    name: "n2"
    incarnation: 3
    fenced_incarnation: 3
    lost: true
    unheard_since { seconds: 1699996400 }
    regions: 1
  }
  nodes {
    name: "n1"
    incarnation: 7
    session: 12
    session_state: SESSION_STATE_SILENT
    not_ready: true
    not_ready_since { seconds: 1699999900 }
    not_ready_why: "NodeStatusUnknown"
    unheard_since { seconds: 1699999940 }
    lost_at { seconds: 1700000240 }
    regions: 8
  }
)pb";

TEST_F(DmemctlTest, GetNodesSaysWhoIsNotHeardAndUntilWhenThatMayLast) {
  Answer<v1::ListNodesResponse>(kNodes);
  EXPECT_EQ(Output({"get", "nodes"}),
            "NAME  STATUS            REGIONS  SESSION  INCARNATION  UNHEARD  LOST-IN\n"
            "n1    silent,not-ready  8        12       7            60s      4m\n"
            "n2    lost,fenced       1        <none>   3            60m      <none>\n");
  EXPECT_EQ(service_.last_request(), "ListNodesRequest {}");
}

TEST_F(DmemctlTest, GetSessionsShowsThoseThatEndedOnRequest) {
  Answer<v1::ListSessionsResponse>(R"pb(
    sessions {
      id: 12
      owner: "agent of n1"
      node: "n1"
      incarnation: 7
      state: SESSION_STATE_ACTIVE
      opened_at { seconds: 1699996400 }
      heard_at { seconds: 1699999990 }
    }
    sessions {
      id: 4
      owner: "scheduler"
      state: SESSION_STATE_CLOSED
      opened_at { seconds: 1699996400 }
      heard_at { seconds: 1699999900 }
      why: "its owner closed it"
    })pb");
  EXPECT_EQ(Output({"get", "sessions", "--all"}),
            "ID  STATE   NODE    INCARNATION  OWNER        HEARD  AGE  WHY\n"
            "4   closed  <none>  <none>       scheduler    100s   60m  its_owner_closed_it\n"
            "12  active  n1      7            agent_of_n1  10s    60m  <none>\n");
  EXPECT_EQ(service_.last_request(), "ListSessionsRequest {all: true}");
  Answer<v1::ListSessionsResponse>("");
  Output({"get", "sessions", "--node", "n1"});
  EXPECT_EQ(service_.last_request(), "ListSessionsRequest {node: \"n1\"}");
}

TEST_F(DmemctlTest, DescribeNodeSaysWhyItIsNotReady) {
  Answer<v1::ListNodesResponse>(R"pb(nodes {
                                       name: "n1"
                                       incarnation: 7
                                       session: 12
                                       session_state: SESSION_STATE_ACTIVE
                                       not_ready: true
                                       not_ready_since { seconds: 1699999900 }
                                       not_ready_why: "NodeStatusUnknown"
                                       regions: 8
                                     })pb");
  EXPECT_EQ(Output({"describe", "node/n1"}),
            "Name:          n1\n"
            "Status:        active,not-ready\n"
            "Incarnation:   7\n"
            "Session:       12\n"
            "NotReady for:  100s\n"
            "NotReady why:  NodeStatusUnknown\n"
            "Regions:       8\n");
  EXPECT_EQ(service_.last_request(), "ListNodesRequest {node: \"n1\"}");
}

TEST_F(DmemctlTest, FenceNeedsEvidenceAndSaysWhatItDropped) {
  EXPECT_EQ(Run({"fence", "n1"}).exit_code, 2);
  Answer<v1::FenceResponse>(R"pb(
    session: 12
    fenced_incarnation: 7
    regions: 8
    dropped { charge_id: "c1" cgroup: "/a" region: "n1/gpu0" bytes: 8589934592 charge_ended: true }
    dropped_items: 1)pb");
  EXPECT_EQ(Output({"fence", "node/n1", "--evidence", "powered off"}),
            "node/n1 fenced up to incarnation 7, 8 regions lost\n"
            "charge/c1 dropped 8GiB of /a in n1/gpu0, ended\n");
  EXPECT_EQ(service_.last_request(), "FenceRequest {node: \"n1\" evidence: \"powered off\"}");
  Answer<v1::FenceResponse>("fenced_incarnation: 7 regions: 1");
  EXPECT_EQ(Output({"fence", "n1", "--evidence", "gone", "--incarnation", "7", "--forget"}),
            "node/n1 forgotten up to incarnation 7, 1 region unregistered\n");
  EXPECT_EQ(service_.last_request(),
            "FenceRequest {node: \"n1\" incarnation: 7 evidence: \"gone\" forget: true}");
}

TEST_F(DmemctlTest, NotReadyAndReady) {
  Answer<v1::DeclareNotReadyResponse>("");
  EXPECT_EQ(Output({"not-ready", "n1", "--why", "kubelet stopped"}),
            "node/n1 declared not ready\n");
  EXPECT_EQ(service_.last_request(),
            "DeclareNotReadyRequest {node: \"n1\" why: \"kubelet stopped\"}");
  Answer<v1::DeclareNotReadyResponse>("");
  EXPECT_EQ(Output({"ready", "n1"}), "node/n1 declared ready\n");
  EXPECT_EQ(service_.last_request(), "DeclareNotReadyRequest {node: \"n1\" ready: true}");
}

TEST_F(DmemctlTest, ARegionShowsItsState) {
  Answer<v1::ListRegionsResponse>(R"pb(
    regions {
      name: "n1/gpu0"
      id: 1
      capacity_bytes: 1000
      grantable_bytes: 1000
      state: REGION_STATE_LOST
      cordoned: true
    })pb");
  EXPECT_EQ(Output({"get", "regions", "--no-headers"}),
            "n1/gpu0  lost,cordoned  1000B  1000B  0  0%  0  <none>\n");
}

}  // namespace
}  // namespace dmem::client
