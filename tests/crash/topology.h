// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_TESTS_CRASH_TOPOLOGY_H_
#define DMEMD_TESTS_CRASH_TOPOLOGY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "client/client.h"

namespace dmem::crash {

// The small cluster that every crash test runs on:
//
//   cluster ── model/a ── node-0/gpu0 … node-0/gpu3      80 GiB each
//          └── model/b ── node-1/gpu0 … node-1/gpu3
//   / ── team-a (explicit, limited in cluster) ── w0, w2, … ── job-0 … job-3
//    └── team-b (the same)                     ── w1, w3, … ── job-0 … job-3
//
// What Create makes is acknowledged before anything else is sent and never changes.
inline constexpr uint64_t kRegionBytes = uint64_t{80} << 30;
inline constexpr uint64_t kTeamMaxBytes = uint64_t{400} << 30;

const std::vector<std::string>& Regions();

// A region and its groups, from the region up.
std::vector<std::string> ChainOf(absl::string_view region);

// Regions and groups.
const std::vector<std::string>& Levels();

// "/team-a/w2" for 2.
std::string WorkerCgroup(int worker);

// The cgroup itself and its ancestors, up to "/".
std::vector<std::string> PathUp(absl::string_view cgroup);

// Makes it on an empty server. Any error is the server's.
absl::Status CreateTopology(client::Client& client);

}  // namespace dmem::crash

#endif  // DMEMD_TESTS_CRASH_TOPOLOGY_H_
