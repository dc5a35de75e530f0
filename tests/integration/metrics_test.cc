// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The http port: real scrapes, health, and what Prometheus' own tool says of them.

#include "server/metrics.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include "tests/integration/http_get.h"
#include "tests/integration/requests.h"

namespace dmem::server {
namespace {

// Runs "promtool check metrics" on `text`. Returns its exit code, with what it wrote in `said`.
int Promtool(const std::string& text, const std::string& directory, std::string* said) {
  const std::string in = directory + "/scrape.txt";
  const std::string out = directory + "/said.txt";
  std::ofstream(in) << text;
  const int in_fd = open(in.c_str(), O_RDONLY | O_CLOEXEC);
  const int out_fd = open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  const pid_t child = fork();
  if (child == 0) {
    dup2(in_fd, STDIN_FILENO);
    dup2(out_fd, STDOUT_FILENO);
    dup2(out_fd, STDERR_FILENO);
    execlp("promtool", "promtool", "check", "metrics", nullptr);
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  close(in_fd);
  close(out_fd);
  std::stringstream read;
  read << std::ifstream(out).rdbuf();
  *said = read.str();
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

class MetricsTest : public ::testing::Test {
 protected:
  // Something of every kind: an unlimited and a limited pool, granted, refused and observed.
  void SetUp() override {
    v1::RegisterGroupRequest group;
    group.set_name("cluster");
    ASSERT_TRUE(Call(server_, &Stub::RegisterGroup, group).ok());
    ASSERT_TRUE(Call(server_, &Stub::Register, RegisterOf("n1/gpu0", 1000, "cluster")).ok());
    ASSERT_TRUE(Call(server_, &Stub::SetLimits, MaxOf("/team", "cluster", 500)).ok());
    ASSERT_TRUE(Call(server_, &Stub::Charge, ChargeOf("c1", "/team/\"j\"", "n1/gpu0", 400)).ok());
    ASSERT_FALSE(Call(server_, &Stub::Charge, ChargeOf("c2", "/team", "n1/gpu0", 400)).ok());
  }
  HttpAnswer Get(const std::string& path) { return HttpGet(server_.server().http_address(), path); }

  TestServer server_;
};

TEST_F(MetricsTest, RealScrapePassesPromtool) {
  const HttpAnswer scrape = Get("/metrics");
  ASSERT_EQ(scrape.code, 200);
  std::string said;
  const int exit_code = Promtool(scrape.body, server_.data_dir(), &said);
  ASSERT_NE(exit_code, 127) << "promtool is not installed (Debian's package prometheus)";
  EXPECT_EQ(exit_code, 0) << said;
  EXPECT_EQ(said, "");
  // The tool does find what is wrong.
  EXPECT_NE(Promtool(scrape.body + "dmemd_wrong{ 1\n", server_.data_dir(), &said), 0);
}

TEST_F(MetricsTest, ScrapeShowsTheNumbersOfTheLedger) {
  const std::string text = Get("/metrics").body;
  for (const char* line : {
           "dmemd_region_usage_bytes{region=\"n1/gpu0\"} 400\n",
           "dmemd_pool_max_bytes{region=\"cluster\",cgroup=\"/team\"} 500\n",
           "dmemd_pool_max_bytes{region=\"cluster\",cgroup=\"/\"} +Inf\n",
           R"(dmemd_pool_refusals_total{region="cluster",cgroup="/team",reason="MAX_EXCEEDED"} 1)",
           "dmemd_pool_usage_bytes{region=\"n1/gpu0\",cgroup=\"/team/\\\"j\\\"\"} 400\n",
           "dmemd_rpc_duration_seconds_count{method=\"Charge\",code=\"RESOURCE_EXHAUSTED\"} 1\n",
           "dmemd_objects{kind=\"charge\"} 1\n",
           "dmemd_store_failed 0\n",
           "dmemd_audit_violations 0\n",
       }) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "in\n" << text;
  }
}

TEST_F(MetricsTest, EventsThatTheirRecordHasNoRoomForAreCounted) {
  EXPECT_NE(Get("/metrics").body.find("dmemd_events_omitted_total 0\n"), std::string::npos);
  // Dropped in one command, with more names than a record takes.
  v1::BatchChargeRequest charges;
  for (int i = 0; i < 2000; ++i) {
    const std::string cgroup = "/" + std::string(250, 'a') + "/" + std::string(250, 'b') + "/";
    const std::string name = std::to_string(i);
    *charges.add_charges() = ChargeOf("many-" + name, cgroup + name, "n1/gpu0", 0);
  }
  ASSERT_TRUE(Call(server_, &Stub::BatchCharge, charges).ok());
  v1::UnregisterRequest unregister;
  unregister.set_region("n1/gpu0");
  unregister.set_force(true);
  ASSERT_TRUE(Call(server_, &Stub::Unregister, unregister).ok());

  const uint64_t omitted = NewestEvent(server_).omitted().events();
  EXPECT_GT(omitted, 0u);
  const std::string text = Get("/metrics").body;
  EXPECT_NE(text.find("dmemd_events_omitted_total " + std::to_string(omitted) + "\n"),
            std::string::npos)
      << omitted << " in\n"
      << text;
}

TEST_F(MetricsTest, ScrapeShowsOnlyCommittedState) {
  server_.store().BlockAppends();
  std::thread charge([this] {
    EXPECT_TRUE(Call(server_, &Stub::Charge, ChargeOf("c3", "/team", "n1/gpu0", 50)).ok());
  });
  server_.store().WaitForBlockedAppend();
  std::string text;
  std::thread scrape([&] { text = Get("/metrics").body; });
  server_.store().ReleaseAll();
  charge.join();
  scrape.join();
  EXPECT_NE(text.find("dmemd_region_usage_bytes{region=\"n1/gpu0\"} 450\n"), std::string::npos)
      << "a scrape waits for the commit under way, and shows it";
}

TEST_F(MetricsTest, DocumentationHasARowForEachFamily) {
  std::stringstream documentation;
  documentation << std::ifstream("docs/metrics.md").rdbuf();
  for (const FamilyDescription& family : AllFamilies()) {
    const char* type = family.type == prometheus::MetricType::Counter     ? "counter"
                       : family.type == prometheus::MetricType::Histogram ? "histogram"
                                                                          : "gauge";
    const std::string row = std::string("| `") + family.name + "` | " + type + " | ";
    EXPECT_NE(documentation.str().find(row), std::string::npos) << row;
    EXPECT_NE(documentation.str().find(family.help), std::string::npos) << family.help;
  }
}

TEST_F(MetricsTest, HttpPortAnswersItsPathsOnly) {
  EXPECT_EQ(Get("/healthz").code, 200);
  EXPECT_EQ(Get("/readyz").code, 200);
  EXPECT_EQ(Get("/").code, 404);
  EXPECT_EQ(Get("/metrics/x").code, 404);
  EXPECT_EQ(Get("/healthzz").code, 404);
  EXPECT_EQ(HttpRequest(server_.server().http_address(), "POST", "/metrics").code, 405);
}

TEST_F(MetricsTest, AfterAFailedCommitItIsAliveNotReadyAndSaysWhy) {
  server_.store().FailNextAppend(absl::UnavailableError("disk full"));
  ASSERT_FALSE(Call(server_, &Stub::Charge, ChargeOf("c3", "/team", "n1/gpu0", 1)).ok());
  EXPECT_EQ(Get("/healthz").code, 200);
  EXPECT_EQ(Get("/readyz").code, 503);
  const std::string text = Get("/metrics").body;
  EXPECT_NE(text.find("dmemd_store_failed 1\n"), std::string::npos);
  EXPECT_EQ(text.find("dmemd_pool_usage_bytes{"), std::string::npos)
      << "nothing of the ledger is shown any more";
}

}  // namespace
}  // namespace dmem::server
