// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/config/about_key.h"

#include "gtest/gtest.h"

namespace dmem::client {
namespace {

TEST(AboutKeyTest, AnErrorKeepsItsCodeAndGetsKeyAndValue) {
  EXPECT_EQ(AboutKey("gate_dir", "/gate", absl::NotFoundError("cannot make /gate/u1")),
            absl::NotFoundError("gate_dir \"/gate\": cannot make /gate/u1"));
  EXPECT_TRUE(AboutKey("gate_dir", "/gate", absl::OkStatus()).ok());
}

}  // namespace
}  // namespace dmem::client
