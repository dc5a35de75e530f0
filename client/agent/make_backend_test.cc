// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/make_backend.h"

#include <string>

#include "client/agent/testing/temp_directory.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dmem::client {
namespace {

using ::testing::HasSubstr;

TEST(MakeBackendTest, EachKindIsMadeWithoutLookingAtTheNode) {
  for (const std::string kind : {"dmem", "nvml"}) {
    const auto backend = MakeDeviceBackend(kind, {}, "/nowhere", {});
    ASSERT_TRUE(backend.ok()) << backend.status();
    EXPECT_EQ((*backend)->name(), kind);
    EXPECT_EQ((*backend)->capability(), Capability::kBlind);
  }
  const auto fake = MakeDeviceBackend("fake", {{"directory", "/nowhere"}}, "/nowhere", {});
  ASSERT_TRUE(fake.ok());
  EXPECT_EQ((*fake)->name(), "fake");
}

TEST(MakeBackendTest, TheCgroupRootAndTheConfiguredMemoryReachTheBackend) {
  const TempDirectory tree;
  tree.Write("dmem.capacity", "drm/0000:03:00.0/vram0 1000\n");
  tree.Write("dmem.current", "drm/0000:03:00.0/vram0 10\n");
  MemoryOverrides memory;
  memory["drm/0000:03:00.0/vram0"].reserved_bytes = 7;
  const auto backend = MakeDeviceBackend("dmem", {}, tree.path(), memory);
  const auto scan = (*backend)->Scan();
  ASSERT_TRUE(scan.ok());
  ASSERT_EQ(scan->devices.size(), 1u);
  EXPECT_EQ(scan->devices[0].reserved_bytes, 7u);
}

TEST(MakeBackendTest, UnknownKindsAndOptionsAreRefused) {
  EXPECT_THAT(std::string(MakeDeviceBackend("rocm", {}, "/", {}).status().message()),
              HasSubstr("\"rocm\"; there are dmem, nvml and fake"));
  for (const std::string kind : {"dmem", "nvml", "fake"}) {
    const auto backend = MakeDeviceBackend(kind, {{"typo", "1"}}, "/", {});
    EXPECT_TRUE(absl::IsInvalidArgument(backend.status())) << kind;
    EXPECT_THAT(std::string(backend.status().message()), HasSubstr("no option typo"));
  }
}

TEST(MakeBackendTest, TheFakeIsADirectoryOrACommandAndNotBoth) {
  const auto make = [](const BackendOptions& options) {
    return MakeDeviceBackend("fake", options, "/", {}).status();
  };
  EXPECT_TRUE(make({{"directory", "/d"}, {"check_cgroups", "true"}}).ok());
  EXPECT_TRUE(make({{"command", "/bin/script --x"}, {"timeout", "10s"}}).ok());
  EXPECT_FALSE(make({}).ok());
  EXPECT_FALSE(make({{"directory", "/d"}, {"command", "/bin/script"}}).ok());
  EXPECT_FALSE(make({{"directory", "d"}}).ok());
  EXPECT_FALSE(make({{"command", "script"}}).ok());
  EXPECT_FALSE(make({{"command", "/bin/script"}, {"timeout", "2m"}}).ok());
}

}  // namespace
}  // namespace dmem::client
