// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Headroom against the ledger itself, on all small states of one form and on seeded random ones:
// the charges that it promises are made, each with CHECK_ONLY before; then every other placement is
// tried; and the largest count is found by trying all.

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/headroom.h"
#include "core/ledger.h"
#include "gtest/gtest.h"

namespace dmem {
namespace {

using Items = std::vector<uint64_t>;  // Of the shape, in each region.

struct Place {
  std::string region, node, parent;
  uint64_t grantable;
};

struct Shape {
  std::string cgroup;
  std::string region;  // A group, or a region.
  uint32_t items;
  uint64_t bytes;
  bool same_node;
};

class Cluster {
 public:
  void Group(absl::string_view name, absl::string_view parent) {
    ASSERT_TRUE(ledger_.RegisterGroup({Tick(), name, parent}).ok());
  }

  void Region(const Place& place) {
    places_.push_back(place);
    Grant(place, place.grantable);
  }

  void Grant(const Place& place, uint64_t grantable) {
    RegisterCommand command;
    command.time = Tick();
    command.name = place.region;
    command.capacity = ByteCount(1000);
    command.grantable = ByteCount(grantable);
    command.node = place.node;
    command.parent = place.parent;
    ASSERT_TRUE(ledger_.Register(command).ok());
  }

  void Cordon(absl::string_view region) {
    ASSERT_TRUE(ledger_.Cordon({Tick(), region, true}).ok());
  }

  void Max(absl::string_view cgroup, absl::string_view region, uint64_t max, bool observe = false) {
    LimitsUpdate update;
    update.cgroup = cgroup;
    update.region = region;
    update.max = ByteCount(max);
    update.observe = observe;
    SetLimitsCommand command;
    command.time = Tick();
    command.updates = absl::MakeConstSpan(&update, 1);
    command.apply_below_usage = true;
    ASSERT_TRUE(ledger_.SetLimits(command).ok());
  }

  bool Charge(absl::string_view cgroup, const Items& items, uint64_t bytes, Mode mode) {
    std::vector<ChargeItemSpec> specs;
    for (size_t r = 0; r < items.size(); ++r) {
      if (items[r] == 0) continue;
      specs.push_back({cgroup, places_[r].region, ByteCount(items[r] * bytes), absl::nullopt});
    }
    const std::string id = absl::StrCat(++charges_);
    ChargeCommand command;
    command.time = Tick();
    command.charge_id = id;
    command.created_at = command.time;
    command.items = specs;
    command.mode = mode;
    return ledger_.Charge(command).ok();
  }

  Headroom Find(const Shape& shape) const {
    HeadroomRequest request;
    request.cgroup = *FindNearestCgroup(state(), shape.cgroup);
    request.region = state().FindRegion(shape.region);
    request.items = shape.items;
    request.bytes = ByteCount(shape.bytes);
    request.same_node = shape.same_node;
    return FindHeadroom(state(), request);
  }

  // One item in each region of a charge, for each way to place it, whatever the limits.
  std::vector<Items> Placements(const Shape& shape) const {
    std::vector<Items> all;
    for (uint32_t chosen = 1; chosen < (1u << places_.size()); ++chosen) {
      Items items(places_.size());
      std::set<std::string> nodes;
      bool is_below = true;
      for (size_t r = 0; r < places_.size(); ++r) {
        items[r] = chosen >> r & 1;
        if (items[r] == 0) continue;
        is_below &= IsBelow(places_[r].region, shape.region);
        // A region without a node is a node of its own.
        nodes.insert(places_[r].node.empty() ? places_[r].region : places_[r].node);
      }
      const auto size = static_cast<uint32_t>(__builtin_popcount(chosen));
      if (is_below && size == shape.items && (!shape.same_node || nodes.size() == 1)) {
        all.push_back(items);
      }
    }
    return all;
  }

  bool IsBelow(absl::string_view region, absl::string_view level) const {
    Index r = state().FindRegion(region);
    const Index l = state().FindRegion(level);
    while (r != kNone && r != l) r = state().regions[r].parent;
    return r == l;
  }

  // The most charges that any sequence of placements gets, each asked of the ledger as one charge
  // of all the bytes together: that passes the same counters with the same sums.
  uint64_t LargestCount(const Shape& shape) {
    const std::vector<Items> placements = Placements(shape);
    std::set<Items> reached = {Items(places_.size())};
    for (uint64_t count = 0;; ++count) {
      std::set<Items> next;
      for (const Items& items : reached) {
        for (const Items& placement : placements) {
          Items sum = items;
          for (size_t r = 0; r < sum.size(); ++r) sum[r] += placement[r];
          if (next.count(sum) == 0 && Charge(shape.cgroup, sum, shape.bytes, Mode::kCheckOnly)) {
            next.insert(sum);
          }
        }
      }
      if (next.empty()) return count;
      reached = std::move(next);
    }
  }

  bool AnyIsGranted(const Shape& shape) {
    const std::vector<Items> placements = Placements(shape);
    return std::any_of(placements.begin(), placements.end(), [&](const Items& placement) {
      return Charge(shape.cgroup, placement, shape.bytes, Mode::kCheckOnly);
    });
  }

  // Raises a limit, of a cgroup or a region's own, by so much.
  void Raise(const HeadroomLimit& limit, uint64_t by) {
    const PoolRecord& pool = state().pools[limit.pool];
    const std::string region = state().RegionName(pool.region);
    const uint64_t max = pool.counter.max.value() + by;
    if (pool.cgroup != kRootCgroup) return Max(state().CgroupName(pool.cgroup), region, max);
    for (const Place& place : places_) {
      if (place.region == region) Grant(place, max);
    }
  }

  size_t Find(absl::string_view region) const {
    return static_cast<size_t>(
        std::find_if(places_.begin(), places_.end(),
                     [region](const Place& place) { return place.region == region; }) -
        places_.begin());
  }
  const std::vector<Place>& places() const { return places_; }
  const State& state() const { return ledger_.state(); }

 private:
  absl::Time Tick() { return time_ += absl::Microseconds(1); }

  Ledger ledger_;
  std::vector<Place> places_;
  absl::Time time_ = absl::FromUnixSeconds(1700000000);
  int charges_ = 0;
};

// Makes the charges that the answer places, as it says how.
void MakeCharges(Cluster* cluster, const Shape& shape, const Headroom& headroom) {
  Items left(cluster->places().size());
  for (const HeadroomPlace& place : headroom.places) {
    left[cluster->Find(cluster->state().RegionName(place.region))] = place.items;
  }
  std::vector<std::string> nodes;  // Of each charge.
  for (const HeadroomNode& node : headroom.nodes) {
    // A charge on a region without a node is of one item: any such region will do.
    for (uint64_t i = 0; i < node.count; ++i) nodes.emplace_back(node.name);
  }
  for (uint64_t i = 0; i < headroom.count; ++i) {
    Items items(left.size());
    for (uint32_t n = 0; n < shape.items; ++n) {
      size_t most = left.size();
      for (size_t r = 0; r < left.size(); ++r) {
        if (items[r] > 0 || left[r] == 0) continue;
        if (shape.same_node && cluster->places()[r].node != nodes[i]) continue;
        if (most == left.size() || left[r] > left[most]) most = r;
      }
      ASSERT_LT(most, left.size()) << "no region left for item " << n << " of charge " << i;
      items[most] = 1;
      --left[most];
    }
    ASSERT_TRUE(cluster->Charge(shape.cgroup, items, shape.bytes, Mode::kCheckOnly)) << i;
    ASSERT_TRUE(cluster->Charge(shape.cgroup, items, shape.bytes, Mode::kStrict)) << i;
  }
  EXPECT_EQ(left, Items(left.size()));
}

void ExpectHole(Cluster* cluster, const Shape& shape, const Headroom& headroom) {
  for (size_t r = 0; r < cluster->places().size(); ++r) {
    if (!cluster->IsBelow(cluster->places()[r].region, shape.region)) continue;
    Items item(cluster->places().size());
    item[r] = 1;
    EXPECT_FALSE(cluster->Charge(shape.cgroup, item, headroom.hole.value() + 1, Mode::kCheckOnly));
    if (headroom.hole_region == cluster->state().FindRegion(cluster->places()[r].region)) {
      EXPECT_TRUE(cluster->Charge(shape.cgroup, item, headroom.hole.value(), Mode::kCheckOnly));
    }
  }
  EXPECT_EQ(headroom.hole_region == kNone, headroom.hole.is_zero());
}

std::string Explain(const Cluster& cluster, const Shape& shape, const Headroom& headroom) {
  const State& state = cluster.state();
  std::string text = absl::StrCat(shape.items, " x ", shape.bytes, " bytes of ", shape.cgroup,
                                  " in ", shape.region, shape.same_node ? ", same node" : "", ": ",
                                  headroom.count, " fit");
  for (const Place& place : cluster.places()) {
    absl::StrAppend(&text, "\n", place.region, " node ", place.node, " in ", place.parent);
  }
  for (const HeadroomLimit& limit : headroom.limits) {
    const PoolRecord& pool = state.pools[limit.pool];
    absl::StrAppend(&text, "\n", state.CgroupName(pool.cgroup), " in ",
                    state.RegionName(pool.region), " short by ", limit.short_by.value(), ", now ",
                    pool.counter.usage.value(), " of ", pool.counter.max.value());
  }
  return text;
}

struct Seen {
  int granted = 0, inexact = 0, above = 0, limited = 0, single = 0, too_few = 0;
};

void Verify(Cluster* cluster, const Shape& shape, Seen* seen) {
  const Headroom headroom = cluster->Find(shape);
  const uint64_t largest = cluster->LargestCount(shape);
  EXPECT_LE(headroom.count, largest);
  EXPECT_GE(headroom.count_at_most, largest);
  if (headroom.is_exact) {
    EXPECT_EQ(headroom.count, largest);
    EXPECT_EQ(headroom.count_at_most, largest);
  }
  ExpectHole(cluster, shape, headroom);
  // Bytes one by one are the same question with the smallest shape.
  const Headroom bytes = cluster->Find({shape.cgroup, shape.region, 1, 1, false});
  EXPECT_EQ(headroom.free.value(), bytes.count);
  EXPECT_EQ(headroom.unusable.value(), bytes.count - headroom.count * shape.items * shape.bytes);

  MakeCharges(cluster, shape, headroom);
  EXPECT_FALSE(cluster->AnyIsGranted(shape));

  seen->granted += headroom.count > 0;
  seen->inexact += !headroom.is_exact;
  seen->above += headroom.count < largest;
  seen->too_few += headroom.too_few_regions;
  if (headroom.too_few_regions) {
    EXPECT_TRUE(headroom.limits.empty());
    return;
  }
  ++seen->limited;
  ASSERT_FALSE(headroom.limits.empty());
  if (headroom.limits.size() == 1 && !shape.same_node) {
    ++seen->single;
    cluster->Raise(headroom.limits[0], headroom.limits[0].short_by.value() - 1);
    EXPECT_FALSE(cluster->AnyIsGranted(shape));
    cluster->Raise(headroom.limits[0], 1);
  } else {
    for (const HeadroomLimit& limit : headroom.limits) {
      cluster->Raise(limit, limit.short_by.value());
    }
  }
  EXPECT_TRUE(cluster->AnyIsGranted(shape)) << Explain(*cluster, shape, headroom);
}

//   g - max of /a
//   |- g1 - max of /a
//   |  |- r0 (node A), r1 (A)
//   |- r2 (B or A)
// Every combination of 0 to 2 items and a byte in a region and of tight, loose and no limits.
TEST(HeadroomModelTest, EverySmallStateIsAnsweredAsTheLedgerGrants) {
  Seen seen;
  for (const uint64_t r0 : {1, 2, 5}) {
    for (const uint64_t r1 : {1, 2, 5}) {
      for (const uint64_t r2 : {1, 2, 5}) {
        for (const uint64_t g1 : {3, 5, 100}) {
          for (const uint64_t g : {1, 4, 7, 100}) {
            for (const uint32_t items : {1, 2, 3}) {
              for (const int nodes : {0, 1, 2}) {
                SCOPED_TRACE(absl::StrCat("r0=", r0, " r1=", r1, " r2=", r2, " g1=", g1, " g=", g,
                                          " items=", items, " nodes=", nodes));
                Cluster cluster;
                cluster.Group("g", "");
                cluster.Group("g1", "g");
                cluster.Region({"r0", "A", "g1", r0});
                cluster.Region({"r1", "A", "g1", r1});
                cluster.Region({"r2", nodes == 1 ? "A" : "B", "g", r2});
                cluster.Max("/a", "g1", g1);
                cluster.Max("/a", "g", g);
                Verify(&cluster, {"/a/b", "g", items, 2, nodes != 0}, &seen);
                ASSERT_FALSE(::testing::Test::HasFailure());
              }
            }
          }
        }
      }
    }
  }
  EXPECT_EQ(seen.inexact, 0);
  EXPECT_GT(seen.granted, 500);
  EXPECT_GT(seen.single, 100);
  EXPECT_GT(seen.too_few, 100);
}

template <typename Choices>
auto Pick(std::mt19937_64* generator, const Choices& choices) {
  return *(std::begin(choices) + (*generator)() % std::size(choices));
}

void MakeRandom(std::mt19937_64* generator, Cluster* cluster) {
  // Groups: top above g, which g1 and g2 are in; g3 is in g2.
  for (const auto& [name, parent] : std::vector<std::pair<const char*, const char*>>{
           {"top", ""}, {"g", "top"}, {"g1", "g"}, {"g2", "g"}, {"g3", "g2"}}) {
    cluster->Group(name, parent);
  }
  const size_t regions = 2 + (*generator)() % 4;
  for (size_t r = 0; r < regions; ++r) {
    const std::string name = absl::StrCat("r", r);
    cluster->Region({name, Pick(generator, std::vector<std::string>{"A", "A", "B", "C", ""}),
                     Pick(generator, std::vector<std::string>{"g", "g1", "g1", "g2", "g3", "top"}),
                     (*generator)() % 12});
  }
  const std::vector<std::string> cgroups = {"/a", "/a/b", "/a/b/c", "/d"};
  const std::vector<std::string> levels = {"top", "g", "g1", "g2", "g3", "r0", "r1"};
  for (uint64_t i = (*generator)() % 4; i > 0; --i) {
    Items items(regions);
    items[(*generator)() % regions] = 1;
    cluster->Charge(Pick(generator, cgroups), items, 1 + (*generator)() % 4, Mode::kForce);
  }
  for (uint64_t i = (*generator)() % 7; i > 0; --i) {
    cluster->Max(Pick(generator, cgroups), Pick(generator, levels), (*generator)() % 24,
                 (*generator)() % 6 == 0);
  }
  if ((*generator)() % 4 == 0) cluster->Cordon(absl::StrCat("r", (*generator)() % regions));
}

TEST(HeadroomModelTest, RandomStatesAreAnsweredAsTheLedgerGrants) {
  Seen seen;
  for (uint64_t seed = 1; seed <= 3000; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    std::mt19937_64 generator(seed);
    Cluster cluster;
    MakeRandom(&generator, &cluster);
    Shape shape;
    shape.cgroup = Pick(&generator, std::vector<std::string>{"/", "/a", "/a/b", "/a/b/c/e", "/f"});
    shape.region = Pick(&generator, std::vector<std::string>{"top", "g", "g", "g1", "g2", "r0"});
    shape.items = shape.region == "r0" ? 1 : 1 + generator() % 3;
    shape.bytes = 1 + generator() % 4;
    shape.same_node = generator() % 2 == 0;
    Verify(&cluster, shape, &seen);
    ASSERT_FALSE(::testing::Test::HasFailure());
  }
  EXPECT_GT(seen.granted, 500);
  EXPECT_GT(seen.limited, 500);
  EXPECT_GT(seen.single, 100);
}

// N1 has regions in a1 and b1, N2 in a1 and b2, N3 in a2 and b1; each group has room for one item.
// N1 alone, or N2 and N3: an instance of set packing.
TEST(HeadroomModelTest, WhereLimitsCrossNodesTheAnswerSaysThatItMayNotBeTheMost) {
  Cluster cluster;
  cluster.Group("g", "");
  for (const char* group : {"a1", "a2", "b1", "b2"}) {
    cluster.Group(group, "g");
    cluster.Max("/t", group, 5);
  }
  cluster.Region({"r0", "N1", "a1", 9});
  cluster.Region({"r1", "N1", "b1", 9});
  cluster.Region({"r2", "N2", "a1", 9});
  cluster.Region({"r3", "N2", "b2", 9});
  cluster.Region({"r4", "N3", "a2", 9});
  cluster.Region({"r5", "N3", "b1", 9});
  const Headroom headroom = cluster.Find({"/t", "g", 2, 5, true});
  EXPECT_FALSE(headroom.is_exact);
  EXPECT_EQ(headroom.count, 1u);
  EXPECT_EQ(headroom.count_at_most, 2u);
  Seen seen;
  Verify(&cluster, {"/t", "g", 2, 5, true}, &seen);
  EXPECT_EQ(seen.above, 1);
}

TEST(HeadroomModelTest, RandomLimitsThatCrossNodesAreAnsweredAsTheLedgerGrants) {
  Seen seen;
  for (uint64_t seed = 1; seed <= 600; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    std::mt19937_64 generator(seed);
    Cluster cluster;
    cluster.Group("g", "");
    cluster.Group("g0", "g");
    for (const char* group : {"g1", "g2", "g3"}) {
      cluster.Group(group, generator() % 2 == 0 ? "g" : "g0");
      cluster.Max("/a", group, 1 + generator() % 4);
    }
    if (generator() % 2 == 0) cluster.Max("/a", "g0", 2 + generator() % 4);
    for (const char* region : {"r0", "r1", "r2", "r3", "r4", "r5"}) {
      cluster.Region({region, Pick(&generator, std::vector<std::string>{"A", "B", "C"}),
                      Pick(&generator, std::vector<std::string>{"g1", "g2", "g3"}),
                      1 + generator() % 3});
    }
    Verify(&cluster, {"/a", "g", static_cast<uint32_t>(2 + generator() % 2), 1, true}, &seen);
    ASSERT_FALSE(::testing::Test::HasFailure());
  }
  EXPECT_GT(seen.granted, 100);
  EXPECT_GT(seen.inexact, 0);
  EXPECT_LT(seen.inexact, 300);
}

}  // namespace
}  // namespace dmem
