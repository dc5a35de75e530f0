// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/cow_table.h"

#include <algorithm>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dmem {
namespace {

using ::testing::ElementsAre;

using Table = CowTable<int, 4>;

std::vector<int> Contents(const Table& table) {
  std::vector<int> all;
  for (Index i = 0; i < table.size(); ++i) all.push_back(table[i]);
  return all;
}

TEST(SnapshotEpochsTest, WithoutASnapshotMemoryIsFreedAtOnce) {
  SnapshotEpochs epochs;
  int freed = 0;
  epochs.Retire(epochs.current(), &freed, [](void* p) { ++*static_cast<int*>(p); });
  EXPECT_EQ(freed, 1);
  EXPECT_EQ(epochs.retired(), 0u);
}

TEST(SnapshotEpochsTest, MemoryBornAfterTheLastSnapshotIsFreedAtOnce) {
  SnapshotEpochs epochs;
  const uint64_t snapshot = epochs.Acquire();
  int freed = 0;
  epochs.Retire(epochs.current(), &freed, [](void* p) { ++*static_cast<int*>(p); });
  EXPECT_EQ(freed, 1);
  epochs.Release(snapshot);
}

TEST(SnapshotEpochsTest, OnlyMemoryUpToTheNewestLiveSnapshotIsShared) {
  SnapshotEpochs epochs;
  EXPECT_EQ(epochs.shared_until(), 0u);
  const uint64_t first = epochs.Acquire(), second = epochs.Acquire();
  EXPECT_EQ(epochs.shared_until(), second);
  EXPECT_GT(epochs.current(), second);
  epochs.Release(second);
  EXPECT_EQ(epochs.shared_until(), first);
  epochs.Release(first);
  EXPECT_EQ(epochs.shared_until(), 0u);
}

TEST(SnapshotEpochsDeathTest, AnEpochIsReleasedOnceAndOnlyIfItWasAcquired) {
  SnapshotEpochs epochs;
  EXPECT_DEATH(epochs.Release(1), "check failed");
  const uint64_t epoch = epochs.Acquire();
  epochs.Release(epoch);
  EXPECT_DEATH(epochs.Release(epoch), "check failed");
}

// What a naive list says: a piece of memory is kept exactly while a live snapshot has an epoch from
// its birth up to the one before it was retired.
struct Piece {
  uint64_t birth, retired;
  int freed = 0;
};

TEST(SnapshotEpochsTest, EachPieceIsFreedOnceAndExactlyWhenItsLastReaderIsReleased) {
  for (const uint64_t seed : {1, 2, 3, 4, 5}) {
    std::mt19937_64 rng(seed);
    SnapshotEpochs epochs;
    std::vector<uint64_t> live;
    std::vector<std::unique_ptr<Piece>> pieces;
    for (int step = 0; step < 600; ++step) {
      const uint64_t choice = rng() % 4;
      if (choice == 0 && live.size() < 8) {
        live.push_back(epochs.Acquire());
      } else if (choice == 1 && !live.empty()) {
        const size_t i = rng() % live.size();
        epochs.Release(live[i]);
        live.erase(live.begin() + static_cast<std::ptrdiff_t>(i));
      } else {
        const uint64_t birth = 1 + rng() % epochs.current();
        pieces.push_back(std::make_unique<Piece>(Piece{birth, epochs.current()}));
        epochs.Retire(birth, pieces.back().get(), [](void* p) { ++static_cast<Piece*>(p)->freed; });
      }
      size_t kept = 0;
      for (const auto& piece : pieces) {
        const bool readable = std::any_of(live.begin(), live.end(), [&](uint64_t epoch) {
          return piece->birth <= epoch && epoch < piece->retired;
        });
        kept += readable;
        ASSERT_EQ(piece->freed, readable ? 0 : 1)
            << "seed " << seed << ", step " << step << ": born in " << piece->birth
            << ", retired in " << piece->retired;
      }
      ASSERT_EQ(epochs.retired(), kept);
      ASSERT_EQ(epochs.live_snapshots(), live.size());
    }
    for (const uint64_t epoch : live) epochs.Release(epoch);
    EXPECT_EQ(epochs.retired(), 0u);
  }
}

TEST(CowTableTest, IndicesAndReferencesStayWhileTheTableGrows) {
  SnapshotEpochs epochs;
  Table table(&epochs);
  EXPECT_EQ(table.Append(10), 0u);
  int& first = table.Mutable(0);
  for (int i = 1; i < 1000; ++i) EXPECT_EQ(table.Append(10 + i), static_cast<Index>(i));
  EXPECT_EQ(&table.Mutable(0), &first);
  EXPECT_EQ(table.size(), 1000u);
  EXPECT_EQ(table[999], 1009);
}

TEST(CowTableTest, ASnapshotKeepsItsContentsAndCopiesAPageOnlyAtItsFirstChange) {
  SnapshotEpochs epochs;
  Table table(&epochs);
  for (int i = 0; i < 10; ++i) table.Append(i);  // Pages {0-3}, {4-7}, {8, 9}.
  const uint64_t epoch = epochs.Acquire();
  {
    const Table frozen = table.Frozen();
    table.Mutable(5) = 50;
    EXPECT_EQ(epochs.retired(), 1u);
    table.Mutable(6) = 60;
    EXPECT_EQ(epochs.retired(), 1u) << "the page was copied already";
    table.Append(100);
    EXPECT_EQ(epochs.retired(), 2u) << "appending to a shared page copies it";
    EXPECT_THAT(Contents(frozen), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
    EXPECT_THAT(Contents(table), ElementsAre(0, 1, 2, 3, 4, 50, 60, 7, 8, 9, 100));
    EXPECT_TRUE(table.SharesPage(frozen, 3));
    EXPECT_FALSE(table.SharesPage(frozen, 4));
    EXPECT_FALSE(table.SharesPage(frozen, 8));
    EXPECT_FALSE(table.SharesPage(frozen, 1000));
  }
  epochs.Release(epoch);
  EXPECT_EQ(epochs.retired(), 0u);
  int& record = table.Mutable(0);
  EXPECT_EQ(&record, &table[0]) << "nothing is shared any more";
}

// Snapshots taken after each of some changes, released in every order: each shows what it showed at
// first as long as it lives, and the last release frees everything.
TEST(CowTableTest, OverlappingSnapshotsMayBeReleasedInAnyOrder) {
  std::vector<int> order = {0, 1, 2, 3, 4};
  do {
    SnapshotEpochs epochs;
    Table table(&epochs);
    for (int i = 0; i < 12; ++i) table.Append(0);
    struct Taken {
      uint64_t epoch;
      std::unique_ptr<Table> frozen;
      std::vector<int> contents;
    };
    std::vector<Taken> taken;
    for (int k = 0; k < 5; ++k) {
      taken.push_back({epochs.Acquire(), std::make_unique<Table>(table.Frozen()), Contents(table)});
      // Different pages in different epochs, some twice.
      table.Mutable(static_cast<Index>(4 * (k % 3))) = k + 1;
      table.Mutable(static_cast<Index>(4 * ((k + k / 2) % 3) + 1)) = 10 * (k + 1);
    }
    std::vector<bool> released(5, false);
    for (const int k : order) {
      taken[k].frozen.reset();
      epochs.Release(taken[k].epoch);
      released[k] = true;
      table.Mutable(static_cast<Index>(k)) += 100;
      for (int i = 0; i < 5; ++i) {
        if (released[i]) continue;
        ASSERT_EQ(Contents(*taken[i].frozen), taken[i].contents);
      }
    }
    ASSERT_EQ(epochs.retired(), 0u);
    ASSERT_EQ(epochs.live_snapshots(), 0u);
  } while (std::next_permutation(order.begin(), order.end()));
}

// Meant for the thread sanitizer: the writer goes on, appends and copies pages while a snapshot is
// read. Each snapshot's records all say the round in which they were last written.
TEST(CowTableTest, AReaderThreadSeesOneSnapshotWhileTheWriterGoesOn) {
  SnapshotEpochs epochs;
  CowTable<int, 64> table(&epochs);
  for (int round = 0; round < 200; ++round) {
    table.Append(round);
    for (Index i = 0; i < table.size(); ++i) table.Mutable(i) = round;
    const uint64_t epoch = epochs.Acquire();
    auto frozen = std::make_unique<CowTable<int, 64>>(table.Frozen());
    int wrong = 0;
    std::thread reader([&frozen, &wrong, round] {
      for (Index i = 0; i < frozen->size(); ++i) wrong += (*frozen)[i] != round;
    });
    for (Index i = 0; i < table.size(); ++i) table.Mutable(i) = -1;
    for (int i = 0; i < 8; ++i) table.Append(-1);
    reader.join();
    ASSERT_EQ(wrong, 0);
    frozen.reset();
    epochs.Release(epoch);
  }
}

}  // namespace
}  // namespace dmem
