// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/make_backend.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/agent/dmem_files/cgroup_files.h"
#include "client/agent/dmem_files/dmem_files_backend.h"
#include "client/agent/fake/make_fake_backend.h"
#include "client/agent/nvml/nvml_backend.h"

namespace dmem::client {

absl::StatusOr<std::unique_ptr<DeviceBackend>> MakeDeviceBackend(absl::string_view kind,
                                                                 const BackendOptions& options,
                                                                 const std::string& cgroup_root,
                                                                 const MemoryOverrides& memory) {
  if (kind == "dmem") {
    absl::StatusOr<DmemFilesOptions> parsed = ParseDmemFilesOptions(options);
    if (!parsed.ok()) return parsed.status();
    parsed->cgroup_root = cgroup_root;
    parsed->memory = memory;
    return std::make_unique<DmemFilesBackend>(*std::move(parsed), MakeCgroupFiles(cgroup_root));
  }
  if (kind == "nvml") {
    absl::StatusOr<NvmlOptions> parsed = ParseNvmlOptions(options);
    if (!parsed.ok()) return parsed.status();
    parsed->cgroup_root = cgroup_root;
    parsed->memory = memory;
    return std::make_unique<NvmlBackend>(*std::move(parsed), MakeCgroupFiles(cgroup_root));
  }
  if (kind == "fake") return MakeFakeBackend(options, cgroup_root, memory);
  return absl::InvalidArgumentError(
      absl::StrCat("there is no backend \"", kind, "\"; there are dmem, nvml and fake"));
}

}  // namespace dmem::client
