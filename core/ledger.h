// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Ledger: the state machine.

#ifndef CORE_LEDGER_H_
#define CORE_LEDGER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/changes.h"
#include "core/charge_target.h"
#include "core/charge_walk.h"
#include "core/commands.h"
#include "core/commands_measured.h"
#include "core/commands_reconcile.h"
#include "core/commands_reservations.h"
#include "core/commands_sessions.h"
#include "core/cow_table.h"
#include "core/deadlines.h"
#include "core/stable_hash.h"
#include "core/state.h"
#include "core/state_editor.h"

namespace dmem {

// A consistent, immutable copy of the state. Cheap to take; see Ledger::TakeSnapshot.
struct Snapshot {
  Snapshot(uint64_t epoch, const State& current) : epoch(epoch), state(current.Frozen()) {}

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
  // An empty ledger with only "/", or what `restore` (core/state_restorer.h) fills in.
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
  absl::StatusOr<CommitReservationResult> CommitReservation(
      const CommitReservationCommand& command);
  absl::StatusOr<CancelReservationResult> CancelReservation(
      const CancelReservationCommand& command);
  // Returns the charge.
  absl::StatusOr<Index> RenewReservation(const RenewReservationCommand& command);
  absl::StatusOr<RequestReleaseResult> RequestRelease(const RequestReleaseCommand& command);
  absl::StatusOr<UnchargeItemsResult> UnchargeItems(const UnchargeItemsCommand& command);
  absl::StatusOr<OpenSessionResult> OpenSession(const OpenSessionCommand& command);
  absl::Status CloseSession(const CloseSessionCommand& command);
  absl::Status DeclareNotReady(const DeclareNotReadyCommand& command);
  absl::StatusOr<FenceResult> Fence(const FenceCommand& command);
  // Returns the region.
  absl::StatusOr<Index> ReportRegionState(const ReportRegionStateCommand& command);
  // Returns whether there was anything with a deadline; if not, nothing changed.
  bool Resume(const ResumeCommand& command);
  // Does nothing if nothing has a deadline and nobody was heard.
  TickResult Tick(const TickCommand& command);
  absl::StatusOr<SetLimitsResult> SetLimits(const SetLimitsCommand& command);
  absl::StatusOr<CreateCgroupResult> CreateCgroup(const CreateCgroupCommand& command);
  absl::StatusOr<DeleteCgroupResult> DeleteCgroup(const DeleteCgroupCommand& command);
  absl::StatusOr<ReconcileResult> Reconcile(const ReconcileCommand& command);
  absl::StatusOr<ReportMeasuredResult> ReportMeasured(const ReportMeasuredCommand& command);
  absl::StatusOr<MoveChargeResult> MoveCharge(const MoveChargeCommand& command);
  void Configure(const ConfigureCommand& command);

  // See StateScalars::layout.
  void SetLayout(uint64_t layout) { state_.scalars.layout = layout; }

  // The session of that id, ACTIVE or SILENT. Errors: SESSION_NOT_FOUND, SESSION_CLOSED,
  // SESSION_FENCED, SESSION_SUPERSEDED.
  absl::StatusOr<Index> CheckSession(uint64_t id) const;
  const Deadlines& deadlines() const { return deadlines_; }

  // As of the last command. Valid until the next one.
  const State& state() const { return state_; }

  // What the last command that changed anything changed; only once asked for.
  const Changes& changes() const { return changes_; }
  void KeepChanges(bool keep) { changes_.Keep(keep); }

  // A copy of the state, to be read from any thread. Costs a pointer per 64 records; later commands
  // copy a page when they first change it. Snapshots may outlive each other in any order.
  std::unique_ptr<Snapshot> TakeSnapshot();
  // REQUIRES: nobody reads the snapshot any more. Must be called for each snapshot before the
  // ledger goes.
  void Release(std::unique_ptr<Snapshot> snapshot);

 private:
  friend class StateRestorer;  // core/state_restorer.h

  StateEditor editor() { return StateEditor(&state_, &epochs_, &changes_, &deadlines_); }
  // Ends a command that changed something: counts it, sets the clock, forgets ids that nobody may
  // send any more.
  void Commit(absl::Time time);
  uint64_t next_sequence() const { return state_.scalars.sequence + 1; }
  // Deadlines are kept in this time.
  int64_t ServiceMicros(absl::Time time) const {
    return state_.ServiceMicros(absl::ToUnixMicros(time));
  }

  // How many objects a command would add, to be held against the bounds. Objects that two items of
  // a command would share are counted for each: near a bound, a gang may be refused a little early.
  struct Additions {
    uint64_t cgroups = 0, pools = 0, charges = 0, items = 0;
    void Add(const Additions& other) {
      cgroups += other.cgroups;
      pools += other.pools;
      charges += other.charges;
      items += other.items;
    }
  };
  absl::Status CheckBounds(const Additions& additions) const;
  Additions MissingFor(const NearestCgroup& nearest, const WalkItem& walk) const;
  // Makes `path` and its ancestors, as far as they are missing, implicit.
  Index EnsureCgroup(absl::string_view path);

  // ledger_regions.cc
  absl::StatusOr<Index> FindParentGroup(absl::string_view name, absl::string_view parent) const;
  absl::Status CheckRegionBounds(Index region, Index parent) const;
  RegionNumbers NumbersOf(Index region) const;
  void TellRegion(Index region, RegionChanged::What what, const RegionNumbers& before);
  // Returns whether anything differed.
  bool UpdateRegion(Index region, Index parent, const RegisterCommand& command);
  // The node of the session, or kNone if the command has none.
  absl::StatusOr<Index> FindNodeOf(const RegisterCommand& command) const;
  bool ConfirmRegion(Index region, Index node, bool is_newer, absl::Time time);
  Dropped DropItems(Index region, absl::Time time);
  // Drops the items, and what was seen on the device: all of that memory is gone.
  Dropped DropMemoryOf(Index region, absl::Time time);

  // ledger_sessions.cc
  absl::Status SessionEndedError(Index session) const;
  // As CheckSession; 0 is none, and fine.
  absl::Status CheckOptionalSession(uint64_t id) const;
  // A region of the session's node. Errors: REGION_NOT_FOUND, WRONG_KIND, NODE_MISMATCH.
  absl::StatusOr<Index> FindRegionOfSession(Index session, absl::string_view name) const;
  absl::StatusOr<Index> FindJudgedRegion(Index session, absl::string_view name) const;
  // In order of registration, GONE ones included.
  std::vector<Index> RegionsOfNode(Index node) const;
  Dropped DropItemsOfNode(Index node, absl::Time time);
  void TakeOverNode(Index node, absl::Time time, OpenSessionResult* result);
  // From now on the session is ACTIVE, as of its heard_at_us.
  void SetHeard(Index session);
  void EndSession(Index session, SessionState how, absl::string_view why, int64_t at_us);
  // For events: the states of a node's regions before a command and, told, after it.
  struct KnownState {
    Index region;
    uint64_t id;
    RegionState state;
  };
  std::vector<KnownState> StatesOfNode(Index node) const;
  void TellStates(absl::Span<const KnownState> before, absl::string_view why);
  void TellSession(Index session, SessionChanged::What what);
  void CancelReservationsOf(uint64_t session, absl::Time time);
  int64_t Expire(const Deadline& due, absl::Time time);
  void ExpireSession(const Deadline& due);
  int64_t LoseRegionsOf(Index node, absl::Time time);

  // ledger_charges.cc
  struct ResizeStep;
  absl::StatusOr<Index> CheckChargeId(const ChargeCommand& command,
                                      const Hash128& fingerprint) const;
  // Where an item of a charge goes: its pool, kNone if that is yet to be made.
  struct Place {
    Index region = kNone;
    Index pool = kNone;
  };
  absl::StatusOr<Place> ResolveChargeItem(const ChargeItemSpec& item, bool is_reservation,
                                          WalkItem* walk, Additions* additions) const;
  // Counts the charge's usage if it is plain to see that it is granted; else changes nothing and
  // returns false.
  bool CountIfRoom(const ChargeCommand& command, absl::Span<const Place> places);
  // `is_counted`: by CountIfRoom.
  Index ApplyCharge(const ChargeCommand& command, absl::Span<const Place> places, bool is_counted,
                    const Hash128& fingerprint, Cause cause);
  void CountRefusal(const ChargeWalk& walk, absl::Time time);
  void CountObserved(const ChargeWalk& walk, const std::vector<CounterRefusal>& described);
  absl::StatusOr<ResizeStep> ResolveResizeItem(const ResizeItemSpec& spec) const;
  absl::Status CheckMayGrow(const ResizeStep& step) const;
  void ApplyResize(absl::Span<const ResizeStep> steps, absl::Time time);

  // ledger_release.cc
  // Whether the command may give back a charge that is RELEASING. Errors: RELEASE_NEEDS_EVIDENCE.
  absl::Status CheckEvidence(Index charge, const UnchargeCommand& command) const;
  // In their order in the charge.
  std::vector<ItemPlace> PlacesOf(Index charge) const;

  // ledger_reservations.cc
  struct Placement;
  // The live charge of that id. Errors: ALREADY_RELEASED, CHARGE_NOT_FOUND.
  absl::StatusOr<Index> FindLiveCharge(absl::string_view charge_id) const;
  Index FindItem(Index charge, Index cgroup, Index region, bool reserved) const;
  absl::StatusOr<Index> FindReservedItem(Index charge, const PlacementSpec& spec) const;
  absl::StatusOr<Placement> ResolvePlacement(Index charge, const PlacementSpec& spec) const;
  std::vector<Placement> PlaceAllOnRegions(Index charge) const;
  absl::Status CheckCommitBounds(Index charge, absl::Span<const Placement> placements) const;
  void ApplyCommit(Index charge, absl::Span<const Placement> placements, int64_t time_us);
  void ApplyPlacement(Index charge, const Placement& placement, int64_t time_us);
  // Gives back what a charge has RESERVED. Returns whether the charge ended.
  bool GiveBackReserved(Index charge, int64_t time_us, std::vector<uint64_t>* freed_cgroups);
  // ledger_measured.cc
  bool IsRegionOfSession(Index region, Index session) const;
  absl::StatusOr<Index> ResolveMeasuredRegion(const MeasuredRegionSpec& spec) const;
  // How much of what is in use on a device its charges account for. See MeasuredRegionSpec.
  ByteCount AttributedIn(Index region, bool items_measured) const;
  bool IsOverGrant(Index item) const;
  void TellOverGrant(Index item, bool was_over_grant);
  void TellUnattributed(Index region, ByteCount before);

  // ledger_reconcile.cc
  struct Reconciliation;
  absl::Status CheckReconcileBounds(const Reconciliation& r) const;
  absl::Status CheckReconcileOverflow(const Reconciliation& r) const;
  Index FindHeldItem(Index charge, const ReconcileItemSpec& spec, Index region) const;
  Index FindReservedFor(Index charge, absl::string_view cgroup, Index region) const;
  // In the regions of the node (kNone: none) that its sessions can reconcile.
  template <typename Visit>
  void ForEachReconciledItem(Index node, const Visit& visit) const;
  void SetListed(Index item, bool listed);
  void ReconcileItem(size_t i, Reconciliation* r);
  void ReconcileHeld(Index item, Difference difference, Reconciliation* r);
  void RecordCharge(size_t i, Difference* difference, Reconciliation* r);
  void AddHeldItem(Index charge, Index reserved, const ReconcileItemSpec& spec, Index region,
                   Reconciliation* r);
  void EndReconcile(Index session, Reconciliation* r);

  // ledger_limits.cc
  struct ResolvedLimits;
  absl::StatusOr<ResolvedLimits> ResolveLimits(const LimitsUpdate& update, bool apply_below_usage,
                                               Additions* additions) const;
  void ApplyLimits(absl::Span<const ResolvedLimits> all, absl::Time time);

  SnapshotEpochs epochs_;
  State state_;
  Changes changes_;
  Deadlines deadlines_;
  bool is_ticking_ = false;  // Whether there were deadlines after the last command.
  std::string scratch_;      // For the encoding that a fingerprint is made of.
};

}  // namespace dmem

#endif  // CORE_LEDGER_H_
