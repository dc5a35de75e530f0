// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_SERVER_STORE_TESTING_WORKLOAD_H_
#define DMEMD_SERVER_STORE_TESTING_WORKLOAD_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/store.h"

namespace dmem::server {

// What is put into a store follows from its sequence alone, so that what comes out can be judged
// without knowing how it got there. All functions are pure.

// The record that begins at `first`, and how many sequences it takes.
std::string WorkloadRecord(uint64_t first);
uint64_t WorkloadRecordLength(uint64_t first);

// The objects of the state after `sequence`.
std::map<std::string, std::string> WorkloadState(uint64_t sequence);

// What a user of a store knows of it.
struct Acknowledged {
  uint64_t sequence = 0;    // Acknowledged by Append.
  uint64_t attempted = 0;   // The last sequence that Append was ever called with.
  uint64_t checkpoint = 0;  // Acknowledged by Checkpoint.
  uint64_t epoch = 0;       // Of the last Recover that succeeded.
};

// Drives one store: recovers it, checks what it says against what is known, then appends.
class Workload {
 public:
  explicit Workload(Acknowledged* known) : known_(known) {}

  // Recovers `store` and checks everything that it hands back: DATA_LOSS where something that was
  // acknowledged is missing, INTERNAL where something is there that never was, or is not what it
  // was. Otherwise the store's own answer.
  absl::StatusOr<RecoveredLog> Recover(Store& store);

  // Appends `records` records and makes a checkpoint after every `checkpoint_every` of them; stops
  // at the first error.
  absl::Status Run(Store& store, int records, int checkpoint_every);

 private:
  Acknowledged* const known_;
  uint64_t epoch_ = 0;
  uint64_t last_ = 0;
  uint64_t checkpoint_ = 0;
};

}  // namespace dmem::server

#endif  // DMEMD_SERVER_STORE_TESTING_WORKLOAD_H_
