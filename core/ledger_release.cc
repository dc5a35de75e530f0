// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The ledger's commands on the release of charges: asked for by anyone, done by who holds them.

#include <string>
#include <vector>

#include "core/charge_lifecycle.h"
#include "core/errors.h"
#include "core/ledger.h"

namespace dmem {

absl::StatusOr<RequestReleaseResult> Ledger::RequestRelease(const RequestReleaseCommand& command) {
  RequestReleaseResult result;
  std::vector<Index> requested;
  for (const absl::string_view id : command.charge_ids) {
    const Index charge = state_.FindCharge(id);
    if (charge == kNone) {
      if (state_.FindTombstone(id) == kNone) return ChargeNotFound(id);
      result.outcomes.push_back(ReleaseOutcome::kAlreadyReleased);
      continue;
    }
    if (state_.charges[charge].is_reserved) return NotHeld(id);
    if (state_.charges[charge].is_releasing) {
      result.outcomes.push_back(ReleaseOutcome::kRequestedBefore);
      continue;
    }
    result.outcomes.push_back(ReleaseOutcome::kRequested);
    requested.push_back(charge);
  }
  for (const Index charge : requested) {
    ChargeLifecycle lifecycle = DecodeChargeLifecycle(state_.charges[charge].lifecycle.view());
    lifecycle.release_requested_at_us = absl::ToUnixMicros(command.time);
    lifecycle.release_requested_by = command.requested_by;
    lifecycle.release_reason = command.reason;
    editor().SetLifecycle(charge, EncodeChargeLifecycle(lifecycle));
    editor().MarkReleasing(charge);
    changes_.Add(ReleaseRequested{std::string(state_.charges[charge].id.view()),
                                  std::string(command.requested_by), std::string(command.reason)});
  }
  if (!requested.empty()) Commit(command.time);
  return result;
}

}  // namespace dmem
