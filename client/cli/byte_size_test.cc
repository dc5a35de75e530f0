// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/byte_size.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

namespace dmem::client {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr uint64_t kGi = uint64_t{1} << 30;
constexpr uint64_t kTi = uint64_t{1} << 40;

TEST(ByteSizeTest, ReadsWhatPeopleWriteExactly) {
  const struct {
    const char* text;
    uint64_t bytes;
  } kCases[] = {
      {"0", 0},
      {"00", 0},
      {"0.0Gi", 0},
      {"1", 1},
      {"007", 7},
      {"512B", 512},
      {"1k", 1000},
      {"1K", 1000},
      {"1KB", 1000},
      {"1Ki", 1024},
      {"1KiB", 1024},
      {"512M", 512'000'000},
      {"8G", 8'000'000'000},
      {"8Gi", 8 * kGi},
      {"8GiB", 8 * kGi},
      {"80Gi", 80 * kGi},
      {"1.5GiB", 3 * kGi / 2},
      {"1.50GiB", 3 * kGi / 2},
      {"1.500000000000000000000000000000000000000000GiB", 3 * kGi / 2},
      {"0.5Ki", 512},
      {".5Ki", 512},
      {"0.001K", 1},
      {"2.0", 2},
      {"2Ti", 2 * kTi},
      {"1P", 1'000'000'000'000'000},
      {"1Pi", 1024 * kTi},
      {"7Ei", 7 * (uint64_t{1} << 60)},
      {"9E", 9'000'000'000'000'000'000u},
      {"0.000000000000000001E", 1},
      {"9223372036854775807", kUnlimitedBytes},
      {"max", kUnlimitedBytes},
      {"9007199254740993", 9007199254740993},  // 2^53+1: no double.
  };
  for (const auto& c : kCases) {
    const auto bytes = ParseByteSize(c.text);
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    EXPECT_EQ(*bytes, c.bytes) << c.text;
  }
}

TEST(ByteSizeTest, RefusesTheRestAndSaysWhy) {
  const struct {
    const char* text;
    const char* why;
  } kCases[] = {
      {"", "is empty"},
      {"-1", "is negative"},
      {"-8Gi", "is negative"},
      {"+8Gi", "does not start with a number"},
      {"Gi", "does not start with a number"},
      {".Gi", "does not start with a number"},
      {"inf", "does not start with a number"},
      {"unlimited", "does not start with a number"},
      {"MAX", "does not start with a number"},
      {" 8Gi", "does not start with a number"},
      {"8 Gi", "unknown unit \" Gi\""},
      {"8Gi ", "unknown unit \"Gi \""},
      {"8g", "unknown unit \"g\""},
      {"8gi", "unknown unit \"gi\""},
      {"8m", "unknown unit \"m\""},
      {"8ki", "unknown unit \"ki\""},
      {"8Gib", "unknown unit \"Gib\""},
      {"8GiBB", "unknown unit \"GiBB\""},
      {"8Zi", "unknown unit \"Zi\""},
      {"1e9", "unknown unit \"e9\""},
      {"0x10", "unknown unit \"x10\""},
      {"1,5Gi", "unknown unit \",5Gi\""},
      {"1.5.5Gi", "unknown unit \".5Gi\""},
      {"1.", "no digit after the point"},
      {"1.Gi", "no digit after the point"},
      {"1.5", "not a whole number of bytes"},
      {"0.3Ki", "not a whole number of bytes"},
      {"1.0000000001Ki", "not a whole number of bytes"},
      {"0.00000000000000000000000000000000000000000000000001E", "not a whole number of bytes"},
      {"1.00000000000000000001Ei", "too many digits"},
      {"9223372036854775808", "is more than 9223372036854775807 bytes"},
      {"8Ei", "is more than 9223372036854775807 bytes"},
      {"16Ei", "is more than 9223372036854775807 bytes"},  // 2^64 would wrap to 0.
      {"10E", "is more than 9223372036854775807 bytes"},
      {"18446744073709551616", "is more than 9223372036854775807 bytes"},
      {"99999999999999999999999999999999999999999Ei", "is more than 9223372036854775807 bytes"},
  };
  for (const auto& c : kCases) {
    const auto bytes = ParseByteSize(c.text);
    ASSERT_FALSE(bytes.ok()) << c.text << " read as " << *bytes;
    EXPECT_TRUE(absl::IsInvalidArgument(bytes.status()));
    const std::string message(bytes.status().message());
    EXPECT_THAT(message, StartsWith("size \"" + std::string(c.text) + "\""));
    EXPECT_THAT(message, HasSubstr(c.why));
  }
}

TEST(ByteSizeTest, ShowsWhatPeopleWrite) {
  const struct {
    uint64_t bytes;
    const char* text;
  } kCases[] = {
      {0, "0"},
      {1, "1B"},
      {1023, "1023B"},
      {1024, "1KiB"},
      {1536, "1.5KiB"},
      {80 * kGi, "80GiB"},
      {3 * kGi / 2, "1.5GiB"},
      {5 * kGi / 4, "1.25GiB"},
      {kGi + 1, "1.00GiB"},        // Not exact: both digits are shown.
      {80 * kGi - 1, "79.99GiB"},  // Cut off: there is no room for 80GiB.
      {kTi - 1, "1023.99GiB"},
      {kTi, "1TiB"},
      {8'000'000'000, "7.45GiB"},
      {kUnlimitedBytes - 1, "7.99EiB"},
      {kUnlimitedBytes, "max"},
      {UINT64_MAX, "max"},
  };
  for (const auto& c : kCases) EXPECT_EQ(FormatByteSize(c.bytes), c.text) << c.bytes;
}

TEST(ByteSizeTest, DescriptionsHaveTheExactNumber) {
  EXPECT_EQ(FormatByteSizeAndBytes(0), "0");
  EXPECT_EQ(FormatByteSizeAndBytes(1), "1 byte");
  EXPECT_EQ(FormatByteSizeAndBytes(7), "7 bytes");
  EXPECT_EQ(FormatByteSizeAndBytes(kGi + 1), "1.00GiB (1073741825 bytes)");
  EXPECT_EQ(FormatByteSizeAndBytes(kUnlimitedBytes), "max");
}

TEST(ByteSizeTest, ExactTextIsReadBackAsTheSameAmount) {
  EXPECT_EQ(FormatExactByteSize(80 * kGi), "80Gi");
  EXPECT_EQ(FormatExactByteSize(3 * kGi / 2), "1.5Gi");
  EXPECT_EQ(FormatExactByteSize(1234567), "1234567");
  EXPECT_EQ(FormatExactByteSize(0), "0");
  EXPECT_EQ(FormatExactByteSize(kUnlimitedBytes), "max");
  std::mt19937_64 generator(1);
  for (int i = 0; i < 10'000; ++i) {
    const uint64_t bytes = (generator() & kUnlimitedBytes) >> (generator() % 63)
                                                                  << (generator() % 5 * 10);
    if (bytes > kUnlimitedBytes) continue;
    const auto read = ParseByteSize(FormatExactByteSize(bytes));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, bytes);
  }
}

TEST(ByteSizeTest, PercentIsCutOffAndDoesNotWrap) {
  EXPECT_EQ(FormatPercent(0, 100), "0%");
  EXPECT_EQ(FormatPercent(999, 1000), "99%");
  EXPECT_EQ(FormatPercent(3, 2), "150%");
  EXPECT_EQ(FormatPercent(kUnlimitedBytes - 1, kUnlimitedBytes - 1), "100%");
  EXPECT_EQ(FormatPercent(1, 0), "-");
  EXPECT_EQ(FormatPercent(1, kUnlimitedBytes), "-");
}

}  // namespace
}  // namespace dmem::client
