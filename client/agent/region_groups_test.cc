// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/region_groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace dmem::client {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Device OfModel(const std::string& model) {
  Device device;
  device.model = model;
  return device;
}

TEST(RegionGroupsTest, ModelsMakeNamesThatAreGroups) {
  EXPECT_THAT(GroupsOf({"model/{model}", "cluster"}, OfModel("NVIDIA H100 80GB HBM3")),
              ElementsAre("model/NVIDIA-H100-80GB-HBM3", "cluster"));
  EXPECT_THAT(GroupsOf({"{model}"}, OfModel("a/b@c\n\xc3\xa4")), ElementsAre("a-b-c---"));
  EXPECT_THAT(GroupsOf({"{model}"}, OfModel(std::string(300, 'x'))),
              ElementsAre(std::string(50, 'x')));
}

TEST(RegionGroupsTest, GroupOfAModelIsLeftOutWhereNoneIsKnown) {
  EXPECT_THAT(GroupsOf({"model/{model}", "cluster"}, OfModel("")), ElementsAre("cluster"));
  EXPECT_THAT(GroupsOf({}, OfModel("x")), IsEmpty());
}

TEST(RegionGroupsTest, OnlyNamesWithModelsAreTemplates) {
  for (const char* good : {"cluster", "model/{model}", "{model}{model}", "a-b_c.d"})
    EXPECT_TRUE(CheckGroupTemplate(good).ok()) << good;
  for (const char* bad : {"", "a b", "a@1", "{node}", "{model", "}", "\xc3\xa4"})
    EXPECT_TRUE(absl::IsInvalidArgument(CheckGroupTemplate(bad))) << bad;
  EXPECT_TRUE(CheckGroupTemplate(std::string(200, 'x')).ok());
  EXPECT_FALSE(CheckGroupTemplate(std::string(201, 'x')).ok());
  EXPECT_TRUE(CheckGroupTemplate("{model}{model}{model}{model}").ok());
  EXPECT_FALSE(CheckGroupTemplate("{model}{model}{model}{model}/").ok())
      << "of a long model it would be too long";
}

}  // namespace
}  // namespace dmem::client
