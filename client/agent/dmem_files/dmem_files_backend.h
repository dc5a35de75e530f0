// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_DMEM_FILES_DMEM_FILES_BACKEND_H_
#define DMEMD_CLIENT_AGENT_DMEM_FILES_DMEM_FILES_BACKEND_H_

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/agent/device_backend.h"
#include "client/agent/dmem_files/cgroup_files.h"

namespace dmem::client {

struct DmemFilesOptions {
  std::string cgroup_root = "/sys/fs/cgroup";  // Where cgroup2 is mounted.
  std::string sysfs_root = "/sys";             // For what PCI devices are called.
  // false: only reads, and the node is WATCHING.
  bool enforce = true;
  // Regions whose names begin with one of these belong to another backend.
  std::vector<std::string> ignore_regions;
  MemoryOverrides memory;
};

// From the configuration: enforce, ignore_regions (prefixes), sysfs_root. INVALID_ARGUMENT: an
// option is unknown or not valid.
absl::StatusOr<DmemFilesOptions> ParseDmemFilesOptions(const BackendOptions& options);

// The kernel's dmem cgroup controller (Linux 6.14 and later), through its files.
//
// Source: conformance vectors, sections 3.9 and 5.2: the files' format; dmem.max below the usage.
class DmemFilesBackend : public DeviceBackend {
 public:
  // `files` is the tree at options.cgroup_root.
  DmemFilesBackend(DmemFilesOptions options, std::unique_ptr<CgroupFiles> files);

  absl::string_view name() const override { return "dmem"; }
  absl::StatusOr<DeviceScan> Scan() override;
  absl::StatusOr<Usage> Measure(const std::vector<std::string>& cgroups) override;
  std::vector<LimitState> Apply(const std::vector<Limit>& limits) override;
  std::vector<LimitState> ReadBack(const std::vector<Limit>& limits) override;
  Capability capability() const override;

 private:
  bool Ignores(absl::string_view region) const;
  bool Knows(absl::string_view region) const;
  Capability DeviceCapability() const;
  // Fills in what the PCI device behind the region is called, and its token.
  void Describe(Device& device) const;
  void Measure(const std::string& cgroup, Usage& usage);
  LimitState Apply(const Limit& limit, std::set<std::string>& enabled);
  // What stands for the limit; with kFailed or kGone if that cannot be read.
  LimitState Look(const Limit& limit);
  absl::Status CheckLimit(const Limit& limit) const;
  // Remembers whether this node lets us write at all.
  absl::Status Noted(absl::Status status);

  const DmemFilesOptions options_;
  const std::unique_ptr<CgroupFiles> files_;
  std::vector<Device> devices_;  // Of the last Scan that could read them.
  bool writable_ = false;        // As far as the last Scan and the last write know.
  bool write_refused_ = false;   // The last write was.
};

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_DMEM_FILES_DMEM_FILES_BACKEND_H_
