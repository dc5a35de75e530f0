// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Health, reflection, paging, and many callers at once.

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/integration/generic_call.h"
#include "tests/integration/requests.h"

namespace dmem::server {
namespace {

constexpr char kHealth[] = "/grpc.health.v1.Health/Check";
// HealthCheckRequest{service} and HealthCheckResponse{status: SERVING = 1, NOT_SERVING = 2}.
std::string HealthRequest(const std::string& service) {
  return service.empty() ? "" : std::string("\x0a") + static_cast<char>(service.size()) + service;
}
constexpr char kServing[] = "\x08\x01";
constexpr char kNotServing[] = "\x08\x02";

std::string HealthOf(TestServer& server, const std::string& service) {
  std::string response;
  const grpc::Status status =
      GenericCall(server.server().grpc_address(), kHealth, HealthRequest(service), &response);
  return status.ok() ? response : status.error_message();
}

TEST(HealthTest, ServingUntilACommitFails) {
  TestServer server;
  for (const char* service : {"", "dmem.v1.QuotaService"}) {
    EXPECT_EQ(HealthOf(server, service), kServing) << service;
  }
  EXPECT_NE(HealthOf(server, "other.Service"), kServing);
  server.store().FailNextAppend(absl::UnavailableError("disk full"));
  ASSERT_FALSE(Call(server, &Stub::Register, RegisterOf("n1/gpu0", 1000)).ok());
  for (const char* service : {"", "dmem.v1.QuotaService"}) {
    EXPECT_EQ(HealthOf(server, service), kNotServing) << service;
  }
}

TEST(ReflectionTest, ListsTheService) {
  TestServer server;
  std::string response;
  // ServerReflectionRequest{list_services: ""}.
  ASSERT_TRUE(GenericCall(server.server().grpc_address(),
                          "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                          std::string("\x3a\x00", 2), &response)
                  .ok());
  EXPECT_NE(response.find("dmem.v1.QuotaService"), std::string::npos);
}

class ListingTest : public ::testing::Test {
 protected:
  // 40 regions in 4 groups, 40 cgroups with a charge each in a region of its own.
  void SetUp() override {
    for (int g = 0; g < 4; ++g) {
      v1::RegisterGroupRequest group;
      group.set_name("g" + std::to_string(g));
      ASSERT_TRUE(Call(server_, &Stub::RegisterGroup, group).ok());
    }
    for (int i = 0; i < kObjects; ++i) {
      const std::string n = std::to_string(i);
      ASSERT_TRUE(
          Call(server_, &Stub::Register, RegisterOf("r" + n, 1000, "g" + std::to_string(i % 4)))
              .ok());
      ASSERT_TRUE(Call(server_, &Stub::Charge, ChargeOf("c" + n, "/t/" + n, "r" + n, 1)).ok());
    }
  }

  // All pages of a listing, with one change between each: keys of what it gave, none twice.
  template <typename Request, typename Response, typename KeysOf>
  std::set<std::string> All(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                         Response*),
                            Request request, int page_size, const KeysOf& keys_of) {
    std::set<std::string> all;
    request.set_page_size(page_size);
    do {
      const auto page = Call(server_, method, request);
      EXPECT_TRUE(page.ok()) << page.status.error_message();
      if (!page.ok()) break;
      const std::vector<std::string> keys = keys_of(page.response);
      EXPECT_LE(keys.size(), static_cast<size_t>(page_size));
      for (const std::string& key : keys) EXPECT_TRUE(all.insert(key).second) << key << " twice";
      request.set_page_token(page.response.next_page_token());
      // Other objects come and go.
      const std::string id = "other" + std::to_string(others_++);
      EXPECT_TRUE(Call(server_, &Stub::Charge, ChargeOf(id, "/u/" + id, "r0", 1)).ok());
      v1::UnchargeRequest uncharge;
      uncharge.add_charge_ids(id);
      EXPECT_TRUE(Call(server_, &Stub::Uncharge, uncharge).ok());
    } while (!request.page_token().empty());
    return all;
  }

  static constexpr int kObjects = 40;
  TestServer server_;
  int others_ = 0;
};

TEST_F(ListingTest, PagesGiveEveryObjectOnceWhileOthersComeAndGo) {
  for (const int page_size : {1, 7, 1000}) {
    SCOPED_TRACE(page_size);
    const auto pools = All(&Stub::ListPools, v1::ListPoolsRequest(), page_size,
                           [](const v1::ListPoolsResponse& page) {
                             std::vector<std::string> keys;
                             for (const v1::Pool& pool : page.pools()) {
                               keys.push_back(pool.cgroup() + " " + pool.region());
                             }
                             return keys;
                           });
    const auto cgroups = All(&Stub::ListCgroups, v1::ListCgroupsRequest(), page_size,
                             [](const v1::ListCgroupsResponse& page) {
                               std::vector<std::string> keys;
                               for (const v1::Cgroup& c : page.cgroups()) keys.push_back(c.path());
                               return keys;
                             });
    const auto charges = All(&Stub::ListCharges, v1::ListChargesRequest(), page_size,
                             [](const v1::ListChargesResponse& page) {
                               std::vector<std::string> keys;
                               for (const v1::Charge& charge : page.charges())
                                 keys.push_back(charge.charge_id());
                               return keys;
                             });
    const auto regions = All(&Stub::ListRegions, v1::ListRegionsRequest(), page_size,
                             [](const v1::ListRegionsResponse& page) {
                               std::vector<std::string> keys;
                               for (const v1::Region& r : page.regions()) keys.push_back(r.name());
                               for (const v1::RegionGroup& g : page.groups()) {
                                 keys.push_back(g.name());
                               }
                               return keys;
                             });
    for (int i = 0; i < kObjects; ++i) {
      const std::string n = std::to_string(i);
      EXPECT_EQ(charges.count("c" + n), 1u);
      EXPECT_EQ(cgroups.count("/t/" + n), 1u);
      EXPECT_EQ(regions.count("r" + n), 1u);
      EXPECT_EQ(pools.count(absl::StrCat("/t/", n, " r", n)), 1u);
    }
    EXPECT_EQ(regions.size(), kObjects + 4u);
  }
}

TEST_F(ListingTest, FiltersSelect) {
  v1::ListPoolsRequest pools;
  pools.set_cgroup("/t/7");
  EXPECT_EQ(Call(server_, &Stub::ListPools, pools).response.pools_size(), 2);  // r7 and its group.
  pools.set_region("r7");
  EXPECT_EQ(Call(server_, &Stub::ListPools, pools).response.pools_size(), 1);
  v1::ListChargesRequest charges;
  charges.set_region("g3");
  EXPECT_EQ(Call(server_, &Stub::ListCharges, charges).response.charges_size(), kObjects / 4);
  charges.Clear();
  charges.set_charge_id("c3");
  EXPECT_EQ(Call(server_, &Stub::ListCharges, charges).response.charges_size(), 1);
  charges.set_charge_id("unknown");
  EXPECT_EQ(Call(server_, &Stub::ListCharges, charges).response.charges_size(), 0);
}

TEST(ConcurrencyTest, ManyCallersAndReadersSeeOneLedger) {
  TestServer server;
  ASSERT_TRUE(Call(server, &Stub::Register, RegisterOf("r", 1000)).ok());
  constexpr int kThreads = 8;
  constexpr int kCharges = 100;
  std::atomic<int> granted{0};
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kCharges; ++i) {
        const std::string id = std::to_string(t) + "-" + std::to_string(i);
        const auto answer = Call(server, &Stub::Charge, ChargeOf(id, "/t" + id, "r", 2));
        if (answer.ok()) ++granted;
      }
    });
  }
  std::thread reader([&] {
    while (!done) {
      const auto pools = Call(server, &Stub::ListPools, v1::ListPoolsRequest());
      ASSERT_TRUE(pools.ok()) << pools.status.error_message();
      // The root's usage is the sum over the cgroups in the same answer.
      uint64_t root = 0;
      uint64_t sum = 0;
      for (const v1::Pool& pool : pools.response.pools()) {
        (pool.cgroup() == "/" ? root : sum) += pool.usage_bytes();
      }
      EXPECT_EQ(pools.response.next_page_token(), "") << "all on one page";
      EXPECT_EQ(root, sum);
      server.StateHash();
    }
  });
  for (std::thread& thread : threads) thread.join();
  done = true;
  reader.join();
  EXPECT_EQ(granted.load(), 500) << "of 1000 bytes, 2 each";
  EXPECT_EQ(UsageOf(server, "/", "r"), 1000u);
}

TEST(FilesTest, KernelTextGoesBothWays) {
  TestServer server;
  ASSERT_TRUE(Call(server, &Stub::Register, RegisterOf("r0", 4096)).ok());
  ASSERT_TRUE(Call(server, &Stub::Register, RegisterOf("r1", 8192)).ok());
  v1::WriteFileRequest write;
  write.set_cgroup("/a");
  write.set_file("dmem.max");
  write.set_text(" r1 2k\n");
  const auto written = Call(server, &Stub::WriteFile, write);
  ASSERT_TRUE(written.ok()) << written.status.error_message();
  EXPECT_EQ(written.response.value(), 2048u);
  ASSERT_TRUE(Call(server, &Stub::Charge, ChargeOf("c", "/a", "r1", 100)).ok());
  const auto text = [&server](const std::string& cgroup, const std::string& file) {
    v1::ReadFileRequest read;
    read.set_cgroup(cgroup);
    read.set_file(file);
    return Call(server, &Stub::ReadFile, read).response.text();
  };
  EXPECT_EQ(text("/a", "dmem.max"), "r0 max\nr1 2048\n");
  EXPECT_EQ(text("/a", "dmem.current"), "r0 0\nr1 100\n");
  EXPECT_EQ(text("/", "dmem.capacity"), "r0 4096\nr1 8192\n");
}

TEST(EvictTest, PlanNamesVictimsAndCharges) {
  TestServer server;
  ASSERT_TRUE(Call(server, &Stub::Register, RegisterOf("r", 1000)).ok());
  ASSERT_TRUE(Call(server, &Stub::Charge, ChargeOf("c1", "/a", "r", 300)).ok());
  ASSERT_TRUE(Call(server, &Stub::Charge, ChargeOf("c2", "/b", "r", 500)).ok());
  v1::EvictCandidatesRequest request;
  request.set_region("r");
  request.set_bytes_needed(400);
  request.set_list_charges(true);
  const auto plan = Call(server, &Stub::EvictCandidates, request);
  ASSERT_TRUE(plan.ok()) << plan.status.error_message();
  EXPECT_TRUE(plan.response.satisfied());
  ASSERT_EQ(plan.response.victims_size(), 1);
  EXPECT_EQ(plan.response.victims(0).cgroup(), "/b");
  ASSERT_EQ(plan.response.victims(0).charges_size(), 1);
  EXPECT_EQ(plan.response.victims(0).charges(0).charge_id(), "c2");
  EXPECT_EQ(plan.response.victims(0).charges(0).evict_bytes(), 400u);
}

}  // namespace
}  // namespace dmem::server
