// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "bench/replay/openb_trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"

namespace dmem::replay {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint64_t kGiB = uint64_t{1} << 30;
constexpr char kPodHeader[] =
    "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,"
    "deletion_time,scheduled_time\n";

std::string Write(const std::string& text) {
  std::string path = ::testing::TempDir() + "/openb_trace_test.csv";
  std::ofstream(path) << text;
  return path;
}

absl::StatusOr<std::vector<GpuNode>> Nodes(const std::string& rows,
                                           absl::optional<size_t> take = absl::nullopt) {
  return ReadGpuNodes(Write("sn,cpu_milli,memory_mib,gpu,model\n" + rows), take);
}

absl::StatusOr<std::vector<GpuTask>> Tasks(const std::string& rows) {
  return ReadGpuTasks(Write(kPodHeader + rows));
}

std::vector<std::string> Names(const absl::StatusOr<std::vector<GpuNode>>& nodes) {
  std::vector<std::string> names;
  for (const GpuNode& node : nodes.value()) names.push_back(node.name);
  return names;
}

TEST(OpenbTraceTest, EveryModelHasTheSizeThatReplaysAgreeOn) {
  EXPECT_EQ(ModelBytes("P100"), 16 * kGiB);
  EXPECT_EQ(ModelBytes("T4"), 16 * kGiB);
  EXPECT_EQ(ModelBytes("V100M16"), 16 * kGiB);
  EXPECT_EQ(ModelBytes("V100M32"), 32 * kGiB);
  EXPECT_EQ(ModelBytes("A10"), 24 * kGiB);
  EXPECT_EQ(ModelBytes("G1"), 16 * kGiB);
  EXPECT_EQ(ModelBytes("G2"), 24 * kGiB);
  EXPECT_EQ(ModelBytes("G3"), 80 * kGiB);
  EXPECT_EQ(ModelBytes("g3"), absl::nullopt);
}

TEST(OpenbTraceTest, ANodeHasItsGpusOfItsModelsSize) {
  const auto nodes = Nodes("n0,1,1,2,T4\nn1,1,1,8,G3\n");
  ASSERT_TRUE(nodes.ok()) << nodes.status();
  ASSERT_EQ(nodes->size(), 2u);
  EXPECT_EQ((*nodes)[1].name, "n1");
  EXPECT_EQ((*nodes)[1].model, "G3");
  EXPECT_EQ((*nodes)[1].gpus, 8u);
  EXPECT_EQ((*nodes)[1].capacity_bytes, 80 * kGiB);
}

TEST(OpenbTraceTest, TakeNodesKeepsEveryFloorOfRowsByNthRowFromTheFirst) {
  std::string rows;
  for (int i = 0; i < 10; ++i) absl::StrAppend(&rows, "n", i, ",1,1,1,T4\n");
  // floor(10/3) = 3, floor(10/4) = 2, floor(10/6) = 1.
  EXPECT_THAT(Names(Nodes(rows, 3)), ElementsAre("n0", "n3", "n6"));
  EXPECT_THAT(Names(Nodes(rows, 4)), ElementsAre("n0", "n2", "n4", "n6"));
  EXPECT_THAT(Names(Nodes(rows, 6)), ElementsAre("n0", "n1", "n2", "n3", "n4", "n5"));
  EXPECT_THAT(Names(Nodes(rows, 1)), ElementsAre("n0"));
  EXPECT_EQ(Names(Nodes(rows, 10)).size(), 10u);
  EXPECT_EQ(Names(Nodes(rows, 11)).size(), 10u);
  EXPECT_EQ(Names(Nodes(rows)).size(), 10u);
  EXPECT_THAT(Names(Nodes("", 3)), IsEmpty());
}

TEST(OpenbTraceTest, NodesWithoutGpusCountAsRowsAndAreLeftOut) {
  EXPECT_THAT(Names(Nodes("c0,1,1,0,\nn1,1,1,1,T4\nn2,1,1,1,T4\nn3,1,1,1,T4\n", 2)),
              ElementsAre("n2"));
}

TEST(OpenbTraceTest, AnUnknownModelOfANodeIsAnErrorThatNamesIt) {
  const auto nodes = Nodes("n0,1,1,2,T4\nn1,1,1,2,H900\n");
  EXPECT_EQ(nodes.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(nodes.status().message()),
              HasSubstr("csv:3: column \"model\": unknown GPU model \"H900\""));
  EXPECT_TRUE(Nodes("n0,1,1,2,T4\nn1,1,1,2,H900\n", 1).ok()) << "a node that is not kept";
}

TEST(OpenbTraceTest, BadNodesAreErrorsThatNameTheLine) {
  EXPECT_THAT(std::string(Nodes("n0,1,1,2,T4\nn0,1,1,2,T4\n").status().message()),
              HasSubstr("csv:3: column \"sn\": a second node named \"n0\""));
  EXPECT_THAT(std::string(Nodes("n0,1,1,two,T4\n").status().message()),
              HasSubstr("csv:2: column \"gpu\": \"two\""));
  EXPECT_THAT(std::string(Nodes(",1,1,2,T4\n").status().message()),
              HasSubstr("csv:2: column \"sn\": is empty"));
}

TEST(OpenbTraceTest, ATaskIsReadWhole) {
  const auto tasks = Tasks("pod-1,100,200,1,460,V100M16|V100M32,Burstable,Running,5,90,7\n");
  ASSERT_TRUE(tasks.ok()) << tasks.status();
  ASSERT_EQ(tasks->size(), 1u);
  const GpuTask& task = tasks->front();
  EXPECT_EQ(task.name, "pod-1");
  EXPECT_EQ(task.qos, "Burstable");
  EXPECT_EQ(task.first_level_cgroup, "/burstable");
  EXPECT_EQ(task.cgroup, "/burstable/pod-1");
  EXPECT_EQ(task.line, 2u);
  EXPECT_EQ(task.gpus, 1u);
  EXPECT_EQ(task.gpu_milli, 460);
  EXPECT_EQ(task.start_seconds, 7);
  EXPECT_EQ(task.end_seconds, 90);
  EXPECT_TRUE(task.Allows("V100M16"));
  EXPECT_TRUE(task.Allows("V100M32"));
  EXPECT_FALSE(task.Allows("V100"));
  EXPECT_FALSE(task.Allows("T4"));
}

TEST(OpenbTraceTest, AnEmptyScheduledTimeMeansCreationTimeAndAnEmptyDeletionTimeNever) {
  const auto tasks = Tasks("a,1,1,1,10,,LS,Pending,5,90,\nb,1,1,1,10,,LS,Running,5,,8.0\n");
  ASSERT_TRUE(tasks.ok()) << tasks.status();
  ASSERT_EQ(tasks->size(), 2u);
  EXPECT_EQ((*tasks)[0].start_seconds, 5);
  EXPECT_EQ((*tasks)[1].start_seconds, 8);
  EXPECT_EQ((*tasks)[1].end_seconds, absl::nullopt);
}

TEST(OpenbTraceTest, TasksWithoutAGpuOrWithAnEndNotAfterTheirStartAreLeftOut) {
  const auto tasks = Tasks(
      "no-gpu,1,1,0,0,NOT-LOOKED-AT,,Running,5,90,7\n"
      "end-is-start,1,1,1,10,,LS,Running,0,7,7\n"
      "end-before-start,1,1,1,10,,LS,Running,0,6,7\n"
      "kept,1,1,1,10,,LS,Running,0,8,7\n");
  ASSERT_TRUE(tasks.ok()) << tasks.status();
  ASSERT_EQ(tasks->size(), 1u);
  EXPECT_EQ(tasks->front().name, "kept");
  EXPECT_EQ(tasks->front().line, 5u);
}

TEST(OpenbTraceTest, ATaskTakesItsShareOfOneGpuRoundedDownOrWholeGpus) {
  const auto tasks =
      Tasks("one,1,1,1,333,,LS,,0,,0\ntwo,1,1,2,333,,LS,,0,,0\nall,1,1,1,1000,,LS,,0,,0\n");
  ASSERT_TRUE(tasks.ok()) << tasks.status();
  // 16 GiB = 17179869184 bytes; times 333 / 1000 = 5720896438.27...
  EXPECT_EQ((*tasks)[0].BytesOn(16 * kGiB), 5720896438u);
  EXPECT_EQ((*tasks)[1].BytesOn(16 * kGiB), 16 * kGiB);
  EXPECT_EQ((*tasks)[2].BytesOn(16 * kGiB), 16 * kGiB);
}

TEST(OpenbTraceTest, AnAbsurdShareIsMoreThanAnyCapacityAndDoesNotWrap) {
  const auto tasks = Tasks("x,1,1,1,9223372036854775807,,LS,,0,,0\n");
  ASSERT_TRUE(tasks.ok()) << tasks.status();
  EXPECT_GT(tasks->front().BytesOn(80 * kGiB), 80 * kGiB);
}

TEST(OpenbTraceTest, BadTasksAreErrorsThatNameLineAndColumn) {
  struct Case {
    const char* row;
    const char* message;
  };
  for (const Case& c : {
           Case{"a,1,1,1,10,T4|H900,LS,,0,,0", "column \"gpu_spec\": unknown GPU model \"H900\""},
           Case{"a,1,1,1,10,T4|,LS,,0,,0", "column \"gpu_spec\": unknown GPU model \"\""},
           Case{"a,1,1,-1,10,,LS,,0,,0", "column \"num_gpu\": \"-1\""},
           Case{"a,1,1,1,x,,LS,,0,,0", "column \"gpu_milli\": \"x\""},
           Case{"a,1,1,1,10,,,,0,,0", "column \"qos\": is empty"},
           Case{",1,1,1,10,,LS,,0,,0", "column \"name\": is empty"},
           Case{"a,1,1,1,10,,LS,,,,", "column \"creation_time\": \"\""},
           Case{"a,1,1,1,10,,LS,,0,,soon", "column \"scheduled_time\": \"soon\""},
           Case{"a,1,1,1,10,,LS,,0,1.5,0", "column \"deletion_time\": \"1.5\""},
       }) {
    const auto tasks = Tasks(std::string(c.row) + "\n");
    EXPECT_EQ(tasks.status().code(), absl::StatusCode::kInvalidArgument) << c.row;
    EXPECT_THAT(std::string(tasks.status().message()),
                HasSubstr(absl::StrCat("csv:2: ", c.message)));
  }
}

}  // namespace
}  // namespace dmem::replay
