// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/loop/error_in_units.h"

#include <gtest/gtest.h>

#include "client/testing/error_of_server.h"

namespace dmem::client {
namespace {

TEST(ErrorInUnitsTest, AmountsOfTheFactsAreInUnitsAndNothingElseIs) {
  const absl::Status status = ErrorOfServer(
      absl::StatusCode::kResourceExhausted, "MAX_EXCEEDED",
      "charge of 8589934592 bytes to \"/ns/8589934592\" in region \"n-8589934592/g0\" refused: "
      "\"/ns\" in \"cluster\" uses 34359738368 of max 40802189312 bytes; short by 2147483648 "
      "bytes, at most 0 would be granted now, 7777777777 bytes",
      {{"bytes", "8589934592"},
       {"usage_bytes", "34359738368"},
       {"max_bytes", "40802189312"},
       {"short_bytes", "2147483648"},
       {"largest_grantable_bytes", "0"},
       {"item", "7777777777"}});
  EXPECT_EQ(ErrorInUnits(status),
            "charge of 8GiB to \"/ns/8589934592\" in region \"n-8589934592/g0\" refused: "
            "\"/ns\" in \"cluster\" uses 32GiB of max 38GiB; short by 2GiB, at most 0 would be "
            "granted now, 7777777777 bytes");
}

TEST(ErrorInUnitsTest, WithoutFactsItIsTheMessage) {
  EXPECT_EQ(ErrorInUnits(absl::UnavailableError("no answer in 5 s, 1024 bytes")),
            "no answer in 5 s, 1024 bytes");
  EXPECT_EQ(ErrorInUnits(absl::OkStatus()), "");
}

}  // namespace
}  // namespace dmem::client
