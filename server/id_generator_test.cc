// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/id_generator.h"

#include <gtest/gtest.h>

#include <set>

#include "core/names.h"

namespace dmem::server {
namespace {

TEST(IdGeneratorTest, IdsAreValidAndNeverTheSame) {
  IdGenerator ids(/*seed=*/1);
  std::set<std::string> seen;
  for (int i = 0; i < 10000; ++i) {
    const std::string id = ids.Next();
    ASSERT_EQ(id.size(), 32u);
    ASSERT_TRUE(ValidateChargeId(id).ok()) << id;
    ASSERT_TRUE(seen.insert(id).second) << id;
  }
}

TEST(IdGeneratorTest, GeneratorsDifferUnlessTheirSeedIsTheSame) {
  EXPECT_EQ(IdGenerator(5).Next(), IdGenerator(5).Next());
  EXPECT_NE(IdGenerator(5).Next(), IdGenerator(6).Next());
  EXPECT_NE(IdGenerator().Next(), IdGenerator().Next());
}

}  // namespace
}  // namespace dmem::server
