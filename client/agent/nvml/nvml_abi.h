// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The part of NVML's binary interface that dmemd calls, declared here from its public reference:
// nothing is linked, and no header of the driver is needed to build.
//
// Source: NVML API reference (docs.nvidia.com/deploy/nvml-api): nvmlReturn_t, nvmlMemory_t,
// nvmlMemory_v2_t, nvmlPciInfo_t, nvmlProcessInfo_v1_t, nvmlProcessInfo_v2_t,
// nvmlSetMemoryLimits_v1_t, nvmlGetMemoryLimits_v1_t, and the functions named in nvml_library.cc.

#ifndef DMEMD_CLIENT_AGENT_NVML_NVML_ABI_H_
#define DMEMD_CLIENT_AGENT_NVML_NVML_ABI_H_

#include <cstdint>

namespace dmem::client::nvml {

// nvmlReturn_t: the values that are told apart here.
using Return = int;
inline constexpr Return kSuccess = 0;
inline constexpr Return kUninitialized = 1;
inline constexpr Return kInvalidArgument = 2;
inline constexpr Return kNotSupported = 3;
inline constexpr Return kNoPermission = 4;
inline constexpr Return kNotFound = 6;
inline constexpr Return kInsufficientSize = 7;
inline constexpr Return kDriverNotLoaded = 9;
inline constexpr Return kFunctionNotFound = 13;
inline constexpr Return kGpuIsLost = 15;
inline constexpr Return kResetRequired = 16;
inline constexpr Return kLibRmVersionMismatch = 18;
inline constexpr Return kArgumentVersionMismatch = 25;
inline constexpr Return kUnknown = 999;

using Device = void*;  // nvmlDevice_t

// NVML_VALUE_NOT_AVAILABLE in a 64-bit field, and NVML_DEVICE_MEMORY_LIMIT_MAX: all bits set.
inline constexpr uint64_t kNotAvailable = ~uint64_t{0};
inline constexpr uint64_t kLimitMax = ~uint64_t{0};

struct Memory {  // nvmlMemory_t
  uint64_t total;
  uint64_t free;
  uint64_t used;
};

struct MemoryV2 {    // nvmlMemory_v2_t
  uint32_t version;  // kMemoryV2Version
  uint64_t total;
  uint64_t reserved;
  uint64_t free;
  uint64_t used;
};
inline constexpr uint32_t kMemoryV2Version = sizeof(MemoryV2) | (2u << 24);

struct PciInfo {  // nvmlPciInfo_t
  char bus_id_legacy[16];
  uint32_t domain;
  uint32_t bus;
  uint32_t device;
  uint32_t pci_device_id;
  uint32_t pci_subsystem_id;
  char bus_id[32];
};

struct ProcessV1 {  // nvmlProcessInfo_v1_t
  uint32_t pid;
  uint64_t used;
};

struct Process {  // nvmlProcessInfo_v2_t, also taken by the functions that end in _v3
  uint32_t pid;
  uint64_t used;
  uint32_t gpu_instance;
  uint32_t compute_instance;
};

struct SetLimits {         // nvmlSetMemoryLimits_v1_t
  const char* name_space;  // The directory of a cgroup.
  uint64_t soft;
  uint64_t hard;
};

struct GetLimits {  // nvmlGetMemoryLimits_v1_t
  const char* name_space;
  uint64_t soft;
  uint64_t hard;
  uint64_t used;
};

static_assert(sizeof(MemoryV2) == 40 && sizeof(PciInfo) == 68 && sizeof(ProcessV1) == 16 &&
                  sizeof(Process) == 24 && sizeof(SetLimits) == 24 && sizeof(GetLimits) == 32,
              "the layout of NVML on 64-bit Linux");

}  // namespace dmem::client::nvml

#endif  // DMEMD_CLIENT_AGENT_NVML_NVML_ABI_H_
