// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// who: who holds a region's memory, or held it at a time.

#include <memory>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "client/cli/byte_size.h"
#include "client/cli/commands.h"
#include "client/cli/options.h"
#include "client/cli/table.h"
#include "client/cli/when.h"

namespace dmem::client {
namespace {

constexpr uint32_t kPageSize = 1000;

struct Options {
  std::string region, cgroup, at;
};

// "CHANGE_CAUSE_NEWER_INCARNATION" as "newer-incarnation".
std::string CauseCell(v1::ChangeCause cause) {
  return absl::StrReplaceAll(
      absl::AsciiStrToLower(absl::StripPrefix(v1::ChangeCause_Name(cause), "CHANGE_CAUSE_")),
      {{"_", "-"}});
}

std::string OwnerCell(const v1::Owner& owner) {
  if (owner.namespace_().empty()) return Cell(owner.name());
  return Cell(absl::StrCat(owner.namespace_(), "/", owner.name()));
}

Table HoldingTable(const v1::WhoHeldResponse& held) {
  Table table({"CHARGE", "BYTES", "CGROUP", "REGION", "OWNER", "GRANTED", "ENDED", "HOW", "BY"});
  for (const v1::Holding& holding : held.holdings()) {
    const bool has_ended = holding.has_ended_at();
    table.AddRow(
        {Cell(holding.charge_id()),
         absl::StrCat(FormatByteSize(holding.bytes()), holding.reserved() ? "(reserved)" : ""),
         holding.cgroup(), holding.region(), OwnerCell(holding.owner()),
         FormatWhen(FromProto(holding.granted_at())),
         has_ended ? FormatWhen(FromProto(holding.ended_at())) : "",
         has_ended ? CauseCell(holding.ended_by()) : "", Cell(holding.ended_actor())});
  }
  return table;
}

absl::Status WhoHeld(Session& session, const Options& options) {
  v1::WhoHeldRequest request;
  request.set_region(options.region);
  request.set_cgroup(options.cgroup);
  request.set_page_size(kPageSize);
  if (!options.at.empty()) {
    const absl::StatusOr<absl::Time> at = ParseWhen(options.at, session.Now());
    if (!at.ok()) return at.status();
    *request.mutable_at() = ToProto(*at);
  }
  const auto held = session.client().AllWhoHeld(request);
  if (!held.ok()) return held.status();
  const Table table = HoldingTable(*held);
  session.PrintResult(*held, table.empty() ? absl::StrCat("nobody held ", options.region, " at ",
                                                          FormatWhen(FromProto(held->at())), "\n")
                                           : table.Render(session.flags().headers));
  if (held->omitted_items() > 0) {
    session.Warn(absl::StrCat(held->omitted_items(),
                              " changes since then were too many for their records: what they "
                              "changed may be missing"));
  }
  return absl::OkStatus();
}

}  // namespace

void AddWhoCommand(CLI::App& app, Command& command) {
  CLI::App* who = app.add_subcommand("who", "Who holds a region's memory, or held it at a time");
  SetExamples(*who,
              "  dmemctl who n7/gpu3\n"
              "  dmemctl who n7/gpu3 --at 14:02\n"
              "  dmemctl who model/h100 --at 2026-11-23T14:02 --cgroup /team-a");
  auto options = std::make_shared<Options>();
  who->add_option("REGION", options->region, "The region, or a group: what was below it then")
      ->required();
  AddWhen(*who, "--at", options->at,
          "At that time, not now: 14:02, 2026-11-23T14:02, or how long ago, 10m");
  who->add_option("--cgroup", options->cgroup, "Only of this cgroup and those below it");
  who->callback([options, &command] {
    command = [options](Session& session) { return WhoHeld(session, *options); };
  });
}

}  // namespace dmem::client
