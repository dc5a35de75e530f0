// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/fake/script_backend.h"

#include <memory>
#include <string>

#include "client/agent/testing/temp_directory.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dmem::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A script that prints what the test has put into a file named after the verb, and keeps what it
// was given and which verbs it was called with.
class ScriptBackendTest : public ::testing::Test {
 protected:
  ScriptBackendTest() {
    directory_.Write("script",
                     "cd \"$1\" && echo \"$2\" >> verbs && cat > \"$2.in\" && cat \"$2\"\n");
    Prints("scan",
           R"({"capability": "enforcing",
               "devices": [{"region": "npu/1", "capacity_bytes": 2000},
                           {"region": "npu/0", "capacity_bytes": 1000, "used_bytes": 7}]})");
    options_.command = {"/bin/sh", directory_.path() + "/script", directory_.path()};
    options_.timeout = absl::Seconds(60);
  }
  void Prints(const std::string& verb, const std::string& text) { directory_.Write(verb, text); }
  ScriptBackend& Backend() {
    if (backend_ == nullptr) backend_ = std::make_unique<ScriptBackend>(options_);
    return *backend_;
  }
  DeviceScan Scan() {
    auto scan = Backend().Scan();
    EXPECT_TRUE(scan.ok()) << scan.status();
    return scan.ok() ? *std::move(scan) : DeviceScan();
  }

  const TempDirectory directory_;
  ScriptOptions options_;
  std::unique_ptr<ScriptBackend> backend_;
};

TEST_F(ScriptBackendTest, TheDevicesAndTheCapabilityAreWhatTheScriptSays) {
  options_.memory["npu/1"].reserved_bytes = 50;
  const DeviceScan scan = Scan();
  ASSERT_THAT(scan.devices, SizeIs(2));
  EXPECT_EQ(scan.devices[0].region, "npu/0");
  EXPECT_EQ(scan.devices[0].used_bytes, 7u);
  EXPECT_EQ(scan.devices[1].reserved_bytes, 50u);
  EXPECT_EQ(Backend().capability(), Capability::kEnforcing);
  EXPECT_EQ(directory_.Read("scan.in"), "{}\n");

  Prints("scan", R"({"devices": [{"region": "npu/0"}], "problems": ["npu/1 is busy"]})");
  EXPECT_THAT(Scan().problems, ElementsAre(absl::UnavailableError("npu/1 is busy")));
  EXPECT_EQ(Backend().capability(), Capability::kWatching);
  Prints("scan", R"({"capability": "blind", "devices": [{"region": "npu/0"}]})");
  Scan();
  EXPECT_EQ(Backend().capability(), Capability::kBlind);
}

TEST_F(ScriptBackendTest, AScanThatFailsKeepsTheDevices) {
  Scan();
  for (const std::string wrong : {"", "no JSON", "[]", "{}", R"({"devices": 5})",
                                  R"({"capability": "all", "devices": []})"}) {
    Prints("scan", wrong);
    EXPECT_TRUE(absl::IsUnavailable(Backend().Scan().status())) << wrong;
  }
  directory_.Remove("scan");
  EXPECT_THAT(std::string(Backend().Scan().status().message()), HasSubstr("ended with status 1"));
  EXPECT_EQ(Backend().capability(), Capability::kEnforcing);
  Prints("measure", "{}");
  EXPECT_TRUE(Backend().Measure({}).ok());
}

TEST_F(ScriptBackendTest, AWrongDeviceIsAProblemAndTheOthersAreThere) {
  Prints("scan", R"({"devices": [{"region": "a b"}, {"region": "npu/0"}, {"region": "npu/0"}]})");
  const DeviceScan scan = Scan();
  EXPECT_THAT(scan.devices, SizeIs(1));
  EXPECT_THAT(scan.problems, SizeIs(2));
}

TEST_F(ScriptBackendTest, TheScriptIsToldTheCgroupsAndOnlyThoseAndItsDevicesCount) {
  Scan();
  Prints("measure",
         R"({"cgroups": [{"cgroup": "/a", "region": "npu/0", "used_bytes": 5},
                         {"cgroup": "/a", "region": "npu/0", "used_bytes": 6},
                         {"cgroup": "/b", "region": "npu/0", "used_bytes": 5},
                         {"cgroup": "/a", "region": "npu/7", "used_bytes": 5}],
             "processes": [{"pid": 42, "region": "npu/0"}, {"pid": 42, "region": "npu/7"}],
             "listed_regions": ["npu/0", "npu/7"], "gone_cgroups": ["/c", "/d"],
             "problems": ["slow"]})");
  const auto usage = Backend().Measure({"/a", "/c"});
  ASSERT_TRUE(usage.ok()) << usage.status();
  EXPECT_EQ(directory_.Read("measure.in"), "{\"cgroups\":[\"/a\",\"/c\"]}\n");
  ASSERT_THAT(usage->cgroups, SizeIs(1));
  EXPECT_EQ(usage->cgroups[0].used_bytes, 5u);
  EXPECT_THAT(usage->processes, SizeIs(1));
  EXPECT_THAT(usage->listed_regions, ElementsAre("npu/0"));
  EXPECT_THAT(usage->gone_cgroups, ElementsAre("/c"));
  EXPECT_THAT(usage->problems, ElementsAre(absl::UnavailableError("slow")));
}

TEST_F(ScriptBackendTest, AnEntryThatIsWrongTakesAwayTheCertaintyOfTheList) {
  Scan();
  Prints("measure",
         R"({"processes": [{"pid": 0, "region": "npu/0"}], "listed_regions": ["npu/0"]})");
  const auto usage = Backend().Measure({});
  EXPECT_THAT(usage->problems, SizeIs(1));
  EXPECT_THAT(usage->listed_regions, IsEmpty());
}

TEST_F(ScriptBackendTest, OnlyLimitsThatDoNotStandAreApplied) {
  Scan();
  Prints("read-back",
         R"({"limits": [{"cgroup": "/a", "region": "npu/0", "max_bytes": 10},
                        {"cgroup": "/b", "region": "npu/0", "max_bytes": "max"},
                        {"cgroup": "/c", "region": "npu/0", "gone": true},
                        {"cgroup": "/d", "region": "npu/0", "error": "busy"}]})");
  Prints("apply", R"({"limits": [{"cgroup": "/b", "region": "npu/0", "low_bytes": 5,
                                  "max_bytes": 10}]})");
  const auto states = Backend().Apply({{"/a", "npu/0", 0, 10},
                                       {"/b", "npu/0", 5, 10},
                                       {"/c", "npu/0", 0, 10},
                                       {"/d", "npu/0", 0, 10},
                                       {"/e", "npu/0", 0, 10},
                                       {"/a", "npu/9", 0, 10},
                                       {"/../a", "npu/0", 0, 10}});
  ASSERT_THAT(states, SizeIs(7));
  EXPECT_EQ(states[0].outcome, LimitOutcome::kStands);
  EXPECT_EQ(states[1].outcome, LimitOutcome::kWritten) << states[1].status;
  EXPECT_EQ(states[2].outcome, LimitOutcome::kGone);
  EXPECT_EQ(states[3].outcome, LimitOutcome::kFailed);
  EXPECT_EQ(states[3].status.message(), "busy");
  EXPECT_EQ(states[4].outcome, LimitOutcome::kFailed);
  EXPECT_THAT(std::string(states[4].status.message()), HasSubstr("says nothing about /e"));
  EXPECT_EQ(states[5].outcome, LimitOutcome::kUnsupported);
  EXPECT_EQ(states[6].outcome, LimitOutcome::kUnsupported);
  EXPECT_EQ(directory_.Read("apply.in"),
            "{\"limits\":[{\"cgroup\":\"/b\",\"low_bytes\":5,\"max_bytes\":10,"
            "\"region\":\"npu/0\"}]}\n");
  EXPECT_EQ(directory_.Read("verbs"), "scan\nread-back\napply\n");
}

TEST_F(ScriptBackendTest, ReadingBackAppliesNothing) {
  Scan();
  Prints("read-back", R"({"limits": [{"cgroup": "/a", "region": "npu/0", "max_bytes": 11}]})");
  EXPECT_EQ(Backend().ReadBack({{"/a", "npu/0", 0, 10}}).at(0).outcome, LimitOutcome::kDrifted);
  EXPECT_EQ(directory_.Read("verbs"), "scan\nread-back\n");
}

TEST_F(ScriptBackendTest, WhatTheScriptDidNotApplyIsDrift) {
  Scan();
  Prints("read-back", R"({"limits": [{"cgroup": "/a", "region": "npu/0", "max_bytes": 11}]})");
  Prints("apply", R"({"limits": [{"cgroup": "/a", "region": "npu/0", "max_bytes": 11}]})");
  EXPECT_EQ(Backend().Apply({{"/a", "npu/0", 0, 10}}).at(0).outcome, LimitOutcome::kDrifted);
}

TEST_F(ScriptBackendTest, AScriptThatOnlyWatchesIsNotAskedForLimits) {
  Prints("scan", R"({"devices": [{"region": "npu/0"}]})");
  Scan();
  EXPECT_EQ(Backend().Apply({{"/a", "npu/0", 0, 10}}).at(0).outcome, LimitOutcome::kUnsupported);
  EXPECT_EQ(directory_.Read("verbs"), "scan\n");
}

TEST_F(ScriptBackendTest, WithEnforceOffItIsNotAskedEither) {
  options_.enforce = false;
  Scan();
  EXPECT_EQ(Backend().capability(), Capability::kWatching);
  EXPECT_EQ(Backend().Apply({{"/a", "npu/0", 0, 10}}).at(0).outcome, LimitOutcome::kUnsupported);
  EXPECT_EQ(directory_.Read("verbs"), "scan\n");
}

TEST_F(ScriptBackendTest, AScriptThatIsNotThereIsAnError) {
  options_.command = {"/not/there"};
  EXPECT_TRUE(absl::IsUnavailable(Backend().Scan().status()));
  EXPECT_EQ(Backend().capability(), Capability::kBlind);
}

TEST_F(ScriptBackendTest, BytesThatAreNoUtf8InACgroupHarmNothing) {
  Scan();
  Prints("measure", "{}");
  EXPECT_TRUE(Backend().Measure({"/\xff"}).ok());
}

}  // namespace
}  // namespace dmem::client
