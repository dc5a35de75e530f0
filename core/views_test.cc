// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/views.h"

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/ledger.h"
#include "core/testing/tree.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dmem {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr uint64_t kGiB = uint64_t{1} << 30;

ByteCount B(uint64_t bytes) { return ByteCount(bytes); }

// Byte-seconds of a pool with one charge, `micros` after it was granted.
std::string ByteSeconds(absl::string_view bytes, int64_t micros) {
  TestTree tree;
  tree.Region("r").Draw("r", absl::StrCat("/a use=", bytes));
  const int64_t granted_us = tree.state().charges[tree.ChargeOf(1)].granted_at_us;
  return ViewPool(tree.state(), tree.PoolOf("/a", "r"), kRootCgroup, granted_us + micros)
      .byte_seconds;
}

TEST(ViewsTest, ByteSecondsAreExactDecimalsFarBeyond64Bits) {
  EXPECT_EQ(ByteSeconds("1", 0), "0");
  EXPECT_EQ(ByteSeconds("1", 1), "0.000001");
  EXPECT_EQ(ByteSeconds("1", 1000000), "1");
  EXPECT_EQ(ByteSeconds("1", 1100000), "1.1") << "no zeros behind the last digit";
  EXPECT_EQ(ByteSeconds("3", 350000), "1.05") << "zeros before the first digit";
  EXPECT_EQ(ByteSeconds("10", 10000000), "100");
  // 2^62 bytes for a thousand million seconds and a half.
  EXPECT_EQ(ByteSeconds("4611686018427387904", 1000000000500000), "4611686020733230913213693952");
  EXPECT_EQ(ByteSeconds("4611686018427387905", 1), "4611686018427.387905");
}

TEST(ViewsTest, APoolShowsItsNumbersAndWhatItIsOver) {
  TestTree tree;
  tree.Region("r").Draw("r", "/a min=4Gi low=6Gi use=5Gi,3Gi; /a/b use=1Gi; /a max=7Gi");
  const PoolView view =
      ViewPool(tree.state(), tree.PoolOf("/a", "r"), kRootCgroup, tree.state().scalars.time_us);
  EXPECT_EQ(view.cgroup, "/a");
  EXPECT_EQ(view.cgroup_id, tree.state().cgroups[tree.CgroupOf("/a")].id);
  EXPECT_EQ(view.region, "r");
  EXPECT_FALSE(view.is_group);
  EXPECT_EQ(view.usage, B(9 * kGiB));
  EXPECT_EQ(view.own, B(8 * kGiB));
  EXPECT_EQ(view.peak, B(9 * kGiB));
  EXPECT_EQ(view.min, B(4 * kGiB));
  EXPECT_EQ(view.low, B(6 * kGiB));
  EXPECT_EQ(view.max, B(7 * kGiB));
  EXPECT_EQ(view.over, B(2 * kGiB));
  EXPECT_EQ(view.emin, B(4 * kGiB));
  EXPECT_EQ(view.elow, B(6 * kGiB));
  EXPECT_EQ(view.etag, tree.state().scalars.sequence) << "of the last change of its limits";
}

TEST(ViewsTest, APoolThatWasNeverMadeReadsAsDefaults) {
  TestTree tree;
  tree.Group("g").Region("r", "g");
  const PoolView view = DefaultPoolView(tree.state(), "/new", kNone, tree.RegionOf("g"));
  EXPECT_EQ(view.cgroup, "/new");
  EXPECT_EQ(view.cgroup_id, 0u);
  EXPECT_TRUE(view.is_group);
  EXPECT_EQ(view.usage, B(0));
  EXPECT_EQ(view.max, kUnlimited);
  EXPECT_EQ(view.etag, 0u);
  EXPECT_EQ(view.byte_seconds, "0");
}

// top ← {mid ← {r1, r2}, r3}; r2 is unregistered with a charge.
TEST(ViewsTest, GroupsSumTheirMembersAtEveryLevelAndLeaveOutWhatIsGone) {
  TestTree tree;
  tree.Group("top").Group("mid", "top").Group("empty");
  tree.Region("r1", "mid", B(10)).Region("r2", "mid", B(20)).Region("r3", "top", B(40));
  tree.Draw("r1", "/a use=1").Draw("r2", "/a use=2").Draw("r3", "/a use=4");
  tree.Unregister("r2");
  const std::vector<GroupView> groups = ViewGroups(tree.state());
  ASSERT_EQ(groups.size(), 3u);
  const GroupView &top = groups[0], &mid = groups[1], &empty = groups[2];
  EXPECT_EQ(top.name, "top");
  EXPECT_EQ(top.parent, "");
  EXPECT_EQ(top.member_regions, 3u);
  EXPECT_EQ(top.member_groups, 1u);
  EXPECT_EQ(top.capacity, B(50));
  EXPECT_EQ(top.grantable, kUnlimited) << "a member's is unlimited";
  EXPECT_EQ(top.usage, B(7)) << "charges of a region that is gone count until uncharged";
  EXPECT_EQ(mid.parent, "top");
  EXPECT_EQ(mid.member_regions, 2u);
  EXPECT_EQ(mid.capacity, B(10));
  EXPECT_EQ(mid.usage, B(3));
  EXPECT_EQ(empty.member_regions, 0u);
  EXPECT_EQ(empty.grantable, B(0));
  const GroupView one = ViewGroup(tree.state(), tree.RegionOf("mid"));
  EXPECT_EQ(one.name, "mid");
  EXPECT_EQ(one.usage, B(3));
}

TEST(ViewsTest, AGroupsGrantableIsTheSumOfItsMembers) {
  Ledger ledger;
  const absl::Time time = absl::FromUnixSeconds(1800000000);
  ASSERT_TRUE(ledger.RegisterGroup({time, "g", ""}).ok());
  for (const char* name : {"r1", "r2"}) {
    RegisterCommand command;
    command.time = time;
    command.name = name;
    command.capacity = B(100);
    command.reserved = B(30);
    command.parent = "g";
    ASSERT_TRUE(ledger.Register(command).ok());
  }
  const GroupView group = ViewGroup(ledger.state(), ledger.state().FindRegion("g"));
  EXPECT_EQ(group.grantable, B(140));
  EXPECT_EQ(group.capacity, B(200));
}

TEST(ViewsTest, ARegionThatIsGoneIsNamedWithItsIdAndShowsWhatItIsOver) {
  TestTree tree;
  tree.Group("g").Region("r", "g").Draw("r", "/a use=5");
  const uint64_t id = tree.state().regions[tree.RegionOf("r")].id;
  tree.Unregister("r");
  const std::string name = absl::StrCat("r@", id);
  const RegionView view = ViewRegion(tree.state(), tree.RegionOf(name));
  EXPECT_EQ(view.name, name);
  EXPECT_EQ(view.parent, "g");
  EXPECT_TRUE(view.is_gone);
  EXPECT_EQ(view.usage, B(5));
  EXPECT_EQ(view.live_items, 1u);
}

TEST(ViewsTest, ADyingCgroupIsNamedByItsIdAndRemembersItsPath) {
  TestTree tree;
  tree.Region("r").Draw("r", "/a/b use=5 priority=-3");
  const uint64_t id = tree.state().cgroups[tree.CgroupOf("/a/b")].id;
  tree.Delete("/a/b");
  const std::string name = absl::StrCat("@", id);
  const CgroupView view = ViewCgroup(tree.state(), tree.CgroupOf(name));
  EXPECT_EQ(view.path, name);
  EXPECT_EQ(view.path_before_deletion, "/a/b");
  EXPECT_TRUE(view.is_dying);
  EXPECT_EQ(view.priority, -3);
  EXPECT_EQ(view.live_items, 1u);
  EXPECT_EQ(ViewCgroup(tree.state(), tree.CgroupOf("/a")).path_before_deletion, "");
}

TEST(ViewsTest, AChargesPriorityIsItsCgroupsUnlessItHasItsOwn) {
  TestTree tree;
  tree.Region("r").Draw("r", "/a/b use=5; /a priority=7");
  const ChargeView view = ViewCharge(tree.state(), tree.ChargeOf(1));
  EXPECT_EQ(view.charge_id, "charge-1");
  EXPECT_EQ(view.priority, 7);
  EXPECT_FALSE(view.has_priority);
  ASSERT_EQ(view.items.size(), 1u);
  EXPECT_EQ(view.items[0].cgroup, "/a/b");
  EXPECT_EQ(view.items[0].region, "r");
  EXPECT_EQ(view.items[0].bytes, B(5));
}

// Everything that a listing gives, in pages of `limit`.
template <typename NextPage>
std::vector<Index> AllPages(size_t limit, const NextPage& next_page) {
  std::vector<Index> all;
  for (Index cursor = 0; cursor != kNone;) {
    const std::vector<Index> page = next_page(&cursor, limit);
    EXPECT_LE(page.size(), limit);
    all.insert(all.end(), page.begin(), page.end());
  }
  return all;
}

TEST(ViewsTest, FiltersOfListingsGiveWhatTheySay) {
  TestTree tree;
  tree.Group("g").Region("r1", "g").Region("r2");
  tree.Draw("r1", "/a use=1; /a/b use=1,1; /c use=1").Draw("r2", "/a use=1");
  const State& state = tree.state();
  const auto pools = [&](const PoolFilter& filter) {
    std::vector<std::string> names;
    for (const Index i : AllPages(2, [&](Index*cursor, size_t limit) {
           return ListPools(state, filter, cursor, limit);
         })) {
      names.push_back(absl::StrCat(state.CgroupName(state.pools[i].cgroup), " ",
                                   state.RegionName(state.pools[i].region)));
    }
    return names;
  };
  PoolFilter filter;
  filter.region = tree.RegionOf("g");
  EXPECT_THAT(pools(filter), UnorderedElementsAre("/ g", "/a g", "/a/b g", "/c g"));
  filter.cgroup = tree.CgroupOf("/a");
  EXPECT_THAT(pools(filter), UnorderedElementsAre("/a g", "/a/b g"));
  filter.below = tree.CgroupOf("/a");
  EXPECT_THAT(pools(filter), UnorderedElementsAre("/a/b g"));
  EXPECT_THAT(AllPages(1,
                       [&](Index* cursor, size_t limit) {
                         return ListCgroups(state, tree.CgroupOf("/a"), cursor, limit);
                       }),
              UnorderedElementsAre(tree.CgroupOf("/a"), tree.CgroupOf("/a/b")));
  const auto charges = [&](Index region, Index cgroup) {
    return AllPages(2, [&](Index* cursor, size_t limit) {
      return ListCharges(state, {region, cgroup}, cursor, limit);
    });
  };
  EXPECT_THAT(
      charges(tree.RegionOf("g"), kNone),
      UnorderedElementsAre(tree.ChargeOf(1), tree.ChargeOf(2), tree.ChargeOf(3), tree.ChargeOf(4)));
  EXPECT_THAT(charges(tree.RegionOf("r2"), tree.CgroupOf("/a")), ElementsAre(tree.ChargeOf(5)));
  EXPECT_THAT(charges(tree.RegionOf("r2"), tree.CgroupOf("/c")), IsEmpty());
}

// Charges come and go between the pages of listings; those that stay are given once each, and
// nothing twice that was not made anew.
TEST(ViewsTest, EachObjectThatStaysIsListedOnceWhileOthersComeAndGo) {
  std::mt19937_64 rng(7);
  Ledger ledger;
  absl::Time time = absl::FromUnixSeconds(1800000000);
  RegisterCommand region;
  region.time = time;
  region.name = "r";
  region.capacity = B(kGiB);
  ASSERT_TRUE(ledger.Register(region).ok());
  const auto charge = [&](const std::string& id) {
    const std::string cgroup = absl::StrCat("/t/", id);
    const ChargeItemSpec item = {cgroup, "r", B(1), absl::nullopt};
    ChargeCommand command;
    command.time = time += absl::Milliseconds(1);
    command.charge_id = id;
    command.created_at = time;
    command.items = absl::MakeConstSpan(&item, 1);
    ASSERT_TRUE(ledger.Charge(command).ok());
  };
  std::set<std::string> staying;
  std::vector<std::string> others;
  int made = 0;
  for (int i = 0; i < 500; ++i) {
    const std::string id = absl::StrCat(i % 2 == 0 ? "stays-" : "goes-", made++);
    charge(id);
    i % 2 == 0 ? (void)staying.insert(id) : others.push_back(id);
  }
  const auto churn = [&] {
    for (int i = 0; i < 20; ++i) {
      const size_t victim = rng() % others.size();
      const absl::string_view id = others[victim];
      ASSERT_TRUE(ledger.Uncharge({time += absl::Milliseconds(1), {id}}).ok());
      others[victim] = absl::StrCat("comes-", made++);
      charge(others[victim]);
    }
  };
  const State& state = ledger.state();
  std::map<std::string, int> charges, cgroups, pools;
  for (Index cursor = 0; cursor != kNone; churn()) {
    for (const Index i : ListCharges(state, {}, &cursor, 17))
      ++charges[std::string(state.charges[i].id.view())];
  }
  for (Index cursor = 0; cursor != kNone; churn()) {
    for (const Index i : ListCgroups(state, kNone, &cursor, 17)) ++cgroups[state.CgroupName(i)];
  }
  for (Index cursor = 0; cursor != kNone; churn()) {
    for (const Index i : ListPools(state, {}, &cursor, 17))
      ++pools[state.CgroupName(state.pools[i].cgroup)];
  }
  for (const std::string& id : staying) {
    EXPECT_EQ(charges[id], 1) << id;
    EXPECT_EQ(cgroups["/t/" + id], 1) << id;
    EXPECT_EQ(pools["/t/" + id], 1) << id;
  }
  for (const auto* listed : {&charges, &cgroups, &pools}) {
    for (const auto& entry : *listed) EXPECT_EQ(entry.second, 1) << entry.first;
  }
}

TEST(ViewsTest, RegionsAreListedInOrderOfRegistrationAlsoBehindOneThatHasGone) {
  TestTree tree;
  tree.Region("c").Group("b").Region("a", "b").Region("d");
  const auto page = [&](uint64_t* after, size_t limit) {
    std::vector<std::string> names;
    for (const Index i : ListRegions(tree.state(), after, limit))
      names.push_back(tree.state().RegionName(i));
    return names;
  };
  uint64_t after = 0;
  EXPECT_THAT(page(&after, 2), ElementsAre("c", "b"));
  tree.Unregister("c").Unregister("a").Region("c");
  EXPECT_THAT(page(&after, 2), ElementsAre("d", "c"));
  EXPECT_EQ(after, 0u) << "the end";
}

}  // namespace
}  // namespace dmem
