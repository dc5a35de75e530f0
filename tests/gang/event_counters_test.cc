// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/gang/event_counters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace dmem {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

v1::Event Region(uint64_t sequence, const std::string& name, const std::string& parent,
                 uint64_t grantable, bool is_group = false) {
  v1::Event event;
  event.set_sequence(sequence);
  event.mutable_region_changed()->set_region(name);
  event.mutable_region_changed()->set_is_group(is_group);
  event.mutable_region_changed()->mutable_after()->set_parent(parent);
  event.mutable_region_changed()->mutable_after()->set_grantable_bytes(grantable);
  return event;
}

v1::Event Granted(uint64_t sequence, const std::string& cgroup, const std::string& region,
                  uint64_t bytes) {
  v1::Event event;
  event.set_sequence(sequence);
  v1::ChargeItem* item = event.mutable_charge_granted()->add_items();
  item->set_cgroup(cgroup);
  item->set_region(region);
  item->set_bytes(bytes);
  return event;
}

v1::Event Changed(uint64_t sequence, const std::string& cgroup, const std::string& region,
                  uint64_t before, uint64_t after) {
  v1::Event event;
  event.set_sequence(sequence);
  v1::ItemChange* item = event.mutable_charge_changed()->add_items();
  item->set_cgroup(cgroup);
  item->set_region(region);
  item->set_before_bytes(before);
  item->set_after_bytes(after);
  return event;
}

v1::Event Max(uint64_t sequence, const std::string& cgroup, const std::string& region,
              uint64_t max) {
  v1::Event event;
  event.set_sequence(sequence);
  event.mutable_limits_changed()->set_cgroup(cgroup);
  event.mutable_limits_changed()->set_region(region);
  event.mutable_limits_changed()->mutable_after()->set_max_bytes(max);
  return event;
}

// cluster: n1/gpu0 of 100 bytes. /a may use 50 in the cluster.
class EventCountersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    counters_.Add(Region(1, "cluster", "", 0, /*is_group=*/true));
    counters_.Add(Region(2, "n1/gpu0", "cluster", 100));
    counters_.Add(Max(3, "/a", "cluster", 50));
  }
  EventCounters counters_;
};

TEST_F(EventCountersTest, AnItemCountsInEachCgroupAndRegionAboveIt) {
  counters_.Add(Granted(4, "/a/b", "n1/gpu0", 40));
  counters_.Add(Changed(5, "/a/b", "n1/gpu0", 40, 30));
  EXPECT_THAT(counters_.Violations(), IsEmpty());
  EXPECT_THAT(counters_.Usage(),
              ElementsAre(Pair(Pair("/", "cluster"), 30u), Pair(Pair("/", "n1/gpu0"), 30u),
                          Pair(Pair("/a", "cluster"), 30u), Pair(Pair("/a", "n1/gpu0"), 30u),
                          Pair(Pair("/a/b", "cluster"), 30u), Pair(Pair("/a/b", "n1/gpu0"), 30u)));
  counters_.Add(Changed(6, "/a/b", "n1/gpu0", 30, 0));
  EXPECT_THAT(counters_.Usage(), IsEmpty());
}

TEST_F(EventCountersTest, ACounterAboveItsMaxIsFoundUntilItIsBack) {
  counters_.Add(Granted(4, "/a/b", "n1/gpu0", 51));
  EXPECT_THAT(counters_.Violations(), ElementsAre("sequence 4: /a in cluster uses 51 of 50"));
  counters_.Add(Changed(5, "/a/b", "n1/gpu0", 51, 50));
  EXPECT_THAT(counters_.Violations(), IsEmpty());
}

TEST_F(EventCountersTest, ARegionThatGrantsMoreThanItMayIsFound) {
  counters_.Add(Granted(4, "/c", "n1/gpu0", 101));
  EXPECT_THAT(counters_.Violations(), ElementsAre("sequence 4: / in n1/gpu0 uses 101 of 100"));
}

TEST_F(EventCountersTest, WhatIsReservedOnAGroupCountsFromTheGroupUp) {
  counters_.Add(Granted(4, "/a", "cluster", 51));
  EXPECT_THAT(counters_.Violations(), ElementsAre("sequence 4: /a in cluster uses 51 of 50"));
}

TEST_F(EventCountersTest, WhatWasLeftOutOrGivenBackTwiceIsFound) {
  v1::Event omitted;
  omitted.set_sequence(4);
  omitted.mutable_omitted()->set_events(3);
  counters_.Add(omitted);
  EXPECT_THAT(counters_.Violations(), ElementsAre(HasSubstr("3 changes left out")));
  counters_.Add(Changed(5, "/a", "cluster", 10, 0));
  EXPECT_THAT(counters_.Violations(),
              ElementsAre(HasSubstr("/ in cluster uses -10"), HasSubstr("/a in cluster uses -10"),
                          HasSubstr("left out")));
}

}  // namespace
}  // namespace dmem
