// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// HashIndex: finds records of a table by key; part of a snapshot like the tables.

#ifndef CORE_HASH_INDEX_H_
#define CORE_HASH_INDEX_H_

#include <cstdint>

#include "core/cow_table.h"

namespace dmem {

// A linear hash table whose chains run through the records themselves, so that it costs 8 bytes a
// record beside its hash and its link, never stops to rehash (it splits one bucket with each
// growth), and is copied with a snapshot.
//
// A lookup waits for memory more than for anything else. So a bucket holds, beside its first
// record, a filter of the hashes in its chain: what is not there is mostly found out without
// reading a record.
//
// Records are told apart by the caller. `Access` gives, for an Index i of the table's records:
//   uint32_t hash(Index) const;  Index next(Index) const;  void prefetch(Index) const;  (what the
//   two read)  void set_next(Index, Index);  (on insert and erase only)
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
    const Bucket& bucket = buckets_[BucketOf(hash)];
    if ((bucket.filter & FilterBit(hash)) == 0) return kNone;
    for (Index i = bucket.first; i != kNone; i = access.next(i)) {
      if (access.hash(i) == hash && equals(i)) return i;
    }
    return kNone;
  }

  // Brings what Find will read first closer to the processor, for a caller that knows its next keys
  // a few lookups ahead: first the bucket, and some lookups later, when that is there, the record
  // that it leads to.
  void PrefetchBucket(uint32_t hash) const {
    if (buckets_.size() != 0) __builtin_prefetch(&buckets_[BucketOf(hash)]);
  }
  template <typename Access>
  void PrefetchRecord(uint32_t hash, const Access& access) const {
    if (buckets_.size() == 0) return;
    const Bucket& bucket = buckets_[BucketOf(hash)];
    if ((bucket.filter & FilterBit(hash)) != 0) access.prefetch(bucket.first);
  }

  // REQUIRES: the record is not in the index.
  template <typename Access>
  void Insert(uint32_t hash, Index index, Access access) {
    Grow(access);
    Bucket& bucket = buckets_.Mutable(BucketOf(hash));
    access.set_next(index, bucket.first);
    bucket.first = index;
    bucket.filter |= FilterBit(hash);
    ++size_;
  }

  // REQUIRES: the record is in the index.
  template <typename Access>
  void Erase(uint32_t hash, Index index, Access access) {
    const Index bucket = BucketOf(hash);
    const Index after = access.next(index);
    Index i = buckets_[bucket].first;
    if (i == index) {
      // The bit of a hash that has gone stays until the chain is empty or split: another record
      // may have it too, and to look would be a wait for each of them.
      buckets_.Mutable(bucket) = {after, after == kNone ? 0 : buckets_[bucket].filter};
    } else {
      while (access.next(i) != index) i = access.next(i);
      access.set_next(i, after);
    }
    access.set_next(index, kNone);
    --size_;
  }

 private:
  struct Bucket {
    Index first = kNone;
    uint32_t filter = 0;  // At least the FilterBits of the chain's hashes.

    template <typename Access>
    void Push(Index i, Access& access) {
      access.set_next(i, first);
      first = i;
      filter |= FilterBit(access.hash(i));
    }
  };

  static constexpr Index kFirstBuckets = 16;

  // By the bits of a hash that choose no bucket as long as there are fewer than 2^27.
  static uint32_t FilterBit(uint32_t hash) { return uint32_t{1} << (hash >> 27); }

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
    while (buckets_.size() < kFirstBuckets) buckets_.Append(Bucket());
    if (size_ < buckets_.size()) return;
    const Index fresh = buckets_.Append(Bucket());
    const Index split = fresh & level_mask_;
    Bucket keep, move;
    for (Index i = buckets_[split].first; i != kNone;) {
      const Index next = access.next(i);
      const bool moves = (access.hash(i) & (2 * level_mask_ + 1)) == fresh;
      (moves ? move : keep).Push(i, access);
      i = next;
    }
    buckets_.Mutable(split) = keep;
    buckets_.Mutable(fresh) = move;
    if (buckets_.size() == 2 * (static_cast<size_t>(level_mask_) + 1))
      level_mask_ = 2 * level_mask_ + 1;
    // Of the bucket that is split next.
    const Index first = buckets_[(fresh + 1) & level_mask_].first;
    if (first != kNone) access.prefetch(first);
  }

  CowTable<Bucket, 512> buckets_;
  size_t size_ = 0;
  Index level_mask_ = kFirstBuckets - 1;
};

}  // namespace dmem

#endif  // CORE_HASH_INDEX_H_
