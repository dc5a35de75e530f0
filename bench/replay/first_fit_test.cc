// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "bench/replay/first_fit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dmem::replay {
namespace {

using ::testing::ElementsAre;

// Capacities of 1000 bytes, so that a share of N thousandths is N bytes.
std::vector<GpuNode> Nodes() {
  return {{"a", "T4", 2, 1000}, {"b", "G2", 3, 1000}, {"c", "T4", 4, 1000}};
}

GpuTask Share(int64_t milli, std::vector<std::string> models = {}) {
  GpuTask task;
  task.gpus = 1;
  task.gpu_milli = milli;
  task.models = std::move(models);
  return task;
}

GpuTask Whole(uint32_t gpus, std::vector<std::string> models = {}) {
  GpuTask task;
  task.gpus = gpus;
  task.models = std::move(models);
  return task;
}

// Finds a place, takes it and says "NODE:GPU,GPU".
std::string Place(const GpuTask& task, FirstFit* books, Placement* placed = nullptr) {
  const absl::optional<Placement> placement = books->Find(task);
  if (!placement.has_value()) return "nowhere";
  books->Take(*placement);
  if (placed != nullptr) *placed = *placement;
  std::string text(1, static_cast<char>('a' + placement->node));
  for (uint32_t gpu : placement->gpus) text += " " + std::to_string(gpu);
  return text;
}

TEST(FirstFitTest, FillsTheLowestGpuOfTheFirstNodeThatHasRoom) {
  const std::vector<GpuNode> nodes = Nodes();
  FirstFit books(&nodes);
  EXPECT_EQ(Place(Share(600), &books), "a 0");
  EXPECT_EQ(Place(Share(600), &books), "a 1");
  EXPECT_EQ(Place(Share(400), &books), "a 0");  // Exactly what is left.
  EXPECT_EQ(Place(Share(401), &books), "b 0");
  EXPECT_EQ(Place(Share(400), &books), "a 1");
}

TEST(FirstFitTest, SeveralGpusMustBeOfOneNodeAndEachWhollyFree) {
  const std::vector<GpuNode> nodes = Nodes();
  FirstFit books(&nodes);
  EXPECT_EQ(Place(Share(1), &books), "a 0");
  EXPECT_EQ(Place(Whole(2), &books), "b 0 1");
  EXPECT_EQ(Place(Whole(2), &books), "c 0 1");
  EXPECT_EQ(Place(Whole(3), &books), "nowhere");  // a 1, b 2 and c 2, 3 are free.
}

TEST(FirstFitTest, GpusOfSeveralNeedNotBeNeighbours) {
  const std::vector<GpuNode> nodes = Nodes();
  FirstFit books(&nodes);
  EXPECT_EQ(Place(Share(1, {"G2"}), &books), "b 0");
  Placement second;
  EXPECT_EQ(Place(Whole(2, {"G2"}), &books), "b 1 2");
  EXPECT_EQ(Place(Share(1000, {"T4"}), &books), "a 0");
  EXPECT_EQ(Place(Share(1000, {"T4"}), &books), "a 1");
  EXPECT_EQ(Place(Share(1000, {"T4"}), &books), "c 0");
  EXPECT_EQ(Place(Share(1000, {"T4"}), &books, &second), "c 1");
  EXPECT_EQ(Place(Share(1, {"T4"}), &books), "c 2");
  books.Give(second);
  EXPECT_EQ(Place(Whole(2, {"T4"}), &books), "c 1 3");
}

TEST(FirstFitTest, OnlyAllowedModelsAreTaken) {
  const std::vector<GpuNode> nodes = Nodes();
  FirstFit books(&nodes);
  EXPECT_EQ(Place(Share(10, {"G2"}), &books), "b 0");
  EXPECT_EQ(Place(Share(10, {"G3", "G2"}), &books), "b 0");
  EXPECT_EQ(Place(Share(10, {"G3"}), &books), "nowhere");
}

TEST(FirstFitTest, WhatIsGivenBackIsFreeAgain) {
  const std::vector<GpuNode> nodes = {{"a", "T4", 1, 1000}};
  FirstFit books(&nodes);
  Placement placed;
  EXPECT_EQ(Place(Share(700), &books, &placed), "a 0");
  EXPECT_EQ(Place(Share(700), &books), "nowhere");
  books.Give(placed);
  EXPECT_EQ(Place(Share(1000), &books), "a 0");
}

TEST(FirstFitTest, AShareLargerThanAGpuFitsNowhereAndZeroFitsAFullOne) {
  const std::vector<GpuNode> nodes = {{"a", "T4", 1, 1000}};
  FirstFit books(&nodes);
  EXPECT_EQ(Place(Share(1001), &books), "nowhere");
  EXPECT_EQ(Place(Share(1000), &books), "a 0");
  EXPECT_EQ(Place(Share(0), &books), "a 0");
}

TEST(FirstFitTest, FindChangesNothing) {
  const std::vector<GpuNode> nodes = {{"a", "T4", 1, 1000}};
  FirstFit books(&nodes);
  for (int i = 0; i < 3; ++i) {
    const absl::optional<Placement> placement = books.Find(Share(1000));
    ASSERT_TRUE(placement.has_value());
    EXPECT_THAT(placement->gpus, ElementsAre(0));
    EXPECT_EQ(placement->bytes, 1000u);
  }
}

}  // namespace
}  // namespace dmem::replay
