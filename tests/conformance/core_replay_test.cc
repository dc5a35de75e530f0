// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// All vectors against the core.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/conformance/core_backend.h"
#include "tests/conformance/replayer.h"

namespace dmem {
namespace conformance {
namespace {

// Replays all files: each on a ledger of its own, audited after every line, or all on one.
ReplaySummary ReplayAll(const std::string& directory, bool on_one) {
  ReplayOptions options;
  options.charge_id_prefix = "test";
  options.audit_every_line = !on_one;
  options.on_mismatch = [](const std::string& mismatch) { ADD_FAILURE() << mismatch; };
  ReplaySummary summary;
  const absl::StatusOr<std::vector<std::string>> files = FindVectorFiles({directory});
  EXPECT_TRUE(files.ok()) << files.status();
  if (!files.ok()) return summary;
  auto backend = std::make_unique<CoreBackend>();
  for (const std::string& file : *files) {
    if (!on_one) backend = std::make_unique<CoreBackend>();
    const absl::Status status = ReplayFile(file, backend.get(), options, &summary);
    EXPECT_TRUE(status.ok()) << status;
    if (!status.ok()) break;
  }
  return summary;
}

TEST(CoreReplayTest, CoreAnswersEveryVectorAsTheKernel) {
  EXPECT_EQ(ReplayAll("tests/conformance/testdata", /*on_one=*/false).ToString(),
            "104 files, 45563 ops, 0 mismatches, 0 skipped");
}

TEST(CoreReplayTest, CoreAnswersTheSameAfterAllThatWentBefore) {
  EXPECT_EQ(ReplayAll("tests/conformance/testdata", /*on_one=*/true).ToString(),
            "104 files, 45563 ops, 0 mismatches, 0 skipped");
}

TEST(CoreReplayTest, CoreAnswersAsItShouldWhereTheKernelIsWrong) {
  EXPECT_EQ(ReplayAll("tests/conformance/dmemd", /*on_one=*/false).ToString(),
            "10 files, 157 ops, 0 mismatches, 0 skipped");
}

TEST(CoreReplayTest, CoreAnswersTheVectorsBesideTheCheckoutToo) {
  const std::string directory = "../shared/conformance";
  if (!std::filesystem::exists(directory)) GTEST_SKIP() << "no ../shared/conformance";
  const ReplaySummary summary = ReplayAll(directory, /*on_one=*/true);
  EXPECT_GT(summary.ops, 0u);
  EXPECT_EQ(summary.mismatches, 0u);
}

}  // namespace
}  // namespace conformance
}  // namespace dmem
