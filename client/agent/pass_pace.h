// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_PASS_PACE_H_
#define DMEMD_CLIENT_AGENT_PASS_PACE_H_

#include <functional>
#include <utility>

#include "absl/time/time.h"

namespace dmem::client {

// Passes that begin an interval apart, however long each takes. One thread at a time.
class PassPace {
 public:
  // The first pass begins now. `now` only grows, whatever is done to the clock.
  PassPace(std::function<absl::Time()> now, absl::Duration interval)
      : now_(std::move(now)), interval_(interval), began_(now_()) {}

  // How long it is, after a pass, until halfway to the next one; not positive: that has gone by.
  absl::Duration UntilHalfway() const { return began_ + interval_ / 2 - now_(); }

  // How long to wait, after a pass, before the next one: never less than a tenth of the interval,
  // so that passes which take longer than it leave the node some time.
  absl::Duration Pause();

 private:
  const std::function<absl::Time()> now_;
  const absl::Duration interval_;
  absl::Time began_;  // The last pass.
};

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_PASS_PACE_H_
