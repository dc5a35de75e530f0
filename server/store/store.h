// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_SERVER_STORE_STORE_H_
#define DMEMD_SERVER_STORE_STORE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace dmem::server {

// The largest record that a store takes.
inline constexpr size_t kMaxRecordBytes = 1 << 20;

// The sequences of the commands in one record, both ends included.
// Ranges: 1 <= first <= last; the first record of a store starts at 1.
struct SequenceRange {
  uint64_t first = 0;
  uint64_t last = 0;
};

struct StoredObject {
  std::string key;
  std::string value;
};

// All objects that changed since the previous checkpoint.
struct CheckpointDelta {
  uint64_t sequence = 0;             // The state after this command.
  std::string summary;               // Opaque to the store: totals, state hash, clocks.
  std::vector<std::string> deletes;  // Keys, in any order, disjoint from those of `puts`.
  std::vector<StoredObject> puts;    // In any order, each key once.
  bool replace_all = false;          // The store then holds exactly `puts`; `deletes` is empty.
  // Records that end before this sequence are no longer wanted; 0: all are. A hint: what is kept
  // longer does no harm, and what recovery needs always stays.
  uint64_t keep_from = 0;
};

// What a store holds of the log, older records that a checkpoint covers included.
struct KeptRecords {
  uint64_t oldest_sequence = 0;  // First of the oldest record; 0 if there is none.
  uint64_t bytes = 0;            // About.
};

// Takes one record; returns whether to go on.
using ReadVisitor = std::function<bool(SequenceRange range, absl::string_view record)>;

// Takes what a store holds, in this order: OnObject for every object of the newest checkpoint,
// OnCheckpoint once, OnRecord for every record after that checkpoint, in order of sequence.
// An error from any of them ends the recovery and is what Recover returns.
class RecoveryVisitor {
 public:
  virtual ~RecoveryVisitor() = default;

  virtual absl::Status OnObject(absl::string_view key, absl::string_view value) = 0;

  // `sequence` is 0 and `summary` empty if there never was a checkpoint.
  virtual absl::Status OnCheckpoint(uint64_t sequence, absl::string_view summary) = 0;

  virtual absl::Status OnRecord(SequenceRange range, absl::string_view record) = 0;
};

struct RecoveredLog {
  uint64_t epoch = 0;          // For Append.
  uint64_t last_sequence = 0;  // 0 for an empty log; the next record starts one later.
  // What was cut off the end of the log as never acknowledged: file, offset, and the sequence it
  // would have had, for people to read. Empty if the log ended cleanly.
  std::string dropped_tail;
};

// A durable log of records with checkpoints of the state that they build.
//
// Thread safety: Recover before everything else; then one thread at a time in Append and one at a
// time in Checkpoint, which may be another.
//
// Failure is final: after an I/O error in Append or Checkpoint the store takes nothing more and
// every later call is FAILED_PRECONDITION, because what is on disk is then known only by reading it
// again. Close the store and recover.
class Store {
 public:
  virtual ~Store() = default;

  // Opens the store, hands everything that it holds to `visitor`, and opens a new epoch, which is
  // durable on return. Exactly once, first.
  //
  // OK: `visitor` has seen every record that was ever acknowledged and not covered by a checkpoint.
  // FAILED_PRECONDITION: not a store, a store of a newer format, in use by another process, not
  //   writable, or called before.
  // DATA_LOSS: something acknowledged cannot be read; the text names the file and the sequence.
  // UNAVAILABLE: an I/O error.
  // Any error of `visitor`, unchanged.
  // On every error before the epoch is opened, a store that was there stays as it was.
  virtual absl::StatusOr<RecoveredLog> Recover(RecoveryVisitor& visitor) = 0;

  // Appends one record, atomically. OK means durable.
  //
  // Errors, in the order checked; all but the last change nothing:
  // FAILED_PRECONDITION: not recovered, or failed before.
  // ABORTED: `epoch` is not the newest.
  // INVALID_ARGUMENT: `range` is not a range, or `record` is larger than kMaxRecordBytes.
  // FAILED_PRECONDITION: `range.first` is not the last sequence plus one.
  // UNAVAILABLE: an I/O error; the record may or may not be found by the next Recover.
  virtual absl::Status Append(uint64_t epoch, SequenceRange range, absl::string_view record) = 0;

  // Moves the checkpoint to `delta.sequence`, atomically. OK means durable. Does not hold up Append
  // for longer than a small write takes.
  //
  // REQUIRES: `delta.sequence` is the last of a record.
  //
  // Errors, in the order checked; all but the last change nothing:
  // FAILED_PRECONDITION: not recovered, or failed before; `delta.sequence` is older than the last
  //   checkpoint or newer than the last record.
  // INVALID_ARGUMENT: a key is there twice, or `deletes` with `replace_all`.
  // UNAVAILABLE: an I/O error; the old checkpoint or the new one stands.
  virtual absl::Status Checkpoint(const CheckpointDelta& delta) = 0;

  // Shows `visit` the records from the one that holds sequence `from` up to the one that holds
  // `to`, in order; fewer if the log ends before, or if `visit` returns false. From any thread
  // after Recover, beside Append and Checkpoint. Errors here are not failures of the store.
  //
  // OUT_OF_RANGE: `from` is older than what is kept.
  // DATA_LOSS: a record in this range cannot be read, or is not there; the text names its sequence.
  // FAILED_PRECONDITION: not recovered.
  // UNAVAILABLE: an I/O error.
  virtual absl::Status Read(uint64_t from, uint64_t to, const ReadVisitor& visit) = 0;

  // From any thread after Recover. Errors: as for Read.
  virtual absl::StatusOr<KeptRecords> Kept() = 0;
};

}  // namespace dmem::server

#endif  // DMEMD_SERVER_STORE_STORE_H_
