// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/encoding.h"

#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace dmem {
namespace {

std::vector<uint64_t> EdgesOfUint() {
  std::vector<uint64_t> edges = {0, ~uint64_t{0}};
  for (int bit = 0; bit < 64; ++bit) {
    edges.push_back(uint64_t{1} << bit);
    edges.push_back((uint64_t{1} << bit) - 1);
  }
  return edges;
}

TEST(EncodingTest, EveryValueComesBackAndNothingIsLeft) {
  std::string encoded;
  Encoder out(&encoded);
  for (const uint64_t value : EdgesOfUint()) {
    out.Uint(value);
    out.Int(static_cast<int64_t>(value));
    out.BigEndian(value);
  }
  out.Bool(true);
  out.Bool(false);
  out.String("");
  out.String(absl::string_view("a\0b", 3));
  out.String(std::string(1000, 'x'));

  Decoder in(encoded);
  for (const uint64_t value : EdgesOfUint()) {
    EXPECT_EQ(in.Uint(), value);
    EXPECT_EQ(in.Int(), static_cast<int64_t>(value));
    EXPECT_EQ(in.BigEndian(), value);
  }
  EXPECT_TRUE(in.Bool());
  EXPECT_FALSE(in.Bool());
  EXPECT_EQ(in.String(), "");
  EXPECT_EQ(in.String(), absl::string_view("a\0b", 3));
  EXPECT_EQ(in.String(), std::string(1000, 'x'));
  EXPECT_TRUE(in.done());
}

TEST(EncodingTest, SmallNumbersOfEitherSignTakeOneByte) {
  for (int64_t value = -64; value < 64; ++value) {
    std::string encoded;
    Encoder(&encoded).Int(value);
    EXPECT_EQ(encoded.size(), 1u) << value;
  }
}

TEST(EncodingTest, BigEndianKeysSortAsTheirNumbers) {
  std::string previous;
  for (const uint64_t value : {0u, 1u, 255u, 256u, 65535u, 65536u, 4294967295u}) {
    std::string key;
    Encoder(&key).BigEndian(value);
    EXPECT_EQ(key.size(), 8u);
    EXPECT_LT(previous, key);
    previous = key;
  }
}

// Every kind of value, in the order of ReadOneOfEach.
std::string OneOfEach() {
  std::string encoded;
  Encoder out(&encoded);
  out.Uint(~uint64_t{0});
  out.Int(std::numeric_limits<int64_t>::min());
  out.Bool(true);
  out.String("some text");
  out.BigEndian(42);
  return encoded;
}

void ReadOneOfEach(Decoder* in) {
  in->Uint();
  in->Int();
  in->Bool();
  in->String();
  in->BigEndian();
}

TEST(EncodingTest, EveryTruncationIsMalformedAndReadsNothingBehindTheEnd) {
  const std::string whole = OneOfEach();
  for (size_t size = 0; size < whole.size(); ++size) {
    // On the heap at its exact size, so that the address sanitizer sees one byte too many.
    const std::unique_ptr<char[]> bytes(new char[size]);
    whole.copy(bytes.get(), size);
    Decoder in(absl::string_view(bytes.get(), size));
    ReadOneOfEach(&in);
    EXPECT_FALSE(in.ok()) << size;
    EXPECT_FALSE(in.done()) << size;
  }
}

TEST(EncodingTest, AfterSomethingMalformedAllValuesAreZeroOrEmpty) {
  std::string encoded;
  Encoder out(&encoded);
  out.Uint(100);  // A length beyond the end, for String.
  out.Uint(7);
  Decoder in(encoded);
  EXPECT_EQ(in.String(), "");
  EXPECT_FALSE(in.ok());
  EXPECT_EQ(in.Uint(), 0u);
  EXPECT_EQ(in.Int(), 0);
  EXPECT_FALSE(in.Bool());
  EXPECT_EQ(in.String(), "");
  EXPECT_EQ(in.BigEndian(), 0u);
  EXPECT_FALSE(in.done());
}

TEST(EncodingTest, NumbersBeyond64BitsAreMalformed) {
  const std::string nine(9, '\xff');
  EXPECT_EQ(Decoder(nine + '\x01').Uint(), ~uint64_t{0});
  for (const std::string& encoded : {nine + '\x02', nine + '\x81' + '\x00', nine + '\xff'}) {
    Decoder in(encoded);
    EXPECT_EQ(in.Uint(), 0u);
    EXPECT_FALSE(in.ok());
  }
}

TEST(EncodingTest, ABoolIsZeroOrOne) {
  Decoder in(absl::string_view("\x02", 1));
  EXPECT_FALSE(in.Bool());
  EXPECT_FALSE(in.ok());
}

TEST(EncodingTest, ALengthOfAlmost2To64ReadsNothing) {
  std::string encoded;
  Encoder(&encoded).Uint(~uint64_t{0});
  encoded += "abc";
  Decoder in(encoded);
  EXPECT_EQ(in.String(), "");
  EXPECT_FALSE(in.ok());
}

TEST(EncodingTest, WhatIsLeftOverIsNotDone) {
  Decoder in("\x01\x01");
  in.Uint();
  EXPECT_TRUE(in.ok());
  EXPECT_FALSE(in.done());
}

TEST(EncodingTest, RandomBytesNeverReadPastTheirEnd) {
  std::mt19937_64 rng(20261);
  for (int round = 0; round < 20000; ++round) {
    const size_t size = rng() % 24;
    const std::unique_ptr<char[]> bytes(new char[size]);
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(rng());
    const absl::string_view input(bytes.get(), size);
    Decoder in(input);
    while (in.ok() && !in.done()) {
      switch (rng() % 5) {
        case 0:
          in.Uint();
          break;
        case 1:
          in.Int();
          break;
        case 2:
          in.Bool();
          break;
        case 3: {
          const absl::string_view text = in.String();
          if (!text.empty()) {
            ASSERT_GE(text.data(), input.data());
            ASSERT_LE(text.data() + text.size(), input.data() + input.size());
          }
          break;
        }
        default:
          in.BigEndian();
      }
    }
  }
}

}  // namespace
}  // namespace dmem
