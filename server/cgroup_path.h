// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef SERVER_CGROUP_PATH_H_
#define SERVER_CGROUP_PATH_H_

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace dmem::server {

// Whether the cgroup of `path` is that of `ancestor` or below it, be they there or not.
inline bool IsPathAtOrBelow(absl::string_view path, absl::string_view ancestor) {
  if (ancestor == "/") return true;
  return absl::StartsWith(path, ancestor) &&
         (path.size() == ancestor.size() || path[ancestor.size()] == '/');
}

}  // namespace dmem::server

#endif  // SERVER_CGROUP_PATH_H_
