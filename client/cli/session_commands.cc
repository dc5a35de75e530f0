// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// get sessions, get nodes, describe node, fence, not-ready, ready.

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/options.h"
#include "client/cli/render.h"
#include "client/cli/table.h"

namespace dmem::client {
namespace {

std::string StateName(v1::SessionState state) {
  constexpr absl::string_view kPrefix = "SESSION_STATE_";
  return absl::AsciiStrToLower(v1::SessionState_Name(state).substr(kPrefix.size()));
}

absl::Time TimeOf(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

std::string AgeOf(const google::protobuf::Timestamp& since, absl::Time now) {
  return Age(now - TimeOf(since));
}

// What is wrong with a node, if anything: "not-ready,silent", "lost", "fenced".
std::string NodeStatus(const v1::Node& node) {
  std::string status;
  const auto add = [&status](absl::string_view word) {
    absl::StrAppend(&status, status.empty() ? "" : ",", word);
  };
  if (node.lost()) add("lost");
  if (node.session() == 0) {
    add(node.fenced_incarnation() >= node.incarnation() ? "fenced" : "closed");
  } else {
    add(StateName(node.session_state()));
  }
  if (node.not_ready()) add("not-ready");
  return status;
}

std::string NumberOrNone(uint64_t number) { return number == 0 ? "" : absl::StrCat(number); }

Table SessionTable(const Repeated<v1::Session>& sessions, absl::Time now) {
  Table table({"ID", "STATE", "NODE", "INCARNATION", "OWNER", "HEARD", "AGE", "WHY"});
  for (const v1::Session& session : sessions) {
    table.AddRow({absl::StrCat(session.id()), StateName(session.state()), Cell(session.node()),
                  NumberOrNone(session.incarnation()), Cell(session.owner()),
                  AgeOf(session.heard_at(), now), AgeOf(session.opened_at(), now),
                  Cell(session.why())});
  }
  return table;
}

Table NodeTable(const Repeated<v1::Node>& nodes, absl::Time now) {
  Table table({"NAME", "STATUS", "REGIONS", "SESSION", "INCARNATION", "UNHEARD", "LOST-IN"});
  for (const v1::Node& node : nodes) {
    table.AddRow({Cell(node.name()), NodeStatus(node), absl::StrCat(node.regions()),
                  NumberOrNone(node.session()), absl::StrCat(node.incarnation()),
                  node.has_unheard_since() ? AgeOf(node.unheard_since(), now) : "",
                  node.has_lost_at() ? Age(TimeOf(node.lost_at()) - now) : ""});
  }
  return table;
}

std::string DescribeNode(const v1::Node& node, absl::Time now) {
  FieldList fields;
  fields.Add("Name", Printable(node.name()));
  fields.Add("Status", NodeStatus(node));
  fields.Add("Incarnation", absl::StrCat(node.incarnation()));
  if (node.fenced_incarnation() != 0) {
    fields.Add("Fenced up to", absl::StrCat(node.fenced_incarnation()));
  }
  fields.Add("Session", NumberOrNone(node.session()));
  if (node.has_unheard_since()) {
    fields.Add("Unheard for", AgeOf(node.unheard_since(), now));
  }
  if (node.not_ready()) {
    fields.Add("NotReady for", AgeOf(node.not_ready_since(), now));
    fields.Add("NotReady why", Printable(node.not_ready_why()));
  }
  if (node.has_lost_at()) fields.Add("Lost in", Age(TimeOf(node.lost_at()) - now));
  fields.Add("Regions", absl::StrCat(node.regions()));
  return fields.Render();
}

absl::Status GetSessions(Session& session, const v1::ListSessionsRequest& request) {
  auto list = session.client().ListAllSessions(request);
  if (!list.ok()) return list.status();
  std::sort(list->mutable_sessions()->begin(), list->mutable_sessions()->end(),
            [](const v1::Session& a, const v1::Session& b) { return a.id() < b.id(); });
  session.PrintResult(
      *list, SessionTable(list->sessions(), session.Now()).Render(session.flags().headers));
  return absl::OkStatus();
}

absl::Status GetNodes(Session& session, const v1::ListNodesRequest& request) {
  auto list = session.client().ListAllNodes(request);
  if (!list.ok()) return list.status();
  std::sort(list->mutable_nodes()->begin(), list->mutable_nodes()->end(),
            [](const v1::Node& a, const v1::Node& b) { return a.name() < b.name(); });
  session.PrintResult(*list,
                      NodeTable(list->nodes(), session.Now()).Render(session.flags().headers));
  return absl::OkStatus();
}

absl::Status DescribeNodes(Session& session, const v1::ListNodesRequest& request) {
  const auto list = session.client().ListAllNodes(request);
  if (!list.ok()) return list.status();
  session.PrintResult(list->nodes(0), DescribeNode(list->nodes(0), session.Now()));
  return absl::OkStatus();
}

absl::Status Fence(Session& session, const v1::FenceRequest& request) {
  const auto response = session.client().Fence(request);
  if (!response.ok()) return response.status();
  session.PrintResult(
      *response,
      absl::StrCat(TypeName("node", request.node()), request.forget() ? " forgotten" : " fenced",
                   " up to incarnation ", response->fenced_incarnation(), ", ", response->regions(),
                   response->regions() == 1 ? " region" : " regions",
                   request.forget() ? " unregistered\n" : " lost\n",
                   RenderDropped(response->dropped(), response->dropped_items()),
                   RenderFreed(response->freed_cgroups())));
  return absl::OkStatus();
}

absl::Status DeclareNotReady(Session& session, const v1::DeclareNotReadyRequest& request) {
  const auto response = session.client().DeclareNotReady(request);
  if (!response.ok()) return response.status();
  session.PrintResult(*response, absl::StrCat(TypeName("node", request.node()), " declared ",
                                              request.ready() ? "ready\n" : "not ready\n"));
  return absl::OkStatus();
}

void AddReadiness(CLI::App& app, Command& command, const std::string& name,
                  const std::string& description, bool ready) {
  CLI::App* verb = app.add_subcommand(name, description);
  auto request = std::make_shared<v1::DeclareNotReadyRequest>();
  request->set_ready(ready);
  SetExamples(*verb, absl::StrCat("  dmemctl ", name, " node-17"));
  verb->add_option("NODE", *request->mutable_node(), "Its name")->required();
  if (!ready) verb->add_option("--why", *request->mutable_why(), "In words, for those who look");
  verb->callback([request, &command] {
    command = [request](Session& session) { return DeclareNotReady(session, *request); };
  });
}

}  // namespace

// `get` and `describe` are there already.
void AddSessionCommands(CLI::App& app, Command& command) {
  auto sessions = std::make_shared<v1::ListSessionsRequest>();
  auto all = std::make_shared<bool>(false);
  CLI::App* get = AddNoun(*app.get_subcommand("get"), kSession, "Leases on being alive");
  get->add_option("--node", *sessions->mutable_node(), "Only of this node");
  get->add_flag("--all", *all, "Those that ended lately, too");
  get->callback([sessions, all, &command] {
    sessions->set_all(*all);
    command = [sessions](Session& session) { return GetSessions(session, *sessions); };
  });

  auto nodes = std::make_shared<v1::ListNodesRequest>();
  get = AddNoun(*app.get_subcommand("get"), kNode, "What agents answer for");
  get->add_option("NAME", *nodes->mutable_node(), "Only this one");
  get->callback([nodes, &command] {
    command = [nodes](Session& session) { return GetNodes(session, *nodes); };
  });
  CLI::App* describe = AddNoun(*app.get_subcommand("describe"), kNode, "One node, whole");
  describe->add_option("NAME", *nodes->mutable_node(), "Its name")->required();
  describe->callback([nodes, &command] {
    command = [nodes](Session& session) { return DescribeNodes(session, *nodes); };
  });

  CLI::App* fence =
      app.add_subcommand("fence", "Nothing of a node runs any more: drop what it held");
  SetExamples(*fence,
              "  dmemctl fence node-17 --evidence 'powered off by ipmi'\n"
              "  dmemctl fence node-17 --evidence 'node object deleted' --forget");
  auto request = std::make_shared<v1::FenceRequest>();
  auto incarnation = std::make_shared<std::optional<uint64_t>>();
  auto forget = std::make_shared<bool>(false);
  fence->add_option("NODE", *request->mutable_node(), "Its name")->required();
  fence
      ->add_option("--evidence", *request->mutable_evidence(),
                   "How you know that nothing of it runs; kept for those who ask")
      ->required();
  AddNumber(*fence, "--incarnation", *incarnation, "Up to this one (default the node's present)");
  fence->add_flag("--forget", *forget, "It does not come back: unregister its regions");
  fence->callback([request, incarnation, forget, &command] {
    request->set_incarnation(incarnation->value_or(0));
    request->set_forget(*forget);
    command = [request](Session& session) { return Fence(session, *request); };
  });

  AddReadiness(app, command, "not-ready", "Declare a node NotReady, as its cluster sees it", false);
  AddReadiness(app, command, "ready", "Take a declaration of NotReady back", true);
}

}  // namespace dmem::client
