// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Commands on what nodes really hold.

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/model/generator.h"

namespace dmem {
namespace model {
namespace {

constexpr int64_t kSecondUs = 1000000;

// The node of a session; "" if it is not there.
std::string NodeOf(const View& view, uint64_t session) {
  for (const LeaseRow& row : view.leases) {
    if (!absl::StartsWith(row.text, absl::StrCat("session ", session, " "))) continue;
    for (const char* node : {"n1", "n2"}) {
      if (absl::StrContains(row.text, absl::StrCat(" of ", node, "/"))) return node;
    }
  }
  return "";
}

// The names of the regions that a node answers for.
std::vector<std::string> RegionsOf(const View& view, const std::string& node) {
  std::vector<std::string> names;
  for (const RegionRow& region : view.regions) {
    for (const LeaseRow& row : view.leases) {
      if (absl::StartsWith(row.text, absl::StrCat("region ", region.id, " ")) &&
          absl::StrContains(row.text, absl::StrCat(" of ", node, " failed="))) {
        names.push_back(region.name);
      }
    }
  }
  return names;
}

// The path of a cgroup, also of a dying one.
std::string PathOf(const View& view, const std::string& name) {
  for (const CgroupRow& row : view.cgroups) {
    if (row.name == name) return row.path;
  }
  return name;
}

}  // namespace

Command Generator::Reconcile(const View& view) {
  Command c;
  c.kind = Kind::kReconcile;
  c.session = Session(view);
  c.list_id = absl::StrCat("l", Between(1, 2));
  c.as_of = view.sequence - Between(0, std::min<uint64_t>(view.sequence, Chance(60) ? 0 : 12));
  if (Chance(3)) c.as_of = view.sequence + Between(1, 3);
  c.last = Chance(75);
  c.nonce = absl::StrCat("f", steps_);
  if (list_.session != 0 && Chance(65)) {
    c.session = list_.session;
    c.list_id = list_.list_id;
    c.as_of = list_.as_of;
    c.part = list_.part + 1;
  } else if (Chance(4)) {
    c.part = Between(1, 2);
  }
  const std::vector<std::string> regions = RegionsOf(view, NodeOf(view, c.session));
  const auto add = [&](HeldItem held) {
    held.created_at_us = time_us_ - static_cast<int64_t>(Between(0, 5 * kSecondUs));
    if (Chance(5)) held.created_at_us += 100 * kSecondUs;
    held.is_measured = Chance(40);
    held.preemptible = Chance(20);
    if (Chance(20)) held.priority = static_cast<int32_t>(Between(0, 6)) - 3;
    if (Chance(50)) held.owner = "agent";
    const bool is_twice = std::any_of(c.held.begin(), c.held.end(), [&](const HeldItem& other) {
      return other.charge_id == held.charge_id && other.cgroup == held.cgroup &&
             other.region == held.region;
    });
    if (!is_twice) c.held.push_back(held);
  };
  for (const ChargeRow& charge : view.charges) {
    for (const Item& item : charge.items) {
      const bool is_here = std::count(regions.begin(), regions.end(), item.region) > 0;
      HeldItem held;
      held.charge_id = charge.id;
      held.cgroup = Chance(92) ? PathOf(view, item.cgroup) : Path();
      held.region = item.region;
      held.bytes = Chance(80) ? item.bytes : Bytes();
      if (is_here && Chance(70)) add(held);
      // Held on one of its devices, reserved on another or on a group.
      if (regions.empty() || !charge.is_reserved || !Chance(15)) continue;
      held.region = OneOf(regions);
      add(held);
    }
  }
  for (uint64_t i = Chance(50) ? 0 : Between(1, 3); i > 0; --i) {
    HeldItem held;
    held.charge_id = !view.spent_ids.empty() && Chance(30) ? OneOf(view.spent_ids) : ChargeId();
    held.cgroup = Path();
    held.region = regions.empty() || Chance(4) ? Region(view) : OneOf(regions);
    held.bytes = Bytes();
    if (Chance(2)) held.region = Group();
    add(held);
  }
  list_ = c;
  if (c.last) list_.session = 0;
  return c;
}

Command Generator::ReportMeasured(const View& view) {
  Command c;
  c.kind = Kind::kReportMeasured;
  if (with_sessions_ && Chance(50)) c.session = Session(view);
  const std::vector<std::string> own = RegionsOf(view, NodeOf(view, c.session));
  const auto region = [&] { return own.empty() || Chance(5) ? Region(view) : OneOf(own); };
  for (uint64_t i = Between(0, 2); i > 0; --i) {
    SeenRegion seen;
    seen.region = Chance(97) ? region() : Group();
    seen.used = is_huge_ && Chance(10) ? kUnlimitedBytes : Between(0, 300);
    seen.items_measured = Chance(50);
    const bool is_twice =
        std::any_of(c.seen_regions.begin(), c.seen_regions.end(),
                    [&](const SeenRegion& other) { return other.region == seen.region; });
    if (!is_twice) c.seen_regions.push_back(seen);
  }
  for (uint64_t i = Between(c.seen_regions.empty() ? 1 : 0, 4); i > 0; --i) {
    SeenItem seen;
    seen.charge_id = ChargeId();
    seen.cgroup = Path();
    seen.region = region();
    if (!view.charges.empty() && Chance(92)) {
      const ChargeRow& charge = OneOf(view.charges);
      const Item& item = OneOf(charge.items);
      seen.charge_id = charge.id;
      seen.cgroup = item.cgroup;
      seen.region = item.region;
    }
    seen.bytes = Bytes();
    const bool is_twice =
        std::any_of(c.seen_items.begin(), c.seen_items.end(), [&](const SeenItem& other) {
          return other.charge_id == seen.charge_id && other.cgroup == seen.cgroup &&
                 other.region == seen.region;
        });
    if (!is_twice) c.seen_items.push_back(seen);
  }
  return c;
}

Command Generator::MoveCharge(const View& view) {
  Command c;
  c.kind = Kind::kMoveCharge;
  if (with_sessions_ && Chance(30)) c.session = Session(view);
  c.charge_id = ChargeId();
  c.name = Path();
  if (!view.charges.empty() && Chance(95)) {
    const ChargeRow& charge = OneOf(view.charges);
    c.charge_id = charge.id;
    if (Chance(92)) c.name = OneOf(charge.items).cgroup;
  }
  c.parent = Cgroup(view);
  if (Chance(10)) c.parent = OneOf(view.cgroups).name;
  if (c.parent == c.name) c.parent = c.name == "/a" ? "/b" : "/a";
  return c;
}

}  // namespace model
}  // namespace dmem
