// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/charge_id.h"

#include <cstdint>

#include "absl/random/random.h"
#include "absl/strings/str_format.h"

namespace dmem::client {

std::string NewChargeId() {
  thread_local absl::BitGen generator;
  return absl::StrFormat("c-%08x%016x", absl::Uniform<uint32_t>(generator),
                         absl::Uniform<uint64_t>(generator));
}

}  // namespace dmem::client
