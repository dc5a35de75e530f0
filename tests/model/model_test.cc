// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The ledger against the naive model, on random commands.
//
// Flags: --seed=N and --episodes=N choose what is run (a failure prints its seed); --steps=N how
// long an episode is; --verbose prints each command and its answer.

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/model/episode.h"
#include "tests/model/generator.h"

namespace dmem {
namespace model {
namespace {

using ::testing::Contains;
using ::testing::Key;

struct Options {
  uint64_t seed = 1;
  uint64_t episodes = 4000;
  uint64_t steps = 250;
  bool is_default = true;
  bool verbose = false;
};

Options& GetOptions() {
  static auto* options = new Options();
  return *options;
}

char g_running[80];

// A failed check of the core ends the process: then at least the seed is known.
void SayWhatRan(int signal) {
  const ssize_t written = write(STDERR_FILENO, g_running, sizeof(g_running));
  std::signal(signal, SIG_DFL);
  std::raise(written < 0 ? SIGKILL : signal);
}

// The kind of command, and the answer without its numbers: "Charge RESOURCE_EXHAUSTED CAPACITY".
std::string Summary(const Command& command, const std::string& answer) {
  const std::string text = command.ToString();
  const size_t name = text.find(' ') + 1;
  std::string summary = text.substr(name, text.find(' ', name) - name);
  if (answer[0] == 'O' && answer != "OK replayed") {
    const bool would_refuse = command.kind != Kind::kSetLimits &&
                              command.kind != Kind::kReconcile && answer.find('{') != answer.npos;
    return absl::StrCat(summary, " OK", would_refuse ? " would_refuse" : "");
  }
  const size_t reason = answer.find(' ') + 1;
  return absl::StrCat(summary, " ", answer.substr(0, answer.find(' ', reason)));
}

// The kinds of the differences that a Reconcile answered, each as often as it came.
std::vector<std::string> KindsFound(const Command& command, const std::string& answer) {
  std::vector<std::string> kinds;
  if (command.kind != Kind::kReconcile) return kinds;
  for (size_t at = answer.find('{'); at != answer.npos; at = answer.find('{', at + 1)) {
    kinds.push_back(answer.substr(at + 1, answer.find(' ', at) - at - 1));
  }
  return kinds;
}

// Runs an episode. If the two differ, says where, and with which few commands.
void RunEpisode(uint64_t seed, std::map<std::string, int>* seen) {
  absl::SNPrintF(g_running, sizeof(g_running), "\nin the episode of --seed=%d --episodes=1\n",
                 seed);
  Generator generator(seed);
  std::vector<Command> commands;
  std::string difference;
  {
    Episode episode;
    while (difference.empty() && commands.size() < GetOptions().steps) {
      commands.push_back(generator.Next(episode.model().view()));
      if (GetOptions().verbose) {
        std::fprintf(stderr, "%s\n", commands.back().ToString().c_str());
      }
      difference = episode.Step(commands.back());
      if (GetOptions().verbose) std::fprintf(stderr, "    %s\n", episode.answer().c_str());
      ++(*seen)[Summary(commands.back(), episode.answer())];
      for (const std::string& kind : KindsFound(commands.back(), episode.answer())) {
        ++(*seen)[absl::StrCat("Reconcile found ", kind)];
      }
    }
    if (difference.empty()) difference = episode.Finish();
  }
  if (difference.empty()) return;
  std::string report = absl::StrCat("--seed=", seed, " --episodes=1, command ", commands.size(),
                                    ":\n", difference, "\nin short:\n");
  Episode episode;
  for (const Command& command : Shorten(commands)) {
    absl::StrAppend(&report, "  ", command.ToString(), "\n");
    difference = episode.Step(command);
  }
  if (difference.empty()) difference = episode.Finish();
  ADD_FAILURE() << report << difference;
}

// Every so many episodes are a test, so that they can run in parallel.
constexpr uint64_t kParts = 4;

class ModelTest : public ::testing::TestWithParam<uint64_t> {};

TEST_P(ModelTest, LedgerAnswersAndLooksAsTheModelOnRandomCommands) {
  std::map<std::string, int> seen;
  const Options& options = GetOptions();
  for (uint64_t i = GetParam(); i < options.episodes && !HasFailure(); i += kParts)
    RunEpisode(options.seed + i, &seen);
  uint64_t steps = 0;
  for (const auto& [answer, count] : seen) steps += static_cast<uint64_t>(count);
  std::printf("%d commands\n", static_cast<int>(steps));
  if (options.verbose) {
    for (const auto& [answer, count] : seen) std::printf("%8d %s\n", count, answer.c_str());
  }
  if (!options.is_default || HasFailure()) return;
  // The comparison says nothing about what the commands never reach.
  for (const char* answer : {
           "Register OK",
           "Register FAILED_PRECONDITION WRONG_KIND",
           "Register NOT_FOUND PARENT_NOT_FOUND",
           "Register ABORTED STALE_INCARNATION",
           "Register FAILED_PRECONDITION HAS_CHARGES",
           "Register RESOURCE_EXHAUSTED TOO_MANY",
           "Unregister OK",
           "Unregister NOT_FOUND REGION_NOT_FOUND",
           "Unregister FAILED_PRECONDITION WRONG_KIND",
           "Cordon OK",
           "RegisterGroup OK",
           "RegisterGroup FAILED_PRECONDITION WRONG_KIND",
           "RegisterGroup NOT_FOUND PARENT_NOT_FOUND",
           "RegisterGroup FAILED_PRECONDITION GROUP_CYCLE",
           "RegisterGroup FAILED_PRECONDITION HAS_CHARGES",
           "RegisterGroup RESOURCE_EXHAUSTED TOO_MANY",
           "UnregisterGroup OK",
           "UnregisterGroup NOT_FOUND GROUP_NOT_FOUND",
           "UnregisterGroup FAILED_PRECONDITION GROUP_NOT_EMPTY",
           "Charge OK",
           "Charge OK would_refuse",
           "Charge OK replayed",
           "Charge INVALID_ARGUMENT CREATED_AT_IN_FUTURE",
           "Charge ALREADY_EXISTS CHARGE_ID_IN_USE",
           "Charge FAILED_PRECONDITION ALREADY_RELEASED",
           "Charge FAILED_PRECONDITION ID_TOO_OLD",
           "Charge NOT_FOUND REGION_NOT_FOUND",
           "Charge FAILED_PRECONDITION WRONG_KIND",
           "Charge FAILED_PRECONDITION REGION_GONE",
           "Charge ABORTED INCARNATION_MISMATCH",
           "Charge FAILED_PRECONDITION REGION_CORDONED",
           "Charge NOT_FOUND CGROUP_NOT_FOUND",
           "Charge FAILED_PRECONDITION CGROUP_DYING",
           "Charge RESOURCE_EXHAUSTED TOO_MANY",
           "Charge RESOURCE_EXHAUSTED MAX_EXCEEDED",
           "Charge RESOURCE_EXHAUSTED CAPACITY",
           "Charge RESOURCE_EXHAUSTED COUNTER_OVERFLOW",
           "Uncharge OK",
           "Resize OK",
           "Resize OK would_refuse",
           "Resize NOT_FOUND CHARGE_NOT_FOUND",
           "Resize NOT_FOUND ITEM_NOT_FOUND",
           "Resize FAILED_PRECONDITION ALREADY_RELEASED",
           "Resize ABORTED EXPECTED_BYTES_MISMATCH",
           "Resize FAILED_PRECONDITION REGION_GONE",
           "Resize FAILED_PRECONDITION REGION_CORDONED",
           "Resize FAILED_PRECONDITION CGROUP_DYING",
           "Resize RESOURCE_EXHAUSTED MAX_EXCEEDED",
           "Resize RESOURCE_EXHAUSTED CAPACITY",
           "Resize RESOURCE_EXHAUSTED COUNTER_OVERFLOW",
           "Commit OK",
           "Commit OK would_refuse",
           "Commit OK replayed",
           "Commit NOT_FOUND CHARGE_NOT_FOUND",
           "Commit FAILED_PRECONDITION ALREADY_RELEASED",
           "Commit ALREADY_EXISTS COMMIT_ID_IN_USE",
           "Commit FAILED_PRECONDITION NOT_RESERVED",
           "Commit NOT_FOUND REGION_NOT_FOUND",
           "Commit FAILED_PRECONDITION WRONG_KIND",
           "Commit NOT_FOUND ITEM_NOT_FOUND",
           "Commit FAILED_PRECONDITION NOT_A_MEMBER",
           "Commit FAILED_PRECONDITION REGION_GONE",
           "Commit ABORTED INCARNATION_MISMATCH",
           "Commit FAILED_PRECONDITION REGION_CORDONED",
           "Commit FAILED_PRECONDITION CGROUP_DYING",
           "Commit FAILED_PRECONDITION RESERVATION_TOO_SMALL",
           "Commit FAILED_PRECONDITION PLACEMENT_MISSING",
           "Commit RESOURCE_EXHAUSTED MAX_EXCEEDED",
           "Commit RESOURCE_EXHAUSTED CAPACITY",
           "Cancel OK",
           "Renew OK",
           "Renew NOT_FOUND CHARGE_NOT_FOUND",
           "Renew FAILED_PRECONDITION ALREADY_RELEASED",
           "Renew FAILED_PRECONDITION NOT_RESERVED",
           "RequestRelease OK",
           "RequestRelease NOT_FOUND CHARGE_NOT_FOUND",
           "RequestRelease FAILED_PRECONDITION NOT_HELD",
           "UnregisterGroup FAILED_PRECONDITION HAS_CHARGES",
           "SetLimits OK",
           "SetLimits NOT_FOUND REGION_NOT_FOUND",
           "SetLimits FAILED_PRECONDITION REGION_GONE",
           "SetLimits NOT_FOUND CGROUP_NOT_FOUND",
           "SetLimits FAILED_PRECONDITION CGROUP_DYING",
           "SetLimits ABORTED ETAG_MISMATCH",
           "SetLimits FAILED_PRECONDITION MAX_BELOW_USAGE",
           "SetLimits RESOURCE_EXHAUSTED TOO_MANY",
           "CreateCgroup OK",
           "CreateCgroup ALREADY_EXISTS CGROUP_EXISTS",
           "CreateCgroup NOT_FOUND PARENT_NOT_FOUND",
           "CreateCgroup RESOURCE_EXHAUSTED TOO_MANY",
           "DeleteCgroup OK",
           "DeleteCgroup NOT_FOUND CGROUP_NOT_FOUND",
           "DeleteCgroup FAILED_PRECONDITION CGROUP_DYING",
           "DeleteCgroup FAILED_PRECONDITION CGROUP_HAS_CHILDREN",
           "Configure OK",
           "OpenSession OK",
           "OpenSession ABORTED SESSION_CLOSED",
           "OpenSession ABORTED SESSION_FENCED",
           "OpenSession ABORTED SESSION_SUPERSEDED",
           "OpenSession ABORTED STALE_INCARNATION",
           "OpenSession RESOURCE_EXHAUSTED TOO_MANY",
           "CloseSession OK",
           "CloseSession NOT_FOUND SESSION_NOT_FOUND",
           "CloseSession ABORTED SESSION_FENCED",
           "DeclareNotReady OK",
           "DeclareNotReady NOT_FOUND NODE_NOT_FOUND",
           "Fence OK",
           "Fence NOT_FOUND NODE_NOT_FOUND",
           "Fence ABORTED STALE_INCARNATION",
           "ReportRegionState OK",
           "ReportRegionState INVALID_ARGUMENT NODE_MISMATCH",
           "ReportRegionState FAILED_PRECONDITION WRONG_KIND",
           "Resume OK",
           "Tick OK",
           "Register INVALID_ARGUMENT NODE_MISMATCH",
           "Register ABORTED SESSION_FENCED",
           "Charge ABORTED SESSION_FENCED",
           "Charge NOT_FOUND SESSION_NOT_FOUND",
           "Charge FAILED_PRECONDITION REGION_STALE",
           "Charge FAILED_PRECONDITION REGION_FAILED",
           "Charge FAILED_PRECONDITION REGION_LOST",
           "Uncharge FAILED_PRECONDITION RELEASE_NEEDS_EVIDENCE",
           "Charge RESOURCE_EXHAUSTED UNATTRIBUTED",
           "Resize RESOURCE_EXHAUSTED UNATTRIBUTED",
           "Reconcile OK",
           "Reconcile NOT_FOUND SESSION_NOT_FOUND",
           "Reconcile ABORTED SESSION_SUPERSEDED",
           "Reconcile INVALID_ARGUMENT AS_OF_IN_FUTURE",
           "Reconcile ABORTED RECONCILE_RESTART",
           "Reconcile NOT_FOUND REGION_NOT_FOUND",
           "Reconcile FAILED_PRECONDITION WRONG_KIND",
           "Reconcile INVALID_ARGUMENT NODE_MISMATCH",
           "Reconcile FAILED_PRECONDITION REGION_GONE",
           "Reconcile FAILED_PRECONDITION REGION_STALE",
           "Reconcile RESOURCE_EXHAUSTED TOO_MANY",
           "Reconcile RESOURCE_EXHAUSTED COUNTER_OVERFLOW",
           "Reconcile found RECORDED",
           "Reconcile found RECORDED_ANEW",
           "Reconcile found COMMITTED",
           "Reconcile found RESIZED",
           "Reconcile found SIZE_DIFFERS",
           "Reconcile found CGROUP_DIFFERS",
           "Reconcile found RELEASED",
           "ReportMeasured OK",
           "ReportMeasured NOT_FOUND REGION_NOT_FOUND",
           "ReportMeasured FAILED_PRECONDITION WRONG_KIND",
           "ReportMeasured FAILED_PRECONDITION REGION_GONE",
           "ReportMeasured INVALID_ARGUMENT NODE_MISMATCH",
           "MoveCharge OK",
           "MoveCharge FAILED_PRECONDITION ALREADY_RELEASED",
           "MoveCharge NOT_FOUND CHARGE_NOT_FOUND",
           "MoveCharge NOT_FOUND ITEM_NOT_FOUND",
           "MoveCharge NOT_FOUND CGROUP_NOT_FOUND",
           "MoveCharge FAILED_PRECONDITION CGROUP_DYING",
           "MoveCharge RESOURCE_EXHAUSTED TOO_MANY",
       }) {
    EXPECT_THAT(seen, Contains(Key(std::string(answer)))) << "never answered";
  }
}

INSTANTIATE_TEST_SUITE_P(Part, ModelTest, ::testing::Range<uint64_t>(0, kParts));

// The canary of the comparison.
TEST(DifferenceTest, EveryNumberCounts) {
  View view;
  view.regions.resize(1);
  view.cgroups.resize(1);
  view.pools.resize(1);
  view.charges.resize(1);
  view.charges[0].items.resize(1);
  view.spent_ids = {"c1"};
  EXPECT_EQ(Difference(view, view), "");
  const auto changed = [&](void (*change)(View*)) {
    View other = view;
    change(&other);
    return !Difference(view, other).empty() && !Difference(other, view).empty();
  };
  EXPECT_TRUE(changed([](View* v) { ++v->sequence; }));
  EXPECT_TRUE(changed([](View* v) { ++v->ids_covered_since_us; }));
  EXPECT_TRUE(changed([](View* v) { v->regions.clear(); }));
  EXPECT_TRUE(changed([](View* v) { ++v->regions[0].live_items; }));
  EXPECT_TRUE(changed([](View* v) { v->cgroups.emplace_back(); }));
  EXPECT_TRUE(changed([](View* v) { v->cgroups[0].is_dying = true; }));
  EXPECT_TRUE(changed([](View* v) { ++v->pools[0].peak; }));
  EXPECT_TRUE(changed([](View* v) { v->pools[0].byte_seconds = "0.000001"; }));
  EXPECT_TRUE(changed([](View* v) { ++v->pools[0].refusals; }));
  EXPECT_TRUE(changed([](View* v) { ++v->charges[0].items[0].bytes; }));
  EXPECT_TRUE(changed([](View* v) { v->charges[0].is_partial = true; }));
  EXPECT_TRUE(changed([](View* v) { v->charges[0].items[0].is_reserved = true; }));
  EXPECT_TRUE(changed([](View* v) { ++v->charges[0].expires_at_us; }));
  EXPECT_TRUE(changed([](View* v) { v->charges[0].release = "now"; }));
  EXPECT_TRUE(changed([](View* v) { ++v->regions[0].reservations; }));
  EXPECT_TRUE(changed([](View* v) { ++v->regions[0].unattributed; }));
  EXPECT_TRUE(changed([](View* v) { v->charges[0].items[0].measured = 0; }));
  EXPECT_TRUE(changed([](View* v) { v->charges[0].is_measured = true; }));
  EXPECT_TRUE(changed([](View* v) { v->spent_ids[0] = "c2"; }));
}

}  // namespace
}  // namespace model
}  // namespace dmem

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  dmem::model::Options& options = dmem::model::GetOptions();
  for (int i = 1; i < argc; ++i) {
    absl::string_view flag = argv[i];
    options.is_default = false;
    if (flag == "--verbose") {
      options.verbose = true;
    } else if (!(absl::ConsumePrefix(&flag, "--seed=") && absl::SimpleAtoi(flag, &options.seed)) &&
               !(absl::ConsumePrefix(&flag, "--episodes=") &&
                 absl::SimpleAtoi(flag, &options.episodes)) &&
               !(absl::ConsumePrefix(&flag, "--steps=") &&
                 absl::SimpleAtoi(flag, &options.steps))) {
      std::fprintf(stderr, "unknown flag %s\n", argv[i]);
      return 2;
    }
  }
  std::signal(SIGABRT, dmem::model::SayWhatRan);
  return RUN_ALL_TESTS();
}
