// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/charge_id.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

namespace dmem::client {
namespace {

TEST(ChargeIdTest, IdsOfManyThreadsAreDifferentAndValid) {
  constexpr size_t kThreads = 4, kEach = 2'500;
  std::vector<std::vector<std::string>> made(kThreads);
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (auto& ids : made) {
    threads.emplace_back([&ids] {
      for (size_t i = 0; i < kEach; ++i) ids.push_back(NewChargeId());
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::string> all;
  for (const auto& ids : made) all.insert(ids.begin(), ids.end());
  EXPECT_EQ(all.size(), kThreads * kEach);
  EXPECT_THAT(*all.begin(), ::testing::MatchesRegex("c-[0-9a-f]{24}"));
}

}  // namespace
}  // namespace dmem::client
