// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/loop/make_groups.h"

#include <set>

namespace dmem::client {

absl::Status MakeGroups(Client* client, const std::vector<std::string>& groups) {
  const absl::StatusOr<v1::ListRegionsResponse> list = client->ListAllRegions({});
  if (!list.ok()) return list.status();
  std::set<std::string> there;
  for (const v1::RegionGroup& group : list->groups()) there.insert(group.name());
  v1::RegisterGroupRequest request;
  for (auto name = groups.rbegin(); name != groups.rend(); ++name) {
    request.set_parent(request.name());
    request.set_name(*name);
    if (there.count(*name) > 0) continue;
    absl::Status status = client->RegisterGroup(request).status();
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace dmem::client
