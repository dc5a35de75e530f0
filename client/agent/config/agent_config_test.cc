// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/config/agent_config.h"

#include <stdlib.h>
#include <unistd.h>

#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/agent/make_backend.h"
#include "client/agent/read_file.h"
#include "client/agent/testing/temp_directory.h"
#include "gtest/gtest.h"

namespace dmem::client {
namespace {

// Those that there are.
BackendValidators Backends() {
  BackendValidators validators;
  for (const char* kind : {"dmem", "fake", "nvml"}) {
    validators[kind] = [kind](const BackendOptions& options) {
      return MakeDeviceBackend(kind, options, "/sys/fs/cgroup", {}).status();
    };
  }
  return validators;
}

absl::StatusOr<AgentConfig> Parse(absl::string_view text) {
  return ParseAgentConfig("agent.yaml", text, Backends());
}

std::string ErrorsOf(absl::string_view text) { return std::string(Parse(text).status().message()); }

std::string Documentation() {
  const absl::StatusOr<std::string> text = ReadSmallFile("docs/agent-configuration.md", 1 << 20);
  EXPECT_TRUE(text.ok()) << text.status();
  return text.value_or("");
}

// What is between the first line "```LANGUAGE" and the next "```".
std::string FirstBlock(const std::string& text, const std::string& language) {
  const std::string fence = "\n```" + language + "\n";
  const size_t begin = text.find(fence);
  if (begin == std::string::npos) return "";
  const size_t start = begin + fence.size();
  return text.substr(start, text.find("\n```\n", start) + 1 - start);
}

TEST(AgentConfigTest, WithoutAKeyEveryDefaultStands) {
  const absl::StatusOr<AgentConfig> config = Parse("");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->servers, std::vector<std::string>{"127.0.0.1:7171"});
  ASSERT_EQ(config->backends.size(), 1u);
  EXPECT_EQ(config->backends[0].name, "dmem");
  EXPECT_EQ(config->mapping.size(), 2u);
  EXPECT_TRUE(config->pods.pod_resources.enabled);
  EXPECT_FALSE(config->pods.api_server.enabled);
  EXPECT_EQ(config->session_ttl, absl::Seconds(60));
  EXPECT_EQ(config->measure_interval, absl::Seconds(1));
  EXPECT_EQ(config->reconcile_interval, absl::Seconds(60));
  EXPECT_EQ(config->report_interval, absl::Seconds(15));
  EXPECT_EQ(config->when_unreachable, UnreachablePolicy::kAllow);
  EXPECT_FALSE(config->dry_run);
}

TEST(AgentConfigTest, TheDocumentedExampleLoadsWithTheValuesThatItSays) {
  const absl::StatusOr<AgentConfig> config = Parse(FirstBlock(Documentation(), "yaml"));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->node_name, "node-17");
  EXPECT_EQ(config->servers,
            (std::vector<std::string>{"dmemd-0.dmemd:7171", "dmemd-1.dmemd:7171"}));
  EXPECT_EQ(config->http, "0.0.0.0:7173");
  ASSERT_EQ(config->backends.size(), 2u);
  EXPECT_EQ(config->backends[0].name, "nvml");
  EXPECT_EQ(config->backends[1].options.at("ignore_regions"), "drm/0000:00:02.0/");
  const MemoryOverride& device =
      config->devices.at("nvidia/GPU-4d3e2a5e-9a3c-1d0b-7f1e-2b8f6c5d4e3a");
  EXPECT_EQ(device.capacity_bytes, uint64_t{128} << 30);
  EXPECT_EQ(device.reserved_bytes, uint64_t{512} << 20);
  EXPECT_EQ(config->reserved_bytes, uint64_t{256} << 20);
  EXPECT_EQ(config->groups, (std::vector<std::string>{"model/{model}", "cluster"}));
  ASSERT_EQ(config->mapping.size(), 3u);
  EXPECT_EQ(config->mapping[0].namespaces, (std::vector<std::string>{"prod-*", "staging"}));
  EXPECT_EQ(config->mapping[0].labels.at("example.com/team"), "*");
  EXPECT_EQ(config->mapping[0].annotations.at("example.com/billing"), "internal-*");
  ASSERT_EQ(config->tenant_directories.size(), 1u);
  EXPECT_EQ(config->tenant_directories[0].directory, "/vision.slice");
  EXPECT_TRUE(config->pods.api_server.enabled);
  EXPECT_EQ(config->session_ttl, absl::Seconds(30));
  EXPECT_EQ(config->reconcile_interval, absl::Minutes(1));
}

// Rows of the table "| `key` | default | ... |": key and default, without quotes of code.
std::map<std::string, std::string> DocumentedKeys(const std::string& text) {
  std::map<std::string, std::string> keys;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::vector<std::string> cells = absl::StrSplit(line, absl::MaxSplits('|', 3));
    if (cells.size() != 4 || !absl::StartsWith(cells[1], " `")) continue;
    const auto plain = [](absl::string_view cell) {
      while (!cell.empty() && absl::StrContains("` ", cell.front())) cell.remove_prefix(1);
      while (!cell.empty() && absl::StrContains("` ", cell.back())) cell.remove_suffix(1);
      return std::string(cell == "\"\"" ? "" : cell);
    };
    EXPECT_TRUE(keys.emplace(plain(cells[1]), plain(cells[2])).second) << line;
  }
  return keys;
}

TEST(AgentConfigTest, EveryKeyIsDocumentedWithItsDefaultAndNoOther) {
  const std::string text = Documentation();
  std::vector<AgentConfigKey> keys;
  ASSERT_TRUE(ParseAgentConfig("", FirstBlock(text, "yaml"), Backends(), &keys).ok());
  const std::map<std::string, std::string> in_code(keys.begin(), keys.end());
  EXPECT_GT(in_code.size(), 30u);
  EXPECT_EQ(DocumentedKeys(text), in_code);
}

TEST(AgentConfigTest, TheDocumentedErrorsAreReal) {
  EXPECT_EQ(ErrorsOf("node_name: a\n"
                     "\n"
                     "measure_interval: 10ms\n"
                     "\n"
                     "\n"
                     "backends:\n"
                     "  - name: nvlm\n"
                     "\n"
                     "\n"
                     "\n"
                     "pods:\n"
                     "  kubelet: true\n") +
                "\n",
            FirstBlock(Documentation(), ""));
}

TEST(AgentConfigTest, EachValueOutOfRangeIsRefusedByName) {
  const struct {
    const char* text;
    const char* error;
  } cases[] = {
      {"node_name: \"\"", "node_name: \"\" is not 1 to 253"},
      {"node_name: a/b", "node_name: \"a/b\" is not 1 to 253"},
      {"servers: []", "servers: is an empty list"},
      {"groups: [a, \"{node}\"]", "groups[1]: \"{node}\" has a placeholder other than {model}"},
      {"servers: [localhost]", "servers[0]: \"localhost\" is not HOST:PORT"},
      {"servers: [\"a:0\"]", "with a port between 1 and 65535"},
      {"servers: [\"a:65536\"]", "with a port between 1 and 65535"},
      {"servers: [\"unix:sock\"]", "servers[0]: \"unix:sock\" is no absolute path"},
      {"cgroup_root: sys", "cgroup_root: \"sys\" is no absolute path"},
      {"kubelet_cgroup_root: /a/..", "kubelet_cgroup_root: \"/a/..\""},
      {"http: 7173", "http: \"7173\" is not HOST:PORT with a port between 0 and 65535"},
      {"dry_run: 1", "dry_run: \"1\" is neither true nor false"},
      {"backends: [{}]", "backends[0].name: is missing"},
      {"backends: [{name: dmem}, {name: dmem}]", "backends[1].name: \"dmem\" is there twice"},
      {"backends: [{name: dmem, options: {enforce: maybe}}]",
       "backends[0].options: dmem: option enforce \"maybe\" is neither true nor false"},
      {"backends: [{name: fake, options: {a: b}}]", "backends[0].options: fake: "},
      {"devices: [{capacity: 1}]", "devices[0].region: is missing"},
      {"devices: [{region: a b}]", "devices[0].region: \"a b\" is no device"},
      {"devices: [{region: a}, {region: a}]", "devices[1].region: \"a\" is there twice"},
      {"devices: [{region: a, capacity: 0}]", "devices[0].capacity: \"0\" is not between 1 and"},
      {"devices: [{region: a, capacity: 1, reserved: 2}]",
       "devices[0].reserved: \"2\" is more than the capacity of 1 bytes"},
      {"reserved: -1", "reserved: \"-1\" is no number of bytes"},
      {"mapping: [{}]", "mapping[0].cgroup: is missing"},
      {"mapping: [{cgroup: ns}]", "mapping[0].cgroup: \"ns\" is no absolute path"},
      {"mapping: [{cgroup: \"/{pod}\"}]", "has the placeholder {pod}; there are {namespace}"},
      {"mapping: [{cgroup: /a, namespaces: [\"\"]}]", "namespaces[0]: \"\" is empty"},
      {"tenant_directories: [{cgroup: /a}]", "tenant_directories[0].directory: is missing"},
      {"tenant_directories: [{cgroup: /, directory: /a}]", "\"/\" is no cgroup below /"},
      {"tenant_directories: [{cgroup: /a, directory: /}]", "\"/\" is no directory below"},
      {"tenant_directories: [{cgroup: /a, directory: /../b}]", "\"/../b\" is no directory below"},
      {"tenant_directories: [{cgroup: /a, directory: /x}, {cgroup: /b, directory: /x}]",
       "tenant_directories[1].directory: \"/x\" is there twice"},
      {"pods: {pod_resources: {timeout: 2m}}",
       "pods.pod_resources.timeout: \"2m\" is not between 100ms and 1m"},
      {"pods: {api_server: {url: \"http://10.0.0.1:8080\"}}", "is for 127.0.0.1 and [::1] only"},
      {"pods: {api_server: {url: \"ftp://a\"}}", "is no https:// URL"},
      {"pods: {api_server: {url: \"https://a/b\"}}", "without anything after it"},
      {"pods: {api_server: {url: \"https://u:p@a\"}}", "without anything after it"},
      {"pods: {api_server: {url: \"https://\"}}", "without anything after it"},
      {"pods: {file: /f, api_server: {enabled: true}}",
       "pods.file: \"/f\" is there beside api_server"},
      {"measure_interval: 61s", "\"61s\" is not between 100ms and 1m"},
      {"reconcile_interval: 500ms", "\"500ms\" is not between 1s and 1h"},
      {"report_interval: 2h", "\"2h\" is not between 1s and 1h"},
      {"over_grant_grace: -1s", "\"-1s\" is not between 0 and 1h"},
      {"when_unreachable: maybe", "\"maybe\" is none of allow, deny"},
      {"unreachable_grace: 2h", "\"2h\" is not between 0 and 1h"},
  };
  const std::string long_socket =
      absl::StrCat("pods: {pod_resources: {socket: /", std::string(107, 's'), "}}");
  EXPECT_TRUE(absl::StrContains(ErrorsOf(long_socket), "has 108 bytes, more than 107"));
  for (const auto& c : cases) {
    const absl::Status status = Parse(c.text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.text;
    EXPECT_TRUE(absl::StartsWith(status.message(), "agent.yaml:1: ")) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), c.error)) << status << "\n" << c.error;
    EXPECT_FALSE(absl::StrContains(status.message(), "\n")) << status;
  }
}

TEST(AgentConfigTest, ValuesAtTheirBoundsAreTaken) {
  for (const char* text :
       {"measure_interval: 100ms", "measure_interval: 1m", "reconcile_interval: 1s",
        "report_interval: 1h", "over_grant_grace: 0s", "unreachable_grace: 0s", "http: \"\"",
        "http: \"127.0.0.1:0\"", "servers: [\"[::1]:65535\", \"unix:/run/dmemd.sock\"]",
        "backends: []", "mapping: []", "pods: {api_server: {url: \"http://127.0.0.1:8080\"}}",
        "when_unreachable: deny", "pods: {api_server: {token_file: \"\", ca_file: \"\"}}",
        "devices: []", "pods:", "devices: [{region: a, capacity: 1, reserved: 1}]"}) {
    EXPECT_TRUE(Parse(text).ok()) << text << ": " << Parse(text).status();
  }
}

TEST(AgentConfigTest, AFileThatIsNotThereNamesItself) {
  const absl::Status status = LoadAgentConfig("/nonexistent/agent.yaml", Backends()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(absl::StrContains(status.message(), "/nonexistent/agent.yaml"));
}

TEST(AgentConfigTest, TheNodesNameComesFromTheFileThenTheEnvironmentThenTheHost) {
  const TempDirectory directory;
  directory.Write("empty.yaml", "");
  directory.Write("named.yaml", "node_name: from-file\n");
  const std::string empty = directory.path() + "/empty.yaml";
  ::setenv("NODE_NAME", "from-environment", 1);
  EXPECT_EQ(LoadAgentConfig(directory.path() + "/named.yaml", Backends())->node_name, "from-file");
  EXPECT_EQ(LoadAgentConfig(empty, Backends())->node_name, "from-environment");
  ::setenv("NODE_NAME", "a b", 1);
  EXPECT_EQ(LoadAgentConfig(empty, Backends()).status().code(), absl::StatusCode::kInvalidArgument);
  ::unsetenv("NODE_NAME");
  char host[256] = "";
  ASSERT_EQ(::gethostname(host, sizeof(host) - 1), 0);
  EXPECT_EQ(LoadAgentConfig(empty, Backends())->node_name, host);
}

}  // namespace
}  // namespace dmem::client
