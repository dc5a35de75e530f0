// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Deadlines: what comes due next.

#ifndef CORE_DEADLINES_H_
#define CORE_DEADLINES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/types/optional.h"
#include "core/cow_table.h"
#include "core/state.h"

namespace dmem {

enum class DeadlineKind : uint8_t { kSession = 0, kNode = 1, kReservation = 2 };

struct Deadline {
  int64_t at_us = 0;  // Service time.
  DeadlineKind kind = DeadlineKind::kSession;
  uint64_t id = 0;  // Of the session, the node, or the charge (its granted_sequence).
  Index record = kNone;

  // In an order that does not depend on how the records lie.
  friend bool operator<(const Deadline& a, const Deadline& b) {
    return std::tie(a.at_us, a.kind, a.id) < std::tie(b.at_us, b.kind, b.id);
  }
  friend bool operator==(const Deadline& a, const Deadline& b) {
    return a.at_us == b.at_us && a.kind == b.kind && a.id == b.id && a.record == b.record;
  }
};

// When something happens to it by itself, if nothing else happens before; nullopt: never.
// A session: ACTIVE, it falls silent; SILENT and answering for no region, it is closed; ended, it
// is forgotten. A node: its regions are LOST. A charge: what it has RESERVED expires.
absl::optional<int64_t> DeadlineOfSession(const State& state, Index session);
absl::optional<int64_t> DeadlineOfNode(const State& state, Index node);
absl::optional<int64_t> DeadlineOfCharge(const State& state, Index charge);

// All of these, in order. Derived from the records and never stored.
//
// Thread-compatible.
class Deadlines {
 public:
  bool empty() const { return in_order_.empty(); }
  size_t size() const { return in_order_.size(); }
  // REQUIRES: not empty.
  const Deadline& first() const { return *in_order_.begin(); }

  // Makes the entry of a record what its DeadlineOf... says. To be called after each change that
  // may move it, and before its record is freed (with nullopt).
  void Set(DeadlineKind kind, uint64_t id, Index record, absl::optional<int64_t> at_us);

  // What the records of `state` ask for, from nothing.
  static Deadlines Of(const State& state);
  // Calls `visit(const Deadline&)` for each, in order.
  template <typename Visit>
  void ForEach(const Visit& visit) const {
    for (const Deadline& deadline : in_order_) visit(deadline);
  }
  // I11: says in words what differs from Of(state).
  std::vector<std::string> Check(const State& state) const;

 private:
  absl::btree_set<Deadline> in_order_;
  absl::flat_hash_map<std::pair<DeadlineKind, uint64_t>, int64_t> at_us_;
};

}  // namespace dmem

#endif  // CORE_DEADLINES_H_
