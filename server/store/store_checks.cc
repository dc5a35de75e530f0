// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/store/store_checks.h"

#include "absl/strings/str_cat.h"

namespace dmem::server {

absl::Status CheckAppend(const LogEnd& end, uint64_t epoch, SequenceRange range,
                         absl::string_view record) {
  if (epoch != end.epoch) {
    return absl::AbortedError(
        absl::StrCat("append in epoch ", epoch, " refused: the store is in epoch ", end.epoch));
  }
  if (range.first < 1 || range.last < range.first) {
    return absl::InvalidArgumentError(
        absl::StrCat("sequences ", range.first, " to ", range.last, " are not a range"));
  }
  if (record.size() > kMaxRecordBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a record of ", record.size(), " bytes is larger than ", kMaxRecordBytes));
  }
  if (range.first != end.last_sequence + 1) {
    return absl::FailedPreconditionError(absl::StrCat(
        "a record from sequence ", range.first, " refused: the next is ", end.last_sequence + 1));
  }
  return absl::OkStatus();
}

absl::Status CheckCheckpoint(uint64_t checkpoint_sequence, uint64_t last_sequence,
                             const CheckpointDelta& delta) {
  if (delta.sequence < checkpoint_sequence || delta.sequence > last_sequence) {
    return absl::FailedPreconditionError(
        absl::StrCat("a checkpoint at sequence ", delta.sequence, " refused: the last one is at ",
                     checkpoint_sequence, " and the log ends at ", last_sequence));
  }
  if (delta.replace_all && !delta.deletes.empty()) {
    return absl::InvalidArgumentError("a checkpoint that replaces all objects deletes none");
  }
  return absl::OkStatus();
}

}  // namespace dmem::server
