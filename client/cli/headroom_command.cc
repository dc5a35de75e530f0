// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/cli/byte_size.h"
#include "client/cli/commands.h"
#include "client/cli/options.h"
#include "client/cli/table.h"

namespace dmem::client {
namespace {

// "8 x 80GiB".
std::string ShapeOf(const v1::GetHeadroomRequest& request) {
  return absl::StrCat(request.items(), " x ", FormatByteSize(request.bytes()));
}

std::string FitSentence(const v1::GetHeadroomRequest& request,
                        const v1::GetHeadroomResponse& headroom) {
  std::string text = absl::StrCat(headroom.count(), headroom.count() == 1 ? " charge" : " charges",
                                  " of ", ShapeOf(request));
  if (request.same_node())
    absl::StrAppend(&text, headroom.count() == 1 ? ", " : ", each ", "on one node,");
  absl::StrAppend(&text, headroom.count() == 1 ? " fits" : " fit");
  if (!headroom.exact()) {
    absl::StrAppend(&text, " (limits cross nodes: placed otherwise perhaps more, at most ",
                    headroom.count_at_most(), ")");
  }
  return absl::StrCat(text, "\n");
}

std::string LeftOutOfList(uint64_t total, int listed, absl::string_view what) {
  if (total <= static_cast<uint64_t>(listed)) return "";
  return absl::StrCat("... and ", total - static_cast<uint64_t>(listed), " more ", what, "\n");
}

std::string RenderPlaces(const v1::GetHeadroomRequest& request,
                         const v1::GetHeadroomResponse& headroom, bool headers) {
  if (headroom.count() == 0) return "";
  if (request.same_node()) {
    Table nodes({"NODE", "CHARGES"});
    for (const v1::HeadroomNode& node : headroom.nodes()) {
      nodes.AddRow({Cell(node.node()), absl::StrCat(node.count())});
    }
    return absl::StrCat("\n", nodes.Render(headers),
                        LeftOutOfList(headroom.nodes_total(), headroom.nodes_size(), "nodes"));
  }
  Table places({"REGION", "NODE", "ITEMS"});
  for (const v1::HeadroomPlace& place : headroom.places()) {
    places.AddRow({place.region(), Cell(place.node()), absl::StrCat(place.items())});
  }
  return absl::StrCat("\n", places.Render(headers),
                      LeftOutOfList(headroom.places_total(), headroom.places_size(), "regions"));
}

std::string RenderLimits(const v1::GetHeadroomRequest& request,
                         const v1::GetHeadroomResponse& headroom, bool headers) {
  if (!headroom.bounded_by().empty()) {
    return absl::StrCat("\nOne more would pass the server's bound on ", headroom.bounded_by(),
                        "\n");
  }
  if (headroom.too_few_regions()) {
    if (request.items() == 1) return "\nThere is no region that takes charges\n";
    return absl::StrCat("\n", request.same_node() ? "No node has " : "There are fewer than ",
                        request.items(), " regions that take charges: no limit is in the way\n");
  }
  Table limits({"STOPPED-BY", "REGION", "USED", "MAX", "SHORT"});
  for (const v1::HeadroomLimit& limit : headroom.limits()) {
    limits.AddRow({limit.cgroup().empty() ? "(capacity)" : limit.cgroup(), limit.region(),
                   FormatByteSize(limit.usage_bytes()), FormatByteSize(limit.max_bytes()),
                   FormatByteSize(limit.short_bytes())});
  }
  return limits.empty() ? "" : absl::StrCat("\n", limits.Render(headers));
}

// The answer in sentences and tables.
std::string RenderHeadroom(const v1::GetHeadroomRequest& request,
                           const v1::GetHeadroomResponse& headroom, bool headers) {
  FieldList fields;
  fields.Add("Largest hole", headroom.hole_region().empty()
                                 ? "0"
                                 : absl::StrCat(FormatByteSizeAndBytes(headroom.hole_bytes()),
                                                " in ", headroom.hole_region()));
  fields.Add("Free", FormatByteSizeAndBytes(headroom.free_bytes()));
  fields.Add("Unusable", FormatByteSizeAndBytes(headroom.unusable_bytes()));
  for (const v1::HeadroomLeftOut& left_out : headroom.left_out()) {
    fields.Add("Left out", absl::StrCat(left_out.regions(), " x ", left_out.reason(), ", ",
                                        FormatByteSize(left_out.free_bytes()), " free"));
  }
  return absl::StrCat(FitSentence(request, headroom), RenderPlaces(request, headroom, headers),
                      RenderLimits(request, headroom, headers), "\n", fields.Render());
}

absl::Status GetHeadroom(Session& session, const v1::GetHeadroomRequest& request) {
  const auto response = session.client().GetHeadroom(request);
  if (!response.ok()) return response.status();
  session.PrintResult(*response, RenderHeadroom(request, *response, session.flags().headers));
  return absl::OkStatus();
}

// "8x80Gi", or "80Gi" for one item.
void SetShape(const std::string& text, v1::GetHeadroomRequest* request) {
  uint32_t items = 1;
  const size_t x = text.find('x');
  const bool has_items = x != std::string::npos && text != "max";
  if (has_items && (!absl::SimpleAtoi(text.substr(0, x), &items) || items == 0)) {
    throw CLI::ValidationError(
        "--shape", absl::StrCat("\"", text, "\" is not SIZE, or how many x SIZE: 8x80Gi"));
  }
  request->set_items(items);
  request->set_bytes(ByteSizeOrThrow("--shape", has_items ? text.substr(x + 1) : text));
}

}  // namespace

void AddHeadroomCommand(CLI::App& app, Command& command) {
  CLI::App* headroom = app.add_subcommand(
      "headroom", "How many charges of a shape fit now, where, and what stops one more");
  SetExamples(*headroom,
              "  dmemctl headroom /team-a --group model/h100 --shape 8x80Gi --same-node\n"
              "  dmemctl headroom /team-a --group cluster --shape 10Gi");
  auto request = std::make_shared<v1::GetHeadroomRequest>();
  headroom
      ->add_option_function<std::string>(
          "CGROUP", [request](const std::string& cgroup) { request->set_cgroup(cgroup); },
          "Who would charge; it need not exist yet")
      ->required();
  headroom
      ->add_option_function<std::string>(
          "--group,--region", [request](const std::string& name) { request->set_region(name); },
          "The group whose regions may be used, or one region")
      ->required();
  headroom
      ->add_option_function<std::string>(
          "--shape", [request](const std::string& text) { SetShape(text, request.get()); },
          "SIZE, or NxSIZE: a charge of N items of that size, each in another region")
      ->required()
      ->type_name("SHAPE");
  headroom->add_flag_callback(
      "--same-node", [request] { request->set_same_node(true); },
      "All items of a charge on one node");
  headroom->callback([request, &command] {
    command = [request](Session& session) { return GetHeadroom(session, *request); };
  });
}

}  // namespace dmem::client
