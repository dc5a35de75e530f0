// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/device_backend.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace dmem::client {
namespace {

Device With(Capability capability, bool failed = false) {
  Device device;
  device.capability = capability;
  device.failed = failed;
  return device;
}

TEST(DeviceBackendTest, ANodeIsAsCapableAsItsLeastCapableDeviceThatWorks) {
  EXPECT_EQ(CapabilityOf({}), Capability::kBlind);
  EXPECT_EQ(CapabilityOf({With(Capability::kEnforcing)}), Capability::kEnforcing);
  EXPECT_EQ(CapabilityOf({With(Capability::kEnforcing), With(Capability::kWatching)}),
            Capability::kWatching);
  EXPECT_EQ(CapabilityOf({With(Capability::kEnforcing), With(Capability::kBlind, true)}),
            Capability::kEnforcing);
  EXPECT_EQ(CapabilityOf({With(Capability::kEnforcing, true)}), Capability::kBlind);
}

TEST(DeviceBackendTest, CgroupPathsThatCouldLeaveTheRootAreRefused) {
  for (const char* good : {"/", "/a", "/kubepods.slice/a b/x.scope", "/..a/b.."}) {
    EXPECT_TRUE(CheckCgroupPath(good).ok()) << good;
  }
  EXPECT_TRUE(CheckCgroupPath("/" + std::string(3999, 'a')).ok());
  for (const std::string& bad :
       std::vector<std::string>{"", "a", "a/b", "/a/", "//", "/a//b", "/..", "/a/../b", "/./a",
                                std::string("/a\0b", 4), "/" + std::string(4000, 'a')}) {
    EXPECT_EQ(CheckCgroupPath(bad).code(), absl::StatusCode::kInvalidArgument) << bad;
  }
}

TEST(DeviceBackendTest, RegionsThatDmemdCouldNotNameAreRefused) {
  for (const char* good : {"drm/0000:03:00.0/vram0", "nvidia/GPU-1", "x"}) {
    EXPECT_TRUE(CheckDeviceRegion(good).ok()) << good;
  }
  EXPECT_TRUE(CheckDeviceRegion(std::string(200, 'r')).ok());
  for (const std::string& bad : std::vector<std::string>{"", "a b", "a\tb", "a@1", "gr\xc3\xbc",
                                                         "a\n", std::string(201, 'r')}) {
    EXPECT_EQ(CheckDeviceRegion(bad).code(), absl::StatusCode::kInvalidArgument) << bad;
  }
}

TEST(DeviceBackendTest, CapabilitiesAndOutcomesHaveNames) {
  EXPECT_EQ(CapabilityName(Capability::kBlind), "BLIND");
  EXPECT_EQ(CapabilityName(Capability::kWatching), "WATCHING");
  EXPECT_EQ(CapabilityName(Capability::kEnforcing), "ENFORCING");
  EXPECT_EQ(LimitOutcomeName(LimitOutcome::kStands), "stands");
  EXPECT_EQ(LimitOutcomeName(LimitOutcome::kWritten), "written");
  EXPECT_EQ(LimitOutcomeName(LimitOutcome::kDrifted), "drifted");
  EXPECT_EQ(LimitOutcomeName(LimitOutcome::kForeign), "foreign");
  EXPECT_EQ(LimitOutcomeName(LimitOutcome::kUnsupported), "unsupported");
  EXPECT_EQ(LimitOutcomeName(LimitOutcome::kGone), "gone");
  EXPECT_EQ(LimitOutcomeName(LimitOutcome::kFailed), "failed");
}

}  // namespace
}  // namespace dmem::client
