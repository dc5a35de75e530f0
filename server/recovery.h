// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// From a store to a ledger, and the summary that a checkpoint is checked against.

#ifndef SERVER_RECOVERY_H_
#define SERVER_RECOVERY_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/ledger.h"
#include "core/state_codec.h"
#include "server/store/store.h"

namespace dmem::server {

struct Recovered {
  uint64_t epoch = 0;
  uint64_t checkpoint_sequence = 0;
  // The state of the checkpoint and its hash; null if there never was one. Goes back to the ledger.
  std::unique_ptr<Snapshot> checkpoint;
  StateHash checkpoint_hash;
  uint64_t objects = 0;  // Of the checkpoint.
  uint64_t records = 0;  // Applied after it.
  std::string dropped_tail;
  double seconds = 0;
};

// Fills `ledger` with what `store` holds: the objects of the checkpoint, which must pass the audit
// (CheckInvariants) and add up to its summary before any later record is applied, then the records,
// whose commands must give what they gave; and what comes of them must pass the audit again.
// `ledger` has had no command. Progress is logged every two seconds.
//
// Errors: DATA_LOSS: what is there is not what was written; names the sequence. Those of
// Store::Recover. The ledger is then of no use.
absl::StatusOr<Recovered> Recover(Store* store, Ledger* ledger);

// What Recover checks, of a state and its hash.
std::string EncodeSummary(const State& state, const StateHash& hash);

}  // namespace dmem::server

#endif  // SERVER_RECOVERY_H_
