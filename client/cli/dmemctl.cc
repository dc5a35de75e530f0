// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/dmemctl.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <numeric>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "client/cli/commands.h"
#include "client/cli/explain.h"
#include "client/cli/help_format.h"
#include "client/cli/options.h"
#include "client/version.h"

namespace dmem::client {
namespace {

constexpr char kSizes[] =
    "Sizes are bytes or have a unit: Ki, Mi, Gi, Ti, Pi, Ei (powers of 1024), K, M, G, T, P, E\n"
    "(powers of 10), with or without B after it; `max` is unlimited. 1.5GiB is fine, but nothing "
    "is\n"
    "rounded. (`write` takes the kernel's text, where K, M, G are powers of 1024.)\n"
    "Objects may be written TYPE NAME or TYPE/NAME, types long or short:\n";

constexpr char kExitCodesAndExamples[] =
    "\n"
    "Exit codes: 0 ok, 1 error, 2 usage, 3 refused by a quota, 4 server unavailable or too slow.\n"
    "\n"
    "Examples:\n"
    "  dmemctl get regions\n"
    "  dmemctl set limits /team-a n1/gpu0 --max 40Gi\n"
    "  dmemctl charge /team-a/train n1/gpu0 8Gi\n"
    "  dmemctl tree\n"
    "  dmemctl COMMAND --help";

// What stands under the help.
std::string Footer() {
  std::string types;
  for (const Noun* noun : kNouns)
    absl::StrAppend(&types, types.empty() ? "" : ", ", noun->singular, " ", noun->short_name);
  return absl::StrCat(kSizes, types, ".\n", kExitCodesAndExamples);
}

// Edits (insertions, deletions, replacements) between two words.
size_t Distance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

// If `word` names no subcommand of `app`: a line that says so, with the nearest one.
std::string UnknownCommand(const CLI::App& app, const std::string& word) {
  std::string nearest;
  // An edit for every three letters, two at most: further is a guess.
  size_t distance = std::min<size_t>(word.size() / 3, 2) + 1;
  for (const CLI::App* command : app.get_subcommands({})) {
    std::vector<std::string> names = command->get_aliases();
    names.push_back(command->get_name());
    for (const std::string& name : names) {
      if (name == word) return "";
      if (Distance(name, word) < distance) {
        distance = Distance(name, word);
        nearest = name;
      }
    }
  }
  return absl::StrCat("unknown command \"", word, "\"",
                      nearest.empty() ? "" : absl::StrCat("; did you mean \"", nearest, "\"?"));
}

// A better text than the parser's where a command was mistyped.
std::string ExplainUsage(const CLI::App& app, const std::vector<std::string>& arguments,
                         const CLI::ParseError& error) {
  const CLI::App* level = &app;
  size_t word = FirstWord(arguments, 0);
  while (word < arguments.size() && !level->get_subcommands({}).empty()) {
    std::string unknown = UnknownCommand(*level, arguments[word]);
    if (!unknown.empty()) return unknown;
    level = level->get_subcommand(arguments[word]);
    word = FirstWord(arguments, word + 1);
  }
  if (word == arguments.size() && !level->get_subcommands({}).empty()) {
    std::vector<std::string> names;
    for (const CLI::App* next : level->get_subcommands({})) names.push_back(next->get_name());
    return absl::StrCat("say what to ", level == &app ? "do" : level->get_name(), ": ",
                        absl::StrJoin(names, ", "));
  }
  return error.what();
}

// HOST:PORT, as far as it can be told without asking.
std::string CheckServer(const std::string& server) {
  const size_t colon = server.rfind(':');
  int port = 0;
  if (colon == std::string::npos || colon == 0 ||
      !absl::SimpleAtoi(server.substr(colon + 1), &port) || port < 1 || port > 65535) {
    return absl::StrCat("\"", server, "\" is not HOST:PORT");
  }
  return "";
}

// A number with a unit, as in 500ms, 10s, 2m; a bare number is seconds.
std::string ReadTimeout(const std::string& text, absl::Duration& timeout) {
  double seconds = 0;
  if (absl::SimpleAtod(text, &seconds)) {
    timeout = absl::Seconds(seconds);
  } else if (!absl::ParseDuration(text, &timeout)) {
    return absl::StrCat("\"", text, "\" is not a time such as 500ms, 10s or 2m");
  }
  if (timeout <= absl::ZeroDuration() || timeout > absl::Hours(24)) {
    return absl::StrCat("\"", text, "\" is not above 0 and at most 24h");
  }
  return "";
}

void AddGlobalFlags(CLI::App& app, GlobalFlags& flags) {
  app.add_option("--server", flags.server,
                 "The server (or environment DMEM_SERVER; default 127.0.0.1:7171)")
      ->type_name("HOST:PORT");
  app.add_option_function<std::string>(
         "--timeout",
         [&flags](const std::string& text) {
           const std::string error = ReadTimeout(text, flags.timeout);
           if (!error.empty()) throw CLI::ValidationError("--timeout", error);
         },
         "For each call, with its retries, such as 500ms or 2m (default 10s)")
      ->type_name("TIME");
  app.add_option_function<std::string>(
         "-o,--output",
         [&flags](const std::string& text) {
           flags.json = text == "json";
           flags.csv = text == "csv";
         },
         "table (default), or json: names as in the proto, exact bytes as decimal strings;\n"
         "csv: of report only")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"table", "json", "csv"}));
  app.add_flag_callback(
      "--no-headers", [&flags] { flags.headers = false; }, "Tables without their first line");
}

}  // namespace

int RunDmemctl(std::vector<std::string> arguments, const Environment& environment) {
  CLI::App app("dmemctl: who may hold how much device memory, in a whole cluster", "dmemctl");
  app.formatter(std::make_shared<HelpFormat>());
  app.require_subcommand(1);
  app.fallthrough();
  app.footer(Footer());
  app.set_version_flag("--version", std::string("dmemctl ") + kVersion);
  GlobalFlags flags;
  flags.server = environment.default_server;
  AddGlobalFlags(app, flags);
  Command command;
  AddGetCommands(app, command);
  AddTreeCommand(app, command);
  AddRegionCommands(app, command);
  AddSessionCommands(app, command);
  AddCgroupCommands(app, command);
  AddChargeCommands(app, command);
  AddReservationCommands(app, command);
  AddMoveCommand(app, command);
  AddEvictCommands(app, command);
  AddHeadroomCommand(app, command);
  AddHistoryCommand(app, command);
  AddWhyCommand(app, command);
  AddWhoCommand(app, command);
  AddReportCommand(app, command);
  AddTextCommands(app, command);
  AddServerCommands(app, command);

  arguments = SplitTypeNames(std::move(arguments));
  try {
    // The parser takes them from the end.
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(reversed);
    const std::string server_error = CheckServer(flags.server);
    if (!server_error.empty()) throw CLI::ValidationError("--server", server_error);
    if (flags.csv && !app.got_subcommand("report"))
      throw CLI::ValidationError("--output", "csv is of report only");
  } catch (const CLI::Success& success) {  // --help and --version.
    app.exit(success, environment.out, environment.err);
    return kExitOk;
  } catch (const CLI::ParseError& error) {
    environment.err << "Usage error: " << ExplainUsage(app, arguments, error)
                    << "\nRun dmemctl --help, or a command with --help, for what can be typed.\n";
    return kExitUsage;
  }

  Session session(environment, flags);
  const absl::Status status = command(session);
  if (!status.ok()) {
    environment.err << (flags.json ? ErrorToJson(status) : ExplainError(status, flags.server));
  }
  return ExitCodeOf(status);
}

}  // namespace dmem::client
