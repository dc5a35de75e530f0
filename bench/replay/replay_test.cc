// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "bench/replay/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace dmem::replay {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

// Grants everything but what it is told to refuse, keeps count, and writes down what it was asked.
class RecordingAuthority : public Authority {
 public:
  absl::Status RegisterGroup(const std::string& name, const std::string& parent) override {
    return Say(absl::StrCat("group ", name, " < ", parent));
  }

  absl::Status RegisterRegion(const RegionOrder& region) override {
    return Say(absl::StrCat("region ", region.name, " < ", region.parent, " ",
                            region.capacity_bytes >> 30, "Gi ", region.node, " ", region.model));
  }

  absl::Status CreateCgroup(const std::string& path) override {
    return Say(absl::StrCat("cgroup ", path));
  }

  absl::StatusOr<Verdict> Charge(const ChargeOrder& charge) override {
    std::string items;
    for (const ItemOrder& item : charge.items) {
      absl::StrAppend(&items, " ", item.cgroup, "@", item.region, "=", item.bytes);
    }
    if (absl::Status s = Say(absl::StrCat("charge", items)); !s.ok()) return s;
    if (refuse_cgroup == charge.items[0].cgroup) return Verdict{false, "over max"};
    EXPECT_TRUE(live_.emplace(charge.charge_id, charge.items).second) << charge.charge_id;
    ids.push_back(charge.charge_id);
    Count();
    return Verdict{};
  }

  absl::StatusOr<Verdict> Resize(const std::string& charge_id, const ItemOrder& item) override {
    if (absl::Status s = Say(absl::StrCat("resize ", item.cgroup, " ", item.bytes)); !s.ok()) {
      return s;
    }
    if (item.bytes > refuse_above) return Verdict{false, "over max"};
    live_.at(charge_id)[0].bytes = item.bytes;
    Count();
    return Verdict{};
  }

  absl::Status Uncharge(const std::string& charge_id) override {
    const auto charge = live_.find(charge_id);
    if (charge == live_.end()) return absl::NotFoundError(charge_id);
    const std::string cgroup = charge->second[0].cgroup;
    live_.erase(charge);
    return Say(absl::StrCat("uncharge ", cgroup));
  }

  absl::StatusOr<uint64_t> PeakBytes(const std::string& cgroup,
                                     const std::string& region) override {
    EXPECT_EQ(region, "cluster");
    return peaks_[cgroup];
  }

  absl::StatusOr<LiveCharges> CountLive(const std::string& group,
                                        const std::string& id_prefix) override {
    EXPECT_EQ(group, "cluster");
    LiveCharges live = extra;
    for (const auto& [id, items] : live_) {
      EXPECT_TRUE(absl::StartsWith(id, id_prefix)) << id;
      ++live.charges;
      for (const ItemOrder& item : items) live.bytes += item.bytes;
    }
    return live;
  }

  // What was asked after the last set-up call.
  std::vector<std::string> Operations() const {
    auto begin = std::find_if(log.begin(), log.end(), [](const std::string& line) {
      return absl::StartsWith(line, "charge") || absl::StartsWith(line, "uncharge");
    });
    return std::vector<std::string>(begin, log.end());
  }

  std::vector<std::string> log;
  std::vector<std::string> ids;
  std::string refuse_cgroup;
  uint64_t refuse_above = ~uint64_t{0};
  std::string fail_at;  // A line of the log that fails instead.
  LiveCharges extra;

 private:
  absl::Status Say(const std::string& line) {
    if (line == fail_at) return absl::UnavailableError("gone");
    log.push_back(line);
    return absl::OkStatus();
  }

  void Count() {
    std::map<std::string, uint64_t> usage;
    for (const auto& [id, items] : live_) {
      for (const ItemOrder& item : items) {
        usage["/"] += item.bytes;
        usage[item.cgroup.substr(0, item.cgroup.find('/', 1))] += item.bytes;
      }
    }
    for (const auto& [cgroup, bytes] : usage) peaks_[cgroup] = std::max(peaks_[cgroup], bytes);
  }

  std::map<std::string, std::vector<ItemOrder>> live_;
  std::map<std::string, uint64_t> peaks_;
};

// A task of one GPU, of which it takes `milli` thousandths.
GpuTask Task(const std::string& name, const std::string& qos, int64_t milli, int64_t start,
             absl::optional<int64_t> end, size_t line = 0) {
  GpuTask task;
  task.name = name;
  task.qos = qos;
  task.first_level_cgroup = "/" + qos;
  task.cgroup = "/" + qos + "/" + name;
  task.gpus = 1;
  task.gpu_milli = milli;
  task.start_seconds = start;
  task.end_seconds = end;
  task.line = line;
  return task;
}

ReplayOptions Options() {
  ReplayOptions options;
  options.run = "run";
  return options;
}

TEST(ReplayTasksTest, GroupsRegionsAndFirstLevelCgroupsComeBeforeTheFirstCharge) {
  RecordingAuthority authority;
  const std::vector<GpuNode> nodes = {{"n0", "T4", 2, uint64_t{16} << 30},
                                      {"n1", "G3", 1, uint64_t{80} << 30},
                                      {"n2", "T4", 1, uint64_t{16} << 30}};
  const auto totals = ReplayTasks(
      nodes, {Task("x", "ls", 0, 1, absl::nullopt), Task("y", "be", 2000, 2, absl::nullopt)},
      Options(), &authority);
  ASSERT_TRUE(totals.ok()) << totals.status();
  EXPECT_THAT(
      authority.log,
      ElementsAre("group cluster < ", "group model/T4 < cluster", "group model/G3 < cluster",
                  "region n0/gpu0 < model/T4 16Gi n0 T4", "region n0/gpu1 < model/T4 16Gi n0 T4",
                  "region n1/gpu0 < model/G3 80Gi n1 G3", "region n2/gpu0 < model/T4 16Gi n2 T4",
                  "cgroup /be", "cgroup /ls", "charge /ls/x@n0/gpu0=0"));
  // /be has a task, which fits nowhere.
  EXPECT_THAT(totals->peak_bytes, ElementsAre(Pair("/", 0), Pair("/be", 0), Pair("/ls", 0)));
}

TEST(ReplayTasksTest, InTheSameSecondEndsGoFirstAndOtherwiseFileOrder) {
  // One GPU of 1000 bytes. At 10, first and second go; what starts then finds its place, in file
  // order though third stands before them in the file.
  RecordingAuthority authority;
  const auto totals =
      ReplayTasks({{"n", "T4", 1, 1000}},
                  {Task("third", "ls", 900, 10, 20), Task("first", "ls", 600, 0, 10),
                   Task("second", "be", 400, 0, 10), Task("fourth", "be", 100, 10, absl::nullopt)},
                  Options(), &authority);
  ASSERT_TRUE(totals.ok()) << totals.status();
  EXPECT_THAT(
      authority.Operations(),
      ElementsAre("charge /ls/first@n/gpu0=600", "charge /be/second@n/gpu0=400",
                  "uncharge /ls/first", "uncharge /be/second", "charge /ls/third@n/gpu0=900",
                  "charge /be/fourth@n/gpu0=100", "uncharge /ls/third"));
  EXPECT_EQ(totals->tasks_placed, 4u);
  EXPECT_EQ(totals->tasks_unplaced, 0u);
  EXPECT_EQ(totals->charges, 4u);
  EXPECT_EQ(totals->uncharges, 3u);
  EXPECT_EQ(totals->resizes, 0u);
  EXPECT_EQ(totals->live_charges, 1u);
  EXPECT_EQ(totals->live_bytes, 100u);
  EXPECT_THAT(totals->peak_bytes, ElementsAre(Pair("/", 1000), Pair("/be", 400), Pair("/ls", 900)));
}

TEST(ReplayTasksTest, ATaskThatFitsNowhereIsDroppedForGood) {
  RecordingAuthority authority;
  const auto totals = ReplayTasks(
      {{"n", "T4", 1, 1000}},
      {Task("a", "ls", 600, 0, 5), Task("b", "ls", 600, 1, 9), Task("c", "ls", 600, 6, 7)},
      Options(), &authority);
  ASSERT_TRUE(totals.ok()) << totals.status();
  EXPECT_THAT(authority.Operations(), ElementsAre("charge /ls/a@n/gpu0=600", "uncharge /ls/a",
                                                  "charge /ls/c@n/gpu0=600", "uncharge /ls/c"));
  EXPECT_EQ(totals->tasks_placed, 2u);
  EXPECT_EQ(totals->tasks_unplaced, 1u);
  EXPECT_EQ(totals->refusals, 0u);
}

TEST(ReplayTasksTest, ATaskOfSeveralGpusIsOneCharge) {
  RecordingAuthority authority;
  GpuTask gang = Task("gang", "ls", 1, 0, 9);
  gang.gpus = 2;
  const auto totals =
      ReplayTasks({{"n", "T4", 3, 1000}}, {Task("small", "be", 1, 0, absl::nullopt), gang},
                  Options(), &authority);
  ASSERT_TRUE(totals.ok()) << totals.status();
  EXPECT_THAT(authority.Operations(),
              ElementsAre("charge /be/small@n/gpu0=1",
                          "charge /ls/gang@n/gpu1=1000 /ls/gang@n/gpu2=1000", "uncharge /ls/gang"));
  EXPECT_EQ(totals->charges, 2u);
  EXPECT_THAT(totals->peak_bytes, ElementsAre(Pair("/", 2001), Pair("/be", 1), Pair("/ls", 2000)));
}

TEST(ReplayTasksTest, WhatTheAuthorityRefusesIsUnplacedAndTakesNoRoom) {
  RecordingAuthority authority;
  authority.refuse_cgroup = "/ls/a";
  const auto totals = ReplayTasks({{"n", "T4", 1, 1000}},
                                  {Task("a", "ls", 1000, 0, 9), Task("b", "ls", 1000, 1, 9)},
                                  Options(), &authority);
  ASSERT_TRUE(totals.ok()) << totals.status();
  EXPECT_THAT(authority.Operations(), ElementsAre("charge /ls/a@n/gpu0=1000",
                                                  "charge /ls/b@n/gpu0=1000", "uncharge /ls/b"));
  EXPECT_EQ(totals->tasks_placed, 1u);
  EXPECT_EQ(totals->tasks_unplaced, 1u);
  EXPECT_EQ(totals->charges, 1u);
  EXPECT_EQ(totals->refusals, 1u);
  EXPECT_EQ(totals->first_refusal, "over max");
}

TEST(ReplayTasksTest, AnErrorEndsTheReplay) {
  for (const char* where : {"group cluster < ", "region n/gpu0 < model/T4 0Gi n T4", "cgroup /ls",
                            "charge /ls/a@n/gpu0=5", "uncharge /ls/a"}) {
    RecordingAuthority authority;
    authority.fail_at = where;
    const auto totals =
        ReplayTasks({{"n", "T4", 1, 1000}}, {Task("a", "ls", 5, 0, 9)}, Options(), &authority);
    EXPECT_EQ(totals.status().code(), absl::StatusCode::kUnavailable) << where;
  }
}

TEST(ReplayTasksTest, AnAuthorityThatHoldsAnythingElseAtTheEndIsAnError) {
  RecordingAuthority authority;
  authority.extra = {1, 5};
  const auto totals = ReplayTasks({{"n", "T4", 1, 1000}}, {Task("a", "ls", 7, 0, absl::nullopt)},
                                  Options(), &authority);
  EXPECT_EQ(totals.status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(totals.status().message(),
            "the server holds 2 charges of this run with 12 bytes, but granted 1 with 7 bytes that "
            "were not uncharged");
}

TEST(ReplayTasksTest, ChargeIdsNameRunLineAndTaskAndFitInAnId) {
  RecordingAuthority authority;
  const std::string long_name(200, 'x');
  const auto totals = ReplayTasks({{"n", "T4", 1, 1000}},
                                  {Task("same", "ls", 1, 0, 9, 2), Task("same", "ls", 1, 0, 9, 3),
                                   Task(long_name, "ls", 1, 0, 9, 4)},
                                  Options(), &authority);
  ASSERT_TRUE(totals.ok()) << totals.status();
  EXPECT_THAT(authority.ids, ElementsAre("run.2.same", "run.3.same", "run.4"));
}

TEST(ReplayTasksTest, ProgressEndsEachPhaseComplete) {
  RecordingAuthority authority;
  std::map<std::string, std::string> last;
  ReplayOptions options = Options();
  options.progress = [&last](absl::string_view phase, size_t done, size_t total, uint64_t live) {
    last[std::string(phase)] = absl::StrCat(done, "/", total, " ", live);
  };
  ASSERT_TRUE(ReplayTasks({{"n", "T4", 1, 1000}}, {Task("a", "ls", 1, 0, absl::nullopt)}, options,
                          &authority)
                  .ok());
  // Two groups, a region and a cgroup; a start.
  EXPECT_THAT(last, ElementsAre(Pair("registering", "4/4 0"), Pair("replaying", "1/1 1")));
}

TEST(ReplayUsageTest, ContainersGetAGpuEachEightANodeInOrderOfNames) {
  RecordingAuthority authority;
  UsageTrace trace;
  for (int i = 0; i < 9; ++i) trace.containers.push_back(absl::StrCat("c", i));
  trace.samples = {{8, 5, 2}, {7, 6, 3}};
  const auto totals = ReplayUsage(trace, Options(), &authority);
  ASSERT_TRUE(totals.ok()) << totals.status();
  EXPECT_EQ(authority.log[0], "group cluster < ");
  EXPECT_EQ(authority.log[1], "region node-000/gpu0 < cluster 48Gi node-000 ");
  EXPECT_EQ(authority.log[9], "region node-001/gpu0 < cluster 48Gi node-001 ");
  EXPECT_EQ(authority.log[10], "cgroup /genai");
  EXPECT_THAT(authority.Operations(),
              ElementsAre("charge /genai/c8@node-001/gpu0=5", "charge /genai/c7@node-000/gpu7=6"));
}

TEST(ReplayUsageTest, ChargesResizesAndUnchargesAsTheSamplesGo) {
  RecordingAuthority authority;
  UsageTrace trace;
  trace.containers = {"c"};
  // 0: nothing yet; 5 charges; 5 is no change; 8 and 3 resize; 0 uncharges; 0 is no change; 5
  // charges anew.
  size_t line = 2;
  for (uint64_t bytes : {0, 5, 5, 8, 3, 0, 0, 5}) trace.samples.push_back({0, bytes, line++});
  const auto totals = ReplayUsage(trace, Options(), &authority);
  ASSERT_TRUE(totals.ok()) << totals.status();
  EXPECT_THAT(
      authority.Operations(),
      ElementsAre("charge /genai/c@node-000/gpu0=5", "resize /genai/c 8", "resize /genai/c 3",
                  "uncharge /genai/c", "charge /genai/c@node-000/gpu0=5"));
  EXPECT_THAT(authority.ids, ElementsAre("run.3.c", "run.9.c"));
  EXPECT_EQ(totals->charges, 2u);
  EXPECT_EQ(totals->resizes, 2u);
  EXPECT_EQ(totals->uncharges, 1u);
  EXPECT_EQ(totals->live_charges, 1u);
  EXPECT_EQ(totals->live_bytes, 5u);
  EXPECT_EQ(totals->tasks_placed, 0u);
  EXPECT_EQ(totals->tasks_unplaced, 0u);
  EXPECT_THAT(totals->peak_bytes, ElementsAre(Pair("/", 8), Pair("/genai", 8)));
}

TEST(ReplayUsageTest, ARefusedChargeIsTriedAtTheNextSampleAndARefusedResizeKeepsTheSize) {
  RecordingAuthority authority;
  authority.refuse_cgroup = "/genai/a";
  authority.refuse_above = 10;
  UsageTrace trace;
  trace.containers = {"a", "b"};
  trace.samples = {{0, 1, 2}, {0, 1, 3}, {1, 4, 4}, {1, 11, 5}, {1, 4, 6}};
  const auto totals = ReplayUsage(trace, Options(), &authority);
  ASSERT_TRUE(totals.ok()) << totals.status();
  EXPECT_THAT(authority.Operations(),
              ElementsAre("charge /genai/a@node-000/gpu0=1", "charge /genai/a@node-000/gpu0=1",
                          "charge /genai/b@node-000/gpu1=4", "resize /genai/b 11"));
  EXPECT_EQ(totals->refusals, 3u);
  EXPECT_EQ(totals->charges, 1u);
  EXPECT_EQ(totals->resizes, 0u);
  EXPECT_EQ(totals->live_bytes, 4u);
}

TEST(ReplayUsageTest, AnEmptyTraceStillHasItsCgroup) {
  RecordingAuthority authority;
  const auto totals = ReplayUsage(UsageTrace{}, Options(), &authority);
  ASSERT_TRUE(totals.ok()) << totals.status();
  EXPECT_THAT(authority.log, ElementsAre("group cluster < ", "cgroup /genai"));
  EXPECT_THAT(authority.Operations(), IsEmpty());
  EXPECT_THAT(totals->peak_bytes, ElementsAre(Pair("/", 0), Pair("/genai", 0)));
}

}  // namespace
}  // namespace dmem::replay
