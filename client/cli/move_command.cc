// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/options.h"
#include "client/cli/render.h"

namespace dmem::client {
namespace {

absl::Status Move(Session& session, const v1::MoveChargeRequest& request) {
  const auto response = session.client().MoveCharge(request);
  if (!response.ok()) return response.status();
  const std::string to = response->moved_items() == 0
                             ? absl::StrCat(" is in ", request.to_cgroup(), " already\n")
                             : absl::StrCat(" moved, ", response->moved_items(), " items\n");
  session.PrintResult(*response, absl::StrCat(TypeName("charge", request.charge_id()), to,
                                              RenderFreed(response->freed_cgroups())));
  return absl::OkStatus();
}

}  // namespace

void AddMoveCommand(CLI::App& app, Command& command) {
  CLI::App* verb = app.add_subcommand("move", "Move a charge to another cgroup; no max refuses it");
  SetExamples(*verb, "  dmemctl move job-42 /ns/default /team-a/train");
  auto request = std::make_shared<v1::MoveChargeRequest>();
  verb->add_option("ID", *request->mutable_charge_id(), "Id of the charge")->required();
  verb->add_option("FROM", *request->mutable_from_cgroup(), "The cgroup that its items are in")
      ->required();
  verb->add_option("TO", *request->mutable_to_cgroup(), "The cgroup that they belong to")
      ->required();
  verb->callback([request, &command] {
    command = [request](Session& session) { return Move(session, *request); };
  });
}

}  // namespace dmem::client
