// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// A scheduler for the gang test: reserves each gang's eight devices on the group, then commits them
// on the first node that takes them. Prints a line before it begins with a gang and one when it is
// through with it. In the gangs that it is to die in, it kills itself while a call is under way;
// started again with that gang as --first, it sends everything again under the same ids.

#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdio>
#include <random>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "client/client.h"
#include "client/error_facts.h"
#include "client/grpc_connection.h"

namespace dmem {
namespace {

constexpr uint64_t kDeviceBytes = uint64_t{80} << 30;
constexpr int kDevices = 8;
constexpr int kKillMicrosecondsMax = 2000;

struct Options {
  std::string server;
  int first = 0, end = 0, nodes = 0, kill_percent = 0;
  int64_t created_at = 0;
  bool spare = false;
};

void KillMyself(int) { kill(getpid(), SIGKILL); }

// From now on, at some moment in what follows.
void KillMyselfSoon(std::mt19937_64& random) {
  signal(SIGALRM, KillMyself);
  itimerval timer = {};
  timer.it_value.tv_usec = std::uniform_int_distribution<int>(1, kKillMicrosecondsMax)(random);
  setitimer(ITIMER_REAL, &timer, nullptr);
}

std::string GangName(int gang) { return absl::StrCat("gang-", gang); }

// "granted", "refused", or what went wrong.
std::string Reserve(client::Client& client, const Options& options, int gang) {
  v1::ChargeRequest request;
  request.set_charge_id(GangName(gang));
  request.mutable_created_at()->set_seconds(options.created_at);
  request.mutable_ttl()->set_seconds(3600);
  v1::ChargeItem& item = *request.add_items();
  item.set_cgroup("/gangs");
  item.set_region("cluster");
  item.set_bytes(kDevices * kDeviceBytes);
  const auto response = client.Charge(request);
  // Sent again after a death: the call before it had been applied, and its answer lost.
  if (response.ok() && response->replayed() && options.spare && gang == options.first)
    std::printf("replayed %d\n", gang);
  if (response.ok()) return "granted";
  return client::FactsOf(response.status()).reason == "MAX_EXCEEDED" ? "refused"
                                                                     : response.status().ToString();
}

// "granted" if it is held on the node, "full" if the node takes no gang, or what went wrong.
std::string CommitOn(client::Client& client, int gang, int node) {
  v1::CommitRequest request;
  request.set_charge_id(GangName(gang));
  request.set_commit_id(absl::StrCat("on-", node));
  for (int device = 0; device < kDevices; ++device) {
    v1::Placement& placement = *request.add_placements();
    placement.set_cgroup("/gangs");
    placement.set_reserved_in("cluster");
    placement.set_region(absl::StrCat("n", node, "/gpu", device));
    placement.set_bytes(kDeviceBytes);
  }
  const auto response = client.Commit(request);
  if (response.ok()) return "granted";
  const std::string reason = client::FactsOf(response.status()).reason;
  if (reason == "CAPACITY") return "full";
  // Committed before it died, on another node than it asks first now.
  if (reason == "NOT_RESERVED") return "granted";
  return response.status().ToString();
}

// On the first node that takes it.
std::string CommitSomewhere(client::Client& client, const Options& options, int gang,
                            int first_node) {
  for (int i = 0; i < options.nodes; ++i) {
    std::string committed = CommitOn(client, gang, (first_node + i) % options.nodes);
    if (committed != "full") return committed;
  }
  return "no node takes it";
}

std::string Run(client::Client& client, const Options& options, int gang) {
  std::mt19937_64 random(static_cast<uint64_t>(gang));
  const auto below = [&random](int bound) {
    return std::uniform_int_distribution<int>(0, bound - 1)(random);
  };
  // Of each ten gangs the same, whoever has them.
  const bool dies =
      gang * 7 % 10 < options.kill_percent / 10 && !(options.spare && gang == options.first);
  const bool dies_early = below(2) == 0;  // While it reserves.
  const int first_node = below(options.nodes);
  std::string outcome;
  if (!dies || !dies_early) {
    outcome = Reserve(client, options, gang);
    if (outcome == "granted" && !dies) return CommitSomewhere(client, options, gang, first_node);
  }
  if (!dies) return outcome;
  KillMyselfSoon(random);
  // A call that comes back before is sent again.
  for (;;) {
    outcome == "granted" ? CommitSomewhere(client, options, gang, first_node)
                         : Reserve(client, options, gang);
  }
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app("gang_client: reserves and commits gangs, and dies while it does");
  app.add_option("--server", options.server, "HOST:PORT")->required();
  app.add_option("--first", options.first, "Gang to begin with")->required();
  app.add_option("--end", options.end, "Gang before which it stops")->required();
  app.add_option("--nodes", options.nodes, "Nodes that there are")->required();
  app.add_option("--kill-percent", options.kill_percent, "Gangs to die in, a multiple of 10")
      ->required();
  app.add_option("--created-at", options.created_at, "Of the charges, in seconds")->required();
  app.add_flag("--spare", options.spare, "Do not die in the first gang");
  CLI11_PARSE(app, argc, argv);
  client::Client client(client::MakeGrpcConnection(options.server));
  for (int gang = options.first; gang < options.end; ++gang) {
    std::printf("begins %d\n", gang);
    std::fflush(stdout);
    const std::string outcome = Run(client, options, gang);
    std::printf("ends %d %s\n", gang, outcome.c_str());
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace dmem

int main(int argc, char** argv) { return dmem::Main(argc, argv); }
