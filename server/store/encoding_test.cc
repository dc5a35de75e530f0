// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/store/encoding.h"

#include <string>

#include "gtest/gtest.h"

namespace dmem::server {
namespace {

TEST(EncodingTest, LogKeysSortAsNumbersAndComeBack) {
  const uint64_t values[] = {
      0, 1, 255, 256, 65535, 65536, uint64_t{1} << 40, UINT64_MAX - 1, UINT64_MAX};
  std::string previous;
  for (uint64_t value : values) {
    const std::string key = EncodeLogKey(value);
    EXPECT_EQ(DecodeLogKey(key), value);
    EXPECT_TRUE(previous.empty() || previous < key) << value;
    EXPECT_EQ(DecodeFixed64(EncodeFixed64(value)), value);
    previous = key;
  }
  EXPECT_FALSE(DecodeLogKey("1234567").has_value());
  EXPECT_FALSE(DecodeFixed64("123456789").has_value());
}

TEST(EncodingTest, RecordComesBack) {
  for (const std::string& record : {std::string(), std::string("one"), std::string(70000, 'r')}) {
    const std::string value = EncodeRecordHeader({7, 9}, record) + record;
    const auto decoded = DecodeRecord(7, value);
    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(decoded->range.first, 7u);
    EXPECT_EQ(decoded->range.last, 9u);
    EXPECT_EQ(decoded->record, record);
  }
}

TEST(EncodingTest, EveryFlippedBitAndAnotherSequenceAreFound) {
  const std::string value = EncodeRecordHeader({7, 9}, "a record") + "a record";
  for (size_t bit = 0; bit < value.size() * 8; ++bit) {
    std::string damaged = value;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(DecodeRecord(7, damaged).has_value()) << bit;
  }
  EXPECT_FALSE(DecodeRecord(8, value).has_value());
  for (size_t size = 0; size < value.size(); ++size) {
    EXPECT_FALSE(DecodeRecord(7, absl::string_view(value).substr(0, size)).has_value()) << size;
  }
}

}  // namespace
}  // namespace dmem::server
