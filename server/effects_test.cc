// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/effects.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/changes.h"
#include "core/ledger.h"
#include "dmem/store/v1/record.pb.h"

namespace dmem::server {
namespace {

constexpr size_t kBytesMin = 64;

store::v1::Effects Parsed(const std::string& encoded) {
  store::v1::Effects effects;
  EXPECT_TRUE(effects.ParseFromString(encoded));
  return effects;
}

// As a ReportMeasured of so many items.
Changes Measured(int items) {
  Changes changes;
  changes.Keep(true);
  for (int i = 0; i < items; ++i) changes.AddMeasured(ByteCount(uint64_t{1} << 40));
  changes.Seal(Ledger().state());
  return changes;
}

TEST(EffectsTest, WhatWasMeasuredBeforeIsKeptWhereThereIsRoom) {
  std::string encoded;
  EXPECT_EQ(EffectsEncoder().Encode(Measured(1000), 1 << 20, &encoded), 0u);
  EXPECT_EQ(Parsed(encoded).measured_before_plus_1_size(), 1000);
  EXPECT_EQ(Parsed(encoded).events_size(), 0);
}

TEST(EffectsTest, WhatWasMeasuredBeforeAndDoesNotFitIsCountedAsOneEvent) {
  std::string encoded;
  EXPECT_EQ(EffectsEncoder().Encode(Measured(1000), kBytesMin, &encoded), 1u);
  EXPECT_LE(encoded.size(), kBytesMin);
  const store::v1::Effects effects = Parsed(encoded);
  EXPECT_EQ(effects.measured_before_plus_1_size(), 0);
  ASSERT_EQ(effects.events_size(), 1);
  EXPECT_EQ(effects.events(0).omitted().events(), 1u);
}

TEST(EffectsTest, ReleaseOrRenewalOfMoreItemsThanFitIsToldWithoutThem) {
  const std::vector<ItemPlace> items(3, {"/a-cgroup-of-some-length", "n1/gpu0", ByteCount(1), {}});
  Changes changes;
  changes.Keep(true);
  changes.Add(ReleaseRequested{"c1", "me", "tests", items});
  changes.Add(ReservationRenewed{"c2", 0, items});
  changes.Seal(Ledger().state());
  std::string encoded;
  EXPECT_EQ(EffectsEncoder().Encode(changes, 1 << 20, &encoded), 0u);
  EXPECT_EQ(Parsed(encoded).events(0).release_requested().items_size(), 3);
  EXPECT_EQ(Parsed(encoded).events(1).reservation_renewed().items_size(), 3);
  encoded.clear();
  EXPECT_EQ(EffectsEncoder().Encode(changes, 120, &encoded), 0u);
  const store::v1::Effects effects = Parsed(encoded);
  ASSERT_EQ(effects.events_size(), 2);
  EXPECT_EQ(effects.events(0).release_requested().charge_id(), "c1");
  EXPECT_EQ(effects.events(0).release_requested().items_size(), 0);
  EXPECT_EQ(effects.events(0).release_requested().omitted_items(), 3u);
  EXPECT_EQ(effects.events(1).reservation_renewed().omitted_items(), 3u);
}

TEST(EffectsTest, ChangesThatDoNotFitAreCounted) {
  Changes changes;
  changes.Keep(true);
  constexpr uint64_t kSessions = 5;
  for (uint64_t i = 0; i < kSessions; ++i) {
    SessionChanged change;
    change.id = i + 1;
    change.node = "a-node-with-a-name-that-takes-some-room";
    changes.Add(change);
  }
  changes.Seal(Ledger().state());
  std::string encoded;
  EXPECT_EQ(EffectsEncoder().Encode(changes, kBytesMin, &encoded), kSessions);
  ASSERT_EQ(Parsed(encoded).events_size(), 1);
  EXPECT_EQ(Parsed(encoded).events(0).omitted().events(), kSessions);
}

}  // namespace
}  // namespace dmem::server
