// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// A server against the naive model, through its API, restarts included.

#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/clock.h"
#include "server/testing/test_server.h"
#include "tests/model/generator.h"
#include "tests/model/grpc_runner.h"
#include "tests/model/headroom_check.h"
#include "tests/model/model.h"

namespace dmem {
namespace model {
namespace {

constexpr uint64_t kEpisodes = 20;
constexpr int kSteps = 150;

// The next command that is an RPC, at the server's time. What an id covers depends on two clocks
// here, and is left to the test on the core: all is created in a few seconds of `epoch_us`.
Command Next(Generator* generator, const View& view, int64_t epoch_us) {
  constexpr int64_t kGeneratorEpochUs = 1000000000000;
  Command command;
  do {
    command = generator->Next(view);
  } while (command.kind == Kind::kConfigure);
  command.time_us = absl::ToUnixMicros(server::WallClockNow());
  // The server's clock goes on by itself: nothing expires in a test.
  if (command.ttl_us > 0) command.ttl_us += 3600000000;
  command.created_at_us = epoch_us + (command.created_at_us - kGeneratorEpochUs) / 1000;
  return command;
}

void RunEpisode(uint64_t seed) {
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  server::Config config;
  config.ticks = false;
  server::TestServer server(config);
  Model model;
  Generator generator(seed);
  generator.WithoutSessions();
  // Within the window of ids, and far from its ends.
  const int64_t epoch_us = absl::ToUnixMicros(server::WallClockNow() - absl::Minutes(5));
  std::mt19937_64 dice(seed);
  std::string commands;
  for (int i = 0; i < kSteps; ++i) {
    const Command command = Next(&generator, model.view(), epoch_us);
    absl::StrAppend(&commands, "\n  ", command.ToString());
    GrpcRunner runner(&server.stub());
    const std::string expected = model.Apply(command);
    ASSERT_EQ(runner.Apply(command), expected) << commands;
    if (i % 40 == 39) {
      ASSERT_TRUE(server.Restart().ok());
    }
    GrpcRunner reader(&server.stub());
    View got = reader.Look(), wanted = model.view();
    Hide(&got);
    Hide(&wanted);
    ASSERT_EQ(Difference(wanted, got), "") << commands;
    const Shape shape = ShapeFor(model.view(), dice());
    ASSERT_EQ(CheckHeadroom(model, shape, reader.Headroom(shape)), "") << commands;
  }
  server.StateHash();  // Audits.
}

TEST(ServerModelTest, ServerAnswersAndListsAsTheModelOnRandomCommands) {
  for (uint64_t seed = 1; seed <= kEpisodes && !HasFailure(); ++seed) RunEpisode(seed);
}

}  // namespace
}  // namespace model
}  // namespace dmem
