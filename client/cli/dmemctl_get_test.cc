// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// get, describe and tree.

#include "client/cli/dmemctl_fixture.h"

namespace dmem::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kRegions[] = R"pb(
  regions {
    name: "n2/gpu0"
    id: 2
    capacity_bytes: 85899345920
    grantable_bytes: 85899345920
    state: REGION_STATE_READY
    cordoned: true
  }
  regions {
    name: "n1/gpu0"
    id: 1
    capacity_bytes: 85899345920
    reserved_bytes: 536870912
    grantable_bytes: 85362475008
    attributes { node: "n1" model: "NVIDIA H100" }
    parent: "cluster"
    incarnation: 3
    state: REGION_STATE_READY
    usage_bytes: 42949672961
    live_items: 2
  }
  groups {
    name: "cluster"
    id: 3
    grantable_bytes: 85362475008
    capacity_bytes: 85899345920
    usage_bytes: 42949672961
    member_regions: 1
  }
  sequence: 9
)pb";

constexpr char kCharge[] = R"pb(
  charges {
    charge_id: "job-42"
    state: CHARGE_STATE_HELD
    items { cgroup: "/team-a" region: "n1/gpu0" bytes: 8589934592 }
    items { cgroup: "/team-a" region: "n1/gpu1" bytes: 1000 }
    owner { kind: "Pod" namespace: "ml" name: "train 0" uid: "u-1" }
    labels { key: "tier" value: "gold" }
    labels { key: "a" value: "\033[2J" }
    priority: 5
    preemptible: true
    created_at { seconds: 1699999000 }
    granted_at { seconds: 1699999400 }
    granted_sequence: 7
  }
)pb";

TEST_F(DmemctlTest, GetRegionsIsSortedByName) {
  Answer<v1::ListRegionsResponse>(kRegions);
  EXPECT_EQ(Output({"get", "regions"}),
            "NAME     STATUS          CAPACITY  GRANTABLE  USED      USE%  ITEMS  PARENT\n"
            "n1/gpu0  ready           80GiB     79.5GiB    40.00GiB  50%   2      cluster\n"
            "n2/gpu0  ready,cordoned  80GiB     80GiB      0         0%    0      <none>\n");
  EXPECT_EQ(service_.last_request(), "ListRegionsRequest {}");
}

TEST_F(DmemctlTest, EveryFormOfTypeAndNameIsTheSame) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"get", "region", "n1/gpu0", "--no-headers"},
        {"get", "rg", "n1/gpu0", "--no-headers"},
        {"get", "regions/n1/gpu0", "--no-headers"},
        {"--no-headers", "get", "rg/n1/gpu0"},
        {"-o", "table", "get", "--no-headers", "region/n1/gpu0"}}) {
    Answer<v1::ListRegionsResponse>(kRegions);
    EXPECT_EQ(Output(arguments), "n1/gpu0  ready  80GiB  79.5GiB  40.00GiB  50%  2  cluster\n");
  }
}

TEST_F(DmemctlTest, GetOfANameThatIsNotThereShowsTheOthersAndFails) {
  Answer<v1::ListRegionsResponse>(kRegions);
  const Result result = Run({"get", "regions", "n1/gpu0", "n9/gpu0", "--no-headers"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.out, "n1/gpu0  ready  80GiB  79.5GiB  40.00GiB  50%  2  cluster\n");
  EXPECT_EQ(result.err, "Error: there is no region \"n9/gpu0\"\n");
}

TEST_F(DmemctlTest, GetOfNothingThatIsThereIsAnErrorOnly) {
  Answer<v1::ListRegionsResponse>(kRegions);
  const Result result = Run({"get", "region", "n9/gpu0"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.out, "");
  // A list of all that is empty has its headers.
  Answer<v1::ListCgroupsResponse>("");
  EXPECT_EQ(Output({"get", "cgroups"}),
            "NAME  STATE  IMPLICIT  PRIORITY  CHILDREN  ITEMS  DELETED-PATH\n");
}

TEST_F(DmemctlTest, JsonHasExactBytesAndProtoNames) {
  Answer<v1::ListRegionsResponse>(kRegions);
  EXPECT_EQ(Output({"get", "groups", "-o", "json"}),
            "{\n \"regions\": [],\n \"groups\": [\n  {\n   \"name\": \"cluster\",\n"
            "   \"id\": \"3\",\n   \"parent\": \"\",\n"
            "   \"grantable_bytes\": \"85362475008\",\n   \"capacity_bytes\": \"85899345920\",\n"
            "   \"usage_bytes\": \"42949672961\",\n   \"member_regions\": 1,\n"
            "   \"member_groups\": 0,\n   \"reservations_bytes\": \"0\",\n"
            "   \"states\": []\n  }\n ],\n \"next_page_token\": \"\",\n"
            " \"sequence\": \"9\"\n}\n");
}

TEST_F(DmemctlTest, GetGroups) {
  Answer<v1::ListRegionsResponse>(kRegions);
  EXPECT_EQ(Output({"get", "groups"}),
            "NAME     REGIONS  GROUPS  CAPACITY  GRANTABLE  USED      USE%  PARENT\n"
            "cluster  1        0       80GiB     79.5GiB    40.00GiB  50%   <none>\n");
}

TEST_F(DmemctlTest, GetCgroupsFollowsPagesInOrderOfTheTree) {
  Answer<v1::ListCgroupsResponse>(R"pb(
    cgroups { path: "/team-a-b" id: 3 state: CGROUP_STATE_LIVE implicit: true live_items: 1 }
    cgroups {
      path: "@9"
      id: 9
      state: CGROUP_STATE_DYING
      path_before_deletion: "/old"
      live_items: 4
    }
    next_page_token: "p2"
  )pb");
  Answer<v1::ListCgroupsResponse>(R"pb(
    cgroups { path: "/team-a/train" id: 2 state: CGROUP_STATE_LIVE priority: -5 }
    cgroups { path: "/team-a" id: 1 state: CGROUP_STATE_LIVE children: 1 }
  )pb");
  EXPECT_EQ(Output({"get", "cgroups", "--cgroup", "/"}),
            "NAME           STATE  IMPLICIT  PRIORITY  CHILDREN  ITEMS  DELETED-PATH\n"
            "/team-a        live   no        0         1         0      <none>\n"
            "/team-a/train  live   no        -5        0         0      <none>\n"
            "/team-a-b      live   yes       0         0         1      <none>\n"
            "@9             dying  no        0         0         4      /old\n");
  EXPECT_THAT(service_.requests(),
              ElementsAre("ListCgroupsRequest {cgroup: \"/\"}",
                          "ListCgroupsRequest {cgroup: \"/\" page_token: \"p2\"}"));
}

TEST_F(DmemctlTest, GetPoolsSendsItsFilters) {
  Answer<v1::ListPoolsResponse>(R"pb(
    pools { cgroup: "/b" region: "n1/gpu0" max_bytes: 9223372036854775807 }
    pools {
      cgroup: "/a"
      region: "n1/gpu1"
      usage_bytes: 10737418240
      peak_bytes: 10737418240
      min_bytes: 1073741824
      low_bytes: 2147483648
      max_bytes: 8589934592
      enforcement: ENFORCEMENT_OBSERVE
      emin_bytes: 1073741824
      over_bytes: 2147483648
    }
    pools { cgroup: "/a" region: "n1/gpu0" max_bytes: 8589934592 }
  )pb");
  EXPECT_EQ(Output({"get", "pools", "--region", "cluster", "--cgroup", "/", "--relative-to", "/x"}),
            "CGROUP  REGION   USED   PEAK   MIN   LOW   MAX             EMIN  ELOW  OVER\n"
            "/a      n1/gpu0  0      0      0     0     8GiB            0     0     0\n"
            "/a      n1/gpu1  10GiB  10GiB  1GiB  2GiB  8GiB(observed)  1GiB  0     2GiB\n"
            "/b      n1/gpu0  0      0      0     0     max             0     0     0\n");
  EXPECT_EQ(service_.last_request(),
            "ListPoolsRequest {region: \"cluster\" cgroup: \"/\" relative_to: \"/x\"}");
}

TEST_F(DmemctlTest, GetPoolOfOneCgroupLeavesOutWhatIsBelow) {
  Answer<v1::ListPoolsResponse>(R"pb(
    pools { cgroup: "/a" region: "n1/gpu0" }
    pools { cgroup: "/a/b" region: "n1/gpu0" }
  )pb");
  EXPECT_EQ(Output({"get", "pool/a", "--no-headers"}), "/a  n1/gpu0  0  0  0  0  0  0  0  0\n");
  EXPECT_EQ(service_.last_request(), "ListPoolsRequest {cgroup: \"/a\"}");
}

TEST_F(DmemctlTest, DescribePoolHasEveryNumber) {
  Answer<v1::GetPoolResponse>(R"pb(
    pool {
      cgroup: "/a"
      region: "cluster"
      is_group: true
      usage_bytes: 10737418241
      own_bytes: 5
      peak_bytes: 10737418241
      max_bytes: 8589934592
      enforcement: ENFORCEMENT_ENFORCE
      etag: 12
      over_bytes: 2147483649
      refusals: 3
      would_refuse: 1
      byte_seconds: "123.5"
    }
  )pb");
  EXPECT_EQ(Output({"describe", "pool/a", "cluster", "--relative-to", "/"}),
            "Cgroup:         /a\n"
            "Group:          cluster\n"
            "Used:           10.00GiB (10737418241 bytes)\n"
            "Own:            5 bytes\n"
            "Peak:           10.00GiB (10737418241 bytes)\n"
            "Min:            0\n"
            "Low:            0\n"
            "Max:            8GiB (8589934592 bytes)\n"
            "Enforcement:    enforce\n"
            "Effective min:  0\n"
            "Effective low:  0\n"
            "Over:           2.00GiB (2147483649 bytes)\n"
            "Refusals:       3\n"
            "Would refuse:   1\n"
            "Byte-seconds:   123.5\n"
            "Etag:           12\n");
  EXPECT_EQ(service_.last_request(),
            "GetPoolRequest {cgroup: \"/a\" region: \"cluster\" relative_to: \"/\"}");
}

TEST_F(DmemctlTest, GetChargesIsOneRowAChargeWithItsAge) {
  Answer<v1::ListChargesResponse>(kCharge);
  EXPECT_EQ(Output({"get", "charges", "--region", "cluster", "--cgroup", "/team-a"}),
            "NAME    STATE  BYTES    ITEMS  CGROUP   REGION     OWNER           AGE\n"
            "job-42  held   8.00GiB  2      /team-a  n1/gpu0+1  Pod/ml/train_0  10m\n");
  EXPECT_EQ(service_.last_request(),
            "ListChargesRequest {region: \"cluster\" cgroup: \"/team-a\"}");
}

TEST_F(DmemctlTest, GetChargesByNameAsksForEach) {
  Answer<v1::ListChargesResponse>(kCharge);
  Answer<v1::ListChargesResponse>("");
  const Result result = Run({"get", "charge/job-42", "charge/job-43"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, HasSubstr("job-42"));
  EXPECT_EQ(result.err, "Error: there is no charge \"job-43\"\n");
  EXPECT_THAT(service_.requests(), ElementsAre("ListChargesRequest {charge_id: \"job-42\"}",
                                               "ListChargesRequest {charge_id: \"job-43\"}"));
}

TEST_F(DmemctlTest, DescribeChargeShowsItsItemsAndNoControlCharacters) {
  Answer<v1::ListChargesResponse>(kCharge);
  EXPECT_EQ(Output({"describe", "charge", "job-42"}),
            "Name:         job-42\n"
            "State:        held\n"
            "Bytes:        8.00GiB (8589935592 bytes)\n"
            "Owner:        Pod/ml/train 0\n"
            "Owner uid:    u-1\n"
            "Labels:       a=?[2J, tier=gold\n"
            "Priority:     5 (its cgroup's)\n"
            "Preemptible:  yes\n"
            "Created:      2023-11-14T21:56:40.000Z (16m ago)\n"
            "Granted:      2023-11-14T22:03:20.000Z (10m ago)\n"
            "Sequence:     7\n"
            "Items:\n"
            "  CGROUP   REGION   SIZE   BYTES\n"
            "  /team-a  n1/gpu0  8GiB   8589934592\n"
            "  /team-a  n1/gpu1  1000B  1000\n");
}

TEST_F(DmemctlTest, DescribeRegionShowsTheFirstLevelOfItsPools) {
  Answer<v1::ListRegionsResponse>(kRegions);
  Answer<v1::ListPoolsResponse>(R"pb(
    pools { cgroup: "/a/b" region: "n1/gpu0" }
    pools { cgroup: "/" region: "n1/gpu0" }
    pools { cgroup: "/a" region: "n1/gpu0" }
  )pb");
  EXPECT_EQ(Output({"describe", "region", "n1/gpu0"}),
            "Name:          n1/gpu0\n"
            "Id:            1\n"
            "Status:        ready\n"
            "Parent:        cluster\n"
            "Capacity:      80GiB (85899345920 bytes)\n"
            "Reserved:      512MiB (536870912 bytes)\n"
            "Grantable:     79.5GiB (85362475008 bytes)\n"
            "Used:          40.00GiB (42949672961 bytes)\n"
            "Charge items:  2\n"
            "Incarnation:   3\n"
            "Node:          n1\n"
            "Model:         NVIDIA H100\n"
            "UUID:          <none>\n"
            "PCI:           <none>\n"
            "\n"
            "CGROUP  REGION   USED  PEAK  MIN  LOW  MAX  EMIN  ELOW  OVER\n"
            "/       n1/gpu0  0     0     0    0    0    0     0     0\n"
            "/a      n1/gpu0  0     0     0    0    0    0     0     0\n");
}

TEST_F(DmemctlTest, DescribeShowsWhatNodesMeasured) {
  Answer<v1::ListRegionsResponse>(R"pb(
    regions {
      name: "n1/gpu0"
      device_used_at { seconds: 1699999990 }
      device_used_bytes: 4096
      unattributed_bytes: 1024
      measured_bytes: 3072
      over_grant_bytes: 512
    }
  )pb");
  Answer<v1::ListPoolsResponse>("");
  EXPECT_THAT(
      Output({"describe", "region", "n1/gpu0"}),
      HasSubstr("Device used:   4KiB (4096 bytes), seen 2023-11-14T22:13:10.000Z (10s ago)\n"
                "Unattributed:  1KiB (1024 bytes)\n"
                "Measured:      3KiB (3072 bytes)\n"
                "Over-grant:    512 bytes\n"));
  Answer<v1::ListChargesResponse>(R"pb(
    charges {
      charge_id: "c"
      basis: BASIS_MEASURED
      over_grant_bytes: 512
      items { cgroup: "/a" region: "n1/gpu0" bytes: 1024 measured_bytes: 1536 }
      items { cgroup: "/a" region: "n1/gpu1" bytes: 1024 }
    }
  )pb");
  const std::string charge = Output({"describe", "charge", "c"});
  EXPECT_THAT(charge, HasSubstr("Bytes:        2KiB (2048 bytes), as measured\n"));
  EXPECT_THAT(charge, HasSubstr("Over-grant:   512 bytes\n"
                                "Items:\n"
                                "  CGROUP  REGION   SIZE  BYTES  MEASURED\n"
                                "  /a      n1/gpu0  1KiB  1024   1.5KiB\n"
                                "  /a      n1/gpu1  1KiB  1024   <none>\n"));
}

TEST_F(DmemctlTest, GetHasColumnsOfWhatNodesMeasuredOnceOneHas) {
  Answer<v1::ListRegionsResponse>(R"pb(
    regions {
      name: "n1/gpu0"
      state: REGION_STATE_READY
      capacity_bytes: 8192
      grantable_bytes: 8192
      usage_bytes: 2048
      live_items: 1
      device_used_at { seconds: 1699999990 }
      device_used_bytes: 4096
      unattributed_bytes: 1024
      over_grant_bytes: 512
    }
    regions { name: "n2/gpu0" state: REGION_STATE_READY }
  )pb");
  EXPECT_EQ(Output({"get", "regions"}),
            "NAME     STATUS  CAPACITY  GRANTABLE  USED  USE%  ITEMS  PARENT  DEVICE-USED  "
            "UNATTRIBUTED  OVER-GRANT\n"
            "n1/gpu0  ready   8KiB      8KiB       2KiB  25%   1      <none>  4KiB         "
            "1KiB          512B\n"
            "n2/gpu0  ready   0         0          0     -     0      <none>  <none>       "
            "<none>        <none>\n");
  Answer<v1::ListChargesResponse>(R"pb(
    charges {
      charge_id: "c"
      items { cgroup: "/a" region: "n1/gpu0" bytes: 2048 measured_bytes: 2560 }
      granted_at { seconds: 1699999990 }
      measured_bytes: 2560
      over_grant_bytes: 512
    }
    charges {
      charge_id: "d"
      items { cgroup: "/a" region: "n2/gpu0" bytes: 1024 }
      granted_at { seconds: 1699999990 }
    }
  )pb");
  EXPECT_EQ(Output({"get", "charges"}),
            "NAME  STATE  BYTES  ITEMS  CGROUP  REGION   OWNER   AGE  MEASURED  OVER-GRANT\n"
            "c     held   2KiB   1      /a      n1/gpu0  <none>  10s  2.5KiB    512B\n"
            "d     held   1KiB   1      /a      n2/gpu0  <none>  10s  <none>    <none>\n");
}

TEST_F(DmemctlTest, DescribeGroupAndCgroup) {
  Answer<v1::ListRegionsResponse>(kRegions);
  Answer<v1::ListPoolsResponse>("");
  EXPECT_EQ(Output({"describe", "gr/cluster"}),
            "Name:       cluster\nId:         3\nParent:     <none>\nRegions:    1\n"
            "Groups:     0\nCapacity:   80GiB (85899345920 bytes)\n"
            "Grantable:  79.5GiB (85362475008 bytes)\nUsed:       40.00GiB (42949672961 bytes)\n");
  Answer<v1::ListCgroupsResponse>(
      "cgroups { path: '/a' id: 4 state: CGROUP_STATE_LIVE priority: 2 priority_is_explicit: true }"
      "cgroups { path: '/a/b' id: 5 state: CGROUP_STATE_LIVE }");
  Answer<v1::ListPoolsResponse>("");
  EXPECT_EQ(Output({"describe", "cgroup/a"}),
            "Name:          /a\nId:            4\nState:         live\nImplicit:      no\n"
            "Priority:      2\nChildren:      0\nCharge items:  0\n");
  Answer<v1::ListCgroupsResponse>("");
  EXPECT_EQ(Run({"describe", "cgroup", "/z"}).exit_code, 1);
}

TEST_F(DmemctlTest, TreeDrawsTheTenantsWithUsageAndLimits) {
  Answer<v1::ListRegionsResponse>(kRegions);
  Answer<v1::ListPoolsResponse>(R"pb(
    pools { cgroup: "/b" usage_bytes: 1 max_bytes: 9223372036854775807 peak_bytes: 2 }
    pools {
      cgroup: "/a"
      usage_bytes: 42949672960
      max_bytes: 85899345920
      peak_bytes: 42949672960
      refusals: 3
    }
    pools { cgroup: "/a/x/y" usage_bytes: 0 max_bytes: 9223372036854775807 }
    pools { cgroup: "/a/x" max_bytes: 9223372036854775807 low_bytes: 1024 }
    pools { cgroup: "/a/z" usage_bytes: 42949672960 max_bytes: 9223372036854775807 min_bytes: 1024 }
    pools { cgroup: "/" usage_bytes: 42949672961 max_bytes: 9223372036854775807 }
  )pb");
  EXPECT_EQ(Output({"tree", "cluster"}),
            "cluster (group of 1 region): 40.00GiB used of 79.5GiB grantable, 50%\n"
            "CGROUP      USED      MAX    USE%  MIN   LOW   PEAK   REFUSED\n"
            "/           40.00GiB  max    -     0     0     0      0\n"
            "├─ a        40GiB     80GiB  50%   0     0     40GiB  3\n"
            "│  ├─ x     0         max    -     0     1KiB  0      0\n"
            "│  │  └─ y  0         max    -     0     0     0      0\n"
            "│  └─ z     40GiB     max    -     1KiB  0     0      0\n"
            "└─ b        1B        max    -     0     0     2B     0\n");
  EXPECT_EQ(service_.last_request(), "ListPoolsRequest {region: \"cluster\"}");
}

// /a/x was deleted (@4), then /a (@2), then /a made anew (5) with an x of its own (6), which was
// deleted too
// (@6); /b (1) lives, and of /b/y there were two (@3, @7). @8 ended before the second list.
TEST_F(DmemctlTest, TreeShowsDyingCgroupsWhereTheyWere) {
  Answer<v1::ListRegionsResponse>(kRegions);
  Answer<v1::ListPoolsResponse>(R"pb(
    pools { cgroup: "/" usage_bytes: 21 }
    pools { cgroup: "@2" usage_bytes: 4 }
    pools { cgroup: "@4" usage_bytes: 4 }
    pools { cgroup: "/a" usage_bytes: 6 }
    pools { cgroup: "@6" usage_bytes: 6 }
    pools { cgroup: "/b" usage_bytes: 10 }
    pools { cgroup: "@3" usage_bytes: 3 }
    pools { cgroup: "@7" usage_bytes: 7 }
    pools { cgroup: "@8" usage_bytes: 1 }
  )pb");
  Answer<v1::ListCgroupsResponse>(R"pb(
    cgroups { path: "/" state: CGROUP_STATE_LIVE }
    cgroups { path: "/b" id: 1 state: CGROUP_STATE_LIVE }
    cgroups { path: "@2" id: 2 state: CGROUP_STATE_DYING path_before_deletion: "/a" }
    cgroups { path: "@3" id: 3 state: CGROUP_STATE_DYING path_before_deletion: "/b/y" }
    cgroups { path: "@4" id: 4 state: CGROUP_STATE_DYING path_before_deletion: "/a/x" }
    cgroups { path: "/a" id: 5 state: CGROUP_STATE_LIVE }
    cgroups { path: "@6" id: 6 state: CGROUP_STATE_DYING path_before_deletion: "/a/x" }
    cgroups { path: "@7" id: 7 state: CGROUP_STATE_DYING path_before_deletion: "/b/y" }
  )pb");
  EXPECT_EQ(Output({"tree", "cluster", "--no-headers"}),
            "cluster (group of 1 region): 40.00GiB used of 79.5GiB grantable, 50%\n"
            "/          21B  0  -  0  0  0  0\n"
            "├─ @8      1B   0  -  0  0  0  0\n"
            "├─ a       6B   0  -  0  0  0  0\n"
            "│  └─ x@6  6B   0  -  0  0  0  0\n"
            "├─ a@2     4B   0  -  0  0  0  0\n"
            "│  └─ x@4  4B   0  -  0  0  0  0\n"
            "└─ b       10B  0  -  0  0  0  0\n"
            "   ├─ y@3  3B   0  -  0  0  0  0\n"
            "   └─ y@7  7B   0  -  0  0  0  0\n");
}

TEST_F(DmemctlTest, TreeWithoutANameIsOfWhatHasNoParentDownToTheDepth) {
  Answer<v1::ListRegionsResponse>(kRegions);
  Answer<v1::ListPoolsResponse>(
      "pools { cgroup: '/' } pools { cgroup: '/a' } pools { cgroup: '/a/b' }");
  Answer<v1::ListPoolsResponse>("pools { cgroup: '/' }");
  EXPECT_EQ(Output({"tree", "--depth", "1", "--no-headers"}),
            "cluster (group of 1 region): 40.00GiB used of 79.5GiB grantable, 50%\n"
            "/     0  0  -  0  0  0  0\n"
            "└─ a  0  0  -  0  0  0  0\n"
            "\n"
            "n2/gpu0 (region): 0 used of 80GiB grantable, 0%\n"
            "/  0  0  -  0  0  0  0\n");
  EXPECT_THAT(service_.requests(),
              ElementsAre("ListRegionsRequest {}", "ListPoolsRequest {region: \"cluster\"}",
                          "ListPoolsRequest {region: \"n2/gpu0\"}"));
  Answer<v1::ListRegionsResponse>(kRegions);
  EXPECT_EQ(Run({"tree", "no-such"}).exit_code, 1);
}

}  // namespace
}  // namespace dmem::client
