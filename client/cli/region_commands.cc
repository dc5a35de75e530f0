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

struct RegisterRegionFlags {
  std::string name;
  std::optional<uint64_t> capacity, reserved, grantable, incarnation;
  std::string parent, node, model, uuid, pci;
  bool cordoned = false;
};

v1::RegisterRequest ToRequest(const RegisterRegionFlags& flags) {
  v1::RegisterRequest request;
  v1::Region& region = *request.mutable_region();
  region.set_name(flags.name);
  region.set_capacity_bytes(flags.capacity.value_or(0));
  region.set_reserved_bytes(flags.reserved.value_or(0));
  if (flags.grantable.has_value()) region.set_grantable_bytes(*flags.grantable);
  region.set_parent(flags.parent);
  region.set_incarnation(flags.incarnation.value_or(0));
  region.set_cordoned(flags.cordoned);
  v1::RegionAttributes& attributes = *region.mutable_attributes();
  attributes.set_node(flags.node);
  attributes.set_model(flags.model);
  attributes.set_uuid(flags.uuid);
  attributes.set_pci(flags.pci);
  return request;
}

absl::Status RegisterRegion(Session& session, const v1::RegisterRequest& request) {
  const auto response = session.client().Register(request);
  if (!response.ok()) return response.status();
  const v1::Region& region = response->region();
  session.PrintResult(*response,
                      absl::StrCat(TypeName("region", region.name()),
                                   response->created() ? " registered\n" : " updated\n",
                                   RenderDropped(response->dropped(), response->dropped_items()),
                                   RenderFreed(response->freed_cgroups())));
  if (region.over_bytes() > 0) {
    session.Warn(absl::StrCat("region \"", region.name(), "\" uses ",
                              FormatByteSize(region.usage_bytes()), ", ",
                              FormatByteSize(region.over_bytes()), " over its grantable ",
                              FormatByteSize(region.grantable_bytes())));
  }
  return absl::OkStatus();
}

absl::Status RegisterGroup(Session& session, const v1::RegisterGroupRequest& request) {
  const auto response = session.client().RegisterGroup(request);
  if (!response.ok()) return response.status();
  session.PrintResult(*response,
                      absl::StrCat(TypeName("group", request.name()),
                                   response->created() ? " registered\n" : " updated\n"));
  return absl::OkStatus();
}

absl::Status UnregisterRegion(Session& session, const v1::UnregisterRequest& request) {
  const auto response = session.client().Unregister(request);
  if (!response.ok()) return response.status();
  std::string text = absl::StrCat(TypeName("region", request.region()), " unregistered\n",
                                  RenderDropped(response->dropped(), response->dropped_items()),
                                  RenderFreed(response->freed_cgroups()));
  if (!response->removed()) {
    absl::StrAppend(&text, "its charges stay until uncharged, in region ", request.region(), "@",
                    response->id(), "\n");
  }
  session.PrintResult(*response, text);
  return absl::OkStatus();
}

absl::Status UnregisterGroup(Session& session, const v1::UnregisterGroupRequest& request) {
  const auto response = session.client().UnregisterGroup(request);
  if (!response.ok()) return response.status();
  session.PrintResult(*response,
                      absl::StrCat(TypeName("group", request.name()), " unregistered\n"));
  return absl::OkStatus();
}

absl::Status Cordon(Session& session, const v1::CordonRequest& request) {
  const auto response = session.client().Cordon(request);
  if (!response.ok()) return response.status();
  session.PrintResult(*response,
                      absl::StrCat(TypeName("region", request.region()),
                                   request.uncordon() ? " uncordoned\n" : " cordoned\n"));
  return absl::OkStatus();
}

void AddRegister(CLI::App& app, Command& command) {
  CLI::App* verb = app.add_subcommand("register", "Make a region or group known, or update it");
  verb->require_subcommand(1);
  SetExamples(
      *verb,
      "  dmemctl register group cluster\n"
      "  dmemctl register group model/h100 --parent cluster\n"
      "  dmemctl register region n1/gpu0 --capacity 80Gi --reserved 512Mi --parent model/h100");

  auto flags = std::make_shared<RegisterRegionFlags>();
  CLI::App* region = AddNoun(
      *verb, kRegion, "A device's memory. An update replaces everything: give all flags again");
  region->add_option("NAME", flags->name, "1-255 printable characters, no space, no @")->required();
  AddByteSize(*region, "--capacity", flags->capacity, "Size of the memory")->required();
  AddByteSize(*region, "--reserved", flags->reserved, "Overhead of the driver (default 0)");
  AddByteSize(*region, "--grantable", flags->grantable,
              "What may be granted in all; more than the capacity is overcommit, max is not "
              "enforced (default capacity - reserved)");
  region->add_option("--parent", flags->parent, "Its group (default none)");
  AddNumber(*region, "--incarnation", flags->incarnation,
            "Grows when the node reboots or the device is reset; a newer one drops what is "
            "charged here (default 0)");
  region->add_option("--node", flags->node, "Host name");
  region->add_option("--model", flags->model, "Product name");
  region->add_option("--uuid", flags->uuid, "UUID of the device");
  region->add_option("--pci", flags->pci, "PCI address");
  region->add_flag("--cordoned", flags->cordoned, "Takes no charges at first (on creation only)");
  region->callback([flags, &command] {
    command = [flags](Session& session) { return RegisterRegion(session, ToRequest(*flags)); };
  });

  auto name = std::make_shared<std::string>();
  auto parent = std::make_shared<std::string>();
  CLI::App* group = AddNoun(*verb, kGroup, "An aggregate of regions and groups");
  group->add_option("NAME", *name, "In one name space with regions")->required();
  group->add_option("--parent", *parent, "Its group (default none)");
  group->callback([name, parent, &command] {
    command = [name, parent](Session& session) {
      v1::RegisterGroupRequest request;
      request.set_name(*name);
      request.set_parent(*parent);
      return RegisterGroup(session, request);
    };
  });
}

void AddUnregister(CLI::App& app, Command& command) {
  CLI::App* verb = app.add_subcommand("unregister", "A device is gone, or a group is not needed");
  verb->require_subcommand(1);
  SetExamples(*verb,
              "  dmemctl unregister region n1/gpu0\n"
              "  dmemctl unregister region/n1/gpu0 --force\n"
              "  dmemctl unregister group model/h100");
  auto name = std::make_shared<std::string>();
  auto force = std::make_shared<bool>(false);
  CLI::App* region =
      AddNoun(*verb, kRegion, "Its charges stay, as NAME@ID, until they are uncharged");
  region->add_option("NAME", *name, "Its name")->required();
  region->add_flag("--force", *force, "Drop what is charged in it now");
  region->callback([name, force, &command] {
    command = [name, force](Session& session) {
      v1::UnregisterRequest request;
      request.set_region(*name);
      request.set_force(*force);
      return UnregisterRegion(session, request);
    };
  });
  CLI::App* group = AddNoun(*verb, kGroup, "It must have no members");
  group->add_option("NAME", *name, "Its name")->required();
  group->callback([name, &command] {
    command = [name](Session& session) {
      v1::UnregisterGroupRequest request;
      request.set_name(*name);
      return UnregisterGroup(session, request);
    };
  });
}

void AddCordon(CLI::App& app, Command& command, const std::string& name,
               const std::string& description, bool uncordon) {
  CLI::App* verb = app.add_subcommand(name, description);
  SetExamples(*verb, absl::StrCat("  dmemctl ", name, " n1/gpu0"));
  auto region = std::make_shared<std::string>();
  verb->add_option("REGION", *region, "Its name")->required();
  verb->callback([region, uncordon, &command] {
    command = [region, uncordon](Session& session) {
      v1::CordonRequest request;
      request.set_region(*region);
      request.set_uncordon(uncordon);
      return Cordon(session, request);
    };
  });
}

}  // namespace

void AddRegionCommands(CLI::App& app, Command& command) {
  AddRegister(app, command);
  AddUnregister(app, command);
  AddCordon(app, command, "cordon", "Stop new charges and growths in a region", false);
  AddCordon(app, command, "uncordon", "Allow new charges in a region again", true);
}

}  // namespace dmem::client
