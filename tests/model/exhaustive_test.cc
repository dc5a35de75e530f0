// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The ledger against the naive model, on all sequences of a few commands.
//
// A state that was reached before, be it by other commands, is not gone on from again: what could
// follow was tried there (KeyOf says when states are the same). All shorter sequences are tried
// before longer ones, so that the first that fails is as short as any.
//
// Flags: --alphabet=NAME runs one only; --depth=N: sequences of up to N commands.

#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "core/invariants.h"
#include "core/state_codec.h"
#include "core/state_restorer.h"
#include "gtest/gtest.h"
#include "tests/model/alphabets.h"
#include "tests/model/ledger_runner.h"
#include "tests/model/model.h"
#include "tests/model/protection_check.h"
#include "tests/model/state_key.h"

namespace dmem {
namespace model {
namespace {

struct Options {
  std::string alphabet;  // Empty: all.
  int depth = 0;         // 0: as the alphabet says.
};

Options& GetOptions() {
  static auto* options = new Options();
  return *options;
}

constexpr int64_t kBeginUs = 1000000000000;

uint64_t NewestSession(const View& view) {
  uint64_t newest = 0;
  for (const LeaseRow& row : view.leases) {
    const std::vector<absl::string_view> words = absl::StrSplit(row.text, ' ');
    uint64_t id = 0;
    if (words[0] != "session" || !absl::StrContains(row.text, " ACTIVE ")) continue;
    if (absl::SimpleAtoi(words[1], &id)) newest = std::max(newest, id);
  }
  return newest == 0 ? 1000 : newest;  // One that is not there.
}

// A letter as it is sent at the end of `sent`.
Command Resolve(Command letter, const std::vector<Command>& sent, const View& view) {
  letter.time_us += sent.empty() ? kBeginUs : sent.back().time_us;
  if (letter.session == kNewestSession) letter.session = NewestSession(view);
  for (auto& renewal : letter.renewals) renewal.first = NewestSession(view);
  if (letter.kind != Kind::kReconcile) return letter;
  letter.as_of = view.sequence - (kNow - letter.as_of);
  letter.nonce = absl::StrCat("f", sent.size());  // Another for each command.
  return letter;
}

// A sequence that was sent to a model and a ledger.
struct Node {
  std::vector<Command> sent;
  Model model;
  LedgerRunner runner;
};

class Search {
 public:
  explicit Search(const Alphabet& alphabet) : alphabet_(alphabet) {}

  void Run(int depth) {
    std::vector<std::vector<size_t>> paths = {{}};
    seen_.insert(HashOfKey(*At({})));
    for (int length = 1; length <= depth && !paths.empty(); ++length) {
      std::vector<std::vector<size_t>> next;
      for (const std::vector<size_t>& path : paths) {
        for (const size_t letter : GoOnFrom(path)) {
          next.push_back(path);
          next.back().push_back(letter);
        }
        if (::testing::Test::HasFailure()) return;
      }
      paths = std::move(next);
    }
    double sequences = 0, longest = 1;
    for (int length = 1; length <= depth; ++length) {
      longest *= static_cast<double>(alphabet_.letters.size());
      sequences += longest;
    }
    std::printf("%s: %d commands, up to %d in sequence (%.0f sequences): %d states, %d steps\n",
                alphabet_.name.c_str(), static_cast<int>(alphabet_.letters.size()), depth,
                sequences, static_cast<int>(seen_.size()), static_cast<int>(steps_));
    // What is never answered OK shows little.
    for (size_t i = 0; i < alphabet_.letters.size(); ++i) {
      EXPECT_TRUE(was_ok_[i]) << alphabet_.letters[i].ToString();
    }
  }

 private:
  // 64 bits: of a million states, two have the same in one of 30 million searches.
  static uint64_t HashOfKey(const Node& node) {
    return std::hash<std::string>()(KeyOf(node.runner.state(), node.sent.back().time_us));
  }

  // The ledger and the model after these letters; what is compared has been on the way here.
  std::unique_ptr<Node> At(const std::vector<size_t>& path) const {
    auto node = std::make_unique<Node>();
    const auto send = [&](const Command& letter) {
      node->sent.push_back(Resolve(letter, node->sent, node->model.view()));
      node->model.Apply(node->sent.back());
      node->runner.Apply(node->sent.back());
    };
    for (const Command& command : alphabet_.setup) send(command);
    for (const size_t letter : path) send(alphabet_.letters[letter]);
    return node;
  }

  // Sends each letter at the end of the path. Returns those that led to a state that is new.
  std::vector<size_t> GoOnFrom(const std::vector<size_t>& path) {
    const std::unique_ptr<Node> before = At(path);
    StateDelta objects = DiffStates(nullptr, StateHash(), before->runner.state());
    std::sort(objects.puts.begin(), objects.puts.end());
    std::vector<size_t> fresh;
    for (size_t letter = 0; letter < alphabet_.letters.size(); ++letter) {
      Node node;
      node.sent = before->sent;
      node.model = before->model;
      // By turns a ledger that had all the commands, and one that was restored.
      std::string difference;
      if ((path.size() + letter) % 2 == 0) {
        for (const Command& command : node.sent) node.runner.Apply(command);
      } else {
        difference = Restore(objects, &node.runner);
      }
      node.sent.push_back(Resolve(alphabet_.letters[letter], node.sent, node.model.view()));
      if (difference.empty()) difference = Step(&node, letter);
      if (difference.empty() && seen_.insert(HashOfKey(node)).second) {
        fresh.push_back(letter);
        difference = CompareAllProtection(node);
      }
      if (difference.empty()) continue;
      ADD_FAILURE() << "after\n  "
                    << absl::StrJoin(node.sent, "\n  ",
                                     [](std::string* out, const Command& command) {
                                       out->append(command.ToString());
                                     })
                    << "\n"
                    << difference;
      return fresh;
    }
    return fresh;
  }

  static std::string Restore(const StateDelta& objects, LedgerRunner* runner) {
    auto ledger = std::make_unique<Ledger>();
    StateRestorer restorer(ledger.get());
    for (const auto& [key, value] : objects.puts) {
      if (const absl::Status status = restorer.AddObject(key, value); !status.ok())
        return absl::StrCat("restored: ", status.ToString());
    }
    if (const absl::Status status = restorer.Finish(); !status.ok())
      return absl::StrCat("restored: ", status.ToString());
    if (HashOf(ledger->state()) != objects.hash) return "restored: another state hash";
    runner->ContinueWith(std::move(ledger));
    return "";
  }

  // Sends the last command, and compares what is seen.
  std::string Step(Node* node, size_t letter) {
    ++steps_;
    const Command& command = node->sent.back();
    const std::string expected = node->model.Apply(command);
    const std::string got = node->runner.Apply(command);
    if (got != expected) return absl::StrCat("expected ", expected, "\n     got ", got);
    was_ok_[letter] = was_ok_[letter] || absl::StartsWith(got, "OK");
    const State& state = node->runner.state();
    std::string difference = Difference(node->model.view(), LookAt(state, command.time_us));
    if (!difference.empty()) return difference;
    const AuditReport report = CheckInvariants(state);
    if (report.violations_total == 0) return "";
    return absl::StrCat("violations: ", absl::StrJoin(report.violations, "; "));
  }

  static std::string CompareAllProtection(const Node& node) {
    const View& view = node.model.view();
    for (const RegionRow& region : view.regions) {
      for (const CgroupRow& limit : view.cgroups) {
        for (const bool ignore_low : {false, true}) {
          ProtectionQuestion question;
          question.region = region;
          question.limit = limit;
          question.ignore_low = ignore_low;
          question.is_full = limit.id == Model::kRoot;
          std::string difference = CompareProtection(node.runner.state(), node.model, question);
          if (!difference.empty()) return difference;
        }
      }
    }
    return "";
  }

  const Alphabet& alphabet_;
  absl::flat_hash_set<uint64_t> seen_;
  std::vector<bool> was_ok_ = std::vector<bool>(alphabet_.letters.size());
  uint64_t steps_ = 0;
};

class ExhaustiveTest : public ::testing::TestWithParam<size_t> {};

TEST_P(ExhaustiveTest, LedgerAnswersAndLooksAsTheModelOnAllSequences) {
  const Options& options = GetOptions();
  const Alphabet alphabet = Alphabets()[GetParam()];
  if (!options.alphabet.empty() && options.alphabet != alphabet.name) return;
  Search(alphabet).Run(options.depth == 0 ? alphabet.depth : options.depth);
}

INSTANTIATE_TEST_SUITE_P(Of, ExhaustiveTest, ::testing::Range<size_t>(0, Alphabets().size()),
                         [](const auto& info) { return Alphabets()[info.param].name; });

}  // namespace
}  // namespace model
}  // namespace dmem

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  dmem::model::Options& options = dmem::model::GetOptions();
  for (int i = 1; i < argc; ++i) {
    absl::string_view flag = argv[i];
    if (absl::ConsumePrefix(&flag, "--alphabet=")) {
      options.alphabet = std::string(flag);
    } else if (!(absl::ConsumePrefix(&flag, "--depth=") &&
                 absl::SimpleAtoi(flag, &options.depth))) {
      std::fprintf(stderr, "unknown flag %s\n", argv[i]);
      return 2;
    }
  }
  return RUN_ALL_TESTS();
}
