// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/page_token.h"

#include <gtest/gtest.h>

#include "core/errors.h"

namespace dmem::server {
namespace {

TEST(PageTokenTest, GivesItsCursorBackToTheSameListing) {
  for (const uint64_t cursor : {uint64_t{1}, uint64_t{4294967295}, ~uint64_t{0}}) {
    EXPECT_EQ(*ParsePageToken("pools\n/a", MakePageToken("pools\n/a", cursor)), cursor);
  }
  EXPECT_EQ(*ParsePageToken("pools\n/a", ""), 0u) << "the first page";
}

TEST(PageTokenTest, OfAnotherListingOrChangedIsRefused) {
  const std::string token = MakePageToken("pools\n/a", 7);
  EXPECT_FALSE(ParsePageToken("pools\n/b", token).ok());
  EXPECT_FALSE(ParsePageToken("charges\n/a", token).ok());
  for (size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == '0' ? '1' : '0';
    const absl::Status status = ParsePageToken("pools\n/a", changed).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << i;
    EXPECT_EQ(FactsOf(status).reason, "INVALID_FIELD");
  }
  EXPECT_FALSE(ParsePageToken("pools\n/a", token.substr(1)).ok());
  EXPECT_FALSE(ParsePageToken("pools\n/a", token + "0").ok());
}

}  // namespace
}  // namespace dmem::server
