// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/byte_size.h"
#include "client/cli/commands.h"
#include "client/cli/explain.h"
#include "client/cli/options.h"
#include "client/cli/render.h"

namespace dmem::client {
namespace {

struct CommitFlags {
  std::string id, commit_id, reserved_in;
  std::vector<std::string> words;  // CGROUP REGION SIZE, for each placement.
};

// Throws CLI::ValidationError.
v1::CommitRequest ToRequest(const CommitFlags& flags) {
  if (flags.words.size() % 3 != 0) {
    throw CLI::ValidationError("commit",
                               "placements are given as CGROUP REGION SIZE, three words each");
  }
  v1::CommitRequest request;
  request.set_charge_id(flags.id);
  request.set_commit_id(flags.commit_id);
  for (size_t i = 0; i < flags.words.size(); i += 3) {
    v1::Placement& placement = *request.add_placements();
    placement.set_cgroup(flags.words[i]);
    placement.set_region(flags.words[i + 1]);
    placement.set_reserved_in(flags.reserved_in);
    placement.set_bytes(ByteSizeOrThrow("commit", flags.words[i + 2]));
  }
  return request;
}

absl::Status Commit(Session& session, v1::CommitRequest request) {
  // With an id of our own a lost answer can be asked for again.
  if (request.commit_id().empty()) request.set_commit_id(session.NewChargeId());
  const auto response = session.client().Commit(request);
  if (!response.ok()) return response.status();
  std::string text = TypeName("charge", request.charge_id());
  if (response->replayed()) {
    absl::StrAppend(&text, " committed already");
  } else {
    absl::StrAppend(&text, " committed, ", FormatByteSize(response->placed_bytes()), " held");
    if (response->given_back_bytes() > 0)
      absl::StrAppend(&text, ", ", FormatByteSize(response->given_back_bytes()), " given back");
  }
  uint64_t reserved = 0;
  for (const v1::ChargeItem& item : response->charge().items()) {
    if (item.reserved()) reserved += item.bytes();
  }
  if (reserved > 0) absl::StrAppend(&text, ", ", FormatByteSize(reserved), " still reserved");
  session.PrintResult(*response, absl::StrCat(text, "\n"));
  for (const v1::WouldRefuse& counter : response->would_refuse())
    session.Warn(ExplainWouldRefuse(counter));
  return absl::OkStatus();
}

absl::Status Cancel(Session& session, const v1::CancelRequest& request) {
  const auto response = session.client().Cancel(request);
  if (!response.ok()) return response.status();
  std::string text = TypeName("charge", request.charge_id());
  switch (response->outcome()) {
    case v1::CANCEL_OUTCOME_NOTHING_RESERVED:
      absl::StrAppend(&text, " has nothing reserved; what it holds stays");
      break;
    case v1::CANCEL_OUTCOME_ALREADY:
      absl::StrAppend(&text, " was given back before");
      break;
    case v1::CANCEL_OUTCOME_NEVER_SEEN:
      absl::StrAppend(&text, " never seen; its id is now spent");
      break;
    default:
      absl::StrAppend(&text, " cancelled, ", FormatByteSize(response->cancelled_bytes()),
                      " given back", response->has_charge() ? "; what it holds stays" : "");
  }
  session.PrintResult(*response, absl::StrCat(text, "\n", RenderFreed(response->freed_cgroups())));
  return absl::OkStatus();
}

absl::Status Renew(Session& session, const v1::RenewRequest& request) {
  const auto response = session.client().Renew(request);
  if (!response.ok()) return response.status();
  session.PrintResult(*response,
                      absl::StrCat(TypeName("charge", request.charge_id()), " renewed\n"));
  return absl::OkStatus();
}

absl::Status Release(Session& session, const v1::RequestReleaseRequest& request) {
  const auto response = session.client().RequestRelease(request);
  if (!response.ok()) return response.status();
  std::string text;
  for (const v1::RequestReleaseResult& result : response->results()) {
    const char* verbed = " releasing";
    if (result.outcome() == v1::RELEASE_OUTCOME_REQUESTED_BEFORE) verbed = " is releasing already";
    if (result.outcome() == v1::RELEASE_OUTCOME_RELEASED) verbed = " was given back before";
    absl::StrAppend(&text, TypeName("charge", result.charge_id()), verbed, "\n");
  }
  session.PrintResult(*response, text);
  return absl::OkStatus();
}

void AddCommit(CLI::App& app, Command& command) {
  CLI::App* verb =
      app.add_subcommand("commit", "Hold what a charge has reserved, whole or in part");
  SetExamples(*verb,
              "  dmemctl commit gang-7 /team-a n1/gpu0 80Gi /team-a n1/gpu1 80Gi\n"
              "  dmemctl commit job-42");
  auto flags = std::make_shared<CommitFlags>();
  verb->add_option("ID", flags->id, "Id of the charge")->required();
  verb->add_option("CGROUP-REGION-SIZE", flags->words,
                   "Placements, CGROUP REGION SIZE (default all that is reserved on regions)")
      ->expected(0, 3000);
  verb->add_option("--commit-id", flags->commit_id,
                   "The same on every retry (default a random one)");
  verb->add_option("--reserved-in", flags->reserved_in,
                   "Group that the placements are taken from (default the nearest)");
  verb->callback([flags, &command] {
    const v1::CommitRequest request = ToRequest(*flags);
    command = [request](Session& session) { return Commit(session, request); };
  });
}

void AddCancel(CLI::App& app, Command& command) {
  CLI::App* verb =
      app.add_subcommand("cancel", "Give back what a charge has reserved; what it holds stays");
  SetExamples(*verb, "  dmemctl cancel gang-7");
  auto id = std::make_shared<std::string>();
  verb->add_option("ID", *id, "Id of the charge")->required();
  verb->callback([id, &command] {
    command = [id](Session& session) {
      v1::CancelRequest request;
      request.set_charge_id(*id);
      return Cancel(session, request);
    };
  });
}

void AddRenew(CLI::App& app, Command& command) {
  CLI::App* verb = app.add_subcommand("renew", "Let a reservation end later, or earlier");
  SetExamples(*verb, "  dmemctl renew gang-7 5m");
  auto words = std::make_shared<std::pair<std::string, std::string>>();
  verb->add_option("ID", words->first, "Id of the charge")->required();
  verb->add_option("TTL", words->second, "From now, such as 90s or 5m")->required();
  verb->callback([words, &command] {
    v1::RenewRequest request;
    request.set_charge_id(words->first);
    *request.mutable_ttl() = DurationOrThrow("TTL", words->second);
    command = [request](Session& session) { return Renew(session, request); };
  });
}

struct ReleaseFlags {
  std::vector<std::string> ids;
  std::string by = "dmemctl", reason;
};

void AddRelease(CLI::App& app, Command& command) {
  CLI::App* verb =
      app.add_subcommand("release", "Ask for charges to be given back; till then they count");
  SetExamples(*verb, "  dmemctl release job-42 --reason \"pod deleted\"");
  auto flags = std::make_shared<ReleaseFlags>();
  verb->add_option("ID", flags->ids, "Ids of charges")->required();
  verb->add_option("--reason", flags->reason, "Why, for those who look at it")->required();
  verb->add_option("--by", flags->by, "Who asks")->capture_default_str();
  verb->callback([flags, &command] {
    command = [flags](Session& session) {
      v1::RequestReleaseRequest request;
      for (const std::string& id : flags->ids) request.add_charge_ids(id);
      request.set_requested_by(flags->by);
      request.set_reason(flags->reason);
      return Release(session, request);
    };
  });
}

}  // namespace

void AddReservationCommands(CLI::App& app, Command& command) {
  AddCommit(app, command);
  AddCancel(app, command);
  AddRenew(app, command);
  AddRelease(app, command);
}

}  // namespace dmem::client
