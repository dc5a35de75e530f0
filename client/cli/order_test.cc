// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace dmem::client {
namespace {

TEST(OrderTest, DescendantsFollowTheirCgroupAndDyingComeLastById) {
  const std::vector<std::string> sorted = {"/",    "/a",  "/a/b", "/a/b/c", "/a/z", "/a-b",
                                           "/a.b", "/ab", "/b",   "@2",     "@9",   "@10"};
  std::vector<std::string> shuffled(sorted.rbegin(), sorted.rend());
  std::sort(shuffled.begin(), shuffled.end(),
            [](const std::string& a, const std::string& b) { return CgroupLess(a, b); });
  EXPECT_THAT(shuffled, ::testing::ElementsAreArray(sorted));
}

}  // namespace
}  // namespace dmem::client
