// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// history: what happened to one object, by whom, from what to what.

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/event_text.h"
#include "client/cli/kept_events.h"
#include "client/cli/options.h"
#include "client/cli/render.h"
#include "client/cli/when.h"

namespace dmem::client {
namespace {

constexpr uint64_t kLimitDefault = 1000;
constexpr uint64_t kLimitMax = 10000000;  // They are in memory until they are shown.

// What was typed. Of the names those are set that the object has.
struct Options {
  std::string cgroup, region, charge, owner;
  std::string since;
  std::optional<uint64_t> limit;
  bool below = false;

  // Its name for people: "pool /a n1/gpu0".
  std::string Object() const {
    if (!charge.empty()) return TypeName("charge", charge);
    if (!owner.empty()) return absl::StrCat("owner ", owner);
    if (!cgroup.empty() && !region.empty()) return absl::StrCat("pool ", cgroup, " ", region);
    return cgroup.empty() ? TypeName("region", region) : TypeName("cgroup", cgroup);
  }
};

// "NAME" of "NAME@ID": a region that was unregistered is followed to its end.
std::string WithoutId(const std::string& region) { return region.substr(0, region.find('@')); }

// Whether the event names the object itself, not only what is below it.
bool NamesItself(const Options& options, const v1::Event& event) {
  if (event.has_omitted()) return true;
  bool names = false;
  ForEachPlace(event, [&](const std::string& cgroup, const std::string& region) {
    names = names || ((options.cgroup.empty() || cgroup == options.cgroup) &&
                      (options.region.empty() || WithoutId(region) == WithoutId(options.region)));
  });
  return names;
}

// The charges of one owner, while their events are looked at newest first: at first those that
// live, then also those of which the end is seen, each until its grant is.
class ChargesOfOwner {
 public:
  // `owner`: NAME or NAMESPACE/NAME.
  explicit ChargesOfOwner(const std::string& owner) : owner_(owner) {}

  bool IsMeant(const v1::Owner& owner) const {
    return !owner.name().empty() && (owner.name() == owner_ ||
                                     absl::StrCat(owner.namespace_(), "/", owner.name()) == owner_);
  }
  absl::Status AddLive(Session& session) {
    const auto list = session.client().ListAllCharges({});
    if (!list.ok()) return list.status();
    for (const v1::Charge& charge : list->charges()) {
      if (IsMeant(charge.owner())) ids_.insert(charge.charge_id());
    }
    return absl::OkStatus();
  }
  bool IsWanted(const v1::Event& event) {
    const std::string& id = ChargeIdOf(event);
    if (event.has_charge_granted()) {
      ids_.erase(id);
      return IsMeant(event.charge_granted().owner());
    }
    if (event.charge_changed().ended()) {
      if (!IsMeant(event.charge_changed().owner())) return false;
      ids_.insert(id);
    }
    return ids_.count(id) > 0;
  }

 private:
  const std::string owner_;
  std::set<std::string> ids_;
};

absl::Status PrintHistory(Session& session, const Options& options) {
  v1::ListEventsRequest request;
  request.mutable_filter()->set_cgroup(options.cgroup);
  request.mutable_filter()->set_region(options.region);
  request.mutable_filter()->set_charge_id(options.charge);
  if (!options.since.empty()) {
    const absl::StatusOr<absl::Time> since = ParseWhen(options.since, session.Now());
    if (!since.ok()) return since.status();
    *request.mutable_since() = ToProto(*since);
  }
  ChargesOfOwner charges(options.owner);
  if (!options.owner.empty()) {
    if (absl::Status status = charges.AddLive(session); !status.ok()) return status;
  }
  const uint64_t limit = options.limit.value_or(kLimitDefault);
  // One more, to know whether there are any.
  auto history = NewestEvents(session, request, limit + 1, [&](const v1::Event& event) {
    if (!options.owner.empty()) return charges.IsWanted(event);
    return options.below || !options.charge.empty() || NamesItself(options, event);
  });
  if (!history.ok()) return history.status();
  const bool is_cut = static_cast<uint64_t>(history->events_size()) > limit;
  if (is_cut) history->mutable_events()->RemoveLast();
  std::reverse(history->mutable_events()->begin(), history->mutable_events()->end());
  std::string text;
  for (const v1::Event& event : history->events()) absl::StrAppend(&text, EventLine(event), "\n");
  session.PrintResult(*history, text);
  if (history->events().empty()) {
    session.Warn(absl::StrCat("no event of ", options.Object(), " is kept"));
  } else if (is_cut) {
    session.Warn(
        absl::StrCat("there are older ones; these are the newest ", limit, ", more with --limit"));
  }
  return absl::OkStatus();
}

// A kind of object and the names that it has.
CLI::App* AddObject(CLI::App& history, const Noun& noun, const std::string& description,
                    const std::shared_ptr<Options>& options, Command& command) {
  CLI::App* app = AddNoun(history, noun, description);
  AddWhen(*app, "--since", options->since,
          "Only what is not older: 14:02, 2026-11-23T14:02, or how long ago, 24h");
  AddLimit(*app, kLimitMax, options->limit, "The newest so many (default 1000)");
  app->callback([options, &command] {
    command = [options](Session& session) { return PrintHistory(session, *options); };
  });
  return app;
}

}  // namespace

void AddHistoryCommand(CLI::App& app, Command& command) {
  CLI::App* history =
      app.add_subcommand("history", "What happened to an object: when, by whom, from what to what");
  history->require_subcommand(1);
  SetExamples(*history,
              "  dmemctl history region n7/gpu3 --since 24h\n"
              "  dmemctl history pool /team-a model/h100\n"
              "  dmemctl history charge job-42\n"
              "  dmemctl history owner ml/train-7-worker-0");
  const auto add_below = [](CLI::App* object, const std::shared_ptr<Options>& options) {
    object->add_flag("--below", options->below, "Also of what is below it");
  };
  auto region = std::make_shared<Options>();
  CLI::App* of = AddObject(*history, kRegion, "Of a region", region, command);
  of->add_option("NAME", region->region, "The region")->required();
  auto group = std::make_shared<Options>();
  of = AddObject(*history, kGroup, "Of a region group", group, command);
  of->add_option("NAME", group->region, "The group")->required();
  add_below(of, group);
  auto cgroup = std::make_shared<Options>();
  of = AddObject(*history, kCgroup, "Of a cgroup", cgroup, command);
  of->add_option("PATH", cgroup->cgroup, "The cgroup, whether it still exists or not")->required();
  add_below(of, cgroup);
  auto pool = std::make_shared<Options>();
  of = AddObject(*history, kPool, "Of a cgroup in one region or group", pool, command);
  of->add_option("CGROUP", pool->cgroup, "The cgroup")->required();
  of->add_option("REGION", pool->region, "The region or group")->required();
  add_below(of, pool);
  auto charge = std::make_shared<Options>();
  of = AddObject(*history, kCharge, "Of a charge", charge, command);
  of->add_option("ID", charge->charge, "Id of the charge, whether it is held or not")->required();
  auto owner = std::make_shared<Options>();
  of = AddObject(*history, kOwner, "Of all charges of an owner", owner, command);
  of->add_option("NAME", owner->owner, "The owner's NAME, or NAMESPACE/NAME")->required();
}

}  // namespace dmem::client
