// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Defects of the kernel that dmemd does not have and that no vector can say. The rest are in
// dmemd/. Numbers: conformance description 5.5, 5.7.

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/conformance/core_backend.h"

namespace dmem {
namespace conformance {
namespace {

using ::testing::ElementsAre;

constexpr uint64_t kMi = 1 << 20;

class KernelDefectsTest : public ::testing::Test {
 protected:
  void Register(const std::string& region) {
    ASSERT_TRUE(backend_.Register(region, 1024 * kMi).ok());
  }
  void Create(const std::string& path) { ASSERT_TRUE(backend_.CreateCgroup(path).ok()); }
  void SetMin(const std::string& cgroup, const std::string& region, uint64_t bytes) {
    ASSERT_TRUE(backend_.SetLimit(cgroup, region, Limit::kMin, bytes).ok());
  }
  void Charge(const std::string& id, const std::string& cgroup, const std::string& region,
              uint64_t bytes) {
    ASSERT_TRUE(backend_.Charge(id, cgroup, region, bytes).ok());
  }
  PoolNumbers Pool(const std::string& cgroup, const std::string& region,
                   const std::string& relative_to = "/") {
    const Reply<PoolNumbers> reply = backend_.GetPool(cgroup, region, relative_to);
    EXPECT_TRUE(reply.ok());
    return reply.value;
  }
  Decision Evict(const absl::optional<std::string>& limit, const std::string& cgroup,
                 const std::string& region) {
    const Reply<Decision> reply = backend_.EvictValuable(limit, cgroup, region, true);
    EXPECT_TRUE(reply.ok());
    return reply.value;
  }

  CoreBackend backend_;
};

// The kernel answers by what somebody asked before the region went: 8 MiB used with min 10 MiB are
// never evictable if anybody did, and evictable at once if nobody did.
TEST_F(KernelDefectsTest, ProtectionInAnUnregisteredRegionDoesNotDependOnWhoAskedBefore) {
  Register("ra");
  Register("rb");
  Create("/p");
  Create("/p/a");
  for (const char* region : {"ra", "rb"}) {
    SetMin("/p", region, 10 * kMi);
    SetMin("/p/a", region, 10 * kMi);
    Charge(region, "/p/a", region, 8 * kMi);
  }
  EXPECT_EQ(Evict(absl::nullopt, "/p/a", "ra"), Decision::kProtectedByMin) << "asked before";
  for (const char* region : {"ra", "rb"}) ASSERT_TRUE(backend_.Unregister(region, false).ok());
  for (const char* region : {"ra@1", "rb@2"}) {
    SCOPED_TRACE(region);
    EXPECT_EQ(Evict(absl::nullopt, "/p/a", region), Decision::kProtectedByMin);
    EXPECT_EQ(Evict("/p", "/p/a", region), Decision::kProtectedByMin);
    EXPECT_EQ(Evict("/", "/p/a", region), Decision::kMayEvict);
    EXPECT_EQ(Evict("/p/a", "/p/a", region), Decision::kMayEvict);
  }
}

// The kernel keeps the protection of an emptied pool until somebody asks while it is in use.
TEST_F(KernelDefectsTest, ProtectionOfAnEmptyPoolIsNotTheOneItHad) {
  Register("vram0");
  Create("/a");
  SetMin("/a", "vram0", 5 * kMi);
  Charge("c1", "/a", "vram0", 4 * kMi);
  EXPECT_EQ(Pool("/a", "vram0").emin, 5 * kMi);
  ASSERT_TRUE(backend_.Uncharge("c1").ok());
  SetMin("/a", "vram0", 0);
  EXPECT_EQ(Pool("/a", "vram0").emin, 0u);
}

// In the kernel one query can read what another has just stored: 20 MiB where 4 MiB is right.
TEST_F(KernelDefectsTest, TwoQueriesRelativeToDifferentCgroupsDoNotMix) {
  Register("vram0");
  Create("/a");
  Create("/a/b");
  SetMin("/a", "vram0", 4 * kMi);
  SetMin("/a/b", "vram0", 20 * kMi);
  Charge("c1", "/a/b", "vram0", 10 * kMi);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Pool("/a/b", "vram0", "/").emin, 4 * kMi);
    EXPECT_EQ(Evict(absl::nullopt, "/a/b", "vram0"), Decision::kMayEvict);
    EXPECT_EQ(Pool("/a/b", "vram0", "/a").emin, 20 * kMi);
    EXPECT_EQ(Evict("/a", "/a/b", "vram0"), Decision::kProtectedByMin);
  }
}

// The kernel's uncharge takes a size from its caller, and clamps what goes below zero.
TEST_F(KernelDefectsTest, AnUnchargeGivesBackWhatWasChargedOnce) {
  Register("vram0");
  Create("/a");
  Create("/a/b");
  Create("/a/c");
  Charge("b", "/a/b", "vram0", 4 * kMi);
  Charge("c", "/a/c", "vram0", 4 * kMi);
  EXPECT_EQ(backend_.Uncharge("b").value.outcome, Released::kReleased);
  EXPECT_EQ(backend_.Uncharge("b").value.outcome, Released::kAlready);
  EXPECT_EQ(Pool("/a/b", "vram0").usage, 0u);
  EXPECT_EQ(Pool("/a", "vram0").usage, 4 * kMi);
  EXPECT_EQ(backend_.Uncharge("c").value.outcome, Released::kReleased);
  EXPECT_EQ(Pool("/a", "vram0").usage, 0u);
  EXPECT_EQ(Pool("/", "vram0").usage, 0u);
  EXPECT_THAT(backend_.Audit().value, ElementsAre());
}

}  // namespace
}  // namespace conformance
}  // namespace dmem
