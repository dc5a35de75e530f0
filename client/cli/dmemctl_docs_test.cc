// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// docs/cli.md: its commands and short names are those of the program.

#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "client/cli/dmemctl_fixture.h"
#include "client/cli/options.h"

namespace dmem::client {
namespace {

using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

std::string Docs() {
  std::ifstream file("docs/cli.md");
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_FALSE(text.str().empty());
  return text.str();
}

// The commands that a help lists, each by the first of its names.
std::vector<std::string> ListedIn(const std::string& help) {
  std::vector<std::string> commands;
  bool is_list = false;
  for (const absl::string_view line : absl::StrSplit(help, '\n')) {
    if (is_list && line.substr(0, 2) == "  " && line.size() > 2 && line[2] != ' ') {
      commands.emplace_back(line.substr(2, line.find_first_of(" ,", 2) - 2));
    }
    is_list = line == "Subcommands:" || (is_list && !line.empty());
  }
  return commands;
}

// "get region" and so on, of each command whose table row in the docs is said in `code`.
void AddCommands(absl::string_view code, std::set<std::string>* commands) {
  std::vector<std::string> words = absl::StrSplit(code, ' ');
  commands->insert(words[0]);
  if (words.size() < 2) return;
  for (absl::string_view noun : absl::StrSplit(words[1], '|')) {
    commands->insert(absl::StrCat(words[0], " ", noun));
    for (const Noun* known : kNouns) {
      if (noun == known->plural) commands->insert(absl::StrCat(words[0], " ", known->singular));
    }
  }
}

// The commands of the first column of the table below "## Commands".
std::set<std::string> Documented() {
  std::set<std::string> commands;
  const std::string docs = absl::StrReplaceAll(Docs(), {{"\\|", "|"}});
  const size_t from = docs.find("## Commands");
  for (absl::string_view row :
       absl::StrSplit(docs.substr(from, docs.find("\n## ", from) - from), '\n')) {
    if (row.substr(0, 3) != "| `") continue;
    const std::vector<std::string> code =
        absl::StrSplit(row.substr(0, row.find(" | ", 2)), '`');  // Each second is code.
    for (size_t i = 1; i < code.size(); i += 2) AddCommands(code[i], &commands);
  }
  return commands;
}

TEST_F(DmemctlTest, EachCommandOfTheHelpIsInTheDocsAndNoOther) {
  std::set<std::string> verbs, all;
  for (const std::string& verb : ListedIn(Output({"--help"}))) {
    verbs.insert(verb);
    all.insert(verb);
    for (const std::string& noun : ListedIn(Output({verb, "--help"})))
      all.insert(absl::StrCat(verb, " ", noun));
  }
  ASSERT_GT(verbs.size(), 20u);
  ASSERT_EQ(all.count("get region"), 1u);
  const std::set<std::string> documented = Documented();
  EXPECT_THAT(documented, IsSupersetOf(all));
  for (const std::string& command : documented) {
    EXPECT_EQ(verbs.count(command.substr(0, command.find(' '))), 1u) << command;
  }
}

TEST_F(DmemctlTest, HelpAndDocsHaveTheShortNamesOfAllTypes) {
  const std::string help = Output({"--help"});
  const std::string docs = absl::StrReplaceAll(Docs(), {{"\n", " "}});
  for (const Noun* noun : kNouns) {
    EXPECT_THAT(help, HasSubstr(absl::StrCat(noun->singular, " ", noun->short_name)));
    EXPECT_THAT(docs, HasSubstr(absl::StrCat("`", noun->singular, "` `", noun->short_name, "`")));
  }
}

}  // namespace
}  // namespace dmem::client
