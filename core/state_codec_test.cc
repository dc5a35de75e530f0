// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/state_codec.h"

#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/invariants.h"
#include "core/ledger.h"
#include "core/object_kinds.h"
#include "core/state_restorer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dmem {
namespace {

using ::testing::IsEmpty;

using Objects = std::map<std::string, std::string>;

void Apply(const StateDelta& delta, Objects* objects) {
  for (const std::string& key : delta.deletes) EXPECT_EQ(objects->erase(key), 1u);
  for (const auto& [key, value] : delta.puts) (*objects)[key] = value;
}

absl::Status Restore(const Objects& objects, Ledger* ledger) {
  StateRestorer restorer(ledger);
  for (const auto& [key, value] : objects) {
    if (absl::Status status = restorer.AddObject(key, value); !status.ok()) return status;
  }
  return restorer.Finish();
}

// Random commands of many kinds over few names, so that objects come and go and records are reused.
class Workload {
 public:
  explicit Workload(uint32_t seed) : random_(seed) {}

  void Step(Ledger* ledger) {
    time_ += absl::Milliseconds(Pick(2000));
    const std::string region = absl::StrCat("r", Pick(4)), group = absl::StrCat("g", Pick(3));
    const std::string cgroup =
        absl::StrCat("/t", Pick(3), Pick(2) ? absl::StrCat("/j", Pick(4)) : "");
    const std::string id = absl::StrCat("c", next_id_ - Pick(20));
    switch (Pick(14)) {
      case 0: {
        RegisterCommand command;
        command.time = time_;
        command.name = region;
        command.capacity = ByteCount(1000 + Pick(100));
        command.node = "n";
        command.parent = group;
        command.incarnation = incarnation_ += Pick(8) == 0;
        ledger->Register(command).IgnoreError();
        break;
      }
      case 1:
        ledger->RegisterGroup({time_, group, Pick(2) ? "g0" : ""}).IgnoreError();
        break;
      case 2:
        ledger
            ->Unregister(
                {time_, Pick(2) ? region : absl::StrCat(region, "@", Pick(20)), Pick(2) == 0})
            .IgnoreError();
        break;
      case 3: {
        LimitsUpdate update;
        update.cgroup = cgroup;
        update.region = Pick(2) ? region : group;
        update.min = ByteCount(Pick(50));
        update.max = Pick(2) ? kUnlimited : ByteCount(200 + Pick(200));
        const LimitsUpdate updates[] = {update};
        SetLimitsCommand command;
        command.time = time_;
        command.updates = updates;
        ledger->SetLimits(command).IgnoreError();
        break;
      }
      case 4:
        ledger->CreateCgroup({time_, cgroup, static_cast<int32_t>(Pick(5)) - 2}).IgnoreError();
        break;
      case 5:
        ledger->DeleteCgroup({time_, cgroup}).IgnoreError();
        break;
      case 6:
      case 7:
      case 8: {
        const absl::string_view ids[] = {id};
        ledger->Uncharge({time_, ids}).IgnoreError();
        break;
      }
      case 9: {
        const ResizeItemSpec items[] = {{id, cgroup, region, ByteCount(Pick(100)), absl::nullopt}};
        ledger->Resize({time_, items, Mode::kStrict}).IgnoreError();
        break;
      }
      default: {
        const std::string other = absl::StrCat("r", Pick(4));
        std::vector<ChargeItemSpec> items = {{cgroup, region, ByteCount(Pick(100)), absl::nullopt}};
        if (other != region) items.push_back({cgroup, other, ByteCount(Pick(100)), absl::nullopt});
        const Label labels[] = {{"app", "x"}};
        ChargeCommand command;
        command.time = time_;
        const std::string fresh = absl::StrCat("c", next_id_++);
        command.charge_id = fresh;
        command.created_at = time_;
        command.items = items;
        command.labels = labels;
        command.owner_name = "pod";
        ledger->Charge(command).IgnoreError();
      }
    }
  }

 private:
  uint32_t Pick(uint32_t n) { return random_() % n; }

  std::mt19937 random_;
  absl::Time time_ = absl::FromUnixSeconds(1700000000);
  uint64_t next_id_ = 100;
  uint64_t incarnation_ = 0;
};

TEST(StateCodecTest, DeltasLeadFromCheckpointToCheckpointAndRestoreTheSameState) {
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Ledger ledger;
    Workload workload(seed);
    Objects objects;
    StateHash hash;
    std::unique_ptr<Snapshot> base;
    for (int checkpoint = 0; checkpoint < 15; ++checkpoint) {
      for (int i = 0; i < 60; ++i) workload.Step(&ledger);
      std::unique_ptr<Snapshot> snapshot = ledger.TakeSnapshot();
      const StateDelta delta =
          DiffStates(base == nullptr ? nullptr : &base->state, hash, snapshot->state);
      Apply(delta, &objects);
      hash = delta.hash;
      EXPECT_EQ(hash, HashOf(ledger.state()));
      if (base != nullptr) ledger.Release(std::move(base));
      base = std::move(snapshot);

      Ledger restored;
      ASSERT_TRUE(Restore(objects, &restored).ok());
      ASSERT_THAT(CheckInvariants(restored.state()).violations, IsEmpty());
      EXPECT_EQ(HashOf(restored.state()), hash);
    }
    // Both go on alike.
    Ledger restored;
    ASSERT_TRUE(Restore(objects, &restored).ok());
    Workload again = workload;
    for (int i = 0; i < 300; ++i) workload.Step(&ledger);
    for (int i = 0; i < 300; ++i) again.Step(&restored);
    EXPECT_EQ(HashOf(restored.state()), HashOf(ledger.state()));
    ledger.Release(std::move(base));
  }
}

// Each object of its own is one that was stored; together they are a circle, which nothing that
// walks up the groups would leave.
TEST(StateCodecTest, GroupsStoredInACircleAreDataLoss) {
  const absl::Time time = absl::FromUnixSeconds(1700000000);
  const auto objects_with = [&](absl::string_view parent_of_g, absl::string_view parent_of_h) {
    Ledger ledger;
    for (const absl::string_view name : {"g", "h"}) {
      EXPECT_TRUE(ledger.RegisterGroup({time, name, ""}).ok());
    }
    EXPECT_TRUE(ledger.RegisterGroup({time, "g", parent_of_g}).ok());
    EXPECT_TRUE(ledger.RegisterGroup({time, "h", parent_of_h}).ok());
    LimitsUpdate update;
    update.cgroup = "/t";
    update.region = "h";
    update.max = ByteCount(1);
    const LimitsUpdate updates[] = {update};
    SetLimitsCommand command;
    command.time = time;
    command.updates = updates;
    EXPECT_TRUE(ledger.SetLimits(command).ok());
    Objects objects;
    Apply(DiffStates(nullptr, StateHash(), ledger.state()), &objects);
    return objects;
  };
  const Objects apart = objects_with("", ""), below = objects_with("h", "");
  Objects circle = objects_with("", "g");
  size_t changed = 0;
  for (const auto& [key, value] : apart) {
    if (key.front() != kRegionKind || below.at(key) == value) continue;
    circle[key] = below.at(key);
    ++changed;
  }
  ASSERT_EQ(changed, 1u);
  Ledger restored;
  EXPECT_EQ(Restore(circle, &restored).code(), absl::StatusCode::kDataLoss);
}

// What was damaged may follow from something else and so come out right (a peak below the usage);
// it never comes out wrong with the hash that was recorded.
TEST(StateCodecTest, ADamagedOrMissingObjectIsAnErrorOrAnotherHash) {
  Ledger ledger;
  Workload workload(7);
  for (int i = 0; i < 400; ++i) workload.Step(&ledger);
  const StateDelta all = DiffStates(nullptr, StateHash(), ledger.state());
  Objects objects;
  Apply(all, &objects);
  const auto expect_refused_or_right = [&](const Objects& damaged) {
    Ledger restored;
    if (!Restore(damaged, &restored).ok()) return true;
    Objects encoded;
    Apply(DiffStates(nullptr, StateHash(), restored.state()), &encoded);
    EXPECT_EQ(HashOf(restored.state()) == all.hash, encoded == objects);
    return encoded != objects;
  };
  std::mt19937 rng(1);
  size_t noticed = 0;
  for (const auto& [key, value] : objects) {
    Objects damaged = objects;
    std::string& bytes = damaged[key];
    bytes[rng() % bytes.size()] ^= static_cast<char>(1 << rng() % 8);
    noticed += expect_refused_or_right(damaged);
    damaged.erase(key);
    EXPECT_TRUE(expect_refused_or_right(damaged)) << absl::CHexEscape(key);
  }
  EXPECT_GT(noticed, objects.size() * 9 / 10);
}

}  // namespace
}  // namespace dmem
