// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef TESTS_FUZZ_CALLS_H_
#define TESTS_FUZZ_CALLS_H_

#include <google/protobuf/message.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace dmem::fuzz {

// Requests in their order, and google.protobuf.Duration for time that passes.
using Calls = std::vector<std::unique_ptr<google::protobuf::Message>>;

// One call a line, its message's name and its fields as protobuf text:
//   ChargeRequest charge_id: "c1" items { cgroup: "/a" region: "gpu0" bytes: 1 }
// Lines that cannot be read are left out.
Calls ParseCalls(absl::string_view text);
std::string FormatCalls(const Calls& calls);

// Changes, adds, moves or takes away some of them. The same seed makes the same change.
void MutateCalls(unsigned seed, Calls* calls);

}  // namespace dmem::fuzz

#endif  // TESTS_FUZZ_CALLS_H_
