// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Damage to each file of a store, one at a time: a byte flipped, the end cut off, the file gone.
// The next start refuses, naming the file and changing nothing, or has everything that was
// acknowledged up to the high-water mark; what is missing after it is reported, or was cut off
// without a trace.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/store/rocksdb_store.h"
#include "server/store/testing/power_cut_env.h"
#include "server/store/testing/scratch_directory.h"
#include "server/store/testing/seed.h"
#include "server/store/testing/workload.h"

namespace dmem::server {
namespace {

namespace fs = std::filesystem;

using Files = std::map<std::string, std::string>;  // Contents by path below the directory.

// How much more than in the presubmit is done; the target damage_deep_test sets it.
int Depth() {
  const char* depth = std::getenv("DMEMD_DEEP");
  int value = 1;
  return depth != nullptr && absl::SimpleAtoi(depth, &value) && value > 0 ? value : 1;
}

Files ReadTree(const std::string& root) {
  Files files;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    files[entry.path().lexically_relative(root).string()] =
        std::string(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return files;
}

void WriteTree(const std::string& root, const Files& files) {
  fs::remove_all(root);
  for (const auto& [name, contents] : files) {
    const fs::path path = fs::path(root) / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << contents;
  }
}

enum class Kind { kFlip, kCut, kGone };

struct Damage {
  Kind kind;
  std::string file;
  size_t at = 0;  // Byte to flip, or size to cut to.
  int bit = 0;

  std::string Text() const {
    const std::string how = kind == Kind::kFlip  ? absl::StrCat("bit ", bit, " of byte ", at)
                            : kind == Kind::kCut ? absl::StrCat("cut to ", at)
                                                 : "gone";
    return absl::StrCat(file, " ", how);
  }

  Files Apply(Files files) const {
    if (kind == Kind::kGone) {
      files.erase(file);
    } else if (kind == Kind::kCut) {
      files[file].resize(at);
    } else {
      files[file][at] = static_cast<char>(files[file][at] ^ (1 << bit));
    }
    return files;
  }
};

// A store and what its user knows.
struct Sample {
  Files files;
  Acknowledged known;
  uint64_t high_water = 0;  // At most known.sequence.
};

struct Counts {
  int refused = 0;
  int complete = 0;
  int dropped = 0;
};

class DamageTest : public ::testing::Test {
 protected:
  StoreOptions Options(PowerCutEnv& disk) const {
    StoreOptions options;
    options.data_dir = directory_;
    options.env = disk.env();
    options.log_buffer_bytes = 64 << 10;
    options.log_retention_bytes = 128 << 10;
    options.block_cache_bytes = 1 << 20;
    options.high_water_interval = absl::InfiniteDuration();
    return options;
  }

  // Three lives, with records and checkpoints in files of every kind. With `clean` the last one was
  // closed; without it crashed before the high-water mark followed.
  Sample Make(bool clean) {
    fs::remove_all(directory_);
    Sample sample;
    std::string high_water;
    for (int life = 0; life < 3; ++life) {
      PowerCutEnv disk(directory_);
      RocksDbStore store(Options(disk));
      Workload workload(&sample.known);
      const auto log = workload.Recover(store);
      EXPECT_TRUE(log.ok()) << log.status();
      sample.high_water = log->last_sequence;
      high_water = ReadTree(directory_)["HIGH_WATER"];
      const absl::Status status = workload.Run(store, life < 2 ? 30 : 12, /*checkpoint_every=*/8);
      EXPECT_TRUE(status.ok()) << status;
    }
    for (auto& [name, contents] : ReadTree(directory_)) {
      // RocksDB's notes of what happened, many and large: one of them is enough.
      if (!absl::StrContains(name, "LOG.old")) sample.files[name] = contents;
    }
    if (clean) {
      sample.high_water = sample.known.sequence;
    } else {
      sample.files["HIGH_WATER"] = high_water;
    }
    return sample;
  }

  // Checks one case; adds what came of it to `counts`.
  void Check(const Sample& sample, const Damage& damage, Counts& counts) {
    const Files damaged = damage.Apply(sample.files);
    WriteTree(directory_, damaged);
    Acknowledged known = sample.known;
    const uint64_t acknowledged = known.sequence;
    // Workload::Recover holds a store to what it is told: here, to the bound.
    known.sequence = sample.high_water;
    known.checkpoint = 0;
    absl::StatusOr<RecoveredLog> log;
    {
      PowerCutEnv disk(directory_);
      RocksDbStore store(Options(disk));
      log = Workload(&known).Recover(store);
    }
    if (log.ok()) {
      if (log->last_sequence == acknowledged) {
        ++counts.complete;
        return;
      }
      ++counts.dropped;
      EXPECT_TRUE(absl::EndsWith(damage.file, ".log"))
          << damage.Text() << " lost records above the high-water mark";
      EXPECT_TRUE(damage.kind != Kind::kFlip || !log->dropped_tail.empty())
          << damage.Text() << " lost records in silence";
      EXPECT_TRUE(log->dropped_tail.empty() || absl::StrContains(log->dropped_tail, damage.file));
      return;
    }
    ++counts.refused;
    const std::string text(log.status().message());
    EXPECT_FALSE(absl::StrContains(text, "acknowledged records are gone")) << damage.Text();
    EXPECT_TRUE(absl::IsDataLoss(log.status()) || absl::IsFailedPrecondition(log.status()))
        << damage.Text() << ": " << log.status();
    // Of a log that is gone nobody knows the name.
    const bool gone_log = damage.kind == Kind::kGone && absl::EndsWith(damage.file, ".log");
    const std::string name = damage.file.substr(damage.file.rfind('/') + 1);
    EXPECT_TRUE(absl::StrContains(text, gone_log ? ".log" : name)) << damage.Text() << ": " << text;
    Files after = ReadTree(directory_);
    after.erase("LOCK");
    Files before = damaged;
    before.erase("LOCK");
    EXPECT_TRUE(after == before) << damage.Text() << ": a refused start changed the directory";
  }

  // All kinds of damage to each file, `flips` and `cuts` of each at random places.
  void CheckAll(const Sample& sample, int flips, int cuts) {
    const uint64_t seed = TestSeed();
    std::mt19937_64 rng(seed);
    std::map<std::string, Counts> counts;
    for (const auto& [name, contents] : sample.files) {
      SCOPED_TRACE(absl::StrCat("seed ", seed));
      Counts& count = counts[name];
      Check(sample, {Kind::kGone, name}, count);
      if (contents.empty()) continue;
      std::uniform_int_distribution<size_t> place(0, contents.size() - 1);
      // The ends are where headers and footers are.
      std::vector<size_t> places = {0, contents.size() - 1};
      for (int i = 0; i < flips; ++i) places.push_back(place(rng));
      for (size_t at : places) {
        Check(sample, {Kind::kFlip, name, at, static_cast<int>(rng() % 8)}, count);
      }
      places = {0, contents.size() - 1};
      for (int i = 0; i < cuts; ++i) places.push_back(place(rng));
      for (size_t at : places) Check(sample, {Kind::kCut, name, at}, count);
      if (HasFailure()) break;
    }
    for (const auto& [name, count] : counts) {
      std::printf("%-24s %7zu bytes: %4d refused, %4d complete, %4d without the tail\n",
                  name.c_str(), sample.files.at(name).size(), count.refused, count.complete,
                  count.dropped);
    }
  }

  const ScratchDirectory scratch_;
  const std::string directory_ = scratch_.path() + "/data";
};

TEST_F(DamageTest, UndamagedSampleIsCompleteAndHasFilesOfEveryKind) {
  for (const bool clean : {true, false}) {
    const Sample sample = Make(clean);
    int tables = 0;
    int logs = 0;
    for (const auto& [name, contents] : sample.files) {
      tables += absl::EndsWith(name, ".sst") && !contents.empty();
      logs += absl::EndsWith(name, ".log") && !contents.empty();
    }
    EXPECT_GE(tables, 4);
    EXPECT_GE(logs, 1);
    Counts counts;
    // The LOCK file is nothing; a change to it is none.
    Check(sample, {Kind::kGone, "LOCK"}, counts);
    EXPECT_EQ(counts.complete, 1);
  }
}

TEST_F(DamageTest, DamageToAClosedStoreIsRefusedOrHarmless) {
  CheckAll(Make(/*clean=*/true), 24 * Depth(), 8 * Depth());
}

TEST_F(DamageTest, DamageToACrashedStoreIsRefusedOrHarmlessUpToTheHighWaterMark) {
  CheckAll(Make(/*clean=*/false), 24 * Depth(), 8 * Depth());
}

// The log is where every byte counts: all of it, in strides that no structure shares.
TEST_F(DamageTest, EveryPartOfTheLogIsGuarded) {
  for (const bool clean : {true, false}) {
    const Sample sample = Make(clean);
    for (const auto& [name, contents] : sample.files) {
      if (!absl::EndsWith(name, ".log") || contents.empty()) continue;
      Counts counts;
      const size_t stride = std::max<size_t>(1, contents.size() / (size_t{150} * Depth()));
      for (size_t at = 0; at < contents.size(); at += stride) {
        Check(sample, {Kind::kFlip, name, at, static_cast<int>(at % 8)}, counts);
        if (HasFailure()) return;
      }
      EXPECT_GT(counts.refused, 0);
      EXPECT_TRUE(counts.dropped == 0 || !clean) << "after a clean close nothing may be dropped";
    }
  }
}

}  // namespace
}  // namespace dmem::server
