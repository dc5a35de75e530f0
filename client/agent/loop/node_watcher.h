// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_LOOP_NODE_WATCHER_H_
#define DMEMD_CLIENT_AGENT_LOOP_NODE_WATCHER_H_

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "client/agent/books/node_books.h"
#include "client/agent/config/agent_config.h"
#include "client/agent/device_backend.h"
#include "client/agent/pods/pod_source.h"

namespace dmem::client {

// Looks at the node: its devices, its pods, and who is on what. One thread at a time.
class NodeWatcher {
 public:
  // `kubelet` and `described` may be null. `config` must outlive the watcher.
  NodeWatcher(const AgentConfig* config, std::vector<std::unique_ptr<DeviceBackend>> backends,
              std::unique_ptr<PodSource> kubelet, std::unique_ptr<PodSource> described);

  // What is there now. Of a backend that fails the devices are those of its last good scan, and
  // nothing is known of their processes; without a pod source that answers, pods are not complete.
  // `problems` gets what could not be seen, and why.
  NodeSight Look(std::vector<absl::Status>* problems);

  // Makes limits stand (or, when dry, looks what stands), each by the backend whose region it is.
  // Those of unknown regions are kFailed.
  std::vector<LimitState> Apply(const std::vector<Limit>& limits);

  // What stands of them, whatever the configuration says of writing.
  std::vector<LimitState> LookAtLimits(const std::vector<Limit>& limits);

  // Of the node: that of its least capable backend.
  Capability capability() const;

 private:
  std::vector<LimitState> ForEachBackend(
      const std::vector<Limit>& limits,
      std::vector<LimitState> (DeviceBackend::*call)(const std::vector<Limit>&));
  void LookAtPods(NodeSight* sight, std::vector<absl::Status>* problems);
  void LookAtDevices(NodeSight* sight, std::vector<absl::Status>* problems);
  void Measure(DeviceBackend* backend, const std::vector<std::string>& cgroups, NodeSight* sight,
               std::vector<absl::Status>* problems);

  const AgentConfig& config_;
  const std::vector<std::unique_ptr<DeviceBackend>> backends_;
  const std::unique_ptr<PodSource> kubelet_;
  const std::unique_ptr<PodSource> described_;
  std::vector<std::vector<Device>> scanned_;         // By backend, the last good scan.
  std::vector<bool> was_scanned_;                    // By backend, ever.
  std::map<std::string, DeviceBackend*> by_region_;  // Whose a region is.
  // What the last look saw: NodeSight::cgroup_usage.
  std::map<std::pair<std::string, std::string>, uint64_t> cgroup_usage_before_;
};

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_LOOP_NODE_WATCHER_H_
