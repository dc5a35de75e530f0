// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Starts that must fail: exit code 1, one line that says why, and nothing served or changed.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/client.h"
#include "client/grpc_connection.h"
#include "gtest/gtest.h"
#include "server/testing/dmemd_process.h"
#include "server/testing/temp_directory.h"
#include "tests/crash/observation.h"
#include "tests/crash/topology.h"

namespace dmem::crash {
namespace {

namespace fs = std::filesystem;
using server::DmemdProcess;

// A port of loopback that somebody listens on.
class TakenPort {
 public:
  TakenPort() : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(socket_, 1), 0);
    EXPECT_EQ(getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    address_ = absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
  }
  TakenPort(const TakenPort&) = delete;
  TakenPort& operator=(const TakenPort&) = delete;
  ~TakenPort() { close(socket_); }

  const std::string& address() const { return address_; }

 private:
  const int socket_;
  std::string address_;
};

class FailedStartTest : public ::testing::Test {
 protected:
  FailedStartTest() { options_.data_dir = directory_.path() + "/data"; }

  // A store with something in it, stopped in order.
  void MakeStore() {
    auto process = DmemdProcess::Start(options_);
    ASSERT_TRUE(process.ok()) << process.status();
    auto client =
        std::make_unique<client::Client>(client::MakeGrpcConnection((*process)->grpc_address()));
    ASSERT_TRUE(CreateTopology(*client).ok());
    client = nullptr;  // An idle connection is slow to notice that the server wants to stop.
    (*process)->Signal(SIGTERM);
    ASSERT_EQ((*process)->Wait(), 0) << (*process)->log();
  }

  // The one line that a start fails with.
  std::string FailedStart() {
    const std::unique_ptr<DmemdProcess> process = DmemdProcess::Launch(options_);
    EXPECT_FALSE(process->AwaitReady().ok()) << process->log();
    process->Kill();
    EXPECT_EQ(process->Wait(), 1) << process->log();
    std::string found;
    int lines = 0;
    for (const absl::string_view line : absl::StrSplit(process->log(), '\n')) {
      if (!absl::StartsWith(line, "dmemd: ")) continue;
      found = std::string(line);
      ++lines;
    }
    EXPECT_EQ(lines, 1) << process->log();
    return found;
  }

  // The files below the data directory, with their contents.
  std::map<std::string, std::string> Files() const {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(options_.data_dir)) {
      if (!entry.is_regular_file()) continue;
      std::ifstream in(entry.path(), std::ios::binary);
      files[entry.path()] =
          std::string(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    }
    return files;
  }

  server::TempDirectory directory_;
  DmemdProcess::Options options_;
};

TEST_F(FailedStartTest, SecondProcessOnADirectoryNamesTheFirstAndDoesNotDisturbIt) {
  auto first = DmemdProcess::Start(options_);
  ASSERT_TRUE(first.ok()) << first.status();
  const std::string line = FailedStart();
  EXPECT_TRUE(absl::StrContains(line, "is in use by another dmemd")) << line;
  EXPECT_TRUE(absl::StrContains(line, absl::StrCat("pid ", (*first)->pid()))) << line;
  EXPECT_TRUE(fs::exists(options_.data_dir + "/endpoints.json"));
  client::Client client(client::MakeGrpcConnection((*first)->grpc_address()));
  EXPECT_TRUE(CreateTopology(client).ok());
}

TEST_F(FailedStartTest, AnotherFormatNamesBothFormats) {
  MakeStore();
  for (const char* format : {"1", "3"}) {
    std::ofstream(options_.data_dir + "/FORMAT") << "dmemd store format " << format << "\n";
    const auto before = Files();
    const std::string line = FailedStart();
    EXPECT_TRUE(absl::StrContains(line, absl::StrCat("has store format ", format))) << line;
    EXPECT_TRUE(absl::StrContains(line, "this dmemd reads store format 2")) << line;
    EXPECT_TRUE(before == Files());
  }
}

TEST_F(FailedStartTest, FormatWithoutADatabaseIsNotAnEmptyStore) {
  MakeStore();
  fs::remove_all(options_.data_dir + "/db");
  const std::string line = FailedStart();
  EXPECT_TRUE(absl::StrContains(line, options_.data_dir + "/db")) << line;
  EXPECT_FALSE(fs::exists(options_.data_dir + "/db"));
}

TEST_F(FailedStartTest, DirectoryOfSomethingElseIsLeftAlone) {
  fs::create_directory(options_.data_dir);
  std::ofstream(options_.data_dir + "/thesis.tex") << "years of work\n";
  const auto before = Files();
  const std::string line = FailedStart();
  EXPECT_TRUE(absl::StrContains(line, "thesis.tex")) << line;
  EXPECT_TRUE(before == Files());
}

TEST_F(FailedStartTest, UnwritableDirectoryIsNamed) {
  if (geteuid() == 0) {
    // Who may write everywhere still cannot make a directory in a file.
    std::ofstream(directory_.path() + "/file") << "\n";
    options_.data_dir = directory_.path() + "/file/data";
  } else {
    fs::create_directory(options_.data_dir);
    fs::permissions(options_.data_dir, fs::perms::owner_read | fs::perms::owner_exec);
  }
  const std::string line = FailedStart();
  EXPECT_TRUE(absl::StrContains(line, options_.data_dir)) << line;
}

TEST_F(FailedStartTest, PortInUseIsNamedAndWhatIsStoredStays) {
  MakeStore();
  const TakenPort taken;
  options_.listen = taken.address();
  std::string line = FailedStart();
  EXPECT_TRUE(absl::StrContains(line, taken.address())) << line;
  options_.listen = "127.0.0.1:0";
  options_.http = taken.address();
  line = FailedStart();
  EXPECT_TRUE(absl::StrContains(line, taken.address())) << line;

  options_.http = "127.0.0.1:0";
  auto process = DmemdProcess::Start(options_);
  ASSERT_TRUE(process.ok()) << process.status();
  client::Client client(client::MakeGrpcConnection((*process)->grpc_address()));
  const absl::StatusOr<Observation> observed = Observe(client);
  ASSERT_TRUE(observed.ok()) << observed.status();
  Violations violations;
  CheckCounters(*observed, &violations);
  EXPECT_TRUE(violations.empty());
}

}  // namespace
}  // namespace dmem::crash
