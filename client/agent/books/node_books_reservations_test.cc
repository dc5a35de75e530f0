// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Pods that hold under schedulers' reservations, alone or several under one.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/agent/books/charge_ids.h"
#include "client/agent/books/node_books.h"
#include "client/agent/books/pod_annotations.h"
#include "client/agent/books/testing/node_books_fixture.h"

namespace dmem::client {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(NodeBooksTest, ChargeThatPodsOfSeveralTenantsShareStaysWithTheOneItIsChargedTo) {
  for (const char* uid : {"u1", "u2"}) {
    SeenPod& pod = AddPod(uid);
    pod.pod.annotations = {{kChargeAnnotation, "job-7"}, {kLimitAnnotation, "8Gi"}};
    pod.mapped.cgroup = absl::StrCat("/teams/", uid);
  }
  const auto cgroups = [this] {
    std::vector<std::string> cgroups;
    for (const Holding& holding : MakeNodeBooks(sight_).holdings) cgroups.push_back(holding.cgroup);
    return cgroups;
  };
  EXPECT_THAT(cgroups(), ElementsAre("/teams/u1", "/teams/u2"))
      << "a reservation may have something for each";
  Know("job-7", 16 * kGib, "/teams/u2");
  EXPECT_THAT(cgroups(), ElementsAre("/teams/u2", "/teams/u2")) << "it is not moved in turn";
  sight_.known[0].cgroup = "/elsewhere";
  EXPECT_THAT(cgroups(), ElementsAre("/teams/u1", "/teams/u1")) << "it is moved to one of them";
}

// Two devices, each given to a pod, whose charge is one reservation's.
class OneReservationTest : public NodeBooksTest {
 protected:
  OneReservationTest() {
    Device other = sight_.devices[0];
    other.region = "gpu1";
    other.device_ids = {"GPU-b"};
    sight_.devices.push_back(other);
    sight_.listed_regions.insert("gpu1");
    for (const char* uid : {"u1", "u2"}) {
      SeenPod& pod = AddPod(uid);
      pod.pod.annotations = {{kChargeAnnotation, "job-7"}, {kLimitAnnotation, "8Gi"}};
    }
    sight_.pods[1].pod.containers[0].devices[0].ids = {"GPU-b"};
    Know("job-7", 8 * kGib);
    Know("job-7", 8 * kGib);
    sight_.known[1].region = "n1/gpu1";
  }

  std::vector<std::string> Held() {
    std::vector<std::string> held;
    for (const Holding& holding : MakeNodeBooks(sight_).holdings)
      held.push_back(
          absl::StrCat(holding.pod_uid, " in ", holding.region, ": ", holding.booked_bytes / kGib));
    return held;
  }
};

TEST_F(OneReservationTest, PodHoldsNothingOfTheDeviceOfAnotherWhateverIsNotKnown) {
  const auto each_its_own = ElementsAre("u1 in n1/gpu0: 8", "u2 in n1/gpu1: 8");
  EXPECT_THAT(Held(), each_its_own);
  sight_.listed_regions.clear();
  EXPECT_THAT(Held(), each_its_own);
  sight_.pods_are_complete = false;
  EXPECT_THAT(Held(), each_its_own);
  sight_.devices[1].failed = true;
  EXPECT_THAT(Held(), each_its_own);
  EXPECT_THAT(MakeNodeBooks(sight_).freed, IsEmpty());
}

TEST_F(OneReservationTest, ItemOfPodsThatHaveEndedIsFreedOnceForAllOfThem) {
  for (SeenPod& pod : sight_.pods) pod.pod.phase = "Succeeded";
  const NodeBooks books = MakeNodeBooks(sight_);
  ASSERT_THAT(books.freed, SizeIs(2));
  EXPECT_EQ(books.freed[0].evidence, "no process of pod u1 or pod u2 is on gpu0");
  EXPECT_EQ(books.freed[1].item.region, "n1/gpu1");
  EXPECT_THAT(books.holdings, IsEmpty());
  sight_.listed_regions.clear();
  EXPECT_THAT(Held(), ElementsAre("u1 in n1/gpu0: 8", "u1 in n1/gpu1: 8")) << "kept, each once";
}

TEST_F(OneReservationTest, ProcessThatAGonePodLeftHasWhatTheOthersOfTheItemLeave) {
  sight_.pods[1].pod.containers[0].devices[0].ids = {"GPU-a"};
  sight_.known.pop_back();
  sight_.known[0].bytes = 20 * kGib;
  sight_.pods.pop_back();
  sight_.remembered_ids = {{"u1", "job-7"}, {"u2", "job-7"}, {"u3", "job-7"}};
  AddProcess("u2", kGib);
  AddProcess("u3", kGib);
  EXPECT_THAT(Held(), ElementsAre("u1 in n1/gpu0: 8", "u2 in n1/gpu0: 6", "u3 in n1/gpu0: 6"));
}

TEST_F(OneReservationTest, WhatAGonePodHadIsNotForOneThatWaitsUntilItIsKnownToBeFree) {
  sight_.known.pop_back();
  sight_.known[0].bytes = 16 * kGib;
  sight_.pods[1].pod.containers[0].devices[0].ids = {"GPU-a"};
  sight_.pods[1].pod.phase = "Pending";
  sight_.remembered_ids["u0"] = "job-7";  // Gone.
  sight_.listed_regions.clear();
  const auto charged = [this] {
    std::map<std::string, std::optional<uint64_t>> charged;
    for (const Holding& holding : MakeNodeBooks(sight_).holdings)
      charged[holding.pod_uid] = holding.charged_bytes;
    return charged;
  };
  EXPECT_EQ(charged(), (std::map<std::string, std::optional<uint64_t>>{
                           {"u0", 8 * kGib}, {"u1", 8 * kGib}, {"u2", std::nullopt}}));
  sight_.listed_regions.insert("gpu0");
  EXPECT_EQ(charged(),
            (std::map<std::string, std::optional<uint64_t>>{{"u1", 8 * kGib}, {"u2", 8 * kGib}}));
}

TEST_F(OneReservationTest, PodThatWasChargedForBeforeIsNotForcedForMoreAndOneThatJoinsIs) {
  sight_.known.pop_back();
  sight_.pods[1].pod.containers[0].devices[0].ids = {"GPU-a"};
  sight_.pods[0].pod.annotations[kLimitAnnotation] = "20Gi";
  sight_.charged_before.emplace();
  (*sight_.charged_before)[{"u1", "n1/gpu0"}] = 8 * kGib;
  const auto forced = [this] {
    std::vector<uint64_t> forced;
    for (const Holding& holding : MakeNodeBooks(sight_).holdings)
      forced.push_back(holding.forced_bytes / kGib);
    return forced;
  };
  EXPECT_THAT(forced(), ElementsAre(8, 8));
  AddProcess("u1", 12 * kGib);
  EXPECT_THAT(forced(), ElementsAre(12, 8)) << "what it uses";
  // An agent that starts anew knows only the item.
  sight_.charged_before.reset();
  sight_.known[0].bytes = 16 * kGib;
  sight_.processes.clear();
  EXPECT_THAT(forced(), ElementsAre(20, 8)) << "it cannot be told from one that has come since";
}

TEST_F(OneReservationTest, WhatAGonePodHadOfAnItemThatAnotherHoldsIsFreeOnEvidence) {
  sight_.known.pop_back();
  sight_.known[0].bytes = 16 * kGib;
  sight_.pods[1].pod.containers[0].devices[0].ids = {"GPU-a"};
  const auto is_rest_free = [this] { return MakeNodeBooks(sight_).holdings.at(0).is_rest_free; };
  EXPECT_FALSE(is_rest_free()) << "both are there";
  sight_.remembered_ids["u2"] = "job-7";
  sight_.pods.pop_back();
  EXPECT_TRUE(is_rest_free());
  sight_.pods_are_complete = false;
  EXPECT_FALSE(is_rest_free());
  sight_.pods_are_complete = true;
  AddProcess("u2", 1);
  EXPECT_FALSE(is_rest_free()) << "it left a process";
  sight_.processes.clear();
  sight_.listed_regions.clear();
  EXPECT_FALSE(is_rest_free()) << "nobody knows whether it did";
  sight_.listed_regions.insert("gpu0");
  sight_.known[0].is_measured_basis = true;
  EXPECT_FALSE(is_rest_free()) << "it follows what is used";
}

TEST_F(NodeBooksTest, WhatASchedulerCommittedIsWhatAPodWithoutALimitHasThere) {
  AddPod("u1").pod.annotations = {{kChargeAnnotation, "job-7"}};
  EXPECT_EQ(One().booked_bytes, 47 * kGib) << "asked of the reservation";
  Know("job-7", 20 * kGib);
  EXPECT_EQ(One().booked_bytes, 20 * kGib);
  EXPECT_FALSE(One().is_limited);
}

TEST_F(NodeBooksTest, PodOfASchedulerHoldsUnderItsReservationAlsoWhenItIsGone) {
  AddPod("u1").pod.annotations = {{kChargeAnnotation, "job-7"}};
  EXPECT_EQ(One().charge_id, "job-7");
  sight_.pods.clear();
  sight_.remembered_ids["u1"] = "job-7";
  Know("job-7", 8 * kGib);
  AddProcess("u1", kGib);
  EXPECT_EQ(One().charge_id, "job-7");
  EXPECT_EQ(One().booked_bytes, 8 * kGib);
  sight_.processes.clear();
  const NodeBooks books = MakeNodeBooks(sight_);
  ASSERT_THAT(books.freed, SizeIs(1));
  EXPECT_EQ(books.freed[0].item.charge_id, "job-7");
}

TEST_F(NodeBooksTest, ReservationThatHasEndedForOnePodIsStillTheChargeOfThoseThatHoldUnderIt) {
  SeenPod& pod = AddPod("u1");
  pod.pod.annotations[kChargeAnnotation] = "job-7";
  AddProcess("u1", kGib);
  sight_.ended_ids.emplace("job-7", "/ns/ml");
  sight_.remembered_ids["u1"] = "job-7";
  EXPECT_EQ(One().charge_id, "");
  Know("job-7", kGib);
  EXPECT_EQ(One().charge_id, "job-7");
}

TEST_F(NodeBooksTest, OwnChargeOfAPodStaysUntilItsReservationIsHeld) {
  SeenPod& pod = AddPod("u1");
  pod.pod.annotations[kChargeAnnotation] = "job-7";
  AddProcess("u1", kGib);
  const std::string own = PodIdBase("u1", "gpu0") + "~1";
  Know(own, kGib);
  NodeBooks books = MakeNodeBooks(sight_);
  EXPECT_THAT(books.freed, IsEmpty());
  ASSERT_THAT(books.holdings, SizeIs(2));
  Know("job-7", kGib);
  books = MakeNodeBooks(sight_);
  ASSERT_THAT(books.freed, SizeIs(1));
  EXPECT_EQ(books.freed[0].evidence, "what pod u1 holds on gpu0 is charged as job-7");
}

}  // namespace
}  // namespace dmem::client
