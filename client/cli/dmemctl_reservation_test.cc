// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Commands on reservations and on the release of charges: what they send, and say.

#include "client/cli/dmemctl_fixture.h"

namespace dmem::client {
namespace {

using ::testing::HasSubstr;

TEST_F(DmemctlTest, ChargeWithATtlReserves) {
  Answer<v1::ChargeResponse>("");
  EXPECT_EQ(Output({"charge", "/a", "model/h100", "640Gi", "--ttl", "5m", "--id", "gang",
                    "--created-at", "2023-11-14T22:13:20Z"}),
            "charge/gang reserved\n");
  EXPECT_EQ(service_.last_request(),
            "ChargeRequest {charge_id: \"gang\" created_at { seconds: 1700000000 } items { cgroup: "
            "\"/a\" region: \"model/h100\" bytes: 687194767360 } mode: CHARGE_MODE_STRICT ttl { "
            "seconds: 300 }}");
  EXPECT_EQ(Run({"charge", "/a", "g", "1", "--ttl", "soon"}).exit_code, 2);
}

TEST_F(DmemctlTest, CommitSaysWhatIsHeldAndWhatIsLeft) {
  Answer<v1::CommitResponse>(R"pb(
    charge {
      items { bytes: 1024 reserved: true }
      items { bytes: 4096 }
    }
    placed_bytes: 4096
    given_back_bytes: 2048
  )pb");
  EXPECT_EQ(Output({"commit", "gang", "/a", "n1/gpu0", "4Ki", "--commit-id", "one", "--reserved-in",
                    "model/h100"}),
            "charge/gang committed, 4KiB held, 2KiB given back, 1KiB still reserved\n");
  EXPECT_EQ(service_.last_request(),
            "CommitRequest {charge_id: \"gang\" commit_id: \"one\" placements { cgroup: \"/a\" "
            "reserved_in: \"model/h100\" region: \"n1/gpu0\" bytes: 4096 }}");
  Answer<v1::CommitResponse>("replayed: true");
  EXPECT_EQ(Output({"commit", "gang", "--commit-id", "one"}), "charge/gang committed already\n");
  EXPECT_EQ(service_.last_request(), "CommitRequest {charge_id: \"gang\" commit_id: \"one\"}");
}

TEST_F(DmemctlTest, CommitChoosesAnIdOfItsOwn) {
  Answer<v1::CommitResponse>("");
  Output({"commit", "gang"});
  EXPECT_THAT(service_.last_request(), HasSubstr("commit_id: "));
}

TEST_F(DmemctlTest, CancelSaysWhatCameOfIt) {
  Answer<v1::CancelResponse>(
      "outcome: CANCEL_OUTCOME_CANCELLED cancelled_bytes: 4096 freed_cgroups: 12");
  EXPECT_EQ(Output({"cancel", "gang"}),
            "charge/gang cancelled, 4KiB given back\ncgroup/@12 freed\n");
  EXPECT_EQ(service_.last_request(), "CancelRequest {charge_id: \"gang\"}");
  Answer<v1::CancelResponse>("outcome: CANCEL_OUTCOME_CANCELLED cancelled_bytes: 1 charge {}");
  EXPECT_EQ(Output({"cancel", "gang"}),
            "charge/gang cancelled, 1B given back; what it holds stays\n");
  Answer<v1::CancelResponse>("outcome: CANCEL_OUTCOME_NOTHING_RESERVED");
  EXPECT_EQ(Output({"cancel", "gang"}), "charge/gang has nothing reserved; what it holds stays\n");
  Answer<v1::CancelResponse>("outcome: CANCEL_OUTCOME_ALREADY");
  EXPECT_EQ(Output({"cancel", "gang"}), "charge/gang was given back before\n");
  Answer<v1::CancelResponse>("outcome: CANCEL_OUTCOME_NEVER_SEEN");
  EXPECT_EQ(Output({"cancel", "gang"}), "charge/gang never seen; its id is now spent\n");
}

TEST_F(DmemctlTest, RenewSendsTheTtl) {
  Answer<v1::RenewResponse>("");
  EXPECT_EQ(Output({"renew", "charge/gang", "90s"}), "charge/gang renewed\n");
  EXPECT_EQ(service_.last_request(), "RenewRequest {charge_id: \"gang\" ttl { seconds: 90 }}");
}

TEST_F(DmemctlTest, ReleaseSaysWhoAsksAndWhy) {
  Answer<v1::RequestReleaseResponse>(R"pb(
    results { charge_id: "a" outcome: RELEASE_OUTCOME_REQUESTED }
    results { charge_id: "b" outcome: RELEASE_OUTCOME_REQUESTED_BEFORE }
    results { charge_id: "c" outcome: RELEASE_OUTCOME_RELEASED }
  )pb");
  EXPECT_EQ(Output({"release", "a", "b", "c", "--reason", "pod deleted", "--by", "kubelet"}),
            "charge/a releasing\ncharge/b is releasing already\ncharge/c was given back before\n");
  EXPECT_EQ(service_.last_request(),
            "RequestReleaseRequest {charge_ids: \"a\" charge_ids: \"b\" charge_ids: \"c\" "
            "requested_by: \"kubelet\" reason: \"pod deleted\"}");
  EXPECT_EQ(Run({"release", "a"}).exit_code, 2) << "a reason must be given";
}

TEST_F(DmemctlTest, GetChargesSaysWhatTheyWaitFor) {
  Answer<v1::ListChargesResponse>(R"pb(
    charges {
      charge_id: "gang"
      state: CHARGE_STATE_RESERVED
      items { cgroup: "/a" region: "g" bytes: 1024 reserved: true }
      granted_at { seconds: 1699999990 }
      expires_at { seconds: 1700000300 }
    }
    charges {
      charge_id: "held"
      state: CHARGE_STATE_HELD
      items { cgroup: "/a" region: "n1/gpu0" bytes: 1024 }
      granted_at { seconds: 1699999990 }
    }
    charges {
      charge_id: "pod"
      state: CHARGE_STATE_RELEASING
      items { cgroup: "/a" region: "n1/gpu0" bytes: 1024 }
      granted_at { seconds: 1699999990 }
      release {
        requested_at { seconds: 1699999280 }
        requested_by: "kubelet"
        reason: "pod deleted"
      }
    }
  )pb");
  EXPECT_EQ(
      Output({"get", "charges"}),
      "NAME  STATE      BYTES  ITEMS  CGROUP  REGION   OWNER   AGE  EXPIRES  RELEASING  ASKED-BY  "
      "REASON\n"
      "gang  reserved   1KiB   1      /a      g        <none>  10s  5m       <none>     <none>    "
      "<none>\n"
      "held  held       1KiB   1      /a      n1/gpu0  <none>  10s  <none>   <none>     <none>    "
      "<none>\n"
      "pod   releasing  1KiB   1      /a      n1/gpu0  <none>  10s  <none>   12m        kubelet   "
      "pod_deleted\n");
}

TEST_F(DmemctlTest, DescribeChargeSaysWhichItemsAreReserved) {
  Answer<v1::ListChargesResponse>(R"pb(
    charges {
      charge_id: "gang"
      state: CHARGE_STATE_RESERVED
      items { cgroup: "/a" region: "g" bytes: 1024 reserved: true }
      items { cgroup: "/a" region: "n1/gpu0" bytes: 2048 }
      granted_at { seconds: 1699999990 }
      expires_at { seconds: 1700000300 }
    }
  )pb");
  const std::string out = Output({"describe", "charge", "gang"});
  EXPECT_THAT(out, HasSubstr("in 5m"));
  EXPECT_THAT(out, HasSubstr("  /a      g        1KiB  1024   reserved\n"));
  EXPECT_THAT(out, HasSubstr("  /a      n1/gpu0  2KiB  2048   held\n"));
}

}  // namespace
}  // namespace dmem::client
