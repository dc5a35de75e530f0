// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Sessions, fences and the states of regions.

#include "core/ledger.h"
#include "core/state_codec.h"
#include "core/state_restorer.h"
#include "core/testing/session_test_base.h"

namespace dmem {
namespace {

using ::testing::IsEmpty;

class LedgerSessionsTest : public SessionTest {
 protected:
  // cluster
  //  ├── n1/gpu0, n1/gpu1   of node n1
  //  └── n2/gpu0            of node n2
  // 100 bytes each.
  void SetUpCluster() {
    ASSERT_TRUE(RegisterGroup("cluster").ok());
    n1_ = Open("agent-n1", "n1", 7);
    n2_ = Open("agent-n2", "n2", 3);
    ASSERT_TRUE(RegisterIn(n1_, "n1/gpu0", "n1", 100, "cluster", 7).ok());
    ASSERT_TRUE(RegisterIn(n1_, "n1/gpu1", "n1", 100, "cluster", 7).ok());
    ASSERT_TRUE(RegisterIn(n2_, "n2/gpu0", "n2", 100, "cluster", 3).ok());
  }
  // Node n1 is declared NotReady and not heard until its regions are LOST.
  void LoseN1() {
    ASSERT_TRUE(DeclareNotReady("n1").ok());
    Pass(60 + 300, {n2_});
    ASSERT_EQ(RegionStateOf("n1/gpu0"), RegionState::kLost);
  }

  uint64_t n1_ = 0, n2_ = 0;
};

TEST_F(LedgerSessionsTest, OpeningTwiceWithOneNonceGivesTheSameSession) {
  const auto first = TryOpen("agent", "n1", 7);
  ASSERT_TRUE(first.ok());
  EXPECT_FALSE(first->replayed);
  const uint64_t sequence = state().scalars.sequence;
  const auto second = TryOpen("agent", "n1", 7);
  ASSERT_TRUE(second.ok());
  EXPECT_TRUE(second->replayed);
  EXPECT_EQ(second->session, first->session);
  EXPECT_EQ(state().scalars.sequence, sequence);
}

TEST_F(LedgerSessionsTest, AnEarlierOpenThatArrivesLateDoesNotTakeTheNodeBack) {
  Open("agent-1", "n1", 7);
  const uint64_t second = Open("agent-2", "n1", 7);
  EXPECT_EQ(ReasonOf(TryOpen("agent-1", "n1", 7).status()), "SESSION_SUPERSEDED");
  EXPECT_EQ(StateOf(second), SessionState::kActive);
}

TEST_F(LedgerSessionsTest, TheSameIncarnationTakesOverAndNoRegionLeavesReady) {
  SetUpCluster();
  ASSERT_TRUE(ChargeOne("c1", "/a", "n1/gpu0", 40).ok());
  const uint64_t restarted = Open("agent-n1-again", "n1", 7);
  EXPECT_EQ(StateOf(n1_), SessionState::kSuperseded);
  EXPECT_EQ(StateOf(restarted), SessionState::kActive);
  EXPECT_EQ(RegionStateOf("n1/gpu0"), RegionState::kReady);
  EXPECT_EQ(Usage("/a", "n1/gpu0"), 40u);
  EXPECT_EQ(ReasonOf(ledger_.CheckSession(n1_).status()), "SESSION_SUPERSEDED");
  EXPECT_TRUE(ledger_.CheckSession(restarted).ok());
}

TEST_F(LedgerSessionsTest, ANewerIncarnationFencesTheOlderAndDropsWhatItHeld) {
  SetUpCluster();
  ASSERT_TRUE(Charge("gang", {{"/a", "n1/gpu0", B(40), {}}, {"/a", "n2/gpu0", B(50), {}}}).ok());
  ASSERT_TRUE(ChargeOne("c2", "/b", "n1/gpu1", 10).ok());
  ASSERT_TRUE(SetMax("/a", "n1/gpu0", 60).ok());

  const auto opened = TryOpen("agent-n1-boot-8", "n1", 8);
  ASSERT_TRUE(opened.ok());
  EXPECT_EQ(opened->took_over, n1_);
  EXPECT_EQ(opened->dropped.count, 2u);
  EXPECT_EQ(StateOf(n1_), SessionState::kFenced);
  EXPECT_EQ(ReasonOf(ledger_.CheckSession(n1_).status()), "SESSION_FENCED");
  EXPECT_EQ(Usage("/", "n1/gpu0"), 0u);
  EXPECT_EQ(Usage("/", "cluster"), 50u);
  EXPECT_EQ(Counter("/a", "n1/gpu0").max, B(60));
  EXPECT_EQ(state().FindCharge("c2"), kNone);
  EXPECT_TRUE(state().charges[state().FindCharge("gang")].is_partial);
}

TEST_F(LedgerSessionsTest, AfterARebootARegionTakesNoChargeUntilItIsRegisteredAgain) {
  SetUpCluster();
  const uint64_t rebooted = Open("agent-n1-boot-8", "n1", 8);
  EXPECT_EQ(RegionStateOf("n1/gpu0"), RegionState::kStale);
  const absl::Status refused = ChargeOne("c1", "/a", "n1/gpu0", 1).status();
  EXPECT_EQ(ReasonOf(refused), "REGION_STALE");
  EXPECT_EQ(ReasonOf(ChargeOne("c1", "/a", "n1/gpu0", 1, Mode::kForce).status()), "REGION_STALE");
  ASSERT_TRUE(RegisterIn(rebooted, "n1/gpu0", "n1", 100, "cluster", 8).ok());
  EXPECT_EQ(RegionStateOf("n1/gpu0"), RegionState::kReady);
  EXPECT_EQ(RegionStateOf("n1/gpu1"), RegionState::kStale);
  EXPECT_TRUE(ChargeOne("c1", "/a", "n1/gpu0", 1).ok());
}

TEST_F(LedgerSessionsTest, AnOlderIncarnationCannotOpen) {
  Open("agent", "n1", 7);
  const absl::Status status = TryOpen("late", "n1", 6).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(ReasonOf(status), "STALE_INCARNATION");
  EXPECT_EQ(Fact(status, "current"), "7");
}

TEST_F(LedgerSessionsTest, ClosingReleasesNothingHeldAndMakesTheRegionsStale) {
  SetUpCluster();
  ASSERT_TRUE(ChargeOne("c1", "/a", "n1/gpu0", 40).ok());
  ASSERT_TRUE(Close(n1_).ok());
  EXPECT_EQ(RegionStateOf("n1/gpu0"), RegionState::kStale);
  EXPECT_EQ(Usage("/a", "cluster"), 40u);
  EXPECT_TRUE(Close(n1_).ok()) << "sent again";
  EXPECT_EQ(ReasonOf(ledger_.CheckSession(n1_).status()), "SESSION_CLOSED");
  Open("agent-n1-again", "n1", 7);
  EXPECT_EQ(RegionStateOf("n1/gpu0"), RegionState::kReady);
}

TEST_F(LedgerSessionsTest, ClosingCancelsWhatItsSessionReserved) {
  SetUpCluster();
  const uint64_t scheduler = Open("scheduler", "", 0);
  const auto reserve = [&](absl::string_view id, uint64_t session) {
    const std::vector<ChargeItemSpec> items = {{"/a", "cluster", B(30), absl::nullopt}};
    ChargeCommand command;
    command.time = Tick();
    command.charge_id = id;
    command.created_at = now_;
    command.items = items;
    command.ttl = absl::Minutes(10);
    command.session = session;
    return ledger_.Charge(command).status();
  };
  ASSERT_TRUE(reserve("mine", scheduler).ok());
  ASSERT_TRUE(reserve("theirs", n1_).ok());
  ASSERT_TRUE(Close(scheduler).ok());
  EXPECT_EQ(state().FindCharge("mine"), kNone);
  EXPECT_NE(state().FindCharge("theirs"), kNone);
  EXPECT_EQ(Usage("/a", "cluster"), 30u);
}

TEST_F(LedgerSessionsTest, AWrongSessionIsRefusedByEveryCommandThatCarriesOne) {
  SetUpCluster();
  ASSERT_TRUE(ChargeOne("c1", "/a", "n1/gpu0", 40).ok());
  ASSERT_TRUE(Fence("n2").ok());
  const std::vector<ChargeItemSpec> items = {{"/a", "n1/gpu0", B(1), absl::nullopt}};
  const std::vector<absl::string_view> ids = {"c1"};
  const std::vector<ResizeItemSpec> sizes = {{"c1", "/a", "n1/gpu0", B(2), absl::nullopt}};
  const uint64_t sequence = state().scalars.sequence;
  for (const auto& [session, reason] :
       {std::make_pair(n2_, "SESSION_FENCED"), {uint64_t{999}, "SESSION_NOT_FOUND"}}) {
    ChargeCommand charge;
    charge.time = now_;
    charge.charge_id = "c2";
    charge.created_at = now_;
    charge.items = items;
    charge.session = session;
    EXPECT_EQ(ReasonOf(ledger_.Charge(charge).status()), reason);
    EXPECT_EQ(ReasonOf(ledger_.Uncharge({now_, ids, session}).status()), reason);
    EXPECT_EQ(ReasonOf(ledger_.Resize({now_, sizes, Mode::kStrict, session}).status()), reason);
    EXPECT_EQ(ReasonOf(RegisterIn(session, "n2/gpu0", "n2", 100).status()), reason);
    EXPECT_EQ(ReasonOf(ReportFailed(session, "n2/gpu0")), reason);
  }
  EXPECT_EQ(state().scalars.sequence, sequence);
}

TEST_F(LedgerSessionsTest, AChargeSentAgainByTheNextSessionOfItsNodeIsTheSameCharge) {
  SetUpCluster();
  const std::vector<ChargeItemSpec> items = {{"/a", "n1/gpu0", B(40), absl::nullopt}};
  ChargeCommand command;
  command.time = Tick();
  command.charge_id = "c1";
  command.created_at = now_;
  command.items = items;
  command.session = n1_;
  ASSERT_TRUE(ledger_.Charge(command).ok());
  command.session = Open("agent-n1-again", "n1", 7);
  const auto again = ledger_.Charge(command);
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->replayed);
}

TEST_F(LedgerSessionsTest, ARegionBelongsToTheNodeThatItsAttributesName) {
  SetUpCluster();
  const absl::Status other = RegisterIn(n1_, "n1/gpu9", "n2", 100).status();
  EXPECT_EQ(other.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(other), "NODE_MISMATCH");
  EXPECT_EQ(ReasonOf(RegisterIn(0, "n1/gpu0", "elsewhere", 100, "cluster", 7).status()),
            "NODE_MISMATCH");
  EXPECT_EQ(ReasonOf(RegisterIn(Open("scheduler", "", 0), "n1/gpu9", "", 100).status()), "")
      << "a session without a node answers for nothing, and registers as nobody does";
}

TEST_F(LedgerSessionsTest, ADeviceMovesToAnotherNodeOnlyWithoutCharges) {
  SetUpCluster();
  ASSERT_TRUE(ChargeOne("c1", "/a", "n1/gpu0", 40).ok());
  EXPECT_EQ(ReasonOf(RegisterIn(n2_, "n1/gpu0", "n2", 100, "cluster", 7).status()), "HAS_CHARGES");
  const auto moved = RegisterIn(n2_, "n1/gpu0", "n2", 100, "cluster", 8);
  ASSERT_TRUE(moved.ok());
  EXPECT_EQ(moved->dropped.count, 1u);
  ASSERT_TRUE(Close(n1_).ok());
  EXPECT_EQ(RegionStateOf("n1/gpu0"), RegionState::kReady);
}

TEST_F(LedgerSessionsTest, ARegionWithoutASessionIsNeverStale) {
  ASSERT_TRUE(Register("gpu", 100).ok());
  Pass(3600);
  EXPECT_EQ(RegionStateOf("gpu"), RegionState::kReady);
}

TEST_F(LedgerSessionsTest, StaleRegionsTakeChargesUnlessThePolicyRefuses) {
  SetUpCluster();
  ASSERT_TRUE(Close(n1_).ok());
  EXPECT_TRUE(ChargeOne("c1", "/a", "n1/gpu0", 10).ok());
  ConfigureCommand configure;
  configure.time = Tick();
  configure.settings.refuses_stale_regions = true;
  ledger_.Configure(configure);
  EXPECT_EQ(ReasonOf(ChargeOne("c2", "/a", "n1/gpu0", 10).status()), "REGION_STALE");
  EXPECT_EQ(ReasonOf(Resize({{"c1", "/a", "n1/gpu0", B(20), {}}}).status()), "REGION_STALE");
  EXPECT_TRUE(Resize({{"c1", "/a", "n1/gpu0", B(5), {}}}).ok()) << "a shrink always works";
  EXPECT_TRUE(ChargeOne("c3", "/a", "n2/gpu0", 10).ok());
}

TEST_F(LedgerSessionsTest, AFailedRegionKeepsItsChargesAndTakesNoMore) {
  SetUpCluster();
  ASSERT_TRUE(ChargeOne("c1", "/a", "n1/gpu0", 40).ok());
  ASSERT_TRUE(ReportFailed(n1_, "n1/gpu0").ok());
  EXPECT_EQ(RegionStateOf("n1/gpu0"), RegionState::kFailed);
  EXPECT_EQ(Usage("/a", "cluster"), 40u);
  const absl::Status refused = ChargeOne("c2", "/a", "n1/gpu0", 1, Mode::kForce).status();
  EXPECT_EQ(ReasonOf(refused), "REGION_FAILED");
  EXPECT_EQ(Fact(refused, "why"), "fell off the bus");
  ASSERT_TRUE(ReportFailed(n1_, "n1/gpu0", false).ok());
  EXPECT_EQ(RegionStateOf("n1/gpu0"), RegionState::kReady);
}

TEST_F(LedgerSessionsTest, OnlyItsOwnNodeReportsARegion) {
  SetUpCluster();
  EXPECT_EQ(ReasonOf(ReportFailed(n2_, "n1/gpu0")), "NODE_MISMATCH");
  EXPECT_EQ(ReasonOf(ReportFailed(n2_, "nowhere")), "REGION_NOT_FOUND");
  EXPECT_EQ(ReasonOf(ReportFailed(n2_, "cluster")), "WRONG_KIND");
}

// ---- LOST ----

TEST_F(LedgerSessionsTest, ALostRegionAndItsChargesLeaveItsGroups) {
  SetUpCluster();
  ASSERT_TRUE(SetMax("/a", "cluster", 100).ok());
  ASSERT_TRUE(ChargeOne("c1", "/a", "n1/gpu0", 80).ok());
  EXPECT_EQ(ReasonOf(ChargeOne("c2", "/a", "n2/gpu0", 30).status()), "MAX_EXCEEDED");
  LoseN1();
  EXPECT_EQ(Usage("/a", "n1/gpu0"), 80u) << "the region itself keeps them";
  EXPECT_EQ(Usage("/a", "cluster"), 0u);
  EXPECT_TRUE(ChargeOne("c2", "/a", "n2/gpu0", 30).ok()) << "the tenant can run elsewhere";
  EXPECT_EQ(ReasonOf(ChargeOne("c3", "/a", "n1/gpu0", 1).status()), "REGION_LOST");
  EXPECT_EQ(ReasonOf(ChargeOne("c3", "/a", "n1/gpu0", 1, Mode::kForce).status()), "REGION_LOST");
}

TEST_F(LedgerSessionsTest, WhatIsLostIsUnchargedAndShrunkWithoutTouchingItsGroups) {
  SetUpCluster();
  ASSERT_TRUE(SetMax("/a", "cluster", 90).ok());
  ASSERT_TRUE(ChargeOne("c1", "/a", "n1/gpu0", 80).ok());
  ASSERT_TRUE(ChargeOne("c2", "/a", "n1/gpu1", 10).ok());
  LoseN1();
  ASSERT_TRUE(ChargeOne("c3", "/a", "n2/gpu0", 85).ok());
  EXPECT_EQ(
      ReasonOf(Resize({{"c1", "/a", "n1/gpu0", B(10), {}}, {"c3", "/a", "n2/gpu0", B(95), {}}})
                   .status()),
      "MAX_EXCEEDED")
      << "what shrinks there makes no room in the group";
  ASSERT_TRUE(Resize({{"c1", "/a", "n1/gpu0", B(10), {}}}).ok());
  ASSERT_TRUE(Uncharge({"c2"}).ok());
  EXPECT_EQ(Usage("/a", "cluster"), 85u);
  EXPECT_EQ(Usage("/", "n1/gpu1"), 0u);
}

TEST_F(LedgerSessionsTest, NeitherAKeepAliveNorReadinessAloneBringsALostRegionBack) {
  SetUpCluster();
  LoseN1();
  ASSERT_TRUE(DeclareNotReady("n1", false).ok());
  EXPECT_EQ(RegionStateOf("n1/gpu0"), RegionState::kLost);
  Pass(1, {n1_, n2_});
  EXPECT_EQ(StateOf(n1_), SessionState::kActive);
  EXPECT_EQ(RegionStateOf("n1/gpu0"), RegionState::kLost);
  ASSERT_TRUE(RegisterIn(n1_, "n1/gpu0", "n1", 100, "cluster", 7).ok());
  EXPECT_EQ(RegionStateOf("n1/gpu0"), RegionState::kLost);
}

TEST_F(LedgerSessionsTest, ALostRegionComesBackEmptyInANewerIncarnation) {
  SetUpCluster();
  ASSERT_TRUE(ChargeOne("c1", "/a", "n1/gpu0", 80).ok());
  LoseN1();
  ASSERT_TRUE(RegisterIn(n1_, "n1/gpu0", "n1", 100, "cluster", 8).ok());
  EXPECT_NE(RegionStateOf("n1/gpu0"), RegionState::kLost);
  EXPECT_EQ(Usage("/", "n1/gpu0"), 0u);
  Pass(1, {n1_, n2_});
  ASSERT_TRUE(ChargeOne("c2", "/a", "n1/gpu0", 30).ok());
  EXPECT_EQ(Usage("/a", "cluster"), 30u);
}

TEST_F(LedgerSessionsTest, ALostRegionThatIsUnregisteredStaysOutOfItsGroups) {
  SetUpCluster();
  ASSERT_TRUE(ChargeOne("c1", "/a", "n1/gpu0", 80).ok());
  LoseN1();
  ASSERT_TRUE(ledger_.Unregister({Tick(), "n1/gpu0", false}).ok());
  EXPECT_EQ(Usage("/a", "cluster"), 0u);
  ASSERT_TRUE(Uncharge({"c1"}).ok());
  EXPECT_EQ(Usage("/", "cluster"), 0u);
}

// ---- Fence ----

TEST_F(LedgerSessionsTest, AFenceDropsWhatTheNodeHeldAndRefusesItsLateCalls) {
  SetUpCluster();
  ASSERT_TRUE(Charge("gang", {{"/a", "n1/gpu0", B(40), {}}, {"/a", "n2/gpu0", B(50), {}}}).ok());
  const auto fenced = Fence("n1");
  ASSERT_TRUE(fenced.ok());
  EXPECT_EQ(fenced->session, n1_);
  EXPECT_EQ(fenced->fenced_incarnation, 7u);
  EXPECT_EQ(fenced->dropped.count, 1u);
  EXPECT_EQ(fenced->regions, 2u);
  EXPECT_EQ(RegionStateOf("n1/gpu0"), RegionState::kLost);
  EXPECT_EQ(Usage("/a", "cluster"), 50u);
  EXPECT_EQ(ReasonOf(ledger_.CheckSession(n1_).status()), "SESSION_FENCED");
  EXPECT_EQ(ReasonOf(TryOpen("late", "n1", 7).status()), "SESSION_FENCED");

  const uint64_t rebooted = Open("agent-n1-boot-8", "n1", 8);
  ASSERT_TRUE(RegisterIn(rebooted, "n1/gpu0", "n1", 100, "cluster", 8).ok());
  EXPECT_EQ(RegionStateOf("n1/gpu0"), RegionState::kReady);
}

TEST_F(LedgerSessionsTest, AFenceSentAgainChangesNothing) {
  SetUpCluster();
  ASSERT_TRUE(Fence("n1").ok());
  const uint64_t sequence = state().scalars.sequence;
  const auto again = Fence("n1");
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->session, 0u);
  EXPECT_EQ(again->fenced_incarnation, 7u);
  EXPECT_EQ(state().scalars.sequence, sequence);
}

TEST_F(LedgerSessionsTest, AFenceOfAnOlderIncarnationLeavesTheNodeThatCameBack) {
  SetUpCluster();
  const uint64_t rebooted = Open("agent-n1-boot-8", "n1", 8);
  const auto fenced = Fence("n1", false, 7);
  ASSERT_TRUE(fenced.ok());
  EXPECT_EQ(fenced->session, 0u);
  EXPECT_EQ(StateOf(rebooted), SessionState::kActive);
}

TEST_F(LedgerSessionsTest, AForgottenNodeLeavesNothing) {
  SetUpCluster();
  ASSERT_TRUE(ChargeOne("c1", "/a", "n1/gpu0", 40).ok());
  ASSERT_TRUE(Fence("n1", /*forget=*/true).ok());
  EXPECT_EQ(state().FindRegion("n1/gpu0"), kNone);
  EXPECT_EQ(state().FindCharge("c1"), kNone);
  EXPECT_EQ(state().FindNode("n1"), kNone);
  EXPECT_EQ(ReasonOf(ledger_.CheckSession(n1_).status()), "SESSION_FENCED") << "late calls";
  EXPECT_EQ(ReasonOf(Fence("n1").status()), "NODE_NOT_FOUND");
}

TEST_F(LedgerSessionsTest, AFenceDropsWhatRegionsThatAreGoneStillHeld) {
  SetUpCluster();
  ASSERT_TRUE(ChargeOne("c1", "/a", "n1/gpu0", 40).ok());
  ASSERT_TRUE(ledger_.Unregister({Tick(), "n1/gpu0", false}).ok());
  EXPECT_EQ(Usage("/a", "cluster"), 40u);
  const auto fenced = Fence("n1");
  ASSERT_TRUE(fenced.ok());
  EXPECT_EQ(fenced->regions, 1u);
  EXPECT_EQ(Usage("/", "cluster"), 0u);
  EXPECT_EQ(state().FindCharge("c1"), kNone);
}

TEST_F(LedgerSessionsTest, ARebootOfANodeWhoseOnlyRegionWasGoneKeepsTheNode) {
  const uint64_t old = Open("agent", "n1", 7);
  ASSERT_TRUE(RegisterIn(old, "gpu", "n1", 100).ok());
  ASSERT_TRUE(ChargeOne("c1", "/a", "gpu", 40).ok());
  ASSERT_TRUE(ledger_.Unregister({Tick(), "gpu", false}).ok());
  ASSERT_TRUE(Close(old).ok());
  const auto opened = TryOpen("agent-8", "n1", 8);
  ASSERT_TRUE(opened.ok());
  EXPECT_EQ(opened->dropped.count, 1u);
  EXPECT_EQ(state().scalars.regions, 0u);
  EXPECT_NE(state().FindNode("n1"), kNone);
}

TEST_F(LedgerSessionsTest, NodesAndSessionsAreBounded) {
  ConfigureCommand configure;
  configure.time = Tick();
  configure.settings.sessions_max = 2;
  ledger_.Configure(configure);
  Open("a", "n1", 1);
  Open("b", "", 0);
  const absl::Status refused = TryOpen("c", "n2", 1).status();
  EXPECT_EQ(ReasonOf(refused), "TOO_MANY");
  EXPECT_EQ(Fact(refused, "bound"), "2");
}

TEST_F(LedgerSessionsTest, AStateThatIsStoredAndReadBackIsTheSame) {
  SetUpCluster();
  ASSERT_TRUE(ChargeOne("c1", "/a", "n1/gpu0", 40).ok());
  ASSERT_TRUE(ChargeOne("c2", "/a", "n2/gpu0", 5).ok());
  ASSERT_TRUE(ReportFailed(n1_, "n1/gpu1").ok());
  LoseN1();
  Open("agent-n2-boot-4", "n2", 4);
  ASSERT_TRUE(DeclareNotReady("n2").ok());
  Outage(absl::Hours(1));

  const StateDelta delta = DiffStates(nullptr, StateHash(), state());
  Ledger restored;
  StateRestorer restorer(&restored);
  for (const auto& [key, value] : delta.puts) ASSERT_TRUE(restorer.AddObject(key, value).ok());
  ASSERT_TRUE(restorer.Finish().ok());
  EXPECT_EQ(HashOf(restored.state()), HashOf(state()));
  EXPECT_THAT(CheckInvariants(restored.state()).violations, IsEmpty());
  EXPECT_THAT(restored.deadlines().Check(restored.state()), IsEmpty());
  // Both go on alike.
  for (Ledger* ledger : {&restored, &ledger_}) {
    for (int i = 1; i <= 700; ++i) ledger->Tick({now_ + absl::Seconds(i), {}});
  }
  EXPECT_EQ(HashOf(restored.state()), HashOf(state()));
}

}  // namespace
}  // namespace dmem
