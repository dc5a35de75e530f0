// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/dry_run.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/agent/books/pod_annotations.h"
#include "client/agent/fake/make_fake_backend.h"
#include "client/agent/testing/scripted_sources.h"
#include "client/agent/testing/temp_directory.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dmem::client {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

// A node with a device, on which a pod may hold 8 GiB.
class DryRunTest : public ::testing::Test {
 protected:
  DryRunTest() {
    directory_.Write("devices/gpu0.json",
                     R"({"region": "gpu0", "capacity_bytes": 17179869184, "device_ids": ["A"]})");
    directory_.Write("cgroup/kubepods/podu1/cgroup.procs", "");
    directory_.Write("usage/all.json", R"({"cgroups": []})");
    directory_.Write("limits/.keep", "");
    config_.node_name = "n1";
    config_.cgroup_root = directory_.path() + "/cgroup";
    config_.dry_run = true;
    Pod& pod = pods_.pods.emplace_back();
    pod.name_space = "ml";
    pod.name = "train";
    pod.is_described = true;
    pod.uid = pod.cgroup_uid = "u1";
    pod.phase = "Running";
    pod.has_devices_known = true;
    pod.annotations = {{kLimitAnnotation, "8Gi"}};
    pod.containers.emplace_back().devices.emplace_back().ids = {"A"};
  }

  std::string Text() {
    auto backend = MakeFakeBackend({{"directory", directory_.path()}}, config_.cgroup_root, {});
    EXPECT_TRUE(backend.ok()) << backend.status();
    std::vector<std::unique_ptr<DeviceBackend>> backends;
    backends.push_back(*std::move(backend));
    NodeWatcher watcher(&config_, std::move(backends), nullptr,
                        std::make_unique<ScriptedPodSource>(&pods_));
    return DryRun(&watcher);
  }

  TempDirectory directory_;
  AgentConfig config_;
  PodSnapshot pods_;
};

TEST_F(DryRunTest, ALimitThatWasNeverWrittenWouldBeWritten) {
  const std::map<std::string, std::string> before = directory_.Files();
  const std::string text = Text();
  EXPECT_THAT(text, ContainsRegex("/kubepods/podu1 +gpu0 +0 +8GiB +would be written\n"));
  EXPECT_EQ(directory_.Files(), before);
}

TEST_F(DryRunTest, OfALimitThatIsAnotherItSaysWhatStands) {
  directory_.Write(
      "limits/kubepods/podu1/limits.json",
      R"({"limits": [{"cgroup": "/kubepods/podu1", "region": "gpu0", "low_bytes": 0, "max_bytes": 1073741824}]})");
  EXPECT_THAT(Text(), ContainsRegex("8GiB +would be written \\(low 0, max 1GiB stand\\)\n"));
}

TEST_F(DryRunTest, ALimitThatStandsIsSaidToStand) {
  directory_.Write(
      "limits/kubepods/podu1/limits.json",
      R"({"limits": [{"cgroup": "/kubepods/podu1", "region": "gpu0", "low_bytes": 0, "max_bytes": 8589934592}]})");
  const std::string text = Text();
  EXPECT_THAT(text, ContainsRegex("8GiB +stands\n"));
  EXPECT_THAT(text, Not(HasSubstr("would be written")));
}

}  // namespace
}  // namespace dmem::client
