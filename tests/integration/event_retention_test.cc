// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What is no longer kept is refused, with what is.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "core/errors.h"
#include "server/event_log.h"
#include "tests/integration/requests.h"
#include "tests/integration/watching.h"

namespace dmem::server {
namespace {

Config ManyCheckpoints() {
  Config config;
  config.checkpoint_interval_seconds = 0.01;
  return config;
}

// Registers n1/gpu0 and charges in it until a checkpoint has dropped the first record.
void DropTheFirstRecord(TestServer& server) {
  server.store().SetKeptBytes(0);
  ASSERT_TRUE(Call(server, &Stub::Register, RegisterOf("n1/gpu0", 1000)).ok());
  for (int i = 0; server.store().Kept()->oldest_sequence <= 1; ++i) {
    ASSERT_LT(i, 1000000) << "no checkpoint has dropped it";
    ASSERT_TRUE(
        Call(server, &Stub::Charge, ChargeOf(absl::StrCat("c", i), "/a", "n1/gpu0", 0)).ok());
  }
}

TEST(EventRetentionTest, ATimeOfASequenceThatIsNoLongerKeptIsRefusedWithItsReason) {
  TestServer server(ManyCheckpoints());
  DropTheFirstRecord(server);
  const absl::Status status = EventLog(&server.store()).TimeOf(1).status();
  EXPECT_TRUE(absl::IsOutOfRange(status));
  EXPECT_EQ(FactsOf(status).reason, "EVENTS_TOO_OLD");
}

TEST(EventRetentionTest, APlaceThatIsNoLongerKeptEndsTheWatchWithTheOldestThereIs) {
  TestServer server(ManyCheckpoints());
  DropTheFirstRecord(server);
  const grpc::Status status = Watching(server, From(1)).End();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::OUT_OF_RANGE);
  const google::rpc::ErrorInfo info = ErrorInfoOf(status);
  EXPECT_EQ(info.reason(), "EVENTS_TOO_OLD");
  EXPECT_EQ(info.metadata().at("sequence"), "1");
  EXPECT_NE(info.metadata().at("oldest_sequence"), "1");
}

TEST(EventRetentionTest, ATimeThatIsNoLongerKeptIsRefusedWithTheFirstThatIs) {
  TestServer server(ManyCheckpoints());
  DropTheFirstRecord(server);
  v1::ReportUsageRequest report;
  report.mutable_from()->set_seconds(1000000);
  const grpc::Status status = Call(server, &Stub::ReportUsage, report).status;
  EXPECT_EQ(status.error_code(), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(ErrorInfoOf(status).reason(), "TIME_TOO_OLD");
  EXPECT_EQ(ErrorInfoOf(status).metadata().at("time"), "1970-01-12T13:46:40.000000Z");
  EXPECT_THAT(status.error_message(),
              ::testing::HasSubstr(ErrorInfoOf(status).metadata().at("kept_since")));
  v1::WhoHeldRequest who;
  who.set_region("n1/gpu0");
  *who.mutable_at() = report.from();
  EXPECT_EQ(ErrorInfoOf(Call(server, &Stub::WhoHeld, who).status).reason(), "TIME_TOO_OLD");
}

}  // namespace
}  // namespace dmem::server
