// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_CONFIG_AGENT_CONFIG_H_
#define DMEMD_CLIENT_AGENT_CONFIG_AGENT_CONFIG_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/agent/device_backend.h"
#include "client/agent/mapping.h"

namespace dmem::client {

// What a new holder gets while no dmemd answers.
enum class UnreachablePolicy {
  kAllow,  // It starts, and is recorded as soon as one answers.
  kDeny,   // It waits.
};

struct BackendConfig {
  std::string name;
  BackendOptions options;
};

// A directory of the node in which a whole tenant's limits are written. Never created.
struct TenantDirectory {
  std::string cgroup;     // The tenant's.
  std::string directory;  // Below the cgroup root.
};

struct PodResourcesConfig {
  bool enabled = true;
  std::string socket = "/var/lib/kubelet/pod-resources/kubelet.sock";
  absl::Duration timeout = absl::Seconds(5);
};

struct ApiServerConfig {
  bool enabled = false;
  std::string url = "https://kubernetes.default.svc";
  std::string token_file = "/var/run/secrets/kubernetes.io/serviceaccount/token";  // Empty: none.
  std::string ca_file = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";
  absl::Duration timeout = absl::Seconds(10);  // Of a list, and of connecting.
};

struct PodSourcesConfig {
  PodResourcesConfig pod_resources;
  ApiServerConfig api_server;
  std::string file;  // Empty: none.
};

// docs/agent-configuration.md says what each is for.
struct AgentConfig {
  std::string node_name;  // Empty only from ParseAgentConfig.
  std::vector<std::string> servers = {"127.0.0.1:7171"};
  std::string cgroup_root = "/sys/fs/cgroup";
  std::string proc_root = "/proc";
  std::string kubelet_cgroup_root = "/";
  std::string state_dir = "/var/lib/dmem-agent";
  std::string gate_dir;                 // Empty: no gate.
  std::string http = "127.0.0.1:7173";  // Empty: off.
  bool dry_run = false;

  std::vector<BackendConfig> backends = {{"dmem", {}}};
  MemoryOverrides devices;
  std::optional<uint64_t> reserved_bytes;

  std::vector<std::string> groups;  // GroupsOf has them.

  std::vector<MappingRule> mapping = DefaultMappingRules();
  std::vector<TenantDirectory> tenant_directories;
  PodSourcesConfig pods;

  absl::Duration session_ttl = absl::Seconds(60);
  absl::Duration measure_interval = absl::Seconds(1);
  absl::Duration reconcile_interval = absl::Seconds(60);
  absl::Duration report_interval = absl::Seconds(15);
  absl::Duration over_grant_grace = absl::Seconds(30);
  UnreachablePolicy when_unreachable = UnreachablePolicy::kAllow;
  absl::Duration unreachable_grace = absl::Seconds(15);
};

// A key of the configuration, with its default. List items have "[]" in their path.
using AgentConfigKey = std::pair<std::string, std::string>;

// The backends that there are: what says whether options are valid. INVALID_ARGUMENT, with why.
using BackendValidators =
    std::map<std::string, std::function<absl::Status(const BackendOptions& options)>>;

// Reads YAML. `file` is for messages. INVALID_ARGUMENT: a key is unknown, there twice, of the wrong
// type or out of range, for each a line "FILE:LINE: KEY: "VALUE" WHY" with the bound; all at once.
// `keys`, if not null, gets each key that the reader knows and came to.
absl::StatusOr<AgentConfig> ParseAgentConfig(absl::string_view file, absl::string_view text,
                                             const BackendValidators& backends,
                                             std::vector<AgentConfigKey>* keys = nullptr);

// The same from a file. Without node_name it is the environment's NODE_NAME, or else the host's
// name. NOT_FOUND and others, naming the file: it cannot be read.
absl::StatusOr<AgentConfig> LoadAgentConfig(const std::string& file,
                                            const BackendValidators& backends);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_CONFIG_AGENT_CONFIG_H_
