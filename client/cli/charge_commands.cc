// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/cli/byte_size.h"
#include "client/cli/commands.h"
#include "client/cli/explain.h"
#include "client/cli/options.h"
#include "client/cli/render.h"

namespace dmem::client {
namespace {

struct ChargeFlags {
  std::vector<std::string> words;  // CGROUP REGION BYTES, once or more often.
  std::string id, created_at;
  std::string owner_kind, owner_namespace, owner_name, owner_uid, owner_container;
  std::vector<std::string> labels;
  std::string ttl;
  std::optional<int32_t> priority;
  bool preemptible = false, force = false, dry_run = false;
};

v1::ChargeMode ModeOf(bool force, bool dry_run) {
  if (force) return v1::CHARGE_MODE_FORCE;
  return dry_run ? v1::CHARGE_MODE_CHECK_ONLY : v1::CHARGE_MODE_STRICT;
}

google::protobuf::Timestamp ToTimestamp(absl::Time time) {
  google::protobuf::Timestamp timestamp;
  const int64_t nanos = absl::ToUnixNanos(time);
  timestamp.set_seconds(nanos / 1'000'000'000);
  timestamp.set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
  return timestamp;
}

// All but the id and time that are made when it runs. Throws CLI::ValidationError.
v1::ChargeRequest ToRequest(const ChargeFlags& flags) {
  v1::ChargeRequest request;
  if (flags.words.size() % 3 != 0) {
    throw CLI::ValidationError("charge", "items are given as CGROUP REGION SIZE, three words each");
  }
  for (size_t i = 0; i < flags.words.size(); i += 3) {
    v1::ChargeItem& item = *request.add_items();
    item.set_cgroup(flags.words[i]);
    item.set_region(flags.words[i + 1]);
    item.set_bytes(ByteSizeOrThrow("charge", flags.words[i + 2]));
  }
  request.set_charge_id(flags.id);
  if (!flags.created_at.empty()) {
    absl::Time created_at;
    std::string error;
    if (!absl::ParseTime(absl::RFC3339_full, flags.created_at, &created_at, &error)) {
      throw CLI::ValidationError("--created-at", error);
    }
    *request.mutable_created_at() = ToTimestamp(created_at);
  }
  request.set_mode(ModeOf(flags.force, flags.dry_run));
  v1::Owner owner;
  owner.set_kind(flags.owner_kind);
  owner.set_namespace_(flags.owner_namespace);
  owner.set_name(flags.owner_name);
  owner.set_uid(flags.owner_uid);
  owner.set_container(flags.owner_container);
  if (owner.ByteSizeLong() > 0) *request.mutable_owner() = owner;
  for (const std::string& label : flags.labels) {
    const size_t equals = label.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw CLI::ValidationError("--label", absl::StrCat("\"", label, "\" is not KEY=VALUE"));
    }
    (*request.mutable_labels())[label.substr(0, equals)] = label.substr(equals + 1);
  }
  if (flags.priority.has_value()) request.set_priority(*flags.priority);
  request.set_preemptible(flags.preemptible);
  if (!flags.ttl.empty()) *request.mutable_ttl() = DurationOrThrow("--ttl", flags.ttl);
  return request;
}

template <typename Response>
void WarnOfObserved(Session& session, const Response& response) {
  for (const v1::WouldRefuse& counter : response.would_refuse()) {
    session.Warn(ExplainWouldRefuse(counter));
  }
}

absl::Status Charge(Session& session, v1::ChargeRequest request) {
  // With an id of our own a lost answer can be asked for again without charging twice.
  if (request.charge_id().empty()) request.set_charge_id(session.NewChargeId());
  if (!request.has_created_at()) *request.mutable_created_at() = ToTimestamp(session.Now());
  const auto response = session.client().Charge(request);
  if (!response.ok()) {
    if (ExitCodeOf(response.status()) == kExitUnavailable) {
      session.Warn(absl::StrCat("it may have been charged; dmemctl uncharge ",
                                ShellQuoted(request.charge_id()), " makes sure that it is not"));
    }
    return response.status();
  }
  const char* verbed = request.has_ttl() ? "reserved" : "charged";
  session.PrintResult(*response, absl::StrCat(TypeName("charge", request.charge_id()),
                                              response->checked_only() ? " would be " : " ", verbed,
                                              response->checked_only() ? " (dry run)"
                                              : response->replayed()   ? " already"
                                                                       : "",
                                              "\n"));
  WarnOfObserved(session, *response);
  return absl::OkStatus();
}

absl::Status Uncharge(Session& session, const v1::UnchargeRequest& request) {
  const auto response = session.client().Uncharge(request);
  if (!response.ok()) return response.status();
  std::string text;
  for (const v1::UnchargeResult& result : response->results()) {
    const char* verbed = " uncharged";
    if (result.outcome() == v1::UNCHARGE_OUTCOME_ALREADY) verbed = " was uncharged before";
    if (result.outcome() == v1::UNCHARGE_OUTCOME_NEVER_SEEN)
      verbed = " never seen; its id is now spent";
    absl::StrAppend(&text, TypeName("charge", result.charge_id()), verbed, "\n");
  }
  absl::StrAppend(&text, RenderFreed(response->freed_cgroups()));
  session.PrintResult(*response, text);
  return absl::OkStatus();
}

absl::Status Resize(Session& session, const v1::ResizeRequest& request) {
  const auto response = session.client().Resize(request);
  if (!response.ok()) return response.status();
  std::string text;
  for (const v1::Charge& charge : response->charges()) {
    absl::StrAppend(&text, TypeName("charge", charge.charge_id()),
                    response->checked_only() ? " would be resized (dry run)\n" : " resized\n");
  }
  session.PrintResult(*response, text);
  WarnOfObserved(session, *response);
  return absl::OkStatus();
}

void AddCharge(CLI::App& app, Command& command) {
  CLI::App* verb = app.add_subcommand(
      "charge", "Charge one or more items {cgroup, region, bytes}, all or nothing");
  SetExamples(
      *verb,
      "  dmemctl charge /team-a/train n1/gpu0 8Gi\n"
      "  dmemctl charge /team-a n1/gpu0 40Gi /team-a n1/gpu1 40Gi --id job-42\n"
      "  dmemctl charge /team-a n1/gpu0 8Gi --check-only\n"
      "  dmemctl charge /team-a model/h100 320Gi --ttl 5m --id gang-7\n"
      "  dmemctl charge /team-a n1/gpu0 8Gi --owner-kind Pod --owner-name web-0 --label tier=gold");
  auto flags = std::make_shared<ChargeFlags>();
  verb->add_option("CGROUP-REGION-SIZE", flags->words, "CGROUP REGION SIZE, once or more often")
      ->required()
      ->expected(1, 3000);
  verb->add_option("--id", flags->id, "Id of the charge (default a random one, which is printed)");
  verb->add_option("--created-at", flags->created_at,
                   "When an id was first sent, RFC 3339; the same on every retry (default now)");
  CLI::Option* force =
      verb->add_flag("--force", flags->force, "Record what is held already, even beyond max");
  verb->add_flag("--check-only,--dry-run", flags->dry_run, "Answer, but change nothing")
      ->excludes(force);
  verb->add_option("--owner-kind", flags->owner_kind, "Who holds it, such as Pod");
  verb->add_option("--owner-namespace", flags->owner_namespace, "Its namespace");
  verb->add_option("--owner-name", flags->owner_name, "Its name");
  verb->add_option("--owner-uid", flags->owner_uid, "Its uid");
  verb->add_option("--owner-container", flags->owner_container, "Its container");
  verb->add_option("--label", flags->labels, "KEY=VALUE; may be repeated")->allow_extra_args(false);
  verb->add_option("--ttl", flags->ttl,
                   "Only reserve, for that long, such as 90s or 5m; items may name groups");
  AddNumber(*verb, "--priority", flags->priority, "For planners (default its cgroup's)");
  verb->add_flag("--preemptible", flags->preemptible, "For planners");
  verb->callback([flags, &command] {
    const v1::ChargeRequest request = ToRequest(*flags);
    command = [request](Session& session) { return Charge(session, request); };
  });
}

void AddUncharge(CLI::App& app, Command& command) {
  CLI::App* verb =
      app.add_subcommand("uncharge", "Give charges back, whole: their memory is physically free");
  SetExamples(*verb, "  dmemctl uncharge job-42 job-43");
  auto ids = std::make_shared<std::vector<std::string>>();
  verb->add_option("ID", *ids, "Ids of charges")->required();
  verb->callback([ids, &command] {
    command = [ids](Session& session) {
      v1::UnchargeRequest request;
      for (const std::string& id : *ids) request.add_charge_ids(id);
      return Uncharge(session, request);
    };
  });
}

struct ResizeFlags {
  std::string id, cgroup, region;
  std::optional<uint64_t> bytes, expected;
  bool force = false, dry_run = false;
};

void AddResize(CLI::App& app, Command& command) {
  CLI::App* verb = app.add_subcommand("resize", "Set an item of a charge to an absolute size");
  SetExamples(*verb,
              "  dmemctl resize job-42 /team-a n1/gpu0 12Gi\n"
              "  dmemctl resize job-42 /team-a n1/gpu0 12Gi --expected 8Gi");
  auto flags = std::make_shared<ResizeFlags>();
  verb->add_option("ID", flags->id, "Id of the charge")->required();
  verb->add_option("CGROUP", flags->cgroup, "Of the item")->required();
  verb->add_option("REGION", flags->region, "Of the item")->required();
  AddByteSize(*verb, "SIZE", flags->bytes, "The new size; 0 keeps the item")->required();
  AddByteSize(*verb, "--expected", flags->expected, "Only if it has this size now");
  CLI::Option* force =
      verb->add_flag("--force", flags->force, "Record what is held already, even beyond max");
  verb->add_flag("--check-only,--dry-run", flags->dry_run, "Answer, but change nothing")
      ->excludes(force);
  verb->callback([flags, &command] {
    command = [flags](Session& session) {
      v1::ResizeRequest request;
      v1::ResizeItem& item = *request.add_items();
      item.set_charge_id(flags->id);
      item.set_cgroup(flags->cgroup);
      item.set_region(flags->region);
      item.set_bytes(flags->bytes.value_or(0));
      if (flags->expected.has_value()) item.set_expected_bytes(*flags->expected);
      request.set_mode(ModeOf(flags->force, flags->dry_run));
      return Resize(session, request);
    };
  });
}

}  // namespace

void AddChargeCommands(CLI::App& app, Command& command) {
  AddCharge(app, command);
  AddUncharge(app, command);
  AddResize(app, command);
}

}  // namespace dmem::client
