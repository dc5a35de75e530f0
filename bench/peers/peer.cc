// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "bench/peers/peer.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"

namespace dmem::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Connect = std::function<std::unique_ptr<PeerConnection>(const PeerFlags&)>;

constexpr uint64_t kTenants = 8;
constexpr uint64_t kJobsPerTenant = 32;
constexpr uint64_t kRegions = 8;
constexpr int64_t kNoLimit = int64_t{1} << 50;

Clock::duration Seconds(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

struct CallerResult {
  std::vector<uint32_t> latencies_us;
  Clock::time_point last_answer;
};

// One caller: its next call when the last has been answered.
CallerResult RunCaller(PeerConnection* connection, const PeerFlags& flags, int caller,
                       const std::string& run, Clock::time_point end) {
  CallerResult result;
  const std::string prefix = absl::StrCat("load-", run, "-", caller, "-");
  uint64_t number = static_cast<uint64_t>(caller) * 7919;
  std::vector<PeerCharge> charges(static_cast<size_t>(flags.batch));
  for (Clock::time_point start = Clock::now(); start < end; start = result.last_answer) {
    for (PeerCharge& charge : charges) charge = ChargeOf(prefix, number++);
    for (const Answer& answer : connection->Charge(charges)) {
      if (answer.verdict != Verdict::kGranted) PeerDie("a charge was not granted");
    }
    result.last_answer = Clock::now();
    result.latencies_us.push_back(static_cast<uint32_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(result.last_answer - start).count()));
  }
  return result;
}

nlohmann::ordered_json RunLoad(const PeerFlags& flags, double seconds,
                               const std::vector<std::unique_ptr<PeerConnection>>& connections) {
  const std::string run = absl::StrCat(absl::Hex(absl::ToUnixNanos(absl::Now())));
  std::vector<CallerResult> results(connections.size());
  std::vector<std::thread> threads;
  const Clock::time_point start = Clock::now();
  const Clock::time_point end = start + Seconds(seconds);
  for (size_t i = 0; i < connections.size(); ++i) {
    threads.emplace_back([&, i] {
      results[i] = RunCaller(connections[i].get(), flags, static_cast<int>(i), run, end);
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<uint32_t> latencies;
  Clock::time_point last = start;
  for (const CallerResult& result : results) {
    latencies.insert(latencies.end(), result.latencies_us.begin(), result.latencies_us.end());
    last = std::max(last, result.last_answer);
  }
  std::sort(latencies.begin(), latencies.end());
  const auto quantile = [&latencies](double part) {
    const auto at = static_cast<size_t>(part * static_cast<double>(latencies.size()));
    return latencies.empty() ? 0 : latencies[std::min(at, latencies.size() - 1)];
  };
  const double took = std::chrono::duration<double>(last - start).count();
  const auto charges = static_cast<double>(latencies.size()) * flags.batch;
  return {{"charges_per_second", charges / took},
          {"calls", latencies.size()},
          {"p50_us", quantile(0.5)},
          {"p99_us", quantile(0.99)},
          {"p999_us", quantile(0.999)}};
}

void Expect(bool condition, const std::string& what) {
  if (!condition) PeerDie(absl::StrCat("the check failed: ", what));
}

// What every authority must do with a charge, on counters with room for three; or, `after_crash`,
// that what was answered then is there.
void Check(PeerConnection* connection, bool after_crash) {
  constexpr int64_t kBytes = 1 << 20;
  const auto charge = [&](const std::string& id, uint64_t number) {
    PeerCharge one = ChargeOf("", number);
    one.id = "check-" + id;
    return connection->Charge({one}).at(0);
  };
  const PeerCharge sample = ChargeOf("", 0);
  const auto usage = [&](int level) {
    return connection->Read(sample.region, sample.paths[static_cast<size_t>(level)]);
  };
  if (after_crash) {
    Expect(usage(0)[0] == 3 * kBytes && usage(kLevels - 1)[0] == 2 * kBytes, "usage is kept");
    Expect(usage(0)[1] == 3 * kBytes, "the peak is kept");
    for (const char* const id : {"a", "c"})
      Expect(charge(id, 0).verdict == Verdict::kReplayed, "ids are kept");
    Expect(charge("d", 0).verdict == Verdict::kRefused, "there is no more room than before");
    return;
  }
  connection->SetUp(3 * kBytes);
  Expect(charge("a", 0).verdict == Verdict::kGranted, "the first charge is granted");
  Expect(charge("a", 0).verdict == Verdict::kReplayed, "the same again is replayed");
  Expect(usage(0)[0] == kBytes && usage(kLevels - 1)[0] == kBytes, "it is counted once");
  // 64 charges further on it is another job of the same tenant, on the same device.
  Expect(charge("b", 64).verdict == Verdict::kGranted, "another job's charge is granted");
  Expect(charge("c", 0).verdict == Verdict::kGranted, "what fills the device is granted");
  Expect(usage(0)[0] == 3 * kBytes && usage(kLevels - 1)[0] == 2 * kBytes, "sums are of levels");
  const Answer refused = charge("d", 0);
  Expect(refused.verdict == Verdict::kRefused, "what is too much is refused");
  Expect(refused.refusing_level == 1, "the first full counter upwards is named");
  Expect(usage(0)[0] == 3 * kBytes && usage(kLevels - 1)[0] == 2 * kBytes,
         "a refusal changes nothing");
  Expect(usage(0)[1] == 3 * kBytes, "the peak is kept");
  Expect(charge("d", 0).verdict == Verdict::kRefused, "a refused id was not used up");
}

// Of all devices.
int64_t RootUsage(PeerConnection* connection) {
  int64_t sum = 0;
  for (uint64_t number = 0; number < kRegions; ++number)
    sum += connection->Read(ChargeOf("", number).region, "/")[0];
  return sum;
}

}  // namespace

void PeerDie(const std::string& what) {
  std::fprintf(stderr, "peer load: %s\n", what.c_str());
  std::exit(1);
}

PeerCharge ChargeOf(const std::string& id_prefix, uint64_t number) {
  const uint64_t i = number % (kTenants * kJobsPerTenant);
  PeerCharge charge;
  charge.id = absl::StrCat(id_prefix, number);
  charge.region = absl::StrCat("bench-node/gpu", i % kRegions);
  const std::string tenant = absl::StrCat("/bench-", i % kTenants);
  const std::string job = absl::StrCat(tenant, "/job-", i / kTenants);
  charge.paths = {"/", tenant, job, job + "/pod"};
  return charge;
}

int PeerMain(const std::string& about, int argc, char** argv, const Connect& connect) {
  PeerFlags flags;
  CLI::App app(about);
  const auto flag = [&app](const char* name, auto& value, const char* help) {
    return app.add_option(name, value, help)->capture_default_str();
  };
  app.add_option("--address", flags.address, "HOST:PORT, or a connection string")->required();
  flag("--callers", flags.callers, "Callers, each with a connection")->check(CLI::Range(1, 1000));
  flag("--batch", flags.batch, "Charges a call")->check(CLI::Range(1, 10000));
  flag("--seconds", flags.seconds, "Length of the round")->check(CLI::Range(0.05, 600.0));
  flag("--warm-up", flags.warm_up_seconds, "Seconds of the same load before, not counted");
  app.add_flag("--check", flags.check, "Check what charges do, on an empty server; no load");
  app.add_flag("--check-kept", flags.check_kept,
               "Check, after a crash, that what --check was answered is there; no load");
  CLI11_PARSE(app, argc, argv);
  if (flags.check || flags.check_kept) {
    Check(connect(flags).get(), flags.check_kept);
    std::printf("{\"check\": \"passed\"}\n");
    return 0;
  }
  std::vector<std::unique_ptr<PeerConnection>> connections;
  for (int i = 0; i < flags.callers; ++i) connections.push_back(connect(flags));
  connections[0]->SetUp(kNoLimit);
  RunLoad(flags, flags.warm_up_seconds, connections);
  const int64_t before = RootUsage(connections[0].get());
  const nlohmann::ordered_json result = RunLoad(flags, flags.seconds, connections);
  const int64_t charged = result["calls"].get<int64_t>() * flags.batch * PeerCharge().bytes;
  Expect(RootUsage(connections[0].get()) - before == charged,
         "charges that were decided at the same time are all counted, once");
  std::printf("%s\n", result.dump().c_str());
  return 0;
}

}  // namespace dmem::bench
