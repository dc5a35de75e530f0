// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What WhoHeld does in steps.

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/integration/requests.h"

namespace dmem::server {
namespace {

TEST(PastStepsTest, GoesBackOverCommandsWithMoreItemsThanAStepHas) {
  TestServer server;
  ASSERT_TRUE(Call(server, &Stub::Register, RegisterOf("n2/gpu0", 1000000)).ok());
  constexpr int kCharges = 40, kItems = 1000;
  for (int i = 0; i < kCharges; ++i) {
    v1::ChargeRequest request = ChargeOf(absl::StrCat("c", i), "/c0", "n2/gpu0", 1);
    for (int k = 1; k < kItems; ++k) {
      v1::ChargeItem* item = request.add_items();
      item->set_cgroup(absl::StrCat("/c", k));
      item->set_region("n2/gpu0");
      item->set_bytes(1);
    }
    const auto answer = Call(server, &Stub::Charge, request);
    ASSERT_TRUE(answer.ok()) << answer.status.error_message();
  }
  v1::ListEventsRequest newest;
  newest.set_newest_first(true);
  newest.set_page_size(1);
  const auto full = Call(server, &Stub::ListEvents, newest);
  ASSERT_EQ(full.response.events_size(), 1);
  for (int i = 0; i < kCharges; ++i) {
    v1::UnchargeRequest request;
    request.add_charge_ids(absl::StrCat("c", i));
    ASSERT_TRUE(Call(server, &Stub::Uncharge, request).ok());
  }
  v1::WhoHeldRequest who;
  who.set_region("n2/gpu0");
  who.set_cgroup("/c7");
  *who.mutable_at() = full.response.events(0).time();
  const auto held = Call(server, &Stub::WhoHeld, who);
  ASSERT_TRUE(held.ok()) << held.status.error_message();
  EXPECT_EQ(held.response.holdings_size(), kCharges);
  EXPECT_EQ(held.response.omitted_items(), 0u);
  for (const v1::Holding& holding : held.response.holdings()) EXPECT_EQ(holding.bytes(), 1u);
}

}  // namespace
}  // namespace dmem::server
