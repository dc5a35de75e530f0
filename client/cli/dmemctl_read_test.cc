// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// evict-candidates, evict-valuable, headroom, cat, write, check, version.

#include "client/cli/dmemctl_fixture.h"

namespace dmem::client {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST_F(DmemctlTest, EvictCandidatesShowsThePlan) {
  Answer<v1::EvictCandidatesResponse>(R"pb(
    victims {
      cgroup: "/b"
      region: "n1/gpu0"
      tier: 1
      priority: -5
      evict_bytes: 4294967296
      own_bytes: 8589934592
      usage_bytes: 8589934592
      emin_bytes: 1073741824
      elow_bytes: 2147483648
      charges { charge_id: "job-1" bytes: 8589934592 evict_bytes: 4294967296 }
    }
    total_bytes: 4294967296
    satisfied: true
  )pb");
  EXPECT_EQ(Output({"evict-candidates", "cluster", "4Gi", "--limit", "/a", "--ignore-low", "never",
                    "--charges", "--whole-charges"}),
            "CGROUP  REGION   TIER  PRIORITY  EVICT  OWN   USED  EMIN  ELOW\n"
            "/b      n1/gpu0  1     -5        4GiB   8GiB  8GiB  1GiB  2GiB\n"
            "\n"
            "CHARGE  CGROUP  REGION   EVICT  OF\n"
            "job-1   /b      n1/gpu0  4GiB   8GiB\n"
            "\n"
            "4GiB of 4GiB needed: satisfied\n");
  EXPECT_EQ(service_.last_request(),
            "EvictCandidatesRequest {limit_cgroup: \"/a\" region: \"cluster\" bytes_needed: "
            "4294967296 ignore_low: IGNORE_LOW_NEVER list_charges: true whole_charges: true}");
}

TEST_F(DmemctlTest, EvictCandidatesThatFallShortSaysWhatIsInTheWay) {
  Answer<v1::EvictCandidatesResponse>(R"pb(
    total_bytes: 0
    hit_low: true
    blocked_by {
      region: "cluster"
      cgroup: "/b"
      protected_bytes: 4096
      usage_bytes: 8192
      by_min: true
    }
    blocked_by { region: "cluster" cgroup: "/c" protected_bytes: 4096 usage_bytes: 4096 }
  )pb");
  EXPECT_EQ(Output({"evict-candidates", "n1/gpu0", "4Ki"}),
            "nothing may be evicted\n"
            "\n"
            "BLOCKED-BY  REGION   USED  PROTECTED  PROTECTION\n"
            "/b          cluster  8KiB  4KiB       min\n"
            "/c          cluster  4KiB  4KiB       low\n"
            "\n"
            "0 of 4KiB needed: not satisfied, 4KiB short; low protection was in the way\n");
  EXPECT_EQ(service_.last_request(),
            "EvictCandidatesRequest {region: \"n1/gpu0\" bytes_needed: 4096}");
}

TEST_F(DmemctlTest, EvictValuableSaysTheDecisionFirst) {
  Answer<v1::EvictValuableResponse>(
      "decision: PROTECTED_BY_LOW usage_bytes: 4096 emin_bytes: 1024 elow_bytes: 4096");
  EXPECT_EQ(Output({"evict-valuable", "/a/b", "n1/gpu0", "--limit", "/a", "--ignore-low"}),
            "PROTECTED_BY_LOW used 4KiB, effective min 1KiB, effective low 4KiB\n");
  EXPECT_EQ(service_.last_request(),
            "EvictValuableRequest {limit_cgroup: \"/a\" cgroup: \"/a/b\" region: \"n1/gpu0\" "
            "ignore_low: true}");
}

TEST_F(DmemctlTest, HeadroomShowsTheNodesAndWhatStopsOneMore) {
  Answer<v1::GetHeadroomResponse>(R"pb(
    count: 3
    count_at_most: 3
    exact: true
    nodes { node: "n2" count: 2 }
    nodes { node: "n1" count: 1 }
    nodes_total: 5
    limits {
      cgroup: "/a"
      region: "h100"
      usage_bytes: 1073741824
      max_bytes: 4294967296
      short_bytes: 2147483648
    }
    limits { region: "n1/gpu0" usage_bytes: 0 max_bytes: 1073741824 short_bytes: 1073741824 }
    hole_bytes: 3221225472
    hole_region: "n2/gpu0"
    free_bytes: 9223372036854775807
    unusable_bytes: 0
    left_out { reason: "REGION_CORDONED" regions: 2 free_bytes: 2147483648 }
  )pb");
  EXPECT_EQ(Output({"headroom", "/a", "--group", "h100", "--shape", "2x1Gi", "--same-node"}),
            "3 charges of 2 x 1GiB, each on one node, fit\n"
            "\n"
            "NODE  CHARGES\n"
            "n2    2\n"
            "n1    1\n"
            "... and 3 more nodes\n"
            "\n"
            "STOPPED-BY  REGION   USED  MAX   SHORT\n"
            "/a          h100     1GiB  4GiB  2GiB\n"
            "(capacity)  n1/gpu0  0     1GiB  1GiB\n"
            "\n"
            "Largest hole:  3GiB (3221225472 bytes) in n2/gpu0\n"
            "Free:          max\n"
            "Unusable:      0\n"
            "Left out:      2 x REGION_CORDONED, 2GiB free\n");
  EXPECT_EQ(service_.last_request(),
            "GetHeadroomRequest {cgroup: \"/a\" region: \"h100\" items: 2 bytes: 1073741824 "
            "same_node: true}");
}

TEST_F(DmemctlTest, HeadroomShowsRegionsAndThatLimitsCrossNodes) {
  Answer<v1::GetHeadroomResponse>(R"pb(
    count: 1
    count_at_most: 2
    places { region: "n1/gpu0" node: "n1" items: 1 }
    places { region: "box" items: 1 }
    places_total: 2
    bounded_by: "charges"
  )pb");
  EXPECT_EQ(Output({"headroom", "/a", "--region", "g", "--shape", "2x1Ki"}),
            "1 charge of 2 x 1KiB fits (limits cross nodes: placed otherwise perhaps more, at most "
            "2)\n"
            "\n"
            "REGION   NODE    ITEMS\n"
            "n1/gpu0  n1      1\n"
            "box      <none>  1\n"
            "\n"
            "One more would pass the server's bound on charges\n"
            "\n"
            "Largest hole:  0\n"
            "Free:          0\n"
            "Unusable:      0\n");
}

TEST_F(DmemctlTest, HeadroomSaysThatThereAreTooFewRegions) {
  Answer<v1::GetHeadroomResponse>("exact: true too_few_regions: true");
  EXPECT_THAT(Output({"headroom", "/a", "--group", "g", "--shape", "2x1Ki", "--same-node"}),
              StartsWith("0 charges of 2 x 1KiB, each on one node, fit\n"
                         "\n"
                         "No node has 2 regions that take charges: no limit is in the way\n"));
  Answer<v1::GetHeadroomResponse>("exact: true too_few_regions: true");
  EXPECT_THAT(Output({"headroom", "/a", "--group", "g", "--shape", "1Ki"}),
              StartsWith("0 charges of 1 x 1KiB fit\n"
                         "\n"
                         "There is no region that takes charges\n"));
}

TEST_F(DmemctlTest, CatPrintsTheTextAsItIs) {
  Answer<v1::ReadFileResponse>("text: 'n1/gpu0 8192\\nn1/gpu1 max\\n'");
  EXPECT_EQ(Output({"cat", "/team-a/dmem.max"}), "n1/gpu0 8192\nn1/gpu1 max\n");
  EXPECT_EQ(service_.last_request(), "ReadFileRequest {cgroup: \"/team-a\" file: \"dmem.max\"}");
  Answer<v1::ReadFileResponse>("");
  EXPECT_EQ(Output({"cat", "/dmem.capacity"}), "");
  EXPECT_EQ(service_.last_request(), "ReadFileRequest {cgroup: \"/\" file: \"dmem.capacity\"}");
  Answer<v1::ReadFileResponse>("");
  Output({"cat", "@7/dmem.current"});
  EXPECT_EQ(service_.last_request(), "ReadFileRequest {cgroup: \"@7\" file: \"dmem.current\"}");
}

TEST_F(DmemctlTest, WriteSendsTheTextAndSaysWhatWasRead) {
  Answer<v1::WriteFileResponse>("value: 8589934592");
  EXPECT_EQ(Output({"write", "/team-a/dmem.max", "n1/gpu0 8G", "--below-usage", "apply"}),
            "/team-a/dmem.max written: 8GiB (8589934592 bytes)\n");
  EXPECT_EQ(service_.last_request(),
            "WriteFileRequest {cgroup: \"/team-a\" file: \"dmem.max\" text: \"n1/gpu0 8G\" "
            "below_usage: BELOW_USAGE_POLICY_APPLY}");
}

TEST_F(DmemctlTest, CheckFailsWhereAnInvariantDoes) {
  Answer<v1::CheckResponse>("state_hash: 'ab' charges: 2 charged_bytes: 1024 sequence: 9");
  EXPECT_EQ(Output({"check"}),
            "Sequence:      9\nState hash:    ab\nRegions:       0\nGroups:        0\n"
            "Cgroups:       0\nPools:         0\nCharges:       2\nCharge items:  0\n"
            "Charged:       1KiB (1024 bytes)\nTombstones:    0\nViolations:    0\n");
  Answer<v1::CheckResponse>("violations: 'I1: /a in r' violations_total: 1");
  const Result result = Run({"check"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, HasSubstr("Violations:    1\n  I1: /a in r\n"));
  EXPECT_THAT(result.err, StartsWith("Error: the ledger violates its invariants in 1 places"));
}

TEST_F(DmemctlTest, VersionNamesClientAndServer) {
  Answer<v1::GetServerInfoResponse>("version: '9.8.7' store: 'rocksdb' sequence: 5");
  EXPECT_EQ(Output({"version"}), "dmemctl 0.1.0\ndmemd 9.8.7 at " + service_.address() +
                                     ", store rocksdb, sequence 5\n");
  Answer<v1::GetServerInfoResponse>("version: '9.8.7'");
  EXPECT_THAT(Output({"version", "-o", "json"}),
              StartsWith("{\n \"client_version\": \"0.1.0\",\n \"server\": {\n  \"version\": "
                         "\"9.8.7\",\n"));
  EXPECT_EQ(Output({"version", "--client"}), "dmemctl 0.1.0\n");
  EXPECT_EQ(Output({"--version"}), "dmemctl 0.1.0\n");
}

TEST_F(DmemctlTest, VersionWithoutAServerStillNamesTheClient) {
  const Result result = Run({"version"});  // Not scripted: UNIMPLEMENTED.
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.out, "dmemctl 0.1.0\n");
}

}  // namespace
}  // namespace dmem::client
