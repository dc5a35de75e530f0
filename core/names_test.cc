// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/names.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dmem {
namespace {

using ::testing::HasSubstr;

struct Case {
  std::string text;
  std::string refused_with;  // A part of the message; empty: valid.
};

std::string Repeat(absl::string_view text, int times) {
  std::string result;
  for (int i = 0; i < times; ++i) absl::StrAppend(&result, text);
  return result;
}

void ExpectAll(const std::vector<Case>& cases, absl::Status (*validate)(absl::string_view)) {
  for (const Case& c : cases) {
    SCOPED_TRACE(QuoteForMessage(c.text));
    const absl::Status status = validate(c.text);
    if (c.refused_with.empty()) {
      EXPECT_TRUE(status.ok()) << status;
    } else {
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
      EXPECT_THAT(std::string(status.message()), HasSubstr(c.refused_with));
      EXPECT_THAT(std::string(status.message()), HasSubstr(QuoteForMessage(c.text)));
    }
  }
}

TEST(NamesTest, RegionNamesArePrintableAsciiOfAtMost255Bytes) {
  ExpectAll(
      {
          {"a", ""},
          {"node-17/drm/0000:03:00.0/vram0", ""},
          {"node-17/nvidia/GPU-8d5f\"\\~!", ""},
          {std::string(255, 'r'), ""},
          {"", "is empty"},
          {std::string(256, 'r'), "is 256 bytes long, more than 255"},
          {"a b", "byte 0x20 at 1"},
          {"a\tb", "byte 0x09 at 1"},
          {"a\n", "byte 0x0a at 1"},
          {std::string("a\0b", 3), "byte 0x00 at 1"},
          {"a\x7f", "byte 0x7f at 1"},
          {"gr\xc3\xbcn", "byte 0xc3 at 2"},
          {"a@1", "byte 0x40 at 1"},
      },
      ValidateRegionName);
}

TEST(NamesTest, RegionRefsAreNamesOrNamesWithADecimalId) {
  ExpectAll(
      {
          {"n1/gpu0", ""},
          {"n1/gpu0@7", ""},
          {"n1/gpu0@18446744073709551615", ""},
          {std::string(255, 'r') + "@12", ""},
          {"n1/gpu0@18446744073709551616", "no id after '@'"},
          {"n1/gpu0@", "no id after '@'"},
          {"n1/gpu0@x", "no id after '@'"},
          {"n1/gpu0@-1", "no id after '@'"},
          {"n1/gpu0@+1", "no id after '@'"},
          {"n1/gpu0@ 1", "no id after '@'"},
          {"n1/gpu0@07", "no id after '@'"},
          {"", "is empty"},
      },
      ValidateRegionRef);
  EXPECT_FALSE(ValidateRegionRef("@7").ok());
  EXPECT_FALSE(ValidateRegionRef("a@b@7").ok());
  EXPECT_FALSE(ValidateRegionRef(std::string(256, 'r') + "@12").ok());
}

TEST(NamesTest, CgroupPathsAreAbsoluteWithinLengthAndDepth) {
  // 4 components of 255 bytes and their slashes are 1024 bytes.
  const std::string longest = Repeat("/" + std::string(255, 'c'), 4);
  ASSERT_EQ(longest.size(), 1024u);
  ExpectAll(
      {
          {"/", ""},
          {"/a", ""},
          {"/team-a/train/job-42", ""},
          {"/a/.b/..c/...", ""},
          {"/a/b@7", ""},
          {"/gr\xc3\xbcn/\xff", ""},
          {longest, ""},
          {Repeat("/c", 32), ""},
          {"", "is empty"},
          {"a", "does not begin with '/'"},
          {"@7", "does not begin with '/'"},
          {"//", "has an empty component"},
          {"/a/", "has an empty component"},
          {"//a", "has an empty component"},
          {"/a//b", "has an empty component"},
          {"/.", "has the component \".\""},
          {"/a/./b", "has the component \".\""},
          {"/..", "has the component \"..\""},
          {"/a/..", "has the component \"..\""},
          {"/@7", "begins with '@'"},
          {"/a/@x/b", "begins with '@'"},
          {"/a b", "byte 0x20 at 2"},
          {"/a/\tb", "byte 0x09 at 3"},
          {"/a\n", "byte 0x0a at 2"},
          {"/a\v", "byte 0x0b at 2"},
          {std::string("/a\0", 3), "byte 0x00 at 2"},
          {"/a\x7f", "byte 0x7f at 2"},
          {"/a\x1f", "byte 0x1f at 2"},
          {"/" + std::string(256, 'c'), "is 256 bytes long, more than 255"},
          {longest + "c", "is 1025 bytes long, more than 1024"},
          {longest.substr(0, 1022) + "/cc", "is 1025 bytes long, more than 1024"},
          {Repeat("/c", 33), "has 33 components, more than 32"},
      },
      ValidateCgroupPath);
}

TEST(NamesTest, CgroupRefsArePathsOrAnIdAlone) {
  ExpectAll(
      {
          {"/", ""},
          {"/a", ""},
          {"@0", ""},
          {"@18446744073709551615", ""},
          {"@18446744073709551616", "no id after '@'"},
          {"@", "no id after '@'"},
          {"@x", "no id after '@'"},
          {"@01", "no id after '@'"},
          {"@1/a", "no id after '@'"},
          {"/@1", "begins with '@'"},
          {"", "is empty"},
      },
      ValidateCgroupRef);
}

TEST(NamesTest, ChargeIdsArePrintableAsciiOfAtMost128Bytes) {
  ExpectAll(
      {
          {"1", ""},
          {"pod/uid@42:\"x\"", ""},
          {std::string(128, 'i'), ""},
          {"", "is empty"},
          {std::string(129, 'i'), "is 129 bytes long, more than 128"},
          {"a b", "byte 0x20 at 1"},
          {"a\r", "byte 0x0d at 1"},
          {"\xc3\xa9", "byte 0xc3 at 0"},
      },
      ValidateChargeId);
}

TEST(NamesTest, QuotedValuesAreEscapedAndCut) {
  EXPECT_EQ(QuoteForMessage("/a"), "\"/a\"");
  EXPECT_EQ(QuoteForMessage("a\n\"\\\x80"), "\"a\\n\\\"\\\\\\x80\"");
  EXPECT_EQ(QuoteForMessage(std::string(64, 'x')), "\"" + std::string(64, 'x') + "\"");
  EXPECT_EQ(QuoteForMessage(std::string(300, 'x')),
            "\"" + std::string(64, 'x') + "...\" (300 bytes)");
}

}  // namespace
}  // namespace dmem
