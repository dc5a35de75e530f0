// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// All vectors against a dmemd process, through its API only.

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "server/testing/dmemd_process.h"
#include "server/testing/temp_directory.h"
#include "tests/conformance/grpc_backend.h"
#include "tests/conformance/replayer.h"

namespace dmem {
namespace conformance {
namespace {

class GrpcReplayTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server::DmemdProcess::Options options;
    options.data_dir = directory_.path();
    options.store = "memory";
    auto process = server::DmemdProcess::Start(options);
    ASSERT_TRUE(process.ok()) << process.status();
    process_ = *std::move(process);
    backend_ = NewGrpcBackend(process_->grpc_address());
  }

  ReplaySummary ReplayAll(const std::string& directory) {
    ReplayOptions options;
    options.charge_id_prefix = "test";
    options.on_mismatch = [](const std::string& mismatch) { ADD_FAILURE() << mismatch; };
    ReplaySummary summary;
    const absl::StatusOr<std::vector<std::string>> files = FindVectorFiles({directory});
    EXPECT_TRUE(files.ok()) << files.status();
    if (!files.ok()) return summary;
    for (const std::string& file : *files) {
      const absl::Status status = ReplayFile(file, backend_.get(), options, &summary);
      EXPECT_TRUE(status.ok()) << status;
      if (!status.ok()) break;
    }
    return summary;
  }

  server::TempDirectory directory_;
  std::unique_ptr<server::DmemdProcess> process_;
  std::unique_ptr<Backend> backend_;
};

TEST_F(GrpcReplayTest, ServerAnswersEveryVectorAsTheKernel) {
  EXPECT_EQ(ReplayAll("tests/conformance/testdata").ToString(),
            "104 files, 45563 ops, 0 mismatches, 0 skipped");
}

TEST_F(GrpcReplayTest, ServerAnswersAsItShouldWhereTheKernelIsWrong) {
  EXPECT_EQ(ReplayAll("tests/conformance/dmemd").ToString(),
            "10 files, 157 ops, 0 mismatches, 0 skipped");
}

TEST_F(GrpcReplayTest, ServerThatIsGoneEndsTheReplay) {
  process_->Kill();
  ReplaySummary summary;
  const absl::Status status = ReplayFile(
      "tests/conformance/testdata/scenarios/01-charge-and-uncharge.jsonl",
      NewGrpcBackend(process_->grpc_address(), absl::Seconds(1)).get(), ReplayOptions(), &summary);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(summary.ops, 0u);
}

}  // namespace
}  // namespace conformance
}  // namespace dmem
