// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/model/generator.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace dmem {
namespace model {
namespace {

constexpr int64_t kSecondUs = 1000000;

}  // namespace

Generator::Generator(uint64_t seed) : random_(seed), time_us_(1000000 * kSecondUs) {
  is_huge_ = Chance(15);
  is_bounded_ = Chance(20);
  with_sessions_ = Chance(50);
  regions_ = Between(1, 4);
  groups_ = Between(1, 4);
}

uint64_t Generator::Between(uint64_t from, uint64_t to) {
  // Not std::uniform_int_distribution: that may differ from library to library.
  const uint64_t range = to - from + 1;
  return range == 0 ? random_() : from + random_() % range;
}

std::string Generator::Path() {
  std::string path;
  const uint64_t depth = Chance(5) ? 5 : Between(1, 3);
  for (uint64_t i = 0; i < depth; ++i) absl::StrAppend(&path, Chance(60) ? "/a" : "/b");
  return path;
}

std::string Generator::Cgroup(const View& view) {
  if (Chance(80)) return Path();
  if (Chance(10)) return absl::StrCat("@", Between(0, 20));
  return OneOf(view.cgroups).name;
}

std::string Generator::Region(const View& view) {
  std::vector<std::string> there;
  for (const RegionRow& row : view.regions) {
    if (!row.is_group && !row.is_gone) there.push_back(row.name);
  }
  if (!there.empty() && Chance(55)) return OneOf(there);
  if (Chance(85) || view.regions.empty()) return absl::StrCat("r", Between(1, regions_));
  return Chance(20) ? absl::StrCat("r1@", Between(1, 9)) : OneOf(view.regions).name;
}

std::string Generator::Group() {
  if (Chance(5)) return absl::StrCat("r", Between(1, regions_));
  return absl::StrCat("g", Between(1, Chance(20) ? 12 : groups_));
}

std::string Generator::ChargeId() { return absl::StrCat("c", Between(1, 30)); }

uint64_t Generator::Bytes() {
  if (Chance(5)) return 0;
  if (is_huge_ && Chance(25)) return kUnlimitedBytes - (Chance(50) ? 0 : Between(0, 100));
  if (is_huge_ && Chance(25)) return kUnlimitedBytes / 2 + Between(0, 1);
  if (is_huge_ && Chance(50)) return TebiBytes();
  return Between(1, 40);
}

uint64_t Generator::LimitBytes() {
  if (Chance(15)) return kUnlimitedBytes;
  if (Chance(15)) return 0;
  if (is_huge_ && Chance(20)) return kUnlimitedBytes - Between(0, 100);
  if (is_huge_ && Chance(60)) return TebiBytes();
  return Between(1, 100);
}

ChargeMode Generator::Mode() {
  if (Chance(10)) return ChargeMode::kForce;
  return Chance(12) ? ChargeMode::kCheckOnly : ChargeMode::kStrict;
}

Command Generator::Next(const View& view) {
  ++steps_;
  if (Chance(2)) {
    time_us_ += static_cast<int64_t>(Between(60, 700)) * kSecondUs;
  } else if (Chance(80)) {
    time_us_ += static_cast<int64_t>(Between(0, 3 * kSecondUs));
  }
  const uint64_t dice = Between(0, 999);
  Command command;
  const bool is_early = steps_ < 14 && Chance(65);  // Something to charge in.
  if (with_sessions_ && !is_early && Chance(28)) {
    const uint64_t kind = Between(0, 99);
    command = kind < 35 ? Tick(view) : kind < 75 ? Lease(view) : Reconcile(view);
    command.time_us = time_us_;
    return command;
  }
  if (is_huge_ && !is_early && Chance(12)) {
    command = Family(view);
    command.time_us = time_us_;
    return command;
  }
  if (!is_early && Chance(10)) {
    command = Chance(60) ? ReportMeasured(view) : MoveCharge(view);
    command.time_us = time_us_;
    return command;
  }
  if (is_early) {
    command = Chance(50) ? Register(view) : RegisterGroup();
  } else if (dice < 300) {
    command = Charge(view, /*reserve=*/false);
  } else if (dice < 360) {
    command = ChargeAgain();
  } else if (dice < 480) {
    command = Uncharge(view);
  } else if (dice < 560) {
    command = Resize(view);
  } else if (dice < 650) {
    command = Commit(view);
  } else if (dice < 690) {
    command = Reservation(view);
  } else if (dice < 790) {
    command = SetLimits(view);
  } else if (dice < 830) {
    command = CreateCgroup();
  } else if (dice < 890) {
    command = DeleteCgroup(view);
  } else if (dice < 930) {
    command = Register(view);
  } else if (dice < 960) {
    command = RegisterGroup();
  } else if (dice < 970) {
    command.kind = Kind::kUnregisterGroup;
    command.name = Chance(90) ? Group() : absl::StrCat("r", Between(1, regions_));
  } else if (dice < 985) {
    command.kind = Kind::kUnregister;
    command.name = Chance(90) ? Region(view) : Group();
    command.flag = Chance(40);
  } else if (dice < 995) {
    command.kind = Kind::kCordon;
    command.name = Chance(90) ? Region(view) : Group();
    command.flag = Chance(35);
  } else {
    command = Configure();
  }
  if (with_sessions_ && Chance(15)) command.session = Session(view);
  if (with_sessions_ && command.kind == Kind::kRegister && Chance(60)) {
    command.session = Session(view);
    for (const LeaseRow& row : view.leases) {
      const std::string node = absl::StrCat("session ", command.session, " ");
      if (!absl::StartsWith(row.text, node) || Chance(10)) continue;
      command.node = absl::StrContains(row.text, " of n1/") ? "n1" : "n2";
    }
  }
  command.time_us = time_us_;
  return command;
}

Command Generator::Register(const View& view) {
  Command c;
  c.kind = Kind::kRegister;
  c.name =
      Chance(95) ? absl::StrCat("r", Between(1, regions_)) : absl::StrCat("g", Between(1, groups_));
  c.capacity = Between(1, 400);
  c.reserved = Chance(50) ? 0 : Between(0, c.capacity);
  if (Chance(60)) c.grantable = Chance(50) ? kUnlimitedBytes : LimitBytes();
  c.node = Chance(50) ? "n1" : "n2";
  c.flag = Chance(5);
  for (const RegionRow& row : view.regions) {
    if (row.name != c.name) continue;
    // Mostly stays where it is.
    c.incarnation = Chance(70) ? row.incarnation : Between(0, 4);
    if (Chance(70)) c.parent = row.parent;
    if (Chance(30)) return c;
  }
  if (c.parent.empty() && Chance(70)) c.parent = Group();
  return c;
}

Command Generator::RegisterGroup() {
  Command c;
  c.kind = Kind::kRegisterGroup;
  c.name = Group();
  if (Chance(65)) c.parent = Group();
  return c;
}

Command Generator::Charge(const View& view, bool reserve) {
  Command c;
  c.kind = Kind::kCharge;
  c.charge_id = ChargeId();
  c.created_at_us = time_us_ - static_cast<int64_t>(Between(0, kSecondUs));
  if (Chance(10)) c.created_at_us += static_cast<int64_t>(Between(0, 70)) * kSecondUs;
  if (Chance(8)) c.created_at_us -= static_cast<int64_t>(Between(0, 700)) * kSecondUs;
  c.mode = Mode();
  if (Chance(30)) c.priority = static_cast<int32_t>(Between(0, 6)) - 3;
  c.preemptible = Chance(20);
  c.is_measured = Chance(25);
  if (Chance(30)) c.owner = Chance(50) ? "one" : "two";
  if (reserve || Chance(35)) c.ttl_us = static_cast<int64_t>(Between(1, 90)) * kSecondUs;
  const uint64_t items = Chance(60) ? 1 : Between(2, 8);
  for (uint64_t i = 0; i < items; ++i) {
    Item item;
    item.cgroup = Chance(3) ? "/" : Cgroup(view);
    item.region = Chance(c.ttl_us > 0 ? 45 : 98) ? Region(view) : Group();
    item.bytes = Bytes();
    if (Chance(8)) item.incarnation = Between(0, 3);
    const bool is_twice = std::any_of(c.items.begin(), c.items.end(), [&](const Item& other) {
      return other.cgroup == item.cgroup && other.region == item.region;
    });
    if (!is_twice) c.items.push_back(item);
  }
  sent_.push_back(c);
  if (sent_.size() > 20) sent_.erase(sent_.begin());
  return c;
}

Command Generator::ChargeAgain() {
  Command c;
  if (sent_.empty()) return CreateCgroup();
  c = OneOf(sent_);
  if (Chance(60)) return c;
  if (Chance(20)) c.items[0].bytes = Between(0, 40);
  if (Chance(20)) c.mode = Mode();
  if (Chance(20)) c.created_at_us = time_us_;
  if (Chance(10)) c.owner += "x";
  if (Chance(10)) c.preemptible = !c.preemptible;
  if (Chance(10)) c.priority = 7;
  if (Chance(10)) c.is_measured = !c.is_measured;
  return c;
}

Command Generator::Uncharge(const View& view) {
  Command c;
  c.kind = Kind::kUncharge;
  if (Chance(50)) c.reason = "no process is left";
  const uint64_t count = Chance(80) ? 1 : Between(2, 4);
  for (uint64_t i = 0; i < count; ++i) {
    std::string id = Chance(15) || view.charges.empty() ? ChargeId() : OneOf(view.charges).id;
    if (std::find(c.charge_ids.begin(), c.charge_ids.end(), id) == c.charge_ids.end()) {
      c.charge_ids.push_back(std::move(id));
    }
  }
  return c;
}

Command Generator::Resize(const View& view) {
  Command c;
  c.kind = Kind::kResize;
  c.mode = Mode();
  const uint64_t count = Chance(60) ? 1 : Between(2, 5);
  for (uint64_t i = 0; i < count; ++i) {
    NewSize size;
    size.bytes = Bytes();
    if (view.charges.empty() || Chance(3)) {
      size.charge_id = ChargeId();
      size.cgroup = Path();
      size.region = Region(view);
    } else {
      const ChargeRow& charge = OneOf(view.charges);
      const Item& item = OneOf(charge.items);
      size.charge_id = charge.id;
      size.cgroup = Chance(98) ? item.cgroup : Cgroup(view);
      size.region = Chance(98) ? item.region : Region(view);
      if (Chance(20)) size.expected = Chance(80) ? item.bytes : Between(0, 10);
      if (Chance(10)) size.bytes = item.bytes;
    }
    const bool is_twice = std::any_of(c.sizes.begin(), c.sizes.end(), [&](const NewSize& other) {
      return other.charge_id == size.charge_id && other.cgroup == size.cgroup &&
             other.region == size.region;
    });
    if (!is_twice) c.sizes.push_back(size);
  }
  return c;
}

namespace {

// The region of that name, or those below the group.
std::vector<std::string> MembersOf(const View& view, const std::string& name) {
  std::vector<std::string> members;
  for (const RegionRow& region : view.regions) {
    if (region.is_group) continue;
    std::string at = region.name, parent = region.parent;
    while (at != name && !parent.empty()) {
      at = parent;
      for (const RegionRow& row : view.regions) {
        if (row.name == at) parent = row.parent;
      }
    }
    if (at == name) members.push_back(region.name);
  }
  return members;
}

}  // namespace

Command Generator::Commit(const View& view) {
  Command c;
  if (!commits_.empty() && Chance(12)) {
    c = OneOf(commits_);
    if (!c.placements.empty() && Chance(15)) ++c.placements[0].bytes;
    return c;
  }
  c.kind = Kind::kCommit;
  c.charge_id = ChargeId();
  c.commit_id = absl::StrCat("m", Between(1, 6));
  std::vector<ChargeRow> reserved;
  for (const ChargeRow& row : view.charges) {
    if (row.is_reserved || Chance(5)) reserved.push_back(row);
  }
  if (reserved.empty() && Chance(85)) return Charge(view, /*reserve=*/true);
  if (reserved.empty()) return c;
  const ChargeRow& charge = OneOf(reserved);
  if (Chance(97)) c.charge_id = charge.id;
  if (Chance(25)) return c;
  const uint64_t count = Chance(60) ? 1 : Between(2, 4);
  for (uint64_t i = 0; i < count; ++i) {
    const Item& item = OneOf(charge.items);
    Placement placement;
    placement.cgroup = Chance(96) ? item.cgroup : Cgroup(view);
    placement.region = Chance(90) ? Region(view) : Group();
    const std::vector<std::string> members = MembersOf(view, item.region);
    if (!members.empty() && Chance(85)) placement.region = OneOf(members);
    if (Chance(70)) placement.reserved_in = Chance(96) ? item.region : Group();
    placement.bytes = Chance(80) ? Between(item.bytes / 2, item.bytes) : Bytes();
    if (Chance(8)) placement.incarnation = Between(0, 3);
    const bool is_twice =
        std::any_of(c.placements.begin(), c.placements.end(), [&](const Placement& other) {
          return other.cgroup == placement.cgroup && other.reserved_in == placement.reserved_in &&
                 other.region == placement.region;
        });
    if (!is_twice) c.placements.push_back(placement);
  }
  commits_.push_back(c);
  if (commits_.size() > 5) commits_.erase(commits_.begin());
  return c;
}

Command Generator::Reservation(const View& view) {
  Command c;
  c.charge_id = ChargeId();
  if (!view.charges.empty() && Chance(92)) c.charge_id = OneOf(view.charges).id;
  const uint64_t dice = Between(0, 99);
  if (dice < 35) {
    c.kind = Kind::kCancel;
  } else if (dice < 60) {
    c.kind = Kind::kRenew;
    c.ttl_us = static_cast<int64_t>(Between(1, 90)) * kSecondUs;
  } else {
    c.kind = Kind::kRequestRelease;
    c.charge_ids.push_back(c.charge_id);
    if (Chance(20)) {
      const std::string other = ChargeId();
      if (other != c.charge_id) c.charge_ids.push_back(other);
    }
    c.owner = Chance(50) ? "kubelet" : "admin";
    c.reason = "done";
  }
  return c;
}

Command Generator::SetLimits(const View& view) {
  Command c;
  c.kind = Kind::kSetLimits;
  c.flag = Chance(35);
  c.validate_only = Chance(10);
  const uint64_t count = Chance(70) ? 1 : Between(2, 4);
  for (uint64_t i = 0; i < count; ++i) {
    LimitChange change;
    change.cgroup = Cgroup(view);
    if (change.cgroup == "/") change.cgroup = "/a";
    change.region = Chance(60) ? Region(view) : Group();
    // Often a pool that is there, with its etag.
    if (Chance(40) && !view.pools.empty()) {
      const PoolRow& pool = OneOf(view.pools);
      for (const CgroupRow& row : view.cgroups) {
        if (row.id == pool.cgroup && row.id != 0) change.cgroup = row.name;
      }
      for (const RegionRow& row : view.regions) {
        if (row.id == pool.region) change.region = row.name;
      }
      if (Chance(30)) change.etag = pool.etag;
    }
    if (Chance(5)) change.etag = Between(0, 5);
    if (Chance(45)) change.min = Chance(25) ? 0 : LimitBytes();
    if (Chance(45)) change.low = Chance(25) ? 0 : LimitBytes();
    if (Chance(60)) change.max = LimitBytes();
    if (Chance(30)) change.observe = Chance(60);
    if (change.observe.value_or(false) && Chance(50)) change.max = Between(0, 10);
    const bool is_twice =
        std::any_of(c.limits.begin(), c.limits.end(), [&](const LimitChange& other) {
          return other.cgroup == change.cgroup && other.region == change.region;
        });
    if (!is_twice) c.limits.push_back(change);
  }
  return c;
}

Command Generator::CreateCgroup() {
  Command c;
  c.kind = Kind::kCreateCgroup;
  c.name = Chance(98) ? Path() : "/";
  if (Chance(30)) c.priority = static_cast<int32_t>(Between(0, 6)) - 3;
  return c;
}

Command Generator::DeleteCgroup(const View& view) {
  Command c;
  c.kind = Kind::kDeleteCgroup;
  c.name = Chance(50) ? Path() : OneOf(view.cgroups).name;
  if (c.name == "/") c.name = "/b";
  return c;
}

Command Generator::Configure() {
  Command c;
  c.kind = Kind::kConfigure;
  c.bounds.implicit_cgroups = static_cast<int>(Chance(60) ? 0 : Between(0, 2));
  if (Chance(50)) c.bounds.tombstone_window_us = static_cast<int64_t>(Between(0, 20)) * kSecondUs;
  if (Chance(50)) c.bounds.tombstones_max = Between(1, 6);
  if (Chance(80)) c.bounds.lost_after_us = static_cast<int64_t>(Between(1, 20)) * kSecondUs;
  c.bounds.refuses_stale = Chance(40);
  c.bounds.ignores_unattributed = Chance(30);
  if (is_bounded_) {
    c.bounds.sessions_max = Between(1, 6);
    c.bounds.regions_max = Between(3, 8);
    c.bounds.cgroups_max = Between(3, 12);
    if (Chance(40)) c.bounds.pools_max = Between(6, 60);
    c.bounds.charges_max = Between(2, 10);
    c.bounds.items_max = Between(3, 20);
  }
  return c;
}

}  // namespace model
}  // namespace dmem
