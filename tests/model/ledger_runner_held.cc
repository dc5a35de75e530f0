// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The part of LedgerRunner that is about what nodes really hold.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/errors.h"
#include "tests/model/ledger_runner.h"

namespace dmem {
namespace model {
namespace {

const char* NameOf(dmem::Difference::Kind kind) {
  static constexpr const char* kNames[] = {"RECORDED",     "RECORDED_ANEW",  "COMMITTED", "RESIZED",
                                           "SIZE_DIFFERS", "CGROUP_DIFFERS", "RELEASED"};
  return kNames[static_cast<int>(kind)];
}

// Of an error without a counter's numbers.
std::string ShortErrorText(const absl::Status& status) {
  return absl::StrCat(absl::StatusCodeToString(status.code()), " ", FactsOf(status).reason);
}

}  // namespace

std::string LedgerRunner::Reconcile(const Command& c) {
  std::vector<ReconcileItemSpec> items;
  for (const HeldItem& held : c.held) {
    ReconcileItemSpec spec;
    spec.cgroup = held.cgroup;
    spec.region = held.region;
    spec.bytes = ByteCount(held.bytes);
    spec.charge.charge_id = held.charge_id;
    spec.charge.created_at = absl::FromUnixMicros(held.created_at_us);
    spec.charge.owner_name = held.owner;
    spec.charge.priority = held.priority;
    spec.charge.preemptible = held.preemptible;
    spec.charge.basis = held.is_measured ? Basis::kMeasured : Basis::kBooked;
    items.push_back(spec);
  }
  ReconcileCommand command;
  command.time = absl::FromUnixMicros(c.time_us);
  command.session = c.session;
  command.reconcile_id = c.list_id;
  command.as_of = c.as_of;
  command.part = c.part;
  command.last = c.last;
  command.fresh_id = c.nonce;
  command.items = items;
  const auto result = ledger_->Reconcile(command);
  if (!result.ok()) return ShortErrorText(result.status());
  std::vector<std::string> found;
  for (const dmem::Difference& difference : result->differences) {
    FoundDifference one;
    one.kind = NameOf(difference.kind);
    one.charge_id = difference.charge_id;
    one.new_id = difference.new_id;
    one.cgroup = difference.cgroup;
    one.known_cgroup = difference.known_cgroup;
    one.region = difference.region;
    one.known = difference.known.value();
    one.held = difference.held.value();
    one.charge_ended = difference.charge_ended;
    found.push_back(one.ToString());
  }
  if (result->count != found.size()) found.push_back("another count");
  return absl::StrCat("OK ", absl::StrJoin(found, " "),
                      " freed: ", absl::StrJoin(result->freed_cgroups, ", "));
}

std::string LedgerRunner::ReportMeasured(const Command& c) {
  std::vector<MeasuredRegionSpec> regions;
  for (const SeenRegion& seen : c.seen_regions) {
    regions.push_back({seen.region, ByteCount(seen.used), seen.items_measured});
  }
  std::vector<MeasuredItemSpec> items;
  for (const SeenItem& seen : c.seen_items) {
    items.push_back({seen.charge_id, seen.cgroup, seen.region, ByteCount(seen.bytes)});
  }
  const auto result =
      ledger_->ReportMeasured({absl::FromUnixMicros(c.time_us), c.session, regions, items});
  if (!result.ok()) return ErrorText(result.status());
  return absl::StrCat("OK unknown: ", absl::StrJoin(result->unknown_items, ", "));
}

std::string LedgerRunner::MoveCharge(const Command& c) {
  const auto result = ledger_->MoveCharge(
      {absl::FromUnixMicros(c.time_us), c.session, c.charge_id, c.name, c.parent});
  if (!result.ok()) return ErrorText(result.status());
  return absl::StrCat("OK moved=", result->moved_items,
                      " freed: ", absl::StrJoin(result->freed_cgroups, ", "));
}

}  // namespace model
}  // namespace dmem
