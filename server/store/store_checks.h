// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What every store refuses, whatever it is made of.

#ifndef DMEMD_SERVER_STORE_STORE_CHECKS_H_
#define DMEMD_SERVER_STORE_STORE_CHECKS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/store/store.h"

namespace dmem::server {

// Where a log ends.
struct LogEnd {
  uint64_t epoch = 0;
  uint64_t last_sequence = 0;
};

// OK, or the error of Store::Append for arguments that do not go on from `end`.
absl::Status CheckAppend(const LogEnd& end, uint64_t epoch, SequenceRange range,
                         absl::string_view record);

// OK, or the error of Store::Checkpoint for a delta that cannot follow the checkpoint at
// `checkpoint_sequence` of a log that ends at `last_sequence`. Keys that are there twice are found
// by the store, which puts them in order anyway.
absl::Status CheckCheckpoint(uint64_t checkpoint_sequence, uint64_t last_sequence,
                             const CheckpointDelta& delta);

}  // namespace dmem::server

#endif  // DMEMD_SERVER_STORE_STORE_CHECKS_H_
