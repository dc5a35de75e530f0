// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// ChargeWalk: would these charges be granted? Changes nothing.

#ifndef CORE_CHARGE_WALK_H_
#define CORE_CHARGE_WALK_H_

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "core/byte_count.h"
#include "core/commands.h"
#include "core/state.h"

namespace dmem {

// One item to charge, or one growth.
struct WalkItem {
  absl::string_view cgroup;  // As given, for explanations.
  absl::string_view region;
  ByteCount bytes;
  uint32_t index = 0;  // In the command.
  // Where the walk begins in the region and in each of its groups: the nearest pool that exists, at
  // the cgroup or above it. Pools in between would be new, so empty and unlimited: they cannot
  // refuse.
  absl::InlinedVector<Index, 3> starts;
};

// Fills `starts` for the walk from `cgroup` (one that exists) in `region`.
void FindStarts(const State& state, Index cgroup, Index region, WalkItem* item);

// Walks items in order, each seeing those before it, against the counters as they are. Rules R1,
// R2, R6.
//
// Refusing is decided before anything is changed, so that a refused charge has nothing to undo; for
// a single item that is one more pass over counters which the charge is about to touch anyway.
class ChargeWalk {
 public:
  ChargeWalk(const State& state, bool force) : state_(state), force_(force) {}

  // Takes `bytes` off all counters of the item before the walk: a shrink in the same command.
  void Shrink(const WalkItem& item, ByteCount bytes);
  // OK if all are granted. Else RESOURCE_EXHAUSTED with the explanation; `refusing_pool()` is the
  // counter, `refusal()` its part of that.
  absl::Status Check(absl::Span<const WalkItem> items);

  Index refusing_pool() const { return refusing_pool_; }
  const CounterRefusal& refusal() const { return refusal_; }
  // Counters that under OBSERVE would have refused, in the order of the walk, each once.
  const std::vector<std::pair<Index, uint32_t>>& observed() const { return observed_; }
  // The first kWouldRefuseListed of them.
  std::vector<CounterRefusal> DescribeObserved(absl::Span<const WalkItem> items) const;

 private:
  struct Pending {
    ByteCount added;
    ByteCount removed;
  };

  ByteCount UsageOf(Index pool) const;
  absl::Status CheckItem(absl::Span<const WalkItem> items, size_t i);
  void NoteObserved(Index pool, uint32_t item);
  // What the walk holds the pool's usage to: its max, or what it can count where that is not
  // enforced.
  ByteCount BoundOf(Index pool) const;
  // `bound` is what the pool refuses beyond, or under OBSERVE would have refused.
  CounterRefusal Describe(const WalkItem& item, Index pool, ByteCount requested,
                          ByteCount bound) const;

  const State& state_;
  const bool force_;
  // What earlier parts of the same command do to a counter. Unused, and not touched, for a single
  // charge item.
  bool has_pending_ = false;
  absl::flat_hash_map<Index, Pending> pending_;
  Index refusing_pool_ = kNone;
  CounterRefusal refusal_;
  std::vector<std::pair<Index, uint32_t>> observed_;
  absl::flat_hash_set<Index> noted_;  // The pools of observed_.
};

}  // namespace dmem

#endif  // CORE_CHARGE_WALK_H_
