// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/dmem_files/region_lines.h"

#include <string>
#include <vector>

#include "client/agent/device_backend.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dmem::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

TEST(RegionLinesTest, LinesAreReadInTheOrderOfTheFile) {
  const RegionLines lines = ParseRegionLines(
      "drm/0000:83:00.0/vram0 25753026560\ndrm/0000:03:00.0/vram0 0\ndrm/0000:03:00.0/stolen "
      "max\n");
  EXPECT_THAT(lines.values, ElementsAre(Pair("drm/0000:83:00.0/vram0", 25753026560u),
                                        Pair("drm/0000:03:00.0/vram0", 0u),
                                        Pair("drm/0000:03:00.0/stolen", kNoLimit)));
  EXPECT_THAT(lines.problems, IsEmpty());
  EXPECT_EQ(lines.Find("drm/0000:03:00.0/vram0"), 0u);
  EXPECT_EQ(lines.Find("drm/0000:03:00.0/vram"), std::nullopt);
}

TEST(RegionLinesTest, AnEmptyFileHasNoLinesAndNoProblem) {
  EXPECT_THAT(ParseRegionLines("").values, IsEmpty());
  EXPECT_THAT(ParseRegionLines("").problems, IsEmpty());
}

TEST(RegionLinesTest, ALineWithoutItsEndIsNotTakenForItsFirstDigits) {
  const RegionLines lines = ParseRegionLines("a 10\nb 123");
  EXPECT_THAT(lines.values, ElementsAre(Pair("a", 10u)));
  EXPECT_THAT(lines.problems, ElementsAre("line \"b 123\" has no end"));
}

TEST(RegionLinesTest, OneBadLineLeavesTheOthers) {
  const std::vector<std::string> bad = {"",
                                        "b",
                                        "b ",
                                        "b x",
                                        "b -1",
                                        "b +1",
                                        "b  1",
                                        "b 1 ",
                                        "b 1k",
                                        "b 0x1",
                                        "b MAX",
                                        "b 1\t",
                                        " b 1",
                                        "b\t1",
                                        "b@1 1",
                                        "b\x01 1",
                                        "b 9223372036854775808",
                                        "b 99999999999999999999"};
  for (const std::string& line : bad) {
    const RegionLines lines = ParseRegionLines("a 1\n" + line + "\nc 9223372036854775807\n");
    EXPECT_THAT(lines.values, ElementsAre(Pair("a", 1u), Pair("c", kNoLimit))) << line;
    EXPECT_THAT(lines.problems, SizeIs(1)) << line;
  }
}

TEST(RegionLinesTest, OfARegionThatIsThereTwiceTheFirstCounts) {
  const RegionLines lines = ParseRegionLines("a 1\na 2\n");
  EXPECT_THAT(lines.values, ElementsAre(Pair("a", 1u)));
  EXPECT_THAT(lines.problems, ElementsAre(HasSubstr("a second time")));
}

}  // namespace
}  // namespace dmem::client
