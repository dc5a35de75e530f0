// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/log.h"

#include <gtest/gtest.h>

namespace dmem::server {
namespace {

TEST(LogTest, EventIsOneLineOfJsonWithItsFieldsInOrder) {
  EXPECT_EQ(FormatLogLine("2026-01-01T00:00:00Z", LogLevel::kInfo, "ready",
                          {{"grpc", "127.0.0.1:7171"},
                           {"pid", 12},
                           {"ok", true},
                           {"seconds", 0.5},
                           {"sequence", uint64_t{18446744073709551615u}}}),
            R"({"time":"2026-01-01T00:00:00Z","level":"info","event":"ready",)"
            R"("grpc":"127.0.0.1:7171","pid":12,"ok":true,"seconds":0.5,)"
            R"("sequence":18446744073709551615})");
}

TEST(LogTest, WhatIsNotPrintableIsEscapedAndWhatIsNotUtf8Replaced) {
  EXPECT_EQ(FormatLogLine("t", LogLevel::kError, "e", {{"a", "x\n\"\\"}, {"b", "\xff"}}),
            "{\"time\":\"t\",\"level\":\"error\",\"event\":\"e\",\"a\":\"x\\n\\\"\\\\\","
            "\"b\":\"\xef\xbf\xbd\"}");
}

TEST(LogTest, LevelsAreTheFourDocumented) {
  EXPECT_EQ(ParseLogLevel("debug"), LogLevel::kDebug);
  EXPECT_EQ(ParseLogLevel("warning"), LogLevel::kWarning);
  EXPECT_EQ(ParseLogLevel("Warning"), absl::nullopt);
  EXPECT_EQ(ParseLogLevel(""), absl::nullopt);
}

}  // namespace
}  // namespace dmem::server
