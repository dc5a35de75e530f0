// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// How time passes: what falls silent, is LOST, expires or is forgotten when, and what an outage
// does to that.

#include "core/ledger.h"
#include "core/testing/session_test_base.h"

namespace dmem {
namespace {

class LedgerTicksTest : public SessionTest {
 protected:
  absl::Status Reserve(absl::string_view id, absl::string_view region, uint64_t bytes,
                       absl::Duration ttl) {
    const std::vector<ChargeItemSpec> items = {{"/a", region, B(bytes), absl::nullopt}};
    ChargeCommand command;
    command.time = now_;
    command.charge_id = id;
    command.created_at = now_;
    command.items = items;
    command.ttl = ttl;
    return ledger_.Charge(command).status();
  }
};

TEST_F(LedgerTicksTest, WithNothingThatCanExpireATickChangesNothing) {
  ASSERT_TRUE(Register("gpu", 100).ok());
  ASSERT_TRUE(ChargeOne("c1", "/a", "gpu", 40).ok());
  const uint64_t sequence = state().scalars.sequence;
  EXPECT_FALSE(ledger_.Tick({Tick(), {}}).is_changed);
  EXPECT_FALSE(ledger_.Resume({Tick()}));
  EXPECT_EQ(state().scalars.sequence, sequence);
}

TEST_F(LedgerTicksTest, ASessionFallsSilentWithItsTtlAndReleasesNothing) {
  const uint64_t session = Open("agent", "n1", 7);
  ASSERT_TRUE(RegisterIn(session, "gpu", "n1", 100).ok());
  ASSERT_TRUE(ChargeOne("c1", "/a", "gpu", 40).ok());
  Pass(58);  // The charge took a second.
  EXPECT_EQ(StateOf(session), SessionState::kActive);
  Pass(1);
  EXPECT_EQ(StateOf(session), SessionState::kSilent);
  EXPECT_EQ(RegionStateOf("gpu"), RegionState::kStale);
  Pass(int64_t{24} * 3600);
  EXPECT_EQ(StateOf(session), SessionState::kSilent) << "it answers for a region";
  EXPECT_EQ(Usage("/a", "gpu"), 40u);
}

TEST_F(LedgerTicksTest, ARenewalMovesTheDeadlineFromWhenItWasHeard) {
  const uint64_t session = Open("agent", "n1", 7);
  ASSERT_TRUE(RegisterIn(session, "gpu", "n1", 100).ok());
  Pass(40);
  now_ += absl::Seconds(1);
  const std::vector<Renewal> heard = {{session, absl::Milliseconds(400)}};
  ledger_.Tick({now_, heard});
  Pass(59);
  EXPECT_EQ(StateOf(session), SessionState::kActive);
  Pass(1);
  EXPECT_EQ(StateOf(session), SessionState::kSilent);
}

TEST_F(LedgerTicksTest, ASilentSessionThatIsHeardIsActiveAgain) {
  const uint64_t session = Open("agent", "n1", 7);
  ASSERT_TRUE(RegisterIn(session, "gpu", "n1", 100).ok());
  Pass(3600);
  ASSERT_EQ(RegionStateOf("gpu"), RegionState::kStale);
  ASSERT_TRUE(ledger_.deadlines().empty()) << "nor was there anything to wait for";
  Pass(1, {session});
  EXPECT_EQ(StateOf(session), SessionState::kActive);
  EXPECT_EQ(RegionStateOf("gpu"), RegionState::kReady);
}

TEST_F(LedgerTicksTest, ASilentSessionThatHoldsNoRegionIsClosedAndThenForgotten) {
  const uint64_t scheduler = Open("scheduler", "", 0);
  const uint64_t idle = Open("agent", "n1", 7);
  Pass(60 + 299);
  EXPECT_EQ(StateOf(scheduler), SessionState::kSilent);
  EXPECT_EQ(StateOf(idle), SessionState::kSilent);
  Pass(1);
  EXPECT_EQ(StateOf(scheduler), SessionState::kClosed);
  EXPECT_EQ(StateOf(idle), SessionState::kClosed);
  EXPECT_EQ(state().FindNode("n1"), kNone) << "nothing to remember of it";
  Pass(599);
  EXPECT_FALSE(IsForgotten(scheduler));
  Pass(1);
  EXPECT_TRUE(IsForgotten(scheduler));
  EXPECT_TRUE(ledger_.deadlines().empty());
}

TEST_F(LedgerTicksTest, ANodeIsLostWhenItIsSilentAndNotReadyForLongEnoughTogether) {
  const uint64_t session = Open("agent", "n1", 7);
  ASSERT_TRUE(RegisterIn(session, "gpu", "n1", 100).ok());
  ASSERT_TRUE(DeclareNotReady("n1").ok());
  Pass(3600, {session});
  EXPECT_EQ(RegionStateOf("gpu"), RegionState::kReady) << "it is heard";
  Pass(60 + 298);
  EXPECT_EQ(RegionStateOf("gpu"), RegionState::kStale);
  Pass(2);
  EXPECT_EQ(RegionStateOf("gpu"), RegionState::kLost);
}

TEST_F(LedgerTicksTest, SilenceOfANodeThatIsReadyLosesNothing) {
  const uint64_t session = Open("agent", "n1", 7);
  ASSERT_TRUE(RegisterIn(session, "gpu", "n1", 100).ok());
  ASSERT_TRUE(ChargeOne("c1", "/a", "gpu", 40).ok());
  Pass(int64_t{2} * 3600);
  EXPECT_EQ(RegionStateOf("gpu"), RegionState::kStale);
  EXPECT_TRUE(ChargeOne("c2", "/a", "gpu", 40).ok());
  ASSERT_TRUE(DeclareNotReady("n1").ok());
  Pass(299);
  EXPECT_EQ(RegionStateOf("gpu"), RegionState::kStale) << "both for lost_after";
  ASSERT_TRUE(DeclareNotReady("n1", false).ok());
  Pass(3600);
  EXPECT_EQ(RegionStateOf("gpu"), RegionState::kStale);
}

TEST_F(LedgerTicksTest, ANodeWhoseAgentStoppedInOrderIsLostAsASilentOneIs) {
  const uint64_t session = Open("agent", "n1", 7);
  ASSERT_TRUE(RegisterIn(session, "gpu", "n1", 100).ok());
  ASSERT_TRUE(Close(session).ok());
  ASSERT_TRUE(DeclareNotReady("n1").ok());
  Pass(300);
  EXPECT_EQ(RegionStateOf("gpu"), RegionState::kLost);
}

TEST_F(LedgerTicksTest, AReservationExpiresWithItsTtl) {
  ASSERT_TRUE(RegisterGroup("cluster").ok());
  ASSERT_TRUE(Register("gpu", 100, "cluster").ok());
  ASSERT_TRUE(Reserve("r1", "cluster", 60, absl::Seconds(30)).ok());
  Pass(29);
  EXPECT_EQ(Usage("/a", "cluster"), 60u);
  Pass(1);
  EXPECT_EQ(Usage("/a", "cluster"), 0u);
  EXPECT_EQ(state().FindCharge("r1"), kNone);
  EXPECT_EQ(state().scalars.reservations_expired, 1u);
}

TEST_F(LedgerTicksTest, ARestartExtendsEveryDeadlineOnceByTheOutage) {
  ASSERT_TRUE(Register("gpu", 100).ok());
  const uint64_t session = Open("agent", "n1", 7);
  ASSERT_TRUE(RegisterIn(session, "n1/gpu", "n1", 100).ok());
  ASSERT_TRUE(Reserve("r1", "gpu", 60, absl::Seconds(50)).ok());
  Pass(20);
  Outage(absl::Hours(5));
  Pass(29);
  EXPECT_EQ(Usage("/a", "gpu"), 60u);
  EXPECT_EQ(StateOf(session), SessionState::kActive);
  Pass(1);
  EXPECT_EQ(Usage("/a", "gpu"), 0u) << "50 s after it was reserved, the outage not counted";
  Pass(10);
  EXPECT_EQ(StateOf(session), SessionState::kSilent) << "60 s after it was heard";
}

// The warning is a lease whose ttl began anew with every leader: with restarts often enough it
// never ended.
TEST_F(LedgerTicksTest, RestartsInALoopDoNotStretchADeadline) {
  ASSERT_TRUE(Register("gpu", 100).ok());
  ASSERT_TRUE(Reserve("r1", "gpu", 60, absl::Seconds(60)).ok());
  for (int up_seconds = 0; up_seconds < 59; ++up_seconds) {
    Pass(1);
    Outage(absl::Seconds(20));
    ASSERT_EQ(Usage("/a", "gpu"), 60u) << up_seconds;
  }
  Pass(1);
  EXPECT_EQ(Usage("/a", "gpu"), 0u);
}

TEST_F(LedgerTicksTest, AProcessThatStoodStillDoesNotSilenceThoseItCouldNotHear) {
  const uint64_t session = Open("agent", "n1", 7);
  Pass(30, {session});
  now_ += absl::Minutes(10);  // Stopped, and then went on.
  ledger_.Tick({now_, {}});
  EXPECT_EQ(StateOf(session), SessionState::kActive);
  Pass(54);
  EXPECT_EQ(StateOf(session), SessionState::kActive);
  Pass(1);
  EXPECT_EQ(StateOf(session), SessionState::kSilent) << "60 s, 5 of these in the gap";
}

TEST_F(LedgerTicksTest, ARenewalFromBeforeAStandstillCountsAsHeard) {
  const uint64_t session = Open("agent", "n1", 7);
  Pass(50);
  now_ += absl::Minutes(10);
  const std::vector<Renewal> heard = {{session, absl::Minutes(10) - absl::Milliseconds(100)}};
  ledger_.Tick({now_, heard});
  Pass(54);
  EXPECT_EQ(StateOf(session), SessionState::kActive);
}

TEST_F(LedgerTicksTest, TimeDoesNotRunWhileNothingCanExpire) {
  ASSERT_TRUE(Register("gpu", 100).ok());
  now_ += absl::Hours(10);  // No Tick comes meanwhile.
  const uint64_t session = Open("agent", "n1", 7);
  ASSERT_TRUE(RegisterIn(session, "n1/gpu", "n1", 100).ok());
  Pass(59);
  EXPECT_EQ(StateOf(session), SessionState::kActive);
  Pass(1);
  EXPECT_EQ(StateOf(session), SessionState::kSilent) << "the idle hours are no outage";
}

TEST_F(LedgerTicksTest, OneTickTakesAThousandDueThingsAndSaysThatThereAreMore) {
  ASSERT_TRUE(Register("gpu", 1000000).ok());
  for (int i = 0; i < 1500; ++i) {
    ASSERT_TRUE(Reserve(absl::StrCat("r", i), "gpu", 1, absl::Seconds(10)).ok());
  }
  now_ += absl::Seconds(10);
  const TickResult first = ledger_.Tick({now_, {}});
  EXPECT_FALSE(first.has_more) << "5 s of the gap were nobody's";
  now_ += absl::Seconds(5);
  const TickResult second = ledger_.Tick({now_, {}});
  EXPECT_TRUE(second.has_more);
  EXPECT_EQ(state().scalars.charges, 500u);
  const TickResult third = ledger_.Tick({now_, {}});
  EXPECT_FALSE(third.has_more);
  EXPECT_EQ(state().scalars.charges, 0u);
  Audit();
}

}  // namespace
}  // namespace dmem
