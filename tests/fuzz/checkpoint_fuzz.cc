// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The objects of a checkpoint with any bytes: they are refused, or make a state that can be
// audited.

#include <string>

#include "absl/strings/string_view.h"
#include "core/invariants.h"
#include "core/ledger.h"
#include "core/state_codec.h"
#include "core/state_restorer.h"
#include "tests/fuzz/fail.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/objects.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  dmem::Ledger ledger;
  dmem::StateRestorer restorer(&ledger);
  absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::string last;
  while (!bytes.empty()) {
    const auto [key, value] = dmem::fuzz::TakeObject(&bytes);
    if (key < last) return 0;  // The store gives them in order.
    last = std::string(key);
    const absl::Status status = restorer.AddObject(key, value);
    if (status.ok()) continue;
    if (!absl::IsDataLoss(status)) dmem::fuzz::Fail(status.ToString());
    return 0;
  }
  if (!restorer.Finish().ok()) return 0;
  // Whether its numbers are right is for the audit, which takes any.
  (void)dmem::CheckInvariants(ledger.state());
  (void)dmem::HashOf(ledger.state());
  return 0;
}
