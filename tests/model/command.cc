// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/model/command.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace dmem {
namespace model {
namespace {

template <typename T>
std::string Optional(const char* name, const absl::optional<T>& value) {
  return value.has_value() ? absl::StrCat(" ", name, "=", *value) : "";
}

std::string ItemText(const Item& item) {
  return absl::StrCat(item.cgroup, ":", item.region, ":", item.bytes,
                      Optional("incarnation", item.incarnation),
                      item.is_reserved ? " reserved" : "", Optional("measured", item.measured),
                      item.measured.has_value() ? absl::StrCat(" at ", item.measured_at_us) : "");
}

std::string ItemsText(const std::vector<Item>& items) {
  return absl::StrJoin(items, ", ", [](std::string* out, const Item& item) {
    absl::StrAppend(out, ItemText(item));
  });
}

std::string PlacementText(const Placement& placement) {
  return absl::StrCat(placement.cgroup, ":", placement.reserved_in, ">", placement.region, ":",
                      placement.bytes, Optional("incarnation", placement.incarnation));
}

std::string HeldText(const HeldItem& item) {
  return absl::StrCat(item.charge_id, " ", item.cgroup, ":", item.region, ":", item.bytes,
                      " created_at=", item.created_at_us, " owner=", item.owner,
                      Optional("priority", item.priority), item.preemptible ? " preemptible" : "",
                      item.is_measured ? " MEASURED" : "");
}

const char* ModeText(ChargeMode mode) {
  switch (mode) {
    case ChargeMode::kStrict:
      return "STRICT";
    case ChargeMode::kCheckOnly:
      return "CHECK_ONLY";
    case ChargeMode::kForce:
      break;
  }
  return "FORCE";
}

std::string SizeText(const NewSize& size) {
  return absl::StrCat(size.charge_id, " ", size.cgroup, ":", size.region, ":", size.bytes,
                      Optional("expected", size.expected));
}

std::string LimitText(const LimitChange& limit) {
  return absl::StrCat(limit.cgroup, ":", limit.region, Optional("min", limit.min),
                      Optional("low", limit.low), Optional("max", limit.max),
                      Optional("observe", limit.observe), Optional("etag", limit.etag));
}

std::string Body(const Command& c) {
  switch (c.kind) {
    case Kind::kRegister:
      return absl::StrCat("Register ", c.name, " capacity=", c.capacity, " reserved=", c.reserved,
                          Optional("grantable", c.grantable), " parent=", c.parent,
                          " incarnation=", c.incarnation, " cordoned=", c.flag, " node=", c.node,
                          " session=", c.session);
    case Kind::kUnregister:
      return absl::StrCat("Unregister ", c.name, " force=", c.flag);
    case Kind::kCordon:
      return absl::StrCat("Cordon ", c.name, " cordoned=", c.flag);
    case Kind::kRegisterGroup:
      return absl::StrCat("RegisterGroup ", c.name, " parent=", c.parent);
    case Kind::kUnregisterGroup:
      return absl::StrCat("UnregisterGroup ", c.name);
    case Kind::kCharge:
      return absl::StrCat("Charge ", c.charge_id, " created_at=", c.created_at_us, " ",
                          ModeText(c.mode), Optional("priority", c.priority),
                          " preemptible=", c.preemptible, " owner=", c.owner, " ttl=", c.ttl_us,
                          c.is_measured ? " MEASURED" : "", " items: ", ItemsText(c.items));
    case Kind::kUncharge:
      return absl::StrCat("Uncharge ", absl::StrJoin(c.charge_ids, ", "), " session=", c.session,
                          " evidence=", c.reason);
    case Kind::kResize:
      return absl::StrCat("Resize ", ModeText(c.mode), ": ",
                          absl::StrJoin(c.sizes, ", ", [](std::string* out, const NewSize& size) {
                            absl::StrAppend(out, SizeText(size));
                          }));
    case Kind::kSetLimits:
      return absl::StrCat(
          "SetLimits apply=", c.flag, " validate_only=", c.validate_only, ": ",
          absl::StrJoin(c.limits, ", ", [](std::string* out, const LimitChange& limit) {
            absl::StrAppend(out, LimitText(limit));
          }));
    case Kind::kCreateCgroup:
      return absl::StrCat("CreateCgroup ", c.name, Optional("priority", c.priority));
    case Kind::kDeleteCgroup:
      return absl::StrCat("DeleteCgroup ", c.name);
    case Kind::kCommit:
      return absl::StrCat(
          "Commit ", c.charge_id, " id=", c.commit_id, " placements: ",
          absl::StrJoin(c.placements, ", ", [](std::string* out, const Placement& placement) {
            absl::StrAppend(out, PlacementText(placement));
          }));
    case Kind::kCancel:
      return absl::StrCat("Cancel ", c.charge_id);
    case Kind::kRenew:
      return absl::StrCat("Renew ", c.charge_id, " ttl=", c.ttl_us);
    case Kind::kRequestRelease:
      return absl::StrCat("RequestRelease ", absl::StrJoin(c.charge_ids, ", "), " by ", c.owner,
                          ": ", c.reason);
    case Kind::kOpenSession:
      return absl::StrCat("OpenSession ", c.owner, " node=", c.node, "/", c.incarnation,
                          " ttl=", c.ttl_us, " nonce=", c.nonce);
    case Kind::kCloseSession:
      return absl::StrCat("CloseSession ", c.session);
    case Kind::kDeclareNotReady:
      return absl::StrCat("DeclareNotReady ", c.node, " ", c.flag);
    case Kind::kFence:
      return absl::StrCat("Fence ", c.node, Optional("up to", c.fenced_incarnation),
                          " forget=", c.flag);
    case Kind::kReportRegionState:
      return absl::StrCat("ReportRegionState ", c.session, " ", c.name, " failed=", c.flag);
    case Kind::kReconcile:
      return absl::StrCat("Reconcile ", c.session, " ", c.list_id, " as_of=", c.as_of,
                          " part=", c.part, " last=", c.last, " fresh=", c.nonce, " held: ",
                          absl::StrJoin(c.held, ", ", [](std::string* out, const HeldItem& item) {
                            absl::StrAppend(out, HeldText(item));
                          }));
    case Kind::kReportMeasured:
      return absl::StrCat(
          "ReportMeasured ", c.session, " regions: ",
          absl::StrJoin(c.seen_regions, ", ",
                        [](std::string* out, const SeenRegion& seen) {
                          absl::StrAppend(out, seen.region, ":", seen.used,
                                          seen.items_measured ? " all" : "");
                        }),
          " items: ", absl::StrJoin(c.seen_items, ", ", [](std::string* out, const SeenItem& seen) {
            absl::StrAppend(out, seen.charge_id, " ", seen.cgroup, ":", seen.region, ":",
                            seen.bytes);
          }));
    case Kind::kMoveCharge:
      return absl::StrCat("MoveCharge ", c.charge_id, " session=", c.session, " from ", c.name,
                          " to ", c.parent);
    case Kind::kResume:
      return "Resume";
    case Kind::kTick:
      return absl::StrCat("Tick ", absl::StrJoin(c.renewals, ", ", absl::PairFormatter(":")));
    case Kind::kConfigure:
      break;
  }
  return absl::StrCat("Configure implicit=", c.bounds.implicit_cgroups,
                      " window=", c.bounds.tombstone_window_us,
                      " tombstones=", c.bounds.tombstones_max, " regions=", c.bounds.regions_max,
                      " cgroups=", c.bounds.cgroups_max, " pools=", c.bounds.pools_max,
                      " charges=", c.bounds.charges_max, " items=", c.bounds.items_max,
                      " sessions=", c.bounds.sessions_max, " lost_after=", c.bounds.lost_after_us,
                      " refuses_stale=", c.bounds.refuses_stale,
                      " ignores_unattributed=", c.bounds.ignores_unattributed);
}

auto Tie(const RegionRow& r) {
  return std::tie(r.id, r.name, r.parent, r.node, r.is_group, r.is_gone, r.is_cordoned,
                  r.grantable_is_explicit, r.capacity, r.reserved, r.grantable, r.incarnation,
                  r.usage, r.over, r.live_items, r.member_regions, r.member_groups, r.reservations,
                  r.device_used, r.unattributed, r.measured, r.over_grant, r.device_used_at_us);
}
auto Tie(const CgroupRow& r) {
  return std::tie(r.id, r.parent, r.name, r.path, r.is_implicit, r.is_dying, r.has_priority,
                  r.priority, r.children, r.live_children, r.live_items);
}
auto Tie(const PoolRow& r) {
  return std::tie(r.cgroup, r.region, r.usage, r.own, r.peak, r.min, r.low, r.max, r.is_observed,
                  r.etag, r.over, r.refusals, r.would_refuse, r.byte_seconds);
}
auto Tie(const Item& r) {
  return std::tie(r.cgroup, r.region, r.bytes, r.incarnation, r.is_reserved, r.measured,
                  r.measured_at_us);
}

bool Same(const RegionRow& a, const RegionRow& b) { return Tie(a) == Tie(b); }
bool Same(const CgroupRow& a, const CgroupRow& b) { return Tie(a) == Tie(b); }
bool Same(const PoolRow& a, const PoolRow& b) { return Tie(a) == Tie(b); }
bool Same(const ChargeRow& a, const ChargeRow& b) {
  const auto tie = [](const ChargeRow& r) {
    return std::tie(r.id, r.is_partial, r.has_priority, r.is_preemptible, r.priority,
                    r.created_at_us, r.granted_at_us, r.granted_sequence, r.owner, r.is_reserved,
                    r.expires_at_us, r.is_releasing, r.is_measured, r.release);
  };
  return tie(a) == tie(b) &&
         std::equal(a.items.begin(), a.items.end(), b.items.begin(), b.items.end(),
                    [](const Item& x, const Item& y) { return Tie(x) == Tie(y); });
}
bool Same(const LeaseRow& a, const LeaseRow& b) { return a.text == b.text; }
bool Same(const std::string& a, const std::string& b) { return a == b; }

template <typename Row>
std::string Text(const Row& row) {
  return row.ToString();
}
std::string Text(const std::string& row) { return absl::StrCat("spent id ", row); }

template <typename Row>
bool SameButTime(const Row& a, const Row& b) {
  return Same(a, b);
}
bool SameButTime(const PoolRow& a, PoolRow b) {
  b.byte_seconds = a.byte_seconds;
  return Same(a, b);
}

template <typename Row>
std::string DifferenceOf(const std::vector<Row>& expected, const std::vector<Row>& got,
                         bool with_time) {
  for (size_t i = 0; i < std::max(expected.size(), got.size()); ++i) {
    if (i < expected.size() && i < got.size() &&
        (with_time ? Same(expected[i], got[i]) : SameButTime(expected[i], got[i]))) {
      continue;
    }
    return absl::StrCat("expected ", i < expected.size() ? Text(expected[i]) : "nothing",
                        "\n     got ", i < got.size() ? Text(got[i]) : "nothing");
  }
  return "";
}

}  // namespace

std::string Command::ToString() const { return absl::StrCat(time_us, ": ", Body(*this)); }

std::string Refusal::ToString() const {
  return absl::StrCat("{", cgroup, ":", region, " item=", item, " usage=", usage, " max=", max,
                      " requested=", requested, " short=", short_by, " largest=", largest_grantable,
                      "}");
}

std::string FoundDifference::ToString() const {
  return absl::StrCat("{", kind, " ", charge_id, ">", new_id, " ", cgroup, ">", known_cgroup, ":",
                      region, " known=", known, " held=", held, charge_ended ? " ended" : "", "}");
}

std::string ErrorAnswer(absl::string_view code, absl::string_view reason,
                        const std::map<std::string, std::string>& facts) {
  const std::string text = absl::StrCat(code, " ", reason);
  if (reason != "MAX_EXCEEDED" && reason != "CAPACITY" && reason != "UNATTRIBUTED" &&
      reason != "COUNTER_OVERFLOW") {
    return text;
  }
  const auto word = [&](const char* name) {
    const auto found = facts.find(name);
    return found == facts.end() ? "" : found->second;
  };
  const auto number = [&](const char* name) {
    uint64_t value = UINT64_MAX;
    return absl::SimpleAtoi(word(name), &value) ? value : UINT64_MAX;
  };
  Refusal refusal;
  refusal.cgroup = word("counter_cgroup");
  refusal.region = word("counter_region");
  refusal.item = number("item");
  refusal.usage = number("usage_bytes");
  refusal.max = number("max_bytes");
  refusal.requested = number("requested_bytes");
  refusal.short_by = number("short_bytes");
  refusal.largest_grantable = number("largest_grantable_bytes");
  return absl::StrCat(text, " ", word("cgroup"), ":", word("region"), ":", word("bytes"), " ",
                      refusal.ToString());
}

std::string RegionRow::ToString() const {
  return absl::StrCat(
      is_group ? "group " : "region ", name, " id=", id, " parent=", parent, " node=", node,
      " gone=", is_gone, " cordoned=", is_cordoned, " explicit=", grantable_is_explicit,
      " capacity=", capacity, " reserved=", reserved, " grantable=", grantable,
      " incarnation=", incarnation, " usage=", usage, " over=", over, " items=", live_items,
      " regions=", member_regions, " groups=", member_groups, " reservations=", reservations,
      " used=", device_used, " at ", device_used_at_us, " unattributed=", unattributed,
      " measured=", measured, " over_grant=", over_grant);
}

std::string CgroupRow::ToString() const {
  return absl::StrCat("cgroup ", name, " path=", path, " id=", id, " parent=", parent,
                      " implicit=", is_implicit, " dying=", is_dying, " priority=", priority,
                      " explicit=", has_priority, " children=", children,
                      " live_children=", live_children, " items=", live_items);
}

std::string PoolRow::ToString() const {
  return absl::StrCat("pool @", cgroup, ":", region, " usage=", usage, " own=", own, " peak=", peak,
                      " min=", min, " low=", low, " max=", max, " observed=", is_observed,
                      " etag=", etag, " refusals=", refusals, " over=", over,
                      " would_refuse=", would_refuse, " byte_seconds=", byte_seconds);
}

std::string ChargeRow::ToString() const {
  return absl::StrCat("charge ", id, " partial=", is_partial, " priority=", priority,
                      " explicit=", has_priority, " preemptible=", is_preemptible,
                      " created=", created_at_us, " granted=", granted_at_us,
                      " sequence=", granted_sequence, " owner=", owner,
                      is_reserved ? absl::StrCat(" reserved until ", expires_at_us) : "",
                      is_releasing ? absl::StrCat(" releasing since ", release) : "",
                      is_measured ? " MEASURED" : "", " items: ", ItemsText(items));
}

std::string Difference(const View& expected, const View& got, bool with_time) {
  if (with_time && expected.sequence != got.sequence) {
    return absl::StrCat("expected sequence ", expected.sequence, "\n     got ", got.sequence);
  }
  if (with_time && expected.ids_covered_since_us != got.ids_covered_since_us) {
    return absl::StrCat("expected ids covered since ", expected.ids_covered_since_us, "\n     got ",
                        got.ids_covered_since_us);
  }
  std::string difference = DifferenceOf(expected.regions, got.regions, with_time);
  if (difference.empty()) difference = DifferenceOf(expected.cgroups, got.cgroups, with_time);
  if (difference.empty()) difference = DifferenceOf(expected.charges, got.charges, with_time);
  if (difference.empty()) difference = DifferenceOf(expected.pools, got.pools, with_time);
  if (difference.empty()) difference = DifferenceOf(expected.spent_ids, got.spent_ids, with_time);
  if (difference.empty()) difference = DifferenceOf(expected.leases, got.leases, with_time);
  return difference;
}

}  // namespace model
}  // namespace dmem
