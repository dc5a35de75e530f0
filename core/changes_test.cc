// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What commands tell of their changes.

#include "core/changes.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/ledger.h"
#include "core/testing/ledger_test_base.h"

namespace dmem {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string Describe(const Changes& changes, const ChargeChanged& change) {
  std::string text =
      absl::StrCat("charge ", changes.Text(change.charge_id), " cause ",
                   static_cast<int>(change.cause), change.ended ? " ended" : "", ":");
  for (const ItemChange& item : changes.items(change)) {
    const char* const what[] = {"added", "resized", "removed", "placed"};
    absl::StrAppend(&text, " ", what[static_cast<int>(item.what)], " ", changes.Text(item.cgroup),
                    " ", changes.Text(item.region), " ", item.before.value(), "->",
                    item.after.value());
    if (item.dying_id != 0) absl::StrAppend(&text, " dying");
    if (item.is_reserved) absl::StrAppend(&text, " reserved");
    if (item.what == ItemChange::What::kRemoved) {
      absl::StrAppend(&text, " ", static_cast<uint64_t>(item.booked_byte_us / 1000000), " Bs");
    }
  }
  return text;
}

struct Describer {
  const Changes& changes;
  std::string operator()(const ChargeChanged& c) const { return Describe(changes, c); }
  std::string operator()(const ChargeRefused& c) const {
    return absl::StrCat("refused by ", c.refusal.cgroup, " in ", c.refusal.region);
  }
  std::string operator()(const WouldRefuse& c) const {
    return absl::StrCat("would be refused by ", c.refusal.cgroup, " in ", c.refusal.region);
  }
  std::string operator()(const LimitsChanged& c) const {
    return absl::StrCat("limits of ", c.cgroup, " in ", c.region, ": max ", c.before.max.value(),
                        "->", c.after.max.value());
  }
  std::string operator()(const OverChanged& c) const {
    return absl::StrCat(c.cgroup, " in ", c.region,
                        c.entered ? " OVER: " : " no longer OVER: ", c.usage.value(), " of ",
                        c.max.value());
  }
  std::string operator()(const RegionChanged& c) const {
    return absl::StrCat("region ", c.region, " ", static_cast<int>(c.what));
  }
  std::string operator()(const CgroupChanged& c) const {
    return absl::StrCat("cgroup ", c.path, " ", static_cast<int>(c.what));
  }
  std::string operator()(const ReleaseRequested& c) const {
    return absl::StrCat("release of ", c.charge_id, " asked by ", c.by, ": ", c.why,
                        Listed(c.items));
  }
  std::string operator()(const ReservationRenewed& c) const {
    return absl::StrCat("renewed ", c.charge_id, Listed(c.items));
  }
  static std::string Listed(const std::vector<ItemPlace>& items) {
    std::string text;
    for (const ItemPlace& item : items)
      absl::StrAppend(&text, " ", item.cgroup, " ", item.region, " ", item.bytes.value(),
                      item.is_reserved ? " reserved" : "");
    return text;
  }
  template <typename Other>
  std::string operator()(const Other&) const {
    return "other";
  }
};

// g ← gpu0, gpu1 (100 bytes each); every step a second later than the one before.
class ChangesTest : public LedgerTest {
 protected:
  void SetUp() override {
    ASSERT_TRUE(RegisterGroup("g").ok());
    ASSERT_TRUE(Register("gpu0", 100, "g").ok());
    ASSERT_TRUE(Register("gpu1", 100, "g").ok());
    ASSERT_TRUE(Create("/a").ok());
    ledger_.KeepChanges(true);
  }

  std::vector<std::string> Told() const {
    std::vector<std::string> told;
    for (const Change& change : ledger_.changes().all())
      told.push_back(absl::visit(Describer{ledger_.changes()}, change));
    return told;
  }
};

constexpr uint64_t kForever = uint64_t{0x7fffffffffffffff};

TEST_F(ChangesTest, AGrantedChargeSaysNothingThatItsRequestSays) {
  ASSERT_TRUE(Charge("c", {{"/a", "gpu0", B(60), {}}}).ok());
  EXPECT_THAT(Told(), IsEmpty());
}

TEST_F(ChangesTest, NothingIsCollectedUntilAskedFor) {
  ledger_.KeepChanges(false);
  ASSERT_TRUE(Charge("c", {{"/b", "gpu0", B(60), {}}}).ok());
  ASSERT_TRUE(Uncharge({"c"}).ok());
  EXPECT_THAT(Told(), IsEmpty());
}

TEST_F(ChangesTest, ImplicitCgroupsComeAndGoWithTheirCharge) {
  ASSERT_TRUE(Charge("c", {{"/b/c", "gpu0", B(60), {}}}).ok());
  EXPECT_THAT(Told(), ElementsAre("cgroup /b 0", "cgroup /b/c 0"));
  ASSERT_TRUE(Uncharge({"c"}).ok());
  EXPECT_THAT(Told(), ElementsAre("charge c cause 2 ended: removed /b/c gpu0 60->0 60 Bs",
                                  "cgroup /b/c 5", "cgroup /b 5"));
}

TEST_F(ChangesTest, AnUnchargeGivesItsByteSecondsThroughEveryResize) {
  ASSERT_TRUE(Charge("c", {{"/a", "gpu0", B(60), {}}, {"/a", "gpu1", B(1), {}}}).ok());
  ASSERT_TRUE(Resize({{"c", "/a", "gpu0", B(10), {}}}).ok());
  EXPECT_THAT(Told(), ElementsAre("charge c cause 3: resized /a gpu0 60->10"));
  ASSERT_TRUE(Resize({{"c", "/a", "gpu0", B(30), {}}}).ok());
  ASSERT_TRUE(Uncharge({"c"}).ok());
  // A second each of 60, 10 and 30 bytes.
  EXPECT_THAT(Told(), ElementsAre("charge c cause 2 ended: removed /a gpu0 30->0 100 Bs removed /a "
                                  "gpu1 1->0 3 Bs"));
}

TEST_F(ChangesTest, ManyChargesOfOneCommandAreToldApart) {
  ASSERT_TRUE(Charge("c", {{"/a", "gpu0", B(1), {}}}).ok());
  ASSERT_TRUE(Charge("d", {{"/a", "gpu1", B(2), {}}}).ok());
  ASSERT_TRUE(Uncharge({"d", "never", "c"}).ok());
  EXPECT_THAT(Told(), ElementsAre("charge d cause 2 ended: removed /a gpu1 2->0 2 Bs",
                                  "charge c cause 2 ended: removed /a gpu0 1->0 2 Bs"));
}

TEST_F(ChangesTest, WhatANewerIncarnationDropsIsToldItemByItem) {
  ASSERT_TRUE(Charge("c", {{"/a", "gpu0", B(1), {}}, {"/a", "gpu1", B(2), {}}}).ok());
  ASSERT_TRUE(Charge("d", {{"/a", "gpu0", B(3), {}}}).ok());
  ASSERT_TRUE(Register("gpu0", 100, "g", 1).ok());
  EXPECT_THAT(Told(),
              ElementsAre("charge c cause 4: removed /a gpu0 1->0 2 Bs",
                          "charge d cause 4 ended: removed /a gpu0 3->0 3 Bs", "region gpu0 1"));
}

TEST_F(ChangesTest, ARefusalNamesItsCounter) {
  ASSERT_TRUE(SetMax("/a", "g", 10).ok());
  EXPECT_THAT(Told(), ElementsAre(absl::StrCat("limits of /a in g: max ", kForever, "->10")));
  ASSERT_FALSE(Charge("c", {{"/a", "gpu0", B(11), {}}}).ok());
  EXPECT_THAT(Told(), ElementsAre("refused by /a in g"));
}

TEST_F(ChangesTest, OverIsEnteredAndLeftOnceHoweverManyItemsDoIt) {
  ASSERT_TRUE(SetMax("/a", "g", 10, false, /*observe=*/true).ok());
  ASSERT_TRUE(Charge("c", {{"/a", "gpu0", B(11), {}}, {"/a", "gpu1", B(4), {}}}).ok());
  EXPECT_THAT(Told(), ElementsAre("would be refused by /a in g", "/a in g OVER: 15 of 10"));
  ASSERT_TRUE(Charge("d", {{"/a", "gpu0", B(1), {}}}).ok());
  EXPECT_THAT(Told(), ElementsAre("would be refused by /a in g"));
  ASSERT_TRUE(Uncharge({"c"}).ok());
  EXPECT_THAT(Told(), ElementsAre("charge c cause 2 ended: removed /a gpu0 11->0 22 Bs removed /a "
                                  "gpu1 4->0 8 Bs",
                                  "/a in g no longer OVER: 1 of 10"));
}

TEST_F(ChangesTest, WhatACommandTakesBackItselfIsNoOver) {
  ASSERT_TRUE(SetMax("/a", "g", 50, false, /*observe=*/true).ok());
  ASSERT_TRUE(Charge("c", {{"/a", "gpu0", B(45), {}}, {"/a", "gpu1", B(5), {}}}).ok());
  // By FORCE the growth is applied after the shrink, so that nothing is ever above 50.
  ASSERT_TRUE(
      Resize({{"c", "/a", "gpu1", B(45), {}}, {"c", "/a", "gpu0", B(5), {}}}, Mode::kForce).ok());
  EXPECT_THAT(Told(), ElementsAre("charge c cause 3: resized /a gpu0 45->5 resized /a gpu1 5->45"));
}

TEST_F(ChangesTest, ALoweredLimitOrCapacityMakesItsCounterOver) {
  ASSERT_TRUE(Charge("c", {{"/a", "gpu0", B(60), {}}}).ok());
  ASSERT_TRUE(SetMax("/a", "gpu0", 50, /*apply=*/true).ok());
  EXPECT_THAT(Told(), ElementsAre(absl::StrCat("limits of /a in gpu0: max ", kForever, "->50"),
                                  "/a in gpu0 OVER: 60 of 50"));
  ASSERT_TRUE(Register("gpu0", 55, "g").ok());
  EXPECT_THAT(Told(), ElementsAre("/ in gpu0 OVER: 60 of 55", "region gpu0 1"));
  ASSERT_TRUE(Delete("/a").ok());
  EXPECT_THAT(Told(),
              ElementsAre("cgroup /a 2", absl::StrCat("limits of /a in gpu0: max 50->", kForever),
                          "/a in gpu0 no longer OVER: 60 of 9223372036854775807"));
  ASSERT_TRUE(Uncharge({"c"}).ok());
  EXPECT_THAT(Told(), ElementsAre("charge c cause 2 ended: removed /a gpu0 60->0 dying 240 Bs",
                                  "/ in gpu0 no longer OVER: 0 of 55", "cgroup /a 3"));
}

TEST_F(ChangesTest, ACommitTellsWhatItPlacedAndWhereItCameFrom) {
  ASSERT_TRUE(Reserve("c", {{"/a", "g", B(50), {}}, {"/a", "gpu0", B(20), {}}}).ok());
  EXPECT_THAT(Told(), IsEmpty());
  PlacementSpec placement;
  placement.cgroup = "/a";
  placement.region = "gpu1";
  placement.reserved_in = "g";
  placement.bytes = B(30);
  ASSERT_TRUE(Commit("c", "1", {placement}).ok());
  EXPECT_THAT(Told(), ElementsAre("charge c cause 10: resized /a g 50->20 reserved added /a gpu1 "
                                  "0->30"));
  ASSERT_TRUE(Commit("c", "2").ok());
  EXPECT_THAT(Told(), ElementsAre("charge c cause 10: placed /a gpu0 20->20"));
  ASSERT_TRUE(Cancel("c").ok());
  EXPECT_THAT(Told(), ElementsAre("charge c cause 9: removed /a g 20->0 reserved 90 Bs"));
}

TEST_F(ChangesTest, AMoveEndsByteSecondsInOneCgroupAndBeginsThemInTheOther) {
  ASSERT_TRUE(Charge("c", {{"/a", "gpu0", B(7), {}}}).ok());
  MoveChargeCommand move;
  move.time = Tick();
  move.charge_id = "c";
  move.from = "/a";
  move.to = "/b";
  ASSERT_TRUE(ledger_.MoveCharge(move).ok());
  EXPECT_THAT(Told(), ElementsAre("cgroup /b 0",
                                  "charge c cause 11: removed /a gpu0 7->0 7 Bs "
                                  "added /b gpu0 0->7"));
  ASSERT_TRUE(Uncharge({"c"}).ok());
  EXPECT_THAT(Told(),
              ElementsAre("charge c cause 2 ended: removed /b gpu0 7->0 7 Bs", "cgroup /b 5"));
}

TEST_F(ChangesTest, AGoneRegionIsRemovedWithItsLastCharge) {
  ASSERT_TRUE(Charge("c", {{"/a", "gpu0", B(7), {}}}).ok());
  ASSERT_TRUE(ledger_.Unregister({Tick(), "gpu0", false}).ok());
  EXPECT_THAT(Told(), ElementsAre("region gpu0@2 4"));
  ASSERT_TRUE(RequestRelease({"c"}).ok());
  EXPECT_THAT(Told(), ElementsAre("release of c asked by me: tests /a gpu0@2 7"));
  ASSERT_TRUE(Uncharge({"c"}).ok());
  EXPECT_THAT(Told(), ElementsAre("charge c cause 2 ended: removed /a gpu0@2 7->0 21 Bs",
                                  "region gpu0@2 5"));
}

}  // namespace
}  // namespace dmem
