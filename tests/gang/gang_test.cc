// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Gangs of eight devices, many more than fit, from several processes of which some die in the
// middle of a call and are started again: exactly those that fit are granted, each whole and on one
// node, and, as the events show, no counter was ever above what it allows.
//
// DMEMD_DEEP=1 in the environment: 1,000 gangs with room for 100, from 8 processes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "client/client.h"
#include "client/grpc_connection.h"
#include "server/testing/dmemd_process.h"
#include "server/testing/temp_directory.h"
#include "tests/gang/client_process.h"
#include "tests/gang/event_counters.h"
#include "tests/gang/gang_cluster.h"

namespace dmem {
namespace {

constexpr int kDevices = 8;
constexpr int kKillPercent = 30;
constexpr int kStartsMax = 1000;  // Of one client: more, and it never gets anywhere.

struct Size {
  int gangs, room, processes;
};

Size SizeOfTest() {
  return std::getenv("DMEMD_DEEP") == nullptr ? Size{80, 8, 4} : Size{1000, 100, 8};
}

// What became of a client's gangs.
struct ClientReport {
  std::map<int, std::string> outcomes;  // By gang.
  int kills = 0;
  int replayed = 0;  // Calls that had been applied before their caller died.
  std::string error;
};

// Runs a client for the gangs from `first` up to `end`, again and again until it comes to an end.
ClientReport RunClient(const std::string& server, int first, int end, int nodes,
                       int64_t created_at) {
  ClientReport report;
  int next = first;
  for (int start = 0; start < kStartsMax; ++start) {
    std::vector<std::string> arguments = {"tests/gang/gang_client",
                                          absl::StrCat("--server=", server),
                                          absl::StrCat("--first=", next),
                                          absl::StrCat("--end=", end),
                                          absl::StrCat("--nodes=", nodes),
                                          absl::StrCat("--created-at=", created_at),
                                          absl::StrCat("--kill-percent=", kKillPercent)};
    if (start > 0) arguments.push_back("--spare");
    ClientProcess client(arguments);
    std::string line;
    while (client.ReadLine(&line)) {
      const std::vector<std::string> words = absl::StrSplit(line, absl::MaxSplits(' ', 2));
      int gang = 0;
      if (words.size() < 2 || !absl::SimpleAtoi(words[1], &gang)) continue;
      if (words[0] == "begins") next = gang;
      if (words[0] == "replayed") ++report.replayed;
      if (words[0] == "ends") report.outcomes[gang] = words.back();
    }
    const int status = client.Wait();
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return report;
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
      report.error = absl::StrCat("a client ended with status ", status);
      return report;
    }
    ++report.kills;
  }
  report.error = "a client died too often";
  return report;
}

class GangTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server::DmemdProcess::Options options;
    options.data_dir = absl::StrCat(directory_.path(), "/data");
    auto process = server::DmemdProcess::Start(options);
    ASSERT_TRUE(process.ok()) << process.status();
    process_ = *std::move(process);
    client_ =
        std::make_unique<client::Client>(client::MakeGrpcConnection(process_->grpc_address()));
  }

  // That, counted from events alone, no counter was above its bound at any sequence, and that what
  // they add up to is what the ledger says.
  void CheckEvents() {
    EventCounters counters;
    v1::ListEventsRequest request;
    request.set_page_size(1000);
    uint64_t sequence = 0, sequences = 0;
    do {
      const auto page = client_->ListEvents(request);
      ASSERT_TRUE(page.ok()) << page.status();
      for (const v1::Event& event : page->events()) {
        if (event.sequence() != sequence) {
          ASSERT_GT(event.sequence(), sequence);
          ASSERT_THAT(counters.Violations(), ::testing::IsEmpty());
          sequence = event.sequence();
          ++sequences;
        }
        counters.Add(event);
      }
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
    EXPECT_THAT(counters.Violations(), ::testing::IsEmpty());
    const auto pools = client_->ListAllPools(v1::ListPoolsRequest());
    ASSERT_TRUE(pools.ok()) << pools.status();
    std::map<EventCounters::Counter, uint64_t> usage;
    for (const v1::Pool& pool : pools->pools()) {
      if (pool.usage_bytes() > 0) usage[{pool.cgroup(), pool.region()}] = pool.usage_bytes();
    }
    EXPECT_EQ(counters.Usage(), usage);
    absl::PrintF("%d sequences looked at\n", sequences);
  }

  server::TempDirectory directory_;
  std::unique_ptr<server::DmemdProcess> process_;
  std::unique_ptr<client::Client> client_;
};

TEST_F(GangTest, ExactlyTheGangsThatFitAreGrantedThoughTheirSchedulersDieInMidCall) {
  const Size size = SizeOfTest();
  const absl::Status made = MakeGangCluster(*client_, "/gangs", size.room, kDevices);
  ASSERT_TRUE(made.ok()) << made;
  const int64_t created_at = absl::ToUnixSeconds(absl::Now());
  std::vector<ClientReport> reports(size.processes);
  std::vector<std::thread> threads;
  threads.reserve(size.processes);
  for (int i = 0; i < size.processes; ++i) {
    threads.emplace_back([&, i] {
      reports[i] = RunClient(process_->grpc_address(), size.gangs * i / size.processes,
                             size.gangs * (i + 1) / size.processes, size.room, created_at);
    });
  }
  for (std::thread& thread : threads) thread.join();

  std::set<std::string> granted;
  int refused = 0, kills = 0, replayed = 0;
  for (const ClientReport& report : reports) {
    EXPECT_EQ(report.error, "");
    kills += report.kills;
    replayed += report.replayed;
    for (const auto& [gang, outcome] : report.outcomes) {
      if (outcome == "granted") {
        granted.insert(absl::StrCat("gang-", gang));
      } else {
        EXPECT_EQ(outcome, "refused") << "gang " << gang;
        ++refused;
      }
    }
  }
  absl::PrintF("%d granted, %d refused, %d kills, %d calls found applied when sent again\n",
               granted.size(), refused, kills, replayed);
  EXPECT_EQ(granted.size(), static_cast<size_t>(size.room));
  EXPECT_EQ(refused, size.gangs - size.room);
  EXPECT_EQ(kills, size.gangs * kKillPercent / 100);
  EXPECT_GT(replayed, 0) << "nobody died in mid-call";

  // The ledger holds these, whole, each on one node.
  const auto charges = client_->ListAllCharges(v1::ListChargesRequest());
  ASSERT_TRUE(charges.ok());
  std::set<std::string> held, nodes;
  for (const v1::Charge& charge : charges->charges()) {
    held.insert(charge.charge_id());
    EXPECT_EQ(charge.state(), v1::CHARGE_STATE_HELD);
    ASSERT_EQ(charge.items_size(), kDevices);
    std::set<std::string> its_nodes;
    for (const v1::ChargeItem& item : charge.items()) {
      EXPECT_EQ(item.bytes(), kDeviceBytes);
      its_nodes.insert(item.region().substr(0, item.region().find('/')));
    }
    EXPECT_EQ(its_nodes.size(), 1u);
    nodes.insert(*its_nodes.begin());
  }
  EXPECT_EQ(held, granted);
  EXPECT_EQ(nodes.size(), static_cast<size_t>(size.room)) << "two gangs on one node";

  CheckEvents();
  // A peak is the highest usage ever granted.
  const auto pools = client_->ListAllPools(v1::ListPoolsRequest());
  ASSERT_TRUE(pools.ok());
  for (const v1::Pool& pool : pools->pools()) {
    EXPECT_LE(pool.peak_bytes(), pool.max_bytes()) << pool.cgroup() << " in " << pool.region();
  }
  const auto check = client_->Check(v1::CheckRequest());
  ASSERT_TRUE(check.ok());
  EXPECT_EQ(check->violations_total(), 0u);
}

}  // namespace
}  // namespace dmem
