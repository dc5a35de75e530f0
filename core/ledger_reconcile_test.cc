// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Reconcile: what a node really holds becomes what the ledger says.

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/session_views.h"
#include "core/state_codec.h"
#include "core/state_restorer.h"
#include "core/testing/session_test_base.h"
#include "core/views.h"

namespace dmem {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Kind = Difference::Kind;

// A node n1 with the regions n1/a and n1/b below the group g, and its agent's session.
class LedgerReconcileTest : public SessionTest {
 protected:
  void SetUp() override {
    ASSERT_TRUE(RegisterGroup("g").ok());
    agent_ = Open("agent", "n1", 1);
    ASSERT_TRUE(RegisterIn(agent_, "n1/a", "n1", 100, "g").ok());
    ASSERT_TRUE(RegisterIn(agent_, "n1/b", "n1", 100, "g").ok());
  }

  static ReconcileItemSpec Held(absl::string_view id, absl::string_view cgroup,
                                absl::string_view region, uint64_t bytes,
                                Basis basis = Basis::kBooked) {
    ReconcileItemSpec spec;
    spec.cgroup = cgroup;
    spec.region = region;
    spec.bytes = B(bytes);
    spec.charge.charge_id = id;
    spec.charge.created_at = absl::FromUnixSeconds(1700000000);
    spec.charge.basis = basis;
    return spec;
  }

  absl::StatusOr<ReconcileResult> Part(uint64_t session, uint64_t as_of, uint64_t part, bool last,
                                       const std::vector<ReconcileItemSpec>& items,
                                       absl::string_view id = "r1",
                                       const std::vector<absl::string_view>& regions = {}) {
    ReconcileCommand command;
    command.time = Tick();
    command.session = session;
    command.reconcile_id = id;
    command.as_of = as_of;
    command.part = part;
    command.last = last;
    command.fresh_id = "fresh";
    command.items = items;
    command.regions = regions;
    auto result = ledger_.Reconcile(command);
    Audit();
    return result;
  }
  // In one part, of all that is known now.
  absl::StatusOr<ReconcileResult> Reconcile(const std::vector<ReconcileItemSpec>& items) {
    return Part(agent_, Now(), 0, true, items);
  }
  uint64_t Now() const { return state().scalars.sequence; }
  bool IsLive(absl::string_view id) const { return state().FindCharge(id) != kNone; }
  ChargeView ChargeOf(absl::string_view id) const {
    return ViewCharge(state(), state().FindCharge(id));
  }
  static std::vector<Kind> KindsOf(const absl::StatusOr<ReconcileResult>& result) {
    std::vector<Kind> kinds;
    if (!result.ok()) {
      ADD_FAILURE() << result.status();
      return kinds;
    }
    for (const Difference& difference : result->differences) kinds.push_back(difference.kind);
    EXPECT_EQ(result->count, kinds.size());
    return kinds;
  }

  uint64_t agent_ = 0;
};

TEST_F(LedgerReconcileTest, WhatRunsIsNeverRefusedHoweverFullItsRegionAndItsCgroupAre) {
  ASSERT_TRUE(SetMax("/t", "g", 10).ok());
  ConfigureCommand off;
  off.time = Tick();
  off.settings.implicit_cgroups = ImplicitCgroups::kOff;
  ledger_.Configure(off);
  ASSERT_TRUE(ledger_.Cordon({Tick(), "n1/a", true}).ok());
  const auto result = Reconcile({Held("x", "/t/job", "n1/a", 150)});
  EXPECT_THAT(KindsOf(result), ElementsAre(Kind::kRecorded));
  EXPECT_EQ(Usage("/t/job", "n1/a"), 150u);
  EXPECT_EQ(Usage("/t", "g"), 150u);
  EXPECT_EQ(ViewRegion(state(), state().FindRegion("n1/a")).over, B(50)) << "and it shows";
}

TEST_F(LedgerReconcileTest, ARecordedChargeIsWhatItsNodeSaysOfIt) {
  ReconcileItemSpec spec = Held("x", "/t", "n1/a", 10, Basis::kMeasured);
  const Label labels[] = {{"tier", "gold"}};
  spec.charge.labels = labels;
  spec.charge.owner_name = "pod-1";
  spec.charge.priority = 7;
  ASSERT_TRUE(Reconcile({spec, Held("x", "/t", "n1/b", 20)}).ok());
  const ChargeView charge = ChargeOf("x");
  ASSERT_EQ(charge.items.size(), 2u) << "two items of one id are one charge";
  EXPECT_EQ(charge.owner_name, "pod-1");
  EXPECT_EQ(charge.labels[0].second, "gold");
  EXPECT_EQ(charge.priority, 7);
  EXPECT_EQ(charge.basis, Basis::kMeasured);
  EXPECT_EQ(charge.created_at_us, int64_t{1700000000} * 1000000);
}

TEST_F(LedgerReconcileTest, WhatIsKnownAndNotHeldIsReleased) {
  ASSERT_TRUE(ChargeOne("kept", "/t", "n1/a", 10).ok());
  ASSERT_TRUE(ChargeOne("gone", "/t", "n1/a", 20).ok());
  const auto result = Reconcile({Held("kept", "/t", "n1/a", 10)});
  EXPECT_THAT(KindsOf(result), ElementsAre(Kind::kReleased));
  EXPECT_EQ(result->differences[0].charge_id, "gone");
  EXPECT_EQ(result->differences[0].known, B(20));
  EXPECT_TRUE(result->differences[0].charge_ended);
  EXPECT_TRUE(IsLive("kept"));
  EXPECT_FALSE(IsLive("gone"));
  EXPECT_EQ(Usage("/", "g"), 10u);
  EXPECT_EQ(ReasonOf(ChargeOne("gone", "/t", "n1/a", 20).status()), "ALREADY_RELEASED");
}

TEST_F(LedgerReconcileTest, TheSameListAgainFindsNothing) {
  ASSERT_TRUE(ChargeOne("gone", "/t", "n1/a", 20).ok());
  ASSERT_TRUE(Reconcile({Held("x", "/t", "n1/b", 5)}).ok());
  EXPECT_THAT(KindsOf(Reconcile({Held("x", "/t", "n1/b", 5)})), IsEmpty());
}

TEST_F(LedgerReconcileTest, AGrantAfterTheListWasBegunSurvives) {
  const uint64_t as_of = Now();
  // The agent has begun its list; a scheduler charges.
  ASSERT_TRUE(ChargeOne("new", "/t", "n1/a", 10).ok());
  EXPECT_THAT(KindsOf(Part(agent_, as_of, 0, false, {})), IsEmpty());
  ASSERT_TRUE(ChargeOne("newer", "/t", "n1/b", 10).ok());
  EXPECT_THAT(KindsOf(Part(agent_, as_of, 1, true, {})), IsEmpty());
  EXPECT_TRUE(IsLive("new"));
  EXPECT_TRUE(IsLive("newer"));
}

// The canary: what as_of is for. A list that claims to be of now, and was begun before, loses it.
TEST_F(LedgerReconcileTest, WithoutAnAsOfFromTheBeginningAGrantInBetweenWouldBeLost) {
  ASSERT_TRUE(ChargeOne("new", "/t", "n1/a", 10).ok());
  EXPECT_THAT(KindsOf(Part(agent_, Now(), 0, true, {})), ElementsAre(Kind::kReleased));
  EXPECT_FALSE(IsLive("new"));
}

TEST_F(LedgerReconcileTest, ResizesAndMovesAfterAsOfChangeNothingOfThat) {
  ASSERT_TRUE(ChargeOne("old", "/t", "n1/a", 10).ok());
  const uint64_t as_of = Now();
  ASSERT_TRUE(Resize({{"old", "/t", "n1/a", B(12), absl::nullopt}}).ok());
  ASSERT_TRUE(ledger_.MoveCharge({Tick(), 0, "old", "/t", "/u"}).ok());
  EXPECT_THAT(KindsOf(Part(agent_, as_of, 0, true, {})), ElementsAre(Kind::kReleased));
}

TEST_F(LedgerReconcileTest, SizesOfMeasuredChargesAreCorrectedAndOfBookedOnesReported) {
  ASSERT_TRUE(SetMax("/m", "n1/a", 10).ok());
  ChargeCommand measured;
  measured.time = Tick();
  measured.created_at = measured.time;
  measured.charge_id = "m";
  measured.basis = Basis::kMeasured;
  const ChargeItemSpec items[] = {{"/m", "n1/a", B(10), absl::nullopt}};
  measured.items = items;
  ASSERT_TRUE(ledger_.Charge(measured).ok());
  ASSERT_TRUE(ChargeOne("b", "/b", "n1/a", 10).ok());
  const auto result = Reconcile({Held("m", "/m", "n1/a", 30), Held("b", "/b", "n1/a", 30)});
  EXPECT_THAT(KindsOf(result), ElementsAre(Kind::kResized, Kind::kSizeDiffers));
  EXPECT_EQ(result->differences[1].known, B(10));
  EXPECT_EQ(result->differences[1].held, B(30));
  EXPECT_EQ(Usage("/m", "n1/a"), 30u) << "beyond its max: it runs";
  EXPECT_EQ(Usage("/b", "n1/a"), 10u);
}

TEST_F(LedgerReconcileTest, WhatIsReservedIsNeverReleased) {
  ChargeCommand reservation;
  reservation.time = Tick();
  reservation.created_at = reservation.time;
  reservation.charge_id = "r";
  reservation.ttl = absl::Minutes(10);
  const ChargeItemSpec items[] = {{"/t", "n1/a", B(10), absl::nullopt},
                                  {"/t", "g", B(20), absl::nullopt}};
  reservation.items = items;
  ASSERT_TRUE(ledger_.Charge(reservation).ok());
  EXPECT_THAT(KindsOf(Reconcile({})), IsEmpty());
  EXPECT_EQ(Usage("/t", "g"), 30u);
}

TEST_F(LedgerReconcileTest, WhatIsReservedAndHeldIsCommittedByIt) {
  ChargeCommand reservation;
  reservation.time = Tick();
  reservation.created_at = reservation.time;
  reservation.charge_id = "r";
  reservation.ttl = absl::Minutes(10);
  const ChargeItemSpec items[] = {{"/t", "n1/a", B(10), absl::nullopt},
                                  {"/t", "g", B(50), absl::nullopt}};
  reservation.items = items;
  ASSERT_TRUE(ledger_.Charge(reservation).ok());
  const auto result = Reconcile({Held("r", "/t", "n1/a", 10), Held("r", "/t", "n1/b", 30)});
  EXPECT_THAT(KindsOf(result), ElementsAre(Kind::kCommitted, Kind::kCommitted));
  EXPECT_EQ(Usage("/t", "n1/a"), 10u);
  EXPECT_EQ(Usage("/t", "n1/b"), 30u);
  EXPECT_EQ(Usage("/t", "g"), 60u) << "20 are reserved on the group still";
  EXPECT_EQ(Counter("/t", "g").peak, B(60)) << "nothing counted twice";
  ASSERT_TRUE(Reconcile({Held("r", "/t", "n1/a", 10), Held("r", "/t", "n1/b", 55)}).ok());
  const auto more = Reconcile({Held("r", "/u", "n1/a", 10)});
  EXPECT_THAT(KindsOf(more), ElementsAre(Kind::kCgroupDiffers, Kind::kReleased));
}

TEST_F(LedgerReconcileTest, WhatWasReleasedAndIsHeldIsRecordedUnderANewId) {
  ASSERT_TRUE(ChargeOne("x", "/t", "n1/a", 10).ok());
  ASSERT_TRUE(Uncharge({"x"}).ok());
  const auto result = Reconcile({Held("x", "/t", "n1/a", 10), Held("x", "/t", "n1/b", 10)});
  EXPECT_THAT(KindsOf(result), ElementsAre(Kind::kRecordedAnew, Kind::kRecordedAnew));
  EXPECT_EQ(result->differences[0].charge_id, "x");
  EXPECT_EQ(result->differences[0].new_id, "fresh-1");
  EXPECT_EQ(ChargeOf("fresh-1").items.size(), 2u);
  EXPECT_FALSE(IsLive("x"));
  EXPECT_EQ(Usage("/", "g"), 20u);
}

TEST_F(LedgerReconcileTest, AMovedChargeIsKnownByItsRegion) {
  ASSERT_TRUE(ChargeOne("x", "/t", "n1/a", 10).ok());
  ASSERT_TRUE(ledger_.MoveCharge({Tick(), 0, "x", "/t", "/u"}).ok());
  const auto result = Reconcile({Held("x", "/t", "n1/a", 10)});
  EXPECT_THAT(KindsOf(result), ElementsAre(Kind::kCgroupDiffers));
  EXPECT_EQ(result->differences[0].known_cgroup, "/u");
  EXPECT_EQ(Usage("/u", "n1/a"), 10u);
  EXPECT_EQ(Usage("/", "n1/a"), 10u);
  // A dying cgroup is the one that its path named.
  ASSERT_TRUE(Delete("/u").ok());
  EXPECT_THAT(KindsOf(Reconcile({Held("x", "/u", "n1/a", 10)})), IsEmpty());
}

TEST_F(LedgerReconcileTest, OnlyTheSessionsRegionsAreTouched) {
  const uint64_t other = Open("other", "n2", 1);
  ASSERT_TRUE(RegisterIn(other, "n2/a", "n2", 100, "g").ok());
  ASSERT_TRUE(Register("free", 100, "g").ok());
  ASSERT_TRUE(Charge("gang", {{"/t", "n1/a", B(10), absl::nullopt},
                              {"/t", "n2/a", B(20), absl::nullopt},
                              {"/t", "free", B(30), absl::nullopt}})
                  .ok());
  EXPECT_THAT(KindsOf(Reconcile({})), ElementsAre(Kind::kReleased));
  EXPECT_EQ(Usage("/t", "g"), 50u);
  EXPECT_TRUE(ChargeOf("gang").is_partial);
  EXPECT_EQ(ReasonOf(Reconcile({Held("x", "/t", "n2/a", 1)}).status()), "NODE_MISMATCH");
  EXPECT_EQ(ReasonOf(Reconcile({Held("x", "/t", "none", 1)}).status()), "REGION_NOT_FOUND");
  EXPECT_FALSE(IsLive("x"));
}

TEST_F(LedgerReconcileTest, PartsMarkAndOnlyTheLastReleases) {
  ASSERT_TRUE(ChargeOne("a", "/t", "n1/a", 1).ok());
  ASSERT_TRUE(ChargeOne("b", "/t", "n1/a", 2).ok());
  ASSERT_TRUE(ChargeOne("c", "/t", "n1/b", 4).ok());
  const uint64_t as_of = Now();
  EXPECT_THAT(KindsOf(Part(agent_, as_of, 0, false, {Held("a", "/t", "n1/a", 1)})), IsEmpty());
  EXPECT_THAT(KindsOf(Part(agent_, as_of, 1, false, {})), IsEmpty());
  EXPECT_EQ(Usage("/", "g"), 7u);
  const auto last = Part(agent_, as_of, 2, true, {Held("c", "/t", "n1/b", 4)});
  EXPECT_THAT(KindsOf(last), ElementsAre(Kind::kReleased));
  EXPECT_EQ(last->differences[0].charge_id, "b");
}

TEST_F(LedgerReconcileTest, APartThatIsNotTheNextStartsAllOver) {
  const uint64_t as_of = Now();
  EXPECT_EQ(ReasonOf(Part(agent_, as_of, 1, true, {}).status()), "RECONCILE_RESTART");
  ASSERT_TRUE(Part(agent_, as_of, 0, false, {}).ok());
  EXPECT_EQ(ReasonOf(Part(agent_, as_of, 2, false, {}).status()), "RECONCILE_RESTART");
  EXPECT_EQ(ReasonOf(Part(agent_, as_of, 1, false, {}, "r2").status()), "RECONCILE_RESTART");
  EXPECT_EQ(ReasonOf(Part(agent_, as_of - 1, 1, false, {}).status()), "RECONCILE_RESTART");
  ASSERT_TRUE(Part(agent_, as_of, 1, true, {}).ok());
  EXPECT_EQ(ReasonOf(Part(agent_, as_of, 1, true, {}).status()), "RECONCILE_RESTART")
      << "sent again after a lost answer: it is over";
}

TEST_F(LedgerReconcileTest, AnAbandonedListCountsForNothing) {
  ASSERT_TRUE(ChargeOne("a", "/t", "n1/a", 1).ok());
  const uint64_t as_of = Now();
  ASSERT_TRUE(Part(agent_, as_of, 0, false, {Held("a", "/t", "n1/a", 1)}).ok());
  // The agent forgot it, and its process ended meanwhile.
  EXPECT_THAT(KindsOf(Part(agent_, as_of, 0, true, {}, "r2")), ElementsAre(Kind::kReleased));
}

TEST_F(LedgerReconcileTest, ASessionThatTookOverBeginsItsOwn) {
  ASSERT_TRUE(ChargeOne("a", "/t", "n1/a", 1).ok());
  const uint64_t as_of = Now();
  ASSERT_TRUE(Part(agent_, as_of, 0, false, {Held("a", "/t", "n1/a", 1)}).ok());
  const uint64_t again = Open("agent again", "n1", 1);
  EXPECT_EQ(ReasonOf(Part(agent_, as_of, 1, true, {}).status()), "SESSION_SUPERSEDED");
  EXPECT_EQ(ReasonOf(Part(again, as_of, 1, true, {}).status()), "RECONCILE_RESTART");
  EXPECT_THAT(KindsOf(Part(again, as_of, 0, true, {Held("a", "/t", "n1/a", 1)})), IsEmpty());
  EXPECT_TRUE(IsLive("a"));
}

TEST_F(LedgerReconcileTest, AFencedNodesListIsRefused) {
  ASSERT_TRUE(Fence("n1").ok());
  EXPECT_EQ(ReasonOf(Reconcile({Held("x", "/t", "n1/a", 1)}).status()), "SESSION_FENCED");
  // Back with a newer incarnation, it says what it has before what it holds.
  agent_ = Open("agent", "n1", 2);
  EXPECT_EQ(ReasonOf(Reconcile({Held("x", "/t", "n1/a", 1)}).status()), "REGION_STALE");
  ASSERT_TRUE(RegisterIn(agent_, "n1/a", "n1", 100, "g", 2).ok());
  EXPECT_TRUE(Reconcile({Held("x", "/t", "n1/a", 1)}).ok());
}

TEST_F(LedgerReconcileTest, LostRegionsComeBackWithWhatTheirNodeHolds) {
  ASSERT_TRUE(ChargeOne("a", "/t", "n1/a", 10).ok());
  ASSERT_TRUE(ChargeOne("b", "/t", "n1/b", 20).ok());
  ASSERT_TRUE(DeclareNotReady("n1").ok());
  Pass(400);
  ASSERT_EQ(RegionStateOf("n1/a"), RegionState::kLost);
  ASSERT_EQ(Usage("/t", "g"), 0u);
  const uint64_t as_of = Now();
  ASSERT_TRUE(Part(agent_, as_of, 0, false, {Held("a", "/t", "n1/a", 10)}).ok());
  EXPECT_EQ(RegionStateOf("n1/a"), RegionState::kLost) << "not before the whole list is there";
  ASSERT_TRUE(Part(agent_, as_of, 1, true, {Held("c", "/t", "n1/b", 30)}).ok());
  EXPECT_NE(RegionStateOf("n1/a"), RegionState::kLost);
  EXPECT_EQ(Usage("/t", "g"), 40u) << "a held, b released, c recorded";
}

TEST_F(LedgerReconcileTest, AListOfSomeRegionsSaysNothingOfTheOthers) {
  ASSERT_TRUE(ChargeOne("a", "/t", "n1/a", 10).ok());
  ASSERT_TRUE(ChargeOne("b", "/t", "n1/b", 20).ok());
  // A driver has not answered since the agent began anew: it cannot see n1/b.
  EXPECT_THAT(KindsOf(Part(agent_, Now(), 0, true, {}, "r1", {"n1/a"})),
              ElementsAre(Kind::kReleased));
  EXPECT_FALSE(IsLive("a"));
  EXPECT_TRUE(IsLive("b"));
  ASSERT_TRUE(DeclareNotReady("n1").ok());
  Pass(400);
  ASSERT_TRUE(Part(agent_, Now(), 0, true, {}, "r2", {"n1/a"}).ok());
  EXPECT_NE(RegionStateOf("n1/a"), RegionState::kLost);
  EXPECT_EQ(RegionStateOf("n1/b"), RegionState::kLost) << "nobody has said what it holds";
  EXPECT_EQ(ReasonOf(Part(agent_, Now(), 0, true, {}, "r3", {"n1/c"}).status()),
            "REGION_NOT_FOUND");
  EXPECT_THAT(KindsOf(Reconcile({})), ElementsAre(Kind::kReleased)) << "none named: all";
  EXPECT_FALSE(IsLive("b"));
}

TEST_F(LedgerReconcileTest, ANodeThatIsHeardAgainIsLostUntilItsAgentHasReconciled) {
  ASSERT_TRUE(DeclareNotReady("n1").ok());
  Pass(400);
  const auto is_lost = [this] { return ViewNode(state(), state().FindNode("n1")).is_lost; };
  EXPECT_TRUE(is_lost());
  Pass(1, {agent_});
  EXPECT_EQ(RegionStateOf("n1/a"), RegionState::kLost);
  EXPECT_TRUE(is_lost()) << "as its regions are";
  ASSERT_TRUE(Reconcile({}).ok());
  EXPECT_FALSE(is_lost());
}

TEST_F(LedgerReconcileTest, AsOfIsNeverOfTheFuture) {
  EXPECT_EQ(ReasonOf(Part(agent_, Now() + 1, 0, true, {}).status()), "AS_OF_IN_FUTURE");
  EXPECT_EQ(ReasonOf(Part(999, Now(), 0, true, {}).status()), "SESSION_NOT_FOUND");
}

TEST_F(LedgerReconcileTest, WhatNoCounterCanHoldIsRefusedWhole) {
  ASSERT_TRUE(
      Charge("huge", {{"/t", "n1/a", B(kUnlimited.value() - 10), absl::nullopt}}, Mode::kForce)
          .ok());
  const auto result = Reconcile({Held("x", "/t", "n1/b", 5), Held("y", "/t", "n1/b", 6)});
  EXPECT_EQ(ReasonOf(result.status()), "COUNTER_OVERFLOW");
  EXPECT_TRUE(IsLive("huge"));
  EXPECT_FALSE(IsLive("x"));
}

TEST_F(LedgerReconcileTest, ANodeCanRecordUpToTheBoundsOfTheServer) {
  ConfigureCommand bounded;
  bounded.time = Tick();
  bounded.settings.charges_max = 1;
  ledger_.Configure(bounded);
  EXPECT_EQ(ReasonOf(Reconcile({Held("x", "/t", "n1/b", 5), Held("y", "/t", "n1/b", 6)}).status()),
            "TOO_MANY");
  EXPECT_TRUE(Reconcile({Held("x", "/t", "n1/b", 5)}).ok());
  EXPECT_TRUE(Reconcile({Held("x", "/t", "n1/b", 5)}).ok()) << "known: nothing more";
}

TEST_F(LedgerReconcileTest, ARestartBetweenPartsGoesOn) {
  ASSERT_TRUE(ChargeOne("a", "/t", "n1/a", 1).ok());
  ASSERT_TRUE(ChargeOne("b", "/t", "n1/a", 2).ok());
  const uint64_t as_of = Now();
  ASSERT_TRUE(Part(agent_, as_of, 0, false,
                   {Held("a", "/t", "n1/a", 1), Held("x", "/t", "n1/a", 4),
                    Held("y", "/t", "n1/a", 8), Held("z", "/t", "n1/b", 16)})
                  .ok());
  StateDelta all = DiffStates(nullptr, StateHash(), state());
  std::sort(all.puts.begin(), all.puts.end());
  Ledger again;
  StateRestorer restorer(&again);
  for (const auto& [key, value] : all.puts) {
    const absl::Status status = restorer.AddObject(key, value);
    ASSERT_TRUE(status.ok()) << status;
  }
  ASSERT_TRUE(restorer.Finish().ok());
  EXPECT_THAT(CheckInvariants(again.state()).violations, IsEmpty());
  EXPECT_EQ(HashOf(again.state()), HashOf(state()));
  ReconcileCommand last;
  last.time = Tick();
  last.session = agent_;
  last.reconcile_id = "r1";
  last.as_of = as_of;
  last.part = 1;
  last.last = true;
  EXPECT_THAT(KindsOf(again.Reconcile(last)), ElementsAre(Kind::kReleased));
  EXPECT_THAT(KindsOf(ledger_.Reconcile(last)), ElementsAre(Kind::kReleased));
  EXPECT_EQ(HashOf(again.state()), HashOf(state())) << "I9";
  EXPECT_TRUE(IsLive("a"));
  EXPECT_FALSE(IsLive("b"));
}

TEST_F(LedgerReconcileTest, ItsEndIsTold) {
  ledger_.KeepChanges(true);
  ASSERT_TRUE(ChargeOne("b", "/t", "n1/a", 2).ok());
  const uint64_t as_of = Now();
  ASSERT_TRUE(Part(agent_, as_of, 0, false, {Held("x", "/t", "n1/a", 4)}).ok());
  ASSERT_TRUE(Part(agent_, as_of, 1, true, {}).ok());
  bool is_told = false;
  for (const Change& change : ledger_.changes().all()) {
    const ReconcileEnded* ended = absl::get_if<ReconcileEnded>(&change);
    if (ended == nullptr) continue;
    is_told = true;
    EXPECT_EQ(ended->session, agent_);
    EXPECT_EQ(ended->node, "n1");
    EXPECT_EQ(ended->as_of, as_of);
    EXPECT_EQ(ended->listed, 1u);
    EXPECT_EQ(ended->recorded, 1u);
    EXPECT_EQ(ended->released, 1u);
  }
  EXPECT_TRUE(is_told);
}

}  // namespace
}  // namespace dmem
