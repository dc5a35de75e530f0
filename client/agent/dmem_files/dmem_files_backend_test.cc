// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/dmem_files/dmem_files_backend.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "client/agent/dmem_files/cgroup_files.h"
#include "client/agent/testing/simulated_kernel.h"
#include "client/agent/testing/temp_directory.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dmem::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint64_t kGiB = uint64_t{1} << 30;
const char kGpu0[] = "drm/0000:03:00.0/vram0";
const char kGpu1[] = "drm/0000:83:00.0/vram0";
const char kPod[] = "/kubepods.slice/pod1.slice";
const char kContainer[] = "/kubepods.slice/pod1.slice/c1.scope";

//   /                         24 GiB of gpu0, 16 GiB of gpu1
//   `- kubepods.slice
//      |- pod1.slice
//      |  `- c1.scope
//      `- pod2.slice
class DmemFilesBackendTest : public ::testing::Test {
 protected:
  DmemFilesBackendTest() {
    kernel_.AddRegion(kGpu1, 16 * kGiB);
    kernel_.AddRegion(kGpu0, 24 * kGiB);
    for (const char* path : {"/kubepods.slice", kPod, kContainer, "/kubepods.slice/pod2.slice"}) {
      kernel_.AddCgroup(path);
    }
    options_.sysfs_root = "/nowhere";
  }

  DmemFilesBackend& Backend() {
    if (backend_ == nullptr) {
      backend_ = std::make_unique<DmemFilesBackend>(options_, kernel_.Files());
      EXPECT_TRUE(backend_->Scan().ok());
    }
    return *backend_;
  }
  LimitState Apply(const Limit& limit) { return Backend().Apply({limit}).at(0); }
  LimitState ReadBack(const Limit& limit) { return Backend().ReadBack({limit}).at(0); }

  SimulatedKernel kernel_;
  DmemFilesOptions options_;
  std::unique_ptr<DmemFilesBackend> backend_;
};

TEST_F(DmemFilesBackendTest, EveryRegionOfTheCapacityFileIsADevice) {
  kernel_.PoolOf("/", kGpu0).current = 5 * kGiB;
  const auto scan = Backend().Scan();
  ASSERT_TRUE(scan.ok()) << scan.status();
  EXPECT_THAT(scan->problems, IsEmpty());
  ASSERT_THAT(scan->devices, SizeIs(2));
  EXPECT_EQ(scan->devices[0].region, kGpu0);
  EXPECT_EQ(scan->devices[0].capacity_bytes, 24 * kGiB);
  EXPECT_EQ(scan->devices[0].used_bytes, 5 * kGiB);
  EXPECT_EQ(scan->devices[0].reserved_bytes, std::nullopt);
  EXPECT_EQ(scan->devices[0].pci, "0000:03:00.0");
  EXPECT_THAT(scan->devices[0].device_ids, ElementsAre("0000:03:00.0"));
  EXPECT_EQ(scan->devices[1].region, kGpu1);
  EXPECT_EQ(scan->devices[1].used_bytes, 0u);
  EXPECT_EQ(Backend().capability(), Capability::kEnforcing);
}

TEST_F(DmemFilesBackendTest, ConfiguredMemoryWinsAndReservedCountsAsUsed) {
  options_.memory[kGpu0] = {20 * kGiB, kGiB};
  kernel_.PoolOf("/", kGpu0).current = 5 * kGiB;
  const auto scan = Backend().Scan();
  ASSERT_TRUE(scan.ok());
  EXPECT_EQ(scan->devices[0].capacity_bytes, 20 * kGiB);
  EXPECT_EQ(scan->devices[0].reserved_bytes, kGiB);
  EXPECT_EQ(scan->devices[0].used_bytes, 6 * kGiB);
}

TEST_F(DmemFilesBackendTest, IgnoredRegionsAreNotDevices) {
  options_.ignore_regions = {"drm/0000:83"};
  const auto scan = Backend().Scan();
  ASSERT_THAT(scan->devices, SizeIs(1));
  EXPECT_EQ(scan->devices[0].region, kGpu0);
  EXPECT_EQ(Apply({kContainer, kGpu1, 0, kGiB}).outcome, LimitOutcome::kUnsupported);
}

TEST_F(DmemFilesBackendTest, WithoutTheControllerTheScanSaysWhyAndTheNodeIsBlind) {
  kernel_.fault = [](const std::string& path) {
    return path == "/dmem.capacity" ? absl::NotFoundError(path) : absl::OkStatus();
  };
  DmemFilesBackend backend(options_, kernel_.Files());
  const auto scan = backend.Scan();
  EXPECT_EQ(scan.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(scan.status().message()), HasSubstr("Linux 6.14"));
  EXPECT_EQ(backend.capability(), Capability::kBlind);

  kernel_.fault = nullptr;  // A module is loaded, and the next Scan finds it.
  EXPECT_TRUE(backend.Scan().ok());
  EXPECT_EQ(backend.capability(), Capability::kEnforcing);
}

TEST_F(DmemFilesBackendTest, ACapacityFileThatCannotBeReadKeepsTheDevices) {
  Backend();
  kernel_.fault = [](const std::string& path) {
    return path == "/dmem.capacity" ? absl::UnavailableError("Input/output error")
                                    : absl::OkStatus();
  };
  EXPECT_TRUE(absl::IsUnavailable(Backend().Scan().status()));
  EXPECT_EQ(Apply({kContainer, kGpu0, 0, kGiB}).outcome, LimitOutcome::kWritten);
}

TEST_F(DmemFilesBackendTest, ATornLineIsAProblemAndItsDeviceStaysAsItWas) {
  Backend();
  kernel_.instead["/dmem.capacity"] = std::string(kGpu1) + " 17179869184\n" + kGpu0 + " 257";
  const auto scan = Backend().Scan();
  ASSERT_TRUE(scan.ok());
  EXPECT_THAT(scan->problems, SizeIs(1));
  ASSERT_THAT(scan->devices, SizeIs(2));
  EXPECT_EQ(scan->devices[0].capacity_bytes, 24 * kGiB);
  EXPECT_EQ(scan->devices[0].used_bytes, std::nullopt);
  EXPECT_FALSE(scan->devices[0].failed);
}

TEST_F(DmemFilesBackendTest, ADeviceThatItsDriverGivesUpHasFailedUntilItIsBack) {
  Backend();
  kernel_.RemoveRegions();
  kernel_.AddRegion(kGpu0, 24 * kGiB);
  auto scan = Backend().Scan();
  ASSERT_THAT(scan->devices, SizeIs(2));
  EXPECT_FALSE(scan->devices[0].failed);
  EXPECT_TRUE(scan->devices[1].failed);
  EXPECT_EQ(scan->devices[1].capacity_bytes, 16 * kGiB);
  EXPECT_THAT(scan->devices[1].failure, HasSubstr("dmem.capacity"));
  EXPECT_EQ(Backend().capability(), Capability::kEnforcing);

  kernel_.AddRegion(kGpu1, 16 * kGiB);
  scan = Backend().Scan();
  EXPECT_FALSE(scan->devices[1].failed);
}

TEST_F(DmemFilesBackendTest, UsageAndPeakOfEachCgroupAndRegionAreMeasured) {
  Apply({kContainer, kGpu0, 0, 8 * kGiB});
  kernel_.PoolOf(kContainer, kGpu0).current = kGiB;
  kernel_.PoolOf(kContainer, kGpu0).peak = 2 * kGiB;
  const auto usage = Backend().Measure({kContainer});
  ASSERT_TRUE(usage.ok());
  ASSERT_THAT(usage->cgroups, SizeIs(2));  // In the kernel's order, zeros included.
  EXPECT_EQ(usage->cgroups[0].region, kGpu1);
  EXPECT_EQ(usage->cgroups[0].used_bytes, 0u);
  EXPECT_EQ(usage->cgroups[1].region, kGpu0);
  EXPECT_EQ(usage->cgroups[1].cgroup, kContainer);
  EXPECT_EQ(usage->cgroups[1].used_bytes, kGiB);
  EXPECT_EQ(usage->cgroups[1].peak_bytes, 2 * kGiB);
  EXPECT_THAT(usage->processes, IsEmpty());
  EXPECT_THAT(usage->listed_regions, IsEmpty());
  EXPECT_THAT(usage->problems, IsEmpty());
}

TEST_F(DmemFilesBackendTest, AKernelWithoutPeakIsMeasuredAllTheSame) {
  Apply({kContainer, kGpu0, 0, 8 * kGiB});
  kernel_.fault = [](const std::string& path) {
    return path.find("dmem.peak") != std::string::npos ? absl::NotFoundError(path)
                                                       : absl::OkStatus();
  };
  const auto usage = Backend().Measure({kContainer});
  ASSERT_THAT(usage->cgroups, SizeIs(2));
  EXPECT_EQ(usage->cgroups[1].peak_bytes, std::nullopt);
  EXPECT_THAT(usage->problems, IsEmpty());
}

TEST_F(DmemFilesBackendTest, ACgroupThatIsGoneOrWithoutDmemDoesNotStopTheOthers) {
  Apply({kPod, kGpu0, 0, 8 * kGiB});  // The container is below it, and gets no files by this.
  const auto usage = Backend().Measure({"/kubepods.slice/gone", kContainer, kPod});
  ASSERT_TRUE(usage.ok());
  EXPECT_THAT(usage->gone_cgroups, ElementsAre("/kubepods.slice/gone"));
  EXPECT_THAT(usage->problems, SizeIs(1));
  EXPECT_THAT(usage->cgroups, SizeIs(2));
}

TEST_F(DmemFilesBackendTest, ACgroupThatVanishesWhileItIsReadIsGone) {
  Apply({kContainer, kGpu0, 0, 8 * kGiB});
  kernel_.fault = [this](const std::string& path) {
    if (path == std::string(kContainer) + "/dmem.current") kernel_.RemoveCgroup(kContainer);
    return absl::OkStatus();
  };
  const auto usage = Backend().Measure({kContainer});
  EXPECT_THAT(usage->gone_cgroups, ElementsAre(kContainer));
  EXPECT_THAT(usage->cgroups, IsEmpty());
}

TEST_F(DmemFilesBackendTest, ATornUsageIsNoUsage) {
  Apply({kContainer, kGpu0, 0, 8 * kGiB});
  kernel_.instead[std::string(kContainer) + "/dmem.current"] =
      std::string(kGpu1) + " 5\n" + kGpu0 + " 107374";
  const auto usage = Backend().Measure({kContainer});
  ASSERT_THAT(usage->cgroups, SizeIs(1));
  EXPECT_EQ(usage->cgroups[0].region, kGpu1);
  EXPECT_THAT(usage->problems, SizeIs(1));
}

TEST_F(DmemFilesBackendTest, APathThatCouldLeaveTheTreeIsNeverTouched) {
  EXPECT_TRUE(absl::IsInvalidArgument(Backend().Measure({kPod, "/../etc"}).status()));
  const LimitState state = Apply({"/kubepods.slice/../../etc", kGpu0, 0, kGiB});
  EXPECT_EQ(state.outcome, LimitOutcome::kUnsupported);
  EXPECT_TRUE(absl::IsInvalidArgument(state.status));
  EXPECT_THAT(kernel_.writes, IsEmpty());
}

TEST_F(DmemFilesBackendTest, DmemIsEnabledFromTheRootDownAndBothLimitsAreWritten) {
  const LimitState state = Apply({kContainer, kGpu0, 2 * kGiB, 8 * kGiB});
  EXPECT_EQ(state.outcome, LimitOutcome::kWritten) << state.status;
  EXPECT_EQ(state.low_bytes, 2 * kGiB);
  EXPECT_EQ(state.max_bytes, 8 * kGiB);
  EXPECT_THAT(
      kernel_.writes,
      ElementsAre("//cgroup.subtree_control: +dmem",
                  "/kubepods.slice/cgroup.subtree_control: +dmem",
                  "/kubepods.slice/pod1.slice/cgroup.subtree_control: +dmem",
                  std::string(kContainer) + "/dmem.max: drm/0000:03:00.0/vram0 8589934592",
                  std::string(kContainer) + "/dmem.low: drm/0000:03:00.0/vram0 2147483648"));
  EXPECT_FALSE(kernel_.HasDmem(kContainer));
  EXPECT_FALSE(kernel_.HasDmem("/kubepods.slice/pod2.slice"));
}

TEST_F(DmemFilesBackendTest, WhatStandsIsNotWrittenAgain) {
  Apply({kContainer, kGpu0, 2 * kGiB, 8 * kGiB});
  kernel_.writes.clear();
  EXPECT_EQ(Apply({kContainer, kGpu0, 2 * kGiB, 8 * kGiB}).outcome, LimitOutcome::kStands);
  EXPECT_THAT(kernel_.writes, IsEmpty());
  // Only what is another.
  EXPECT_EQ(Apply({kContainer, kGpu0, 2 * kGiB, 9 * kGiB}).outcome, LimitOutcome::kWritten);
  EXPECT_THAT(kernel_.writes, SizeIs(1));
}

TEST_F(DmemFilesBackendTest, ALimitOfNothingOnlyMakesTheCgroupMeasurable) {
  EXPECT_EQ(Apply({kContainer, kGpu0, 0, kNoLimit}).outcome, LimitOutcome::kStands);
  EXPECT_THAT(kernel_.writes, SizeIs(3));  // +dmem, above it.
  EXPECT_THAT(Backend().Measure({kContainer})->cgroups, SizeIs(2));
}

TEST_F(DmemFilesBackendTest, WhatTheKernelShowsAsMaxIsNoLimit) {
  Apply({kContainer, kGpu0, kGiB, 8 * kGiB});
  kernel_.writes.clear();
  // 2^51-1 and more read back as max.
  const LimitState state = Apply({kContainer, kGpu0, 0, (uint64_t{1} << 51) - 1});
  EXPECT_EQ(state.outcome, LimitOutcome::kWritten);
  EXPECT_EQ(state.max_bytes, kNoLimit);
  EXPECT_THAT(kernel_.writes[0], HasSubstr("vram0 max"));
  kernel_.writes.clear();
  EXPECT_EQ(Apply({kContainer, kGpu0, 0, kNoLimit}).outcome, LimitOutcome::kStands);
  EXPECT_EQ(Apply({kContainer, kGpu0, 0, uint64_t{1} << 60}).outcome, LimitOutcome::kStands);
  EXPECT_THAT(kernel_.writes, IsEmpty());
}

TEST_F(DmemFilesBackendTest, WhatSystemdStripsIsReasserted) {
  Apply({kContainer, kGpu0, 2 * kGiB, 8 * kGiB});
  kernel_.StripDmem(kPod);
  const LimitState drifted = ReadBack({kContainer, kGpu0, 2 * kGiB, 8 * kGiB});
  EXPECT_EQ(drifted.outcome, LimitOutcome::kFailed);
  EXPECT_THAT(std::string(drifted.status.message()), HasSubstr("dmem is not enabled above"));

  kernel_.writes.clear();
  EXPECT_EQ(Apply({kContainer, kGpu0, 2 * kGiB, 8 * kGiB}).outcome, LimitOutcome::kWritten);
  EXPECT_THAT(kernel_.writes, SizeIs(3));  // +dmem in the pod, then max and low.
  EXPECT_EQ(kernel_.PoolOf(kContainer, kGpu0).max, 8 * kGiB);
}

TEST_F(DmemFilesBackendTest, AMaxThatTheKernelRefusesInSilenceIsDriftWithBothNumbers) {
  Apply({kContainer, kGpu0, 0, 8 * kGiB});
  kernel_.PoolOf(kContainer, kGpu0).current = 6 * kGiB;
  LimitState state = Apply({kContainer, kGpu0, kGiB, 4 * kGiB});
  EXPECT_EQ(state.outcome, LimitOutcome::kDrifted);
  EXPECT_EQ(state.max_bytes, 8 * kGiB);
  EXPECT_EQ(state.low_bytes, kGiB);  // That one was not refused.
  EXPECT_EQ(
      state.status.message(),
      std::string(kContainer) +
          " has low 1073741824 and max 8589934592 for drm/0000:03:00.0/vram0, not low "
          "1073741824 and max 4294967296: it uses 6442450944, and the kernel may refuse a max "
          "below that without an error");

  kernel_.PoolOf(kContainer, kGpu0).current = 3 * kGiB;  // Once it fits, it is taken.
  EXPECT_EQ(Apply({kContainer, kGpu0, kGiB, 4 * kGiB}).outcome, LimitOutcome::kWritten);
}

TEST_F(DmemFilesBackendTest, DriftByAnotherWriterIsReportedAndThenCorrected) {
  Apply({kContainer, kGpu0, 2 * kGiB, 8 * kGiB});
  kernel_.PoolOf(kContainer, kGpu0).max = 9 * kGiB;
  kernel_.writes.clear();
  const LimitState drifted = ReadBack({kContainer, kGpu0, 2 * kGiB, 8 * kGiB});
  EXPECT_EQ(drifted.outcome, LimitOutcome::kDrifted);
  EXPECT_EQ(drifted.max_bytes, 9 * kGiB);
  EXPECT_THAT(kernel_.writes, IsEmpty());
  EXPECT_EQ(Apply({kContainer, kGpu0, 2 * kGiB, 8 * kGiB}).outcome, LimitOutcome::kWritten);
}

TEST_F(DmemFilesBackendTest, ACgroupThatIsGoneTakesNoLimitAndNothingAboveItIsTouched) {
  const LimitState state = Apply({"/kubepods.slice/pod9.slice/c", kGpu0, 0, kGiB});
  EXPECT_EQ(state.outcome, LimitOutcome::kGone);
  EXPECT_EQ(ReadBack({"/kubepods.slice/pod9.slice", kGpu0, 0, kGiB}).outcome, LimitOutcome::kGone);
  EXPECT_THAT(kernel_.writes, IsEmpty());
}

TEST_F(DmemFilesBackendTest, TheRootAndUnknownRegionsTakeNoLimits) {
  EXPECT_EQ(Apply({"/", kGpu0, 0, kGiB}).outcome, LimitOutcome::kUnsupported);
  EXPECT_EQ(Apply({kContainer, "drm/0000:99:00.0/vram0", 0, kGiB}).outcome,
            LimitOutcome::kUnsupported);
  EXPECT_EQ(ReadBack({"/", kGpu0, 0, kGiB}).outcome, LimitOutcome::kUnsupported);
  EXPECT_THAT(kernel_.writes, IsEmpty());
}

TEST_F(DmemFilesBackendTest, ARefusedWriteIsSaidAndTheOtherIsWrittenAllTheSame) {
  Apply({kContainer, kGpu0, 0, 8 * kGiB});
  int accesses = 0;
  kernel_.fault = [&accesses](const std::string& path) {
    // It is read first, then written.
    const bool refused = path.find("c1.scope/dmem.max") != std::string::npos && ++accesses == 2;
    return refused ? absl::PermissionDeniedError("cannot write dmem.max: Read-only file system")
                   : absl::OkStatus();
  };
  const LimitState state = Apply({kContainer, kGpu0, kGiB, 4 * kGiB});
  EXPECT_EQ(state.outcome, LimitOutcome::kFailed);
  EXPECT_TRUE(absl::IsPermissionDenied(state.status)) << state.status;
  EXPECT_EQ(state.max_bytes, 8 * kGiB);
  EXPECT_EQ(state.low_bytes, kGiB);
}

TEST_F(DmemFilesBackendTest, ALimitThatCannotBeReadIsNotWritten) {
  Apply({kContainer, kGpu0, 0, 8 * kGiB});
  kernel_.writes.clear();
  kernel_.fault = [](const std::string& path) {
    return path.find("c1.scope/dmem.max") != std::string::npos
               ? absl::PermissionDeniedError("cannot open dmem.max: Permission denied")
               : absl::OkStatus();
  };
  EXPECT_EQ(Apply({kContainer, kGpu0, 0, 4 * kGiB}).outcome, LimitOutcome::kFailed);
  EXPECT_THAT(kernel_.writes, IsEmpty());
}

TEST_F(DmemFilesBackendTest, ATreeThatIsMountedReadOnlyIsWatched) {
  kernel_.fault = [](const std::string& path) {
    return path == "/cgroup.subtree_control"
               ? absl::PermissionDeniedError("cannot write: Read-only file system")
               : absl::OkStatus();
  };
  EXPECT_EQ(Backend().capability(), Capability::kWatching);
  const LimitState state = Apply({kContainer, kGpu0, 0, kGiB});
  EXPECT_EQ(state.outcome, LimitOutcome::kFailed);
  EXPECT_TRUE(absl::IsPermissionDenied(state.status)) << state.status;
}

TEST_F(DmemFilesBackendTest, OnlyAWriteThatIsTakenEndsARefusal) {
  Apply({kContainer, kGpu0, 0, 8 * kGiB});
  kernel_.write_fault = absl::PermissionDeniedError("Operation not permitted");
  EXPECT_EQ(Apply({kContainer, kGpu0, 0, 4 * kGiB}).outcome, LimitOutcome::kFailed);
  EXPECT_EQ(Backend().capability(), Capability::kWatching);
  // Neither what the permission bits say, nor a limit that stands anyway.
  ASSERT_TRUE(Backend().Scan().ok());
  EXPECT_EQ(Backend().capability(), Capability::kWatching);
  EXPECT_EQ(Apply({kContainer, kGpu0, 0, 8 * kGiB}).outcome, LimitOutcome::kStands);
  EXPECT_EQ(Backend().capability(), Capability::kWatching);
  kernel_.write_fault = absl::OkStatus();
  EXPECT_EQ(Apply({kContainer, kGpu0, 0, 4 * kGiB}).outcome, LimitOutcome::kWritten);
  EXPECT_EQ(Backend().capability(), Capability::kEnforcing);
}

TEST_F(DmemFilesBackendTest, OneLimitThatFailsDoesNotStopTheOthers) {
  kernel_.fault = [](const std::string& path) {
    return path.find("c1.scope/dmem") != std::string::npos ? absl::UnavailableError("I/O error")
                                                           : absl::OkStatus();
  };
  const auto states = Backend().Apply(
      {{kContainer, kGpu0, 0, kGiB}, {"/gone", kGpu0, 0, kGiB}, {kPod, kGpu0, 0, 2 * kGiB}});
  ASSERT_THAT(states, SizeIs(3));
  EXPECT_EQ(states[0].outcome, LimitOutcome::kFailed);
  EXPECT_EQ(states[1].outcome, LimitOutcome::kGone);
  EXPECT_EQ(states[2].outcome, LimitOutcome::kWritten);
}

TEST_F(DmemFilesBackendTest, WithEnforceOffNothingIsEverWritten) {
  options_.enforce = false;
  EXPECT_EQ(Backend().capability(), Capability::kWatching);
  const LimitState state = Apply({kContainer, kGpu0, 0, kGiB});
  EXPECT_EQ(state.outcome, LimitOutcome::kUnsupported);
  EXPECT_THAT(std::string(state.status.message()), HasSubstr("enforce: false"));
  EXPECT_THAT(kernel_.writes, IsEmpty());
}

TEST(DmemFilesOptionsTest, OptionsAreReadAndUnknownOnesRefused) {
  const auto options = ParseDmemFilesOptions(
      {{"enforce", "false"}, {"ignore_regions", "drm/0000:83 nv"}, {"sysfs_root", "/s"}});
  ASSERT_TRUE(options.ok());
  EXPECT_FALSE(options->enforce);
  EXPECT_THAT(options->ignore_regions, ElementsAre("drm/0000:83", "nv"));
  EXPECT_EQ(options->sysfs_root, "/s");
  EXPECT_TRUE(ParseDmemFilesOptions({})->enforce);
  EXPECT_THAT(std::string(ParseDmemFilesOptions({{"enforced", "1"}}).status().message()),
              HasSubstr("no option enforced"));
}

// In a tree of plain files, as demos and replays use it: the same, file by file.
TEST(DmemFilesPlainTreeTest, OnlyTheFilesOfTheCgroupsThatWereNamedChange) {
  const TempDirectory tree;
  tree.Write("dmem.capacity", std::string(kGpu0) + " 25769803776\n");
  tree.Write("dmem.current", std::string(kGpu0) + " 0\n");
  for (const std::string cgroup :
       {"", "kubepods/", "kubepods/pod1/", "kubepods/pod2/", "system/"}) {
    tree.Write(cgroup + "cgroup.subtree_control", "cpu memory\n");
    tree.Write(cgroup + "memory.max", "max\n");
    if (cgroup.empty()) continue;
    tree.Write(cgroup + "dmem.current", std::string(kGpu0) + " 1000\n");
    tree.Write(cgroup + "dmem.low", std::string(kGpu0) + " 0\n");
    tree.Write(cgroup + "dmem.max", std::string(kGpu0) + " max\n");
  }
  std::map<std::string, std::string> files = tree.Files();
  DmemFilesOptions options;
  options.cgroup_root = tree.path();
  DmemFilesBackend backend(options, MakeCgroupFiles(tree.path()));
  ASSERT_TRUE(backend.Scan().ok());
  EXPECT_EQ(backend.capability(), Capability::kEnforcing);
  EXPECT_EQ(tree.Files(), files);  // Looking changes nothing.
  ASSERT_TRUE(backend.Measure({"/kubepods/pod1"}).ok());
  backend.ReadBack({{"/kubepods/pod1", kGpu0, 5, 10000}});
  EXPECT_EQ(tree.Files(), files);

  const LimitState state = backend.Apply({{"/kubepods/pod1", kGpu0, 5, 10000}}).at(0);
  EXPECT_EQ(state.outcome, LimitOutcome::kWritten) << state.status;
  files["cgroup.subtree_control"] = "cpu memory dmem\n";
  files["kubepods/cgroup.subtree_control"] = "cpu memory dmem\n";
  files["kubepods/pod1/dmem.low"] = std::string(kGpu0) + " 5\n";
  files["kubepods/pod1/dmem.max"] = std::string(kGpu0) + " 10000\n";
  EXPECT_EQ(tree.Files(), files);
  EXPECT_EQ(backend.Apply({{"/kubepods/pod1", kGpu0, 5, 10000}}).at(0).outcome,
            LimitOutcome::kStands);
  EXPECT_EQ(tree.Files(), files);
}

TEST(DmemFilesPlainTreeTest, AnUnreadableTreeIsAnErrorAndNoMore) {
  DmemFilesOptions options;
  options.cgroup_root = "/nowhere";
  DmemFilesBackend backend(options, MakeCgroupFiles("/nowhere"));
  EXPECT_FALSE(backend.Scan().ok());
  const auto usage = backend.Measure({"/a"});
  ASSERT_TRUE(usage.ok());
  EXPECT_THAT(usage->gone_cgroups, ElementsAre("/a"));
  EXPECT_EQ(backend.Apply({{"/a", kGpu0, 0, 1}}).at(0).outcome, LimitOutcome::kUnsupported);
  EXPECT_EQ(backend.capability(), Capability::kBlind);
}

}  // namespace
}  // namespace dmem::client
