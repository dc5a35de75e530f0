// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/config/agent_config.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "client/agent/config/yaml_map.h"
#include "client/agent/read_file.h"
#include "client/agent/region_groups.h"

namespace dmem::client {
namespace {

constexpr absl::Duration kShort = absl::Milliseconds(100);

absl::Status Bad(absl::string_view why) { return absl::InvalidArgumentError(why); }

bool IsPrintable(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return absl::ascii_isgraph(c); });
}

// Part of each region's name, before the first slash.
absl::Status CheckNodeName(absl::string_view text) {
  if (!text.empty() && text.size() <= 253 && IsPrintable(text) &&
      text.find_first_of("@/") == absl::string_view::npos) {
    return absl::OkStatus();
  }
  return Bad("is not 1 to 253 printable ASCII bytes without white space, @ and /");
}

absl::Status CheckAbsolutePath(absl::string_view text) {
  if (absl::StartsWith(text, "/") && text.find('\0') == absl::string_view::npos) {
    return absl::OkStatus();
  }
  return Bad("is no absolute path");
}

absl::Status CheckSocket(absl::string_view text) {
  constexpr size_t kMaxBytes = 107;  // What fits in the address of a unix socket.
  if (text.size() <= kMaxBytes) return CheckAbsolutePath(text);
  return Bad(absl::StrCat("has ", text.size(), " bytes, more than ", kMaxBytes));
}

absl::Status CheckPathOrNone(absl::string_view text) {
  return text.empty() ? absl::OkStatus() : CheckAbsolutePath(text);
}

absl::Status CheckHostPort(absl::string_view text, int least_port) {
  const size_t colon = text.rfind(':');
  int port = -1;
  if (colon == absl::string_view::npos || colon == 0 || !IsPrintable(text) ||
      !absl::SimpleAtoi(text.substr(colon + 1), &port) || port < least_port || port > 65535) {
    return Bad(absl::StrCat("is not HOST:PORT with a port between ", least_port, " and 65535"));
  }
  return absl::OkStatus();
}

absl::Status CheckServer(absl::string_view text) {
  if (absl::ConsumePrefix(&text, "unix:")) return CheckSocket(text);
  return CheckHostPort(text, 1);
}

absl::Status CheckHttp(absl::string_view text) {
  return text.empty() ? absl::OkStatus() : CheckHostPort(text, 0);
}

// A token is sent in each request, so it goes over TLS or does not leave the machine.
absl::Status CheckApiUrl(absl::string_view url) {
  absl::string_view rest = url;
  const bool is_plain = absl::ConsumePrefix(&rest, "http://");
  if (!IsPrintable(url) || (!is_plain && !absl::ConsumePrefix(&rest, "https://"))) {
    return Bad("is no https:// URL");
  }
  const absl::string_view host = rest.substr(0, rest.find_first_of("/?#"));
  if (host.empty() || host.size() != rest.size() || absl::StrContains(host, "@")) {
    return Bad("is not https://HOST or https://HOST:PORT, without anything after it");
  }
  const bool is_local = absl::StartsWith(host, "127.0.0.1:") || absl::StartsWith(host, "[::1]:");
  if (is_plain && !is_local) return Bad("is http://, which is for 127.0.0.1 and [::1] only");
  return absl::OkStatus();
}

absl::Status CheckTenant(absl::string_view text) {
  absl::Status status = CheckCgroupPath(text);
  if (status.ok() && (text == "/" || !IsPrintable(text) || text.size() > 1024)) {
    status = Bad("");
  }
  return status.ok() ? status : Bad("is no cgroup below / of at most 1024 printable ASCII bytes");
}

absl::Status CheckDirectory(absl::string_view text) {
  if (CheckCgroupPath(text).ok() && text != "/") return absl::OkStatus();
  return Bad("is no directory below the cgroup root, with its path from there");
}

absl::Status CheckPattern(absl::string_view text) {
  return text.empty() ? Bad("is empty, and would match nothing") : absl::OkStatus();
}

absl::Status CheckRegion(absl::string_view text) {
  if (CheckDeviceRegion(text).ok()) return absl::OkStatus();
  return Bad(
      "is no device: 1 to 200 printable ASCII bytes without white space and @, as in "
      "nvidia/GPU-UUID");
}

void ReadBackends(YamlMap& document, const BackendValidators& validators, AgentConfig& config) {
  std::optional<std::vector<YamlMap>> maps = document.Maps("backends");
  if (!maps) return;
  config.backends.clear();
  std::set<std::string> seen;
  for (YamlMap& map : *maps) {
    BackendConfig backend;
    map.Require("name");
    map.Text("name", backend.name, [&](absl::string_view name) {
      if (validators.count(std::string(name)) == 0) {
        return Bad(absl::StrCat(
            "is no backend; there are ",
            absl::StrJoin(validators, ", ",
                          [](std::string* out, const auto& known) { out->append(known.first); })));
      }
      if (!seen.emplace(name).second) return Bad("is there twice");
      return absl::OkStatus();
    });
    map.TextMap("options", backend.options);
    map.Finish();
    if (const auto validator = validators.find(backend.name); validator != validators.end()) {
      const absl::Status status = validator->second(backend.options);
      if (!status.ok()) map.Wrong("options", status.message());
    }
    config.backends.push_back(std::move(backend));
  }
}

void ReadDevices(YamlMap& document, AgentConfig& config) {
  std::optional<std::vector<YamlMap>> maps = document.Maps("devices");
  if (!maps) return;
  for (YamlMap& map : *maps) {
    std::string region;
    MemoryOverride memory;
    map.Require("region");
    map.Text("region", region, [&config](absl::string_view text) {
      if (config.devices.count(std::string(text)) != 0) return Bad("is there twice");
      return CheckRegion(text);
    });
    map.Bytes("capacity", 1, memory.capacity_bytes);
    map.Bytes("reserved", 0, memory.reserved_bytes);
    if (memory.capacity_bytes && memory.reserved_bytes &&
        *memory.reserved_bytes > *memory.capacity_bytes) {
      map.Wrong("reserved",
                absl::StrCat("is more than the capacity of ", *memory.capacity_bytes, " bytes"));
    }
    map.Finish();
    if (!region.empty()) config.devices[region] = memory;
  }
}

void ReadMapping(YamlMap& document, AgentConfig& config) {
  std::optional<std::vector<YamlMap>> maps = document.Maps("mapping");
  if (!maps) return;
  config.mapping.clear();
  for (YamlMap& map : *maps) {
    MappingRule rule;
    map.Require("cgroup");
    map.Text("cgroup", rule.cgroup, CheckCgroupTemplate);
    map.Texts("namespaces", rule.namespaces, CheckPattern);
    map.TextMap("labels", rule.labels);
    map.TextMap("annotations", rule.annotations);
    map.Finish();
    config.mapping.push_back(std::move(rule));
  }
}

void ReadTenantDirectories(YamlMap& document, AgentConfig& config) {
  std::optional<std::vector<YamlMap>> maps = document.Maps("tenant_directories");
  if (!maps) return;
  std::set<std::string> cgroups;
  std::set<std::string> directories;
  const auto once = [](std::set<std::string>& seen, YamlMap::Check check) {
    return [&seen, check = std::move(check)](absl::string_view text) {
      if (!seen.emplace(text).second) return Bad("is there twice");
      return check(text);
    };
  };
  for (YamlMap& map : *maps) {
    TenantDirectory tenant;
    map.Require("cgroup");
    map.Require("directory");
    map.Text("cgroup", tenant.cgroup, once(cgroups, CheckTenant));
    map.Text("directory", tenant.directory, once(directories, CheckDirectory));
    map.Finish();
    config.tenant_directories.push_back(std::move(tenant));
  }
}

void ReadPods(YamlMap& document, PodSourcesConfig& pods) {
  YamlMap map = document.Map("pods");
  {
    YamlMap source = map.Map("pod_resources");
    source.Bool("enabled", pods.pod_resources.enabled);
    source.Text("socket", pods.pod_resources.socket, CheckSocket);
    source.Duration("timeout", kShort, absl::Minutes(1), pods.pod_resources.timeout);
    source.Finish();
  }
  {
    YamlMap source = map.Map("api_server");
    source.Bool("enabled", pods.api_server.enabled);
    source.Text("url", pods.api_server.url, CheckApiUrl);
    source.Text("token_file", pods.api_server.token_file, CheckPathOrNone);
    source.Text("ca_file", pods.api_server.ca_file, CheckPathOrNone);
    source.Duration("timeout", kShort, absl::Minutes(1), pods.api_server.timeout);
    source.Finish();
  }
  map.Text("file", pods.file, CheckPathOrNone);
  if (pods.api_server.enabled && !pods.file.empty()) {
    map.Wrong("file", "is there beside api_server, and two sources could disagree");
  }
  map.Finish();
}

}  // namespace

absl::StatusOr<AgentConfig> ParseAgentConfig(absl::string_view file, absl::string_view text,
                                             const BackendValidators& backends,
                                             std::vector<AgentConfigKey>* keys) {
  YamlFindings findings;
  findings.file = std::string(file);
  AgentConfig config;
  if (const std::optional<YAML::Node> node = ParseYaml(text, findings)) {
    YamlMap document(*node, "", findings);
    document.Text("node_name", config.node_name, CheckNodeName);
    document.Texts("servers", config.servers, CheckServer);
    document.Text("cgroup_root", config.cgroup_root, CheckAbsolutePath);
    document.Text("proc_root", config.proc_root, CheckAbsolutePath);
    document.Text("kubelet_cgroup_root", config.kubelet_cgroup_root, CheckCgroupPath);
    document.Text("state_dir", config.state_dir, CheckAbsolutePath);
    document.Text("gate_dir", config.gate_dir, CheckPathOrNone);
    document.Text("http", config.http, CheckHttp);
    document.Bool("dry_run", config.dry_run);
    ReadBackends(document, backends, config);
    ReadDevices(document, config);
    document.Bytes("reserved", 0, config.reserved_bytes);
    document.Texts("groups", config.groups, CheckGroupTemplate);
    ReadMapping(document, config);
    ReadTenantDirectories(document, config);
    ReadPods(document, config.pods);
    document.Duration("session_ttl", absl::Seconds(10), absl::Minutes(10), config.session_ttl);
    document.Duration("measure_interval", kShort, absl::Minutes(1), config.measure_interval);
    document.Duration("reconcile_interval", absl::Seconds(1), absl::Hours(1),
                      config.reconcile_interval);
    document.Duration("report_interval", absl::Seconds(1), absl::Hours(1), config.report_interval);
    document.Duration("over_grant_grace", absl::ZeroDuration(), absl::Hours(1),
                      config.over_grant_grace);
    int policy = static_cast<int>(config.when_unreachable);
    document.Choice("when_unreachable", {"allow", "deny"}, policy);
    config.when_unreachable = static_cast<UnreachablePolicy>(policy);
    document.Duration("unreachable_grace", absl::ZeroDuration(), absl::Hours(1),
                      config.unreachable_grace);
    document.Finish();
  }
  if (keys != nullptr) {
    for (const ConfigKey& key : findings.keys) keys->emplace_back(key.path, key.default_value);
  }
  if (absl::Status status = findings.ToStatus(); !status.ok()) return status;
  return config;
}

absl::StatusOr<AgentConfig> LoadAgentConfig(const std::string& file,
                                            const BackendValidators& backends) {
  const absl::StatusOr<std::string> text = ReadSmallFile(file, kMaxYamlBytes);
  if (!text.ok()) return text.status();
  absl::StatusOr<AgentConfig> config = ParseAgentConfig(file, *text, backends);
  if (!config.ok() || !config->node_name.empty()) return config;
  const char* from_environment = std::getenv("NODE_NAME");
  std::array<char, 256> host{};
  if (from_environment != nullptr && *from_environment != '\0') {
    config->node_name = from_environment;
  } else if (::gethostname(host.data(), host.size() - 1) == 0) {
    config->node_name = host.data();
  }
  if (const absl::Status status = CheckNodeName(config->node_name); !status.ok()) {
    return Bad(absl::StrCat(file, ": node_name is not set, and NODE_NAME or the host's name \"",
                            config->node_name, "\" ", status.message()));
  }
  return config;
}

}  // namespace dmem::client
