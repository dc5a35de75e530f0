// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The errors that are about Reconcile.

#include "absl/strings/str_cat.h"
#include "core/errors.h"

namespace dmem {

absl::Status AsOfInFuture(uint64_t as_of, uint64_t sequence) {
  return MakeError(
      absl::StatusCode::kInvalidArgument,
      absl::StrCat("as_of ", as_of, " is beyond the ledger's sequence ", sequence,
                   "; it is that of the newest grant seen when the list was begun"),
      {"AS_OF_IN_FUTURE",
       {{"field", "as_of"}, {"as_of", absl::StrCat(as_of)}, {"sequence", absl::StrCat(sequence)}}});
}

absl::Status ReconcileRestart(absl::string_view reconcile_id, uint64_t part) {
  return MakeError(
      absl::StatusCode::kAborted,
      absl::StrCat("part ", part, " of reconcile \"", reconcile_id,
                   "\" is not the one that comes next; begin again, with a new list, at part 0"),
      {"RECONCILE_RESTART",
       {{"reconcile_id", std::string(reconcile_id)}, {"part", absl::StrCat(part)}}});
}

absl::Status ReconcileOverflows(absl::string_view counter_region, ByteCount usage) {
  return MakeError(absl::StatusCode::kResourceExhausted,
                   absl::StrCat("what is listed cannot be recorded: \"", counter_region, "\" uses ",
                                usage.value(), " bytes, and the sum would pass 2^63-1"),
                   {"COUNTER_OVERFLOW",
                    {{"counter_region", std::string(counter_region)},
                     {"usage_bytes", absl::StrCat(usage.value())}}});
}

}  // namespace dmem
