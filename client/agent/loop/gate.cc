// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/loop/gate.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/agent/read_file.h"
#include "client/agent/write_file.h"

namespace dmem::client {
namespace {

constexpr char kWhySuffix[] = ".why";
constexpr size_t kWhyBytesMax = size_t{1} << 16;

std::string WhyPath(const std::string& directory, absl::string_view uid) {
  return absl::StrCat(directory, "/.", uid, kWhySuffix);
}

absl::Status Remove(const std::string& path) {
  if (unlink(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot remove ", path));
}

}  // namespace

std::string WhyClosed(const std::string& directory, absl::string_view uid) {
  if (!IsGateName(uid)) return "";
  const absl::StatusOr<std::string> why = ReadSmallFile(WhyPath(directory, uid), kWhyBytesMax);
  return std::string(absl::StripAsciiWhitespace(why.value_or("")));
}

bool IsGateName(absl::string_view uid) {
  return !uid.empty() && uid.front() != '.' && !absl::StrContains(uid, '/');
}

absl::Status Gate::Set(const std::set<std::string>& uids,
                       const std::map<std::string, std::string>& closed) {
  if (directory_.empty()) return absl::OkStatus();
  absl::Status first = Open(uids);
  first.Update(SayWhy(closed));
  return first;
}

absl::Status Gate::Open(const std::set<std::string>& uids) {
  absl::Status first;
  for (const std::string& uid : uids) {
    if (open_.count(uid) > 0 || !IsGateName(uid)) continue;
    const std::string path = absl::StrCat(directory_, "/", uid);
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
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
    first.Update(Remove(path));
    it = open_.erase(it);
  }
  return first;
}

// Those of an agent before.
void Gate::ForgetWhy() {
  std::error_code error;
  std::filesystem::directory_iterator files(directory_, error);
  for (; !error && files != std::filesystem::directory_iterator(); files.increment(error)) {
    const std::string name = files->path().filename().string();
    if (name.front() == '.' && absl::EndsWith(name, kWhySuffix))
      Remove(files->path().string()).IgnoreError();
  }
}

absl::Status Gate::SayWhy(const std::map<std::string, std::string>& closed) {
  if (!std::exchange(has_forgotten_, true)) ForgetWhy();
  absl::Status first;
  std::map<std::string, std::string> said;
  for (const auto& [uid, why] : closed) {
    if (!IsGateName(uid)) continue;
    const auto before = closed_.find(uid);
    if (before == closed_.end() || before->second != why) {
      const absl::Status status = WriteWholeFile(WhyPath(directory_, uid), why + "\n");
      first.Update(status);
      if (!status.ok()) continue;
    }
    said[uid] = why;
  }
  for (const auto& before : closed_) {
    if (said.count(before.first) == 0) first.Update(Remove(WhyPath(directory_, before.first)));
  }
  closed_ = std::move(said);
  return first;
}

}  // namespace dmem::client
