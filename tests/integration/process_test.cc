// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// dmemd as its users run it: flags, the ready line, endpoints.json, signals, exit codes.

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "dmem/v1/quota_service.grpc.pb.h"
#include "nlohmann/json.hpp"
#include "server/testing/dmemd_process.h"
#include "tests/integration/requests.h"

namespace dmem::server {
namespace {

std::string ReadFile(const std::string& path) {
  std::stringstream contents;
  contents << std::ifstream(path).rdbuf();
  return contents.str();
}

// Exit code of dmemd with these flags only, for those that never get as far as serving.
int ExitCodeOf(const std::vector<std::string>& flags, std::string* said) {
  int fds[2];
  if (pipe(fds) != 0) return -1;
  std::vector<char*> argv = {const_cast<char*>("server/dmemd")};
  for (const std::string& flag : flags) argv.push_back(const_cast<char*>(flag.c_str()));
  argv.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    dup2(fds[1], STDOUT_FILENO);
    dup2(fds[1], STDERR_FILENO);
    execv(argv[0], argv.data());
    _exit(127);
  }
  close(fds[1]);
  char buffer[4096];
  said->clear();
  for (ssize_t n; (n = read(fds[0], buffer, sizeof(buffer))) > 0;) {
    said->append(buffer, static_cast<size_t>(n));
  }
  close(fds[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

class ProcessTest : public ::testing::Test {
 protected:
  ProcessTest() { options_.data_dir = directory_.path() + "/data"; }

  void Start() {
    absl::StatusOr<std::unique_ptr<DmemdProcess>> started = DmemdProcess::Start(options_);
    ASSERT_TRUE(started.ok()) << started.status();
    process_ = *std::move(started);
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    stub_ = v1::QuotaService::NewStub(grpc::CreateCustomChannel(
        process_->grpc_address(), grpc::InsecureChannelCredentials(), arguments));
  }

  template <typename Request, typename Response>
  grpc::Status Send(grpc::Status (v1::QuotaService::Stub::*method)(grpc::ClientContext*,
                                                                   const Request&, Response*),
                    const Request& request, Response* response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kCallTimeout);
    return (stub_.get()->*method)(&context, request, response);
  }

  bool Charge(const std::string& id, uint64_t bytes) {
    v1::ChargeResponse response;
    return Send(&v1::QuotaService::Stub::Charge, ChargeOf(id, "/t", "gpu", bytes), &response).ok();
  }

  v1::CheckResponse Check() {
    v1::CheckResponse response;
    const grpc::Status status = Send(&v1::QuotaService::Stub::Check, v1::CheckRequest(), &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(response.violations_total(), 0u);
    return response;
  }

  void RegisterGpu() {
    v1::RegisterResponse response;
    ASSERT_TRUE(
        Send(&v1::QuotaService::Stub::Register, RegisterOf("gpu", 1000000), &response).ok());
  }

  TempDirectory directory_;
  DmemdProcess::Options options_;
  std::unique_ptr<DmemdProcess> process_;
  std::unique_ptr<v1::QuotaService::Stub> stub_;
};

TEST_F(ProcessTest, EndpointsFileHasTheAddressesWhileItRuns) {
  ASSERT_NO_FATAL_FAILURE(Start());
  const std::string path = options_.data_dir + "/endpoints.json";
  const nlohmann::json endpoints = nlohmann::json::parse(ReadFile(path));
  EXPECT_EQ(endpoints.at("grpc"), process_->grpc_address());
  EXPECT_EQ(endpoints.at("http"), process_->http_address());
  EXPECT_EQ(endpoints.at("pid"), process_->pid());
  EXPECT_EQ(endpoints.at("version"), kVersion);
  process_->Signal(SIGTERM);
  EXPECT_EQ(process_->Wait(), 0);
  EXPECT_EQ(access(path.c_str(), F_OK), -1) << "it is gone with the server";
}

// The scheduling policies of a process's threads, by their name; see proc(5).
std::map<std::string, std::set<int>> PoliciesByThreadName(pid_t pid) {
  constexpr int kPolicyAfterName = 38;  // Fields of stat between them.
  std::map<std::string, std::set<int>> policies;
  const std::string tasks = absl::StrCat("/proc/", pid, "/task");
  for (const auto& task : std::filesystem::directory_iterator(tasks)) {
    const std::string stat = ReadFile(task.path().string() + "/stat");
    const size_t name = stat.find('('), end = stat.rfind(')');
    if (end == std::string::npos) continue;  // It has ended meanwhile.
    std::istringstream fields(stat.substr(end + 2));
    std::string field;
    for (int i = 0; i <= kPolicyAfterName; ++i) fields >> field;
    policies[stat.substr(name + 1, end - name - 1)].insert(std::stoi(field));
  }
  return policies;
}

TEST_F(ProcessTest, GrpcsThreadsPreemptNobodyButLongReads) {
  ASSERT_NO_FATAL_FAILURE(Start());
  RegisterGpu();
  std::map<std::string, std::set<int>> policies = PoliciesByThreadName(process_->pid());
  EXPECT_EQ(policies["dmemd"], (std::set<int>{SCHED_OTHER, SCHED_IDLE}))
      << "writer, commits and checkpoints; listings, plans and scrapes";
  EXPECT_EQ(policies["nexting_thread"], std::set<int>{SCHED_BATCH}) << "those that poll";
}

TEST_F(ProcessTest, EveryLineOfTheLogIsJsonWithTimeLevelAndEvent) {
  options_.flags = {"--log-level=debug"};
  ASSERT_NO_FATAL_FAILURE(Start());
  RegisterGpu();
  process_->Signal(SIGINT);
  EXPECT_EQ(process_->Wait(), 0);
  std::stringstream log(process_->log());
  std::vector<std::string> events;
  for (std::string line; std::getline(log, line);) {
    const nlohmann::json event = nlohmann::json::parse(line, nullptr, false);
    ASSERT_TRUE(event.is_object()) << line;
    EXPECT_TRUE(event.contains("time") && event.contains("level")) << line;
    if (event.at("level") != "debug") events.push_back(event.at("event"));
  }
  EXPECT_EQ(events, (std::vector<std::string>{"recovered", "ready", "stop_requested", "draining",
                                              "checkpoint", "stopped"}));
}

TEST_F(ProcessTest, StateIsThereAfterAStopAndAfterAKill) {
  ASSERT_NO_FATAL_FAILURE(Start());
  RegisterGpu();
  ASSERT_TRUE(Charge("c1", 10));
  v1::CheckResponse before = Check();
  process_->Signal(SIGTERM);
  EXPECT_EQ(process_->Wait(), 0);
  ASSERT_NO_FATAL_FAILURE(Start());
  EXPECT_EQ(Check().state_hash(), before.state_hash());
  ASSERT_TRUE(Charge("c2", 20));
  before = Check();
  EXPECT_EQ(before.charged_bytes(), 30u);
  process_->Kill();
  ASSERT_NO_FATAL_FAILURE(Start());
  EXPECT_EQ(Check().state_hash(), before.state_hash());
}

TEST_F(ProcessTest, DrainAnswersWhatItTookAndKeepsAllOfIt) {
  ASSERT_NO_FATAL_FAILURE(Start());
  RegisterGpu();
  std::atomic<int> acknowledged{0};
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0;; ++i) {
        v1::ChargeResponse response;
        const std::string id = std::to_string(t) + "-" + std::to_string(i);
        const grpc::Status status =
            Send(&v1::QuotaService::Stub::Charge, ChargeOf(id, "/t", "gpu", 1), &response);
        if (status.ok()) {
          ++acknowledged;
          continue;
        }
        if (status.error_code() != grpc::StatusCode::UNAVAILABLE) {
          ADD_FAILURE() << "a drain is UNAVAILABLE, not " << status.error_code() << ": "
                        << status.error_message();
        }
        return;
      }
    });
  }
  while (acknowledged < 200) std::this_thread::yield();
  process_->Signal(SIGTERM);
  EXPECT_EQ(process_->Wait(), 0);
  for (std::thread& thread : threads) thread.join();
  ASSERT_NO_FATAL_FAILURE(Start());
  const v1::CheckResponse after = Check();
  // An answer can be lost on its way; what was acknowledged cannot.
  EXPECT_GE(after.charges(), static_cast<uint64_t>(acknowledged));
  EXPECT_LE(after.charges(), static_cast<uint64_t>(acknowledged + 4));
}

TEST_F(ProcessTest, MemoryStoreForgetsEverything) {
  options_.store = "memory";
  ASSERT_NO_FATAL_FAILURE(Start());
  RegisterGpu();
  process_->Signal(SIGTERM);
  EXPECT_EQ(process_->Wait(), 0);
  ASSERT_NO_FATAL_FAILURE(Start());
  EXPECT_EQ(Check().regions(), 0u);
}

TEST(FlagsTest, BadFlagsAreUsageErrorsInOneLine) {
  std::string said;
  for (const char* flag : {"--listen=0.0.0.0:0", "--http=0.0.0.0:0", "--store=none",
                           "--log-level=loud", "--implicit-cgroups=maybe", "--pools-max=0"}) {
    EXPECT_EQ(ExitCodeOf({flag}, &said), 2) << flag;
    EXPECT_EQ(said.find("dmemd: --"), 0u) << said;
    EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << said;
  }
  EXPECT_EQ(ExitCodeOf({"--no-such-flag"}, &said), 2);
  EXPECT_EQ(ExitCodeOf({"--pools-max=many"}, &said), 2);
  EXPECT_EQ(ExitCodeOf({"stray"}, &said), 2);
}

TEST(FlagsTest, HelpAndVersionSucceed) {
  std::string said;
  EXPECT_EQ(ExitCodeOf({"--help"}, &said), 0);
  for (const char* flag : {"--listen", "--http", "--data-dir", "--store", "--log-level",
                           "--metrics-detail", "--implicit-cgroups", "--insecure"}) {
    EXPECT_NE(said.find(flag), std::string::npos) << flag;
  }
  EXPECT_EQ(ExitCodeOf({"--version"}, &said), 0);
  EXPECT_EQ(said, std::string("dmemd ") + kVersion + "\n");
}

}  // namespace
}  // namespace dmem::server
