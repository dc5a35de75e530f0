// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/simulation/simulation.h"

#include <algorithm>
#include <memory>

#include "server/log.h"
#include "tests/simulation/oracle.h"
#include "tests/simulation/party.h"
#include "tests/simulation/simulated_server.h"

namespace dmem::simulation {
namespace {

constexpr int kPartiesMax = 5;
// Long after the last deadline: what is left then is left for ever.
constexpr int64_t kEndUs = 60'000'000;

using Parties = std::vector<std::unique_ptr<Party>>;

bool AreDone(const Parties& parties) {
  return std::all_of(parties.begin(), parties.end(),
                     [](const auto& party) { return party->is_done(); });
}

}  // namespace

Result Simulate(const Options& options) {
  server::SetLogLevel(server::LogLevel::kError);
  World world(options.seed);
  if (options.keep_trace) world.KeepAll();
  Oracle oracle(&world);
  SimulatedServer server(&world, &oracle);
  Parties parties;
  const int64_t count = world.rng().Between(1, kPartiesMax);
  for (int i = 0; i < count; ++i) {
    parties.push_back(std::make_unique<Party>(&world, &oracle, &server, i + 1, options.calls));
  }
  server.Start();
  for (const auto& party : parties) party->Begin();
  // After a violation the parties still end, since their threads must.
  while (!AreDone(parties)) world.RunNext();
  if (world.violation().empty()) {
    server.Heal();
    const int64_t end_us = world.now_us() + kEndUs;
    while (world.now_us() < end_us && world.violation().empty()) world.RunNext();
    if (server.is_up()) server.CutPower();
    while (!server.is_up() && world.violation().empty()) world.RunNext();
  }
  return {world.violation(), world.trace(), world.trace_hash(), world.counts()};
}

}  // namespace dmem::simulation
