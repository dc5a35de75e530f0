// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/pass_pace.h"

#include <algorithm>

namespace dmem::client {

absl::Duration PassPace::Pause() {
  const absl::Time now = now_();
  began_ = std::max(began_ + interval_, now + interval_ / 10);
  return began_ - now;
}

}  // namespace dmem::client
