// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/table.h"

#include <gtest/gtest.h>

namespace dmem::client {
namespace {

TEST(TableTest, ColumnsAreAlignedAndLinesHaveNoSpaceAtTheirEnd) {
  Table table({"NAME", "USED", "MAX"});
  table.AddRow({"n1/gpu0", "8GiB", "80GiB"});
  table.AddRow({"node-17/drm/0000:03:00.0/vram0", "0", "max"});
  EXPECT_EQ(table.Render(),
            "NAME                            USED  MAX\n"
            "n1/gpu0                         8GiB  80GiB\n"
            "node-17/drm/0000:03:00.0/vram0  0     max\n");
}

TEST(TableTest, EmptyCellIsNone) {
  Table table({"NAME", "PARENT"});
  table.AddRow({"a", ""});
  table.AddRow({"b", "cluster"});
  EXPECT_EQ(table.Render(),
            "NAME  PARENT\n"
            "a     <none>\n"
            "b     cluster\n");
}

TEST(TableTest, WithoutHeadersTheyTakeNoRoom) {
  Table table({"A-LONG-HEADER", "X"});
  table.AddRow({"a", "b"});
  EXPECT_EQ(table.Render(false), "a  b\n");
  EXPECT_EQ(Table({"NAME"}).Render(false), "");
  EXPECT_EQ(Table({"NAME"}).Render(), "NAME\n");
}

TEST(TableTest, WidthCountsCharactersNotBytes) {
  Table table({"CGROUP", "USED"});
  table.AddRow({"└─ a", "1B"});
  table.AddRow({"abcd", "2B"});
  EXPECT_EQ(table.Render(false), "└─ a  1B\nabcd  2B\n");
}

TEST(FieldListTest, ValuesAreAligned) {
  FieldList fields;
  fields.Add("Name", "n1/gpu0");
  fields.Add("Parent", "");
  EXPECT_EQ(fields.Render(), "Name:    n1/gpu0\nParent:  <none>\n");
}

TEST(PrintableTest, ControlCharactersCannotReachATerminal) {
  EXPECT_EQ(Printable("a\x1b[31mb\r\n\x7f"), "a?[31mb???");
  EXPECT_EQ(Printable("x\xc2\x9b"
                      "31m"),
            "x??31m");
  EXPECT_EQ(Printable("caf\xc3\xa9"), "caf\xc3\xa9");
  EXPECT_EQ(Cell("NVIDIA H100 80GB"), "NVIDIA_H100_80GB");
  EXPECT_EQ(Cell("a\tb"), "a?b");
}

}  // namespace
}  // namespace dmem::client
