// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

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

absl::Status CreateCgroup(Session& session, const v1::CreateCgroupRequest& request) {
  const auto response = session.client().CreateCgroup(request);
  if (!response.ok()) return response.status();
  session.PrintResult(*response, absl::StrCat(TypeName("cgroup", request.path()), " created\n"));
  return absl::OkStatus();
}

absl::Status DeleteCgroup(Session& session, const v1::DeleteCgroupRequest& request) {
  const auto response = session.client().DeleteCgroup(request);
  if (!response.ok()) return response.status();
  std::string text = absl::StrCat(TypeName("cgroup", request.path()), " deleted\n");
  if (response->outcome() == v1::DeleteCgroupResponse::DYING) {
    absl::StrAppend(&text, "it holds charges: dying, as @", response->id(),
                    ", until the last of them is uncharged\n");
  }
  session.PrintResult(*response, text);
  return absl::OkStatus();
}

struct LimitsFlags {
  std::string cgroup, region;
  std::optional<uint64_t> min, low, max, etag;
  std::string enforcement, below_usage;
  bool dry_run = false;
};

v1::SetLimitsRequest ToRequest(const LimitsFlags& flags) {
  v1::SetLimitsRequest request;
  v1::LimitsUpdate& update = *request.add_updates();
  update.set_cgroup(flags.cgroup);
  update.set_region(flags.region);
  if (flags.min.has_value()) update.set_min_bytes(*flags.min);
  if (flags.low.has_value()) update.set_low_bytes(*flags.low);
  if (flags.max.has_value()) update.set_max_bytes(*flags.max);
  if (flags.etag.has_value()) update.set_etag(*flags.etag);
  if (flags.enforcement == "enforce") update.set_enforcement(v1::ENFORCEMENT_ENFORCE);
  if (flags.enforcement == "observe") update.set_enforcement(v1::ENFORCEMENT_OBSERVE);
  if (flags.below_usage == "reject") request.set_below_usage(v1::BELOW_USAGE_POLICY_REJECT);
  if (flags.below_usage == "apply") request.set_below_usage(v1::BELOW_USAGE_POLICY_APPLY);
  request.set_validate_only(flags.dry_run);
  return request;
}

absl::Status SetLimits(Session& session, const v1::SetLimitsRequest& request) {
  const auto response = session.client().SetLimits(request);
  if (!response.ok()) return response.status();
  std::string text;
  for (const v1::Pool& pool : response->pools()) {
    absl::StrAppend(&text, TypeName("pool", pool.cgroup()), " ", pool.region(), " limits set: min ",
                    FormatByteSize(pool.min_bytes()), ", low ", FormatByteSize(pool.low_bytes()),
                    ", max ", MaxCell(pool), response->validated_only() ? " (dry run)" : "", "\n");
  }
  session.PrintResult(*response, text);
  for (const v1::Pool& pool : response->pools()) {
    if (pool.over_bytes() == 0) continue;
    session.Warn(absl::StrCat(pool.cgroup(), " in ", pool.region(), " uses ",
                              FormatByteSize(pool.usage_bytes()), ", ",
                              FormatByteSize(pool.over_bytes()), " over its max",
                              pool.enforcement() == v1::ENFORCEMENT_OBSERVE
                                  ? ", which is only observed"
                                  : ": new charges are refused until it is below"));
  }
  return absl::OkStatus();
}

void AddSetLimits(CLI::App& app, Command& command) {
  CLI::App* verb = app.add_subcommand("set", "Set limits");
  verb->require_subcommand(1);
  CLI::App* limits = verb->add_subcommand(
      "limits", "Set min, low or max of a cgroup in a region or group; what is not given stays");
  const char* const kExamples =
      "  dmemctl set limits /team-a n1/gpu0 --max 40Gi\n"
      "  dmemctl set limits /team-a model/h100 --min 1Ti --low 1.5Ti --max max\n"
      "  dmemctl set limits /team-b cluster --max 2Ti --enforcement observe\n"
      "  dmemctl set limits /team-a n1/gpu0 --max 8Gi --below-usage apply --dry-run";
  SetExamples(*verb, kExamples);
  SetExamples(*limits, kExamples);
  auto flags = std::make_shared<LimitsFlags>();
  limits->add_option("CGROUP", flags->cgroup, "Path, such as /team-a")->required();
  limits->add_option("REGION", flags->region, "Region or group")->required();
  AddByteSize(*limits, "--min", flags->min, "Hard guarantee: never evicted below it");
  AddByteSize(*limits, "--low", flags->low, "Soft guarantee: evicted last");
  AddByteSize(*limits, "--max", flags->max,
              "Hard cap: charges beyond it are refused; max for none");
  limits
      ->add_option("--enforcement", flags->enforcement,
                   "enforce; or observe: grant what max would refuse, and report it")
      ->check(CLI::IsMember({"enforce", "observe"}));
  AddNumber(*limits, "--etag", flags->etag,
            "Only if the limits are unchanged since: etag of `describe pool`");
  limits
      ->add_option(
          "--below-usage", flags->below_usage,
          "A new max below usage: reject it (default), or apply it (nothing is evicted, new "
          "charges are refused until usage is below it)")
      ->check(CLI::IsMember({"reject", "apply"}));
  limits->add_flag("--dry-run", flags->dry_run, "Answer, but change nothing");
  limits->callback([flags, &command] {
    if (!flags->min && !flags->low && !flags->max && flags->enforcement.empty()) {
      throw CLI::ValidationError("set limits",
                                 "give at least one of --min, --low, --max, --enforcement");
    }
    command = [flags](Session& session) { return SetLimits(session, ToRequest(*flags)); };
  });
}

}  // namespace

void AddCgroupCommands(CLI::App& app, Command& command) {
  CLI::App* create = app.add_subcommand("create", "Create a cgroup that stays until deleted");
  create->require_subcommand(1);
  SetExamples(*create,
              "  dmemctl create cgroup /team-a\n"
              "  dmemctl create cgroup /team-a/train --priority 10");
  auto path = std::make_shared<std::string>();
  auto priority = std::make_shared<std::optional<int32_t>>();
  CLI::App* create_cgroup = AddNoun(*create, kCgroup, "Its parent must exist");
  create_cgroup->add_option("PATH", *path, "Absolute, such as /team-a/train")->required();
  AddNumber(*create_cgroup, "--priority", *priority,
            "Lower is evicted first (default its parent's)");
  create_cgroup->callback([path, priority, &command] {
    command = [path, priority](Session& session) {
      v1::CreateCgroupRequest request;
      request.set_path(*path);
      if (priority->has_value()) request.set_priority(**priority);
      return CreateCgroup(session, request);
    };
  });

  CLI::App* remove = app.add_subcommand("delete", "Delete a cgroup");
  remove->require_subcommand(1);
  SetExamples(*remove, "  dmemctl delete cgroup /team-a/train");
  CLI::App* delete_cgroup = AddNoun(
      *remove, kCgroup, "It must have no children; while it holds charges it is dying, as @ID");
  delete_cgroup->add_option("PATH", *path, "Absolute, such as /team-a/train")->required();
  delete_cgroup->callback([path, &command] {
    command = [path](Session& session) {
      v1::DeleteCgroupRequest request;
      request.set_path(*path);
      return DeleteCgroup(session, request);
    };
  });
  AddSetLimits(app, command);
}

}  // namespace dmem::client
