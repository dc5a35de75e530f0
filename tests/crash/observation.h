// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_TESTS_CRASH_OBSERVATION_H_
#define DMEMD_TESTS_CRASH_OBSERVATION_H_

#include <map>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "client/client.h"
#include "dmem/v1/quota_service.pb.h"
#include "tests/crash/violations.h"

namespace dmem::crash {

// {cgroup, region or group}.
using PoolKey = std::pair<std::string, std::string>;

// Everything that a server shows of its state.
struct Observation {
  std::map<std::string, v1::Charge> charges;  // By id.
  std::map<PoolKey, v1::Pool> pools;
  std::map<std::string, v1::Region> regions;
  std::map<std::string, v1::RegionGroup> groups;
  std::map<std::string, v1::Cgroup> cgroups;
  v1::CheckResponse check;
};

// Reads it all. REQUIRES: nobody else changes anything meanwhile.
absl::StatusOr<Observation> Observe(client::Client& client);

// Checks what must hold whatever was sent: the server's own audit passes, the usage of every pool
// is the sum of the charges listed, and the topology is there.
void CheckCounters(const Observation& observed, Violations* violations);

}  // namespace dmem::crash

#endif  // DMEMD_TESTS_CRASH_OBSERVATION_H_
