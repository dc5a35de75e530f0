// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What a node holds, as charges: a pure function of what was seen on it.

#ifndef DMEMD_CLIENT_AGENT_BOOKS_NODE_BOOKS_H_
#define DMEMD_CLIENT_AGENT_BOOKS_NODE_BOOKS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "client/agent/books/holding.h"
#include "client/agent/device_backend.h"
#include "client/agent/mapping.h"
#include "client/agent/pods/pod.h"

namespace dmem::client {

// A pod, with what the agent found out about it.
struct SeenPod {
  Pod pod;
  MappedCgroup mapped;
  std::string node_cgroup;  // kubelet's for the pod, below the cgroup root. Empty: none was found.
};

// A process on a device.
struct SeenProcess {
  std::string region;  // Without the node.
  std::optional<uint64_t> used_bytes;
  std::string pod_uid;  // Pod::cgroup_uid of its pod; empty: it is of no pod.
};

// All that is known at one moment.
struct NodeSight {
  std::string node;
  std::vector<Device> devices;
  // The software of some devices has never answered: what pods have may not be in `devices`.
  bool has_unscanned_devices = false;
  std::vector<SeenPod> pods;
  // Whether a pod that is not in `pods` is gone: no source failed.
  bool pods_are_complete = false;
  std::vector<SeenProcess> processes;
  // Usage of pods' cgroups by (node_cgroup, region without the node).
  std::map<std::pair<std::string, std::string>, uint64_t> cgroup_usage;
  // The same at the look before. A device and the cgroups on it cannot be read at one moment.
  std::map<std::pair<std::string, std::string>, uint64_t> cgroup_usage_before;
  // Regions, without the node, of which every process is in `processes`.
  std::set<std::string> listed_regions;
  std::vector<KnownItem> known;
  // Charge ids of annotations that are of no use to pods of a cgroup, and the cgroup: the
  // reservation has ended, or has nothing for it. A pod that does not hold under it already is
  // charged as any other.
  std::set<std::pair<std::string, std::string>> ended_ids;
  // Charge ids that pods' annotations gave before, by Pod::cgroup_uid: for pods that are gone now.
  std::map<std::string, std::string> remembered_ids;
  // Pods, by Pod::cgroup_uid, that have leave to start: what they are to hold is as good as held.
  std::set<std::string> admitted;
  // What was charged for pods at the look before, by Pod::cgroup_uid and region: more than that
  // they only want. Who is not in it has come since. Absent: there was no look before, and what
  // runs cannot be told from what has come since.
  std::optional<std::map<std::pair<std::string, std::string>, uint64_t>> charged_before;
};

struct NodeBooks {
  std::vector<Holding> holdings;  // Sorted by region, id_base and charge_id.
  // Items of pods that are gone and whose memory is free: to be given back, with the evidence.
  struct Freed {
    KnownItem item;
    std::string evidence;
  };
  std::vector<Freed> freed;
  // Annotations that could not be read, each naming the pod and why.
  std::vector<absl::Status> problems;
};

// One holding for each pod and device of its own or with processes of it:
//  * booked is the pod's limit annotation; else, of a device that kubelet gave to it, what its
//    reservation has there, or all of what the device can grant; else nothing says, and it is what
//    was measured (basis MEASURED), or, of what cannot be measured whole, at least what it was
//    before.
//  * a pod with the charge annotation holds under that id, where it was given a device or is seen.
//  * an item under which nothing was seen to hold is kept (kEnding, if none of its pods is there)
//    until no process of its pods is on the device or, where processes are not listed, until
//    nothing there is used that is nobody's; then it is freed. Charges that somebody else made, and
//    that no pod names, are left to Reconcile.
//  * what pods that are gone had of an item that others still hold under is free on the same
//    evidence (is_rest_free); until then it is one's that is gone.
//  * of two charges of one pod on a device the second is given back once the first is held.
//  * processes of no pod are charged to kUnmappedHostCgroup by measure.
// Holdings under one item share it as ShareOut says.
// Pure. REQUIRES: devices are sorted by region, each once.
NodeBooks MakeNodeBooks(const NodeSight& sight);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_BOOKS_NODE_BOOKS_H_
