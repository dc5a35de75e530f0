// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/testing/tree.h"

#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "core/check.h"
#include "core/commands.h"

namespace dmem {
namespace {

std::string ChargeId(int number) { return absl::StrCat("charge-", number); }

}  // namespace

TestTree& TestTree::Group(absl::string_view name, absl::string_view parent) {
  RegisterGroupCommand command;
  command.time = NextTime();
  command.name = name;
  command.parent = parent;
  DMEM_CHECK(ledger_.RegisterGroup(command).ok());
  return *this;
}

TestTree& TestTree::Region(absl::string_view name, absl::string_view parent, ByteCount capacity) {
  RegisterCommand command;
  command.time = NextTime();
  command.name = name;
  command.parent = parent;
  command.capacity = capacity;
  command.grantable = kUnlimited;
  DMEM_CHECK(ledger_.Register(command).ok());
  return *this;
}

TestTree& TestTree::Draw(absl::string_view region, absl::string_view pools) {
  for (const absl::string_view pool : absl::StrSplit(pools, ';')) {
    const std::vector<absl::string_view> words =
        absl::StrSplit(pool, absl::ByAnyChar(" \n"), absl::SkipEmpty());
    if (words.empty()) continue;
    for (size_t i = 1; i < words.size(); ++i) {
      const std::pair<absl::string_view, absl::string_view> word =
          absl::StrSplit(words[i], absl::MaxSplits('=', 1));
      Word(region, words[0], word.first, word.second);
    }
  }
  return *this;
}

TestTree& TestTree::Create(absl::string_view cgroup) {
  CreateCgroupCommand command;
  command.time = NextTime();
  command.path = cgroup;
  DMEM_CHECK(ledger_.CreateCgroup(command).ok());
  return *this;
}

TestTree& TestTree::Delete(absl::string_view cgroup) {
  DeleteCgroupCommand command;
  command.time = NextTime();
  command.path = cgroup;
  DMEM_CHECK(ledger_.DeleteCgroup(command).ok());
  return *this;
}

TestTree& TestTree::Unregister(absl::string_view region) {
  UnregisterCommand command;
  command.time = NextTime();
  command.name = region;
  DMEM_CHECK(ledger_.Unregister(command).ok());
  return *this;
}

Index TestTree::CgroupOf(absl::string_view path) const {
  const Index cgroup = state().FindCgroup(path);
  DMEM_CHECK(cgroup != kNone);
  return cgroup;
}

Index TestTree::RegionOf(absl::string_view name) const {
  const Index region = state().FindRegion(name);
  DMEM_CHECK(region != kNone);
  return region;
}

Index TestTree::PoolOf(absl::string_view path, absl::string_view region) const {
  const Index pool = state().FindPool(CgroupOf(path), RegionOf(region));
  DMEM_CHECK(pool != kNone);
  return pool;
}

Index TestTree::ChargeOf(int number) const {
  const Index charge = state().FindCharge(ChargeId(number));
  DMEM_CHECK(charge != kNone);
  return charge;
}

void TestTree::Word(absl::string_view region, absl::string_view cgroup, absl::string_view key,
                    absl::string_view value) {
  if (key == "use") {
    for (const absl::string_view size : absl::StrSplit(value, ',')) {
      Charge(region, cgroup, SizeOf(size));
    }
    return;
  }
  if (key == "priority") {
    CreateCgroupCommand command;
    command.time = NextTime();
    command.path = cgroup;
    int32_t priority = 0;
    DMEM_CHECK(absl::SimpleAtoi(value, &priority));
    command.priority = priority;
    DMEM_CHECK(ledger_.CreateCgroup(command).ok());
    return;
  }
  LimitsUpdate update;
  update.cgroup = cgroup;
  update.region = region;
  DMEM_CHECK(key == "min" || key == "low" || key == "max");
  (key == "min" ? update.min : key == "low" ? update.low : update.max) = SizeOf(value);
  SetLimitsCommand command;
  command.time = NextTime();
  command.updates = absl::MakeConstSpan(&update, 1);
  command.apply_below_usage = true;
  DMEM_CHECK(ledger_.SetLimits(command).ok());
}

void TestTree::Charge(absl::string_view region, absl::string_view cgroup, ByteCount bytes) {
  ChargeItemSpec item;
  item.cgroup = cgroup;
  item.region = region;
  item.bytes = bytes;
  const std::string id = ChargeId(++charges_);
  ChargeCommand command;
  command.time = NextTime();
  command.charge_id = id;
  command.created_at = command.time;
  command.items = absl::MakeConstSpan(&item, 1);
  command.mode = Mode::kForce;
  DMEM_CHECK(ledger_.Charge(command).ok());
}

absl::Time TestTree::NextTime() { return absl::FromUnixSeconds(1800000000 + ++commands_); }

ByteCount SizeOf(absl::string_view text) {
  if (text == "max") return kUnlimited;
  int shift = 0;
  if (absl::ConsumeSuffix(&text, "Ki")) shift = 10;
  if (absl::ConsumeSuffix(&text, "Mi")) shift = 20;
  if (absl::ConsumeSuffix(&text, "Gi")) shift = 30;
  if (absl::ConsumeSuffix(&text, "Ti")) shift = 40;
  uint64_t bytes = 0;
  DMEM_CHECK(absl::SimpleAtoi(text, &bytes));
  return ByteCount(bytes << shift);
}

}  // namespace dmem
