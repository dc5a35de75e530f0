// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/byte_count.h"

#include "gtest/gtest.h"

namespace dmem {
namespace {

constexpr uint64_t kGiB = uint64_t{1} << 30;
constexpr uint64_t kLargest = (uint64_t{1} << 63) - 1;

ByteCount B(uint64_t bytes) { return ByteCount(bytes); }

TEST(ByteCountTest, UnlimitedIsTheLargestAndNoLargerAmountCanBeMade) {
  EXPECT_EQ(kUnlimited.value(), kLargest);
  EXPECT_TRUE(kUnlimited.is_unlimited());
  EXPECT_FALSE(B(kLargest - 1).is_unlimited());
  EXPECT_EQ(ByteCount::FromUint64(kLargest), kUnlimited);
  EXPECT_EQ(ByteCount::FromUint64(kLargest + 1), absl::nullopt);
  EXPECT_EQ(ByteCount::FromUint64(~uint64_t{0}), absl::nullopt);
}

TEST(ByteCountTest, PlusRefusesToPassTheLargest) {
  EXPECT_EQ(B(kLargest - 1).Plus(B(1)), kUnlimited);
  EXPECT_EQ(kUnlimited.Plus(B(0)), kUnlimited);
  EXPECT_EQ(B(kLargest - 1).Plus(B(2)), absl::nullopt);
  EXPECT_EQ(kUnlimited.Plus(kUnlimited), absl::nullopt);
  EXPECT_EQ(B(kLargest - 1).PlusSaturating(B(1)), kUnlimited);
  EXPECT_EQ(kUnlimited.PlusSaturating(kUnlimited), kUnlimited);
}

TEST(ByteCountTest, TimesSaturatesAndHowManyIsItsFloor) {
  EXPECT_EQ(B(7).TimesSaturating(0), B(0));
  EXPECT_EQ(B(7).TimesSaturating(3), B(21));
  EXPECT_EQ(B(kLargest / 3).TimesSaturating(3), B(kLargest / 3 * 3));
  EXPECT_EQ(B(kLargest / 3 + 1).TimesSaturating(3), kUnlimited);
  EXPECT_EQ(B(2).TimesSaturating(~uint64_t{0}), kUnlimited);
  EXPECT_EQ(B(21).HowMany(B(7)), 3u);
  EXPECT_EQ(B(20).HowMany(B(7)), 2u);
  EXPECT_EQ(kUnlimited.HowMany(B(1)), kLargest);
}

TEST(ByteCountTest, MinusRefusesToPassZero) {
  EXPECT_EQ(B(7).Minus(B(7)), B(0));
  EXPECT_EQ(B(7).Minus(B(8)), absl::nullopt);
  EXPECT_EQ(B(0).Minus(kUnlimited), absl::nullopt);
  EXPECT_EQ(kUnlimited.Minus(B(1)), B(kLargest - 1));
  EXPECT_EQ(B(7).MinusOrZero(B(8)), B(0));
  EXPECT_EQ(B(0).MinusOrZero(kUnlimited), B(0));
  EXPECT_EQ(B(8).MinusOrZero(B(7)), B(1));
}

TEST(ByteCountTest, OrderIsThatOfTheNumbersUpToTheLargest) {
  EXPECT_LT(B(0), B(1));
  EXPECT_LT(B(kLargest - 1), kUnlimited);
  EXPECT_LE(kUnlimited, kUnlimited);
  EXPECT_GT(kUnlimited, B(0));
  EXPECT_NE(B(1), B(2));
  EXPECT_EQ(Min(B(3), B(4)), B(3));
  EXPECT_EQ(Max(B(3), B(4)), B(4));
}

// The shares that 64-bit products get wrong. Source: conformance description, table of 5.1.
TEST(ByteCountTest, MulDivIsExactWhereAProductWouldWrap) {
  // A tenant's min of 40, 59 GiB over two jobs that claim 30 GiB each; 8, 4 GiB over 6 GiB each.
  EXPECT_EQ(B(30 * kGiB).MulDiv(B(40 * kGiB), B(60 * kGiB)), B(21474836480));
  EXPECT_EQ(B(30 * kGiB).MulDiv(B(59 * kGiB), B(60 * kGiB)), B(31675383808));
  EXPECT_EQ(B(6 * kGiB).MulDiv(B(8 * kGiB), B(12 * kGiB)), B(4294967296));
  EXPECT_EQ(B(6 * kGiB).MulDiv(B(4 * kGiB), B(12 * kGiB)), B(2147483648));
  // 12 GiB that nobody claims, over usages of 12 and 3 GiB.
  EXPECT_EQ(B(12 * kGiB).MulDiv(B(12 * kGiB), B(15 * kGiB)), B(10307921510));
  EXPECT_EQ(B(12 * kGiB).MulDiv(B(3 * kGiB), B(15 * kGiB)), B(2576980377));
  EXPECT_EQ(B(5 * kGiB).MulDiv(B(5 * kGiB - 4096), B(5 * kGiB - 4096)), B(5368709120));
  // The kernel's largest min over two usages of 8 GiB.
  EXPECT_EQ(B(2251799813685247).MulDiv(B(8 * kGiB), B(16 * kGiB)), B(1125899906842623));
}

TEST(ByteCountTest, MulDivRoundsDownAndHoldsAtTheLargest) {
  EXPECT_EQ(B(10).MulDiv(B(1), B(3)), B(3));
  EXPECT_EQ(B(2).MulDiv(B(1), B(3)), B(0));
  EXPECT_EQ(kUnlimited.MulDiv(kUnlimited, kUnlimited), kUnlimited);
  EXPECT_EQ(kUnlimited.MulDiv(B(kLargest - 1), kUnlimited), B(kLargest - 1));
  EXPECT_EQ(kUnlimited.MulDiv(B(0), B(1)), B(0));
}

TEST(ByteCountDeathTest, MulDivStopsAtADivisionByZeroAndAtAResultOutOfRange) {
  EXPECT_DEATH(B(1).MulDiv(B(1), B(0)), "check failed");
  EXPECT_DEATH(kUnlimited.MulDiv(B(2), B(1)), "check failed");
}

}  // namespace
}  // namespace dmem
