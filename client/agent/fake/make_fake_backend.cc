// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/fake/make_fake_backend.h"

#include <utility>

#include "client/agent/backend_options.h"
#include "client/agent/dmem_files/cgroup_files.h"
#include "client/agent/fake/directory_backend.h"
#include "client/agent/fake/script_backend.h"

namespace dmem::client {

absl::StatusOr<std::unique_ptr<DeviceBackend>> MakeFakeBackend(const BackendOptions& options,
                                                               const std::string& cgroup_root,
                                                               const MemoryOverrides& memory) {
  DirectoryOptions directory;
  ScriptOptions script;
  bool check_cgroups = false;
  OptionReader reader("fake", options);
  reader.Bool("enforce", directory.enforce);
  reader.Bool("check_cgroups", check_cgroups);
  reader.Path("directory", directory.directory);
  reader.Words("command", script.command);
  reader.Duration("timeout", absl::Milliseconds(100), absl::Minutes(1), script.timeout);
  if (!script.command.empty() && script.command[0].front() != '/') {
    reader.Wrong("command", "does not begin with an absolute path");
  }
  if (directory.directory.empty() == script.command.empty()) {
    reader.Wrong("directory", "is needed, or else command, and not both");
  }
  if (absl::Status status = reader.Finish(); !status.ok()) return status;
  script.enforce = directory.enforce;
  directory.memory = script.memory = memory;
  if (!script.command.empty()) return std::make_unique<ScriptBackend>(std::move(script));
  return std::make_unique<DirectoryBackend>(std::move(directory),
                                            check_cgroups ? MakeCgroupFiles(cgroup_root) : nullptr);
}

}  // namespace dmem::client
