// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/dmem_files/enable_dmem.h"

#include <algorithm>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_split.h"

namespace dmem::client {

absl::Status EnableDmemAbove(CgroupFiles& files, absl::string_view cgroup,
                             std::set<std::string>& enabled) {
  for (size_t end = 0; end != absl::string_view::npos; end = cgroup.find('/', end + 1)) {
    const std::string above(end == 0 ? "/" : cgroup.substr(0, end));
    if (enabled.count(above) != 0) continue;
    const absl::StatusOr<std::string> text = files.Read(above, "cgroup.subtree_control");
    if (!text.ok()) return text.status();
    const std::vector<absl::string_view> controllers =
        absl::StrSplit(*text, absl::ByAnyChar(" \n"), absl::SkipEmpty());
    if (std::find(controllers.begin(), controllers.end(), "dmem") == controllers.end()) {
      if (absl::Status status = files.EnableDmem(above); !status.ok()) return status;
    }
    enabled.insert(above);
  }
  return absl::OkStatus();
}

}  // namespace dmem::client
