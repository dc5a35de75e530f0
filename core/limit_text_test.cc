// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/limit_text.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "core/errors.h"
#include "core/testing/tree.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dmem {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kMax = 9223372036854775807u;  // 2^63-1.

struct Good {
  std::string value;
  uint64_t bytes;
};

TEST(LimitTextTest, ValuesAreReadAsTheKernelReadsThem) {
  const Good cases[] = {
      {"0", 0},
      {"1", 1},
      {"4096", 4096},
      {"max", kMax},
      {"1k", 1024},
      {"1K", 1024},
      {"10m", 10485760},
      {"10M", 10485760},
      {"3g", uint64_t{3} << 30},
      {"3G", uint64_t{3} << 30},
      {"2t", uint64_t{2} << 40},
      {"2T", uint64_t{2} << 40},
      {"5p", uint64_t{5} << 50},
      {"5P", uint64_t{5} << 50},
      {"7e", uint64_t{7} << 60},
      {"7E", uint64_t{7} << 60},
      {"010", 8},
      {"00", 0},
      {"0k", 0},
      {"017k", 15360},
      {"0x10", 16},
      {"0X10", 16},
      {"0X10k", 16384},
      {"0xe", 14},
      {"0x1e", 30},
      {"0xE", 14},
      {"0xfF", 255},
      {"0x1g", uint64_t{1} << 30},
      {"9223372036854775807", kMax},
      {"0x7fffffffffffffff", kMax},
      {"0777777777777777777777", kMax},
      {"9007199254740991k", 9007199254740991u * 1024},
      {"8191P", uint64_t{8191} << 50},
  };
  for (const Good& c : cases) {
    SCOPED_TRACE(c.value);
    const std::string text = absl::StrCat("n1/gpu0 ", c.value);
    const auto line = ParseLimitLine(text);
    ASSERT_TRUE(line.ok()) << line.status();
    EXPECT_EQ(line->region, "n1/gpu0");
    EXPECT_EQ(line->value.value(), c.bytes);
  }
}

TEST(LimitTextTest, WhiteSpaceAtBothEndsIsIgnoredAndOneSeparates) {
  for (const char* text : {"r 5", "r\t5", " r 5\n", "\t\n r\t5 \t\n"}) {
    SCOPED_TRACE(text);
    const auto line = ParseLimitLine(text);
    ASSERT_TRUE(line.ok()) << line.status();
    EXPECT_EQ(line->region, "r");
    EXPECT_EQ(line->value, ByteCount(5));
  }
}

struct Bad {
  std::string text;
  std::string reason;
};

TEST(LimitTextTest, WhatTheKernelRefusesOrMisparsesIsRefusedWithTheReason) {
  const Bad cases[] = {
      {"", "blank"},
      {" \t\n", "blank"},
      {"r", "no value after \"r\""},
      {"r\n", "no value after \"r\""},
      {"r\n5", "no value after \"r\\n5\""},
      {"r  5", "has no number"},
      {"r \t5", "has no number"},
      {"r -1", "has no number"},
      {"r +1", "has no number"},
      {"r MAX", "has no number"},
      {"r abc", "has no number"},
      {"r .5g", "has no number"},
      {"r 1.5g", "has \".5g\" after the number"},
      {"r 08", "has \"8\" after the number"},
      {"r 0xz", "has \"xz\" after the number"},
      {"r 0x", "has \"x\" after the number"},
      {"r 10kk", "has \"k\" after the number"},
      {"r 10mb", "has \"b\" after the number"},
      {"r 10 k", "has \" k\" after the number"},
      {"r 1ee", "has \"e\" after the number"},
      {"r maximum", "has no number"},
      {"r 10m r2 20m", "has \" r2 20m\" after the number"},
      {"r 10m\nr2 20m", "has \"\\nr2 20m\" after the number"},
      {"r 5\r", "has \"\\r\" after the number"},
      // The kernel reads these as 0, 0, 1125899906842624, 0 and 7766279631452241919.
      {"r k", "has no number"},
      {"r E", "has no number"},
      {"r 16E", "is more than 9223372036854775807"},
      {"r 16385P", "is more than 9223372036854775807"},
      {"r 18446744073709551616", "is more than 9223372036854775807"},
      {"r 99999999999999999999", "is more than 9223372036854775807"},
      // These fit the kernel's 64 bits, and not ours.
      {"r 9223372036854775808", "is more than 9223372036854775807"},
      {"r 8E", "is more than 9223372036854775807"},
      {"r 8192P", "is more than 9223372036854775807"},
      {"r 0xffffffffffffffff", "is more than 9223372036854775807"},
      {"r 18446744073709551615k", "is more than 9223372036854775807"},
  };
  for (const Bad& c : cases) {
    SCOPED_TRACE(c.text);
    const auto line = ParseLimitLine(c.text);
    ASSERT_FALSE(line.ok()) << line->value.value();
    EXPECT_EQ(line.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(FactsOf(line.status()).reason, "BAD_LIMIT_TEXT");
    EXPECT_THAT(std::string(line.status().message()), HasSubstr(c.reason));
  }
}

TEST(LimitTextTest, LongNumbersAreRefusedWhateverTheirLength) {
  const std::string text = "r " + std::string(4000, '9');
  const auto line = ParseLimitLine(text);
  ASSERT_FALSE(line.ok());
  EXPECT_LT(line.status().message().size(), 300u);
}

TEST(LimitTextTest, OnlyUnlimitedIsShownAsMax) {
  EXPECT_EQ(FormatLimit(ByteCount()), "0");
  EXPECT_EQ(FormatLimit(ByteCount(2251799813685247)), "2251799813685247");
  EXPECT_EQ(FormatLimit(ByteCount(kMax - 1)), "9223372036854775806");
  EXPECT_EQ(FormatLimit(kUnlimited), "max");
}

// Registered in the order r2, cluster, r1, model, r3, gone; r1 and r2 in model, model and r3 in
// cluster, gone in cluster with a charge. /a uses r1 only.
class LimitFileTest : public ::testing::Test {
 protected:
  LimitFileTest() {
    tree_.Region("r2", "", SizeOf("2Gi"))
        .Group("cluster")
        .Region("r1", "", SizeOf("1Gi"))
        .Group("model", "cluster")
        .Region("r3", "cluster", SizeOf("3Gi"))
        .Region("gone", "cluster", SizeOf("7Gi"))
        .Region("r4", "model", SizeOf("4Gi"));
    tree_.Draw("r1", "/a min=1 low=2 max=3 use=9; /a/b use=1");
    tree_.Draw("model", "/a max=64Ki min=max").Draw("r4", "/a use=5; /b use=100");
    tree_.Draw("gone", "/a use=1000").Unregister("gone");
  }

  std::string Read(absl::string_view path, absl::string_view file) {
    const auto text = ReadLimitFile(tree_.state(), tree_.CgroupOf(path), file, 4 << 20);
    return text.ok() ? *text : std::string(text.status().message());
  }

  TestTree tree_;
};

TEST_F(LimitFileTest, LinesAreInOrderOfRegistrationWithGroupsLast) {
  EXPECT_EQ(Read("/a", "dmem.current"), "r2 0\nr1 10\nr3 0\nr4 5\ncluster 1005\nmodel 5\n");
  EXPECT_EQ(Read("/a", "dmem.peak"), "r2 0\nr1 10\nr3 0\nr4 5\ncluster 1005\nmodel 5\n");
  EXPECT_EQ(Read("/a", "dmem.min"), "r2 0\nr1 1\nr3 0\nr4 0\ncluster 0\nmodel max\n");
  EXPECT_EQ(Read("/a", "dmem.low"), "r2 0\nr1 2\nr3 0\nr4 0\ncluster 0\nmodel 0\n");
  EXPECT_EQ(Read("/a", "dmem.max"), "r2 max\nr1 3\nr3 max\nr4 max\ncluster max\nmodel 65536\n");
}

TEST_F(LimitFileTest, RootHasCapacityAndCurrentOnly) {
  EXPECT_EQ(Read("/", "dmem.current"), "r2 0\nr1 10\nr3 0\nr4 105\ncluster 1105\nmodel 105\n");
  EXPECT_EQ(Read("/", "dmem.capacity"),
            "r2 2147483648\nr1 1073741824\nr3 3221225472\nr4 4294967296\n"
            "cluster 7516192768\nmodel 4294967296\n");
  for (const char* file :
       {"dmem.peak", "dmem.min", "dmem.low", "dmem.max", "dmem", "", "memory.max"}) {
    const auto text = ReadLimitFile(tree_.state(), kRootCgroup, file, 4 << 20);
    EXPECT_EQ(text.status().code(), absl::StatusCode::kNotFound) << file;
    EXPECT_EQ(FactsOf(text.status()).reason, "FILE_NOT_FOUND") << file;
  }
}

TEST_F(LimitFileTest, OtherCgroupsHaveNoCapacity) {
  const auto text = ReadLimitFile(tree_.state(), tree_.CgroupOf("/a"), "dmem.capacity", 4 << 20);
  EXPECT_EQ(text.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(FactsOf(text.status()).reason, "FILE_NOT_FOUND");
}

TEST_F(LimitFileTest, TextBeyondTheBoundIsRefused) {
  const std::string whole = Read("/a", "dmem.current");
  const Index a = tree_.CgroupOf("/a");
  EXPECT_TRUE(ReadLimitFile(tree_.state(), a, "dmem.current", whole.size()).ok());
  const auto text = ReadLimitFile(tree_.state(), a, "dmem.current", whole.size() - 1);
  EXPECT_EQ(text.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(FactsOf(text.status()).reason, "TOO_MANY");
}

TEST_F(LimitFileTest, CapacityIsDecimalEvenWhereItsSumDoesNotFit) {
  tree_.Region("huge1", "model", kUnlimited).Region("huge2", "model", kUnlimited);
  EXPECT_THAT(Read("/", "dmem.capacity"), HasSubstr("huge1 9223372036854775807\n"));
  EXPECT_THAT(Read("/", "dmem.capacity"), HasSubstr("\nmodel 9223372036854775807\n"));
}

}  // namespace
}  // namespace dmem
