// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/errors.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/errors.h"
#include "core/names.h"

namespace dmem::server {

namespace {

absl::Status InvalidArgument(absl::string_view reason, absl::string_view field,
                             absl::string_view value, absl::string_view bound,
                             absl::string_view message) {
  return MakeError(absl::StatusCode::kInvalidArgument, message,
                   {std::string(reason),
                    {{"field", std::string(field)},
                     {"value", std::string(value)},
                     {"bound", std::string(bound)}}});
}

}  // namespace

absl::Status InvalidField(absl::string_view field, absl::string_view value,
                          absl::string_view bound) {
  const std::string shown = QuoteForMessage(value);
  return InvalidArgument("INVALID_FIELD", field, shown, bound,
                         absl::StrCat(field, " is ", shown, "; it must be ", bound));
}

absl::Status InvalidName(absl::string_view field, absl::string_view value, absl::string_view why) {
  return InvalidArgument("INVALID_FIELD", field, QuoteForMessage(value), why,
                         absl::StrCat(field, ": ", why));
}

absl::Status DuplicateItem(absl::string_view field, absl::string_view value) {
  const std::string shown = QuoteForMessage(value);
  return InvalidArgument(
      "DUPLICATE_ITEM", field, shown, "once in a request",
      absl::StrCat(field, " names ", shown, " again; each may come once in a request"));
}

absl::Status CreatedAtMissing(absl::string_view field) {
  return InvalidArgument("CREATED_AT_MISSING", field, "", "present with a charge_id",
                         absl::StrCat(field,
                                      " is missing; a charge_id needs the time of its first "
                                      "sending, the same on every retry"));
}

absl::Status RootHasNoLimits(absl::string_view field) {
  return InvalidArgument("ROOT_HAS_NO_LIMITS", field, "/", "not the root",
                         absl::StrCat(field,
                                      " is \"/\"; the root has no limits and cannot be deleted: "
                                      "what a region grants is its grantable_bytes"));
}

absl::Status ReadOnlyFile(absl::string_view file) {
  return InvalidArgument("READ_ONLY_FILE", "file", file, "dmem.min, dmem.low or dmem.max",
                         absl::StrCat("file \"", file,
                                      "\" is read only; dmem.min, dmem.low and dmem.max can be "
                                      "written"));
}

absl::Status FileNotFound(absl::string_view file) {
  const std::string shown = QuoteForMessage(file);
  return MakeError(absl::StatusCode::kNotFound,
                   absl::StrCat("no file ", shown,
                                "; there are dmem.capacity, dmem.current, dmem.peak, dmem.min, "
                                "dmem.low and dmem.max"),
                   {"FILE_NOT_FOUND", {{"file", shown}}});
}

absl::Status NotBelow(absl::string_view cgroup, absl::string_view relative_to) {
  return InvalidArgument(
      "NOT_BELOW", "relative_to", relative_to, "the cgroup itself or an ancestor of it",
      absl::StrCat("relative_to is \"", relative_to, "\"; \"", cgroup, "\" is not below it"));
}

absl::Status EventsTooOld(uint64_t sequence, uint64_t oldest) {
  return MakeError(
      absl::StatusCode::kOutOfRange,
      absl::StrCat("events from sequence ", sequence,
                   " on are wanted, but only those from sequence ", oldest,
                   " on are kept; look at the state anew, and watch from there"),
      {"EVENTS_TOO_OLD",
       {{"sequence", absl::StrCat(sequence)}, {"oldest_sequence", absl::StrCat(oldest)}}});
}

absl::Status TimeTooOld(absl::Time time, absl::Time kept_since) {
  const auto format = [](absl::Time t) {
    return absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", t, absl::UTCTimeZone());
  };
  return MakeError(
      absl::StatusCode::kOutOfRange,
      absl::StrCat("what was at ", format(time), " is no longer known: it can be answered from ",
                   format(kept_since), " on"),
      {"TIME_TOO_OLD", {{"time", format(time)}, {"kept_since", format(kept_since)}}});
}

absl::Status EventsAhead(uint64_t sequence, uint64_t committed) {
  return MakeError(
      absl::StatusCode::kOutOfRange,
      absl::StrCat("events from sequence ", sequence,
                   " on are wanted, but the last one is of sequence ", committed,
                   ": is this another ledger than the one that was watched?"),
      {"EVENTS_AHEAD",
       {{"sequence", absl::StrCat(sequence)}, {"last_sequence", absl::StrCat(committed)}}});
}

absl::Status StoreFailed() {
  return MakeError(absl::StatusCode::kUnavailable,
                   "a commit to the store failed; nothing is served until a restart, and what was "
                   "not answered may or may not have taken effect",
                   {"STORE_FAILED", {}});
}

absl::Status Overloaded(absl::string_view what, size_t bound) {
  return MakeError(
      absl::StatusCode::kUnavailable,
      absl::StrCat("the queue of ", what, " is full (bound ", bound, "); try again later"),
      {"OVERLOADED", {{"object", std::string(what)}, {"bound", absl::StrCat(bound)}}});
}

absl::Status ShuttingDown() {
  return MakeError(absl::StatusCode::kUnavailable, "the server is shutting down",
                   {"SHUTTING_DOWN", {}});
}

}  // namespace dmem::server
