// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_BOOKS_TESTING_NODE_BOOKS_FIXTURE_H_
#define DMEMD_CLIENT_AGENT_BOOKS_TESTING_NODE_BOOKS_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "client/agent/books/node_books.h"

namespace dmem::client {

inline constexpr uint64_t kGib = uint64_t{1} << 30;

// The node n1 with the device gpu0, of which all processes are listed.
class NodeBooksTest : public ::testing::Test {
 protected:
  NodeBooksTest() {
    sight_.node = "n1";
    sight_.pods_are_complete = true;
    Device device;
    device.region = "gpu0";
    device.capacity_bytes = 48 * kGib;
    device.reserved_bytes = 1 * kGib;
    device.device_ids = {"GPU-a"};
    sight_.devices.push_back(device);
    sight_.listed_regions.insert("gpu0");
  }

  // A running pod in /ns/ml that kubelet gave the device to.
  SeenPod& AddPod(const std::string& uid, bool given = true) {
    SeenPod seen;
    seen.pod.name_space = "ml";
    seen.pod.name = "pod-" + uid;
    seen.pod.is_described = true;
    seen.pod.uid = seen.pod.cgroup_uid = uid;
    seen.pod.phase = "Running";
    seen.pod.has_devices_known = true;
    PodContainer container;
    container.name = "main";
    if (given) {
      PodDevice device;
      device.ids = {"GPU-a"};
      container.devices.push_back(device);
    }
    seen.pod.containers.push_back(container);
    seen.mapped.cgroup = "/ns/ml";
    sight_.pods.push_back(seen);
    return sight_.pods.back();
  }

  void AddProcess(const std::string& uid, uint64_t bytes) {
    sight_.processes.push_back({"gpu0", bytes, uid});
  }

  void Know(const std::string& charge_id, uint64_t bytes, const std::string& cgroup = "/ns/ml") {
    KnownItem item;
    item.charge_id = charge_id;
    item.cgroup = cgroup;
    item.region = "n1/gpu0";
    item.bytes = bytes;
    sight_.known.push_back(item);
  }

  // The only holding.
  Holding One() {
    const NodeBooks books = MakeNodeBooks(sight_);
    EXPECT_THAT(books.holdings, ::testing::SizeIs(1));
    return books.holdings.empty() ? Holding() : books.holdings[0];
  }

  NodeSight sight_;
};

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_BOOKS_TESTING_NODE_BOOKS_FIXTURE_H_
