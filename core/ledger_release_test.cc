// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The release of charges: asked for, still counted, then done.

#include <string>
#include <vector>

#include "core/ledger.h"
#include "core/testing/ledger_test_base.h"
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

}  // namespace
}  // namespace dmem
