// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/loop/gate.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace dmem::client {

bool IsGateName(absl::string_view uid) {
  return !uid.empty() && uid.front() != '.' && !absl::StrContains(uid, '/');
}

absl::Status Gate::Set(const std::set<std::string>& uids) {
  if (directory_.empty()) return absl::OkStatus();
  absl::Status first;
  for (const std::string& uid : uids) {
    if (open_.count(uid) > 0 || !IsGateName(uid)) continue;
    const std::string path = absl::StrCat(directory_, "/", uid);
    const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0) {
      first.Update(absl::ErrnoToStatus(errno, absl::StrCat("cannot make ", path)));
      continue;
    }
    close(file);
    open_.insert(uid);
  }
  for (auto it = open_.begin(); it != open_.end();) {
    if (uids.count(*it) > 0) {
      ++it;
      continue;
    }
    const std::string path = absl::StrCat(directory_, "/", *it);
    if (unlink(path.c_str()) != 0 && errno != ENOENT)
      first.Update(absl::ErrnoToStatus(errno, absl::StrCat("cannot remove ", path)));
    it = open_.erase(it);
  }
  return first;
}

}  // namespace dmem::client
