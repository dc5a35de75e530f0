// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "bench/replay/report.h"

#include <gtest/gtest.h>

namespace dmem::replay {
namespace {

Totals Example() {
  Totals totals;
  totals.tasks_placed = 1;
  totals.tasks_unplaced = 2;
  totals.charges = 3;
  totals.uncharges = 4;
  totals.resizes = 5;
  totals.live_charges = 6;
  totals.live_bytes = 9223372036854775807;
  totals.peak_bytes = {{"/", 1610612736}, {"/ls", 0}};
  return totals;
}

TEST(ReportTest, JsonIsOneObjectWithExactBytes) {
  EXPECT_EQ(JsonReport(Example(), absl::Milliseconds(1500)), R"({
  "tasks_placed": 1,
  "tasks_unplaced": 2,
  "charges": 3,
  "uncharges": 4,
  "resizes": 5,
  "live_charges": 6,
  "live_bytes": 9223372036854775807,
  "peak_bytes": {
    "/": 1610612736,
    "/ls": 0
  },
  "wall_seconds": 1.5
}
)");
}

TEST(ReportTest, JsonSurvivesNamesThatAreNoUtf8) {
  Totals totals;
  totals.peak_bytes = {{"/\xff", 1}};
  EXPECT_NE(JsonReport(totals, absl::Seconds(1)).find("\xEF\xBF\xBD"), std::string::npos);
}

TEST(ReportTest, TextIsAligned) {
  Totals totals = Example();
  totals.live_bytes = 1073741824;
  totals.peak_bytes.emplace_back("/guaranteed", 1);
  EXPECT_EQ(TextReport(totals, absl::Milliseconds(1500)),
            "tasks placed         1\n"
            "tasks unplaced       2\n"
            "charges              3\n"
            "uncharges            4\n"
            "resizes              5\n"
            "live charges         6\n"
            "live bytes           1073741824 (1.00 GiB)\n"
            "peak of /            1610612736 (1.50 GiB)\n"
            "peak of /ls          0 (0.00 GiB)\n"
            "peak of /guaranteed  1 (0.00 GiB)\n"
            "wall seconds         1.500\n");
}

}  // namespace
}  // namespace dmem::replay
