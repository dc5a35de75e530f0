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
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/agent/device_backend.h"
#include "client/agent/mapping.h"
#include "client/agent/pods/pod.h"

namespace dmem::client {

// Annotations of pods that the agent reads. Amounts as ParseByteSize has them, for each device that
// the pod has.
inline constexpr char kLimitAnnotation[] = "dmemd/limit";      // Booked, and the most it may hold.
inline constexpr char kRequestAnnotation[] = "dmemd/request";  // Protected (low); default: none.
// The reservation that a scheduler made for the pod: committed once its devices are known.
inline constexpr char kChargeAnnotation[] = "dmemd/charge-id";

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

// An item of a charge that the authority has in a region of this node.
struct KnownItem {
  std::string charge_id;
  std::string cgroup;
  std::string region;  // With the node.
  uint64_t bytes = 0;
  bool is_measured_basis = false;
  bool is_reserved = false;
  bool is_releasing = false;
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
  // Charge ids of annotations that are of no use: the reservation has ended. A pod that does not
  // hold under it already is charged as any other.
  std::set<std::string> ended_ids;
  // Charge ids that pods' annotations gave before, by Pod::cgroup_uid: for pods that are gone now.
  std::map<std::string, std::string> remembered_ids;
};

enum class HoldingState {
  kPending,  // Waits for leave to start; holds nothing yet.
  kRunning,
  kEnding,  // Its pod is gone or going, and its memory is not known to be free.
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
  uint64_t booked_bytes = 0;
  std::optional<uint64_t> measured_bytes;
  bool is_limited = false;  // By an annotation or by kubelet: the two below are set on its cgroup.
  uint64_t low_bytes = 0;
  uint64_t max_bytes = kNoLimit;
  std::string node_cgroup;  // Empty: none was found, or it is of no pod.
  // For people.
  std::string pod_uid, pod_namespace, pod_name;
};

struct NodeBooks {
  std::vector<Holding> holdings;  // Sorted by region, id_base and charge_id.
  // Items of pods that are gone and whose memory is free: to be given back, with the evidence.
  struct Freed {
    KnownItem item;
    std::string evidence;
  };
  std::vector<Freed> freed;
  // Annotations that could not be read and pods that were left out, each naming the pod and why.
  std::vector<absl::Status> problems;
};

// How the ids of all charges of a pod in a region of its node begin: the same for ever, so that an
// agent that starts anew finds what it charged. At most 108 printable bytes, without "~".
std::string PodIdBase(absl::string_view pod_uid, absl::string_view local_region);
// The same of processes that are of no pod.
std::string HostIdBase(absl::string_view node, absl::string_view local_region);
// An id that was not used before: `base`, "~" and the time. At most 128 bytes.
std::string ChargeIdAt(absl::string_view base, absl::Time now);

// A hash that is the same for ever.
uint64_t StableIdHash(absl::string_view text);

// One holding for each pod and device of its own or with processes of it:
//  * booked is the pod's limit annotation; else, of a device that kubelet gave to it, all of what
//    the device can grant; else nothing says, and it is what was measured (basis MEASURED), or, of
//    what cannot be measured whole, at least what it was before.
//  * a pod with the charge annotation holds under that id.
//  * a pod that is gone, and was charged, holds on (kEnding) until no process of it is on the
//    device or, where processes are not listed, until nothing there is used that is nobody's.
//    Charges that somebody else made, and that no pod names, are left to Reconcile.
//  * of two charges of one pod on a device the second is given back once the first is held.
//  * pods of several tenants that hold under one charge on a device hold there for one of them: the
//    one that it is charged to, as long as it is among them.
//  * processes of no pod are charged to kUnmappedHostCgroup by measure.
// Pure. REQUIRES: devices are sorted by region, each once.
NodeBooks MakeNodeBooks(const NodeSight& sight);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_BOOKS_NODE_BOOKS_H_
