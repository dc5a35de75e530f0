// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Evict plans against a naive planner on seeded random trees: bytes go one at a time, and before
// each every usage and protection is asked anew.

#include <algorithm>
#include <array>
#include <cstdint>
#include <ostream>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/eviction.h"
#include "core/testing/tree.h"
#include "gtest/gtest.h"

namespace dmem {
namespace {

// g
// |- g1 - r1, r2
// |- g2 - r3
constexpr int kLevels = 6;
constexpr const char* kLevelNames[kLevels] = {"r1", "r2", "r3", "g1", "g2", "g"};
constexpr int kParents[kLevels] = {3, 3, 4, 5, 5, -1};
constexpr int kRegions = 3;

bool IsAtOrBelowLevel(int region, int level) {
  while (region != -1 && region != level) region = kParents[region];
  return region == level;
}

// What the plan is compared by.
struct Entry {
  std::string cgroup, region;
  int tier = 1;
  int priority = 0;
  uint64_t evict = 0;
  std::vector<std::pair<uint64_t, uint64_t>> charges;  // Bytes, and of these evicted.
};

struct Result {
  std::vector<Entry> victims;
  uint64_t total = 0;
  bool satisfied = false;
  bool hit_low = false;
  std::vector<std::string> blocked_by;
};

std::string ToString(const Result& result) {
  std::string text = absl::StrCat("total ", result.total, result.satisfied ? ", satisfied" : "",
                                  result.hit_low ? ", hit low\n" : "\n");
  for (const Entry& e : result.victims) {
    absl::StrAppend(&text, e.cgroup, " ", e.region, " tier ", e.tier, " priority ", e.priority,
                    " evict ", e.evict, " charges");
    for (const auto& [bytes, evict] : e.charges) absl::StrAppend(&text, " ", evict, "/", bytes);
    absl::StrAppend(&text, "\n");
  }
  return absl::StrCat(text, "blocked by: ", absl::StrJoin(result.blocked_by, ", "), "\n");
}

struct Node {
  int parent = 0;
  std::string path;
  int priority = 0;                                     // In effect.
  std::array<std::vector<uint64_t>, kRegions> charges;  // Oldest first.
  std::array<uint64_t, kLevels> min{}, low{};
};

using Setting = std::array<uint64_t, kLevels> Node::*;

struct Question {
  int limit = 0;  // Node.
  int level = 0;
  uint64_t needed = 0;
  IgnoreLow ignore_low = IgnoreLow::kAuto;
  bool whole = false;
};

class NaivePlanner {
 public:
  NaivePlanner(const std::vector<Node>& nodes, const Question& question)
      : nodes_(nodes), question_(question) {
    own_.resize(nodes.size());
    left_.resize(nodes.size());
    usage_.resize(nodes.size());
    for (size_t n = 0; n < nodes.size(); ++n) {
      for (int r = 0; r < kRegions; ++r) {
        left_[n][r] = nodes[n].charges[r];
        uint64_t sum = 0;
        for (const uint64_t bytes : nodes[n].charges[r]) sum += bytes;
        own_[n][r] = sum;
        Add(static_cast<int>(n), r, static_cast<int64_t>(sum));
      }
    }
  }

  Result Plan() {
    const std::vector<Turn> turns = Order();
    for (const Turn& turn : turns) {
      const int tier = std::get<0>(turn);
      if (tier == 2 && question_.ignore_low == IgnoreLow::kNever) continue;
      if (result_.total >= question_.needed) break;
      if (tier == 2 && !is_tier_2_) {
        is_tier_2_ = true;
        blocked_.clear();
        result_.blocked_by.clear();
      }
      TakeTurn(tier, std::get<5>(turn), std::get<6>(turn));
    }
    if (question_.whole) DropUnneeded();
    result_.satisfied = result_.total >= question_.needed;
    if (result_.satisfied) result_.blocked_by.clear();
    for (const Entry& e : result_.victims) result_.hit_low |= e.tier == 2;
    return result_;
  }

  // Whether at the end every victim has at least its protection, at every level.
  bool AllProtectionHolds() const {
    for (const Entry& entry : result_.victims) {
      const int node =
          static_cast<int>(std::find_if(nodes_.begin(), nodes_.end(),
                                        [&](const Node& n) { return n.path == entry.cgroup; }) -
                           nodes_.begin());
      bool low_ignored = false;
      for (const Entry& other : result_.victims) low_ignored |= other.tier == 2;
      for (int level = 0; level < kLevels; ++level) {
        if (!IsAtOrBelowLevel(RegionNumber(entry.region), level)) continue;
        if (usage_[node][level] < Effective(node, level, &Node::min)) return false;
        if (!low_ignored && usage_[node][level] < Effective(node, level, &Node::low)) return false;
      }
    }
    return true;
  }

 private:
  // Tier, priority, bytes above protection (negated), path, region, node, region number.
  using Turn = std::tuple<int, int, int64_t, std::string, std::string, int, int>;

  static int RegionNumber(const std::string& name) { return name[1] - '1'; }

  void Add(int node, int region, int64_t bytes) {
    for (int level = region; level != -1; level = kParents[level]) {
      for (int n = node;; n = nodes_[n].parent) {
        usage_[n][level] += bytes;
        if (n == 0) break;
      }
    }
  }

  bool IsAtOrBelow(int node, int ancestor) const {
    while (node != ancestor && node != 0) node = nodes_[node].parent;
    return node == ancestor;
  }

  uint64_t Effective(int node, int level, Setting setting) const {
    if (node == question_.limit) return 0;
    const int parent = nodes_[node].parent;
    if (parent == question_.limit) return (nodes_[node].*setting)[level];
    const uint64_t available = Effective(parent, level, setting);
    uint64_t claimed = 0;
    for (size_t n = 1; n < nodes_.size(); ++n) {
      if (nodes_[n].parent == parent) {
        claimed += std::min(usage_[n][level], (nodes_[n].*setting)[level]);
      }
    }
    const uint64_t claim = std::min(usage_[node][level], (nodes_[node].*setting)[level]);
    if (claimed > available) return claim * available / claimed;
    if (available > claimed && usage_[parent][level] > claimed && usage_[node][level] > claim) {
      return claim + (available - claimed) * (usage_[node][level] - claim) /
                         (usage_[parent][level] - claimed);
    }
    return claim;
  }

  bool IsProtected(int node, int level, bool ignore_low) const {
    if (usage_[node][level] <= Effective(node, level, &Node::min)) return true;
    return !ignore_low && usage_[node][level] <= Effective(node, level, &Node::low);
  }
  bool IsProtectedAnywhere(int node, int region, bool ignore_low) const {
    for (int level = region; level != -1; level = kParents[level]) {
      if (IsProtected(node, level, ignore_low)) return true;
    }
    return false;
  }

  std::vector<Turn> Order() const {
    std::vector<Turn> turns;
    for (int n = 0; n < static_cast<int>(nodes_.size()); ++n) {
      if (!IsAtOrBelow(n, question_.limit)) continue;
      for (int r = 0; r < kRegions; ++r) {
        if (!IsAtOrBelowLevel(r, question_.level) || own_[n][r] == 0) continue;
        for (const int tier : {1, 2}) {
          uint64_t protection = Effective(n, question_.level, &Node::min);
          if (tier == 1) {
            protection = std::max(protection, Effective(n, question_.level, &Node::low));
          }
          const uint64_t usage = usage_[n][question_.level];
          const int64_t above = usage > protection ? static_cast<int64_t>(usage - protection) : 0;
          turns.emplace_back(tier, nodes_[n].priority, -above, nodes_[n].path, kLevelNames[r], n,
                             r);
        }
      }
    }
    std::sort(turns.begin(), turns.end());
    return turns;
  }

  void TakeTurn(int tier, int node, int region) {
    const bool ignore_low = tier == 2;
    const uint64_t needed = question_.needed - result_.total;
    uint64_t most = 0;
    while (most < own_[node][region] && (question_.whole || most < needed) &&
           !IsProtectedAnywhere(node, region, ignore_low)) {
      ++most;
      Add(node, region, -1);
    }
    Entry entry;
    entry.cgroup = nodes_[node].path;
    entry.region = kLevelNames[region];
    entry.tier = tier;
    entry.priority = nodes_[node].priority;
    TakeCharges(&entry, &left_[node][region], most, needed);
    if (entry.evict < needed && most < own_[node][region]) NoteStop(node, region, ignore_low);
    Add(node, region, static_cast<int64_t>(most - entry.evict));
    own_[node][region] -= entry.evict;
    result_.total += entry.evict;
    if (entry.evict > 0) result_.victims.push_back(entry);
  }

  void TakeCharges(Entry* entry, std::vector<uint64_t>* left, uint64_t most, uint64_t needed) {
    const std::vector<uint64_t>& all =
        nodes_[NodeOf(entry->cgroup)].charges[RegionNumber(entry->region)];
    for (size_t i = left->size(); i-- > 0;) {
      uint64_t& bytes = (*left)[i];
      const uint64_t rest = question_.whole && entry->evict >= needed ? 0 : most - entry->evict;
      const uint64_t evict = question_.whole && bytes > rest ? 0 : std::min(bytes, rest);
      if (evict == 0) continue;
      entry->evict += evict;
      entry->charges.emplace_back(all[i], evict);
      bytes -= evict;
    }
  }

  int NodeOf(const std::string& path) const {
    for (size_t n = 0; n < nodes_.size(); ++n) {
      if (nodes_[n].path == path) return static_cast<int>(n);
    }
    return -1;
  }

  void NoteStop(int node, int region, bool ignore_low) {
    if (!ignore_low && !IsProtectedAnywhere(node, region, true)) result_.hit_low = true;
    if (IsProtected(node, question_.level, ignore_low)) return;
    for (int level = region; level != -1; level = kParents[level]) {
      if (!IsProtected(node, level, ignore_low)) continue;
      if (!blocked_.insert({node, level}).second) continue;
      const uint64_t emin = Effective(node, level, &Node::min);
      const uint64_t elow = Effective(node, level, &Node::low);
      const bool by_min = usage_[node][level] <= emin;
      result_.blocked_by.push_back(absl::StrCat(nodes_[node].path, " ", kLevelNames[level], " ",
                                                usage_[node][level], " of ", by_min ? emin : elow,
                                                by_min ? " min" : " low"));
    }
  }

  void DropUnneeded() {
    std::vector<std::pair<int, int>> order;  // Priority and place, both negated.
    for (size_t i = 0; i < result_.victims.size(); ++i) {
      order.emplace_back(-result_.victims[i].priority, -static_cast<int>(i));
    }
    std::sort(order.begin(), order.end());
    for (const auto& [priority, place] : order) {
      Entry& entry = result_.victims[-place];
      if (result_.total - entry.evict < question_.needed) continue;
      result_.total -= entry.evict;
      Add(NodeOf(entry.cgroup), RegionNumber(entry.region), static_cast<int64_t>(entry.evict));
      entry.evict = 0;
    }
    std::vector<Entry> kept;
    for (const Entry& e : result_.victims) {
      if (e.evict > 0) kept.push_back(e);
    }
    result_.victims = kept;
  }

  const std::vector<Node>& nodes_;
  const Question question_;
  std::vector<std::array<uint64_t, kRegions>> own_;                // Not yet given.
  std::vector<std::array<std::vector<uint64_t>, kRegions>> left_;  // Of each charge.
  std::vector<std::array<uint64_t, kLevels>> usage_;
  std::set<std::pair<int, int>> blocked_;
  bool is_tier_2_ = false;
  Result result_;
};

class EvictionModelTest : public ::testing::Test {
 protected:
  explicit EvictionModelTest(uint64_t seed = 1) : random_(seed) {}

  uint64_t Below(uint64_t n) { return random_() % n; }

  // A tree, in `nodes_` and, the same, in the ledger.
  void MakeTree(TestTree* tree) {
    // Bytes of paths, not components, decide the order: "/team-a-" is before "/team-a/a".
    constexpr const char* kNames[] = {"team-a",  "team-a-", "team-B",
                                      "team-a0", "a",       "team-a-job-1"};
    nodes_.assign(1, Node());
    nodes_[0].path = "/";
    tree->Group("g").Group("g1", "g").Group("g2", "g");
    tree->Region("r3", "g2").Region("r2", "g1").Region("r1", "g1");
    const size_t size = 2 + Below(6);
    while (nodes_.size() < size) {
      Node node;
      node.parent = static_cast<int>(Below(3) == 0 ? nodes_.size() - 1 : Below(nodes_.size()));
      const Node& parent = nodes_[node.parent];
      node.path = absl::StrCat(parent.path == "/" ? "" : parent.path, "/", kNames[Below(6)]);
      if (std::any_of(nodes_.begin(), nodes_.end(),
                      [&](const Node& other) { return other.path == node.path; })) {
        continue;
      }
      node.priority = parent.priority;
      if (Below(3) == 0) {
        node.priority = static_cast<int>(Below(3)) - 1;
        tree->Draw("r1", absl::StrCat(node.path, " priority=", node.priority));
      } else {
        tree->Create(node.path);
      }
      nodes_.push_back(node);
    }
    FillTree(tree);
  }

  void FillTree(TestTree* tree) {
    const uint64_t density = 1 + Below(4);
    for (Node& node : nodes_) {
      for (int level = 0; level < kLevels; ++level) {
        const uint64_t scale = level < kRegions ? 20 : 40;
        if (node.path != "/" && Below(4) < density) {
          if (Below(2) == 0) node.min[level] = Below(scale);
          if (Below(2) == 0) node.low[level] = Below(scale);
          tree->Draw(kLevelNames[level],
                     absl::StrCat(node.path, " min=", node.min[level], " low=", node.low[level]));
        }
        if (level >= kRegions) continue;
        for (uint64_t n = Below(4); n > 1; --n) {
          const uint64_t bytes = Below(9);
          node.charges[level].push_back(bytes);
          tree->Draw(kLevelNames[level], absl::StrCat(node.path, " use=", bytes));
        }
      }
    }
  }

  Question MakeQuestion() {
    Question question;
    question.limit = Below(2) == 0 ? 0 : static_cast<int>(Below(nodes_.size()));
    question.level = static_cast<int>(Below(kLevels));
    question.needed = 1 + Below(Below(3) == 0 ? 200 : 20);
    question.ignore_low = static_cast<IgnoreLow>(Below(3));
    question.whole = Below(3) == 0;
    return question;
  }

  EvictRequest RequestOf(const TestTree& tree, const Question& question) {
    EvictRequest request;
    request.limit = tree.CgroupOf(nodes_[question.limit].path);
    if (question.limit == 0 && Below(2) == 0) request.limit = kNone;
    request.region = tree.RegionOf(kLevelNames[question.level]);
    request.bytes_needed = ByteCount(question.needed);
    request.ignore_low = question.ignore_low;
    request.list_charges = true;
    request.whole_charges = question.whole;
    return request;
  }

  static Result ResultOf(const State& state, const EvictPlan& plan) {
    Result result;
    result.total = plan.total.value();
    result.satisfied = plan.satisfied;
    result.hit_low = plan.hit_low;
    for (const Victim& victim : plan.victims) {
      const PoolRecord& pool = state.pools[victim.pool];
      Entry entry{state.CgroupName(pool.cgroup),
                  state.RegionName(pool.region),
                  victim.tier,
                  victim.priority,
                  victim.evict.value(),
                  {}};
      for (const EvictCharge& c : victim.charges) {
        entry.charges.emplace_back(c.bytes.value(), c.evict.value());
      }
      result.victims.push_back(entry);
    }
    for (const BlockedBy& by : plan.blocked_by) {
      const PoolRecord& pool = state.pools[by.pool];
      result.blocked_by.push_back(absl::StrCat(
          state.CgroupName(pool.cgroup), " ", state.RegionName(pool.region), " ", by.usage.value(),
          " of ", by.protection.value(), by.by_min ? " min" : " low"));
    }
    return result;
  }

  std::mt19937_64 random_;
  std::vector<Node> nodes_;
};

TEST_F(EvictionModelTest, PlansAreThoseOfANaivePlannerByteByByte) {
  // How often what matters came up, so that the test cannot pass by missing it.
  int tier_2 = 0, blocked = 0, hit_low = 0, whole = 0, satisfied = 0, in_groups = 0;
  for (uint64_t seed = 1; seed <= 1500; ++seed) {
    random_.seed(seed);
    TestTree tree;
    MakeTree(&tree);
    for (int q = 0; q < 8; ++q) {
      const Question question = MakeQuestion();
      SCOPED_TRACE(absl::StrCat(
          "seed ", seed, " question ", q, ": limit ", nodes_[question.limit].path, " in ",
          kLevelNames[question.level], " needs ", question.needed, " ignore_low ",
          static_cast<int>(question.ignore_low), question.whole ? " whole" : ""));
      const EvictPlan plan = EvictCandidates(tree.state(), RequestOf(tree, question));
      NaivePlanner naive(nodes_, question);
      const Result expected = naive.Plan();
      ASSERT_EQ(ToString(ResultOf(tree.state(), plan)), ToString(expected));
      ASSERT_TRUE(naive.AllProtectionHolds());
      tier_2 += std::any_of(plan.victims.begin(), plan.victims.end(),
                            [](const Victim& victim) { return victim.tier == 2; });
      blocked += !plan.blocked_by.empty();
      hit_low += plan.hit_low;
      whole += question.whole && !plan.victims.empty();
      satisfied += plan.satisfied;
      in_groups += question.level >= kRegions && plan.victims.size() > 2;
    }
  }
  for (const int count : {tier_2, blocked, hit_low, whole, satisfied, in_groups}) {
    EXPECT_GT(count, 300);
  }
}

}  // namespace
}  // namespace dmem
