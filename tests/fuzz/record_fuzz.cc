// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// A record with any bytes: it is applied, and then every invariant holds, or it is refused.

#include <algorithm>
#include <string>

#include "core/invariants.h"
#include "dmem/store/v1/record.pb.h"
#include "server/record.h"
#include "tests/fuzz/fail.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/message_mutator.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  dmem::Ledger ledger;
  const absl::Status status =
      dmem::server::ReplayRecord({reinterpret_cast<const char*>(data), size}, &ledger);
  if (!status.ok()) {
    if (!absl::IsDataLoss(status)) dmem::fuzz::Fail(status.ToString());
    return 0;
  }
  const dmem::AuditReport report = dmem::CheckInvariants(ledger.state());
  if (report.violations_total > 0) dmem::fuzz::Fail(report.violations[0]);
  return 0;
}

// Half of the time as a message, since few changes of bytes leave one.
size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  dmem::fuzz::MessageMutator mutator(seed);
  dmem::store::v1::Record record;
  if (mutator.Below(2) == 0 || !record.ParseFromArray(data, static_cast<int>(size))) {
    return LLVMFuzzerMutate(data, size, max_size);
  }
  mutator.Learn(record);
  mutator.Mutate(&record);
  const std::string bytes = record.SerializeAsString();
  if (bytes.size() > max_size) return size;
  std::copy(bytes.begin(), bytes.end(), data);
  return bytes.size();
}
