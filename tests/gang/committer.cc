// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// A scheduler that reserves 8 x 80 GiB on the group "cluster" and commits them on nodes of two
// devices each, one node after the other. It writes a line after each step, and after
// --stop-after nodes it does nothing any more until it is killed.

#include <unistd.h>

#include <cstdio>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "client/client.h"
#include "client/grpc_connection.h"

namespace dmem {
namespace {

constexpr uint64_t kDeviceBytes = uint64_t{80} << 30;
constexpr int kNodes = 4;
constexpr int kDevicesOfNode = 2;

int Failed(const absl::Status& status) {
  std::printf("failed %s\n", status.ToString().c_str());
  return 1;
}

int Main(int argc, char** argv) {
  std::string server;
  int64_t created_at = 0, ttl = 0;
  int stop_after = 0;
  CLI::App app("committer: reserves on a group, and commits node after node");
  app.add_option("--server", server, "HOST:PORT")->required();
  app.add_option("--created-at", created_at, "Of the charge, in seconds")->required();
  app.add_option("--ttl", ttl, "Of the reservation, in seconds")->required();
  app.add_option("--stop-after", stop_after, "Nodes")->required();
  CLI11_PARSE(app, argc, argv);
  client::Client client(client::MakeGrpcConnection(server));

  v1::ChargeRequest reserve;
  reserve.set_charge_id("gang");
  reserve.mutable_created_at()->set_seconds(created_at);
  reserve.mutable_ttl()->set_seconds(ttl);
  v1::ChargeItem& item = *reserve.add_items();
  item.set_cgroup("/team");
  item.set_region("cluster");
  item.set_bytes(kDeviceBytes * kNodes * kDevicesOfNode);
  const auto reserved = client.Charge(reserve);
  if (!reserved.ok()) return Failed(reserved.status());
  std::printf("reserved\n");
  std::fflush(stdout);

  for (int node = 0; node < kNodes; ++node) {
    if (node == stop_after) {
      for (;;) pause();
    }
    v1::CommitRequest commit;
    commit.set_charge_id("gang");
    commit.set_commit_id(absl::StrCat("node-", node));
    for (int device = 0; device < kDevicesOfNode; ++device) {
      v1::Placement& placement = *commit.add_placements();
      placement.set_cgroup("/team");
      placement.set_region(absl::StrCat("n", node, "/gpu", device));
      placement.set_bytes(kDeviceBytes);
    }
    const auto committed = client.Commit(commit);
    if (!committed.ok()) return Failed(committed.status());
    std::printf("committed %d\n", node);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace dmem

int main(int argc, char** argv) { return dmem::Main(argc, argv); }
