// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "core/hash_index.h"

#include <random>
#include <unordered_map>
#include <vector>

#include "gtest/gtest.h"

namespace dmem {
namespace {

struct Record {
  uint32_t key = 0;
  Index next = kNone;
};

// With more than one key a hash, chains hold different records of equal hash.
template <uint32_t kPerHash>
uint32_t HashOf(uint32_t key) {
  return key / kPerHash * 0x9e3779b1u;  // Odd: no two quotients have the same hash.
}

template <typename Table, uint32_t kPerHash>
struct Access {
  Table& table;
  uint32_t hash(Index i) const { return HashOf<kPerHash>(table[i].key); }
  Index next(Index i) const { return table[i].next; }
  void prefetch(Index i) const { __builtin_prefetch(&table[i]); }
  void set_next(Index i, Index next) { table.Mutable(i).next = next; }
};

template <uint32_t kPerHash>
struct Indexed {
  Indexed() : table(&epochs), index(&epochs) {}

  Index Add(uint32_t key) {
    Index i;
    if (free.empty()) {
      i = table.Append({key, kNone});
    } else {
      i = free.back();
      free.pop_back();
      table.Mutable(i) = {key, kNone};
    }
    index.Insert(HashOf<kPerHash>(key), i, Access<Records, kPerHash>{table});
    return i;
  }
  void Remove(uint32_t key, Index i) {
    index.Erase(HashOf<kPerHash>(key), i, Access<Records, kPerHash>{table});
    free.push_back(i);
  }
  Index Find(uint32_t key) const { return FindIn(table, index, key); }

  using Records = CowTable<Record>;
  static Index FindIn(const Records& table, const HashIndex& index, uint32_t key) {
    return index.Find(HashOf<kPerHash>(key), Access<const Records, kPerHash>{table},
                      [&](Index i) { return table[i].key == key; });
  }

  SnapshotEpochs epochs;
  Records table;
  HashIndex index;
  std::vector<Index> free;
};

template <uint32_t kPerHash>
void CompareWithAMap(uint64_t seed) {
  std::mt19937_64 rng(seed);
  Indexed<kPerHash> indexed;
  std::unordered_map<uint32_t, Index> model;
  // Grows to some thousand records, shrinks to almost none, and grows again.
  for (int step = 0; step < 60000; ++step) {
    const uint32_t key = static_cast<uint32_t>(rng() % 8000);
    const bool growing = (step / 20000) % 2 == 0;
    const auto it = model.find(key);
    ASSERT_EQ(indexed.Find(key), it == model.end() ? kNone : it->second) << "seed " << seed;
    if (it == model.end() && rng() % 10 < (growing ? 9 : 1)) {
      model[key] = indexed.Add(key);
    } else if (it != model.end() && rng() % 10 < (growing ? 1 : 9)) {
      indexed.Remove(key, it->second);
      model.erase(it);
    }
    ASSERT_EQ(indexed.index.size(), model.size());
  }
  for (uint32_t key = 0; key < 8000; ++key) {
    const auto it = model.find(key);
    ASSERT_EQ(indexed.Find(key), it == model.end() ? kNone : it->second);
  }
}

TEST(HashIndexTest, FindsWhatAMapFindsWhileRecordsComeAndGo) {
  CompareWithAMap<1>(1);
  CompareWithAMap<1>(2);
}

TEST(HashIndexTest, RecordsOfEqualHashAreToldApart) {
  CompareWithAMap<5>(3);
  CompareWithAMap<500>(4);
}

// Counts what a lookup reads.
struct CountingAccess {
  const CowTable<Record>& table;
  int* reads;
  uint32_t hash(Index i) const {
    ++*reads;
    return HashOf<1>(table[i].key);
  }
  Index next(Index i) const { return table[i].next; }
  void prefetch(Index) const {}
};

TEST(HashIndexTest, AKeyThatIsNotThereIsMostlyFoundOutWithoutReadingARecord) {
  Indexed<1> indexed;
  for (uint32_t key = 0; key < 10000; ++key) indexed.Add(key);
  int reads = 0;
  for (uint32_t key = 10000; key < 20000; ++key) {
    EXPECT_EQ(indexed.index.Find(HashOf<1>(key), CountingAccess{indexed.table, &reads},
                                 [](Index) { return true; }),
              kNone);
  }
  EXPECT_LT(reads, 2000) << "with a record a bucket, chains alone would be 10,000";
}

TEST(HashIndexTest, AnEmptyIndexFindsNothing) {
  Indexed<1> indexed;
  EXPECT_EQ(indexed.Find(0), kNone);
  EXPECT_EQ(indexed.index.size(), 0u);
}

TEST(HashIndexTest, ASnapshotFindsWhatWasThereWhileTheIndexGoesOn) {
  Indexed<1> indexed;
  std::vector<Index> at;
  for (uint32_t key = 0; key < 3000; ++key) at.push_back(indexed.Add(key));
  const uint64_t epoch = indexed.epochs.Acquire();
  {
    const auto table = indexed.table.Frozen();
    const HashIndex index = indexed.index.Frozen();
    // Half of them go, their records are used again, and the index splits on.
    for (uint32_t key = 0; key < 3000; key += 2) indexed.Remove(key, at[key]);
    for (uint32_t key = 10000; key < 20000; ++key) indexed.Add(key);
    EXPECT_EQ(index.size(), 3000u);
    for (uint32_t key = 0; key < 3000; ++key) {
      ASSERT_EQ(Indexed<1>::FindIn(table, index, key), at[key]);
      ASSERT_EQ(indexed.Find(key), key % 2 == 0 ? kNone : at[key]);
    }
    for (uint32_t key = 10000; key < 20000; ++key) {
      ASSERT_EQ(Indexed<1>::FindIn(table, index, key), kNone);
      ASSERT_NE(indexed.Find(key), kNone);
    }
  }
  indexed.epochs.Release(epoch);
  EXPECT_EQ(indexed.epochs.retired(), 0u);
}

}  // namespace
}  // namespace dmem
