// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/details.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dmem {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(DetailsTest, OwnerAndLabelsComeBackAsTheyWere) {
  const std::vector<Label> labels = {{"app", "train"}, {"zone", ""}};
  ChargeCommand command;
  command.owner_kind = "Pod";
  command.owner_namespace = "team-a";
  command.owner_name = "job-42-0";
  command.owner_uid = "5c0b";
  command.owner_container = "worker";
  command.labels = labels;
  std::string encoded;
  AppendChargeDetails(command, &encoded);
  ASSERT_TRUE(IsChargeDetails(encoded));
  const ChargeDetails details = DecodeChargeDetails(encoded);
  EXPECT_EQ(details.owner_kind, "Pod");
  EXPECT_EQ(details.owner_namespace, "team-a");
  EXPECT_EQ(details.owner_name, "job-42-0");
  EXPECT_EQ(details.owner_uid, "5c0b");
  EXPECT_EQ(details.owner_container, "worker");
  EXPECT_THAT(details.labels, ElementsAre(Pair("app", "train"), Pair("zone", "")));
}

TEST(DetailsTest, AChargeThatSaysNothingTakesNoBytes) {
  std::string encoded = "before";
  AppendChargeDetails(ChargeCommand(), &encoded);
  EXPECT_EQ(encoded, "before");
  EXPECT_TRUE(IsChargeDetails(""));
  EXPECT_THAT(DecodeChargeDetails("").labels, IsEmpty());
}

TEST(DetailsTest, EachFieldAloneIsKept) {
  for (absl::string_view ChargeCommand::*field :
       {&ChargeCommand::owner_kind, &ChargeCommand::owner_namespace, &ChargeCommand::owner_name,
        &ChargeCommand::owner_uid, &ChargeCommand::owner_container}) {
    ChargeCommand command;
    command.*field = "x";
    std::string encoded;
    AppendChargeDetails(command, &encoded);
    const ChargeDetails d = DecodeChargeDetails(encoded);
    EXPECT_EQ(std::string(d.owner_kind) + std::string(d.owner_namespace) +
                  std::string(d.owner_name) + std::string(d.owner_uid) +
                  std::string(d.owner_container),
              "x");
  }
  const std::vector<Label> labels = {{"k", "v"}};
  ChargeCommand command;
  command.labels = labels;
  std::string encoded;
  AppendChargeDetails(command, &encoded);
  EXPECT_THAT(DecodeChargeDetails(encoded).labels, ElementsAre(Pair("k", "v")));
}

TEST(DetailsTest, TruncatedOrLengthenedDetailsAreToldFromWhole) {
  const std::vector<Label> labels = {{"app", "train"}};
  ChargeCommand command;
  command.owner_name = "job";
  command.labels = labels;
  std::string encoded;
  AppendChargeDetails(command, &encoded);
  for (size_t size = 1; size < encoded.size(); ++size)
    EXPECT_FALSE(IsChargeDetails(encoded.substr(0, size))) << size;
  EXPECT_FALSE(IsChargeDetails(encoded + "x"));
}

TEST(DetailsTest, AHugeNumberOfLabelsWithoutLabelsIsMalformedAtOnce) {
  const std::string five_empty_strings(5, '\0');
  EXPECT_FALSE(IsChargeDetails(five_empty_strings + std::string(9, '\xff') + '\x01'));
}

TEST(DetailsTest, AttributesOfARegionComeBackAsTheyWere) {
  const std::string encoded = EncodeRegionAttributes({"n7", "h100", "GPU-1", "0000:03:00.0"});
  ASSERT_TRUE(IsRegionAttributes(encoded));
  const RegionAttributes attributes = DecodeRegionAttributes(encoded);
  EXPECT_EQ(attributes.node, "n7");
  EXPECT_EQ(attributes.model, "h100");
  EXPECT_EQ(attributes.uuid, "GPU-1");
  EXPECT_EQ(attributes.pci, "0000:03:00.0");
  for (size_t size = 1; size < encoded.size(); ++size)
    EXPECT_FALSE(IsRegionAttributes(encoded.substr(0, size))) << size;
  EXPECT_FALSE(IsRegionAttributes(encoded + "x"));
  EXPECT_EQ(DecodeRegionAttributes("").node, "") << "groups have none";
}

}  // namespace
}  // namespace dmem
