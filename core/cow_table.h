// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// CowTable: an array of records with stable indices, of which consistent copies cost next to
// nothing.

#ifndef CORE_COW_TABLE_H_
#define CORE_COW_TABLE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/check.h"

namespace dmem {

using Index = uint32_t;
inline constexpr Index kNone = 0xffffffff;

// Keeps what snapshots may still read. Shared by all tables of one ledger. An epoch is the time
// between two snapshots; memory that was born in epoch b and replaced in epoch r is read by the
// live snapshots of epochs b to r-1 and by nobody else, and is freed when the last of these is
// released.
//
// Not thread-safe: used by the owner of the ledger only. (Readers of a snapshot, on whichever
// thread, never call it; they must be done with the snapshot before Release, with a happens-before
// edge.)
class SnapshotEpochs {
 public:
  SnapshotEpochs() = default;
  SnapshotEpochs(const SnapshotEpochs&) = delete;
  SnapshotEpochs& operator=(const SnapshotEpochs&) = delete;
  ~SnapshotEpochs();

  uint64_t current() const { return current_; }
  // Memory born in an epoch up to this one is shared with a snapshot and must not be written.
  uint64_t shared_until() const { return shared_until_; }

  // Starts a new epoch; what is alive now stays readable until Release of the epoch returned.
  uint64_t Acquire();
  // REQUIRES: `epoch` came from Acquire and has not been released.
  void Release(uint64_t epoch);
  // Calls `free` when no live snapshot can read memory born in `birth_epoch` any more; at once if
  // that is now.
  void Retire(uint64_t birth_epoch, void* memory, void (*free)(void*));

  size_t live_snapshots() const { return live_.size(); }
  size_t retired() const { return retired_.size(); }

 private:
  struct Retired {
    uint64_t birth_epoch;
    uint64_t retire_epoch;
    void* memory;
    void (*free)(void*);
  };
  bool IsReadable(uint64_t birth_epoch, uint64_t retire_epoch) const;

  uint64_t current_ = 1;
  uint64_t shared_until_ = 0;
  std::vector<uint64_t> live_;  // Ascending.
  std::vector<Retired> retired_;
};

// An array of trivially copyable records in pages. The owner changes records through Mutable; a
// page that a snapshot may read is copied first. Frozen() is a copy that can be read from another
// thread while the owner goes on. A reference into the table may be stale after Mutable or Append
// of any record: read again, or take the Mutable one.
//
// Thread-compatible; a frozen copy is immutable.
template <typename T, size_t kPageSize = 64>
class CowTable {
  static_assert(std::is_trivially_copyable<T>::value, "pages are copied with memcpy");
  static_assert((kPageSize & (kPageSize - 1)) == 0, "a power of two");

 public:
  // `epochs` must outlive the table.
  explicit CowTable(SnapshotEpochs* epochs) : epochs_(epochs) {}
  CowTable(const CowTable&) = delete;
  CowTable& operator=(const CowTable&) = delete;
  ~CowTable() {
    if (epochs_ == nullptr) return;
    for (Page* page : pages_) delete page;
  }

  // A frozen copy of the table as it is now; valid until the epoch that the caller acquired is
  // released. Costs one pointer a page. REQUIRES: epochs->Acquire() was called after the last
  // change.
  CowTable Frozen() const { return CowTable(*this, FrozenTag()); }
  CowTable(CowTable&& other) noexcept
      : epochs_(std::exchange(other.epochs_, nullptr)),
        pages_(std::move(other.pages_)),
        size_(other.size_) {}

  size_t size() const { return size_; }
  const T& operator[](Index i) const { return pages_[i / kPageSize]->records[i % kPageSize]; }

  // REQUIRES: not frozen; i < size().
  T& Mutable(Index i) {
    Page*& page = pages_[i / kPageSize];
    if (__builtin_expect(page->birth_epoch <= epochs_->shared_until(), 0)) CopyPage(page);
    return page->records[i % kPageSize];
  }

  // Adds a record at the end and returns its index. REQUIRES: not frozen.
  Index Append(const T& record) {
    if (size_ % kPageSize == 0) pages_.push_back(new Page{epochs_->current(), {}});
    const Index i = static_cast<Index>(size_++);
    Mutable(i) = record;
    return i;
  }

  // Whether the page of `i` is the very same memory in both tables, so that nothing in it differs.
  // `i` may be past the end of either (then: false).
  bool SharesPage(const CowTable& other, Index i) const {
    const size_t p = i / kPageSize;
    return p < pages_.size() && p < other.pages_.size() && pages_[p] == other.pages_[p];
  }
  static constexpr size_t page_size() { return kPageSize; }

 private:
  struct FrozenTag {};
  struct Page {
    uint64_t birth_epoch;
    std::array<T, kPageSize> records;
  };

  CowTable(const CowTable& other, FrozenTag)
      : epochs_(nullptr), pages_(other.pages_), size_(other.size_) {}

  void CopyPage(Page*& page) {
    Page* copy = new Page(*page);
    copy->birth_epoch = epochs_->current();
    epochs_->Retire(page->birth_epoch, page, [](void* p) { delete static_cast<Page*>(p); });
    page = copy;
  }

  SnapshotEpochs* epochs_;  // Null if frozen (or moved from): owns no page.
  std::vector<Page*> pages_;
  size_t size_ = 0;
};

}  // namespace dmem

#endif  // CORE_COW_TABLE_H_
