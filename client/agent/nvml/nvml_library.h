// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_NVML_NVML_LIBRARY_H_
#define DMEMD_CLIENT_AGENT_NVML_NVML_LIBRARY_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/agent/nvml/nvml_abi.h"

namespace dmem::client {

struct NvmlMemory {
  uint64_t total_bytes = 0;
  uint64_t used_bytes = 0;  // Reserved memory included, whichever version of NVML says it.
  std::optional<uint64_t> reserved_bytes;  // Absent with drivers before R510.
};

struct NvmlProcess {
  int64_t pid = 0;
  std::optional<uint64_t> used_bytes;  // Absent: NVML knows the process and not its memory.
};

struct NvmlLimits {
  uint64_t soft_bytes = 0;
  uint64_t hard_bytes = 0;  // nvml::kLimitMax: none.
  uint64_t used_bytes = 0;
};

// libnvidia-ml, loaded while the process runs. Functions that an older driver does not have are
// UNIMPLEMENTED, as what a device does not support.
//
// Thread safety: one thread at a time.
//
// Errors, naming the function, the device's or NVML's words and number:
// UNIMPLEMENTED: not supported by this device or driver.
// DATA_LOSS: the device is lost or must be reset.
// FAILED_PRECONDITION: the driver is not loaded, or is another than the library: Load it anew.
// NOT_FOUND, PERMISSION_DENIED, INVALID_ARGUMENT: as NVML says.
// UNAVAILABLE: everything else.
class NvmlLibrary {
 public:
  // dlopen and nvmlInit. UNAVAILABLE: it cannot be opened, or lacks a function that every driver
  // has; otherwise as above.
  static absl::StatusOr<std::unique_ptr<NvmlLibrary>> Load(const std::string& path);

  // nvmlShutdown and dlclose.
  ~NvmlLibrary();
  NvmlLibrary(const NvmlLibrary&) = delete;
  NvmlLibrary& operator=(const NvmlLibrary&) = delete;

  absl::StatusOr<std::string> DriverVersion();
  absl::StatusOr<uint32_t> DeviceCount();
  absl::StatusOr<nvml::Device> DeviceAt(uint32_t index);

  absl::StatusOr<std::string> Uuid(nvml::Device device);
  absl::StatusOr<std::string> Name(nvml::Device device);
  absl::StatusOr<std::string> PciAddress(nvml::Device device);  // 0000:03:00.0
  absl::StatusOr<NvmlMemory> Memory(nvml::Device device);

  // Each process once, of those that compute and those that draw.
  absl::StatusOr<std::vector<NvmlProcess>> Processes(nvml::Device device);

  // false also where a device or driver knows no MIG.
  absl::StatusOr<bool> IsMigEnabled(nvml::Device device);
  absl::StatusOr<std::vector<nvml::Device>> MigDevices(nvml::Device device);
  // The compute instances of one GPU instance share its memory.
  absl::StatusOr<uint32_t> GpuInstanceId(nvml::Device mig_device);

  // true if the driver can limit a cgroup's memory (R615 and later).
  bool HasLimits() const;
  // `directory` is the cgroup's, in full. Without a limit of its own it reads as the nearest cgroup
  // above it that has one; UNIMPLEMENTED also where there is none.
  absl::StatusOr<NvmlLimits> Limits(nvml::Device device, const std::string& directory);
  absl::Status SetLimits(nvml::Device device, const std::string& directory, uint64_t soft_bytes,
                         uint64_t hard_bytes);

 private:
  struct Functions;

  NvmlLibrary(void* handle, std::unique_ptr<Functions> functions);

  absl::Status Check(absl::string_view function, nvml::Return result) const;

  void* const handle_;
  const std::unique_ptr<Functions> functions_;
  bool initialized_ = false;
};

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_NVML_NVML_LIBRARY_H_
