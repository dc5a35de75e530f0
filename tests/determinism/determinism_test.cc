// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The same commands give the same state hash at every sequence (I9), in whatever process: with
// other addresses, another environment, memory that is not zero; and after a recovery from records
// alone, and from a checkpoint and records.

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "core/ledger.h"
#include "core/state_codec.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/clock.h"
#include "server/record.h"
#include "server/recovery.h"
#include "server/testing/temp_directory.h"
#include "server/testing/test_server.h"
#include "tests/determinism/log_file.h"
#include "tests/model/generator.h"
#include "tests/model/grpc_runner.h"

namespace dmem::determinism {
namespace {

using ::testing::Contains;
using ::testing::SizeIs;

// What a player told.
struct Played {
  std::string addresses;
  std::vector<std::string> hashes;  // "SEQUENCE HASH", in order.
};

// The test's arguments: the program that plays, and how many seeds.
std::string g_player;
int g_seeds = 100;

using Words = std::vector<std::string>;

// glibc fills what is allocated and freed with a byte if MALLOC_PERTURB_ says so.
const Words& Environment() {
  static const auto* words = new Words({"A=B"});
  return *words;
}
const Words& OtherEnvironment() {
  static const auto* words =
      new Words({"MALLOC_PERTURB_=165", "MALLOC_MMAP_THRESHOLD_=4096", "LC_ALL=de_DE.UTF-8",
                 "TZ=Asia/Kathmandu", "PADDING=" + std::string(3000, 'x')});
  return *words;
}

std::vector<char*> Pointers(Words* words) {
  std::vector<char*> pointers;
  for (std::string& word : *words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

Played Play(Words environment, Words arguments) {
  arguments.insert(arguments.begin(), g_player);
  const std::vector<char*> argv = Pointers(&arguments), envp = Pointers(&environment);
  int ends[2];
  if (pipe(ends) != 0) return {};
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    execve(argv[0], argv.data(), envp.data());
    _exit(127);
  }
  close(ends[1]);
  std::string output;
  char buffer[4096];
  for (ssize_t size = 0; (size = read(ends[0], buffer, sizeof(buffer))) > 0;) {
    output.append(buffer, static_cast<size_t>(size));
  }
  close(ends[0]);
  int status = 0;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0) << arguments[1];
  Played played;
  played.hashes = absl::StrSplit(output, '\n', absl::SkipEmpty());
  if (played.hashes.empty()) return played;
  played.addresses = played.hashes[0];
  played.hashes.erase(played.hashes.begin());
  return played;
}

// Where they differ first, or "".
std::string FirstDifference(const Played& a, const Played& b) {
  const auto [x, y] =
      std::mismatch(a.hashes.begin(), a.hashes.end(), b.hashes.begin(), b.hashes.end());
  if (x == a.hashes.end() && y == b.hashes.end()) return "";
  return absl::StrCat("another state hash: ", x == a.hashes.end() ? "nothing" : *x, " and ",
                      y == b.hashes.end() ? "nothing" : *y);
}

TEST(DeterminismTest, TheSameCommandsGiveTheSameHashesInTwoProcesses) {
  size_t hashes = 0;
  for (int seed = 1; seed <= g_seeds; ++seed) {
    const auto commands = [seed](const char* restart_every) {
      return Words{"commands", absl::StrCat(seed), "400", restart_every};
    };
    const Played one = Play(Environment(), commands("0"));
    const Played other = Play(OtherEnvironment(), commands("0"));
    EXPECT_NE(one.addresses, other.addresses) << "the same process, so to speak";
    EXPECT_EQ(FirstDifference(one, other), "") << "seed " << seed;
    EXPECT_EQ(FirstDifference(one, Play(OtherEnvironment(), commands("7"))), "")
        << "seed " << seed << ", with restarts";
    hashes += one.hashes.size();
  }
  EXPECT_GT(hashes, static_cast<size_t>(g_seeds) * 120);
  std::printf("%d hashes compared, in three processes each\n", static_cast<int>(hashes));
}

// A server on which random commands are run, one at a time.
class LogTest : public ::testing::Test {
 protected:
  void RunCommands(uint64_t seed, int steps) {
    server::Config config;
    config.ticks = false;
    server::TestServer server(config);
    model::Generator generator(seed);
    generator.WithoutSessions();
    model::GrpcRunner runner(&server.stub());
    for (int i = 0; i < steps; ++i) {
      model::Command command;
      do {
        command = generator.Next(runner.Look());
      } while (command.kind == model::Kind::kConfigure);
      command.time_us = absl::ToUnixMicros(server::WallClockNow());
      command.created_at_us = command.time_us;
      if (command.ttl_us > 0) command.ttl_us += 3600000000;
      runner.Apply(command);
      Note(&server);
    }
    log_.records.clear();
    const absl::Status read = server.store().Read(
        1, UINT64_MAX, [this](server::SequenceRange range, absl::string_view record) {
          log_.records.push_back({range, std::string(record)});
          return true;
        });
    ASSERT_TRUE(read.ok()) << read;
  }

  // A checkpoint of the state after so many records.
  void AddCheckpoint(size_t records) {
    Ledger ledger;
    for (size_t i = 0; i < records; ++i) {
      ASSERT_TRUE(server::ReplayRecord(log_.records[i].record, &ledger).ok());
    }
    const StateDelta all = DiffStates(nullptr, StateHash(), ledger.state());
    log_.checkpoint.sequence = log_.records[records - 1].range.last;
    log_.checkpoint.summary = server::EncodeSummary(ledger.state(), all.hash);
    log_.checkpoint.puts.clear();
    for (const auto& [key, value] : all.puts) log_.checkpoint.puts.push_back({key, value});
  }

  // What other processes make of the log.
  std::vector<Played> PlayLog() {
    const std::string path = directory_.path() + "/log";
    EXPECT_TRUE(WriteLogFile(path, log_));
    return {Play(Environment(), {"log", path}), Play(OtherEnvironment(), {"log", path})};
  }

  // The server's hash at each sequence that it told, from `from` on.
  void ExpectAllIn(const Played& played, uint64_t from) {
    for (const auto& [sequence, hash] : live_) {
      if (sequence < from) continue;
      EXPECT_THAT(played.hashes, Contains(absl::StrCat(sequence, " ", hash)));
    }
  }

  server::TempDirectory directory_;
  LogFile log_;
  std::map<uint64_t, std::string> live_;

 private:
  void Note(server::TestServer* server) {
    v1::CheckResponse response;
    grpc::ClientContext context;
    ASSERT_TRUE(server->stub().Check(&context, v1::CheckRequest(), &response).ok());
    live_[response.sequence()] = response.state_hash();
  }
};

TEST_F(LogTest, RecordsAloneGiveTheServersHashesInOtherProcesses) {
  ASSERT_NO_FATAL_FAILURE(RunCommands(/*seed=*/3, /*steps=*/800));
  ASSERT_GT(live_.size(), 150u);
  for (const Played& played : PlayLog()) {
    ExpectAllIn(played, 1);
    EXPECT_THAT(played.hashes, SizeIs(log_.records.size()));
  }
}

TEST_F(LogTest, ACheckpointAndTheRecordsAfterItGiveTheServersHashesInOtherProcesses) {
  ASSERT_NO_FATAL_FAILURE(RunCommands(/*seed=*/4, /*steps=*/800));
  for (const size_t part : {1, 2, 3}) {
    const size_t records = log_.records.size() * part / 4;
    ASSERT_NO_FATAL_FAILURE(AddCheckpoint(records));
    for (const Played& played : PlayLog()) {
      ExpectAllIn(played, log_.checkpoint.sequence);
      // The checkpoint, and what came after it.
      EXPECT_THAT(played.hashes, SizeIs(log_.records.size() - records + 1));
    }
  }
}

}  // namespace
}  // namespace dmem::determinism

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  if (argc < 2 || argc > 3) return 2;
  dmem::determinism::g_player = argv[1];
  if (argc == 3 && !absl::SimpleAtoi(argv[2], &dmem::determinism::g_seeds)) return 2;
  return RUN_ALL_TESTS();
}
