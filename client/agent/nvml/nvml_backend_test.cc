// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/nvml/nvml_backend.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "client/agent/dmem_files/cgroup_files.h"
#include "client/agent/nvml/testing/fake_nvml_file.h"
#include "client/agent/testing/temp_directory.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dmem::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Two boards; what limits do is in nvml_limits_test.
class NvmlBackendTest : public ::testing::Test {
 protected:
  NvmlBackendTest() {
    file_.Set(
        "driver 615.10\n"
        "gpu GPU-b name=H100 bus=131 total=1000 reserved=100 used=250\n"
        "gpu GPU-a name=H100 bus=3 total=2000 reserved=100 used=0\n");
    tree_.Write("pod1/cgroup.procs", "");
    options_.library = FakeNvmlFile::LibraryWithoutLimits();
    options_.cgroup_root = tree_.path();
    options_.journal = "";
  }

  NvmlBackend& Backend() {
    if (backend_ == nullptr) {
      backend_ = std::make_unique<NvmlBackend>(options_, MakeCgroupFiles(tree_.path()));
    }
    return *backend_;
  }
  DeviceScan Scan() {
    auto scan = Backend().Scan();
    EXPECT_TRUE(scan.ok()) << scan.status();
    return scan.ok() ? *std::move(scan) : DeviceScan();
  }
  Usage Measure(const std::vector<std::string>& cgroups = {}) {
    auto usage = Backend().Measure(cgroups);
    EXPECT_TRUE(usage.ok()) << usage.status();
    return usage.ok() ? *std::move(usage) : Usage();
  }
  // The devices by region; a failure is in brackets after it.
  static std::vector<std::string> Names(const DeviceScan& scan) {
    std::vector<std::string> names;
    for (const Device& device : scan.devices) {
      names.push_back(device.failed ? device.region + " [" + device.failure + "]" : device.region);
    }
    return names;
  }

  FakeNvmlFile file_;
  const TempDirectory tree_;
  NvmlOptions options_;
  std::unique_ptr<NvmlBackend> backend_;
};

TEST_F(NvmlBackendTest, EveryBoardIsADevice) {
  const DeviceScan scan = Scan();
  EXPECT_THAT(scan.problems, IsEmpty());
  ASSERT_THAT(Names(scan), ElementsAre("nvidia/GPU-a", "nvidia/GPU-b"));
  const Device& device = scan.devices[1];
  EXPECT_EQ(device.capacity_bytes, 1000u);
  EXPECT_EQ(device.reserved_bytes, 100u);
  EXPECT_EQ(device.used_bytes, 350u);
  EXPECT_EQ(device.model, "H100");
  EXPECT_EQ(device.uuid, "GPU-b");
  EXPECT_EQ(device.pci, "0000:83:00.0");
  EXPECT_THAT(device.device_ids, ElementsAre("GPU-b", "0000:83:00.0"));
  EXPECT_EQ(device.token, "0000:83:00.0/615.10");
  EXPECT_EQ(device.capability, Capability::kWatching);
  EXPECT_EQ(Backend().capability(), Capability::kWatching);
}

TEST_F(NvmlBackendTest, AnotherDriverIsAnotherToken) {
  const std::string before = Scan().devices[0].token;
  EXPECT_EQ(Scan().devices[0].token, before);
  file_.Replace("driver 615.10", "driver 616.2");
  EXPECT_NE(Scan().devices[0].token, before);
}

TEST_F(NvmlBackendTest, WithoutTheDriverTheNodeIsBlindUntilItIsLoaded) {
  options_.library = "libnot-there.so.1";
  NvmlBackend missing(options_, MakeCgroupFiles(tree_.path()));
  EXPECT_TRUE(absl::IsUnavailable(missing.Scan().status()));
  EXPECT_FALSE(missing.Measure({}).ok());
  EXPECT_EQ(missing.capability(), Capability::kBlind);

  options_.library = FakeNvmlFile::LibraryWithoutLimits();
  file_.Add("fault nvmlInit_v2 9");
  EXPECT_EQ(Backend().Scan().status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Backend().capability(), Capability::kBlind);
  file_.Replace("fault nvmlInit_v2 9\n", "");
  EXPECT_THAT(Scan().devices, SizeIs(2));
}

TEST_F(NvmlBackendTest, ADriverThatIsReplacedUnderTheLibraryKeepsWhatIsKnownAndIsLoadedAnew) {
  Scan();
  file_.Add("fault nvmlDeviceGetCount_v2 18");  // Library and driver differ.
  EXPECT_FALSE(Backend().Scan().ok());
  file_.Replace("fault nvmlDeviceGetCount_v2 18\n", "");
  EXPECT_THAT(Names(Scan()), ElementsAre("nvidia/GPU-a", "nvidia/GPU-b"));
  EXPECT_THAT(Measure().listed_regions, SizeIs(2));
}

TEST_F(NvmlBackendTest, ADeviceThatReportsNoMemoryTakesItFromTheConfiguration) {
  file_.Add("fault nvmlDeviceGetMemoryInfo_v2 3");
  file_.Add("fault nvmlDeviceGetMemoryInfo 3");
  DeviceScan scan = Scan();
  EXPECT_EQ(scan.devices[0].capacity_bytes, 0u);
  ASSERT_THAT(scan.problems, SizeIs(2));
  EXPECT_THAT(std::string(scan.problems[0].message()), HasSubstr("reports no memory"));

  options_.memory["nvidia/GPU-a"] = {5000, 50};
  options_.memory["nvidia/GPU-b"] = {6000, std::nullopt};
  backend_ = nullptr;
  scan = Scan();
  EXPECT_THAT(scan.problems, IsEmpty());
  EXPECT_EQ(scan.devices[0].capacity_bytes, 5000u);
  EXPECT_EQ(scan.devices[0].reserved_bytes, 50u);
  EXPECT_EQ(scan.devices[0].used_bytes, std::nullopt);
  EXPECT_EQ(scan.devices[1].capacity_bytes, 6000u);
}

TEST_F(NvmlBackendTest, AnErrorInPassingKeepsWhatIsKnown) {
  Scan();
  file_.Add("fault nvmlDeviceGetMemoryInfo_v2 999");
  DeviceScan scan = Scan();
  EXPECT_EQ(scan.devices[0].capacity_bytes, 2000u);
  EXPECT_EQ(scan.devices[0].used_bytes, std::nullopt);
  EXPECT_FALSE(scan.devices[0].failed);
  EXPECT_THAT(scan.problems, SizeIs(2));

  file_.Replace("GetMemoryInfo_v2 999", "GetUUID 999");
  scan = Scan();
  EXPECT_THAT(Names(scan), ElementsAre("nvidia/GPU-a", "nvidia/GPU-b"));
  EXPECT_EQ(scan.devices[0].capacity_bytes, 2000u);
}

TEST_F(NvmlBackendTest, ALostBoardHasFailedAndTheOthersGoOn) {
  Scan();
  file_.Add("lost GPU-b");
  file_.Add("process GPU-a 7 5 compute");
  // Noticed while measuring ...
  const Usage usage = Measure();
  EXPECT_THAT(usage.listed_regions, ElementsAre("nvidia/GPU-a"));
  EXPECT_THAT(usage.problems, SizeIs(1));
  EXPECT_THAT(usage.processes, SizeIs(1));
  // ... and said by every Scan from then on, with what was known.
  for (int i = 0; i < 2; ++i) {
    const DeviceScan scan = Scan();
    ASSERT_THAT(Names(scan),
                ElementsAre("nvidia/GPU-a",
                            "nvidia/GPU-b [nvmlDeviceGetHandleByIndex_v2: GPU is lost (15)]"));
    EXPECT_EQ(scan.devices[1].capacity_bytes, 1000u);
    EXPECT_EQ(scan.devices[1].used_bytes, std::nullopt);
  }
  EXPECT_EQ(Backend().capability(), Capability::kWatching);

  file_.Replace("lost GPU-b\n", "");  // It was reset.
  EXPECT_THAT(Names(Scan()), ElementsAre("nvidia/GPU-a", "nvidia/GPU-b"));
  EXPECT_THAT(Measure().listed_regions, SizeIs(2));
}

TEST_F(NvmlBackendTest, ABoardThatFellOffTheBusHasFailedAlthoughTheDriverForgetsIt) {
  Scan();
  file_.Set("driver 615.10\ngpu GPU-a name=H100 bus=3 total=2000\n");
  EXPECT_THAT(Names(Scan()),
              ElementsAre("nvidia/GPU-a", "nvidia/GPU-b [the driver no longer lists it]"));
}

TEST_F(NvmlBackendTest, AllBoardsLostIsNoCapability) {
  Scan();
  file_.Add("lost GPU-a");
  file_.Add("lost GPU-b");
  EXPECT_THAT(Scan().devices, SizeIs(2));
  EXPECT_EQ(Backend().capability(), Capability::kBlind);
}

TEST_F(NvmlBackendTest, EachProcessOnEachDeviceIsMeasured) {
  file_.Add("process GPU-a 42 70 compute");
  file_.Add("process GPU-b 42 30 compute");
  file_.Add("process GPU-b 43 na graphics");
  Scan();
  const Usage usage = Measure({"/pod1", "/gone"});
  ASSERT_THAT(usage.processes, SizeIs(3));
  EXPECT_EQ(usage.processes[0].region, "nvidia/GPU-a");
  EXPECT_EQ(usage.processes[0].pid, 42);
  EXPECT_EQ(usage.processes[0].used_bytes, 70u);
  EXPECT_EQ(usage.processes[1].used_bytes, 30u);
  EXPECT_EQ(usage.processes[2].pid, 43);
  EXPECT_EQ(usage.processes[2].used_bytes, std::nullopt);
  EXPECT_THAT(usage.listed_regions, ElementsAre("nvidia/GPU-a", "nvidia/GPU-b"));
  EXPECT_THAT(usage.cgroups, IsEmpty());
  EXPECT_THAT(usage.gone_cgroups, ElementsAre("/gone"));
}

TEST_F(NvmlBackendTest, WithoutProcessesADeviceIsBlindAndNothingFollowsFromAnAbsence) {
  file_.Add("fault nvmlDeviceGetComputeRunningProcesses_v3 3");
  const DeviceScan scan = Scan();
  EXPECT_EQ(scan.devices[0].capability, Capability::kBlind);
  EXPECT_EQ(Backend().capability(), Capability::kBlind);
  EXPECT_THAT(scan.problems, SizeIs(2));
  EXPECT_THAT(Measure().listed_regions, IsEmpty());
}

TEST_F(NvmlBackendTest, GpuInstancesAreDevicesAndTheirBoardIsNot) {
  file_.Set(
      "driver 615.10\n"
      "gpu GPU-a name=A100 bus=3 total=2000 mig=1\n"
      "mig GPU-a MIG-1 gi=1 total=500 used=5\n"
      "mig GPU-a MIG-2 gi=2 total=1000 used=30\n"
      "mig GPU-a MIG-3 gi=2 total=1000 used=30\n"
      "process MIG-2 42 10 compute\n"
      "process MIG-3 43 20 compute\n"
      "process MIG-3 42 1 compute\n");
  const DeviceScan scan = Scan();
  ASSERT_THAT(Names(scan), ElementsAre("nvidia/MIG-1", "nvidia/MIG-2"));
  // Two compute instances share the memory of GPU instance 2.
  EXPECT_EQ(scan.devices[1].capacity_bytes, 1000u);
  EXPECT_EQ(scan.devices[1].used_bytes, 30u);
  EXPECT_THAT(scan.devices[1].device_ids, ElementsAre("MIG-2", "MIG-3"));
  const Usage usage = Measure();
  ASSERT_THAT(usage.processes, SizeIs(2));
  EXPECT_EQ(usage.processes[0].region, "nvidia/MIG-2");
  EXPECT_EQ(usage.processes[0].used_bytes, 11u);
  EXPECT_EQ(usage.processes[1].used_bytes, 20u);
}

TEST_F(NvmlBackendTest, AnInstanceThatIsRemovedIsNoDeviceAnyMoreAndHasNotFailed) {
  file_.Set(
      "gpu GPU-a total=2000 mig=1\nmig GPU-a MIG-1 gi=1 total=500\nmig GPU-a MIG-2 gi=2 total=5\n");
  EXPECT_THAT(Names(Scan()), ElementsAre("nvidia/MIG-1", "nvidia/MIG-2"));
  file_.Replace("mig GPU-a MIG-2 gi=2 total=5\n", "");
  EXPECT_THAT(Names(Scan()), ElementsAre("nvidia/MIG-1"));
  file_.Set("gpu GPU-a total=2000 mig=0\n");  // MIG is turned off.
  EXPECT_THAT(Names(Scan()), ElementsAre("nvidia/GPU-a"));
  file_.Set("gpu GPU-a total=2000 mig=1\n");  // And on again, with nothing cut yet.
  EXPECT_THAT(Names(Scan()), IsEmpty());
}

TEST_F(NvmlBackendTest, TheInstancesOfALostBoardHaveFailed) {
  file_.Set("gpu GPU-a total=2000 mig=1\nmig GPU-a MIG-1 gi=1 total=500\n");
  Scan();
  file_.Add("lost GPU-a");
  const DeviceScan scan = Scan();
  ASSERT_THAT(scan.devices, SizeIs(1));
  EXPECT_TRUE(scan.devices[0].failed);
  EXPECT_EQ(scan.devices[0].region, "nvidia/MIG-1");
}

TEST_F(NvmlBackendTest, AnOldDriverIsWatched) {
  options_.library = FakeNvmlFile::OldLibrary();
  file_.Add("process GPU-a 42 70 compute");
  EXPECT_EQ(Scan().devices[0].reserved_bytes, std::nullopt);
  EXPECT_EQ(Backend().capability(), Capability::kWatching);
  EXPECT_THAT(Measure().processes, SizeIs(1));
}

TEST_F(NvmlBackendTest, WithoutTheLimitFunctionsLimitsAreUnsupportedAndNoLimitStands) {
  Scan();
  const LimitState state = Backend().Apply({{"/pod1", "nvidia/GPU-a", 0, 500}}).at(0);
  EXPECT_EQ(state.outcome, LimitOutcome::kUnsupported);
  EXPECT_THAT(std::string(state.status.message()), HasSubstr("R615"));
  EXPECT_EQ(Backend().Apply({{"/pod1", "nvidia/GPU-a", 0, kNoLimit}}).at(0).outcome,
            LimitOutcome::kStands);
}

TEST_F(NvmlBackendTest, PathsThatCouldLeaveTheTreeAreRefused) {
  Scan();
  EXPECT_TRUE(absl::IsInvalidArgument(Backend().Measure({"/pod1/../.."}).status()));
}

TEST(NvmlOptionsTest, OptionsAreReadAndUnknownOnesRefused) {
  const auto options = ParseNvmlOptions(
      {{"enforce", "false"}, {"library", "/opt/libnvidia-ml.so.1"}, {"journal", "/run/j"}});
  ASSERT_TRUE(options.ok());
  EXPECT_FALSE(options->enforce);
  EXPECT_EQ(options->library, "/opt/libnvidia-ml.so.1");
  EXPECT_EQ(options->journal, "/run/j");
  EXPECT_EQ(ParseNvmlOptions({})->library, "libnvidia-ml.so.1");
  EXPECT_TRUE(absl::IsInvalidArgument(ParseNvmlOptions({{"journal", "j"}}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ParseNvmlOptions({{"lib", "j"}}).status()));
}

}  // namespace
}  // namespace dmem::client
