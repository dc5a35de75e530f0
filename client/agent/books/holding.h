// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What a pod holds of a device, and the authority's item for it.

#ifndef DMEMD_CLIENT_AGENT_BOOKS_HOLDING_H_
#define DMEMD_CLIENT_AGENT_BOOKS_HOLDING_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/agent/device_backend.h"

namespace dmem::client {

// An item of a charge that the authority has in a region of this node. {charge_id, region, cgroup}
// names it.
struct KnownItem {
  std::string charge_id;
  std::string cgroup;
  std::string region;  // With the node.
  uint64_t bytes = 0;
  bool is_measured_basis = false;
  bool is_reserved = false;
  bool is_releasing = false;
};

enum class HoldingState {
  kPending,  // Waits for leave to start; holds nothing yet.
  kRunning,  // Or has leave to.
  kEnding,   // Its pod is gone or going, and its memory is not known to be free.
};

// What one pod (or what is of no pod) holds of one device.
struct Holding {
  // The charge that the authority has for it, or the one that the pod's annotation names. Empty:
  // there is none yet, and its id will be id_base with something after it that makes it new.
  std::string charge_id;
  std::string id_base;
  std::string cgroup;        // The tenant's.
  std::string region;        // With the node.
  std::string local_region;  // Without.
  HoldingState state = HoldingState::kRunning;
  // Booked follows measured: nothing says how much it may hold.
  bool is_measured_basis = false;
  // What it is to have. Where nothing says that (is_as_charged), it is what those of which
  // something does leave of the item: what is not known is never a reason to make an item larger.
  uint64_t booked_bytes = 0;
  bool is_as_charged = false;
  // What of it is recorded whatever the limits say, because it runs; the rest is only wanted. 0 for
  // what waits.
  uint64_t forced_bytes = 0;
  // The authority's item that it is under. Absent: there is none, or not yet.
  std::optional<KnownItem> item;
  // What of the item is its own, held and not only reserved. Absent: nothing; or it waits, and not
  // all that it is to have is there.
  std::optional<uint64_t> charged_bytes;
  std::optional<uint64_t> measured_bytes;
  // What the item has beyond what all that hold under it are to have was of pods that are gone, and
  // is free.
  bool is_rest_free = false;
  // By an annotation or by kubelet: the two below are set on its cgroup. Never more than is charged
  // for it: who may annotate a pod does not lift a limit by that.
  bool is_limited = false;
  uint64_t low_bytes = 0;
  uint64_t max_bytes = kNoLimit;
  std::string node_cgroup;  // Empty: none was found, or it is of no pod.
  // For people.
  std::string pod_uid, pod_namespace, pod_name;

  bool IsHeld() const { return item.has_value() && !item->is_reserved; }
};

// Those of `holdings` that hold under the item, one of `known`: by tenant, where its charge has
// several there.
std::vector<Holding*> HoldersOf(const std::vector<KnownItem>& known, const KnownItem& item,
                                std::vector<Holding>* holdings);

// Finds the item of `known` that each of `holdings` with a charge is under, and shares each item
// out: sets item, charged_bytes, and of some cgroup, booked_bytes, forced_bytes and limits, as they
// say above.
//  * Pods of several tenants that hold what a charge has in a cgroup hold there for one of them:
//    the one that it is charged to, as long as it is among them.
//  * Where several hold under one item, each of what runs has what of it is forced; what is left
//    goes to what runs and is known, the smallest first, then to what waits, so that one for which
//    there is room does not wait for a larger one. Of what is not known each that runs has what is
//    measured, and they share the rest; what waits has none of it, and goes on waiting while there
//    is no rest.
// Changes nothing when called again. REQUIRES: no item is in `known` twice.
void ShareOut(const std::vector<KnownItem>& known, std::vector<Holding>* holdings);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_BOOKS_HOLDING_H_
