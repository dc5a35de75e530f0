// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_PASS_HEALTH_H_
#define DMEMD_CLIENT_AGENT_PASS_HEALTH_H_

#include <functional>
#include <mutex>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace dmem::client {

// Whether the agent still looks at its node. What a pass finds is no part of it: an authority that
// is away or a pod source that fails is not cured by a restart. Thread safe.
class PassHealth {
 public:
  // `now` only grows, whatever is done to the clock. `silence_max`: how long an agent may go on
  // without the end of a pass.
  PassHealth(std::function<absl::Time()> now, absl::Duration silence_max)
      : now_(std::move(now)), silence_max_(silence_max), last_(now_()) {}

  void PassEnded();

  // UNAVAILABLE: no pass has ended for longer than that, or since the start.
  absl::Status Check() const;

 private:
  const std::function<absl::Time()> now_;
  const absl::Duration silence_max_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  absl::Time last_;  // The end of the last pass; before the first one, the start.
  bool has_passed_ = false;
};

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_PASS_HEALTH_H_
