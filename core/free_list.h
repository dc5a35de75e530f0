// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Reuse of a table's records.

#ifndef CORE_FREE_LIST_H_
#define CORE_FREE_LIST_H_

#include "core/cow_table.h"

namespace dmem {

// A free record of `table`, reset: the first of the free list, which runs through `next`, or a new
// one.
template <typename Record>
Index TakeRecord(CowTable<Record>& table, Index& free_list, Index Record::*next) {
  if (free_list == kNone) return table.Append(Record());
  const Index i = free_list;
  Record& record = table.Mutable(i);
  free_list = record.*next;
  record = Record();
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
