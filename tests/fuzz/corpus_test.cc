// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The corpora are what they are meant to be: of an input that is refused at once, hardly any change
// gets further.

#include "tests/fuzz/corpus.h"

#include <gtest/gtest.h>

#include <algorithm>
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

// Without findings, which may be refused.
std::map<std::string, std::string> InputsOf(const std::string& target) {
  std::map<std::string, std::string> inputs = ReadCorpus("tests/fuzz/corpus/" + target);
  for (auto i = inputs.begin(); i != inputs.end();) {
    i = absl::StartsWith(i->first, "found-") ? inputs.erase(i) : std::next(i);
  }
  EXPECT_FALSE(inputs.empty()) << target;
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
