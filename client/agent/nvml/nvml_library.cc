// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/nvml/nvml_library.h"

#include <dlfcn.h>

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace dmem::client {
namespace {

using nvml::Device;
using nvml::Return;

constexpr size_t kTextBytes = 96;             // The longest that NVML asks for.
constexpr uint32_t kMaxProcesses = 1u << 16;  // Of one device; beyond it something is wrong.
constexpr int kProcessAttempts = 5;           // Processes may come while they are listed.

}  // namespace

struct NvmlLibrary::Functions {
  Return (*init)() = nullptr;
  Return (*shutdown)() = nullptr;
  const char* (*error_string)(Return) = nullptr;
  Return (*driver_version)(char*, uint32_t) = nullptr;
  Return (*count)(uint32_t*) = nullptr;
  Return (*by_index)(uint32_t, Device*) = nullptr;
  Return (*uuid)(Device, char*, uint32_t) = nullptr;
  Return (*name)(Device, char*, uint32_t) = nullptr;
  Return (*pci)(Device, nvml::PciInfo*) = nullptr;
  Return (*memory)(Device, nvml::Memory*) = nullptr;
  // From here on null where the driver is too old.
  Return (*memory_v2)(Device, nvml::MemoryV2*) = nullptr;
  Return (*compute)(Device, uint32_t*, nvml::Process*) = nullptr;
  Return (*graphics)(Device, uint32_t*, nvml::Process*) = nullptr;
  Return (*compute_v1)(Device, uint32_t*, nvml::ProcessV1*) = nullptr;
  Return (*graphics_v1)(Device, uint32_t*, nvml::ProcessV1*) = nullptr;
  Return (*mig_mode)(Device, uint32_t*, uint32_t*) = nullptr;
  Return (*mig_count)(Device, uint32_t*) = nullptr;
  Return (*mig_by_index)(Device, uint32_t, Device*) = nullptr;
  Return (*gpu_instance)(Device, uint32_t*) = nullptr;
  Return (*get_limits)(Device, nvml::GetLimits*) = nullptr;
  Return (*set_limits)(Device, nvml::SetLimits*) = nullptr;
};

namespace {

// Sets `function` to the first of `names` that the library has; false without any.
template <typename Function>
bool Find(void* library, std::initializer_list<const char*> names, Function*& function) {
  for (const char* name : names) {
    function = reinterpret_cast<Function*>(::dlsym(library, name));
    if (function != nullptr) return true;
  }
  return false;
}

// The processes that one function lists. The count goes in as the room there is, and comes out as
// the number there are.
template <typename Info>
Return List(Return (*function)(Device, uint32_t*, Info*), Device device,
            std::vector<Info>& processes) {
  uint32_t count = 64;
  for (int attempt = 0; attempt < kProcessAttempts; ++attempt) {
    processes.assign(count, Info{});
    uint32_t found = count;
    const Return result = function(device, &found, processes.data());
    if (result == nvml::kSuccess) {
      processes.resize(std::min(found, count));
      return result;
    }
    if (result != nvml::kInsufficientSize) return result;
    count = std::min(std::max(found, count) * 2, kMaxProcesses);
  }
  return nvml::kInsufficientSize;
}

// A process that computes and draws is in both lists, with all its memory in each.
template <typename Info>
void Add(const std::vector<Info>& list, std::map<int64_t, std::optional<uint64_t>>& processes) {
  for (const Info& info : list) {
    std::optional<uint64_t>& used_bytes = processes[info.pid];
    if (info.used != nvml::kNotAvailable) {
      used_bytes = std::max(used_bytes.value_or(0), info.used);
    }
  }
}

}  // namespace

NvmlLibrary::NvmlLibrary(void* handle, std::unique_ptr<Functions> functions)
    : handle_(handle), functions_(std::move(functions)) {}

NvmlLibrary::~NvmlLibrary() {
  if (initialized_) functions_->shutdown();
  ::dlclose(handle_);
}

absl::StatusOr<std::unique_ptr<NvmlLibrary>> NvmlLibrary::Load(const std::string& path) {
  void* const handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* const why = ::dlerror();
    return absl::UnavailableError(
        absl::StrCat("cannot load NVML: ", why != nullptr ? why : path.c_str()));
  }
  auto f = std::make_unique<Functions>();
  Find(handle, {"nvmlDeviceGetMemoryInfo_v2"}, f->memory_v2);
  // The functions without a suffix, and only those, take the first form of the process.
  if (!Find(handle,
            {"nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetComputeRunningProcesses_v2"},
            f->compute)) {
    Find(handle, {"nvmlDeviceGetComputeRunningProcesses"}, f->compute_v1);
  }
  if (!Find(
          handle,
          {"nvmlDeviceGetGraphicsRunningProcesses_v3", "nvmlDeviceGetGraphicsRunningProcesses_v2"},
          f->graphics)) {
    Find(handle, {"nvmlDeviceGetGraphicsRunningProcesses"}, f->graphics_v1);
  }
  Find(handle, {"nvmlDeviceGetMigMode"}, f->mig_mode);
  Find(handle, {"nvmlDeviceGetMaxMigDeviceCount"}, f->mig_count);
  Find(handle, {"nvmlDeviceGetMigDeviceHandleByIndex"}, f->mig_by_index);
  Find(handle, {"nvmlDeviceGetGpuInstanceId"}, f->gpu_instance);
  Find(handle, {"nvmlDeviceGetMemoryLimits_v1"}, f->get_limits);
  Find(handle, {"nvmlDeviceSetMemoryLimits_v1"}, f->set_limits);
  const bool whole = Find(handle, {"nvmlInit_v2"}, f->init) &&
                     Find(handle, {"nvmlShutdown"}, f->shutdown) &&
                     Find(handle, {"nvmlErrorString"}, f->error_string) &&
                     Find(handle, {"nvmlSystemGetDriverVersion"}, f->driver_version) &&
                     Find(handle, {"nvmlDeviceGetCount_v2"}, f->count) &&
                     Find(handle, {"nvmlDeviceGetHandleByIndex_v2"}, f->by_index) &&
                     Find(handle, {"nvmlDeviceGetUUID"}, f->uuid) &&
                     Find(handle, {"nvmlDeviceGetName"}, f->name) &&
                     Find(handle, {"nvmlDeviceGetPciInfo_v3"}, f->pci) &&
                     Find(handle, {"nvmlDeviceGetMemoryInfo"}, f->memory);
  std::unique_ptr<NvmlLibrary> library(new NvmlLibrary(handle, std::move(f)));
  if (!whole) {
    return absl::UnavailableError(
        absl::StrCat(path, " is no NVML: it lacks a function that every driver has"));
  }
  absl::Status status = library->Check("nvmlInit_v2", library->functions_->init());
  if (!status.ok()) return status;
  library->initialized_ = true;
  return library;
}

absl::Status NvmlLibrary::Check(absl::string_view function, Return result) const {
  if (result == nvml::kSuccess) return absl::OkStatus();
  const char* const words = functions_->error_string(result);
  const std::string text =
      absl::StrCat(function, ": ", words != nullptr ? words : "?", " (", result, ")");
  switch (result) {
    case nvml::kNotSupported:
    case nvml::kFunctionNotFound:
    case nvml::kArgumentVersionMismatch:
      return absl::UnimplementedError(text);
    case nvml::kGpuIsLost:
    case nvml::kResetRequired:
      return absl::DataLossError(text);
    case nvml::kUninitialized:
    case nvml::kDriverNotLoaded:
    case nvml::kLibRmVersionMismatch:
      return absl::FailedPreconditionError(text);
    case nvml::kNotFound:
      return absl::NotFoundError(text);
    case nvml::kNoPermission:
      return absl::PermissionDeniedError(text);
    case nvml::kInvalidArgument:
      return absl::InvalidArgumentError(text);
    default:
      return absl::UnavailableError(text);
  }
}

absl::StatusOr<std::string> NvmlLibrary::DriverVersion() {
  char text[kTextBytes] = {};
  absl::Status status =
      Check("nvmlSystemGetDriverVersion", functions_->driver_version(text, kTextBytes - 1));
  if (!status.ok()) return status;
  return std::string(text);
}

absl::StatusOr<uint32_t> NvmlLibrary::DeviceCount() {
  uint32_t count = 0;
  absl::Status status = Check("nvmlDeviceGetCount_v2", functions_->count(&count));
  if (!status.ok()) return status;
  return count;
}

absl::StatusOr<Device> NvmlLibrary::DeviceAt(uint32_t index) {
  Device device = nullptr;
  absl::Status status =
      Check("nvmlDeviceGetHandleByIndex_v2", functions_->by_index(index, &device));
  if (!status.ok()) return status;
  return device;
}

absl::StatusOr<std::string> NvmlLibrary::Uuid(Device device) {
  char text[kTextBytes] = {};
  absl::Status status = Check("nvmlDeviceGetUUID", functions_->uuid(device, text, kTextBytes - 1));
  if (!status.ok()) return status;
  return std::string(text);
}

absl::StatusOr<std::string> NvmlLibrary::Name(Device device) {
  char text[kTextBytes] = {};
  absl::Status status = Check("nvmlDeviceGetName", functions_->name(device, text, kTextBytes - 1));
  if (!status.ok()) return status;
  return std::string(text);
}

absl::StatusOr<std::string> NvmlLibrary::PciAddress(Device device) {
  nvml::PciInfo info = {};
  absl::Status status = Check("nvmlDeviceGetPciInfo_v3", functions_->pci(device, &info));
  if (!status.ok()) return status;
  return absl::StrFormat("%04x:%02x:%02x.0", info.domain, info.bus, info.device);
}

absl::StatusOr<NvmlMemory> NvmlLibrary::Memory(Device device) {
  NvmlMemory memory;
  // What is in use is taken from what is free: whether `used` has the reserved bytes in it differs
  // between the two functions, and between what drivers' references say of the second.
  if (functions_->memory_v2 != nullptr) {
    nvml::MemoryV2 info = {};
    info.version = nvml::kMemoryV2Version;
    absl::Status status = Check("nvmlDeviceGetMemoryInfo_v2", functions_->memory_v2(device, &info));
    if (status.ok()) {
      memory.total_bytes = info.total;
      memory.used_bytes = info.total - std::min(info.free, info.total);
      memory.reserved_bytes = info.reserved;
      return memory;
    }
    if (!absl::IsUnimplemented(status)) return status;
  }
  nvml::Memory info = {};
  absl::Status status = Check("nvmlDeviceGetMemoryInfo", functions_->memory(device, &info));
  if (!status.ok()) return status;
  memory.total_bytes = info.total;
  memory.used_bytes = info.total - std::min(info.free, info.total);
  return memory;
}

absl::StatusOr<std::vector<NvmlProcess>> NvmlLibrary::Processes(Device device) {
  std::map<int64_t, std::optional<uint64_t>> processes;
  const auto add = [&](absl::string_view name, auto function, auto list) -> absl::Status {
    const Return result = List(function, device, list);
    if (result == nvml::kSuccess) Add(list, processes);
    return Check(name, result);
  };
  absl::Status compute = absl::UnimplementedError("this driver lists no processes");
  if (functions_->compute != nullptr) {
    compute = add("nvmlDeviceGetComputeRunningProcesses", functions_->compute,
                  std::vector<nvml::Process>());
  } else if (functions_->compute_v1 != nullptr) {
    compute = add("nvmlDeviceGetComputeRunningProcesses", functions_->compute_v1,
                  std::vector<nvml::ProcessV1>());
  }
  if (!compute.ok()) return compute;
  absl::Status graphics;
  if (functions_->graphics != nullptr) {
    graphics = add("nvmlDeviceGetGraphicsRunningProcesses", functions_->graphics,
                   std::vector<nvml::Process>());
  } else if (functions_->graphics_v1 != nullptr) {
    graphics = add("nvmlDeviceGetGraphicsRunningProcesses", functions_->graphics_v1,
                   std::vector<nvml::ProcessV1>());
  }
  // A device that cannot draw has nobody who draws.
  if (!graphics.ok() && !absl::IsUnimplemented(graphics)) return graphics;

  std::vector<NvmlProcess> result;
  result.reserve(processes.size());
  for (const auto& [pid, used_bytes] : processes) result.push_back({pid, used_bytes});
  return result;
}

absl::StatusOr<bool> NvmlLibrary::IsMigEnabled(Device device) {
  if (functions_->mig_mode == nullptr) return false;
  uint32_t current = 0;
  uint32_t pending = 0;
  absl::Status status =
      Check("nvmlDeviceGetMigMode", functions_->mig_mode(device, &current, &pending));
  if (absl::IsUnimplemented(status)) return false;
  if (!status.ok()) return status;
  return current != 0;
}

absl::StatusOr<std::vector<Device>> NvmlLibrary::MigDevices(Device device) {
  std::vector<Device> devices;
  if (functions_->mig_count == nullptr || functions_->mig_by_index == nullptr) return devices;
  uint32_t count = 0;
  absl::Status status =
      Check("nvmlDeviceGetMaxMigDeviceCount", functions_->mig_count(device, &count));
  if (!status.ok()) return status;
  for (uint32_t index = 0; index < count; ++index) {
    Device mig_device = nullptr;
    status = Check("nvmlDeviceGetMigDeviceHandleByIndex",
                   functions_->mig_by_index(device, index, &mig_device));
    if (absl::IsNotFound(status)) continue;  // `count` is how many there could be.
    if (!status.ok()) return status;
    devices.push_back(mig_device);
  }
  return devices;
}

absl::StatusOr<uint32_t> NvmlLibrary::GpuInstanceId(Device mig_device) {
  if (functions_->gpu_instance == nullptr) {
    return absl::UnimplementedError("this driver knows no GPU instances");
  }
  uint32_t id = 0;
  absl::Status status =
      Check("nvmlDeviceGetGpuInstanceId", functions_->gpu_instance(mig_device, &id));
  if (!status.ok()) return status;
  return id;
}

bool NvmlLibrary::HasLimits() const {
  return functions_->get_limits != nullptr && functions_->set_limits != nullptr;
}

absl::StatusOr<NvmlLimits> NvmlLibrary::Limits(Device device, const std::string& directory) {
  if (!HasLimits()) return absl::UnimplementedError("this driver cannot limit cgroups");
  nvml::GetLimits limits = {};
  limits.name_space = directory.c_str();
  absl::Status status =
      Check("nvmlDeviceGetMemoryLimits_v1", functions_->get_limits(device, &limits));
  if (!status.ok()) return status;
  return NvmlLimits{limits.soft, limits.hard, limits.used};
}

absl::Status NvmlLibrary::SetLimits(Device device, const std::string& directory,
                                    uint64_t soft_bytes, uint64_t hard_bytes) {
  if (!HasLimits()) return absl::UnimplementedError("this driver cannot limit cgroups");
  nvml::SetLimits limits = {directory.c_str(), soft_bytes, hard_bytes};
  return Check("nvmlDeviceSetMemoryLimits_v1", functions_->set_limits(device, &limits));
}

}  // namespace dmem::client
