// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/books/node_books.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "client/agent/books/charge_ids.h"
#include "client/agent/books/pod_annotations.h"
#include "client/agent/books/testing/node_books_fixture.h"

namespace dmem::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(NodeBooksTest, PodThatHasADeviceHoldsAllThatItCanGrant) {
  AddPod("u1");
  AddProcess("u1", 3 * kGib);
  const Holding holding = One();
  EXPECT_EQ(holding.id_base, "pod/u1/gpu0");
  EXPECT_EQ(holding.charge_id, "") << "it is not charged yet";
  EXPECT_EQ(holding.cgroup, "/ns/ml");
  EXPECT_EQ(holding.region, "n1/gpu0");
  EXPECT_EQ(holding.booked_bytes, 47 * kGib);
  EXPECT_EQ(holding.measured_bytes, 3 * kGib);
  EXPECT_FALSE(holding.is_measured_basis);
  EXPECT_FALSE(holding.is_limited) << "nobody set a limit";
  EXPECT_EQ(holding.state, HoldingState::kRunning);
}

TEST_F(NodeBooksTest, AnnotationsSayWhatIsBookedAndProtected) {
  AddPod("u1").pod.annotations = {{kLimitAnnotation, "8Gi"}, {kRequestAnnotation, "2Gi"}};
  const Holding holding = One();
  EXPECT_EQ(holding.booked_bytes, 8 * kGib);
  EXPECT_TRUE(holding.is_limited);
  EXPECT_EQ(holding.max_bytes, 8 * kGib);
  EXPECT_EQ(holding.low_bytes, 2 * kGib);
}

TEST_F(NodeBooksTest, AnnotationThatIsNoAmountIsReportedAndNotGuessed) {
  AddPod("u1").pod.annotations = {{kLimitAnnotation, "much"}};
  const NodeBooks books = MakeNodeBooks(sight_);
  ASSERT_THAT(books.problems, SizeIs(1));
  EXPECT_THAT(std::string(books.problems[0].message()), HasSubstr("ml/pod-u1"));
  ASSERT_THAT(books.holdings, SizeIs(1));
  EXPECT_EQ(books.holdings[0].booked_bytes, 47 * kGib);
}

TEST_F(NodeBooksTest, AnnotationsThatAreMistypedAreReportedOnceForAPodWithAnyNumberOfDevices) {
  Device other = sight_.devices[0];
  other.region = "gpu1";
  other.device_ids = {"GPU-b"};
  sight_.devices.push_back(other);
  AddPod("u1").pod.annotations = {{kLimitAnnotation, "8Gi"}, {"dmemd/limits", "8Gi"}};
  sight_.pods[0].pod.containers[0].devices[0].ids = {"GPU-a"};
  sight_.pods[0].pod.containers[0].devices.push_back({"", {"GPU-b"}, "", ""});
  AddPod("u2", /*given=*/false).pod.annotations = {{kRequestAnnotation, "8 giga"},
                                                   {kChargeAnnotation, "job-7"},
                                                   {"example.com/limit", "8 giga"}};
  std::vector<std::string> problems;
  for (const absl::Status& problem : MakeNodeBooks(sight_).problems)
    problems.emplace_back(problem.message());
  EXPECT_THAT(problems,
              ElementsAre("annotation dmemd/limits of pod ml/pod-u1 is not known; there are "
                          "dmemd/limit, dmemd/request and dmemd/charge-id",
                          HasSubstr("annotation dmemd/request of pod ml/pod-u2 is not an amount of "
                                    "bytes: ")));
}

TEST_F(NodeBooksTest, PodOnADeviceThatNobodyGaveToItIsBookedByMeasure) {
  AddPod("u1", /*given=*/false);
  AddProcess("u1", 3 * kGib);
  const Holding holding = One();
  EXPECT_TRUE(holding.is_measured_basis);
  EXPECT_EQ(holding.booked_bytes, 3 * kGib);
}

TEST_F(NodeBooksTest, ProcessesOfNoPodAreHeldByTheHost) {
  AddProcess("", kGib);
  AddProcess("", kGib);
  const Holding holding = One();
  EXPECT_EQ(holding.id_base, "host/n1/gpu0");
  EXPECT_EQ(holding.cgroup, kUnmappedHostCgroup);
  EXPECT_EQ(holding.booked_bytes, 2 * kGib);
}

TEST_F(NodeBooksTest, ProcessOfAPodThatNoSourceKnowsIsNotDropped) {
  AddProcess("u9", kGib);
  const Holding holding = One();
  EXPECT_EQ(holding.id_base, "pod/u9/gpu0");
  EXPECT_EQ(holding.cgroup, "/unmapped/pod/u9");
}

TEST_F(NodeBooksTest, PodThatHasNotStartedIsPending) {
  AddPod("u1").pod.phase = "Pending";
  EXPECT_EQ(One().state, HoldingState::kPending);
  AddProcess("u1", 1);
  EXPECT_EQ(One().state, HoldingState::kRunning) << "a process is proof";
}

TEST_F(NodeBooksTest, DeletedPodIsEndingAndKeepsItsBytesWhileItIsThere) {
  AddPod("u1").pod.is_deleting = true;
  Know("pod/u1/gpu0~1f", 47 * kGib);
  const NodeBooks books = MakeNodeBooks(sight_);
  ASSERT_THAT(books.holdings, SizeIs(1));
  EXPECT_EQ(books.holdings[0].state, HoldingState::kEnding);
  EXPECT_EQ(books.holdings[0].booked_bytes, 47 * kGib);
  EXPECT_THAT(books.freed, IsEmpty());
}

TEST_F(NodeBooksTest, ForceDeletedPodWhoseProcessLivesOnKeepsItsBytes) {
  Know("pod/u1/gpu0~1f", 47 * kGib);
  AddProcess("u1", 3 * kGib);
  const Holding holding = One();
  EXPECT_EQ(holding.state, HoldingState::kEnding);
  EXPECT_EQ(holding.charge_id, "pod/u1/gpu0~1f");
  EXPECT_EQ(holding.cgroup, "/ns/ml") << "as it was charged, not as an unknown pod";
  EXPECT_EQ(holding.booked_bytes, 47 * kGib);
  EXPECT_EQ(holding.measured_bytes, 3 * kGib);
}

TEST_F(NodeBooksTest, GonePodWithoutAProcessIsFreedWithEvidence) {
  Know("pod/u1/gpu0~1f", 47 * kGib);
  const NodeBooks books = MakeNodeBooks(sight_);
  EXPECT_THAT(books.holdings, IsEmpty());
  ASSERT_THAT(books.freed, SizeIs(1));
  EXPECT_EQ(books.freed[0].item.charge_id, "pod/u1/gpu0~1f");
  EXPECT_EQ(books.freed[0].evidence, "no process of pod u1 is on gpu0");
}

TEST_F(NodeBooksTest, EndedPodWithoutAProcessIsFreed) {
  AddPod("u1").pod.phase = "Failed";
  Know("pod/u1/gpu0~1f", 47 * kGib);
  const NodeBooks books = MakeNodeBooks(sight_);
  EXPECT_THAT(books.holdings, IsEmpty());
  EXPECT_THAT(books.freed, SizeIs(1));
}

TEST_F(NodeBooksTest, NothingIsFreedWhileProcessesAreNotListed) {
  sight_.listed_regions.clear();
  Know("pod/u1/gpu0~1f", 47 * kGib);
  const NodeBooks books = MakeNodeBooks(sight_);
  EXPECT_THAT(books.freed, IsEmpty());
  ASSERT_THAT(books.holdings, SizeIs(1));
  EXPECT_EQ(books.holdings[0].state, HoldingState::kEnding);
}

TEST_F(NodeBooksTest, WithoutAListOfProcessesADeviceThatIsNotInUseIsEvidence) {
  sight_.listed_regions.clear();
  Know("pod/u1/gpu0~1f", 47 * kGib);
  sight_.devices[0].used_bytes = 3 * kGib;
  const auto other_used = [this](uint64_t before, uint64_t now) {
    sight_.cgroup_usage_before[{"/kubepods/other", "gpu0"}] = before;
    sight_.cgroup_usage[{"/kubepods/other", "gpu0"}] = now;
  };
  other_used(2 * kGib - 1, 2 * kGib - 1);
  EXPECT_THAT(MakeNodeBooks(sight_).freed, IsEmpty()) << "one byte is nobody's";
  other_used(2 * kGib, 2 * kGib);
  EXPECT_THAT(MakeNodeBooks(sight_).freed, SizeIs(1));
}

TEST_F(NodeBooksTest, WhatAnotherPodGrewByBetweenTwoLooksIsNoEvidence) {
  sight_.listed_regions.clear();
  Know("pod/u1/gpu0~1f", 47 * kGib);
  sight_.devices[0].used_bytes = 3 * kGib;
  sight_.cgroup_usage[{"/kubepods/other", "gpu0"}] = 2 * kGib;
  EXPECT_THAT(MakeNodeBooks(sight_).freed, IsEmpty()) << "nobody knows what it had";
  sight_.cgroup_usage_before[{"/kubepods/other", "gpu0"}] = 1 * kGib;
  EXPECT_THAT(MakeNodeBooks(sight_).freed, IsEmpty());
}

TEST_F(NodeBooksTest, NothingIsFreedWhileAPodSourceFails) {
  sight_.pods_are_complete = false;
  Know("pod/u1/gpu0~1f", 47 * kGib);
  const NodeBooks books = MakeNodeBooks(sight_);
  EXPECT_THAT(books.freed, IsEmpty());
  ASSERT_THAT(books.holdings, SizeIs(1));
  EXPECT_EQ(books.holdings[0].state, HoldingState::kRunning) << "nobody said that it is gone";
}

TEST_F(NodeBooksTest, NothingIsFreedWhileKubeletHasAPodOfWhichTheUidIsNotKnown) {
  AddPod("").pod.is_described = false;
  Know("pod/u1/gpu0~1f", 47 * kGib);
  const NodeBooks books = MakeNodeBooks(sight_);
  EXPECT_THAT(books.freed, IsEmpty());
  EXPECT_THAT(books.holdings, SizeIs(1));
}

TEST_F(NodeBooksTest, NothingIsFreedOnADeviceThatFailed) {
  sight_.devices[0].failed = true;
  Know("pod/u1/gpu0~1f", 47 * kGib);
  EXPECT_THAT(MakeNodeBooks(sight_).freed, IsEmpty());
}

TEST_F(NodeBooksTest, NothingIsFreedOnADeviceThatWasNotSeen) {
  sight_.devices.clear();
  Know("pod/u1/gpu0~1f", 47 * kGib);
  EXPECT_THAT(MakeNodeBooks(sight_).freed, IsEmpty());
}

TEST_F(NodeBooksTest, ItemOfAPodThatIsThereAndOfWhichTheDevicesAreNotKnownIsKeptAsRunning) {
  sight_.listed_regions.clear();
  AddPod("u1", /*given=*/false);
  Know("pod/u1/gpu0~1f", 47 * kGib);
  const Holding holding = One();
  EXPECT_EQ(holding.state, HoldingState::kRunning);
  EXPECT_EQ(holding.pod_name, "pod-u1");
  EXPECT_EQ(holding.charged_bytes, 47 * kGib);
}

TEST_F(NodeBooksTest, PodThatHasLeaveToStartIsAsGoodAsRunning) {
  AddPod("u1").pod.phase = "Pending";
  sight_.admitted.insert("u1");
  EXPECT_EQ(One().state, HoldingState::kRunning);
}

TEST_F(NodeBooksTest, ChargeOfAllDevicesOfAPodIsFoundByItsBase) {
  AddPod("u1");
  Know("pod/u1~1f", 47 * kGib);
  EXPECT_EQ(One().charge_id, "pod/u1~1f");
  sight_.pods.clear();
  EXPECT_THAT(MakeNodeBooks(sight_).freed, SizeIs(1));
}

TEST_F(NodeBooksTest, ChargesOfOthersAreLeftAlone) {
  Know("c-123", kGib);
  const NodeBooks books = MakeNodeBooks(sight_);
  EXPECT_THAT(books.freed, IsEmpty());
  EXPECT_THAT(books.holdings, IsEmpty());
}

TEST_F(NodeBooksTest, CgroupsOwnUsageIsTheBetterNumber) {
  AddPod("u1").node_cgroup = "/kubepods/pod1";
  AddProcess("u1", 1);
  sight_.cgroup_usage[{"/kubepods/pod1", "gpu0"}] = 5 * kGib;
  EXPECT_EQ(One().measured_bytes, 5 * kGib);
}

TEST_F(NodeBooksTest, ProcessOfUnknownSizeMakesTheSumUnknown) {
  AddPod("u1");
  AddProcess("u1", kGib);
  sight_.processes.push_back({"gpu0", std::nullopt, "u1"});
  EXPECT_EQ(One().measured_bytes, std::nullopt);
}

TEST_F(NodeBooksTest, ProcessOfUnknownSizeNeverMakesAChargeByMeasureSmaller) {
  AddPod("u1", false);
  AddProcess("u1", kGib);
  sight_.processes.push_back({"gpu0", std::nullopt, "u1"});
  EXPECT_EQ(One().booked_bytes, kGib) << "as much as is known";
  Know(PodIdBase("u1", "gpu0") + "~1", 3 * kGib);
  sight_.known[0].is_measured_basis = true;
  EXPECT_EQ(One().booked_bytes, 3 * kGib);
  // The same of a pod that no source knows.
  sight_.pods.clear();
  EXPECT_EQ(One().booked_bytes, 3 * kGib);
  sight_.processes[0].used_bytes = 5 * kGib;
  EXPECT_EQ(One().booked_bytes, 5 * kGib) << "at least as much is used";
}

TEST_F(NodeBooksTest, SecondChargeOfAPodThatRunsIsFreedAsWhatItIs) {
  AddPod("u1");
  AddProcess("u1", kGib);
  const std::string first = PodIdBase("u1", "gpu0") + "~1";
  Know(first, kGib);
  Know(PodIdBase("u1", "gpu0") + "~2", kGib);
  const NodeBooks books = MakeNodeBooks(sight_);
  ASSERT_THAT(books.holdings, SizeIs(1));
  EXPECT_EQ(books.holdings[0].charge_id, first);
  ASSERT_THAT(books.freed, SizeIs(1));
  EXPECT_EQ(books.freed[0].evidence, "what pod u1 holds on gpu0 is charged as " + first);
}

TEST_F(NodeBooksTest, HoldingsAreInOrderWhateverTheOrderOfThePods) {
  AddPod("u2");
  AddPod("u1");
  const NodeBooks books = MakeNodeBooks(sight_);
  ASSERT_THAT(books.holdings, SizeIs(2));
  EXPECT_EQ(books.holdings[0].id_base, "pod/u1/gpu0");
  EXPECT_EQ(books.holdings[1].id_base, "pod/u2/gpu0");
}

TEST_F(NodeBooksTest, ChargeOfAnAgentBeforeIsFoundByItsBase) {
  AddPod("u1");
  Know("pod/u1/gpu0~1f", 47 * kGib);
  EXPECT_EQ(One().charge_id, "pod/u1/gpu0~1f");
}

}  // namespace
}  // namespace dmem::client
