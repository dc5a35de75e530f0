// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// All vectors against the core, audited after every line.

#include <filesystem>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/conformance/core_backend.h"
#include "tests/conformance/replayer.h"

namespace dmem {
namespace conformance {
namespace {

// Replays all files one after the other on one ledger.
ReplaySummary ReplayAll(const std::string& directory) {
  CoreBackend backend;
  ReplayOptions options;
  options.charge_id_prefix = "test";
  options.audit_every_line = true;
  options.on_mismatch = [](const std::string& mismatch) { ADD_FAILURE() << mismatch; };
  ReplaySummary summary;
  const absl::StatusOr<std::vector<std::string>> files = FindVectorFiles({directory});
  EXPECT_TRUE(files.ok()) << files.status();
  if (!files.ok()) return summary;
  for (const std::string& file : *files) {
    const absl::Status status = ReplayFile(file, &backend, options, &summary);
    EXPECT_TRUE(status.ok()) << status;
    if (!status.ok()) break;
  }
  return summary;
}

TEST(CoreReplayTest, CoreAnswersEveryVectorAsTheKernel) {
  EXPECT_EQ(ReplayAll("tests/conformance/testdata").ToString(),
            "104 files, 45563 ops, 0 mismatches, 0 skipped");
}

TEST(CoreReplayTest, CoreAnswersTheVectorsBesideTheCheckoutToo) {
  const std::string directory = "../shared/conformance";
  if (!std::filesystem::exists(directory)) GTEST_SKIP() << "no ../shared/conformance";
  const ReplaySummary summary = ReplayAll(directory);
  EXPECT_GT(summary.ops, 0u);
  EXPECT_EQ(summary.mismatches, 0u);
}

}  // namespace
}  // namespace conformance
}  // namespace dmem
