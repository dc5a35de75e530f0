// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/cli/byte_size.h"
#include "client/cli/commands.h"
#include "client/cli/options.h"
#include "client/cli/render.h"

namespace dmem::client {
namespace {

// The plan in sentences and tables.
std::string RenderPlan(const v1::EvictCandidatesRequest& request,
                       const v1::EvictCandidatesResponse& plan, bool headers) {
  std::string out;
  if (plan.victims().empty()) {
    absl::StrAppend(&out, "nothing may be evicted\n");
  } else {
    absl::StrAppend(&out, VictimTable(plan.victims()).Render(headers));
  }
  Table charges({"CHARGE", "CGROUP", "REGION", "EVICT", "OF"});
  for (const v1::Victim& victim : plan.victims()) {
    for (const v1::EvictCharge& charge : victim.charges()) {
      charges.AddRow({Cell(charge.charge_id()), victim.cgroup(), victim.region(),
                      FormatByteSize(charge.evict_bytes()), FormatByteSize(charge.bytes())});
    }
  }
  if (!charges.empty()) absl::StrAppend(&out, "\n", charges.Render(headers));
  if (!plan.blocked_by().empty()) {
    Table blocked({"BLOCKED-BY", "REGION", "USED", "PROTECTED", "PROTECTION"});
    for (const v1::BlockedBy& pool : plan.blocked_by()) {
      blocked.AddRow({pool.cgroup(), pool.region(), FormatByteSize(pool.usage_bytes()),
                      FormatByteSize(pool.protected_bytes()), pool.by_min() ? "min" : "low"});
    }
    absl::StrAppend(&out, "\n", blocked.Render(headers));
  }
  absl::StrAppend(
      &out, "\n", FormatByteSize(plan.total_bytes()), " of ",
      FormatByteSize(request.bytes_needed()), " needed: ",
      plan.satisfied()
          ? "satisfied"
          : absl::StrCat("not satisfied, ",
                         FormatByteSize(request.bytes_needed() - plan.total_bytes()), " short"),
      plan.hit_low() ? "; low protection was in the way" : "", "\n");
  return out;
}

absl::Status EvictCandidates(Session& session, const v1::EvictCandidatesRequest& request) {
  const auto response = session.client().EvictCandidates(request);
  if (!response.ok()) return response.status();
  session.PrintResult(*response, RenderPlan(request, *response, session.flags().headers));
  return absl::OkStatus();
}

absl::Status EvictValuable(Session& session, const v1::EvictValuableRequest& request) {
  const auto response = session.client().EvictValuable(request);
  if (!response.ok()) return response.status();
  session.PrintResult(
      *response, absl::StrCat(v1::EvictValuableResponse::Decision_Name(response->decision()),
                              " used ", FormatByteSize(response->usage_bytes()), ", effective min ",
                              FormatByteSize(response->emin_bytes()), ", effective low ",
                              FormatByteSize(response->elow_bytes()), "\n"));
  return absl::OkStatus();
}

struct PlanFlags {
  std::string region, limit, ignore_low;
  std::optional<uint64_t> bytes;
  bool charges = false, whole_charges = false;
};

v1::EvictCandidatesRequest ToRequest(const PlanFlags& flags) {
  static const std::map<std::string, v1::IgnoreLow> kIgnoreLow = {
      {"auto", v1::IGNORE_LOW_AUTO},
      {"never", v1::IGNORE_LOW_NEVER},
      {"always", v1::IGNORE_LOW_ALWAYS}};
  v1::EvictCandidatesRequest request;
  request.set_region(flags.region);
  request.set_bytes_needed(flags.bytes.value_or(0));
  request.set_limit_cgroup(flags.limit);
  const auto ignore_low = kIgnoreLow.find(flags.ignore_low);
  if (ignore_low != kIgnoreLow.end()) request.set_ignore_low(ignore_low->second);
  request.set_list_charges(flags.charges);
  request.set_whole_charges(flags.whole_charges);
  return request;
}

}  // namespace

void AddEvictCommands(CLI::App& app, Command& command) {
  CLI::App* plan = app.add_subcommand(
      "evict-candidates", "Plan which pools could give way to free some bytes; evicts nothing");
  SetExamples(*plan,
              "  dmemctl evict-candidates n1/gpu0 8Gi\n"
              "  dmemctl evict-candidates model/h100 1Ti --limit /team-a --charges\n"
              "  dmemctl evict-candidates n1/gpu0 8Gi --whole-charges --ignore-low never");
  auto flags = std::make_shared<PlanFlags>();
  plan->add_option("REGION", flags->region, "Region or group")->required();
  AddByteSize(*plan, "SIZE", flags->bytes, "How much is needed")->required();
  plan->add_option("--limit", flags->limit,
                   "The cgroup whose max was hit (default none: the device or group is full)");
  plan->add_option("--ignore-low", flags->ignore_low,
                   "auto: evict below low if nothing else is left (default); never; always")
      ->check(CLI::IsMember({"auto", "never", "always"}));
  plan->add_flag("--charges", flags->charges, "Name the charges, newest first");
  plan->add_flag("--whole-charges", flags->whole_charges, "Only charges that fit whole");
  plan->callback([flags, &command] {
    command = [flags](Session& session) { return EvictCandidates(session, ToRequest(*flags)); };
  });

  CLI::App* valuable = app.add_subcommand(
      "evict-valuable", "Ask, as the kernel does, whether a cgroup's memory may be evicted");
  SetExamples(*valuable, "  dmemctl evict-valuable /team-a/train n1/gpu0 --limit /team-a");
  auto cgroup = std::make_shared<std::string>();
  auto region = std::make_shared<std::string>();
  auto limit = std::make_shared<std::string>();
  auto ignore_low = std::make_shared<bool>(false);
  valuable->add_option("CGROUP", *cgroup, "Whose memory")->required();
  valuable->add_option("REGION", *region, "Region or group")->required();
  valuable->add_option("--limit", *limit,
                       "The cgroup whose max was hit (default none: the device is full)");
  valuable->add_flag("--ignore-low", *ignore_low, "Low protection does not count");
  valuable->callback([cgroup, region, limit, ignore_low, &command] {
    command = [cgroup, region, limit, ignore_low](Session& session) {
      v1::EvictValuableRequest request;
      request.set_limit_cgroup(*limit);
      request.set_cgroup(*cgroup);
      request.set_region(*region);
      request.set_ignore_low(*ignore_low);
      return EvictValuable(session, request);
    };
  });
}

}  // namespace dmem::client
