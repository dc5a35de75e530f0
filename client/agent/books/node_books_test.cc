// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/books/node_books.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/agent/books/charge_ids.h"
#include "client/agent/books/pod_annotations.h"

namespace dmem::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint64_t kGib = uint64_t{1} << 30;

class NodeBooksTest : public ::testing::Test {
 protected:
  NodeBooksTest() {
    sight_.node = "n1";
    sight_.pods_are_complete = true;
    Device device;
    device.region = "gpu0";
    device.capacity_bytes = 48 * kGib;
    device.reserved_bytes = 1 * kGib;
    device.device_ids = {"GPU-a"};
    sight_.devices.push_back(device);
    sight_.listed_regions.insert("gpu0");
  }

  // A running pod in /ns/ml that kubelet gave the device to.
  SeenPod& AddPod(const std::string& uid, bool given = true) {
    SeenPod seen;
    seen.pod.name_space = "ml";
    seen.pod.name = "pod-" + uid;
    seen.pod.is_described = true;
    seen.pod.uid = seen.pod.cgroup_uid = uid;
    seen.pod.phase = "Running";
    seen.pod.has_devices_known = true;
    PodContainer container;
    container.name = "main";
    if (given) {
      PodDevice device;
      device.ids = {"GPU-a"};
      container.devices.push_back(device);
    }
    seen.pod.containers.push_back(container);
    seen.mapped.cgroup = "/ns/ml";
    sight_.pods.push_back(seen);
    return sight_.pods.back();
  }

  void AddProcess(const std::string& uid, uint64_t bytes) {
    sight_.processes.push_back({"gpu0", bytes, uid});
  }

  void Know(const std::string& charge_id, uint64_t bytes, const std::string& cgroup = "/ns/ml") {
    KnownItem item;
    item.charge_id = charge_id;
    item.cgroup = cgroup;
    item.region = "n1/gpu0";
    item.bytes = bytes;
    sight_.known.push_back(item);
  }

  // The only holding.
  Holding One() {
    const NodeBooks books = MakeNodeBooks(sight_);
    EXPECT_THAT(books.holdings, SizeIs(1));
    return books.holdings.empty() ? Holding() : books.holdings[0];
  }

  NodeSight sight_;
};

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
  EXPECT_THAT(Held(), ElementsAre("u1 in n1/gpu0: 8", "u2 in n1/gpu0: 12", "u3 in n1/gpu0: 0"));
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

TEST_F(NodeBooksTest, WhatASchedulerCommittedIsWhatAPodWithoutALimitHasThere) {
  AddPod("u1").pod.annotations = {{kChargeAnnotation, "job-7"}};
  EXPECT_EQ(One().booked_bytes, 47 * kGib) << "asked of the reservation";
  Know("job-7", 20 * kGib);
  EXPECT_EQ(One().booked_bytes, 20 * kGib);
  EXPECT_FALSE(One().is_limited);
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
