// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// What a node's device software can tell and do: one interface over the kernel's dmem cgroup files,
// NVML, and the fake.

#ifndef DMEMD_CLIENT_AGENT_DEVICE_BACKEND_H_
#define DMEMD_CLIENT_AGENT_DEVICE_BACKEND_H_

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace dmem::client {

// A Limit's max_bytes that limits nothing, and any larger one: 2^63-1.
inline constexpr uint64_t kNoLimit = std::numeric_limits<int64_t>::max();

// What is known and can be done about the holders of a device's memory. In order: a node is as
// capable as its least capable device.
enum class Capability {
  kBlind,      // The device is known. Who holds its memory is not.
  kWatching,   // Holders are measured. Limits are only books.
  kEnforcing,  // Holders are measured, and limits that are applied hold.
};

// BLIND, WATCHING or ENFORCING.
absl::string_view CapabilityName(Capability capability);

// A device's memory, as configured: for devices that do not report it.
struct MemoryOverride {
  std::optional<uint64_t> capacity_bytes;
  std::optional<uint64_t> reserved_bytes;
};

// By region, without the node. An override wins over what the device reports.
using MemoryOverrides = std::map<std::string, MemoryOverride>;

struct Device {
  std::string region;           // Without the node: drm/0000:03:00.0/vram0, nvidia/GPU-UUID.
  uint64_t capacity_bytes = 0;  // 0: not known, neither reported nor configured.
  std::optional<uint64_t> reserved_bytes;  // By the driver, for itself. Absent: not known.
  std::optional<uint64_t> used_bytes;      // In all, reserved_bytes included. Absent: not known.
  std::string model;                       // Attributes; empty where not known.
  std::string uuid;
  std::string pci;  // 0000:03:00.0
  // The names that kubelet may have for it: its UUID, its PCI address, those of its MIG devices.
  std::vector<std::string> device_ids;
  // Opaque. Another one than before for the same region: another device, or one whose driver was
  // loaded anew, and what was held in it is gone. The same one says nothing: a device that was
  // `failed` and works again has been reset whatever its token says. Outlives this process.
  std::string token;
  bool failed = false;  // Broken: only a reset, a reboot or a new board will help.
  std::string failure;  // Why.
  Capability capability = Capability::kBlind;
};

struct DeviceScan {
  // Sorted by region, each once. What one of them does not tell this time is absent in it; `failed`
  // devices are listed with what was last known about them.
  std::vector<Device> devices;
  // What could not be read or was left out, each naming what and why.
  std::vector<absl::Status> problems;
};

struct CgroupUsage {
  std::string cgroup;
  std::string region;
  uint64_t used_bytes = 0;             // By the cgroup and everything below it.
  std::optional<uint64_t> peak_bytes;  // Absent: not known.
};

struct ProcessUsage {
  int64_t pid = 0;  // In the namespace of the device software: the node's.
  std::string region;
  std::optional<uint64_t> used_bytes;  // Absent: it is on the device, and how much is not known.
};

struct Usage {
  // For each cgroup asked for, each region where its usage is known, zeros included. Where it is
  // here, it is the better number: the bytes of its processes are in it.
  std::vector<CgroupUsage> cgroups;
  // Every process on a device, each (pid, region) once, whatever its cgroup.
  std::vector<ProcessUsage> processes;
  // The regions whose processes were listed completely: a pid that is not in `processes` holds
  // nothing there. Of other regions nothing follows from an absence.
  std::vector<std::string> listed_regions;
  // Cgroups asked for that do not exist. Not evidence that their memory is free: a removed cgroup's
  // memory stays charged until it is given back, and is seen in its ancestors only.
  std::vector<std::string> gone_cgroups;
  std::vector<absl::Status> problems;
};

// What one cgroup may hold of one device. Both are set together.
struct Limit {
  std::string cgroup;             // A directory below the cgroup root: /kubepods.slice/...
  std::string region;             // Without the node.
  uint64_t low_bytes = 0;         // Protected up to this.
  uint64_t max_bytes = kNoLimit;  // At most this.
};

enum class LimitOutcome {
  kStands,       // It stands, and nothing was written.
  kWritten,      // It was written, and stands.
  kDrifted,      // Something else stands, although the last write (if any) was taken.
  kForeign,      // Another program set it to something else. Left alone.
  kUnsupported,  // This device or this node cannot limit.
  kGone,         // The cgroup does not exist.
  kFailed,       // It could not be read or written.
};

// A word for metrics and logs: stands, written, drifted, foreign, unsupported, gone, failed.
absl::string_view LimitOutcomeName(LimitOutcome outcome);

struct LimitState {
  Limit limit;  // As asked for.
  LimitOutcome outcome = LimitOutcome::kFailed;
  // What stands now; absent where it could not be read. kNoLimit: no limit.
  std::optional<uint64_t> low_bytes;
  std::optional<uint64_t> max_bytes;
  absl::Status status;  // OK for kStands and kWritten; otherwise why, for people.
};

// The options of one backend in the configuration, validated by it.
using BackendOptions = std::map<std::string, std::string>;

// One kind of device software on this node.
//
// Thread safety: one thread at a time. A call may take as long as the device software does, so give
// each backend a thread of its own.
//
// No call throws, aborts, or stops the program that uses it; none changes anything on the node but
// Apply, and that only in the cgroups it is given. After an error every later call works again as
// soon as the cause is gone: a driver that is loaded late is found by a later Scan.
class DeviceBackend {
 public:
  virtual ~DeviceBackend() = default;

  // For logs and metrics: dmem, nvml or fake.
  virtual absl::string_view name() const = 0;

  // The devices, as they are now. Before the first Scan the other calls know no region.
  //
  // UNAVAILABLE, FAILED_PRECONDITION: nothing can be said at all, for example because no driver is
  //   loaded. Not the same as OK without devices: keep what is known.
  virtual absl::StatusOr<DeviceScan> Scan() = 0;

  // Who uses how much, of the devices of the last Scan.
  //
  // INVALID_ARGUMENT: a cgroup is no absolute path without "." and "..".
  // UNAVAILABLE, FAILED_PRECONDITION: nothing can be said at all.
  virtual absl::StatusOr<Usage> Measure(const std::vector<std::string>& cgroups) = 0;

  // Makes each limit stand that does not stand yet, in order, each independent of the others.
  // Returns one state for each, in the same order.
  virtual std::vector<LimitState> Apply(const std::vector<Limit>& limits) = 0;

  // As Apply, writing nothing: kDrifted is what Apply would write.
  virtual std::vector<LimitState> ReadBack(const std::vector<Limit>& limits) = 0;

  // Of the node, as far as this backend goes: of its least capable device that works, as of the
  // last call; BLIND without any.
  virtual Capability capability() const = 0;
};

// For backends: the least of the devices that have not failed; kBlind without any.
Capability CapabilityOf(const std::vector<Device>& devices);

// For backends: OK if `cgroup` is an absolute path of a cgroup, at most 4,000 bytes, without empty,
// "." and ".." components; "/" is the root. INVALID_ARGUMENT otherwise.
absl::Status CheckCgroupPath(absl::string_view cgroup);

// For backends: OK if dmemd can have a region of this name below a node's: 1-200 printable ASCII
// bytes without white space and "@". INVALID_ARGUMENT otherwise.
absl::Status CheckDeviceRegion(absl::string_view region);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_DEVICE_BACKEND_H_
