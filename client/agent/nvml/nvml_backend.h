// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_NVML_NVML_BACKEND_H_
#define DMEMD_CLIENT_AGENT_NVML_NVML_BACKEND_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/agent/device_backend.h"
#include "client/agent/dmem_files/cgroup_files.h"
#include "client/agent/nvml/limit_journal.h"
#include "client/agent/nvml/nvml_library.h"

namespace dmem::client {

struct NvmlOptions {
  std::string library = "libnvidia-ml.so.1";  // As dlopen takes it.
  std::string cgroup_root = "/sys/fs/cgroup";
  // false: only reads, and the node is at most WATCHING.
  bool enforce = true;
  // Where the limits that were set are remembered; empty: in memory.
  std::string journal = "/run/dmem-agent/nvml-limits";
  MemoryOverrides memory;
};

// From the configuration: enforce, journal, library. INVALID_ARGUMENT: an option is unknown or not
// valid.
absl::StatusOr<NvmlOptions> ParseNvmlOptions(const BackendOptions& options);

// NVIDIA devices, through their driver's library. A device is a region nvidia/UUID; one in MIG mode
// is none, but each of its GPU instances is, by the UUID of its first compute instance.
//
// A limit's low is the driver's soft limit, its max the hard one. They are set with drivers that
// can (R615 and later), not on MIG, and not where another program has set others.
class NvmlBackend : public DeviceBackend {
 public:
  // `files` is the tree at options.cgroup_root.
  NvmlBackend(NvmlOptions options, std::unique_ptr<CgroupFiles> files);

  absl::string_view name() const override { return "nvml"; }
  absl::StatusOr<DeviceScan> Scan() override;
  absl::StatusOr<Usage> Measure(const std::vector<std::string>& cgroups) override;
  std::vector<LimitState> Apply(const std::vector<Limit>& limits) override;
  std::vector<LimitState> ReadBack(const std::vector<Limit>& limits) override;
  Capability capability() const override;

 private:
  struct Known {
    Device device;
    std::vector<nvml::Device> handles;  // Of a GPU instance, one for each compute instance.
    std::string board;                  // The board's UUID.
    uint32_t index = 0;                 // The board's, in the last Scan that saw it.
    absl::Status cannot_limit;          // OK: not known to be impossible.
    bool set_refused = false;           // The last time, for want of permission.
  };
  // One board, or one of its GPU instances, that this Scan has seen.
  struct Seen {
    std::vector<nvml::Device> handles;
    std::string board;
    uint32_t index = 0;
    bool is_mig = false;
  };
  struct Listing {
    std::vector<Seen> seen;
    std::set<std::string> boards;                 // That could be read, by UUID.
    std::map<uint32_t, absl::Status> unreadable;  // By the board's index.
  };

  // Loads the library if it is not, or if the driver has changed under it.
  absl::Status EnsureLoaded();
  Listing List(uint32_t count, DeviceScan& scan);
  absl::Status ListBoard(uint32_t index, Listing& listing);
  // Adds the device to `known`, unless it does not even tell its UUID.
  absl::Status Describe(const Seen& seen, absl::string_view driver_version,
                        std::map<std::string, Known>& known, DeviceScan& scan);
  // What was there before and is not: failed, unreadable for now, or no device any more.
  void KeepMissing(const Listing& listing, std::map<std::string, Known>& known) const;
  void Measure(Known& known, Usage& usage);
  void MeasureCgroup(const std::string& cgroup, Usage& usage);
  void Fail(Known& known, const absl::Status& status);

  LimitState Limited(const Limit& limit, bool write);
  LimitState Set(const Limit& limit, Known& known, LimitState state);
  // What stands, with the outcome that follows as long as nothing is written.
  LimitState Look(const Limit& limit, Known& known);
  std::string DirectoryOf(const std::string& cgroup) const;
  bool IsGone(const std::string& cgroup) const;

  const NvmlOptions options_;
  const std::unique_ptr<CgroupFiles> files_;
  std::unique_ptr<NvmlLibrary> library_;  // Null while it cannot be loaded.
  bool reload_ = false;                   // Before the next Scan.
  std::map<std::string, Known> known_;    // By region.
  LimitJournal journal_;
  absl::Status journal_status_;
  // What the driver made of what was set last, where that is something else: not set again.
  std::map<std::pair<std::string, std::string>, std::pair<LimitJournal::Value, LimitJournal::Value>>
      settled_;
};

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_NVML_NVML_BACKEND_H_
