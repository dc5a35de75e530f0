// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Commands that change something: what they send, and say.

#include "client/cli/dmemctl_fixture.h"

namespace dmem::client {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(DmemctlTest, RegisterRegionSendsEveryField) {
  Answer<v1::RegisterResponse>("region { name: 'n1/gpu0' } created: true");
  EXPECT_EQ(Output({"register",     "region",        "n1/gpu0",     "--capacity", "80Gi",
                    "--reserved",   "512Mi",         "--grantable", "max",        "--parent",
                    "cluster",      "--incarnation", "7",           "--node",     "n1",
                    "--model",      "NVIDIA H100",   "--uuid",      "GPU-1",      "--pci",
                    "0000:03:00.0", "--cordoned"}),
            "region/n1/gpu0 registered\n");
  EXPECT_EQ(
      service_.last_request(),
      "RegisterRequest {region { name: \"n1/gpu0\" capacity_bytes: 85899345920 reserved_bytes: "
      "536870912 grantable_bytes: 9223372036854775807 attributes { node: \"n1\" model: "
      "\"NVIDIA H100\" uuid: \"GPU-1\" pci: \"0000:03:00.0\" } parent: \"cluster\" "
      "incarnation: 7 cordoned: true }}");
}

TEST_F(DmemctlTest, RegisterRegionAgainSaysWhatItDropped) {
  Answer<v1::RegisterResponse>(R"pb(
    region {
      name: "n1/gpu0"
      usage_bytes: 3221225472
      grantable_bytes: 2147483648
      over_bytes: 1073741824
    }
    dropped { charge_id: "a" cgroup: "/t" region: "n1/gpu0" bytes: 1024 charge_ended: true }
    dropped { charge_id: "b" cgroup: "/t" region: "n1/gpu0" bytes: 2048 }
    dropped_items: 5
    freed_cgroups: 12
  )pb");
  const Result result = Run({"register", "region/n1/gpu0", "--capacity", "2Gi"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out,
            "region/n1/gpu0 updated\n"
            "charge/a dropped 1KiB of /t in n1/gpu0, ended\n"
            "charge/b dropped 2KiB of /t in n1/gpu0, partial\n"
            "and 3 more items\n"
            "cgroup/@12 freed\n");
  EXPECT_EQ(result.err, "Warning: region \"n1/gpu0\" uses 3GiB, 1GiB over its grantable 2GiB\n");
  // What was not given is absent, and follows the capacity.
  EXPECT_EQ(
      service_.last_request(),
      "RegisterRequest {region { name: \"n1/gpu0\" capacity_bytes: 2147483648 attributes { } }}");
}

TEST_F(DmemctlTest, RegisterAndUnregisterGroup) {
  Answer<v1::RegisterGroupResponse>("created: true");
  EXPECT_EQ(Output({"register", "group", "model/h100", "--parent", "cluster"}),
            "group/model/h100 registered\n");
  EXPECT_EQ(service_.last_request(),
            "RegisterGroupRequest {name: \"model/h100\" parent: \"cluster\"}");
  Answer<v1::UnregisterGroupResponse>("");
  EXPECT_EQ(Output({"unregister", "group/model/h100"}), "group/model/h100 unregistered\n");
  EXPECT_EQ(service_.last_request(), "UnregisterGroupRequest {name: \"model/h100\"}");
}

TEST_F(DmemctlTest, UnregisterRegionSaysWhereItsChargesAre) {
  Answer<v1::UnregisterResponse>("id: 4");
  EXPECT_EQ(Output({"unregister", "region", "n1/gpu0"}),
            "region/n1/gpu0 unregistered\n"
            "its charges stay until uncharged, in region n1/gpu0@4\n");
  EXPECT_EQ(service_.last_request(), "UnregisterRequest {region: \"n1/gpu0\"}");
  Answer<v1::UnregisterResponse>("id: 4 removed: true");
  EXPECT_EQ(Output({"unregister", "region", "n1/gpu0@4", "--force"}),
            "region/n1/gpu0@4 unregistered\n");
  EXPECT_EQ(service_.last_request(), "UnregisterRequest {region: \"n1/gpu0@4\" force: true}");
}

TEST_F(DmemctlTest, CordonAndUncordon) {
  Answer<v1::CordonResponse>("");
  EXPECT_EQ(Output({"cordon", "n1/gpu0"}), "region/n1/gpu0 cordoned\n");
  EXPECT_EQ(service_.last_request(), "CordonRequest {region: \"n1/gpu0\"}");
  Answer<v1::CordonResponse>("");
  EXPECT_EQ(Output({"uncordon", "region/n1/gpu0"}), "region/n1/gpu0 uncordoned\n");
  EXPECT_EQ(service_.last_request(), "CordonRequest {region: \"n1/gpu0\" uncordon: true}");
}

TEST_F(DmemctlTest, CreateAndDeleteCgroup) {
  Answer<v1::CreateCgroupResponse>("");
  EXPECT_EQ(Output({"create", "cgroup", "/team-a", "--priority", "-5"}), "cgroup/team-a created\n");
  EXPECT_EQ(service_.last_request(), "CreateCgroupRequest {path: \"/team-a\" priority: -5}");
  Answer<v1::CreateCgroupResponse>("");
  Output({"create", "cgroup/team-b"});
  EXPECT_EQ(service_.last_request(), "CreateCgroupRequest {path: \"/team-b\"}");

  Answer<v1::DeleteCgroupResponse>("id: 3 outcome: FREED");
  EXPECT_EQ(Output({"delete", "cgroup", "/team-a"}), "cgroup/team-a deleted\n");
  EXPECT_EQ(service_.last_request(), "DeleteCgroupRequest {path: \"/team-a\"}");
  Answer<v1::DeleteCgroupResponse>("id: 3 outcome: DYING");
  EXPECT_EQ(Output({"delete", "cgroup", "/team-a"}),
            "cgroup/team-a deleted\n"
            "it holds charges: dying, as @3, until the last of them is uncharged\n");
}

TEST_F(DmemctlTest, SetLimitsSendsOnlyWhatIsGiven) {
  Answer<v1::SetLimitsResponse>("pools { cgroup: '/a' region: 'n1/gpu0' max_bytes: 8589934592 }");
  EXPECT_EQ(Output({"set", "limits", "/a", "n1/gpu0", "--max", "8Gi"}),
            "pool/a n1/gpu0 limits set: min 0, low 0, max 8GiB\n");
  EXPECT_EQ(
      service_.last_request(),
      "SetLimitsRequest {updates { cgroup: \"/a\" region: \"n1/gpu0\" max_bytes: 8589934592 }}");

  Answer<v1::SetLimitsResponse>(
      "pools { cgroup: '/a' region: 'g' max_bytes: 9223372036854775807 enforcement: "
      "ENFORCEMENT_OBSERVE } validated_only: true");
  EXPECT_EQ(Output({"set", "limits", "/a", "g", "--min=0", "--low=1.5Gi", "--max=max",
                    "--enforcement=observe", "--etag=0", "--below-usage=apply", "--dry-run"}),
            "pool/a g limits set: min 0, low 0, max max(observed) (dry run)\n");
  EXPECT_EQ(service_.last_request(),
            "SetLimitsRequest {updates { cgroup: \"/a\" region: \"g\" min_bytes: 0 low_bytes: "
            "1610612736 max_bytes: 9223372036854775807 enforcement: ENFORCEMENT_OBSERVE etag: 0 } "
            "below_usage: BELOW_USAGE_POLICY_APPLY validate_only: true}");
}

TEST_F(DmemctlTest, SetLimitsWarnsOfAPoolThatIsNowOver) {
  Answer<v1::SetLimitsResponse>(
      "pools { cgroup: '/a' region: 'r' usage_bytes: 3072 max_bytes: 1024 over_bytes: 2048 }");
  const Result result = Run({"set", "limits", "/a", "r", "--max=1Ki", "--below-usage=apply"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.err,
            "Warning: /a in r uses 3KiB, 2KiB over its max: new charges are refused until it is "
            "below\n");

  Answer<v1::SetLimitsResponse>(
      "pools { cgroup: '/a' region: 'r' usage_bytes: 3072 max_bytes: 1024 over_bytes: 2048 "
      "enforcement: ENFORCEMENT_OBSERVE }");
  EXPECT_EQ(Run({"set", "limits", "/a", "r", "--enforcement=observe"}).err,
            "Warning: /a in r uses 3KiB, 2KiB over its max, which is only observed\n");
}

TEST_F(DmemctlTest, ChargeWithoutAnIdMakesOneSoThatARetryIsSafe) {
  service_.Fail<v1::ChargeResponse>(absl::UnavailableError("starting"));
  Answer<v1::ChargeResponse>("charge { charge_id: 'c-1' }");
  EXPECT_EQ(Output({"charge", "/a", "n1/gpu0", "8Gi"}), "charge/c-1 charged\n");
  const std::vector<std::string> requests = service_.requests();
  ASSERT_THAT(requests, SizeIs(2));
  EXPECT_EQ(requests[0],
            "ChargeRequest {charge_id: \"c-1\" created_at { seconds: 1700000000 } items { cgroup: "
            "\"/a\" region: \"n1/gpu0\" bytes: 8589934592 } mode: CHARGE_MODE_STRICT}");
  EXPECT_EQ(requests[1], requests[0]);
  EXPECT_EQ(sleeps_, 1);
}

TEST_F(DmemctlTest, ChargeSendsEveryField) {
  Answer<v1::ChargeResponse>("charge { charge_id: 'job-42' } replayed: true");
  EXPECT_EQ(Output({"charge",
                    "/a",
                    "n1/gpu0",
                    "1",
                    "/a",
                    "n1/gpu1",
                    "0",
                    "--id",
                    "job-42",
                    "--created-at",
                    "2023-11-14T22:00:00.5Z",
                    "--force",
                    "--owner-kind",
                    "Pod",
                    "--owner-namespace",
                    "ml",
                    "--owner-name",
                    "w",
                    "--owner-uid",
                    "u",
                    "--owner-container",
                    "c",
                    "--label",
                    "k=v=w",
                    "--label",
                    "e=",
                    "--priority",
                    "-010",
                    "--preemptible"}),
            "charge/job-42 charged already\n");
  const v1::ChargeRequest request = Proto<v1::ChargeRequest>([this] {
    const std::string text = service_.last_request();
    const std::string prefix = "ChargeRequest {";
    return text.substr(prefix.size(), text.size() - prefix.size() - 1);
  }());
  EXPECT_EQ(request.charge_id(), "job-42");
  EXPECT_EQ(request.created_at().seconds(), 1'699'999'200);
  EXPECT_EQ(request.created_at().nanos(), 500'000'000);
  ASSERT_EQ(request.items_size(), 2);
  EXPECT_EQ(request.items(1).region(), "n1/gpu1");
  EXPECT_EQ(request.mode(), v1::CHARGE_MODE_FORCE);
  EXPECT_EQ(request.owner().ShortDebugString(),
            "kind: \"Pod\" namespace: \"ml\" name: \"w\" uid: \"u\" container: \"c\"");
  EXPECT_EQ(request.labels().at("k"), "v=w");
  EXPECT_EQ(request.labels().at("e"), "");
  EXPECT_EQ(request.priority(), -10);
  EXPECT_TRUE(request.preemptible());
}

TEST_F(DmemctlTest, ChargeCheckOnlySaysThatNothingHappened) {
  for (const char* flag : {"--check-only", "--dry-run"}) {
    Answer<v1::ChargeResponse>("checked_only: true");
    EXPECT_EQ(Output({"charge", "/a", "r", "1", flag}), "charge/c-1 would be charged (dry run)\n");
    EXPECT_THAT(service_.last_request(), HasSubstr("mode: CHARGE_MODE_CHECK_ONLY"));
  }
}

TEST_F(DmemctlTest, ChargeBeyondAnObservedMaxIsChargedWithAWarning) {
  Answer<v1::ChargeResponse>(R"pb(
    charge { charge_id: "c-1" }
    would_refuse {
      cgroup: "/a"
      region: "g"
      usage_bytes: 3221225472
      max_bytes: 4294967296
      requested_bytes: 2147483648
      short_bytes: 1073741824
      largest_grantable_bytes: 1073741824
    }
  )pb");
  const Result result = Run({"charge", "/a", "n1/gpu0", "2Gi"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out, "charge/c-1 charged\n");
  EXPECT_EQ(result.err,
            "Warning: the max of /a in g is only observed; enforced, it would have refused this: "
            "usage 3GiB of max 4GiB, asked 2GiB, short by 1GiB, would fit 1GiB\n");
}

TEST_F(DmemctlTest, ChargeWhoseAnswerIsLostSaysHowToBeSure) {
  for (int i = 0; i < 6; ++i) {
    service_.Fail<v1::ChargeResponse>(absl::UnavailableError("down"));
  }
  const Result result = Run({"charge", "/a", "n1/gpu0", "1"});
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_THAT(result.out, IsEmpty());
  EXPECT_THAT(result.err, HasSubstr("Warning: it may have been charged; dmemctl uncharge c-1 "));
  EXPECT_THAT(result.err, HasSubstr("Error: down (gave up after 6 attempts)\n"));
}

TEST_F(DmemctlTest, UnchargeSaysWhatBecameOfEachId) {
  Answer<v1::UnchargeResponse>(R"pb(
    results { charge_id: "a" outcome: UNCHARGE_OUTCOME_RELEASED }
    results { charge_id: "b" outcome: UNCHARGE_OUTCOME_ALREADY }
    results { charge_id: "c" outcome: UNCHARGE_OUTCOME_NEVER_SEEN }
    freed_cgroups: 8
  )pb");
  EXPECT_EQ(Output({"uncharge", "charge/a", "b", "c"}),
            "charge/a uncharged\n"
            "charge/b was uncharged before\n"
            "charge/c never seen; its id is now spent\n"
            "cgroup/@8 freed\n");
  EXPECT_EQ(service_.last_request(),
            "UnchargeRequest {charge_ids: \"a\" charge_ids: \"b\" charge_ids: \"c\"}");
}

TEST_F(DmemctlTest, ResizeSendsAnAbsoluteSize) {
  Answer<v1::ResizeResponse>("charges { charge_id: 'a' }");
  EXPECT_EQ(Output({"resize", "charge/a", "/t", "n1/gpu0", "12Gi"}), "charge/a resized\n");
  EXPECT_EQ(service_.last_request(),
            "ResizeRequest {items { charge_id: \"a\" cgroup: \"/t\" region: \"n1/gpu0\" bytes: "
            "12884901888 } mode: CHARGE_MODE_STRICT}");
  Answer<v1::ResizeResponse>("charges { charge_id: 'a' } checked_only: true");
  EXPECT_EQ(Output({"resize", "a", "/t", "n1/gpu0", "0", "--expected", "12Gi", "--dry-run"}),
            "charge/a would be resized (dry run)\n");
  EXPECT_EQ(service_.last_request(),
            "ResizeRequest {items { charge_id: \"a\" cgroup: \"/t\" region: \"n1/gpu0\" "
            "expected_bytes: 12884901888 } mode: CHARGE_MODE_CHECK_ONLY}");
}

TEST_F(DmemctlTest, MoveSaysWhatMovedAndWhatHadMovedBefore) {
  Answer<v1::MoveChargeResponse>("charge { charge_id: 'a' } moved_items: 2 freed_cgroups: 8");
  EXPECT_EQ(Output({"move", "charge/a", "@8", "/t"}), "charge/a moved, 2 items\ncgroup/@8 freed\n");
  EXPECT_EQ(service_.last_request(),
            "MoveChargeRequest {charge_id: \"a\" from_cgroup: \"@8\" to_cgroup: \"/t\"}");
  Answer<v1::MoveChargeResponse>("charge { charge_id: 'a' }");
  EXPECT_EQ(Output({"move", "a", "/s", "/t"}), "charge/a is in /t already\n");
}

TEST_F(DmemctlTest, JsonOfAChangeIsTheAnswer) {
  Answer<v1::UnchargeResponse>(
      "results { charge_id: 'a' outcome: UNCHARGE_OUTCOME_RELEASED } sequence: 5");
  EXPECT_EQ(Output({"uncharge", "a", "-o", "json"}),
            "{\n \"results\": [\n  {\n   \"charge_id\": \"a\",\n"
            "   \"outcome\": \"UNCHARGE_OUTCOME_RELEASED\"\n  }\n ],\n"
            " \"freed_cgroups\": [],\n \"sequence\": \"5\"\n}\n");
}

}  // namespace
}  // namespace dmem::client
