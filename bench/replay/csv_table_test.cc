// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "bench/replay/csv_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <limits>
#include <string>

namespace dmem::replay {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<CsvTable> Parse(absl::string_view text) {
  return CsvTable::Parse("f.csv", text, {"a", "b"});
}

std::string Message(const absl::StatusOr<CsvTable>& table) {
  return std::string(table.status().message());
}

TEST(CsvTableTest, PicksWantedColumnsInTheirOrderWhateverTheFilesIs) {
  const absl::StatusOr<CsvTable> table = Parse("x,b,y,a\n1,2,3,4\n5,6,7,8\n");
  ASSERT_TRUE(table.ok()) << table.status();
  ASSERT_EQ(table->rows(), 2u);
  EXPECT_EQ(table->Text(0, 0), "4");
  EXPECT_EQ(table->Text(0, 1), "2");
  EXPECT_EQ(table->Text(1, 0), "8");
  EXPECT_EQ(table->Text(1, 1), "6");
}

TEST(CsvTableTest, ReadsQuotesAsRfc4180Has) {
  const absl::StatusOr<CsvTable> table =
      Parse("\"a\",b\n\"x,y\",\"say \"\"hi\"\"\"\n\"two\nlines\",\"\"\nplain,\n");
  ASSERT_TRUE(table.ok()) << table.status();
  ASSERT_EQ(table->rows(), 3u);
  EXPECT_EQ(table->Text(0, 0), "x,y");
  EXPECT_EQ(table->Text(0, 1), "say \"hi\"");
  EXPECT_EQ(table->Text(1, 0), "two\nlines");
  EXPECT_EQ(table->Text(1, 1), "");
  EXPECT_EQ(table->Text(2, 0), "plain");
  EXPECT_EQ(table->Text(2, 1), "");
  // The row with two lines counts as two.
  EXPECT_EQ(table->line(0), 2u);
  EXPECT_EQ(table->line(1), 3u);
  EXPECT_EQ(table->line(2), 5u);
}

TEST(CsvTableTest, LineEndsByteOrderMarkBlankLinesAndAMissingLastLineEndMakeNoDifference) {
  for (const char* text : {"a,b\n1,2\n3,\n", "a,b\r\n1,2\r\n3,\r\n",
                           "\xEF\xBB\xBF"
                           "a,b\n1,2\n3,",
                           "\n\na,b\n\n1,2\n\r\n3,\n\n"}) {
    const absl::StatusOr<CsvTable> table = Parse(text);
    ASSERT_TRUE(table.ok()) << table.status() << " in " << text;
    ASSERT_EQ(table->rows(), 2u) << text;
    EXPECT_EQ(table->Text(0, 1), "2") << text;
    EXPECT_EQ(table->Text(1, 0), "3") << text;
    EXPECT_EQ(table->Text(1, 1), "") << text;
  }
}

TEST(CsvTableTest, ErrorsNameFileAndLine) {
  struct Case {
    const char* text;
    const char* message;
  };
  for (const Case& c : {
           Case{"", "f.csv:1: no column \"a\""},
           Case{"a,c\n1,2\n", "f.csv:1: no column \"b\""},
           Case{"a,b,a\n1,2,3\n", "f.csv:1: column \"a\" twice"},
           Case{"a,b\n1,2\n3\n", "f.csv:3: 1 fields where the header has 2"},
           Case{"a,b\n1,2,3\n", "f.csv:2: 3 fields where the header has 2"},
           Case{"a,b\n1,x\"y\n", "f.csv:2: a quote within the unquoted field x\"y"},
           Case{"a,b\n\"1\"x,2\n", "f.csv:2: text after the closing quote of the field 1"},
           Case{"a,b\n1,2\n3,\"4\n5\n", "f.csv:3: the quote opened here is never closed"},
       }) {
    const absl::StatusOr<CsvTable> table = Parse(c.text);
    EXPECT_EQ(table.status().code(), absl::StatusCode::kInvalidArgument) << c.text;
    EXPECT_EQ(Message(table), c.message);
  }
}

TEST(CsvTableTest, NumberTakesWholeNumbersInRangeOnlyAndNamesThePlace) {
  const absl::StatusOr<CsvTable> table =
      Parse("a,b\n9223372036854775807,-3\n17.0,0.00\n1.5,\n12x,+4\n9223372036854775808,-\n,3.\n");
  ASSERT_TRUE(table.ok()) << table.status();
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(*table->Number(0, 0, 0, kMax), kMax);
  EXPECT_EQ(*table->Number(0, 1, kMin, kMax), -3);
  EXPECT_EQ(*table->Number(1, 0, 0, kMax), 17);
  EXPECT_EQ(*table->Number(1, 1, 0, kMax), 0);
  for (size_t row = 2; row < table->rows(); ++row) {
    EXPECT_FALSE(table->Number(row, 0, kMin, kMax).ok()) << table->Text(row, 0);
    EXPECT_FALSE(table->Number(row, 1, kMin, kMax).ok()) << table->Text(row, 1);
  }
  EXPECT_EQ(table->Number(0, 1, 0, 10).status().message(),
            "f.csv:2: column \"b\": \"-3\" is not a whole number from 0 to 10");
}

TEST(CsvTableTest, ReadGivesTheSystemsReasonWhereThereIsNoFile) {
  const absl::StatusOr<CsvTable> table = CsvTable::Read("no/such/file.csv", {"a"});
  EXPECT_EQ(table.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Message(table), HasSubstr("no/such/file.csv"));
  EXPECT_FALSE(CsvTable::Read(::testing::TempDir(), {"a"}).ok()) << "a directory is no file";
}

TEST(CsvTableTest, ReadsAFile) {
  const std::string path = ::testing::TempDir() + "/csv_table_test.csv";
  std::ofstream(path) << "a\n7\n";
  const absl::StatusOr<CsvTable> table = CsvTable::Read(path, {"a"});
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->Text(0, 0), "7");

  std::ofstream(path, std::ios::trunc).close();
  EXPECT_THAT(Message(CsvTable::Read(path, {"a"})), HasSubstr("no column \"a\""));
}

}  // namespace
}  // namespace dmem::replay
