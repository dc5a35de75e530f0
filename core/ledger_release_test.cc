// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The release of charges: asked for, still counted, then done.

#include <string>
#include <vector>

#include "core/ledger.h"
#include "core/testing/ledger_test_base.h"
#include "core/testing/session_test_base.h"
#include "core/views.h"

namespace dmem {
namespace {

using ::testing::ElementsAre;

class LedgerReleaseTest : public LedgerTest {
 protected:
  void SetUp() override {
    ASSERT_TRUE(RegisterGroup("g").ok());
    ASSERT_TRUE(Register("n1/gpu0", 100, "g").ok());
  }
  ChargeView View(absl::string_view id) const {
    return ViewCharge(state(), state().FindCharge(id));
  }
};

TEST_F(LedgerReleaseTest, ReleasingChargeStillCountsEverywhere) {
  ASSERT_TRUE(SetMax("/a", "g", 60).ok());
  ASSERT_TRUE(Charge("c", {{"/a", "n1/gpu0", B(60), absl::nullopt}}).ok());
  const auto result = RequestRelease({"c"}, "kubelet", "pod deleted");
  ASSERT_TRUE(result.ok());
  EXPECT_THAT(result->outcomes, ElementsAre(ReleaseOutcome::kRequested));
  EXPECT_TRUE(View("c").is_releasing);
  EXPECT_EQ(View("c").release_requested_by, "kubelet");
  EXPECT_EQ(View("c").release_reason, "pod deleted");
  EXPECT_EQ(View("c").release_requested_at_us, absl::ToUnixMicros(now_));
  EXPECT_EQ(Usage("/", "g"), 60u);
  EXPECT_EQ(ReasonOf(Charge("d", {{"/a", "n1/gpu0", B(1), absl::nullopt}}).status()),
            "MAX_EXCEEDED");
  EXPECT_EQ(state().scalars.releasing_charges, 1u);
  ASSERT_TRUE(Uncharge({"c"}).ok());
  EXPECT_EQ(Usage("/", "g"), 0u);
  EXPECT_EQ(state().scalars.releasing_charges, 0u);
  EXPECT_EQ(state().scalars.releases_completed, 1u);
}

TEST_F(LedgerReleaseTest, FirstRequestStays) {
  ASSERT_TRUE(Charge("c", {{"/a", "n1/gpu0", B(60), absl::nullopt}}).ok());
  ASSERT_TRUE(RequestRelease({"c"}, "first", "one").ok());
  const uint64_t sequence = state().scalars.sequence;
  const auto again = RequestRelease({"c"}, "second", "two");
  ASSERT_TRUE(again.ok());
  EXPECT_THAT(again->outcomes, ElementsAre(ReleaseOutcome::kRequestedBefore));
  EXPECT_EQ(View("c").release_requested_by, "first");
  EXPECT_EQ(state().scalars.sequence, sequence);
}

TEST_F(LedgerReleaseTest, RequestIsAllOrNothingAndOfWhatIsHeld) {
  ASSERT_TRUE(Charge("c", {{"/a", "n1/gpu0", B(10), absl::nullopt}}).ok());
  ASSERT_TRUE(Reserve("r", {{"/a", "n1/gpu0", B(10), absl::nullopt}}).ok());
  ASSERT_TRUE(Charge("gone", {{"/a", "n1/gpu0", B(10), absl::nullopt}}).ok());
  ASSERT_TRUE(Uncharge({"gone"}).ok());
  EXPECT_EQ(ReasonOf(RequestRelease({"c", "never"}).status()), "CHARGE_NOT_FOUND");
  EXPECT_EQ(ReasonOf(RequestRelease({"c", "r"}).status()), "NOT_HELD");
  EXPECT_FALSE(View("c").is_releasing);
  const auto result = RequestRelease({"gone", "c"});
  ASSERT_TRUE(result.ok());
  EXPECT_THAT(result->outcomes,
              ElementsAre(ReleaseOutcome::kAlreadyReleased, ReleaseOutcome::kRequested));
  // Once committed it is held.
  ASSERT_TRUE(Commit("r", "1").ok());
  EXPECT_TRUE(RequestRelease({"r"}).ok());
  // And the commit is still known.
  EXPECT_TRUE(Commit("r", "1")->replayed);
}

// g ← n1/gpu0, n1/gpu1 of node n1, n2/gpu0 of node n2; other/gpu0, of no node
class ReleaseOfNodesTest : public SessionTest {
 protected:
  void SetUp() override {
    ASSERT_TRUE(RegisterGroup("g").ok());
    n1_ = Open("agent-n1", "n1", 7);
    n2_ = Open("agent-n2", "n2", 3);
    ASSERT_TRUE(RegisterIn(n1_, "n1/gpu0", "n1", 100, "g", 7).ok());
    ASSERT_TRUE(RegisterIn(n1_, "n1/gpu1", "n1", 100, "g", 7).ok());
    ASSERT_TRUE(RegisterIn(n2_, "n2/gpu0", "n2", 100, "g", 3).ok());
    ASSERT_TRUE(Register("other/gpu0", 100, "g").ok());
  }

  absl::StatusOr<UnchargeResult> UnchargeBy(uint64_t session, absl::string_view id,
                                            absl::string_view evidence) {
    const std::vector<absl::string_view> ids = {id};
    UnchargeCommand command;
    command.time = Tick();
    command.charge_ids = ids;
    command.session = session;
    command.evidence = evidence;
    auto result = ledger_.Uncharge(command);
    Audit();
    return result;
  }

  absl::StatusOr<UnchargeItemsResult> UnchargeItems(
      uint64_t session, absl::string_view id, const std::vector<absl::string_view>& regions = {}) {
    auto result = ledger_.UnchargeItems({Tick(), session, id, "no process", regions});
    Audit();
    return result;
  }

  uint64_t n1_ = 0, n2_ = 0;
};

TEST_F(ReleaseOfNodesTest, OnlyTheNodesSessionWithItsEvidenceGivesItBack) {
  ASSERT_TRUE(Charge("c", {{"/a", "n1/gpu0", B(10), absl::nullopt}}).ok());
  ASSERT_TRUE(RequestRelease({"c"}).ok());
  const uint64_t sequence = state().scalars.sequence;
  EXPECT_EQ(ReasonOf(Uncharge({"c"}).status()), "RELEASE_NEEDS_EVIDENCE");
  EXPECT_EQ(ReasonOf(UnchargeBy(n2_, "c", "no process").status()), "RELEASE_NEEDS_EVIDENCE");
  EXPECT_EQ(ReasonOf(UnchargeBy(n1_, "c", "").status()), "RELEASE_NEEDS_EVIDENCE");
  EXPECT_EQ(state().scalars.sequence, sequence);
  EXPECT_EQ(Usage("/", "g"), 10u);
  ASSERT_TRUE(UnchargeBy(n1_, "c", "no process").ok());
  EXPECT_EQ(Usage("/", "g"), 0u);
}

TEST_F(ReleaseOfNodesTest, WhatNobodyAskedForIsGivenBackByAnyone) {
  ASSERT_TRUE(Charge("c", {{"/a", "n1/gpu0", B(10), absl::nullopt}}).ok());
  EXPECT_TRUE(Uncharge({"c"}).ok());
  ASSERT_TRUE(Charge("d", {{"/a", "other/gpu0", B(10), absl::nullopt}}).ok());
  ASSERT_TRUE(RequestRelease({"d"}).ok());
  EXPECT_TRUE(Uncharge({"d"}).ok()) << "no node answers for its region";
}

TEST_F(ReleaseOfNodesTest, OneWithoutEvidenceKeepsAll) {
  ASSERT_TRUE(Charge("c", {{"/a", "n1/gpu0", B(10), absl::nullopt}}).ok());
  ASSERT_TRUE(Charge("d", {{"/a", "n1/gpu0", B(10), absl::nullopt}}).ok());
  ASSERT_TRUE(RequestRelease({"d"}).ok());
  EXPECT_EQ(ReasonOf(Uncharge({"c", "d"}).status()), "RELEASE_NEEDS_EVIDENCE");
  EXPECT_EQ(Usage("/", "g"), 20u);
}

TEST_F(ReleaseOfNodesTest, GangIsGivenBackNodeByNodeAndReleasingUntilTheLast) {
  ASSERT_TRUE(Charge("c", {{"/a", "n1/gpu0", B(10), absl::nullopt},
                           {"/a", "n2/gpu0", B(20), absl::nullopt},
                           {"/a", "n1/gpu1", B(30), absl::nullopt}})
                  .ok());
  EXPECT_EQ(ReasonOf(UnchargeItems(n1_, "c").status()), "NOT_RELEASING");
  ASSERT_TRUE(RequestRelease({"c"}).ok());
  EXPECT_EQ(ReasonOf(UnchargeBy(n1_, "c", "no process").status()), "RELEASE_NEEDS_EVIDENCE");
  auto result = UnchargeItems(n1_, "c");
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->items, 2u);
  EXPECT_EQ(result->bytes, B(40));
  EXPECT_EQ(Usage("/a", "g"), 20u);
  const ChargeView left = ViewCharge(state(), result->charge);
  EXPECT_TRUE(left.is_releasing);
  EXPECT_FALSE(left.is_partial);
  // Sent again there is nothing to do.
  result = UnchargeItems(n1_, "c");
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->items, 0u);
  result = UnchargeItems(n2_, "c");
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->charge, kNone);
  EXPECT_EQ(Usage("/", "g"), 0u);
  EXPECT_EQ(state().scalars.releases_completed, 1u);
  result = UnchargeItems(n2_, "c");
  ASSERT_TRUE(result.ok()) << "also after the last";
  EXPECT_EQ(ReasonOf(UnchargeItems(n2_, "never").status()), "CHARGE_NOT_FOUND");
  EXPECT_EQ(ReasonOf(UnchargeItems(999, "c").status()), "SESSION_NOT_FOUND");
}

TEST_F(ReleaseOfNodesTest, OnlyTheRegionsThatAreNamedAreGivenBack) {
  ASSERT_TRUE(Charge("c", {{"/a", "n1/gpu0", B(10), absl::nullopt},
                           {"/a", "n2/gpu0", B(20), absl::nullopt},
                           {"/a", "n1/gpu1", B(30), absl::nullopt}})
                  .ok());
  ASSERT_TRUE(RequestRelease({"c"}).ok());
  EXPECT_EQ(ReasonOf(UnchargeItems(n1_, "c", {"n1/gpu0", "n2/gpu0"}).status()), "NODE_MISMATCH");
  EXPECT_EQ(ReasonOf(UnchargeItems(n1_, "c", {"n1/gpu7"}).status()), "REGION_NOT_FOUND");
  EXPECT_EQ(Usage("/a", "g"), 60u);
  const auto result = UnchargeItems(n1_, "c", {"n1/gpu0"});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->bytes, B(10));
  EXPECT_EQ(Usage("/a", "n1/gpu1"), 30u) << "what nobody could see there may be used";
}

TEST_F(ReleaseOfNodesTest, AFenceGivesItBackToo) {
  ASSERT_TRUE(Charge("c", {{"/a", "n1/gpu0", B(10), absl::nullopt},
                           {"/a", "n2/gpu0", B(20), absl::nullopt}})
                  .ok());
  ASSERT_TRUE(RequestRelease({"c"}).ok());
  ASSERT_TRUE(Fence("n1").ok());
  EXPECT_EQ(Usage("/a", "g"), 20u);
  EXPECT_TRUE(UnchargeBy(n2_, "c", "no process").ok()) << "what is left is all on n2";
}

}  // namespace
}  // namespace dmem
