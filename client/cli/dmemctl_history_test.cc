// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// dmemctl looking back: history and why.

#include <gtest/gtest.h>

#include "client/cli/dmemctl_fixture.h"

namespace dmem::client {
namespace {

// Newest first, as asked.
constexpr char kEvents[] = R"pb(
  events {
    sequence: 9
    time { seconds: 1699999999 nanos: 5000 }
    actor: "anna"
    kind: EVENT_KIND_UNCHARGED
    charge_changed {
      charge_id: "c1"
      cause: CHANGE_CAUSE_UNCHARGE
      items { kind: ITEM_CHANGE_KIND_REMOVED cgroup: "/a" region: "r@4" before_bytes: 1024 }
      ended: true
      owner { namespace: "ml" name: "job" }
    }
  }
  events {
    sequence: 8
    time { seconds: 1699999998 }
    actor: "bob"
    kind: EVENT_KIND_RESIZED
    charge_changed {
      charge_id: "c1"
      cause: CHANGE_CAUSE_RESIZE
      items {
        kind: ITEM_CHANGE_KIND_RESIZED
        cgroup: "/a"
        region: "r"
        before_bytes: 2048
        after_bytes: 1024
      }
    }
  }
  events {
    sequence: 7
    time { seconds: 1699999997 }
    actor: "anna"
    kind: EVENT_KIND_CHARGED
    charge_granted {
      charge_id: "c1"
      items { cgroup: "/a" region: "r" bytes: 2048 }
      owner { namespace: "ml" name: "job" }
    }
  }
  events {
    sequence: 6
    time { seconds: 1699999996 }
    actor: "bob"
    kind: EVENT_KIND_CHARGED
    charge_granted {
      charge_id: "c0"
      items { cgroup: "/a/b" region: "r" bytes: 1 }
    }
  }
)pb";

constexpr char kLines[] =
    "2023-11-14T22:13:17.000000Z  7  anna  charged c1: 2KiB to /a in r\n"
    "2023-11-14T22:13:18.000000Z  8  bob  resize c1: 2KiB -> 1KiB of /a in r\n"
    "2023-11-14T22:13:19.000005Z  9  anna  uncharge c1: 1KiB of /a in r@4 given back (ended)\n";

TEST_F(DmemctlTest, HistoryOfAPoolIsOfItselfOldestFirstThroughTheEndOfItsRegion) {
  Answer<v1::ListEventsResponse>(kEvents);
  EXPECT_EQ(Output({"history", "pool", "/a", "r"}), kLines);
  EXPECT_EQ(service_.last_request(),
            "ListEventsRequest {filter { cgroup: \"/a\" region: \"r\" } newest_first: true "
            "page_size: 1000}");
}

TEST_F(DmemctlTest, HistoryGoesOverPagesUpToTheLimitAndSaysThatThereIsMore) {
  Answer<v1::ListEventsResponse>(R"pb(next_page_token: "t")pb");
  Answer<v1::ListEventsResponse>(kEvents);
  const Result result = Run({"history", "cgroup/a", "--below", "--limit", "2", "--since", "1h"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out,
            std::string(kLines).substr(std::string(kLines).find("2023-11-14T22:13:18")));
  EXPECT_EQ(result.err,
            "Warning: there are older ones; these are the newest 2, more with --limit\n");
  EXPECT_EQ(service_.last_request(),
            "ListEventsRequest {filter { cgroup: \"/a\" } since { seconds: 1699996400 } "
            "newest_first: true page_size: 1000 page_token: \"t\"}");
}

TEST_F(DmemctlTest, HistoryOfAnOwnerIsOfItsChargesWhetherTheyAreHeldOrNot) {
  Answer<v1::ListChargesResponse>(R"pb(
    charges {
      charge_id: "c0"
      owner { name: "other" }
    }
  )pb");
  Answer<v1::ListEventsResponse>(kEvents);
  EXPECT_EQ(Output({"history", "owner", "ml/job"}), kLines);
  Answer<v1::ListChargesResponse>(R"pb(charges {
                                         charge_id: "c0"
                                         owner { name: "other" }
                                       })pb");
  Answer<v1::ListEventsResponse>(R"pb(
    events {
      sequence: 8
      charge_changed { charge_id: "c0" }
    }
    events {
      sequence: 7
      charge_changed { charge_id: "c1" }
    }
  )pb");
  EXPECT_EQ(Output({"history", "owner", "other"}),
            "1970-01-01T00:00:00.000000Z  8  -  unspecified c0:\n");
}

TEST_F(DmemctlTest, HistoryThatKnowsNothingSaysSo) {
  Answer<v1::ListEventsResponse>("");
  const Result result = Run({"history", "charge", "gone"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err, "Warning: no event of charge/gone is kept\n");
}

constexpr char kRefusals[] = R"pb(
  events {
    sequence: 9
    time { seconds: 1699999999 }
    actor: "anna"
    kind: EVENT_KIND_REFUSED
    refusal {
      charge_id: "c1"
      cgroup: "/a/b"
      region: "r1"
      bytes: 4096
      reason: "MAX_EXCEEDED"
      counter_cgroup: "/a"
      counter_region: "g"
      usage_bytes: 6144
      max_bytes: 8192
      requested_bytes: 4096
      short_bytes: 2048
      largest_grantable_bytes: 2048
    }
  }
  events {
    sequence: 5
    time { seconds: 1699999990 }
    kind: EVENT_KIND_REFUSED
    refusal {
      charge_id: "c1"
      cgroup: "/a/b"
      region: "r1"
      bytes: 4096
      reason: "MAX_EXCEEDED"
      counter_cgroup: "/a"
      counter_region: "g"
    }
  }
)pb";

constexpr char kPast[] =
    "Refused 2023-11-14T22:13:19.000000Z, asked by anna: charge c1\n"
    "  the last of 2 times since 2023-11-14T22:13:10.000000Z\n"
    "  Limiting pool:   /a in g\n"
    "  Usage:           6KiB (6144 bytes)\n"
    "  Max:             8KiB (8192 bytes)\n"
    "  Asked:           4KiB (4096 bytes)\n"
    "  Short by:        2KiB (2048 bytes)\n"
    "  Refused item:    4KiB to /a/b in r1 (items[0])\n"
    "  Would have fit:  2KiB (2048 bytes)\n";

TEST_F(DmemctlTest, WhyTellsTheRefusalAndThatItWouldBeGrantedNow) {
  Answer<v1::ListEventsResponse>(kRefusals);
  Answer<v1::ListChargesResponse>("");
  Answer<v1::ChargeResponse>("checked_only: true");
  EXPECT_EQ(Output({"why", "c1"}),
            std::string(kPast) + "Now: 4KiB to /a/b in r1 would be granted\n");
  EXPECT_EQ(service_.last_request(),
            "ChargeRequest {items { cgroup: \"/a/b\" region: \"r1\" bytes: 4096 } "
            "mode: CHARGE_MODE_CHECK_ONLY}");
}

TEST_F(DmemctlTest, FullRegionIsToldAsThatAndNotAsALimitOfTheRoot) {
  constexpr char kFull[] = R"pb(
    events {
      sequence: 9
      time { seconds: 1699999999 }
      kind: EVENT_KIND_REFUSED
      refusal {
        charge_id: "c1"
        cgroup: "/a/b"
        region: "r1"
        bytes: 9216
        reason: "CAPACITY"
        counter_cgroup: "/"
        counter_region: "r1"
        usage_bytes: 6144
        max_bytes: 8192
        requested_bytes: 9216
        short_bytes: 7168
        largest_grantable_bytes: 2048
      }
    }
  )pb";
  Answer<v1::ListEventsResponse>(kFull);
  EXPECT_EQ(
      Output({"history", "charge", "c1"}),
      "2023-11-14T22:13:19.000000Z  9  -  refused c1: 9KiB to /a/b in r1: r1 is full: 6KiB of "
      "8KiB given, short by 7KiB\n");
  Answer<v1::ListEventsResponse>(kFull);
  Answer<v1::ListChargesResponse>("");
  Answer<v1::ChargeResponse>("checked_only: true");
  const std::string why = Output({"why", "c1"});
  EXPECT_NE(why.find("  Full region:     r1\n"), std::string::npos) << why;
  EXPECT_NE(why.find("  Never fits:      more than the region grants in all\n"), std::string::npos)
      << why;
}

TEST_F(DmemctlTest, WhyTellsWhatStandsInTheWay) {
  Answer<v1::ListEventsResponse>(kRefusals);
  Answer<v1::ListChargesResponse>("");
  service_.Fail<v1::ChargeResponse>(Error(absl::StatusCode::kResourceExhausted, "no",
                                          "MAX_EXCEEDED",
                                          {{"item", "0"},
                                           {"cgroup", "/a/b"},
                                           {"region", "r1"},
                                           {"bytes", "4096"},
                                           {"counter_cgroup", "/a"},
                                           {"counter_region", "g"},
                                           {"usage_bytes", "7168"},
                                           {"max_bytes", "8192"},
                                           {"requested_bytes", "4096"},
                                           {"short_bytes", "3072"},
                                           {"largest_grantable_bytes", "1024"}}));
  Answer<v1::ListRegionsResponse>(R"pb(
    regions { name: "r1" parent: "g" state: REGION_STATE_READY }
    regions { name: "r2" parent: "g" state: REGION_STATE_STALE }
    regions { name: "r3" state: REGION_STATE_STALE }
    groups { name: "g" }
  )pb");
  Answer<v1::ListChargesResponse>(R"pb(
    charges {
      charge_id: "slow"
      state: CHARGE_STATE_RELEASING
      items { cgroup: "/a/b" region: "r1" bytes: 1024 }
      items { cgroup: "/x" region: "r1" bytes: 1024 }
      release {
        requested_at { seconds: 1699999880 }
        requested_by: "kueue"
      }
    }
    charges {
      charge_id: "unheard"
      state: CHARGE_STATE_HELD
      items { cgroup: "/a" region: "r2" bytes: 2048 }
      items { cgroup: "/a" region: "r3" bytes: 9 }
      items { cgroup: "/a" region: "r1" bytes: 9 }
    }
  )pb");
  EXPECT_EQ(Output({"why", "--cgroup", "/a"}),
            std::string(kPast) +
                "Now: 4KiB to /a/b in r1 would be refused\n"
                "  Limiting pool:  /a in g\n"
                "  Usage:          7KiB (7168 bytes)\n"
                "  Max:            8KiB (8192 bytes)\n"
                "  Asked:          4KiB (4096 bytes)\n"
                "  Short by:       3KiB (3072 bytes)\n"
                "  Refused item:   4KiB to /a/b in r1 (items[0])\n"
                "  Would fit now:  1KiB (1024 bytes)\n"
                "Next:\n"
                "  dmemctl evict-candidates g 3Ki --limit /a\n"
                "  dmemctl set limits /a g --max 11Ki\n"
                "In its way, and counted until it is given back:\n"
                "CHARGE   BYTES  CGROUP  REGION  STATE      ASKED-BY  AGE\n"
                "unheard  2KiB   /a      r2      STALE      <none>    <none>\n"
                "slow     1KiB   /a/b    r1      RELEASING  kueue     2m\n");
}

TEST_F(DmemctlTest, WhyAsksAsAReservationWhereAGroupWasNamedAndAsAResizeWhereTheChargeIsHeld) {
  Answer<v1::ListEventsResponse>(kRefusals);
  Answer<v1::ListChargesResponse>("");
  service_.Fail<v1::ChargeResponse>(
      Error(absl::StatusCode::kFailedPrecondition, "a group", "WRONG_KIND"));
  Answer<v1::ChargeResponse>("");
  Output({"why", "charge/c1"});
  EXPECT_EQ(service_.last_request(),
            "ChargeRequest {items { cgroup: \"/a/b\" region: \"r1\" bytes: 4096 } "
            "mode: CHARGE_MODE_CHECK_ONLY ttl { seconds: 1 }}");

  Answer<v1::ListEventsResponse>(kRefusals);
  Answer<v1::ListChargesResponse>(R"pb(
    charges {
      charge_id: "c1"
      items { cgroup: "/a/b" region: "r1" bytes: 1 }
      granted_at { seconds: 1699999000 }
    }
  )pb");
  Answer<v1::ResizeResponse>("");
  EXPECT_EQ(Output({"why", "c1"}),
            std::string(kPast) +
                "Now: charge c1 is there, granted 2023-11-14T21:56:40.000000Z\n"
                "Now: 4KiB to /a/b in r1 would be granted\n");
  EXPECT_EQ(
      service_.last_request(),
      "ResizeRequest {items { charge_id: \"c1\" cgroup: \"/a/b\" region: \"r1\" bytes: 4096 } "
      "mode: CHARGE_MODE_CHECK_ONLY}");
}

TEST_F(DmemctlTest, WhyOfWhatWasNeverRefusedSaysSoAndWhatItLookedAt) {
  Answer<v1::ListEventsResponse>("oldest_kept_sequence: 3 sequence: 57");
  EXPECT_EQ(Output({"why", "c1"}),
            "Nothing was refused: there is no refusal of charge c1 among the events that are kept, "
            "sequence 3 to 57\n");
  Answer<v1::ListEventsResponse>("oldest_kept_sequence: 3 sequence: 57");
  EXPECT_EQ(Output({"why", "--cgroup", "/a", "--region", "r1", "--since", "10m"}),
            "Nothing was refused: there is no refusal to /a and below in r1 since 10m among the "
            "events that are kept, sequence 3 to 57\n");
  Answer<v1::ListEventsResponse>("sequence: 57");
  EXPECT_THAT(Output({"why", "c1", "-o", "json"}), ::testing::HasSubstr("\"events\": []"));
}

TEST_F(DmemctlTest, WhyOfNothingIsAUsageError) {
  EXPECT_EQ(Run({"why"}).exit_code, 2);
  EXPECT_EQ(Run({"why", "c1", "--since", "soon"}).exit_code, 2);
}

TEST_F(DmemctlTest, WhyDoesNotAskForBytesThatAreReservedASecondTime) {
  Answer<v1::ListEventsResponse>(kRefusals);
  Answer<v1::ListChargesResponse>(R"pb(
    charges {
      charge_id: "c1"
      state: CHARGE_STATE_RESERVED
      items { cgroup: "/a/b" region: "g" bytes: 4096 reserved: true }
      granted_at { seconds: 1699999000 }
    }
  )pb");
  EXPECT_EQ(Output({"why", "c1"}),
            std::string(kPast) +
                "Now: charge c1 is there, granted 2023-11-14T21:56:40.000000Z\n"
                "Now: 4KiB of it are reserved and count already; commit them to see whether there "
                "is room for them on a device\n");
  EXPECT_EQ(service_.last_request().substr(0, 18), "ListChargesRequest");
}

constexpr char kHoldings[] = R"pb(
  holdings {
    charge_id: "c1"
    cgroup: "/a"
    region: "r"
    bytes: 2048
    owner { namespace: "ml" name: "job" }
    granted_at { seconds: 1699999000 }
    ended_at { seconds: 1699999999 }
    ended_by: CHANGE_CAUSE_NEWER_INCARNATION
    ended_actor: "agent of n1"
  }
  holdings {
    charge_id: "c2"
    cgroup: "/a/b"
    region: "r"
    bytes: 1024
    reserved: true
    granted_at { seconds: 1699999000 }
  }
  at { seconds: 1699999320 }
)pb";

TEST_F(DmemctlTest, WhoTellsWhatWasHeldThenAndWhatBecameOfIt) {
  Answer<v1::WhoHeldResponse>(std::string(kHoldings) + "omitted_items: 3");
  const Result result = Run({"who", "region/r", "--at", "22:02", "--cgroup", "/a"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out,
            "CHARGE  BYTES           CGROUP  REGION  OWNER   GRANTED                      ENDED    "
            "       "
            "             HOW                BY\n"
            "c1      2KiB            /a      r       ml/job  2023-11-14T21:56:40.000000Z  "
            "2023-11-14T22:13:19.000000Z  newer-incarnation  agent_of_n1\n"
            "c2      1KiB(reserved)  /a/b    r       <none>  2023-11-14T21:56:40.000000Z  <none>   "
            "       "
            "             <none>             <none>\n");
  EXPECT_EQ(result.err,
            "Warning: 3 changes since then were too many for their records: what they changed may "
            "be missing\n");
  EXPECT_EQ(service_.last_request(),
            "WhoHeldRequest {region: \"r\" at { seconds: 1699999320 } cgroup: \"/a\" page_size: "
            "1000}");
  Answer<v1::WhoHeldResponse>("at { seconds: 1699999320 }");
  EXPECT_EQ(Output({"who", "r"}), "nobody held r at 2023-11-14T22:02:00.000000Z\n");
}

constexpr char kReport[] = R"pb(
  rows {
    cgroup: "/a"
    owner { kind: "Pod" namespace: "ml, x" name: "j\"1" }
    booked_byte_seconds: "3865470566400"
    measured_byte_seconds: "1932735283.25"
  }
  rows { cgroup: "/b" booked_byte_seconds: "0.5" measured_byte_seconds: "0" }
  total { booked_byte_seconds: "3865470566400.5" measured_byte_seconds: "1932735283.25" }
)pb";

TEST_F(DmemctlTest, ReportUsageShowsHoursToPeopleAndExactNumbersToPrograms) {
  Answer<v1::ReportUsageResponse>(kReport);
  EXPECT_EQ(Output({"report", "usage", "--from", "1h", "--by", "cgroup,owner"}),
            "CGROUP   OWNER          BOOKED-GIB-HOURS  MEASURED-GIB-HOURS\n"
            "/a       Pod/ml,_x/j\"1  1.000             0.000\n"
            "/b       <none>         0.000             0.000\n"
            "(total)  -              1.000             0.000\n");
  EXPECT_EQ(service_.last_request(),
            "ReportUsageRequest {from { seconds: 1699996400 } by: USAGE_KEY_CGROUP by: "
            "USAGE_KEY_OWNER page_size: 10000}");
  Answer<v1::ReportUsageResponse>(kReport);
  EXPECT_EQ(
      Output({"report", "usage", "--from", "2023-11-14", "--to", "22:00", "--by", "cgroup,owner",
              "--depth", "1", "--region", "g", "--cgroup", "/a", "-o", "csv"}),
      "cgroup,owner_kind,owner_namespace,owner_name,booked_byte_seconds,"
      "measured_byte_seconds\n"
      "/a,Pod,\"ml, x\",\"j\"\"1\",3865470566400,1932735283.25\n"
      "/b,,,,0.5,0\n");
  EXPECT_EQ(service_.last_request(),
            "ReportUsageRequest {from { seconds: 1699920000 } to { seconds: 1699999200 } by: "
            "USAGE_KEY_CGROUP by: USAGE_KEY_OWNER cgroup: \"/a\" region: \"g\" cgroup_depth: 1 "
            "page_size: 10000}");
  EXPECT_EQ(Run({"report", "usage"}).exit_code, 2);
  EXPECT_EQ(Run({"get", "regions", "-o", "csv"}).exit_code, 2);
}

TEST_F(DmemctlTest, GetEventsOfKindsAsksForThese) {
  Answer<v1::ListEventsResponse>(R"pb(
    events {
      sequence: 3
      actor: "agent"
      measured {
        items { charge_id: "c" cgroup: "/a" region: "r" before_bytes: 1024 after_bytes: 2048 }
      }
    }
  )pb");
  EXPECT_EQ(Output({"get", "events", "--kind", "measured,limits-changed"}),
            "1970-01-01T00:00:00.000000Z  3  agent  measured c of /a in r: 1KiB -> 2KiB\n");
  EXPECT_EQ(service_.last_request(),
            "ListEventsRequest {filter { kinds: EVENT_KIND_MEASURED kinds: "
            "EVENT_KIND_LIMITS_CHANGED } page_size: 1000}");
  EXPECT_EQ(Run({"get", "events", "--kind", "nothing"}).exit_code, 2);
}

}  // namespace
}  // namespace dmem::client
