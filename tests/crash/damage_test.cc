// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Damage to each file of a data directory, one at a time, of a dmemd that was stopped and of one
// that was killed. The next start ends with exit code 1 and one line that says what is damaged, or
// comes up with the state of one sequence, whole: not below the high-water mark, and below what was
// acknowledged only if the log says that a tail was dropped.

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/client.h"
#include "client/grpc_connection.h"
#include "gtest/gtest.h"
#include "server/testing/dmemd_process.h"
#include "server/testing/temp_directory.h"
#include "tests/crash/observation.h"
#include "tests/crash/topology.h"
#include "tests/crash/worker.h"

namespace dmem::crash {
namespace {

namespace fs = std::filesystem;
using server::DmemdProcess;

// Damages of each kind to each file; the target damage_deep_test sets it.
int Depth() {
  const char* depth = std::getenv("DMEMD_DEEP");
  int value = 1;
  return depth != nullptr && absl::SimpleAtoi(depth, &value) && value > 0 ? value : 1;
}

// The newest sequence that a data directory's HIGH_WATER tells, 0 if there is none.
uint64_t HighWater(const std::string& directory) {
  std::ifstream in(directory + "/HIGH_WATER");
  uint64_t newest = 0;
  for (std::string line; std::getline(in, line);) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    for (size_t i = 0; i + 1 < words.size(); ++i) {
      uint64_t sequence = 0;
      if (words[i] == "sequence" && absl::SimpleAtoi(words[i + 1], &sequence)) {
        newest = std::max(newest, sequence);
      }
    }
  }
  return newest;
}

// A data directory, and what its only client knew at each sequence.
struct Sample {
  std::string directory;
  std::map<uint64_t, Worker> known;
  uint64_t high_water = 0;
  uint64_t acknowledged() const { return known.rbegin()->first; }
};

// More than fit in the last thousand bytes of a log.
constexpr int kStepsAfterMark = 40;

struct Counts {
  int refused = 0;
  int complete = 0;
  int dropped = 0;
  int dropped_and_logged = 0;
};

// Of the line that dmemd logs when it has recovered.
uint64_t RecoveredSequence(absl::string_view log) {
  uint64_t sequence = 0;
  const size_t event = log.find("\"recovered\"");
  if (event == absl::string_view::npos) return 0;
  absl::string_view rest = log.substr(event);
  const absl::string_view name = "\"sequence\":";
  const size_t field = rest.find(name);
  if (field == absl::string_view::npos) return 0;
  rest.remove_prefix(field + name.size());
  if (!absl::SimpleAtoi(rest.substr(0, rest.find_first_not_of("0123456789")), &sequence)) return 0;
  return sequence;
}

class DamageTest : public ::testing::Test {
 protected:
  static DmemdProcess::Options Options(const std::string& directory, double checkpoint_seconds) {
    DmemdProcess::Options options;
    options.data_dir = directory;
    options.flags = {absl::StrCat("--checkpoint-interval=", checkpoint_seconds)};
    return options;
  }

  // Two lives of a dmemd with one client. The second one ends by `signal` once the high-water mark
  // has followed, and then some.
  void Make(int signal, Sample* sample) {
    sample->directory = directory_.path() + "/sample";
    Worker::Options options;
    options.seed = 4711;
    options.batches = false;  // Whose charges are acknowledged together, at several sequences.
    Worker worker(options);
    for (int life = 0; life < 2; ++life) {
      // Many checkpoints first, then none, so that the end of the log is not in one.
      auto process = DmemdProcess::Start(Options(sample->directory, life == 0 ? 0.1 : 3600));
      ASSERT_TRUE(process.ok()) << process.status();
      std::shared_ptr<client::Connection> connection =
          client::MakeGrpcConnection((*process)->grpc_address());
      if (life == 0) {
        client::Client client(connection);
        ASSERT_TRUE(CreateTopology(client).ok());
      }
      const uint64_t before = HighWater(sample->directory);
      uint64_t mark = before;
      int after_mark = 0;  // Steps since the mark has moved.
      while (mark <= before + 100 || after_mark < kStepsAfterMark) {
        ASSERT_TRUE(worker.Step(*connection));
        ++after_mark;
        sample->known.erase(worker.sequence_max());
        sample->known.emplace(worker.sequence_max(), worker);
        if (HighWater(sample->directory) == mark) continue;
        mark = HighWater(sample->directory);
        after_mark = 0;
        // What is below it is never asked for.
        const auto above = sample->known.upper_bound(mark);
        if (above != sample->known.begin()) {
          sample->known.erase(sample->known.begin(), std::prev(above));
        }
      }
      connection = nullptr;  // An idle one is slow to notice that the server wants to stop.
      (*process)->Signal(life == 0 ? SIGTERM : signal);
      ASSERT_EQ((*process)->Wait(), life == 0 || signal == SIGTERM ? 0 : -signal);
    }
    ASSERT_TRUE(worker.violations().empty()) << absl::StrJoin(worker.violations().texts(), "\n");
    sample->high_water = HighWater(sample->directory);
  }

  // Starts dmemd on a damaged copy of the sample and looks at what it does.
  void Check(const Sample& sample, const std::string& file, const std::string& how,
             const std::function<void(const std::string& path)>& damage, Counts* counts) {
    SCOPED_TRACE(absl::StrCat(file, " ", how));
    const std::string copy = directory_.path() + "/copy";
    fs::remove_all(copy);
    fs::copy(sample.directory, copy, fs::copy_options::recursive);
    damage(absl::StrCat(copy, "/", file));
    const std::unique_ptr<DmemdProcess> process = DmemdProcess::Launch(Options(copy, 3600));
    if (!process->AwaitReady().ok()) {
      CheckRefusal(process->Wait(), process->log(), fs::path(file).filename());
      ++counts->refused;
      return;
    }
    client::Client client(client::MakeGrpcConnection(process->grpc_address()));
    const absl::StatusOr<Observation> observed = Observe(client);
    ASSERT_TRUE(observed.ok()) << observed.status();
    // Not what the ledger is at now: a start adds commands of its own, whose sequences belonged to
    // others if the log's end was dropped.
    const uint64_t sequence = RecoveredSequence(process->log());
    EXPECT_GE(sequence, sample.high_water);
    auto known = sample.known.upper_bound(sequence);
    ASSERT_NE(known, sample.known.begin()) << sequence;
    Worker worker = std::prev(known)->second;
    Violations violations;
    CheckCounters(*observed, &violations);
    worker.Reconcile(*observed, &violations);
    EXPECT_TRUE(violations.empty()) << "at sequence " << sequence << ":\n"
                                    << absl::StrJoin(violations.texts(), "\n");
    if (sequence >= sample.acknowledged()) {
      ++counts->complete;
      return;
    }
    ++counts->dropped;
    const bool logged = absl::StrContains(process->log(), "\"log_tail_dropped\"");
    if (logged) ++counts->dropped_and_logged;
    // A log cut off exactly between two records, above the mark, says nothing (docs/store.md).
    EXPECT_TRUE(logged || absl::StartsWith(how, "cut"))
        << "sequences " << sequence + 1 << " to " << sample.acknowledged() << " are gone\n"
        << process->log();
  }

  void CheckRefusal(int code, const std::string& log, const std::string& file) {
    EXPECT_EQ(code, 1) << log;
    std::vector<std::string> lines;
    for (const absl::string_view line : absl::StrSplit(log, '\n')) {
      if (absl::StartsWith(line, "dmemd: ")) lines.emplace_back(line);
    }
    ASSERT_EQ(lines.size(), 1u) << log;
    EXPECT_TRUE(absl::StrContains(lines[0], file) || absl::StrContains(lines[0], " sequence "))
        << lines[0];
    EXPECT_FALSE(absl::StrContains(log, "\"ready\"")) << log;
  }

  // Every kind of damage to every file.
  Counts CheckAll(const Sample& sample) {
    Counts counts;
    std::mt19937_64 random(4711);
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(sample.directory)) {
      // RocksDB's notes of what happened: the newest are enough.
      const bool old = absl::StrContains(entry.path().string(), "LOG.old");
      if (entry.is_regular_file() && !old) files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    for (const fs::path& path : files) {
      const std::string file = path.lexically_relative(sample.directory);
      const uint64_t size = DataBytes(path);
      Check(
          sample, file, "gone", [](const std::string& copy) { fs::remove(copy); }, &counts);
      if (size == 0) continue;
      std::vector<uint64_t> sizes = {0};
      std::vector<uint64_t> flips;
      std::uniform_int_distribution<uint64_t> anywhere(0, size - 1);
      flips.reserve(Depth());
      for (int i = 0; i < Depth(); ++i) sizes.push_back(anywhere(random));
      for (int i = 0; i < Depth(); ++i) flips.push_back(anywhere(random));
      if (path.extension() == ".log" && size > 2000) {
        // Also where a crash could have left it so.
        sizes.insert(sizes.end(), {size - 1, size - 1000});
        flips.push_back(size - 2);
      }
      for (const uint64_t cut : sizes) {
        Check(
            sample, file, absl::StrCat("cut to ", cut),
            [cut](const std::string& copy) { fs::resize_file(copy, cut); }, &counts);
      }
      for (const uint64_t at : flips) {
        const int bit = std::uniform_int_distribution<int>(0, 7)(random);
        Check(
            sample, file, absl::StrCat("bit ", bit, " of byte ", at, " flipped"),
            [at, bit](const std::string& copy) { Flip(copy, at, bit); }, &counts);
      }
    }
    std::printf("%zu files; %d starts refused, %d complete, %d without a tail\n", files.size(),
                counts.refused, counts.complete, counts.dropped);
    return counts;
  }

  // Without the zeros that a killed dmemd leaves at the end of its log.
  static uint64_t DataBytes(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    const std::string contents((std::istreambuf_iterator<char>(file)),
                               std::istreambuf_iterator<char>());
    return path.extension() == ".log" ? contents.find_last_not_of('\0') + 1 : contents.size();
  }

  static void Flip(const std::string& path, uint64_t at, int bit) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const char byte = static_cast<char>(file.get() ^ (1 << bit));
    file.seekp(static_cast<std::streamoff>(at));
    file.put(byte);
  }

  server::TempDirectory directory_;
};

TEST_F(DamageTest, AfterACleanStopNothingIsLostSilently) {
  Sample sample;
  Make(SIGTERM, &sample);
  if (HasFatalFailure()) return;
  ASSERT_GE(sample.high_water, sample.acknowledged());
  const Counts counts = CheckAll(sample);
  EXPECT_EQ(counts.dropped, 0);
  EXPECT_GT(counts.refused, 10);
  EXPECT_GT(counts.complete, 10);
}

TEST_F(DamageTest, AfterAKillNothingIsLostSilently) {
  Sample sample;
  Make(SIGKILL, &sample);
  if (HasFatalFailure()) return;
  const auto newer = std::distance(sample.known.upper_bound(sample.high_water), sample.known.end());
  const Counts counts = CheckAll(sample);
  EXPECT_GT(counts.refused, 10);
  EXPECT_GT(counts.complete, 10);
  // Unless the mark has followed at the very last moment, the rule about tails was tried.
  if (newer > kStepsAfterMark / 3) {
    EXPECT_GT(counts.dropped_and_logged, 0);
  }
}

}  // namespace
}  // namespace dmem::crash
