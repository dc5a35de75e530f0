// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// charge_load: a round of Charges on one server, and what it gave, as one JSON object.

#include <cstdio>
#include <map>
#include <string>

#include "CLI/CLI.hpp"
#include "bench/load/kinds.h"
#include "bench/load/round.h"
#include "bench/load/target.h"
#include "nlohmann/json.hpp"

namespace dmem::bench {
namespace {

enum class Shape { kUnary, kBatch };

struct Flags {
  std::string server;
  Shape shape = Shape::kUnary;
  RoundOptions round;
  double warm_up_seconds = 0.2;
  int connections = 1;
  bool is_echo = false;
};

template <typename Kind>
RoundResult RunRound(const Flags& flags, const Target& target, ChargeNumbers* numbers) {
  RoundOptions warm_up = flags.round;
  warm_up.seconds = flags.warm_up_seconds;
  const uint64_t first = numbers->next();
  if (flags.warm_up_seconds > 0) Round<Kind>(target, numbers, warm_up).Run();
  const RoundResult result = Round<Kind>(target, numbers, flags.round).Run();
  // Not in any measured time.
  if (!flags.is_echo) Uncharge(target, *numbers, first, numbers->next());
  return result;
}

int Main(const Flags& flags) {
  const Target target(flags.server, flags.connections);
  ChargeNumbers numbers;
  if (!flags.is_echo) MakeObjects(target);
  const RoundResult result = flags.shape == Shape::kUnary
                                 ? RunRound<Unary>(flags, target, &numbers)
                                 : RunRound<Batched>(flags, target, &numbers);
  const nlohmann::ordered_json json = {
      {"charges_per_second", result.charges_per_second},
      {"calls", result.calls},
      {"p50_us", Quantile(result.latencies_us, 0.5)},
      {"p99_us", Quantile(result.latencies_us, 0.99)},
      {"p999_us", Quantile(result.latencies_us, 0.999)},
      {"max_us", result.latencies_us.empty() ? 0 : result.latencies_us.back()},
      {"request_bytes", result.request_bytes},
      {"response_bytes", result.response_bytes},
  };
  std::printf("%s\n", json.dump().c_str());
  return 0;
}

}  // namespace
}  // namespace dmem::bench

int main(int argc, char** argv) {
  using dmem::bench::Shape;
  dmem::bench::Flags flags;
  CLI::App app("charge_load: durable Charges on a dmemd, or on echo_server; one JSON object");
  const auto flag = [&app](const char* name, auto& value, const char* help) {
    return app.add_option(name, value, help)->capture_default_str();
  };
  app.add_option("--server", flags.server, "HOST:PORT")->required();
  const std::map<std::string, Shape> shapes = {{"unary", Shape::kUnary}, {"batch", Shape::kBatch}};
  app.add_option("--shape", flags.shape, "unary, or batch: 1000 charges a call")
      ->transform(CLI::CheckedTransformer(shapes));
  flag("--in-flight", flags.round.in_flight, "Calls in flight, at most")
      ->check(CLI::Range(1, 10000));
  flag("--seconds", flags.round.seconds, "Length of the round")->check(CLI::Range(0.05, 3600.0));
  flag("--rate", flags.round.rate, "Calls offered a second; 0: as many as are answered")
      ->check(CLI::Range(0.0, 1e6));
  flag("--warm-up", flags.warm_up_seconds, "Seconds of the same load before, not counted")
      ->check(CLI::Range(0.0, 60.0));
  flag("--connections", flags.connections, "Connections")->check(CLI::Range(1, 1000));
  app.add_flag("--echo", flags.is_echo, "The server is echo_server: nothing to make or give back");
  CLI11_PARSE(app, argc, argv);
  return dmem::bench::Main(flags);
}
