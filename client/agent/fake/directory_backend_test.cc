// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/fake/directory_backend.h"

#include <memory>
#include <string>
#include <vector>

#include "client/agent/dmem_files/cgroup_files.h"
#include "client/agent/testing/temp_directory.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dmem::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class DirectoryBackendTest : public ::testing::Test {
 protected:
  DirectoryBackendTest() {
    directory_.Write("devices/gpu0.json",
                     R"({"region": "fake/gpu0", "capacity_bytes": 1000, "reserved_bytes": 10,
                         "used_bytes": 60, "model": "Fake 1K", "uuid": "F-0",
                         "pci": "0000:01:00.0", "device_ids": ["F-0", "0"], "token": "1"})");
    directory_.Write("devices/gpu1.json", R"({"region": "fake/gpu1", "capacity_bytes": 2000})");
    directory_.Write("devices/README", "no device");
    directory_.Write("usage/pod1.json",
                     R"({"cgroups": [{"cgroup": "/pod1", "region": "fake/gpu0", "used_bytes": 50,
                                      "peak_bytes": 55}],
                         "processes": [{"pid": 42, "region": "fake/gpu0", "used_bytes": 50},
                                       {"pid": 43, "region": "fake/gpu1"}]})");
    directory_.Write("limits/.keep", "");
    directory_.Remove("limits/.keep");
    options_.directory = directory_.path();
  }
  DirectoryBackend& Backend() {
    if (backend_ == nullptr) backend_ = std::make_unique<DirectoryBackend>(options_, nullptr);
    return *backend_;
  }
  DeviceScan Scan() {
    auto scan = Backend().Scan();
    EXPECT_TRUE(scan.ok()) << scan.status();
    return scan.ok() ? *std::move(scan) : DeviceScan();
  }

  const TempDirectory directory_;
  DirectoryOptions options_;
  std::unique_ptr<DirectoryBackend> backend_;
};

TEST_F(DirectoryBackendTest, EachDeviceFileIsADevice) {
  const DeviceScan scan = Scan();
  EXPECT_THAT(scan.problems, IsEmpty());
  ASSERT_THAT(scan.devices, SizeIs(2));
  const Device& device = scan.devices[0];
  EXPECT_EQ(device.region, "fake/gpu0");
  EXPECT_EQ(device.capacity_bytes, 1000u);
  EXPECT_EQ(device.reserved_bytes, 10u);
  EXPECT_EQ(device.used_bytes, 60u);
  EXPECT_EQ(device.model, "Fake 1K");
  EXPECT_EQ(device.uuid, "F-0");
  EXPECT_EQ(device.pci, "0000:01:00.0");
  EXPECT_THAT(device.device_ids, ElementsAre("F-0", "0"));
  EXPECT_EQ(device.token, "1");
  EXPECT_FALSE(device.failed);
  EXPECT_EQ(scan.devices[1].reserved_bytes, std::nullopt);
}

TEST_F(DirectoryBackendTest, TheDirectoriesThatAreThereSayWhatTheNodeCanDo) {
  Scan();
  EXPECT_EQ(Backend().capability(), Capability::kEnforcing);
  directory_.Remove("limits");
  Scan();
  EXPECT_EQ(Backend().capability(), Capability::kWatching);
  directory_.Remove("usage");
  Scan();
  EXPECT_EQ(Backend().capability(), Capability::kBlind);
  EXPECT_FALSE(Backend().Measure({"/pod1"}).ok());
  directory_.Remove("devices");
  EXPECT_EQ(Backend().Scan().status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(DirectoryBackendTest, AHalfWrittenDeviceStaysAsItWasAndAVanishedOneHasFailed) {
  Scan();
  directory_.Write("devices/gpu0.json", R"({"region": "fake/gpu0", "capacity_by)");
  directory_.Remove("devices/gpu1.json");
  const DeviceScan scan = Scan();
  ASSERT_THAT(scan.problems, SizeIs(1));
  EXPECT_THAT(std::string(scan.problems[0].message()), HasSubstr("gpu0.json is not JSON"));
  ASSERT_THAT(scan.devices, SizeIs(2));
  EXPECT_EQ(scan.devices[0].capacity_bytes, 1000u);
  EXPECT_EQ(scan.devices[0].used_bytes, std::nullopt);
  EXPECT_FALSE(scan.devices[0].failed);
  EXPECT_TRUE(scan.devices[1].failed);
  EXPECT_THAT(scan.devices[1].failure, HasSubstr("gpu1.json is gone"));
}

TEST_F(DirectoryBackendTest, ADeviceSaysThatItHasFailed) {
  directory_.Write("devices/gpu1.json",
                   R"({"region": "fake/gpu1", "capacity_bytes": 2000, "failed": "fell off"})");
  const DeviceScan scan = Scan();
  EXPECT_TRUE(scan.devices[1].failed);
  EXPECT_EQ(scan.devices[1].failure, "fell off");
  const LimitState state = Backend().Apply({{"/pod1", "fake/gpu1", 0, 5}}).at(0);
  EXPECT_EQ(state.outcome, LimitOutcome::kFailed);
  EXPECT_EQ(state.status.message(), "fell off");
}

TEST_F(DirectoryBackendTest, AWrongDeviceIsAProblemThatNamesFileAndKey) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"[]", "is no JSON object"},
      {"{}", "region \"\""},
      {R"({"region": "a b"})", "region \"a b\""},
      {R"({"region": 5})", "a region that is no text"},
      {R"({"region": "x", "capacity_bytes": -1})", "a capacity_bytes that is no whole number"},
      {R"({"region": "x", "capacity_bytes": 1.5})", "a capacity_bytes that is no whole number"},
      {R"({"region": "x", "used_bytes": 9223372036854775808})", "a used_bytes"},
      {R"({"region": "x", "device_ids": "y"})", "device_ids is no list of texts"},
      {R"({"region": "x", "device_ids": [1]})", "device_ids is no list of texts"},
      {R"({"region": "x", "capacity": 5})", "unknown key capacity"},
      {R"({"region": "fake/gpu0"})", "the region fake/gpu0 a second time"},
  };
  for (const auto& [text, problem] : rows) {
    directory_.Write("devices/z.json", text);
    const DeviceScan scan = Scan();
    EXPECT_THAT(scan.devices, SizeIs(2)) << text;
    ASSERT_THAT(scan.problems, SizeIs(1)) << text;
    EXPECT_THAT(std::string(scan.problems[0].message()), HasSubstr(problem));
    EXPECT_THAT(std::string(scan.problems[0].message()), HasSubstr("z.json"));
  }
}

TEST_F(DirectoryBackendTest, ConfiguredMemoryWins) {
  options_.memory["fake/gpu0"] = {500, 20};
  const DeviceScan scan = Scan();
  EXPECT_EQ(scan.devices[0].capacity_bytes, 500u);
  EXPECT_EQ(scan.devices[0].reserved_bytes, 20u);
}

TEST_F(DirectoryBackendTest, WhatTheUsageFilesSayOfKnownDevicesIsMeasured) {
  directory_.Write("usage/other.json",
                   R"({"cgroups": [{"cgroup": "/pod1", "region": "other/x", "used_bytes": 5},
                                   {"cgroup": "/pod2", "region": "fake/gpu0", "used_bytes": 0}],
                       "processes": [{"pid": 44, "region": "other/x"}]})");
  Scan();
  const auto usage = Backend().Measure({"/pod1"});
  ASSERT_TRUE(usage.ok());
  EXPECT_THAT(usage->problems, IsEmpty());
  ASSERT_THAT(usage->cgroups, SizeIs(1));
  EXPECT_EQ(usage->cgroups[0].used_bytes, 50u);
  EXPECT_EQ(usage->cgroups[0].peak_bytes, 55u);
  ASSERT_THAT(usage->processes, SizeIs(2));
  EXPECT_EQ(usage->processes[0].pid, 42);
  EXPECT_EQ(usage->processes[1].used_bytes, std::nullopt);
  EXPECT_THAT(usage->listed_regions, ElementsAre("fake/gpu0", "fake/gpu1"));
}

TEST_F(DirectoryBackendTest, WhereACgroupThatNobodyAskedForUsesMemoryProcessesAreNotListed) {
  Scan();
  EXPECT_THAT(Backend().Measure({})->listed_regions, ElementsAre("fake/gpu1"));
  directory_.Write("usage/pod1.json",
                   R"({"cgroups": [{"cgroup": "/pod1", "region": "fake/gpu0", "used_bytes": 0}]})");
  EXPECT_THAT(Backend().Measure({})->listed_regions, ElementsAre("fake/gpu0", "fake/gpu1"));
}

TEST_F(DirectoryBackendTest, WhereAUsageFileIsTornNothingFollowsFromAnAbsence) {
  Scan();
  directory_.Write("usage/pod2.json", R"({"processes": [{"pid": 44, "reg)");
  auto usage = Backend().Measure({"/pod1"});
  EXPECT_THAT(usage->problems, SizeIs(1));
  EXPECT_THAT(usage->processes, SizeIs(2));
  EXPECT_THAT(usage->listed_regions, IsEmpty());

  directory_.Write("usage/pod2.json", R"({"processes": [{"pid": 42, "region": "fake/gpu0"}]})");
  usage = Backend().Measure({"/pod1"});
  ASSERT_THAT(usage->problems, SizeIs(1));
  EXPECT_THAT(std::string(usage->problems[0].message()),
              HasSubstr("has pid 42 in fake/gpu0 a second time"));
  EXPECT_THAT(usage->listed_regions, IsEmpty());
}

TEST_F(DirectoryBackendTest, WhereCgroupsAreCheckedTheOnesThatAreNotThereAreGone) {
  const TempDirectory tree;
  tree.Write("pod1/cgroup.procs", "");
  backend_ = std::make_unique<DirectoryBackend>(options_, MakeCgroupFiles(tree.path()));
  Scan();
  EXPECT_THAT(Backend().Measure({"/pod1", "/pod2"})->gone_cgroups, ElementsAre("/pod2"));
  EXPECT_EQ(Backend().Apply({{"/pod2", "fake/gpu0", 0, 5}}).at(0).outcome, LimitOutcome::kGone);
  EXPECT_EQ(Backend().Apply({{"/pod1", "fake/gpu0", 0, 5}}).at(0).outcome, LimitOutcome::kWritten);
}

TEST_F(DirectoryBackendTest, LimitsAreWrittenPerCgroupAndReadBack) {
  Scan();
  const Limit limit = {"/kubepods/pod1", "fake/gpu0", 5, 10};
  EXPECT_EQ(Backend().ReadBack({limit}).at(0).outcome, LimitOutcome::kDrifted);
  EXPECT_FALSE(directory_.Exists("limits/kubepods"));
  const LimitState state = Backend().Apply({limit}).at(0);
  EXPECT_EQ(state.outcome, LimitOutcome::kWritten) << state.status;
  EXPECT_EQ(state.max_bytes, 10u);
  EXPECT_EQ(Backend().Apply({limit}).at(0).outcome, LimitOutcome::kStands);
  EXPECT_EQ(Backend().Apply({{"/kubepods/pod1", "fake/gpu1", 0, 7}}).at(0).outcome,
            LimitOutcome::kWritten);
  EXPECT_EQ(directory_.Read("limits/kubepods/pod1/limits.json"),
            R"({
  "limits": [
    {
      "cgroup": "/kubepods/pod1",
      "low_bytes": 5,
      "max_bytes": 10,
      "region": "fake/gpu0"
    },
    {
      "cgroup": "/kubepods/pod1",
      "low_bytes": 0,
      "max_bytes": 7,
      "region": "fake/gpu1"
    }
  ]
}
)");
  directory_.Write("limits/kubepods/pod1/limits.json",
                   R"({"limits": [{"cgroup": "/kubepods/pod1", "region": "fake/gpu0"}]})");
  const LimitState drifted = Backend().ReadBack({limit}).at(0);
  EXPECT_EQ(drifted.outcome, LimitOutcome::kDrifted);
  EXPECT_EQ(drifted.status.message(),
            "/kubepods/pod1 has low 0 and max max for fake/gpu0, not low 5 and max 10");
}

TEST_F(DirectoryBackendTest, WithoutALimitNoneIsWritten) {
  Scan();
  EXPECT_EQ(Backend().Apply({{"/pod1", "fake/gpu0", 0, kNoLimit}}).at(0).outcome,
            LimitOutcome::kStands);
  EXPECT_FALSE(directory_.Exists("limits/pod1"));
}

TEST_F(DirectoryBackendTest, AWriteThatIsRefusedIsAnErrorOfThatLimit) {
  Scan();
  directory_.Write("limits/pod1", "in the way");
  const auto states =
      Backend().Apply({{"/pod1/c", "fake/gpu0", 0, 5}, {"/pod2", "fake/gpu0", 0, 5}});
  EXPECT_EQ(states[0].outcome, LimitOutcome::kFailed);
  EXPECT_FALSE(states[0].status.ok());
  EXPECT_EQ(states[1].outcome, LimitOutcome::kWritten);
}

TEST_F(DirectoryBackendTest, WithoutALimitsDirectoryOrWithEnforceOffLimitsAreUnsupported) {
  options_.enforce = false;
  Scan();
  EXPECT_EQ(Backend().capability(), Capability::kWatching);
  EXPECT_EQ(Backend().Apply({{"/pod1", "fake/gpu0", 0, 5}}).at(0).outcome,
            LimitOutcome::kUnsupported);
  options_.enforce = true;
  backend_ = nullptr;
  directory_.Remove("limits");
  Scan();
  EXPECT_EQ(Backend().Apply({{"/pod1", "fake/gpu0", 0, 5}}).at(0).outcome,
            LimitOutcome::kUnsupported);
  EXPECT_FALSE(directory_.Exists("limits"));
}

TEST_F(DirectoryBackendTest, PathsThatCouldLeaveTheDirectoryAndUnknownRegionsAreRefused) {
  Scan();
  EXPECT_EQ(Backend().Apply({{"/../../x", "fake/gpu0", 0, 5}}).at(0).outcome,
            LimitOutcome::kUnsupported);
  EXPECT_EQ(Backend().Apply({{"/pod1", "fake/gpu9", 0, 5}}).at(0).outcome,
            LimitOutcome::kUnsupported);
  EXPECT_TRUE(absl::IsInvalidArgument(Backend().Measure({"/a/.."}).status()));
}

}  // namespace
}  // namespace dmem::client
