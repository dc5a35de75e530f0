// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "client/cli/byte_size.h"
#include "client/cli/commands.h"
#include "client/cli/explain.h"
#include "client/cli/options.h"
#include "client/cli/table.h"
#include "client/version.h"

namespace dmem::client {
namespace {

absl::Status Check(Session& session) {
  const auto response = session.client().Check({});
  if (!response.ok()) return response.status();
  FieldList fields;
  fields.Add("Sequence", absl::StrCat(response->sequence()));
  fields.Add("State hash", response->state_hash());
  fields.Add("Regions", absl::StrCat(response->regions()));
  fields.Add("Groups", absl::StrCat(response->groups()));
  fields.Add("Cgroups", absl::StrCat(response->cgroups()));
  fields.Add("Pools", absl::StrCat(response->pools()));
  fields.Add("Charges", absl::StrCat(response->charges()));
  fields.Add("Charge items", absl::StrCat(response->charge_items()));
  fields.Add("Charged", FormatByteSizeAndBytes(response->charged_bytes()));
  fields.Add("Tombstones", absl::StrCat(response->tombstones()));
  fields.Add("Violations", absl::StrCat(response->violations_total()));
  std::string text = fields.Render();
  for (const std::string& violation : response->violations()) {
    absl::StrAppend(&text, "  ", Printable(violation), "\n");
  }
  session.PrintResult(*response, text);
  if (response->violations_total() > 0) {
    return absl::InternalError(absl::StrCat("the ledger violates its invariants in ",
                                            response->violations_total(),
                                            " places: this is a defect of dmemd"));
  }
  return absl::OkStatus();
}

absl::Status Version(Session& session, bool client_only) {
  if (client_only) {
    session.Print(session.json() ? absl::StrCat("{\"client_version\": \"", kVersion, "\"}\n")
                                 : absl::StrCat("dmemctl ", kVersion, "\n"));
    return absl::OkStatus();
  }
  // The client's is known whether or not the server answers.
  if (!session.json()) session.Print(absl::StrCat("dmemctl ", kVersion, "\n"));
  const auto server = session.client().GetServerInfo({});
  if (!server.ok()) return server.status();
  if (session.json()) {
    session.Print(absl::StrCat(
        "{\n \"client_version\": \"", kVersion, "\",\n \"server\": ",
        absl::StrReplaceAll(absl::StripSuffix(ToJson(*server), "\n"), {{"\n", "\n "}}), "\n}\n"));
    return absl::OkStatus();
  }
  session.Print(absl::StrCat("dmemd ", Printable(server->version()), " at ", session.flags().server,
                             ", store ", Printable(server->store()), ", sequence ",
                             server->sequence(), "\n"));
  return absl::OkStatus();
}

}  // namespace

void AddServerCommands(CLI::App& app, Command& command) {
  CLI::App* check = app.add_subcommand(
      "check", "Have the server recompute every counter from the charges and compare");
  SetExamples(*check, "  dmemctl check");
  check->callback([&command] { command = Check; });

  CLI::App* version = app.add_subcommand("version", "Versions of dmemctl and of the server");
  SetExamples(*version, "  dmemctl version --client");
  auto client_only = std::make_shared<bool>(false);
  version->add_flag("--client", *client_only, "Do not ask the server");
  version->callback([client_only, &command] {
    command = [client_only](Session& session) { return Version(session, *client_only); };
  });
}

}  // namespace dmem::client
