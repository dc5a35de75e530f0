// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Reuse of a table's records.

#ifndef CORE_FREE_LIST_H_
#define CORE_FREE_LIST_H_

#include <cstddef>

#include "core/cow_table.h"

namespace dmem {

// Brings all of a record that will be written closer to the processor.
template <typename Record>
void PrefetchRecord(const Record& record) {
  constexpr size_t kCacheLineBytes = 64;
  for (size_t i = 0; i < sizeof(Record); i += kCacheLineBytes) {
    __builtin_prefetch(reinterpret_cast<const char*>(&record) + i, /*rw=*/1);
  }
}

// A free record of `table`, reset: the first of the free list, which runs through `next`, or a new
// one.
template <typename Record>
Index TakeRecord(CowTable<Record>& table, Index& free_list, Index Record::*next) {
  if (free_list == kNone) return table.Append(Record());
  const Index i = free_list;
  Record& record = table.Mutable(i);
  free_list = record.*next;
  record = Record();
  // For the next taker: in a large table it lies where nothing has been lately.
  if (free_list != kNone) PrefetchRecord(table[free_list]);
  return i;
}

template <typename Record>
void FreeRecord(CowTable<Record>& table, Index i, Index& free_list, Index Record::*next) {
  Record& record = table.Mutable(i);
  record = Record();
  record.*next = free_list;
  free_list = i;
}

}  // namespace dmem

#endif  // CORE_FREE_LIST_H_
