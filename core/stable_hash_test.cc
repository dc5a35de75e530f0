// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/stable_hash.h"

#include <string>

#include "absl/strings/str_format.h"
#include "gtest/gtest.h"

namespace dmem {
namespace {

std::string HexOf(absl::string_view text, uint64_t seed = 0) {
  const Hash128 hash = StableHash128(text, seed);
  return absl::StrFormat("%016x%016x", hash.high, hash.low);
}

// Published vectors of MurmurHash3_x64_128 with seed 0: no block, less than a block, one and two
// blocks with a tail of less and of more than eight bytes.
TEST(StableHashTest, GivesThePublishedValuesOfMurmurHash3) {
  EXPECT_EQ(HexOf(""), "00000000000000000000000000000000");
  EXPECT_EQ(HexOf("hello"), "cbd8a7b341bd9b025b1e906a48ae1d19");
  EXPECT_EQ(HexOf("hello, world"), "342fac623a5ebc8e4cdcbc079642414d");
  EXPECT_EQ(HexOf("19 Jan 2038 at 3:14:07 AM"), "b89e5988b737affc664fc2950231b2cb");
  EXPECT_EQ(HexOf("The quick brown fox jumps over the lazy dog"),
            "e34bbc7bbc071b6c7a433ca9c49a9347");
  EXPECT_EQ(HexOf("The quick brown fox jumps over the lazy dog."),
            "cd99481f9ee902c9695da1a38987b6e7");
}

// Stored hashes are compared with these for as long as there are stores: never change a value.
TEST(StableHashTest, ValuesOfEveryTailLengthStayAsTheyWere) {
  std::string bytes, all;
  for (int i = 0; i < 40; ++i) {
    all += HexOf(bytes, /*seed=*/0x1234567890abcdefu);
    bytes.push_back(static_cast<char>(i * 7 + 200));
  }
  EXPECT_EQ(HexOf(all), "3ffed74ca4c538df2acaba1f8d9e9089");
}

TEST(StableHashTest, EveryByteTheLengthAndTheSeedCount) {
  const std::string text = "0123456789abcdef0123456789abcdef012";
  const std::string whole = HexOf(text);
  for (size_t i = 0; i < text.size(); ++i) {
    std::string other = text;
    other[i] = static_cast<char>(other[i] ^ 0x80);
    EXPECT_NE(HexOf(other), whole) << "byte " << i;
    EXPECT_NE(HexOf(text.substr(0, i)), whole);
  }
  EXPECT_NE(HexOf(std::string(1, '\0')), HexOf(""));
  EXPECT_NE(HexOf(text, 1), whole);
}

}  // namespace
}  // namespace dmem
