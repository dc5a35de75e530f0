// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Recovery of a state from its objects.

#ifndef CORE_STATE_RESTORER_H_
#define CORE_STATE_RESTORER_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/encoding.h"
#include "core/ledger.h"

namespace dmem {

// Fills an empty ledger with the objects that DiffStates (core/state_codec.h) made. Checks that
// they are well formed and fit each other; whether the numbers are right is for CheckInvariants and
// the state hash.
class StateRestorer {
 public:
  // REQUIRES: `ledger` has had no command.
  explicit StateRestorer(Ledger* ledger) : ledger_(ledger) {}
  // Objects come in ascending order of their keys. DATA_LOSS: not an object, or one that does not
  // fit; the ledger is useless then.
  absl::Status AddObject(absl::string_view key, absl::string_view value);
  // After the last. DATA_LOSS: something that others refer to is missing.
  absl::Status Finish();

 private:
  absl::Status AddScalars(Decoder* in);
  absl::Status AddRegion(uint64_t id, Decoder* in);
  absl::Status LinkRegions();
  absl::Status AddCgroup(uint64_t id, Decoder* in);
  absl::Status AddPool(uint64_t cgroup_id, uint64_t region_id, Decoder* in);
  absl::Status AddCharge(uint64_t granted_sequence, uint64_t granted_index, Decoder* in);
  // False: malformed.
  bool AddMeasured(Index item, Decoder* in);
  absl::Status AddTombstone(uint64_t serial, Decoder* in);
  absl::Status AddNode(uint64_t id, Decoder* in);
  absl::Status AddSession(uint64_t id, Decoder* in);
  absl::Status BindRegions();

  Ledger* ledger_;
  absl::flat_hash_map<uint64_t, Index> regions_;  // By id.
  absl::flat_hash_map<uint64_t, Index> cgroups_;
  std::vector<std::pair<Index, uint64_t>>
      parents_;  // Of regions, to be linked once all groups are there.
  absl::flat_hash_map<uint64_t, Index> nodes_;
  std::vector<std::pair<Index, uint64_t>> nodes_of_regions_;  // To be bound once all are there.
  uint64_t pools_ = 0;
  absl::flat_hash_set<Index> unsorted_pools_;  // Whose items did not come newest last.
};

}  // namespace dmem

#endif  // CORE_STATE_RESTORER_H_
