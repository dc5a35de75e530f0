// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// PageCounter: the numbers of one pool.

#ifndef CORE_PAGE_COUNTER_H_
#define CORE_PAGE_COUNTER_H_

#include "core/byte_count.h"
#include "core/cow_table.h"

namespace dmem {

// Usage, peak and limits of one pool, and its place under its parent. Counts bytes, despite its
// kernel name. Never changes another counter: the walk along the parents is the ledger's.
//
// Source: shared conformance description 3.1-3.4 (kernel mm/page_counter.c, as behaviour).
struct PageCounter {
  ByteCount usage;
  ByteCount peak;
  ByteCount min;
  ByteCount low;
  ByteCount max = kUnlimited;
  // Sums over the direct children of min(usage, min) and min(usage, low): what they claim.
  ByteCount children_min_claims;
  ByteCount children_low_claims;
  Index parent = kNone;
  bool is_protected = false;  // Has a min or a low, so that its usage claims something.

  ByteCount min_claim() const { return Min(usage, min); }
  ByteCount low_claim() const { return Min(usage, low); }
};

}  // namespace dmem

#endif  // CORE_PAGE_COUNTER_H_
