// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// Errors of the service: those that do not depend on the ledger's state.

#ifndef SERVER_ERRORS_H_
#define SERVER_ERRORS_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace dmem::server {

// INVALID_ARGUMENT INVALID_FIELD: `field` (such as items[2].bytes) has `value`, which breaks
// `bound`.
absl::Status InvalidField(absl::string_view field, absl::string_view value,
                          absl::string_view bound);
// The same for a name or id; `why` (of core/names.h) tells value and bound.
absl::Status InvalidName(absl::string_view field, absl::string_view value, absl::string_view why);
// INVALID_ARGUMENT DUPLICATE_ITEM: the entry `field` names again what an earlier one does.
absl::Status DuplicateItem(absl::string_view field, absl::string_view value);
// INVALID_ARGUMENT CREATED_AT_MISSING.
absl::Status CreatedAtMissing(absl::string_view field);
// INVALID_ARGUMENT ROOT_HAS_NO_LIMITS. "/" cannot be deleted either.
absl::Status RootHasNoLimits(absl::string_view field);
// INVALID_ARGUMENT READ_ONLY_FILE.
absl::Status ReadOnlyFile(absl::string_view file);
// NOT_FOUND FILE_NOT_FOUND.
absl::Status FileNotFound(absl::string_view file);
// INVALID_ARGUMENT NOT_BELOW.
absl::Status NotBelow(absl::string_view cgroup, absl::string_view relative_to);

// OUT_OF_RANGE TIME_TOO_OLD: what was before `kept_since` is no longer known.
absl::Status TimeTooOld(absl::Time time, absl::Time kept_since);

// OUT_OF_RANGE EVENTS_TOO_OLD: `oldest` is the first sequence that is kept.
absl::Status EventsTooOld(uint64_t sequence, uint64_t oldest);
// OUT_OF_RANGE EVENTS_AHEAD.
absl::Status EventsAhead(uint64_t sequence, uint64_t committed);

// UNAVAILABLE: the same call may be sent again.
absl::Status StoreFailed();
absl::Status Overloaded(absl::string_view what, size_t bound);
absl::Status ShuttingDown();

}  // namespace dmem::server

#endif  // SERVER_ERRORS_H_
