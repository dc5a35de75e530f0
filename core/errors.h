// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Errors of the core: code, words and facts of each, in one place.

#ifndef CORE_ERRORS_H_
#define CORE_ERRORS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/byte_count.h"
#include "core/commands.h"

namespace dmem {

// The facts of an error, beside its text. `reason` is the name of a dmem.v1.ErrorReason; the
// metadata is what errors.proto documents for it, numbers in decimal.
struct ErrorFacts {
  std::string reason;
  std::vector<std::pair<std::string, std::string>> metadata;
};

// The facts that travel with `status`; an empty reason if it carries none.
ErrorFacts FactsOf(const absl::Status& status);
// An error with facts. For the named functions of this file and of other layers' error files only.
absl::Status MakeError(absl::StatusCode code, absl::string_view message, const ErrorFacts& facts);

// INVALID_ARGUMENT
absl::Status CreatedAtInFuture(absl::string_view charge_id, absl::Time created_at, absl::Time now);
absl::Status AsOfInFuture(uint64_t as_of, uint64_t sequence);
// `why` is the whole message.
absl::Status BadLimitText(absl::string_view why);
absl::Status NodeMismatch(absl::string_view region, absl::string_view node);

// NOT_FOUND
absl::Status RegionNotFound(absl::string_view name);
absl::Status GroupNotFound(absl::string_view name);
absl::Status CgroupNotFound(absl::string_view path);
absl::Status ImplicitCgroupsOff(absl::string_view path);
absl::Status ImplicitCgroupsBelowExplicitOnly(absl::string_view path);
absl::Status ParentGroupNotFound(absl::string_view name, absl::string_view parent);
absl::Status ParentCgroupNotFound(absl::string_view path, absl::string_view parent);
absl::Status ChargeNotFound(absl::string_view charge_id);
absl::Status ItemNotFound(absl::string_view charge_id, absl::string_view cgroup,
                          absl::string_view region);
absl::Status ReservedItemNotFound(absl::string_view charge_id, absl::string_view cgroup,
                                  absl::string_view region);
absl::Status NoItemInCgroup(absl::string_view charge_id, absl::string_view cgroup);
absl::Status SessionNotFound(uint64_t session);
absl::Status NodeNotFound(absl::string_view node);
absl::Status FileNotFound(absl::string_view cgroup, absl::string_view file);

// ALREADY_EXISTS
absl::Status ChargeIdInUse(absl::string_view charge_id);
absl::Status CgroupExists(absl::string_view path);
absl::Status CommitIdInUse(absl::string_view charge_id, absl::string_view commit_id);

// RESOURCE_EXHAUSTED
enum class RefusalKind { kMax, kCapacity, kUnattributed, kOverflow };
// A counter refused `bytes` for `cgroup` in `region`.
// (kUnattributed: the region's root, whose max without what is unattributed would have granted it.)
absl::Status RefusedByCounter(RefusalKind kind, absl::string_view cgroup, absl::string_view region,
                              ByteCount bytes, const CounterRefusal& refusal);
absl::Status TooMany(absl::string_view objects, uint64_t bound);
absl::Status ReconcileOverflows(absl::string_view counter_region, ByteCount usage);
// More `objects` than one charge may have.
absl::Status TooManyOfCharge(absl::string_view charge_id, absl::string_view objects,
                             uint64_t bound);
absl::Status TextTooLong(absl::string_view file, uint64_t bytes_max);

// FAILED_PRECONDITION
absl::Status AlreadyReleased(absl::string_view charge_id);
absl::Status IdTooOld(absl::string_view charge_id, absl::Time created_at, absl::Time covered_since);
absl::Status RegionCordoned(absl::string_view region);
absl::Status RegionGone(absl::string_view region);
// `unconfirmed`: its node came back and has not registered it since.
absl::Status RegionStale(absl::string_view region, absl::string_view node, bool unconfirmed);
absl::Status RegionFailed(absl::string_view region, absl::string_view why);
absl::Status RegionLost(absl::string_view region);
absl::Status RegionIsGroup(absl::string_view name);
absl::Status GroupIsRegion(absl::string_view name);
absl::Status CgroupDying(absl::string_view cgroup);
absl::Status CgroupHasChildren(absl::string_view path, uint32_t children);
absl::Status MaxBelowUsage(absl::string_view cgroup, absl::string_view region, ByteCount max,
                           ByteCount usage);
absl::Status GroupNotEmpty(absl::string_view name, uint32_t members);
absl::Status GroupCycle(absl::string_view name, absl::string_view parent);
absl::Status GroupTooDeep(absl::string_view name, absl::string_view parent, int depth_max);
absl::Status HasCharges(absl::string_view name, uint64_t items);
absl::Status NotReserved(absl::string_view charge_id);
absl::Status PlacementMissing(absl::string_view charge_id);
absl::Status NotAMember(absl::string_view region, absl::string_view reserved_in);
absl::Status ReservationTooSmall(absl::string_view charge_id, absl::string_view cgroup,
                                 absl::string_view reserved_in, ByteCount asked,
                                 ByteCount reserved);
absl::Status NotHeld(absl::string_view charge_id);
absl::Status NotReleasing(absl::string_view charge_id);
absl::Status ReleaseNeedsEvidence(absl::string_view charge_id, absl::string_view region);

// ABORTED
absl::Status StaleIncarnation(absl::string_view region, uint64_t given, uint64_t current);
absl::Status StaleNodeIncarnation(absl::string_view node, uint64_t given, uint64_t current);
absl::Status SessionClosed(uint64_t session, absl::string_view why);
absl::Status SessionFenced(absl::string_view node, uint64_t incarnation, absl::string_view why);
absl::Status SessionSuperseded(uint64_t session, absl::string_view why);
absl::Status ReconcileRestart(absl::string_view reconcile_id, uint64_t part);
absl::Status IncarnationMismatch(absl::string_view region, uint64_t given, uint64_t current);
absl::Status EtagMismatch(absl::string_view cgroup, absl::string_view region, uint64_t given,
                          uint64_t current);
absl::Status ExpectedBytesMismatch(absl::string_view charge_id, absl::string_view cgroup,
                                   absl::string_view region, ByteCount expected, ByteCount current);

}  // namespace dmem

#endif  // CORE_ERRORS_H_
