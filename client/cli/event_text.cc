// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/event_text.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "client/cli/byte_size.h"
#include "client/cli/table.h"
#include "client/cli/when.h"

namespace dmem::client {
namespace {

// Items told one by one; of more the number is told.
constexpr int kItemsTold = 4;

// "REGION_CHANGE_KIND_MADE_EXPLICIT" as "made explicit".
std::string Words(absl::string_view name, absl::string_view prefix) {
  return absl::StrReplaceAll(absl::AsciiStrToLower(absl::StripPrefix(name, prefix)), {{"_", " "}});
}

std::string Cgroup(const std::string& path, uint64_t dying_id) {
  return dying_id == 0 ? path : absl::StrCat(path, " (@", dying_id, ")");
}

std::string Granted(const v1::ChargeGranted& charge) {
  std::string text =
      absl::StrCat(charge.reserved() ? "reserved " : "charged ", charge.charge_id(), ": ");
  for (int i = 0; i < charge.items_size() && i < kItemsTold; ++i) {
    const v1::ChargeItem& item = charge.items(i);
    absl::StrAppend(&text, i == 0 ? "" : ", ", FormatByteSize(item.bytes()), " to ", item.cgroup(),
                    " in ", item.region());
  }
  if (charge.items_size() > kItemsTold)
    absl::StrAppend(&text, " and ", charge.items_size() - kItemsTold, " more");
  return absl::StrCat(text, charge.forced() ? " (forced)" : "");
}

std::string Item(const v1::ItemChange& item) {
  const std::string where =
      absl::StrCat(Cgroup(item.cgroup(), item.dying_cgroup_id()), " in ", item.region());
  switch (item.kind()) {
    case v1::ITEM_CHANGE_KIND_ADDED:
      return absl::StrCat(FormatByteSize(item.after_bytes()), " to ", where);
    case v1::ITEM_CHANGE_KIND_REMOVED:
      return absl::StrCat(FormatByteSize(item.before_bytes()), " of ", where, " given back");
    case v1::ITEM_CHANGE_KIND_PLACED:
      return absl::StrCat(FormatByteSize(item.after_bytes()), " of ", where, " held");
    default:
      return absl::StrCat(FormatByteSize(item.before_bytes()), " -> ",
                          FormatByteSize(item.after_bytes()), " of ", where);
  }
}

std::string Changed(const v1::ChargeChanged& charge) {
  std::string text = absl::StrCat(Words(v1::ChangeCause_Name(charge.cause()), "CHANGE_CAUSE_"), " ",
                                  charge.charge_id(), ":");
  for (int i = 0; i < charge.items_size() && i < kItemsTold; ++i)
    absl::StrAppend(&text, i == 0 ? " " : ", ", Item(charge.items(i)));
  const uint64_t more =
      charge.omitted_items() + static_cast<uint64_t>(std::max(charge.items_size() - kItemsTold, 0));
  if (more > 0) absl::StrAppend(&text, " and ", more, " more items");
  return absl::StrCat(text, charge.ended() ? " (ended)" : "");
}

std::string Refused(const v1::Refusal& refusal) {
  const std::string usage = FormatByteSize(refusal.usage_bytes());
  const std::string max = FormatByteSize(refusal.max_bytes());
  const std::string counter =
      IsOfRegion(refusal)
          ? absl::StrCat(refusal.counter_region(), " is full: ", usage, " of ", max, " given")
          : absl::StrCat(refusal.counter_cgroup(), " in ", refusal.counter_region(), " uses ",
                         usage, " of max ", max);
  return absl::StrCat(refusal.reason().empty() ? "would refuse " : "refused ", refusal.charge_id(),
                      ": ", FormatByteSize(refusal.bytes()), " to ", refusal.cgroup(), " in ",
                      refusal.region(), ": ", counter, ", short by ",
                      FormatByteSize(refusal.short_bytes()));
}

std::string Limit(absl::string_view name, uint64_t before, uint64_t after) {
  if (before == after) return "";
  return absl::StrCat(" ", name, " ", FormatByteSize(before), " -> ", FormatByteSize(after));
}

std::string LimitsText(const v1::LimitsChanged& change) {
  std::string text = absl::StrCat(
      "limits of ", Cgroup(change.cgroup(), change.dying_cgroup_id()), " in ", change.region(), ":",
      Limit("min", change.before().min_bytes(), change.after().min_bytes()),
      Limit("low", change.before().low_bytes(), change.after().low_bytes()),
      Limit("max", change.before().max_bytes(), change.after().max_bytes()));
  if (change.before().enforcement() != change.after().enforcement()) {
    absl::StrAppend(
        &text, " max is now ",
        change.after().enforcement() == v1::ENFORCEMENT_OBSERVE ? "observed" : "enforced");
  }
  return text;
}

std::string Number(absl::string_view name, uint64_t before, uint64_t after) {
  return before == after ? "" : absl::StrCat(" ", name, " ", before, " -> ", after);
}

std::string Region(const v1::RegionChanged& change) {
  std::string text =
      absl::StrCat(change.is_group() ? "group " : "region ", change.region(), " ",
                   Words(v1::RegionChangeKind_Name(change.kind()), "REGION_CHANGE_KIND_"));
  const v1::RegionNumbers& before = change.before();
  const v1::RegionNumbers& after = change.after();
  if (change.kind() == v1::REGION_CHANGE_KIND_UPDATED) {
    absl::StrAppend(&text, ":", Limit("capacity", before.capacity_bytes(), after.capacity_bytes()),
                    Limit("reserved", before.reserved_bytes(), after.reserved_bytes()),
                    Limit("grantable", before.grantable_bytes(), after.grantable_bytes()),
                    Number("incarnation", before.incarnation(), after.incarnation()));
    if (before.parent() != after.parent()) {
      absl::StrAppend(&text, " in ", before.parent().empty() ? "no group" : before.parent(), " -> ",
                      after.parent().empty() ? "no group" : after.parent());
    }
    if (text.back() == ':') text.pop_back();  // Its attributes, or again.
    return text;
  }
  if (change.kind() != v1::REGION_CHANGE_KIND_REGISTERED) return text;
  if (!change.is_group())
    absl::StrAppend(&text, ": grantable ", FormatByteSize(after.grantable_bytes()));
  if (!after.parent().empty()) absl::StrAppend(&text, " in ", after.parent());
  return text;
}

std::string Because(const std::string& why) { return why.empty() ? "" : absl::StrCat(": ", why); }

std::string What(const v1::Event& event) {
  switch (event.what_case()) {
    case v1::Event::kChargeGranted:
      return Granted(event.charge_granted());
    case v1::Event::kChargeChanged:
      return Changed(event.charge_changed());
    case v1::Event::kRefusal:
      return Refused(event.refusal());
    case v1::Event::kLimitsChanged:
      return LimitsText(event.limits_changed());
    case v1::Event::kOverChanged: {
      const v1::OverChanged& over = event.over_changed();
      return absl::StrCat(Cgroup(over.cgroup(), over.dying_cgroup_id()), " in ", over.region(),
                          over.entered() ? " is OVER: uses " : " is no longer OVER: uses ",
                          FormatByteSize(over.usage_bytes()), " of ",
                          FormatByteSize(over.max_bytes()));
    }
    case v1::Event::kRegionChanged:
      return Region(event.region_changed());
    case v1::Event::kRegionStateChanged:
      return absl::StrCat("region ", event.region_state_changed().region(), " ",
                          event.region_state_changed().from(), " -> ",
                          event.region_state_changed().to(),
                          Because(event.region_state_changed().why()));
    case v1::Event::kSessionChanged:
      return absl::StrCat(
          "session ", event.session_changed().session(), " of ", event.session_changed().owner(),
          " on ", event.session_changed().node(), " ",
          Words(v1::SessionChangeKind_Name(event.session_changed().kind()), "SESSION_CHANGE_KIND_"),
          Because(event.session_changed().why()));
    case v1::Event::kNodeReadinessChanged:
      return absl::StrCat("node ", event.node_readiness_changed().node(),
                          event.node_readiness_changed().not_ready() ? " not ready" : " ready",
                          Because(event.node_readiness_changed().why()));
    case v1::Event::kReservationRenewed:
      return absl::StrCat("renewed ", event.reservation_renewed().charge_id());
    case v1::Event::kReleaseRequested:
      return absl::StrCat("release of ", event.release_requested().charge_id(), " asked by ",
                          event.release_requested().requested_by(),
                          Because(event.release_requested().why()));
    case v1::Event::kReconcileEnded: {
      const v1::ReconcileEnded& end = event.reconcile_ended();
      return absl::StrCat("reconciled ", end.node(), ": ", end.listed_items(), " items listed, ",
                          end.recorded_items(), " recorded, ", end.released_items(), " released, ",
                          end.resized_items(), " resized");
    }
    case v1::Event::kCgroupChanged:
      return absl::StrCat(
          "cgroup ", event.cgroup_changed().cgroup(), " ",
          Words(v1::CgroupChangeKind_Name(event.cgroup_changed().kind()), "CGROUP_CHANGE_KIND_"));
    case v1::Event::kUnattributedChanged:
      return absl::StrCat(
          "region ", event.unattributed_changed().region(),
          event.unattributed_changed().entered() ? " has " : " has no longer ",
          "unattributed memory: ", FormatByteSize(event.unattributed_changed().bytes()));
    case v1::Event::kOverGrantChanged:
      return absl::StrCat(event.over_grant_changed().charge_id(), " in ",
                          event.over_grant_changed().region(),
                          event.over_grant_changed().entered() ? " uses more than booked: "
                                                               : " uses no more than booked: ",
                          FormatByteSize(event.over_grant_changed().measured_bytes()), " of ",
                          FormatByteSize(event.over_grant_changed().booked_bytes()));
    case v1::Event::kMeasured: {
      std::string text = "measured";
      for (int i = 0; i < event.measured().items_size() && i < kItemsTold; ++i) {
        const v1::ItemMeasured& item = event.measured().items(i);
        absl::StrAppend(&text, i == 0 ? " " : ", ", item.charge_id(), " of ", item.cgroup(), " in ",
                        item.region(), ": ", FormatByteSize(item.before_bytes()), " -> ",
                        FormatByteSize(item.after_bytes()));
      }
      if (event.measured().items_size() > kItemsTold)
        absl::StrAppend(&text, " and ", event.measured().items_size() - kItemsTold, " more");
      return text;
    }
    case v1::Event::kOmitted:
      return absl::StrCat(event.omitted().events(), " more events of this command were not kept");
    case v1::Event::WHAT_NOT_SET:
      break;
  }
  return "an event that this dmemctl does not know; -o json shows it";
}

}  // namespace

bool IsOfRegion(const v1::Refusal& refusal) {
  return refusal.reason() == "CAPACITY" || refusal.reason() == "UNATTRIBUTED";
}

std::string EventLine(const v1::Event& event) {
  return absl::StrCat(FormatWhen(FromProto(event.time())), "  ", event.sequence(), "  ",
                      event.actor().empty() ? "-" : Cell(event.actor()), "  ",
                      Printable(What(event)));
}

}  // namespace dmem::client
