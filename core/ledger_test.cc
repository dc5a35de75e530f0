// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/ledger.h"

#include <string>
#include <vector>

#include "core/errors.h"
#include "core/invariants.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dmem {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

ByteCount B(uint64_t bytes) { return ByteCount(bytes); }

// A ledger whose every step is audited. Helpers hide requests, never assertions.
class LedgerTest : public ::testing::Test {
 protected:
  void TearDown() override { Audit(); }

  void Audit() { EXPECT_THAT(CheckInvariants(ledger_.state()).violations, IsEmpty()); }

  absl::Time Tick() {
    now_ += absl::Seconds(1);
    return now_;
  }

  absl::StatusOr<RegisterResult> Register(absl::string_view name, uint64_t capacity,
                                          absl::string_view parent = "", uint64_t incarnation = 0) {
    RegisterCommand command;
    command.time = Tick();
    command.name = name;
    command.capacity = B(capacity);
    command.parent = parent;
    command.incarnation = incarnation;
    auto result = ledger_.Register(command);
    Audit();
    return result;
  }

  absl::StatusOr<bool> RegisterGroup(absl::string_view name, absl::string_view parent = "") {
    auto result = ledger_.RegisterGroup({Tick(), name, parent});
    Audit();
    return result;
  }

  absl::StatusOr<ChargeResult> Charge(absl::string_view id, std::vector<ChargeItemSpec> items,
                                      Mode mode = Mode::kStrict) {
    ChargeCommand command;
    command.time = Tick();
    command.charge_id = id;
    command.created_at = created_at_.value_or(now_);
    command.items = items;
    command.mode = mode;
    auto result = ledger_.Charge(command);
    Audit();
    return result;
  }

  absl::StatusOr<UnchargeResult> Uncharge(std::vector<absl::string_view> ids) {
    auto result = ledger_.Uncharge({Tick(), ids});
    Audit();
    return result;
  }

  absl::StatusOr<ResizeResult> Resize(std::vector<ResizeItemSpec> items,
                                      Mode mode = Mode::kStrict) {
    auto result = ledger_.Resize({Tick(), items, mode});
    Audit();
    return result;
  }

  absl::StatusOr<SetLimitsResult> SetMax(absl::string_view cgroup, absl::string_view region,
                                         uint64_t max, bool apply = false,
                                         absl::optional<bool> observe = absl::nullopt) {
    LimitsUpdate update;
    update.cgroup = cgroup;
    update.region = region;
    update.max = B(max);
    update.observe = observe;
    return SetLimits({update}, apply);
  }

  absl::StatusOr<SetLimitsResult> SetLimits(std::vector<LimitsUpdate> updates, bool apply = false) {
    SetLimitsCommand command;
    command.time = Tick();
    command.updates = updates;
    command.apply_below_usage = apply;
    auto result = ledger_.SetLimits(command);
    Audit();
    return result;
  }

  absl::StatusOr<CreateCgroupResult> Create(absl::string_view path) {
    auto result = ledger_.CreateCgroup({Tick(), path, absl::nullopt});
    Audit();
    return result;
  }

  absl::StatusOr<DeleteCgroupResult> Delete(absl::string_view path) {
    auto result = ledger_.DeleteCgroup({Tick(), path});
    Audit();
    return result;
  }

  const State& state() const { return ledger_.state(); }
  PageCounter Counter(absl::string_view cgroup, absl::string_view region) const {
    const Index c = state().FindCgroup(cgroup), r = state().FindRegion(region);
    const Index pool = c == kNone || r == kNone ? kNone : state().FindPool(c, r);
    return pool == kNone ? PageCounter() : state().pools[pool].counter;
  }
  uint64_t Usage(absl::string_view cgroup, absl::string_view region) const {
    return Counter(cgroup, region).usage.value();
  }

  Ledger ledger_;
  absl::Time now_ = absl::FromUnixSeconds(1700000000);
  absl::optional<absl::Time> created_at_;
};

std::string ReasonOf(const absl::Status& status) { return FactsOf(status).reason; }

std::string Fact(const absl::Status& status, absl::string_view key) {
  for (const auto& [name, value] : FactsOf(status).metadata) {
    if (name == key) return value;
  }
  return "(none)";
}

TEST_F(LedgerTest, ChargeCountsInTheCgroupEveryAncestorAndEveryGroup) {
  // g ← m ← n1/gpu0;  / ← /a ← /a/b
  ASSERT_TRUE(RegisterGroup("g").ok());
  ASSERT_TRUE(RegisterGroup("m", "g").ok());
  ASSERT_TRUE(Register("n1/gpu0", 100, "m").ok());
  ASSERT_TRUE(Charge("c", {{"/a/b", "n1/gpu0", B(30), absl::nullopt}}).ok());
  for (const char* region : {"n1/gpu0", "m", "g"}) {
    for (const char* cgroup : {"/", "/a", "/a/b"}) {
      EXPECT_EQ(Usage(cgroup, region), 30u) << cgroup << " in " << region;
      EXPECT_EQ(Counter(cgroup, region).peak, B(30));
    }
  }
  ASSERT_TRUE(Uncharge({"c"}).ok());
  for (const char* region : {"n1/gpu0", "m", "g"}) EXPECT_EQ(Usage("/", region), 0u);
  EXPECT_EQ(state().FindCgroup("/a"), kNone) << "implicit cgroups disappear with their last charge";
}

TEST_F(LedgerTest, RefusedChargeNamesTheFirstCounterAndChangesNothingButItsRefusals) {
  ASSERT_TRUE(RegisterGroup("g").ok());
  ASSERT_TRUE(Register("r", 1000, "g").ok());
  ASSERT_TRUE(SetMax("/a", "g", 50).ok());
  ASSERT_TRUE(Charge("c1", {{"/a/x", "r", B(20), absl::nullopt}}).ok());
  const uint64_t before = state().scalars.sequence;
  const absl::Status status =
      Charge("c2", {{"/b", "r", B(5), absl::nullopt}, {"/a/y", "r", B(31), absl::nullopt}})
          .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(status), "MAX_EXCEEDED");
  EXPECT_EQ(Fact(status, "item"), "1");
  EXPECT_EQ(Fact(status, "counter_cgroup"), "/a");
  EXPECT_EQ(Fact(status, "counter_region"), "g");
  EXPECT_EQ(Fact(status, "usage_bytes"), "20");
  EXPECT_EQ(Fact(status, "requested_bytes"), "31");
  EXPECT_EQ(Fact(status, "short_bytes"), "1");
  EXPECT_EQ(Fact(status, "largest_grantable_bytes"), "30");
  EXPECT_EQ(Usage("/", "r"), 20u);
  EXPECT_EQ(Counter("/a", "g").peak, B(20));
  EXPECT_EQ(state().FindCgroup("/b"), kNone);
  EXPECT_EQ(state().FindCgroup("/a/y"), kNone);
  EXPECT_EQ(state().FindCharge("c2"), kNone);
  EXPECT_EQ(state().scalars.sequence, before + 1);
  EXPECT_EQ(
      state().pools[state().FindPool(state().FindCgroup("/a"), state().FindRegion("g"))].refusals,
      1u);
  // The id was not used up.
  EXPECT_TRUE(Charge("c2", {{"/a/y", "r", B(30), absl::nullopt}}).ok());
}

TEST_F(LedgerTest, ItemsOfOneChargeSeeThoseBeforeThem) {
  ASSERT_TRUE(Register("r", 1000).ok());
  ASSERT_TRUE(SetMax("/a", "r", 50).ok());
  const absl::Status status =
      Charge("c", {{"/a/x", "r", B(30), absl::nullopt}, {"/a/y", "r", B(21), absl::nullopt}})
          .status();
  EXPECT_EQ(ReasonOf(status), "MAX_EXCEEDED");
  EXPECT_EQ(Fact(status, "item"), "1");
  EXPECT_EQ(Fact(status, "usage_bytes"), "0");
  EXPECT_EQ(Fact(status, "requested_bytes"), "51");
  EXPECT_TRUE(
      Charge("c", {{"/a/x", "r", B(30), absl::nullopt}, {"/a/y", "r", B(20), absl::nullopt}}).ok());
}

TEST_F(LedgerTest, AFullRegionRefusesWithCapacityAndNoLimitingCgroup) {
  ASSERT_TRUE(Register("r", 100).ok());
  const absl::Status status = Charge("c", {{"/a", "r", B(101), absl::nullopt}}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(status), "CAPACITY");
  EXPECT_EQ(Fact(status, "counter_cgroup"), "(none)");
  EXPECT_EQ(Fact(status, "largest_grantable_bytes"), "100");
}

TEST_F(LedgerTest, UnlimitedGrantableStillNeverPassesTheCounter) {
  RegisterCommand command;
  command.time = Tick();
  command.name = "r";
  command.capacity = B(1);
  command.grantable = kUnlimited;
  ASSERT_TRUE(ledger_.Register(command).ok());
  ASSERT_TRUE(Charge("c1", {{"/a", "r", kUnlimited, absl::nullopt}}).ok());
  for (const Mode mode : {Mode::kStrict, Mode::kForce}) {
    const absl::Status status = Charge("c2", {{"/b", "r", B(1), absl::nullopt}}, mode).status();
    EXPECT_EQ(ReasonOf(status), "COUNTER_OVERFLOW");
    EXPECT_EQ(Fact(status, "short_bytes"), "1");
  }
}

TEST_F(LedgerTest, AnEnforcedMaxRefusesAsItselfHoweverFarBeyondItIs) {
  ASSERT_TRUE(Register("r", 50).ok());
  ASSERT_TRUE(SetMax("/a", "r", 40).ok());
  ASSERT_TRUE(Charge("c1", {{"/a", "r", B(10), absl::nullopt}}).ok());
  absl::Status status = Charge("c2", {{"/a", "r", kUnlimited, absl::nullopt}}).status();
  EXPECT_EQ(ReasonOf(status), "MAX_EXCEEDED");
  EXPECT_EQ(Fact(status, "counter_cgroup"), "/a");
  EXPECT_EQ(ReasonOf(Charge("c2", {{"/b", "r", kUnlimited, absl::nullopt}}).status()), "CAPACITY");
  status = Charge("c2", {{"/a", "r", kUnlimited, absl::nullopt}}, Mode::kForce).status();
  EXPECT_EQ(ReasonOf(status), "COUNTER_OVERFLOW");
}

TEST_F(LedgerTest, ZeroBytesAreNeverRefusedAndPinTheCgroup) {
  ASSERT_TRUE(Register("r", 100).ok());
  ASSERT_TRUE(SetMax("/a", "r", 0).ok());
  ASSERT_TRUE(Charge("c", {{"/a", "r", B(0), absl::nullopt}}).ok());
  absl::StatusOr<DeleteCgroupResult> deleted = Delete("/a");
  ASSERT_TRUE(deleted.ok());
  EXPECT_TRUE(deleted->dying);
  EXPECT_THAT(Uncharge({"c"})->freed_cgroups, ElementsAre(deleted->id));
}

TEST_F(LedgerTest, CheckOnlyAnswersFullyAndChangesNothing) {
  ASSERT_TRUE(Register("r", 100).ok());
  const uint64_t before = state().scalars.sequence;
  EXPECT_TRUE(Charge("c", {{"/a", "r", B(100), absl::nullopt}}, Mode::kCheckOnly).ok());
  EXPECT_EQ(ReasonOf(Charge("c", {{"/a", "r", B(101), absl::nullopt}}, Mode::kCheckOnly).status()),
            "CAPACITY");
  EXPECT_EQ(state().scalars.sequence, before);
  EXPECT_EQ(state().FindCgroup("/a"), kNone);
}

TEST_F(LedgerTest, ForceExceedsMaxAndGrantable) {
  ASSERT_TRUE(Register("r", 100).ok());
  ASSERT_TRUE(SetMax("/a", "r", 10).ok());
  ASSERT_TRUE(Charge("c", {{"/a", "r", B(200), absl::nullopt}}, Mode::kForce).ok());
  EXPECT_EQ(Usage("/", "r"), 200u);
  EXPECT_EQ(ReasonOf(Charge("d", {{"/b", "r", B(1), absl::nullopt}}).status()), "CAPACITY");
}

TEST_F(LedgerTest, AnObservedMaxGrantsReportsAndCounts) {
  ASSERT_TRUE(Register("r", 100).ok());
  ASSERT_TRUE(SetMax("/a", "r", 10, false, true).ok());
  absl::StatusOr<ChargeResult> result = Charge("c", {{"/a/b", "r", B(30), absl::nullopt}});
  ASSERT_TRUE(result.ok());
  ASSERT_EQ(result->would_refuse.size(), 1u);
  EXPECT_EQ(result->would_refuse[0].cgroup, "/a");
  EXPECT_EQ(result->would_refuse[0].short_by, B(20));
  EXPECT_EQ(result->would_refuse[0].largest_grantable, B(10));
  const Index pool = state().FindPool(state().FindCgroup("/a"), state().FindRegion("r"));
  EXPECT_EQ(state().pools[pool].would_refuse, 1u);
  EXPECT_EQ(state().pools[pool].refusals, 0u);
}

// /t in r is observed with max 10, and /t/x in g with max 3.
TEST_F(LedgerTest, AGangIsToldOfEachObservedCounterOnceWithAllThatItAsksOfIt) {
  ASSERT_TRUE(RegisterGroup("g").ok());
  ASSERT_TRUE(Register("r", 100, "g").ok());
  ASSERT_TRUE(SetMax("/t", "r", 10, false, true).ok());
  ASSERT_TRUE(SetMax("/t/x", "g", 3, false, true).ok());
  absl::StatusOr<ChargeResult> result = Charge("c", {{"/t/x", "r", B(4), absl::nullopt},
                                                     {"/t/y", "r", B(8), absl::nullopt},
                                                     {"/t/x/z", "r", B(1), absl::nullopt}});
  ASSERT_TRUE(result.ok());
  ASSERT_EQ(result->would_refuse.size(), 2u);
  EXPECT_EQ(result->would_refuse[0].cgroup, "/t/x");
  EXPECT_EQ(result->would_refuse[0].region, "g");
  EXPECT_EQ(result->would_refuse[0].item, 0u);
  EXPECT_EQ(result->would_refuse[0].requested, B(5));
  EXPECT_EQ(result->would_refuse[0].short_by, B(2));
  EXPECT_EQ(result->would_refuse[1].cgroup, "/t");
  EXPECT_EQ(result->would_refuse[1].region, "r");
  EXPECT_EQ(result->would_refuse[1].item, 1u);
  EXPECT_EQ(result->would_refuse[1].requested, B(13));
  EXPECT_EQ(result->would_refuse[1].short_by, B(3));
}

TEST_F(LedgerTest, ALiveIdReplaysTheSameRequestAndRefusesAnother) {
  ASSERT_TRUE(Register("r", 100).ok());
  created_at_ = now_;
  ASSERT_TRUE(Charge("c", {{"/a", "r", B(10), absl::nullopt}}).ok());
  absl::StatusOr<ChargeResult> again = Charge("c", {{"/a", "r", B(10), absl::nullopt}});
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->replayed);
  EXPECT_EQ(Usage("/a", "r"), 10u);
  EXPECT_EQ(ReasonOf(Charge("c", {{"/a", "r", B(11), absl::nullopt}}).status()),
            "CHARGE_ID_IN_USE");
}

TEST_F(LedgerTest, ASpentIdIsNeverChargedAgain) {
  ASSERT_TRUE(Register("r", 100).ok());
  ASSERT_TRUE(Charge("c", {{"/a", "r", B(10), absl::nullopt}}).ok());
  EXPECT_THAT(Uncharge({"c", "unseen"})->outcomes,
              ElementsAre(UnchargeOutcome::kReleased, UnchargeOutcome::kNeverSeen));
  EXPECT_THAT(Uncharge({"c", "unseen"})->outcomes,
              ElementsAre(UnchargeOutcome::kAlready, UnchargeOutcome::kAlready));
  EXPECT_EQ(ReasonOf(Charge("c", {{"/a", "r", B(10), absl::nullopt}}).status()),
            "ALREADY_RELEASED");
  EXPECT_EQ(ReasonOf(Charge("unseen", {{"/a", "r", B(10), absl::nullopt}}).status()),
            "ALREADY_RELEASED");
}

TEST_F(LedgerTest, ForgottenIdsAreTooOldNeverChargedTwice) {
  Settings settings;
  settings.tombstones_max = 2;
  ledger_.Configure({Tick(), settings});
  ASSERT_TRUE(Register("r", 100).ok());
  created_at_ = now_;
  const absl::Time first = now_;
  for (const char* id : {"c1", "c2", "c3"}) {
    created_at_ = now_;
    ASSERT_TRUE(Charge(id, {{"/a", "r", B(1), absl::nullopt}}).ok());
    ASSERT_TRUE(Uncharge({id}).ok());
  }
  EXPECT_EQ(state().scalars.tombstones, 2u);
  created_at_ = first;
  EXPECT_EQ(ReasonOf(Charge("c1", {{"/a", "r", B(1), absl::nullopt}}).status()), "ID_TOO_OLD");
  created_at_ = absl::nullopt;
  EXPECT_TRUE(Charge("c4", {{"/a", "r", B(1), absl::nullopt}}).ok());
}

TEST_F(LedgerTest, CreatedAtMoreThanAMinuteAheadIsInvalid) {
  ASSERT_TRUE(Register("r", 100).ok());
  created_at_ = now_ + absl::Seconds(61);
  EXPECT_TRUE(Charge("c", {{"/a", "r", B(1), absl::nullopt}}).ok());
  created_at_ = now_ + absl::Seconds(62);
  EXPECT_EQ(ReasonOf(Charge("d", {{"/a", "r", B(1), absl::nullopt}}).status()),
            "CREATED_AT_IN_FUTURE");
}

TEST_F(LedgerTest, ResizeShrinksFirstThenGrowsUnderTheLimits) {
  ASSERT_TRUE(Register("r", 100).ok());
  ASSERT_TRUE(Charge("c1", {{"/a", "r", B(60), absl::nullopt}}).ok());
  ASSERT_TRUE(Charge("c2", {{"/b", "r", B(40), absl::nullopt}}).ok());
  EXPECT_EQ(ReasonOf(Resize({{"c2", "/b", "r", B(70), absl::nullopt},
                             {"c1", "/a", "r", B(31), absl::nullopt}})
                         .status()),
            "CAPACITY");
  EXPECT_EQ(Usage("/a", "r"), 60u);
  ASSERT_TRUE(
      Resize({{"c2", "/b", "r", B(70), absl::nullopt}, {"c1", "/a", "r", B(30), absl::nullopt}})
          .ok());
  EXPECT_EQ(Usage("/a", "r"), 30u);
  EXPECT_EQ(Usage("/b", "r"), 70u);
  EXPECT_EQ(Counter("/", "r").peak, B(100));
  EXPECT_EQ(ReasonOf(Resize({{"c1", "/a", "r", B(20), B(31)}}).status()),
            "EXPECTED_BYTES_MISMATCH");
  EXPECT_TRUE(Resize({{"c1", "/a", "r", B(30), B(31)}}).ok()) << "already that size";
  EXPECT_EQ(ReasonOf(Resize({{"c1", "/b", "r", B(30), absl::nullopt}}).status()), "ITEM_NOT_FOUND");
  EXPECT_EQ(ReasonOf(Resize({{"cx", "/b", "r", B(30), absl::nullopt}}).status()),
            "CHARGE_NOT_FOUND");
}

TEST_F(LedgerTest, MaxBelowUsageIsRefusedOrApplied) {
  ASSERT_TRUE(Register("r", 100).ok());
  ASSERT_TRUE(Charge("c", {{"/a", "r", B(50), absl::nullopt}}).ok());
  const absl::Status status = SetMax("/a", "r", 40).status();
  EXPECT_EQ(ReasonOf(status), "MAX_BELOW_USAGE");
  EXPECT_EQ(Counter("/a", "r").max, kUnlimited);
  ASSERT_TRUE(SetMax("/a", "r", 40, /*apply=*/true).ok());
  EXPECT_EQ(ReasonOf(Charge("d", {{"/a", "r", B(1), absl::nullopt}}).status()), "MAX_EXCEEDED");
  EXPECT_TRUE(SetMax("/a", "r", 45).ok()) << "below usage, but above the present max";
}

TEST_F(LedgerTest, EtagIsTheSequenceOfTheLastChangeOfLimits) {
  ASSERT_TRUE(Register("r", 100).ok());
  LimitsUpdate update;
  update.cgroup = "/a";
  update.region = "r";
  update.max = B(50);
  update.etag = 0;
  absl::StatusOr<SetLimitsResult> set = SetLimits({update});
  ASSERT_TRUE(set.ok());
  EXPECT_EQ(set->limits[0].etag, state().scalars.sequence);
  ASSERT_TRUE(Charge("c", {{"/a", "r", B(5), absl::nullopt}}).ok());
  EXPECT_EQ(ReasonOf(SetLimits({update}).status()), "ETAG_MISMATCH");
  update.etag = set->limits[0].etag;
  update.max = B(60);
  EXPECT_TRUE(SetLimits({update}).ok());
}

TEST_F(LedgerTest, EtagOfALimitThatWentWithItsImplicitCgroupIsZero) {
  ASSERT_TRUE(Register("r", 100).ok());
  ASSERT_TRUE(SetMax("/a", "r", 50).ok());
  const absl::StatusOr<SetLimitsResult> set = SetMax("/a", "r", kUnlimited.value());
  ASSERT_TRUE(set.ok());
  EXPECT_EQ(set->limits[0].etag, 0u);
  EXPECT_EQ(state().FindCgroup("/a"), kNone);
}

TEST_F(LedgerTest, SetLimitsIsAllOrNothing) {
  ASSERT_TRUE(Register("r", 100).ok());
  LimitsUpdate good, bad;
  good.cgroup = "/a";
  good.region = "r";
  good.min = B(5);
  bad.cgroup = "/b";
  bad.region = "nowhere";
  EXPECT_EQ(ReasonOf(SetLimits({good, bad}).status()), "REGION_NOT_FOUND");
  EXPECT_EQ(state().FindCgroup("/a"), kNone);
}

TEST_F(LedgerTest, ADyingCgroupKeepsItsBytesAndItsPathCanBeMadeAnew) {
  ASSERT_TRUE(Register("r", 100).ok());
  ASSERT_TRUE(Create("/a").ok());
  ASSERT_TRUE(Create("/a/b").ok());
  ASSERT_TRUE(Charge("c", {{"/a/b", "r", B(10), absl::nullopt}}).ok());
  EXPECT_EQ(ReasonOf(Delete("/a").status()), "CGROUP_HAS_CHILDREN");
  const uint64_t b = Delete("/a/b")->id;
  EXPECT_EQ(ReasonOf(Charge("d", {{absl::StrCat("@", b), "r", B(1), absl::nullopt}}).status()),
            "CGROUP_DYING");
  const uint64_t a = Delete("/a")->id;
  ASSERT_TRUE(Charge("d", {{"/a/b", "r", B(1), absl::nullopt}}).ok());
  EXPECT_EQ(Usage("/a", "r"), 1u);
  EXPECT_EQ(Usage(absl::StrCat("@", a), "r"), 10u);
  EXPECT_EQ(Usage("/", "r"), 11u);
  EXPECT_THAT(Uncharge({"c"})->freed_cgroups, ElementsAre(a, b));
}

TEST_F(LedgerTest, ANewerIncarnationDropsTheItemsAndLeavesTheRestOfAGangPartial) {
  ASSERT_TRUE(Register("r1", 100, "", 1).ok());
  ASSERT_TRUE(Register("r2", 100, "", 1).ok());
  ASSERT_TRUE(
      Charge("gang", {{"/a", "r1", B(10), absl::nullopt}, {"/a", "r2", B(20), absl::nullopt}})
          .ok());
  ASSERT_TRUE(Charge("solo", {{"/b", "r1", B(5), absl::nullopt}}).ok());
  EXPECT_EQ(ReasonOf(Register("r1", 200, "", 0).status()), "STALE_INCARNATION");
  absl::StatusOr<RegisterResult> result = Register("r1", 100, "", 2);
  ASSERT_TRUE(result.ok());
  ASSERT_EQ(result->dropped.count, 2u);
  EXPECT_FALSE(result->dropped.items[0].charge_ended);
  EXPECT_TRUE(result->dropped.items[1].charge_ended);
  EXPECT_TRUE(state().charges[state().FindCharge("gang")].is_partial);
  EXPECT_EQ(Usage("/a", "r1"), 0u);
  EXPECT_EQ(Usage("/a", "r2"), 20u);
  EXPECT_EQ(ReasonOf(Charge("solo", {{"/b", "r1", B(5), absl::nullopt}}).status()),
            "ALREADY_RELEASED");
  EXPECT_EQ(ReasonOf(Charge("x", {{"/b", "r1", B(5), 1}}).status()), "INCARNATION_MISMATCH");
  EXPECT_TRUE(Charge("x", {{"/b", "r1", B(5), 2}}).ok());
}

TEST_F(LedgerTest, AnUnregisteredRegionKeepsItsChargesInItsGroupsUntilUncharged) {
  ASSERT_TRUE(RegisterGroup("g").ok());
  ASSERT_TRUE(Register("r", 100, "g").ok());
  ASSERT_TRUE(Charge("c", {{"/a", "r", B(10), absl::nullopt}}).ok());
  absl::StatusOr<UnregisterResult> gone = ledger_.Unregister({Tick(), "r", false});
  ASSERT_TRUE(gone.ok());
  EXPECT_FALSE(gone->removed);
  EXPECT_EQ(Usage("/a", "g"), 10u);
  EXPECT_EQ(ReasonOf(Charge("d", {{"/a", "r", B(1), absl::nullopt}}).status()), "REGION_NOT_FOUND");
  ASSERT_TRUE(Register("r", 50, "g").ok());
  EXPECT_EQ(Usage("/a", "r"), 0u);
  const std::string old_name = absl::StrCat("r@", gone->id);
  EXPECT_EQ(Usage("/a", old_name), 10u);
  EXPECT_EQ(ReasonOf(ledger_.UnregisterGroup({Tick(), "g"})), "GROUP_NOT_EMPTY");
  ASSERT_TRUE(Uncharge({"c"}).ok());
  EXPECT_EQ(state().FindRegion(old_name), kNone);
  EXPECT_EQ(Usage("/a", "g"), 0u);
}

TEST_F(LedgerTest, GroupsRefuseCyclesAndANinthLevel) {
  ASSERT_TRUE(RegisterGroup("g1").ok());
  for (int i = 2; i <= 8; ++i) {
    ASSERT_TRUE(RegisterGroup(absl::StrCat("g", i), absl::StrCat("g", i - 1)).ok());
  }
  EXPECT_EQ(ReasonOf(RegisterGroup("g9", "g8").status()), "GROUP_TOO_DEEP");
  EXPECT_EQ(ReasonOf(RegisterGroup("g1", "g8").status()), "GROUP_CYCLE");
  EXPECT_EQ(ReasonOf(RegisterGroup("self", "self").status()), "GROUP_CYCLE");
  EXPECT_EQ(ReasonOf(RegisterGroup("g9", "none").status()), "PARENT_NOT_FOUND");
  ASSERT_TRUE(RegisterGroup("top").ok());
  EXPECT_EQ(ReasonOf(RegisterGroup("g1", "top").status()), "GROUP_TOO_DEEP");
  ASSERT_TRUE(Register("r", 100, "g8").ok());
  EXPECT_EQ(ReasonOf(Register("g8", 100).status()), "WRONG_KIND");
  EXPECT_EQ(ReasonOf(RegisterGroup("r").status()), "WRONG_KIND");
}

TEST_F(LedgerTest, AParentChangesOnlyWhileNoChargeIsBelow) {
  ASSERT_TRUE(RegisterGroup("g").ok());
  ASSERT_TRUE(RegisterGroup("h").ok());
  ASSERT_TRUE(Register("r", 100, "g").ok());
  ASSERT_TRUE(SetMax("/a", "r", 10).ok());
  ASSERT_TRUE(Charge("c", {{"/a", "r", B(10), absl::nullopt}}).ok());
  EXPECT_EQ(ReasonOf(Register("r", 100, "h").status()), "HAS_CHARGES");
  EXPECT_EQ(ReasonOf(RegisterGroup("g", "h").status()), "HAS_CHARGES");
  ASSERT_TRUE(Uncharge({"c"}).ok());
  ASSERT_TRUE(Register("r", 100, "h").ok());
  ASSERT_TRUE(Charge("d", {{"/a", "r", B(10), absl::nullopt}}).ok());
  EXPECT_EQ(Usage("/a", "h"), 10u);
  EXPECT_EQ(Usage("/a", "g"), 0u);
}

TEST_F(LedgerTest, CordonStopsChargesAndGrowthsNotShrinks) {
  ASSERT_TRUE(Register("r", 100).ok());
  ASSERT_TRUE(Charge("c", {{"/a", "r", B(10), absl::nullopt}}).ok());
  ASSERT_TRUE(ledger_.Cordon({Tick(), "r", true}).ok());
  EXPECT_EQ(ReasonOf(Charge("d", {{"/a", "r", B(1), absl::nullopt}}).status()), "REGION_CORDONED");
  EXPECT_EQ(ReasonOf(Resize({{"c", "/a", "r", B(11), absl::nullopt}}).status()), "REGION_CORDONED");
  EXPECT_TRUE(Resize({{"c", "/a", "r", B(9), absl::nullopt}}).ok());
}

TEST_F(LedgerTest, ImplicitCgroupsFollowThePolicy) {
  ASSERT_TRUE(Register("r", 100).ok());
  ASSERT_TRUE(Create("/a").ok());
  Settings settings;
  settings.implicit_cgroups = ImplicitCgroups::kBelowExplicit;
  ledger_.Configure({Tick(), settings});
  EXPECT_EQ(ReasonOf(Charge("c", {{"/b/x", "r", B(1), absl::nullopt}}).status()),
            "CGROUP_NOT_FOUND");
  EXPECT_TRUE(Charge("c", {{"/a/x/y", "r", B(1), absl::nullopt}}).ok());
  settings.implicit_cgroups = ImplicitCgroups::kOff;
  ledger_.Configure({Tick(), settings});
  EXPECT_EQ(ReasonOf(Charge("d", {{"/a/z", "r", B(1), absl::nullopt}}).status()),
            "CGROUP_NOT_FOUND");
  EXPECT_TRUE(Charge("d", {{"/a/x/y", "r", B(1), absl::nullopt}}).ok());
}

TEST_F(LedgerTest, BoundsOnObjectsRefuseBeforeAnythingIsMade) {
  Settings settings;
  settings.cgroups_max = 3;  // With the root.
  settings.charges_max = 2;
  ledger_.Configure({Tick(), settings});
  ASSERT_TRUE(Register("r", 100).ok());
  EXPECT_EQ(ReasonOf(Charge("c", {{"/a/b/c", "r", B(1), absl::nullopt}}).status()), "TOO_MANY");
  EXPECT_TRUE(Charge("c", {{"/a/b", "r", B(1), absl::nullopt}}).ok());
  EXPECT_TRUE(Charge("d", {{"/a/b", "r", B(1), absl::nullopt}}).ok());
  EXPECT_EQ(ReasonOf(Charge("e", {{"/a/b", "r", B(1), absl::nullopt}}).status()), "TOO_MANY");
}

TEST_F(LedgerTest, ByteSecondsAreExactAndSurviveImplicitCgroups) {
  ASSERT_TRUE(Register("r", kUnlimited.value() - 1).ok());
  const uint64_t huge = uint64_t{1} << 62;
  ASSERT_TRUE(Create("/a").ok());
  ASSERT_TRUE(Charge("c", {{"/a/b", "r", B(huge), absl::nullopt}}).ok());
  const int64_t start_us = state().scalars.time_us;
  now_ += absl::Hours(1);
  ASSERT_TRUE(Uncharge({"c"}).ok());
  const int64_t end_us = state().scalars.time_us;
  const Index pool = state().FindPool(state().FindCgroup("/a"), state().FindRegion("r"));
  const unsigned __int128 expected =
      static_cast<unsigned __int128>(huge) * static_cast<uint64_t>(end_us - start_us);
  EXPECT_TRUE(state().ByteMicroseconds(pool, end_us + 12345) == expected);
}

TEST_F(LedgerTest, ASnapshotStaysAsItWasWhileTheLedgerGoesOn) {
  ASSERT_TRUE(Register("r", 1000).ok());
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(Charge(absl::StrCat("c", i),
                       {{absl::StrCat("/t", i % 7, "/j", i), "r", B(1), absl::nullopt}})
                    .ok());
  }
  std::unique_ptr<Snapshot> snapshot = ledger_.TakeSnapshot();
  for (int i = 0; i < 200; i += 2) ASSERT_TRUE(Uncharge({absl::StrCat("c", i)}).ok());
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(
        Charge(absl::StrCat("d", i), {{absl::StrCat("/u", i), "r", B(3), absl::nullopt}}).ok());
  }
  EXPECT_THAT(CheckInvariants(snapshot->state).violations, IsEmpty());
  EXPECT_EQ(snapshot->state.scalars.charges, 200u);
  EXPECT_NE(snapshot->state.FindCharge("c0"), kNone);
  EXPECT_EQ(snapshot->state.FindCharge("d0"), kNone);
  EXPECT_EQ(snapshot->state.pools[snapshot->state.regions[0].root_pool].counter.usage, B(200));
  ledger_.Release(std::move(snapshot));
  EXPECT_EQ(Usage("/", "r"), 250u);
}

}  // namespace
}  // namespace dmem
