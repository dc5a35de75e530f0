// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The corpora are what they are meant to be: of an input that is refused at once, hardly any change
// gets further.

#include <dirent.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "core/invariants.h"
#include "core/ledger.h"
#include "core/state_restorer.h"
#include "server/record.h"
#include "tests/fuzz/calls.h"
#include "tests/fuzz/objects.h"
#include "tests/fuzz/player.h"

namespace dmem::fuzz {
namespace {

// By name, without findings, which may be refused.
std::map<std::string, std::string> InputsOf(const std::string& target) {
  const std::string directory = "tests/fuzz/corpus/" + target;
  std::map<std::string, std::string> inputs;
  DIR* entries = opendir(directory.c_str());
  while (const dirent* entry = entries == nullptr ? nullptr : readdir(entries)) {
    const std::string name = entry->d_name;
    if (name[0] == '.' || absl::StartsWith(name, "found-")) continue;
    std::ifstream file(directory + "/" + name, std::ios::binary);
    inputs[name].assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  if (entries != nullptr) closedir(entries);
  EXPECT_FALSE(inputs.empty()) << directory;
  return inputs;
}

TEST(CorpusTest, EachLineOfCallsIsACall) {
  for (const auto& [name, text] : InputsOf("calls")) {
    EXPECT_EQ(ParseCalls(text).size(), std::count(text.begin(), text.end(), '\n')) << name;
  }
}

TEST(CorpusTest, MostCommandsAreTaken) {
  for (const auto& [name, text] : InputsOf("calls")) {
    Player player;
    player.Play(ParseCalls(text));
    EXPECT_GE(player.records().size(), 8u) << name;
  }
}

TEST(CorpusTest, EachRecordIsReplayed) {
  for (const auto& [name, bytes] : InputsOf("record")) {
    Ledger ledger;
    EXPECT_EQ(server::ReplayRecord(bytes, &ledger), absl::OkStatus()) << name;
  }
}

TEST(CorpusTest, EachCheckpointIsRestored) {
  for (const auto& [name, bytes] : InputsOf("checkpoint")) {
    Ledger ledger;
    StateRestorer restorer(&ledger);
    absl::string_view left = bytes;
    while (!left.empty()) {
      const auto [key, value] = TakeObject(&left);
      ASSERT_EQ(restorer.AddObject(key, value), absl::OkStatus()) << name;
    }
    ASSERT_EQ(restorer.Finish(), absl::OkStatus()) << name;
    EXPECT_EQ(CheckInvariants(ledger.state()).violations_total, 0u) << name;
  }
}

}  // namespace
}  // namespace dmem::fuzz
