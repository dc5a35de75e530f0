// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Ledger: the state machine.

#ifndef CORE_LEDGER_H_
#define CORE_LEDGER_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/commands.h"
#include "core/cow_table.h"
#include "core/state.h"

namespace dmem {

// A consistent, immutable copy of the state. Cheap to take; see Ledger::TakeSnapshot.
struct Snapshot {
  uint64_t epoch;
  State state;
};

// Who holds how much: applies commands, one at a time, in the order given. Deterministic: no clock,
// no randomness, no I/O, no threads; the same commands give the same state. Every command is all or
// nothing.
//
// Errors are those that proto/dmem/v1/quota_service.proto lists for the RPC of the same name, in
// that order; FactsOf (core/errors.h) gives their facts. An error changes nothing, except that a
// charge or growth refused by a counter counts there. state().scalars.sequence grows by one with
// each command that changed anything, and only then; that is what must be recorded.
//
// Thread-compatible: one owner. Snapshots are read from any thread.
class Ledger {
 public:
  // An empty ledger with only "/", or what `restore` (core/state_codec.h) fills in.
  Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;
  ~Ledger();

  absl::StatusOr<RegisterResult> Register(const RegisterCommand& command);
  absl::StatusOr<UnregisterResult> Unregister(const UnregisterCommand& command);
  absl::Status Cordon(const CordonCommand& command);
  // Returns whether the group was created.
  absl::StatusOr<bool> RegisterGroup(const RegisterGroupCommand& command);
  absl::Status UnregisterGroup(const UnregisterGroupCommand& command);
  absl::StatusOr<ChargeResult> Charge(const ChargeCommand& command);
  absl::StatusOr<UnchargeResult> Uncharge(const UnchargeCommand& command);
  absl::StatusOr<ResizeResult> Resize(const ResizeCommand& command);
  absl::StatusOr<SetLimitsResult> SetLimits(const SetLimitsCommand& command);
  absl::StatusOr<CreateCgroupResult> CreateCgroup(const CreateCgroupCommand& command);
  absl::StatusOr<DeleteCgroupResult> DeleteCgroup(const DeleteCgroupCommand& command);
  void Configure(const ConfigureCommand& command);

  // As of the last command. Valid until the next one.
  const State& state() const { return state_; }

  // A copy of the state, to be read from any thread. Costs a pointer per 64 records; later commands
  // copy a page when they first change it. Snapshots may outlive each other in any order.
  std::unique_ptr<Snapshot> TakeSnapshot();
  // REQUIRES: nobody reads the snapshot any more. Must be called for each snapshot before the
  // ledger goes.
  void Release(std::unique_ptr<Snapshot> snapshot);

 private:
  friend class StateRestorer;  // core/state_codec.h
  SnapshotEpochs epochs_;
  State state_;
};

}  // namespace dmem

#endif  // CORE_LEDGER_H_
