// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/store/crc32c.h"

#include <string>

#include "gtest/gtest.h"

namespace dmem::server {
namespace {

// Source: RFC 3720, appendix B.4, CRC examples.
TEST(Crc32cTest, GivesThePublishedValues) {
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aa);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43);
  std::string ascending;
  for (int i = 0; i < 32; ++i) ascending.push_back(static_cast<char>(i));
  EXPECT_EQ(Crc32c(ascending), 0x46dd794e);
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283);
  EXPECT_EQ(Crc32c(""), 0u);
}

TEST(Crc32cTest, BothWaysAgreeAtEveryLengthAndContinueAnywhere) {
  std::string data;
  for (int i = 0; i < 300; ++i) {
    for (size_t split = 0; split <= data.size(); split += 7) {
      const absl::string_view view = data;
      ASSERT_EQ(Crc32c(view.substr(split), Crc32c(view.substr(0, split))), Crc32cPortable(data));
    }
    data.push_back(static_cast<char>(i * 37 + 11));
  }
}

}  // namespace
}  // namespace dmem::server
