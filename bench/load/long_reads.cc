// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// long_reads: eviction plans at a rate and listings of all pools on a dmemd, for a while; how long
// each took, as one JSON object.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "bench/load/target.h"
#include "nlohmann/json.hpp"

namespace dmem::bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Flags {
  std::string server;
  double seconds = 5;
  double plans_per_second = 5;
  double listings_per_second = 1;
  std::string region = "populated-00";
  uint64_t bytes_needed = uint64_t{80} << 30;
};

Clock::duration Seconds(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

double MillisecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// Does `work` at a rate until the end, each when it is due or when the last one has ended; the
// milliseconds that each took.
std::vector<double> AtRate(double rate, Clock::time_point end, const std::function<void()>& work) {
  std::vector<double> took;
  if (rate <= 0) return took;
  std::mutex mutex;
  std::condition_variable never;
  for (Clock::time_point due = Clock::now(); due < end; due += Seconds(1 / rate)) {
    std::unique_lock<std::mutex> lock(mutex);
    never.wait_until(lock, due, [] { return false; });
    const Clock::time_point start = Clock::now();
    work();
    took.push_back(MillisecondsSince(start));
  }
  return took;
}

int Main(const Flags& flags) {
  // A connection each: a plan does not wait behind a page of a listing.
  const Target target(flags.server, 2);
  const Clock::time_point end = Clock::now() + Seconds(flags.seconds);
  uint64_t listed = 0;
  size_t victims = 0;
  std::vector<double> listings;
  std::thread lister([&] {
    listings = AtRate(flags.listings_per_second, end, [&] {
      v1::ListPoolsRequest request;
      v1::ListPoolsResponse response;
      listed = 0;
      do {
        Send("list", [&](grpc::ClientContext* context) {
          return target.stub(1)->ListPools(context, request, &response);
        });
        listed += static_cast<uint64_t>(response.pools_size());
        request.set_page_token(response.next_page_token());
      } while (!response.next_page_token().empty());
    });
  });
  const std::vector<double> plans = AtRate(flags.plans_per_second, end, [&] {
    v1::EvictCandidatesRequest request;
    request.set_region(flags.region);
    request.set_bytes_needed(flags.bytes_needed);
    v1::EvictCandidatesResponse response;
    Send("plan", [&](grpc::ClientContext* context) {
      return target.stub(0)->EvictCandidates(context, request, &response);
    });
    victims = static_cast<size_t>(response.victims_size());
  });
  lister.join();
  const nlohmann::ordered_json json = {
      {"plans_ms", plans}, {"victims", victims}, {"listings_ms", listings}, {"pools", listed}};
  std::printf("%s\n", json.dump().c_str());
  return 0;
}

}  // namespace
}  // namespace dmem::bench

int main(int argc, char** argv) {
  dmem::bench::Flags flags;
  CLI::App app("long_reads: plans and listings on a dmemd; one JSON object");
  const auto flag = [&app](const char* name, auto& value, const char* help) {
    return app.add_option(name, value, help)->capture_default_str();
  };
  app.add_option("--server", flags.server, "HOST:PORT")->required();
  flag("--seconds", flags.seconds, "How long");
  flag("--plans", flags.plans_per_second, "Plans a second; 0: none");
  flag("--listings", flags.listings_per_second, "Listings of all pools a second; 0: none");
  flag("--region", flags.region, "Where to plan evictions");
  flag("--bytes-needed", flags.bytes_needed, "What each plan is to free");
  CLI11_PARSE(app, argc, argv);
  return dmem::bench::Main(flags);
}
