// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_DMEM_FILES_CGROUP_FILES_H_
#define DMEMD_CLIENT_AGENT_DMEM_FILES_CGROUP_FILES_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace dmem::client {

// The files of a cgroup tree. `cgroup` is a path below its root, "/" being the root itself.
//
// Errors, naming the file and the system's reason:
// NOT_FOUND: there is no such file, no such cgroup, or it went away meanwhile.
// PERMISSION_DENIED: not allowed, or mounted read-only.
// UNAVAILABLE: everything else.
//
// Thread safety: one thread at a time.
class CgroupFiles {
 public:
  virtual ~CgroupFiles() = default;

  // The whole file. UNAVAILABLE also for one of more than 1 MiB.
  virtual absl::StatusOr<std::string> Read(absl::string_view cgroup, absl::string_view file) = 0;

  // Sets one region's line in a dmem.low or dmem.max. OK means that the write was taken, not that
  // the value stands: the kernel takes a dmem.max below the usage and may keep the old one.
  virtual absl::Status WriteLimit(absl::string_view cgroup, absl::string_view file,
                                  absl::string_view region, absl::string_view value) = 0;

  // Makes the dmem files of the cgroup's children appear: +dmem in its cgroup.subtree_control.
  virtual absl::Status EnableDmem(absl::string_view cgroup) = 0;

  // OK if the directory is there.
  virtual absl::Status CheckCgroup(absl::string_view cgroup) = 0;

  // OK if this process may write the file.
  virtual absl::Status CheckWritable(absl::string_view cgroup, absl::string_view file) = 0;
};

// The tree at `root`. In a mounted cgroup2 a write is a single write(2), as the kernel wants it,
// and it never waits for the driver to make room (O_NONBLOCK). Anywhere else, in a tree of plain
// files for tests and demos, a write replaces the region's line (or adds the word dmem) and leaves
// the rest of the file; it makes no file that is not there.
std::unique_ptr<CgroupFiles> MakeCgroupFiles(std::string root);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_DMEM_FILES_CGROUP_FILES_H_
