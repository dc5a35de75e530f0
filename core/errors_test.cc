// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/errors.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dmem {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

CounterRefusal Refusal() {
  CounterRefusal refusal;
  refusal.cgroup = "/team-a";
  refusal.region = "model/h100";
  refusal.item = 2;
  refusal.usage = ByteCount(34359738368);
  refusal.max = ByteCount(40802189312);
  refusal.requested = ByteCount(8589934592);
  refusal.short_by = ByteCount(2147483648);
  refusal.largest_grantable = ByteCount(6442450944);
  return refusal;
}

TEST(ErrorsTest, ARefusalByAMaxSaysWhatWasAskedWhereAndWhyWithTheNumbers) {
  const absl::Status status = RefusedByCounter(RefusalKind::kMax, "/team-a/train", "n7/gpu0",
                                               ByteCount(8589934592), Refusal());
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(),
            "charge of 8589934592 bytes to \"/team-a/train\" in region \"n7/gpu0\" refused: "
            "\"/team-a\" in \"model/h100\" uses 34359738368 of max 40802189312 bytes; short by "
            "2147483648 bytes, at most 6442450944 would be granted now");
  const ErrorFacts facts = FactsOf(status);
  EXPECT_EQ(facts.reason, "MAX_EXCEEDED");
  EXPECT_THAT(facts.metadata,
              ElementsAre(Pair("item", "2"), Pair("cgroup", "/team-a/train"),
                          Pair("region", "n7/gpu0"), Pair("bytes", "8589934592"),
                          Pair("counter_cgroup", "/team-a"), Pair("counter_region", "model/h100"),
                          Pair("usage_bytes", "34359738368"), Pair("max_bytes", "40802189312"),
                          Pair("requested_bytes", "8589934592"), Pair("short_bytes", "2147483648"),
                          Pair("largest_grantable_bytes", "6442450944")));
}

TEST(ErrorsTest, AFullRegionNamesNoLimitingCgroup) {
  const absl::Status status =
      RefusedByCounter(RefusalKind::kCapacity, "/a", "r", ByteCount(1), Refusal());
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  const ErrorFacts facts = FactsOf(status);
  EXPECT_EQ(facts.reason, "CAPACITY");
  for (const auto& fact : facts.metadata) EXPECT_NE(fact.first, "counter_cgroup");
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("no cgroup's limit was hit"));
}

TEST(ErrorsTest, AnOverflowIsItsOwnReason) {
  const absl::Status status =
      RefusedByCounter(RefusalKind::kOverflow, "/a", "r", ByteCount(1), Refusal());
  EXPECT_EQ(FactsOf(status).reason, "COUNTER_OVERFLOW");
}

TEST(ErrorsTest, FactsSurviveCopiesAndAnyBytes) {
  const std::string odd("\0\xff\"\n", 4);
  absl::Status copy;
  {
    const absl::Status made = MakeError(absl::StatusCode::kAborted, "words",
                                        {"REASON", {{"key", odd}, {"", ""}, {"key", "again"}}});
    copy = made;
  }
  const ErrorFacts facts = FactsOf(copy);
  EXPECT_EQ(facts.reason, "REASON");
  EXPECT_THAT(facts.metadata, ElementsAre(Pair("key", odd), Pair("", ""), Pair("key", "again")));
  EXPECT_EQ(copy.message(), "words");
}

TEST(ErrorsTest, AStatusOfSomebodyElseHasNoFacts) {
  for (const absl::Status& status : {absl::OkStatus(), absl::InternalError("x")}) {
    EXPECT_EQ(FactsOf(status).reason, "");
    EXPECT_THAT(FactsOf(status).metadata, IsEmpty());
  }
}

TEST(ErrorsTest, EveryErrorHasItsCodeItsReasonAndWordsThatNameItsObject) {
  const absl::Time time = absl::FromUnixSeconds(1700000000);
  const ByteCount one(1), two(2);
  using Code = absl::StatusCode;
  struct Case {
    absl::Status status;
    Code code;
    const char* reason;
    const char* named;
  };
  const std::vector<Case> cases = {
      {CreatedAtInFuture("obj", time, time), Code::kInvalidArgument, "CREATED_AT_IN_FUTURE", "obj"},
      {BadLimitText("obj"), Code::kInvalidArgument, "BAD_LIMIT_TEXT", "obj"},
      {RegionNotFound("obj"), Code::kNotFound, "REGION_NOT_FOUND", "\"obj\""},
      {GroupNotFound("obj"), Code::kNotFound, "GROUP_NOT_FOUND", "\"obj\""},
      {CgroupNotFound("obj"), Code::kNotFound, "CGROUP_NOT_FOUND", "\"obj\""},
      {ImplicitCgroupsOff("obj"), Code::kNotFound, "CGROUP_NOT_FOUND", "\"obj\""},
      {ImplicitCgroupsBelowExplicitOnly("obj"), Code::kNotFound, "CGROUP_NOT_FOUND", "\"obj\""},
      {ParentGroupNotFound("x", "obj"), Code::kNotFound, "PARENT_NOT_FOUND", "\"obj\""},
      {ParentCgroupNotFound("x", "obj"), Code::kNotFound, "PARENT_NOT_FOUND", "\"obj\""},
      {ChargeNotFound("obj"), Code::kNotFound, "CHARGE_NOT_FOUND", "\"obj\""},
      {ItemNotFound("obj", "/a", "r"), Code::kNotFound, "ITEM_NOT_FOUND", "\"obj\""},
      {FileNotFound("/", "obj"), Code::kNotFound, "FILE_NOT_FOUND", "\"obj\""},
      {ChargeIdInUse("obj"), Code::kAlreadyExists, "CHARGE_ID_IN_USE", "\"obj\""},
      {CgroupExists("obj"), Code::kAlreadyExists, "CGROUP_EXISTS", "\"obj\""},
      {TooMany("obj", 17), Code::kResourceExhausted, "TOO_MANY", "17 obj"},
      {TextTooLong("obj", 17), Code::kResourceExhausted, "TOO_MANY", "\"obj\" would pass 17"},
      {AlreadyReleased("obj"), Code::kFailedPrecondition, "ALREADY_RELEASED", "\"obj\""},
      {IdTooOld("obj", time, time), Code::kFailedPrecondition, "ID_TOO_OLD", "\"obj\""},
      {RegionCordoned("obj"), Code::kFailedPrecondition, "REGION_CORDONED", "\"obj\""},
      {RegionGone("obj"), Code::kFailedPrecondition, "REGION_GONE", "\"obj\""},
      {RegionIsGroup("obj"), Code::kFailedPrecondition, "WRONG_KIND", "\"obj\""},
      {GroupIsRegion("obj"), Code::kFailedPrecondition, "WRONG_KIND", "\"obj\""},
      {CgroupDying("obj"), Code::kFailedPrecondition, "CGROUP_DYING", "\"obj\""},
      {CgroupHasChildren("obj", 3), Code::kFailedPrecondition, "CGROUP_HAS_CHILDREN",
       "\"obj\" has 3"},
      {MaxBelowUsage("obj", "r", one, two), Code::kFailedPrecondition, "MAX_BELOW_USAGE",
       "1 bytes for \"obj\" in \"r\" is below its usage of 2"},
      {GroupNotEmpty("obj", 3), Code::kFailedPrecondition, "GROUP_NOT_EMPTY", "\"obj\" has 3"},
      {GroupCycle("obj", "p"), Code::kFailedPrecondition, "GROUP_CYCLE", "\"obj\""},
      {GroupTooDeep("obj", "p", 8), Code::kFailedPrecondition, "GROUP_TOO_DEEP", "\"obj\""},
      {HasCharges("obj", 3), Code::kFailedPrecondition, "HAS_CHARGES", "\"obj\""},
      {StaleIncarnation("obj", 1, 2), Code::kAborted, "STALE_INCARNATION", "\"obj\""},
      {IncarnationMismatch("obj", 1, 2), Code::kAborted, "INCARNATION_MISMATCH", "\"obj\""},
      {EtagMismatch("obj", "r", 1, 2), Code::kAborted, "ETAG_MISMATCH", "\"obj\""},
      {ExpectedBytesMismatch("obj", "/a", "r", one, two), Code::kAborted, "EXPECTED_BYTES_MISMATCH",
       "\"obj\""},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(c.status.code(), c.code) << c.status;
    EXPECT_EQ(FactsOf(c.status).reason, c.reason) << c.status;
    EXPECT_THAT(std::string(c.status.message()), testing::HasSubstr(c.named));
  }
}

}  // namespace
}  // namespace dmem
