// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// HashIndex: finds records of a table by key; part of a snapshot like the tables.

#ifndef CORE_HASH_INDEX_H_
#define CORE_HASH_INDEX_H_

#include <cstdint>

#include "core/cow_table.h"

namespace dmem {

// A linear hash table whose chains run through the records themselves, so that it costs 4 bytes a
// record beside its hash, never stops to rehash (it splits one bucket with each growth), and is
// copied with a snapshot.
//
// Records are told apart by the caller. `Access` gives, for an Index i of the table's records:
//   uint32_t hash(Index) const;  Index next(Index) const;  void set_next(Index, Index);  (the last
//   on insert and erase only)
//
// Thread-compatible.
class HashIndex {
 public:
  explicit HashIndex(SnapshotEpochs* epochs) : buckets_(epochs) {}
  HashIndex(HashIndex&&) = default;
  HashIndex Frozen() const { return HashIndex(*this); }

  size_t size() const { return size_; }

  // The record with this hash for which `equals(index)` holds, or kNone.
  template <typename Access, typename Equals>
  Index Find(uint32_t hash, const Access& access, const Equals& equals) const {
    if (buckets_.size() == 0) return kNone;
    for (Index i = buckets_[BucketOf(hash)]; i != kNone; i = access.next(i)) {
      if (access.hash(i) == hash && equals(i)) return i;
    }
    return kNone;
  }

  // Brings what Find will read first closer to the processor. A lookup waits for memory more than
  // for anything else, so a caller that knows its next keys asks for them a few lookups ahead:
  // first the bucket, and some lookups later, when that is there, the record that it leads to.
  void PrefetchBucket(uint32_t hash) const {
    if (buckets_.size() != 0) __builtin_prefetch(&buckets_[BucketOf(hash)]);
  }
  template <typename Access>
  void PrefetchRecord(uint32_t hash, const Access& access) const {
    if (buckets_.size() == 0) return;
    const Index first = buckets_[BucketOf(hash)];
    if (first != kNone) access.prefetch(first);
  }

  // REQUIRES: the record is not in the index.
  template <typename Access>
  void Insert(uint32_t hash, Index index, Access access) {
    Grow(access);
    const Index bucket = BucketOf(hash);
    access.set_next(index, buckets_[bucket]);
    buckets_.Mutable(bucket) = index;
    ++size_;
  }

  // REQUIRES: the record is in the index.
  template <typename Access>
  void Erase(uint32_t hash, Index index, Access access) {
    const Index bucket = BucketOf(hash);
    const Index after = access.next(index);
    Index i = buckets_[bucket];
    if (i == index) {
      buckets_.Mutable(bucket) = after;
    } else {
      while (access.next(i) != index) i = access.next(i);
      access.set_next(i, after);
    }
    access.set_next(index, kNone);
    --size_;
  }

 private:
  static constexpr Index kFirstBuckets = 16;

  HashIndex(const HashIndex& other)
      : buckets_(other.buckets_.Frozen()), size_(other.size_), level_mask_(other.level_mask_) {}

  // Buckets below size - (mask + 1) have been split in this round and use one more bit.
  Index BucketOf(uint32_t hash) const {
    const Index bucket = hash & (2 * level_mask_ + 1);
    return bucket < buckets_.size() ? bucket : hash & level_mask_;
  }

  // Keeps one bucket a record: adds one, and moves there what belongs there from the bucket that it
  // splits.
  template <typename Access>
  void Grow(Access& access) {
    while (buckets_.size() < kFirstBuckets) buckets_.Append(kNone);
    if (size_ < buckets_.size()) return;
    const Index fresh = buckets_.Append(kNone);
    const Index split = fresh & level_mask_;
    Index keep = kNone, move = kNone;
    for (Index i = buckets_[split]; i != kNone;) {
      const Index next = access.next(i);
      Index& chain = (access.hash(i) & (2 * level_mask_ + 1)) == fresh ? move : keep;
      access.set_next(i, chain);
      chain = i;
      i = next;
    }
    buckets_.Mutable(split) = keep;
    buckets_.Mutable(fresh) = move;
    if (buckets_.size() == 2 * (static_cast<size_t>(level_mask_) + 1))
      level_mask_ = 2 * level_mask_ + 1;
  }

  CowTable<Index, 1024> buckets_;
  size_t size_ = 0;
  Index level_mask_ = kFirstBuckets - 1;
};

}  // namespace dmem

#endif  // CORE_HASH_INDEX_H_
