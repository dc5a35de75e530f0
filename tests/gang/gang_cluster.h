// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_TESTS_GANG_GANG_CLUSTER_H_
#define DMEMD_TESTS_GANG_GANG_CLUSTER_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "client/client.h"

namespace dmem {

constexpr uint64_t kDeviceBytes = uint64_t{80} << 30;

// cluster: so many nodes, n0 and on, of so many devices of 80 GiB, gpu0 and on. `cgroup` may use as
// much as they have, and no more.
inline absl::Status MakeGangCluster(client::Client& client, const std::string& cgroup, int nodes,
                                    int devices) {
  v1::RegisterGroupRequest group;
  group.set_name("cluster");
  if (absl::Status status = client.RegisterGroup(group).status(); !status.ok()) return status;
  for (int node = 0; node < nodes; ++node) {
    for (int device = 0; device < devices; ++device) {
      v1::RegisterRequest request;
      request.mutable_region()->set_name(absl::StrCat("n", node, "/gpu", device));
      request.mutable_region()->set_capacity_bytes(kDeviceBytes);
      request.mutable_region()->set_parent("cluster");
      if (absl::Status status = client.Register(request).status(); !status.ok()) return status;
    }
  }
  v1::SetLimitsRequest limits;
  v1::LimitsUpdate& update = *limits.add_updates();
  update.set_cgroup(cgroup);
  update.set_region("cluster");
  update.set_max_bytes(static_cast<uint64_t>(nodes) * devices * kDeviceBytes);
  return client.SetLimits(limits).status();
}

}  // namespace dmem

#endif  // DMEMD_TESTS_GANG_GANG_CLUSTER_H_
