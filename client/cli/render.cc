// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/render.h"

#include <algorithm>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/byte_size.h"

namespace dmem::client {
namespace {

std::string YesNo(bool value) { return value ? "yes" : "no"; }

std::string RegionStatus(const v1::Region& region) {
  std::string status;
  switch (region.state()) {
    case v1::REGION_STATE_READY:
      status = "ready";
      break;
    case v1::REGION_STATE_STALE:
      status = "stale";
      break;
    case v1::REGION_STATE_FAILED:
      status = "failed";
      break;
    case v1::REGION_STATE_LOST:
      status = "lost";
      break;
    case v1::REGION_STATE_GONE:
      status = "gone";
      break;
    default:
      status = absl::StrCat("state-", static_cast<int>(region.state()));
  }
  if (region.cordoned()) status += ",cordoned";
  if (region.over_bytes() > 0) status += ",over";
  return status;
}

std::string CgroupState(const v1::Cgroup& cgroup) {
  return cgroup.state() == v1::CGROUP_STATE_DYING ? "dying" : "live";
}

std::string ChargeState(const v1::Charge& charge) {
  switch (charge.state()) {
    case v1::CHARGE_STATE_PARTIAL:
      return "partial";
    case v1::CHARGE_STATE_RESERVED:
      return "reserved";
    case v1::CHARGE_STATE_RELEASING:
      return "releasing";
    default:
      return "held";
  }
}

bool IsMeasured(const v1::ChargeItem& item) { return item.has_measured_bytes(); }

bool IsMeasured(const v1::Charge& charge) {
  return std::any_of(charge.items().begin(), charge.items().end(),
                     [](const v1::ChargeItem& item) { return IsMeasured(item); });
}

// Saturates, like the amounts themselves.
uint64_t TotalBytes(const v1::Charge& charge) {
  uint64_t total = 0;
  for (const v1::ChargeItem& item : charge.items()) {
    total += std::min(item.bytes(), kUnlimitedBytes - total);
  }
  return total;
}

std::string OwnerName(const v1::Owner& owner) {
  std::vector<std::string> parts;
  for (const std::string& part :
       {owner.kind(), owner.namespace_(), owner.name(), owner.container()}) {
    if (!part.empty()) parts.push_back(part);
  }
  return absl::StrJoin(parts, "/");
}

absl::Time ToTime(const google::protobuf::Timestamp& timestamp) {
  return absl::FromUnixSeconds(timestamp.seconds()) + absl::Nanoseconds(timestamp.nanos());
}

std::string ShowTime(const google::protobuf::Timestamp& timestamp, absl::Time now) {
  const absl::Time time = ToTime(timestamp);
  return absl::StrCat(absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone()), " (",
                      Age(now - time), " ago)");
}

// The first and how many more are different.
template <typename Get>
std::string FirstOf(const v1::Charge& charge, Get get) {
  if (charge.items().empty()) return "";
  const std::string& first = get(charge.items(0));
  const auto others = std::count_if(charge.items().begin(), charge.items().end(),
                                    [&](const v1::ChargeItem& item) { return get(item) != first; });
  return others == 0 ? first : absl::StrCat(first, "+", others);
}

}  // namespace

Table RegionTable(const Repeated<v1::Region>& regions) {
  const bool measured = std::any_of(regions.begin(), regions.end(), [](const v1::Region& region) {
    return region.has_device_used_at();
  });
  std::vector<std::string> headers = {"NAME", "STATUS", "CAPACITY", "GRANTABLE",
                                      "USED", "USE%",   "ITEMS",    "PARENT"};
  if (measured) headers.insert(headers.end(), {"DEVICE-USED", "UNATTRIBUTED", "OVER-GRANT"});
  Table table(headers);
  for (const v1::Region& region : regions) {
    std::vector<std::string> row = {region.name(),
                                    RegionStatus(region),
                                    FormatByteSize(region.capacity_bytes()),
                                    FormatByteSize(region.grantable_bytes()),
                                    FormatByteSize(region.usage_bytes()),
                                    FormatPercent(region.usage_bytes(), region.grantable_bytes()),
                                    absl::StrCat(region.live_items()),
                                    region.parent()};
    if (measured) {
      const bool known = region.has_device_used_at();
      row.push_back(known ? FormatByteSize(region.device_used_bytes()) : "");
      row.push_back(known ? FormatByteSize(region.unattributed_bytes()) : "");
      row.push_back(known ? FormatByteSize(region.over_grant_bytes()) : "");
    }
    table.AddRow(row);
  }
  return table;
}

Table GroupTable(const Repeated<v1::RegionGroup>& groups) {
  Table table({"NAME", "REGIONS", "GROUPS", "CAPACITY", "GRANTABLE", "USED", "USE%", "PARENT"});
  for (const v1::RegionGroup& group : groups) {
    table.AddRow({group.name(), absl::StrCat(group.member_regions()),
                  absl::StrCat(group.member_groups()), FormatByteSize(group.capacity_bytes()),
                  FormatByteSize(group.grantable_bytes()), FormatByteSize(group.usage_bytes()),
                  FormatPercent(group.usage_bytes(), group.grantable_bytes()), group.parent()});
  }
  return table;
}

Table CgroupTable(const Repeated<v1::Cgroup>& cgroups) {
  Table table({"NAME", "STATE", "IMPLICIT", "PRIORITY", "CHILDREN", "ITEMS", "DELETED-PATH"});
  for (const v1::Cgroup& cgroup : cgroups) {
    table.AddRow({cgroup.path(), CgroupState(cgroup), YesNo(cgroup.implicit()),
                  absl::StrCat(cgroup.priority()), absl::StrCat(cgroup.children()),
                  absl::StrCat(cgroup.live_items()), cgroup.path_before_deletion()});
  }
  return table;
}

std::string MaxCell(const v1::Pool& pool) {
  return absl::StrCat(FormatByteSize(pool.max_bytes()),
                      pool.enforcement() == v1::ENFORCEMENT_OBSERVE ? "(observed)" : "");
}

Table PoolTable(const Repeated<v1::Pool>& pools) {
  Table table({"CGROUP", "REGION", "USED", "PEAK", "MIN", "LOW", "MAX", "EMIN", "ELOW", "OVER"});
  for (const v1::Pool& pool : pools) {
    table.AddRow({pool.cgroup(), pool.region(), FormatByteSize(pool.usage_bytes()),
                  FormatByteSize(pool.peak_bytes()), FormatByteSize(pool.min_bytes()),
                  FormatByteSize(pool.low_bytes()), MaxCell(pool),
                  FormatByteSize(pool.emin_bytes()), FormatByteSize(pool.elow_bytes()),
                  FormatByteSize(pool.over_bytes())});
  }
  return table;
}

Table ChargeTable(const Repeated<v1::Charge>& charges, absl::Time now) {
  const auto any = [&charges](bool (v1::Charge::*has)() const) {
    return std::any_of(charges.begin(), charges.end(),
                       [has](const v1::Charge& charge) { return (charge.*has)(); });
  };
  const bool expire = any(&v1::Charge::has_expires_at), release = any(&v1::Charge::has_release);
  const bool measured = std::any_of(charges.begin(), charges.end(),
                                    [](const v1::Charge& charge) { return IsMeasured(charge); });
  std::vector<std::string> headers = {"NAME",   "STATE",  "BYTES", "ITEMS",
                                      "CGROUP", "REGION", "OWNER", "AGE"};
  if (measured) headers.insert(headers.end(), {"MEASURED", "OVER-GRANT"});
  if (expire) headers.push_back("EXPIRES");
  if (release) headers.insert(headers.end(), {"RELEASING", "ASKED-BY", "REASON"});
  Table table(headers);
  for (const v1::Charge& charge : charges) {
    std::vector<std::string> row = {
        Cell(charge.charge_id()),
        ChargeState(charge),
        FormatByteSize(TotalBytes(charge)),
        absl::StrCat(charge.items_size()),
        FirstOf(
            charge, [](const v1::ChargeItem& item) -> const auto& { return item.cgroup(); }),
        FirstOf(
            charge, [](const v1::ChargeItem& item) -> const auto& { return item.region(); }),
        Cell(OwnerName(charge.owner())),
        Age(now - ToTime(charge.granted_at()))};
    if (measured) {
      row.push_back(IsMeasured(charge) ? FormatByteSize(charge.measured_bytes()) : "");
      row.push_back(IsMeasured(charge) ? FormatByteSize(charge.over_grant_bytes()) : "");
    }
    if (expire)
      row.push_back(charge.has_expires_at() ? Age(ToTime(charge.expires_at()) - now) : "");
    if (release) {
      const v1::ReleaseRequest& asked = charge.release();
      row.push_back(charge.has_release() ? Age(now - ToTime(asked.requested_at())) : "");
      row.push_back(Cell(asked.requested_by()));
      row.push_back(Cell(asked.reason()));
    }
    table.AddRow(row);
  }
  return table;
}

Table VictimTable(const Repeated<v1::Victim>& victims) {
  Table table({"CGROUP", "REGION", "TIER", "PRIORITY", "EVICT", "OWN", "USED", "EMIN", "ELOW"});
  for (const v1::Victim& victim : victims) {
    table.AddRow({victim.cgroup(), victim.region(), absl::StrCat(victim.tier()),
                  absl::StrCat(victim.priority()), FormatByteSize(victim.evict_bytes()),
                  FormatByteSize(victim.own_bytes()), FormatByteSize(victim.usage_bytes()),
                  FormatByteSize(victim.emin_bytes()), FormatByteSize(victim.elow_bytes())});
  }
  return table;
}

std::string DescribeRegion(const v1::Region& region, absl::Time now) {
  FieldList fields;
  fields.Add("Name", region.name());
  fields.Add("Id", absl::StrCat(region.id()));
  fields.Add("Status", RegionStatus(region));
  fields.Add("Parent", region.parent());
  fields.Add("Capacity", FormatByteSizeAndBytes(region.capacity_bytes()));
  fields.Add("Reserved", FormatByteSizeAndBytes(region.reserved_bytes()));
  fields.Add("Grantable", absl::StrCat(FormatByteSizeAndBytes(region.grantable_bytes()),
                                       region.grantable_is_explicit() ? ", as given" : ""));
  fields.Add("Used", FormatByteSizeAndBytes(region.usage_bytes()));
  if (region.over_bytes() > 0) fields.Add("Over", FormatByteSizeAndBytes(region.over_bytes()));
  fields.Add("Charge items", absl::StrCat(region.live_items()));
  if (region.has_device_used_at()) {
    fields.Add("Device used", absl::StrCat(FormatByteSizeAndBytes(region.device_used_bytes()),
                                           ", seen ", ShowTime(region.device_used_at(), now)));
    fields.Add("Unattributed", FormatByteSizeAndBytes(region.unattributed_bytes()));
    fields.Add("Measured", FormatByteSizeAndBytes(region.measured_bytes()));
    fields.Add("Over-grant", FormatByteSizeAndBytes(region.over_grant_bytes()));
  }
  fields.Add("Incarnation", absl::StrCat(region.incarnation()));
  if (region.awaits_registration()) fields.Add("Awaits", "registration by its node's agent");
  if (!region.failure().empty()) fields.Add("Failure", Printable(region.failure()));
  fields.Add("Node", Printable(region.attributes().node()));
  if (region.session() != 0) fields.Add("Session", absl::StrCat(region.session()));
  fields.Add("Model", Printable(region.attributes().model()));
  fields.Add("UUID", Printable(region.attributes().uuid()));
  fields.Add("PCI", Printable(region.attributes().pci()));
  return fields.Render();
}

std::string DescribeGroup(const v1::RegionGroup& group) {
  FieldList fields;
  fields.Add("Name", group.name());
  fields.Add("Id", absl::StrCat(group.id()));
  fields.Add("Parent", group.parent());
  fields.Add("Regions", absl::StrCat(group.member_regions()));
  for (const v1::RegionStateTotal& total : group.states()) {
    if (total.state() == v1::REGION_STATE_READY) continue;
    v1::Region region;  // For the word only.
    region.set_state(total.state());
    fields.Add(absl::StrCat("  ", RegionStatus(region)),
               absl::StrCat(total.regions(), " of ", FormatByteSize(total.capacity_bytes()),
                            total.state() == v1::REGION_STATE_STALE ? ", counted" : ", left out"));
  }
  fields.Add("Groups", absl::StrCat(group.member_groups()));
  fields.Add("Capacity", FormatByteSizeAndBytes(group.capacity_bytes()));
  fields.Add("Grantable", FormatByteSizeAndBytes(group.grantable_bytes()));
  fields.Add("Used", FormatByteSizeAndBytes(group.usage_bytes()));
  return fields.Render();
}

std::string DescribeCgroup(const v1::Cgroup& cgroup) {
  FieldList fields;
  fields.Add("Name", cgroup.path());
  fields.Add("Id", absl::StrCat(cgroup.id()));
  fields.Add("State", CgroupState(cgroup));
  if (!cgroup.path_before_deletion().empty()) {
    fields.Add("Deleted path", cgroup.path_before_deletion());
  }
  fields.Add("Implicit", YesNo(cgroup.implicit()));
  fields.Add("Priority", absl::StrCat(cgroup.priority(),
                                      cgroup.priority_is_explicit() ? "" : " (its parent's)"));
  fields.Add("Children", absl::StrCat(cgroup.children()));
  fields.Add("Charge items", absl::StrCat(cgroup.live_items()));
  return fields.Render();
}

std::string DescribePool(const v1::Pool& pool) {
  FieldList fields;
  fields.Add("Cgroup", pool.cgroup());
  fields.Add(pool.is_group() ? "Group" : "Region", pool.region());
  fields.Add("Used", FormatByteSizeAndBytes(pool.usage_bytes()));
  fields.Add("Own", FormatByteSizeAndBytes(pool.own_bytes()));
  fields.Add("Peak", FormatByteSizeAndBytes(pool.peak_bytes()));
  fields.Add("Min", FormatByteSizeAndBytes(pool.min_bytes()));
  fields.Add("Low", FormatByteSizeAndBytes(pool.low_bytes()));
  fields.Add("Max", FormatByteSizeAndBytes(pool.max_bytes()));
  fields.Add("Enforcement", pool.enforcement() == v1::ENFORCEMENT_OBSERVE ? "observe" : "enforce");
  fields.Add("Effective min", FormatByteSizeAndBytes(pool.emin_bytes()));
  fields.Add("Effective low", FormatByteSizeAndBytes(pool.elow_bytes()));
  if (pool.over_bytes() > 0) fields.Add("Over", FormatByteSizeAndBytes(pool.over_bytes()));
  fields.Add("Refusals", absl::StrCat(pool.refusals()));
  fields.Add("Would refuse", absl::StrCat(pool.would_refuse()));
  fields.Add("Byte-seconds", pool.byte_seconds());
  fields.Add("Etag", absl::StrCat(pool.etag()));
  return fields.Render();
}

std::string DescribeCharge(const v1::Charge& charge, absl::Time now) {
  FieldList fields;
  fields.Add("Name", Printable(charge.charge_id()));
  fields.Add("State", ChargeState(charge));
  fields.Add("Bytes", absl::StrCat(FormatByteSizeAndBytes(TotalBytes(charge)),
                                   charge.basis() == v1::BASIS_MEASURED ? ", as measured" : ""));
  fields.Add("Owner", Printable(OwnerName(charge.owner())));
  if (!charge.owner().uid().empty()) fields.Add("Owner uid", Printable(charge.owner().uid()));
  fields.Add("Labels", [&charge] {
    // A protobuf map has no order.
    const std::map<std::string, std::string> labels(charge.labels().begin(), charge.labels().end());
    return Printable(absl::StrJoin(labels, ", ", absl::PairFormatter("=")));
  }());
  fields.Add("Priority", absl::StrCat(charge.priority(),
                                      charge.priority_is_explicit() ? "" : " (its cgroup's)"));
  fields.Add("Preemptible", YesNo(charge.preemptible()));
  if (charge.has_created_at()) fields.Add("Created", ShowTime(charge.created_at(), now));
  fields.Add("Granted", ShowTime(charge.granted_at(), now));
  fields.Add("Sequence", absl::StrCat(charge.granted_sequence()));
  if (charge.has_expires_at()) {
    fields.Add("Expires", absl::StrCat("in ", Age(ToTime(charge.expires_at()) - now)));
  }
  if (charge.has_release()) {
    const v1::ReleaseRequest& release = charge.release();
    fields.Add("Release asked", ShowTime(release.requested_at(), now));
    fields.Add("Asked by", Printable(release.requested_by()));
    fields.Add("Reason", Printable(release.reason()));
  }
  if (charge.over_grant_bytes() > 0) {
    fields.Add("Over-grant", FormatByteSizeAndBytes(charge.over_grant_bytes()));
  }
  const bool is_measured = IsMeasured(charge);
  std::vector<std::string> headers = {"  CGROUP", "REGION", "SIZE", "BYTES"};
  const bool has_states = charge.state() == v1::CHARGE_STATE_RESERVED;
  if (has_states) headers.emplace_back("STATE");
  if (is_measured) headers.emplace_back("MEASURED");
  Table items(headers);
  for (const v1::ChargeItem& item : charge.items()) {
    std::vector<std::string> row = {absl::StrCat("  ", item.cgroup()), item.region(),
                                    FormatByteSize(item.bytes()), absl::StrCat(item.bytes())};
    if (has_states) row.push_back(item.reserved() ? "reserved" : "held");
    if (is_measured) {
      row.push_back(IsMeasured(item) ? FormatByteSize(item.measured_bytes()) : "");
    }
    items.AddRow(row);
  }
  return absl::StrCat(fields.Render(), "Items:\n", items.Render());
}

std::string Age(absl::Duration age) {
  const int64_t seconds = std::max<int64_t>(absl::ToInt64Seconds(age), 0);
  const auto two = [](int64_t large, const char* large_unit, int64_t small,
                      const char* small_unit) {
    return small == 0 ? absl::StrCat(large, large_unit)
                      : absl::StrCat(large, large_unit, small, small_unit);
  };
  const int64_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24;
  if (seconds < 120) return absl::StrCat(seconds, "s");
  if (minutes < 10) return two(minutes, "m", seconds % 60, "s");
  if (minutes < 180) return absl::StrCat(minutes, "m");
  if (hours < 8) return two(hours, "h", minutes % 60, "m");
  if (hours < 48) return absl::StrCat(hours, "h");
  if (days < 8) return two(days, "d", hours % 24, "h");
  if (days < 730) return absl::StrCat(days, "d");
  return absl::StrCat(days / 365, "y");
}

std::string RenderDropped(const Repeated<v1::DroppedItem>& dropped, uint64_t dropped_items) {
  std::string out;
  for (const v1::DroppedItem& item : dropped) {
    absl::StrAppend(&out, "charge/", Printable(item.charge_id()), " dropped ",
                    FormatByteSize(item.bytes()), " of ", item.cgroup(), " in ", item.region(),
                    item.charge_ended() ? ", ended" : ", partial", "\n");
  }
  const uint64_t shown = static_cast<uint64_t>(dropped.size());
  if (dropped_items > shown) absl::StrAppend(&out, "and ", dropped_items - shown, " more items\n");
  return out;
}

std::string RenderFreed(const google::protobuf::RepeatedField<uint64_t>& freed_cgroups) {
  std::string out;
  for (const uint64_t id : freed_cgroups) absl::StrAppend(&out, "cgroup/@", id, " freed\n");
  return out;
}

std::string TypeName(absl::string_view type, absl::string_view name) {
  return absl::StrCat(type, absl::StartsWith(name, "/") ? "" : "/", Printable(name));
}

}  // namespace dmem::client
