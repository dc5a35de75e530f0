// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What NvmlBackend does with limits, on a driver that has them.

#include <memory>
#include <string>

#include "client/agent/dmem_files/cgroup_files.h"
#include "client/agent/nvml/nvml_backend.h"
#include "client/agent/nvml/testing/fake_nvml_file.h"
#include "client/agent/testing/temp_directory.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dmem::client {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

const char kGpu[] = "nvidia/GPU-a";
const char kNone[] = "18446744073709551615";  // NVML_DEVICE_MEMORY_LIMIT_MAX

class NvmlLimitsTest : public ::testing::Test {
 protected:
  NvmlLimitsTest() {
    file_.Set("driver 615.10\ngpu GPU-a name=H100 bus=3 total=10000\n");
    tree_.Write("cgroup.subtree_control", "cpu\n");
    tree_.Write("pod1/cgroup.subtree_control", "cpu\n");
    tree_.Write("pod1/c1/cgroup.procs", "");
    tree_.Write("pod2/cgroup.procs", "");
    options_.library = FakeNvmlFile::Library();
    options_.cgroup_root = tree_.path();
    options_.journal = run_.path() + "/agent/limits";
    Restart();
  }

  // As a new process of the agent.
  void Restart() {
    backend_ = nullptr;
    backend_ = std::make_unique<NvmlBackend>(options_, MakeCgroupFiles(tree_.path()));
    const auto scan = backend_->Scan();
    EXPECT_TRUE(scan.ok()) << scan.status();
  }
  LimitState Apply(const Limit& limit) { return backend_->Apply({limit}).at(0); }
  LimitState ReadBack(const Limit& limit) { return backend_->ReadBack({limit}).at(0); }
  std::string Set(const std::string& numbers, const std::string& cgroup) {
    return "GPU-a " + numbers + " " + tree_.path() + cgroup + "\n";
  }

  FakeNvmlFile file_;
  const TempDirectory tree_;
  const TempDirectory run_;
  NvmlOptions options_;
  std::unique_ptr<NvmlBackend> backend_;
};

TEST_F(NvmlLimitsTest, ANodeWithTheFunctionsEnforces) {
  EXPECT_EQ(backend_->capability(), Capability::kEnforcing);
}

TEST_F(NvmlLimitsTest, LowIsTheSoftLimitAndMaxTheHardOneAndWhatStandsIsNotSetAgain) {
  const Limit limit = {"/pod1/c1", kGpu, 2000, 8000};
  const LimitState state = Apply(limit);
  EXPECT_EQ(state.outcome, LimitOutcome::kWritten) << state.status;
  EXPECT_EQ(state.low_bytes, 2000u);
  EXPECT_EQ(state.max_bytes, 8000u);
  EXPECT_EQ(file_.TakeSets(), Set("2000 8000", "/pod1/c1"));
  EXPECT_EQ(Apply(limit).outcome, LimitOutcome::kStands);
  EXPECT_EQ(ReadBack(limit).outcome, LimitOutcome::kStands);
  EXPECT_EQ(file_.TakeSets(), "");
}

TEST_F(NvmlLimitsTest, ReadingBackSetsNothing) {
  const LimitState state = ReadBack({"/pod1/c1", kGpu, 2000, 8000});
  EXPECT_EQ(state.outcome, LimitOutcome::kDrifted);
  EXPECT_EQ(state.max_bytes, kNoLimit);
  EXPECT_EQ(file_.TakeSets(), "");
}

TEST_F(NvmlLimitsTest, NoLimitAndTheWholeDeviceAreTheSame) {
  EXPECT_EQ(Apply({"/pod1/c1", kGpu, 0, kNoLimit}).outcome, LimitOutcome::kStands);
  EXPECT_EQ(Apply({"/pod1/c1", kGpu, 0, 10000}).outcome, LimitOutcome::kStands);
  Apply({"/pod1/c1", kGpu, 2000, 8000});
  file_.TakeSets();
  EXPECT_EQ(Apply({"/pod1/c1", kGpu, 0, kNoLimit}).outcome, LimitOutcome::kWritten);
  EXPECT_EQ(file_.TakeSets(), Set(std::string("0 ") + kNone, "/pod1/c1"));
}

TEST_F(NvmlLimitsTest, WhatAnotherProgramSetIsLeftAlone) {
  file_.Add("limit GPU-a 1000 4000 0 " + tree_.path() + "/pod1/c1");
  const Limit limit = {"/pod1/c1", kGpu, 2000, 8000};
  const LimitState state = Apply(limit);
  EXPECT_EQ(state.outcome, LimitOutcome::kForeign);
  EXPECT_EQ(state.low_bytes, 1000u);
  EXPECT_EQ(state.max_bytes, 4000u);
  EXPECT_THAT(std::string(state.status.message()), HasSubstr("another program"));
  EXPECT_EQ(ReadBack(limit).outcome, LimitOutcome::kForeign);
  EXPECT_EQ(file_.TakeSets(), "");
  // Unless it is what is wanted anyway, or it is taken away.
  EXPECT_EQ(Apply({"/pod1/c1", kGpu, 1000, 4000}).outcome, LimitOutcome::kStands);
  file_.Replace("limit GPU-a 1000 4000 0 " + tree_.path() + "/pod1/c1\n", "");
  EXPECT_EQ(Apply(limit).outcome, LimitOutcome::kWritten);
}

TEST_F(NvmlLimitsTest, AProgramThatOverwritesOursIsAnotherWriter) {
  Apply({"/pod1/c1", kGpu, 2000, 8000});
  file_.Replace("limit GPU-a 2000 8000", "limit GPU-a 2000 9000");
  EXPECT_EQ(Apply({"/pod1/c1", kGpu, 2000, 8000}).outcome, LimitOutcome::kForeign);
}

TEST_F(NvmlLimitsTest, ALimitThatIsLostIsSetAgain) {
  Apply({"/pod1/c1", kGpu, 2000, 8000});
  file_.Replace("limit GPU-a 2000 8000", std::string("limit GPU-a 0 ") + kNone);
  EXPECT_EQ(Apply({"/pod1/c1", kGpu, 2000, 8000}).outcome, LimitOutcome::kWritten);
}

TEST_F(NvmlLimitsTest, ARestartedAgentKnowsItsOwn) {
  Apply({"/pod1/c1", kGpu, 2000, 8000});
  Restart();
  EXPECT_EQ(Apply({"/pod1/c1", kGpu, 2000, 9000}).outcome, LimitOutcome::kWritten);
  // Also one that died between writing down what it would set and setting it.
  file_.Replace("limit GPU-a 2000 9000", "limit GPU-a 2000 8000");
  Restart();
  EXPECT_EQ(Apply({"/pod1/c1", kGpu, 3000, 7000}).outcome, LimitOutcome::kWritten);
  // Without its journal it leaves alone what it cannot know.
  run_.Remove("agent/limits");
  Restart();
  EXPECT_EQ(Apply({"/pod1/c1", kGpu, 2000, 5000}).outcome, LimitOutcome::kForeign);
}

TEST_F(NvmlLimitsTest, AJournalThatCannotBeWrittenIsSaidAndLimitsAreSetAllTheSame) {
  run_.Write("file", "");
  options_.journal = run_.path() + "/file/limits";
  Restart();
  EXPECT_EQ(Apply({"/pod1/c1", kGpu, 2000, 8000}).outcome, LimitOutcome::kWritten);
  EXPECT_EQ(Apply({"/pod1/c1", kGpu, 2000, 9000}).outcome, LimitOutcome::kWritten);
  const auto scan = backend_->Scan();
  ASSERT_THAT(scan->problems, SizeIs(1));
  EXPECT_THAT(std::string(scan->problems[0].message()), HasSubstr("file/limits"));
}

TEST_F(NvmlLimitsTest, ALimitOfOursAboveACgroupIsNotAnotherWriters) {
  Apply({"/pod1", kGpu, 2000, 8000});
  file_.TakeSets();
  // The container reads as its pod: a driver without the kernel's controller says so.
  EXPECT_EQ(Apply({"/pod1/c1", kGpu, 1000, 4000}).outcome, LimitOutcome::kWritten);
  EXPECT_EQ(file_.TakeSets(), Set("1000 4000", "/pod1/c1"));
}

TEST_F(NvmlLimitsTest, AForeignLimitAboveACgroupIsAnotherWriters) {
  file_.Add("limit GPU-a 1000 4000 0 " + tree_.path() + "/pod1");
  EXPECT_EQ(Apply({"/pod1/c1", kGpu, 500, 2000}).outcome, LimitOutcome::kForeign);
}

TEST_F(NvmlLimitsTest, TheDriversUsageCountsOnlyWhereOurLimitStands) {
  Apply({"/pod1", kGpu, 2000, 8000});
  file_.Replace("limit GPU-a 2000 8000 0", "limit GPU-a 2000 8000 777");
  const auto usage = backend_->Measure({"/pod1", "/pod1/c1", "/pod2"});
  ASSERT_TRUE(usage.ok());
  ASSERT_THAT(usage->cgroups, SizeIs(1));  // /pod1/c1 would read as its pod.
  EXPECT_EQ(usage->cgroups[0].cgroup, "/pod1");
  EXPECT_EQ(usage->cgroups[0].region, kGpu);
  EXPECT_EQ(usage->cgroups[0].used_bytes, 777u);
}

TEST_F(NvmlLimitsTest, WhatTheDriverRoundsIsDriftAndIsNotSetOverAndOver) {
  file_.Add("round 4096");
  const Limit limit = {"/pod1/c1", kGpu, 2000, 8000};
  const LimitState state = Apply(limit);
  EXPECT_EQ(state.outcome, LimitOutcome::kDrifted);
  EXPECT_EQ(state.max_bytes, 8192u);
  file_.TakeSets();
  EXPECT_EQ(Apply(limit).outcome, LimitOutcome::kDrifted);
  EXPECT_EQ(file_.TakeSets(), "");
  // It is ours, and another one replaces it.
  EXPECT_EQ(Apply({"/pod1/c1", kGpu, 2000, 4096}).outcome, LimitOutcome::kWritten);
}

TEST_F(NvmlLimitsTest, MigDevicesAreNeverLimited) {
  file_.Set("gpu GPU-a total=10000 mig=1\nmig GPU-a MIG-1 gi=1 total=5000\n");
  ASSERT_TRUE(backend_->Scan().ok());
  EXPECT_EQ(backend_->capability(), Capability::kWatching);
  const LimitState state = Apply({"/pod1/c1", "nvidia/MIG-1", 0, 1000});
  EXPECT_EQ(state.outcome, LimitOutcome::kUnsupported);
  EXPECT_THAT(std::string(state.status.message()), HasSubstr("MIG"));
  EXPECT_EQ(file_.TakeSets(), "");
}

TEST_F(NvmlLimitsTest, ADeviceThatCannotBeLimitedAfterAllIsWatched) {
  file_.Add("fault nvmlDeviceSetMemoryLimits_v1 3");
  EXPECT_EQ(Apply({"/pod1/c1", kGpu, 0, 1000}).outcome, LimitOutcome::kUnsupported);
  EXPECT_EQ(backend_->capability(), Capability::kWatching);
  file_.TakeSets();
  EXPECT_EQ(Apply({"/pod1/c1", kGpu, 0, 1000}).outcome, LimitOutcome::kUnsupported);
  EXPECT_EQ(file_.TakeSets(), "");  // Not asked again.
  ASSERT_TRUE(backend_->Scan().ok());
  EXPECT_EQ(backend_->capability(), Capability::kWatching);
}

TEST_F(NvmlLimitsTest, WithoutPermissionTheNodeOnlyWatchesUntilOneIsSet) {
  file_.Add("fault nvmlDeviceSetMemoryLimits_v1 4");
  const LimitState state = Apply({"/pod1/c1", kGpu, 0, 1000});
  EXPECT_EQ(state.outcome, LimitOutcome::kFailed);
  EXPECT_TRUE(absl::IsPermissionDenied(state.status));
  EXPECT_EQ(backend_->capability(), Capability::kWatching);
  ASSERT_TRUE(backend_->Scan().ok());
  EXPECT_EQ(backend_->capability(), Capability::kWatching);
  file_.Replace("fault nvmlDeviceSetMemoryLimits_v1 4\n", "");
  EXPECT_EQ(Apply({"/pod1/c1", kGpu, 0, 1000}).outcome, LimitOutcome::kWritten);
  EXPECT_EQ(backend_->capability(), Capability::kEnforcing);
}

TEST_F(NvmlLimitsTest, ABoardThatIsLostMeanwhileHasFailed) {
  file_.Add("lost GPU-a");
  const LimitState state = Apply({"/pod1/c1", kGpu, 0, 1000});
  EXPECT_EQ(state.outcome, LimitOutcome::kFailed);
  EXPECT_THAT(std::string(state.status.message()), HasSubstr("GPU is lost"));
  EXPECT_EQ(backend_->capability(), Capability::kBlind);
  EXPECT_EQ(Apply({"/pod1/c1", kGpu, 0, 1000}).outcome, LimitOutcome::kFailed);
}

TEST_F(NvmlLimitsTest, ACgroupThatIsGoneAndTheRootAndUnknownRegionsTakeNone) {
  EXPECT_EQ(Apply({"/pod9", kGpu, 0, 1000}).outcome, LimitOutcome::kGone);
  EXPECT_EQ(Apply({"/", kGpu, 0, 1000}).outcome, LimitOutcome::kUnsupported);
  EXPECT_EQ(Apply({"/pod1", "nvidia/GPU-z", 0, 1000}).outcome, LimitOutcome::kUnsupported);
  EXPECT_EQ(Apply({"/pod1/../pod2", kGpu, 0, 1000}).outcome, LimitOutcome::kUnsupported);
  EXPECT_EQ(file_.TakeSets(), "");
}

TEST_F(NvmlLimitsTest, WithEnforceOffNothingIsSet) {
  options_.enforce = false;
  Restart();
  EXPECT_EQ(backend_->capability(), Capability::kWatching);
  const LimitState state = Apply({"/pod1/c1", kGpu, 0, 1000});
  EXPECT_EQ(state.outcome, LimitOutcome::kUnsupported);
  EXPECT_THAT(std::string(state.status.message()), HasSubstr("enforce: false"));
  EXPECT_EQ(file_.TakeSets(), "");
}

// With the kernel's controller a cgroup needs its files. In this tree of plain files +dmem makes
// none, so the container has them already, and the pod never will.
TEST_F(NvmlLimitsTest, OnTheKernelsControllerDmemIsEnabledFirst) {
  file_.Add("dmem");
  const LimitState state = Apply({"/pod1/c1", kGpu, 0, 1000});
  EXPECT_EQ(state.outcome, LimitOutcome::kFailed);
  EXPECT_TRUE(absl::IsNotFound(state.status)) << state.status;
  EXPECT_EQ(tree_.Read("cgroup.subtree_control"), "cpu dmem\n");
  EXPECT_EQ(tree_.Read("pod1/cgroup.subtree_control"), "cpu dmem\n");
  EXPECT_EQ(file_.TakeSets(), "");

  tree_.Write("pod1/c1/dmem.max", "");
  EXPECT_EQ(Apply({"/pod1/c1", kGpu, 0, 1000}).outcome, LimitOutcome::kWritten);
}

}  // namespace
}  // namespace dmem::client
