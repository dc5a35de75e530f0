// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/cli/help_format.h"

#include <sstream>

namespace dmem::client {
namespace {

constexpr size_t kNameColumns = 30;
constexpr size_t kDescriptionColumns = 100 - kNameColumns;

}  // namespace

HelpFormat::HelpFormat() {
  column_width(kNameColumns);
  label("SUBCOMMAND", "COMMAND");
  label("Subcommands", "Commands");
  label("Positionals", "Arguments");
}

std::string HelpFormat::make_option_opts(const CLI::Option* option) const {
  if (option->get_positional()) return "";
  const bool flag = option->get_type_size() == 0;
  // What add_option and a check for set members leave: "TEXT", "INT", "FORMAT:{table,json}".
  std::string type = option->get_type_name();
  const size_t colon = type.find(':');
  if (colon != std::string::npos && type.find('{') != std::string::npos) type.resize(colon);
  if (flag || type.empty()) return "";
  if (type == "TEXT" || type == "INT" || type == "UINT") type = "VALUE";
  return " " + type + (option->get_required() ? " (required)" : "");
}

std::string HelpFormat::make_option_desc(const CLI::Option* option) const {
  std::istringstream words(option->get_description());
  std::string lines, line, word;
  while (words >> word) {
    if (!line.empty() && line.size() + 1 + word.size() > kDescriptionColumns) {
      lines += line + "\n";
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
  }
  return lines + line;
}

std::string HelpFormat::make_option_usage(const CLI::Option* option) const {
  std::string name = make_option_name(option, true);
  // Several words in one argument are named together: CGROUP-REGION-SIZE.
  for (char& c : name) c = c == '-' ? ' ' : c;
  if (option->get_expected_max() > option->get_expected_min() && option->get_expected_max() > 1) {
    name += " ...";
  }
  return option->get_required() ? name : "[" + name + "]";
}

}  // namespace dmem::client
