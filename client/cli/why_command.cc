// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// why: what was refused, by which counter, whether it still would be, and what stands in its way.

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/byte_size.h"
#include "client/cli/commands.h"
#include "client/cli/event_text.h"
#include "client/cli/explain.h"
#include "client/cli/kept_events.h"
#include "client/cli/options.h"
#include "client/cli/render.h"
#include "client/cli/table.h"
#include "client/cli/when.h"
#include "client/error_facts.h"

namespace dmem::client {
namespace {

constexpr uint64_t kLimitDefault = 3;
// Refusals looked at: who is refused asks again and again. So many can be shown.
constexpr uint64_t kRefusalsMax = 1000;
// Pages of charges looked at for what stands in the way.
constexpr int kChargePagesMax = 20;
constexpr int32_t kChargePageSize = 1000;
constexpr size_t kHoldersTold = 10;

struct Options {
  std::string charge, cgroup, region, since;
  std::optional<uint64_t> limit;
};

// A refusal with those before it that say the same.
struct PastRefusal {
  v1::Event event;  // The newest.
  uint64_t times = 1;
  absl::Time since;
};

Refusal ToRefusal(const v1::Refusal& event) {
  Refusal refusal;
  refusal.reason = event.reason();
  refusal.item = absl::StrCat(event.item());
  refusal.cgroup = event.cgroup();
  refusal.region = event.region();
  refusal.item_bytes = event.bytes();
  // As an error has it: of a device that is full there is no limit of a cgroup to name.
  if (!IsOfRegion(event)) refusal.counter_cgroup = event.counter_cgroup();
  refusal.counter_region = event.counter_region();
  refusal.usage_bytes = event.usage_bytes();
  refusal.max_bytes = event.max_bytes();
  refusal.requested_bytes = event.requested_bytes();
  refusal.short_bytes = event.short_bytes();
  refusal.largest_grantable_bytes = event.largest_grantable_bytes();
  refusal.grantable_bytes = event.grantable_bytes();
  refusal.unattributed_bytes = event.unattributed_bytes();
  return refusal;
}

bool IsSame(const v1::Refusal& a, const v1::Refusal& b) {
  return a.charge_id() == b.charge_id() && a.cgroup() == b.cgroup() && a.region() == b.region() &&
         a.bytes() == b.bytes() && a.reason() == b.reason() &&
         a.counter_cgroup() == b.counter_cgroup() && a.counter_region() == b.counter_region();
}

// The newest, each once. Keeps in `kept` the events that are shown.
std::vector<PastRefusal> Newest(uint64_t limit, v1::ListEventsResponse* kept) {
  std::vector<PastRefusal> refusals;
  for (v1::Event& event : *kept->mutable_events()) {
    const auto same = std::find_if(refusals.begin(), refusals.end(), [&](const PastRefusal& other) {
      return IsSame(other.event.refusal(), event.refusal());
    });
    const absl::Time time = FromProto(event.time());
    if (same != refusals.end()) {
      ++same->times;
      same->since = time;
    } else if (refusals.size() < limit) {
      refusals.push_back({std::move(event), 1, time});
    }
  }
  kept->clear_events();
  for (const PastRefusal& refusal : refusals) *kept->add_events() = refusal.event;
  return refusals;
}

std::string ExplainPast(const PastRefusal& refusal) {
  const v1::Event& event = refusal.event;
  std::string text =
      absl::StrCat(event.refusal().reason().empty() ? "Would have been refused" : "Refused", " ",
                   FormatWhen(FromProto(event.time())));
  if (!event.actor().empty()) absl::StrAppend(&text, ", asked by ", Printable(event.actor()));
  absl::StrAppend(&text, ": charge ", event.refusal().charge_id(), "\n");
  if (refusal.times > 1) {
    absl::StrAppend(&text, "  the last of ", refusal.times, " times since ",
                    FormatWhen(refusal.since), "\n");
  }
  return absl::StrCat(text, RefusalFields(ToRefusal(event.refusal()), /*is_past=*/true));
}

bool IsOfItem(const v1::ChargeItem& item, const v1::Refusal& refusal) {
  return !item.reserved() && item.cgroup() == refusal.cgroup() && item.region() == refusal.region();
}

// What of the charge is reserved, and not held yet.
uint64_t ReservedBytes(const v1::Charge& charge) {
  uint64_t bytes = 0;
  for (const v1::ChargeItem& item : charge.items()) {
    if (item.reserved()) bytes += std::min(item.bytes(), kUnlimitedBytes - bytes);
  }
  return bytes;
}

// What the item that was refused would be told now, by CHECK_ONLY. OK: it would be granted.
// `held`: its charge, if it is live.
absl::Status CheckNow(Session& session, const v1::Refusal& refusal, const v1::Charge* held) {
  if (held != nullptr &&
      std::any_of(held->items().begin(), held->items().end(),
                  [&](const v1::ChargeItem& item) { return IsOfItem(item, refusal); })) {
    v1::ResizeRequest resize;
    resize.set_mode(v1::CHARGE_MODE_CHECK_ONLY);
    v1::ResizeItem* item = resize.add_items();
    item->set_charge_id(refusal.charge_id());
    item->set_cgroup(refusal.cgroup());
    item->set_region(refusal.region());
    item->set_bytes(refusal.bytes());
    return session.client().Resize(resize).status();
  }
  v1::ChargeRequest charge;
  charge.set_mode(v1::CHARGE_MODE_CHECK_ONLY);
  v1::ChargeItem* item = charge.add_items();
  item->set_cgroup(refusal.cgroup());
  item->set_region(refusal.region());
  item->set_bytes(refusal.bytes());
  absl::Status status = session.client().Charge(charge).status();
  if (FactsOf(status).reason != "WRONG_KIND") return status;
  charge.mutable_ttl()->set_seconds(1);  // Only a reservation names a group.
  return session.client().Charge(charge).status();
}

// Where regions and groups are, and in which state.
class Regions {
 public:
  explicit Regions(const v1::ListRegionsResponse& list) {
    for (const v1::Region& region : list.regions()) {
      parents_[region.name()] = region.parent();
      states_[region.name()] = region.state();
    }
    for (const v1::RegionGroup& group : list.groups()) parents_[group.name()] = group.parent();
  }
  bool IsAtOrBelow(std::string name, const std::string& top) const {
    for (; !name.empty(); name = parents_.count(name) > 0 ? parents_.at(name) : "") {
      if (name == top) return true;
    }
    return false;
  }
  // "STALE" and so on; "" of one that is fine.
  std::string Trouble(const std::string& name) const {
    const auto state = states_.find(name);
    if (state == states_.end() || state->second == v1::REGION_STATE_READY) return "";
    return v1::RegionState_Name(state->second).substr(sizeof("REGION_STATE_") - 1);
  }

 private:
  std::map<std::string, std::string> parents_;
  std::map<std::string, v1::RegionState> states_;
};

bool IsAtOrBelow(const std::string& cgroup, const std::string& top) {
  return top.empty() || top == "/" || cgroup == top || absl::StartsWith(cgroup, top + "/");
}

// Memory that counts at a counter and that perhaps nobody uses: asked to be given back, or of a
// node that is not heard.
struct Holder {
  uint64_t bytes = 0;
  std::vector<std::string> cells;
};

void AddHolders(const v1::Charge& charge, const Regions& regions, const Refusal& refusal,
                absl::Time now, std::vector<Holder>* holders) {
  for (const v1::ChargeItem& item : charge.items()) {
    if (!regions.IsAtOrBelow(item.region(), refusal.counter_region)) continue;
    if (!IsAtOrBelow(item.cgroup(), refusal.counter_cgroup)) continue;
    const bool is_releasing = charge.state() == v1::CHARGE_STATE_RELEASING;
    std::string state = regions.Trouble(item.region());
    std::string age, by;
    if (is_releasing) {
      state = state.empty() ? "RELEASING" : absl::StrCat("RELEASING,", state);
      age = Age(now - FromProto(charge.release().requested_at()));
      by = charge.release().requested_by();
    }
    if (state.empty()) continue;
    holders->push_back({item.bytes(),
                        {Cell(charge.charge_id()), FormatByteSize(item.bytes()), item.cgroup(),
                         item.region(), state, Cell(by), age}});
  }
}

absl::StatusOr<std::string> ExplainHolders(Session& session, const Refusal& refusal) {
  const auto list = session.client().ListAllRegions({});
  if (!list.ok()) return list.status();
  const Regions regions(*list);
  std::vector<Holder> holders;
  v1::ListChargesRequest request;
  request.set_region(refusal.counter_region);
  request.set_cgroup(refusal.counter_cgroup);
  request.set_page_size(kChargePageSize);
  bool is_all = false;
  for (int pages = 0; !is_all && pages < kChargePagesMax; ++pages) {
    const auto page = session.client().ListCharges(request);
    if (!page.ok()) return page.status();
    for (const v1::Charge& charge : page->charges())
      AddHolders(charge, regions, refusal, session.Now(), &holders);
    is_all = page->next_page_token().empty();
    request.set_page_token(page->next_page_token());
  }
  std::string text;
  if (!is_all) {
    text = absl::StrCat("(of the charges there, ", kChargePagesMax * kChargePageSize,
                        " were looked at)\n");
  }
  if (holders.empty()) return text;
  std::stable_sort(holders.begin(), holders.end(),
                   [](const Holder& a, const Holder& b) { return a.bytes > b.bytes; });
  Table table({"CHARGE", "BYTES", "CGROUP", "REGION", "STATE", "ASKED-BY", "AGE"});
  uint64_t more_bytes = 0;
  for (size_t i = 0; i < holders.size(); ++i) {
    if (i < kHoldersTold) {
      table.AddRow(std::move(holders[i].cells));
    } else {
      more_bytes += std::min(holders[i].bytes, kUnlimitedBytes - more_bytes);
    }
  }
  absl::StrAppend(&text, "In its way, and counted until it is given back:\n",
                  table.Render(session.flags().headers));
  if (holders.size() > kHoldersTold) {
    absl::StrAppend(&text, "... and ", holders.size() - kHoldersTold, " more, ",
                    FormatByteSize(more_bytes), "\n");
  }
  return text;
}

absl::StatusOr<std::string> ExplainNow(Session& session, const v1::Refusal& refusal) {
  v1::ListChargesRequest request;
  request.set_charge_id(refusal.charge_id());
  const auto live = session.client().ListCharges(request);
  if (!live.ok()) return live.status();
  const v1::Charge* const held = live->charges().empty() ? nullptr : &live->charges(0);
  std::string text;
  if (held != nullptr) {
    absl::StrAppend(&text, "Now: charge ", refusal.charge_id(), " is there, granted ",
                    FormatWhen(FromProto(held->granted_at())), "\n");
    if (const uint64_t reserved = ReservedBytes(*held); reserved > 0) {
      // Asked for as new, the same bytes would be counted twice.
      return absl::StrCat(text, "Now: ", FormatByteSize(reserved),
                          " of it are reserved and count already; commit them to see whether "
                          "there is room for them on a device\n");
    }
  }
  const std::string item = absl::StrCat(FormatByteSize(refusal.bytes()), " to ", refusal.cgroup(),
                                        " in ", refusal.region());
  const absl::Status status = CheckNow(session, refusal, held);
  if (status.ok()) return absl::StrCat(text, "Now: ", item, " would be granted\n");
  const std::optional<Refusal> now = RefusalOf(FactsOf(status));
  if (!now.has_value()) {
    if (ExitCodeOf(status) == kExitUnavailable) return status;
    return absl::StrCat(text, "Now: ", item, " would be refused: ", Printable(status.message()),
                        "\n");
  }
  absl::StrAppend(&text, "Now: ", item, " would be refused\n", ExplainRefusal(*now));
  const absl::StatusOr<std::string> holders = ExplainHolders(session, *now);
  if (!holders.ok()) return holders.status();
  return text + *holders;
}

// What was looked at, where nothing was refused.
std::string NothingRefused(const Options& options, const v1::ListEventsResponse& kept) {
  std::string of;
  if (!options.charge.empty()) absl::StrAppend(&of, " of charge ", options.charge);
  if (!options.cgroup.empty()) absl::StrAppend(&of, " to ", options.cgroup, " and below");
  if (!options.region.empty()) absl::StrAppend(&of, " in ", options.region);
  if (!options.since.empty()) absl::StrAppend(&of, " since ", options.since);
  return absl::StrCat("Nothing was refused: there is no refusal", of,
                      " among the events that are kept, sequence ", kept.oldest_kept_sequence(),
                      " to ", kept.sequence(), "\n");
}

absl::Status Explain(Session& session, const Options& options) {
  v1::ListEventsRequest request;
  request.mutable_filter()->set_charge_id(options.charge);
  request.mutable_filter()->set_cgroup(options.cgroup);
  request.mutable_filter()->set_region(options.region);
  request.mutable_filter()->add_kinds(v1::EVENT_KIND_REFUSED);
  request.mutable_filter()->add_kinds(v1::EVENT_KIND_WOULD_REFUSE);
  if (!options.since.empty()) {
    const absl::StatusOr<absl::Time> since = ParseWhen(options.since, session.Now());
    if (!since.ok()) return since.status();
    *request.mutable_since() = ToProto(*since);
  }
  auto kept = NewestEvents(session, request, kRefusalsMax,
                           [](const v1::Event& event) { return event.has_refusal(); });
  if (!kept.ok()) return kept.status();
  const std::vector<PastRefusal> refusals = Newest(options.limit.value_or(kLimitDefault), &*kept);
  if (refusals.empty() || session.json()) {
    session.PrintResult(*kept, NothingRefused(options, *kept));
    return absl::OkStatus();
  }
  for (size_t i = 0; i < refusals.size(); ++i) {
    const absl::StatusOr<std::string> now = ExplainNow(session, refusals[i].event.refusal());
    if (!now.ok()) return now.status();
    session.Print(absl::StrCat(i == 0 ? "" : "\n", ExplainPast(refusals[i]), *now));
  }
  return absl::OkStatus();
}

}  // namespace

void AddWhyCommand(CLI::App& app, Command& command) {
  CLI::App* why = app.add_subcommand(
      "why", "Why something was refused, newest first, and whether it still would be");
  SetExamples(*why,
              "  dmemctl why job-42\n"
              "  dmemctl why --cgroup /team-a --region n7/gpu3 --since 14:00");
  auto options = std::make_shared<Options>();
  why->add_option("ID", options->charge, "Id of the charge, as it was asked for");
  why->add_option("--cgroup", options->cgroup,
                  "Charges to this cgroup and below, or refused by it");
  why->add_option("--region", options->region,
                  "Charges in this region, or of this group and below, or refused there");
  AddWhen(*why, "--since", options->since,
          "Only what is not older: 14:02, 2026-11-23T14:02, or how long ago, 24h");
  AddLimit(*why, kRefusalsMax, options->limit, "The newest so many, each once (default 3)");
  why->callback([options, &command] {
    if (options->charge.empty() && options->cgroup.empty() && options->region.empty()) {
      throw CLI::ValidationError("why", "a charge's ID, --cgroup or --region is needed");
    }
    command = [options](Session& session) { return Explain(session, *options); };
  });
}

}  // namespace dmem::client
