// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_FAKE_DIRECTORY_BACKEND_H_
#define DMEMD_CLIENT_AGENT_FAKE_DIRECTORY_BACKEND_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/agent/device_backend.h"
#include "client/agent/dmem_files/cgroup_files.h"

namespace dmem::client {

struct DirectoryOptions {
  std::string directory;
  // false: limits are not written, and the node is at most WATCHING.
  bool enforce = true;
  MemoryOverrides memory;
};

// Devices, their use and their limits as JSON files in a directory, for demos and tests:
//
//   devices/NAME.json            a device each
//   usage/NAME.json              cgroups and processes; without the directory the node is BLIND
//   limits/CGROUP/limits.json    what was applied; without limits/ the node is WATCHING
//
// Source: docs/agent-backends.md.
class DirectoryBackend : public DeviceBackend {
 public:
  // A cgroup that `files` does not have is gone; null: none ever is.
  DirectoryBackend(DirectoryOptions options, std::unique_ptr<CgroupFiles> files);

  absl::string_view name() const override { return "fake"; }
  absl::StatusOr<DeviceScan> Scan() override;
  absl::StatusOr<Usage> Measure(const std::vector<std::string>& cgroups) override;
  std::vector<LimitState> Apply(const std::vector<Limit>& limits) override;
  std::vector<LimitState> ReadBack(const std::vector<Limit>& limits) override;
  Capability capability() const override;

 private:
  Capability DirectoryCapability() const;
  bool IsGone(const std::string& cgroup) const;
  LimitState Limited(const Limit& limit, bool write) const;
  std::string LimitsFileOf(const std::string& cgroup) const;
  absl::Status Write(const Limit& limit) const;

  const DirectoryOptions options_;
  const std::unique_ptr<CgroupFiles> files_;
  std::map<std::string, Device> devices_;  // By the name of the file.
};

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_FAKE_DIRECTORY_BACKEND_H_
