// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/crash/topology.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace dmem::crash {

const std::vector<std::string>& Regions() {
  static const auto* const kRegions = [] {
    auto* regions = new std::vector<std::string>;
    for (int node = 0; node < 2; ++node) {
      for (int gpu = 0; gpu < 4; ++gpu) {
        regions->push_back(absl::StrCat("node-", node, "/gpu", gpu));
      }
    }
    return regions;
  }();
  return *kRegions;
}

std::vector<std::string> ChainOf(absl::string_view region) {
  return {std::string(region), absl::StartsWith(region, "node-0/") ? "model/a" : "model/b",
          "cluster"};
}

const std::vector<std::string>& Levels() {
  static const auto* const kLevels = [] {
    auto* levels = new std::vector<std::string>(Regions());
    levels->insert(levels->end(), {"model/a", "model/b", "cluster"});
    return levels;
  }();
  return *kLevels;
}

std::string WorkerCgroup(int worker) {
  return absl::StrCat(worker % 2 == 0 ? "/team-a" : "/team-b", "/w", worker);
}

std::vector<std::string> PathUp(absl::string_view cgroup) {
  std::vector<std::string> path;
  while (cgroup.size() > 1) {
    path.emplace_back(cgroup);
    cgroup = cgroup.substr(0, cgroup.rfind('/'));
  }
  path.emplace_back("/");
  return path;
}

absl::Status CreateTopology(client::Client& client) {
  for (const char* name : {"cluster", "model/a", "model/b"}) {
    v1::RegisterGroupRequest request;
    request.set_name(name);
    if (absl::string_view(name) != "cluster") request.set_parent("cluster");
    if (const auto answer = client.RegisterGroup(request); !answer.ok()) return answer.status();
  }
  for (const std::string& name : Regions()) {
    v1::RegisterRequest request;
    request.mutable_region()->set_name(name);
    request.mutable_region()->set_capacity_bytes(kRegionBytes);
    request.mutable_region()->set_parent(ChainOf(name)[1]);
    request.mutable_region()->set_incarnation(1);
    request.mutable_region()->mutable_attributes()->set_node(name.substr(0, name.find('/')));
    if (const auto answer = client.Register(request); !answer.ok()) return answer.status();
  }
  v1::SetLimitsRequest limits;
  for (const char* path : {"/team-a", "/team-b"}) {
    v1::CreateCgroupRequest request;
    request.set_path(path);
    if (const auto answer = client.CreateCgroup(request); !answer.ok()) return answer.status();
    v1::LimitsUpdate* update = limits.add_updates();
    update->set_cgroup(path);
    update->set_region("cluster");
    update->set_max_bytes(kTeamMaxBytes);
  }
  return client.SetLimits(limits).status();
}

}  // namespace dmem::crash
