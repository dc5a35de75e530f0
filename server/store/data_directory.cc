// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "server/store/data_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "rocksdb/env.h"
#include "server/store/env_files.h"

namespace dmem::server {
namespace {

constexpr char kFormatName[] = "FORMAT";
// Its presence without FORMAT marks a store in the making; renaming it finishes the store.
constexpr char kUnfinishedName[] = "FORMAT.new";
constexpr char kLockName[] = "LOCK";
constexpr absl::string_view kFormatWords = "dmemd store format ";

std::string Quoted(const std::string& directory) {
  return absl::StrCat("data directory \"", directory, "\"");
}

std::string ParentOf(std::string directory) {
  while (directory.size() > 1 && directory.back() == '/') directory.pop_back();
  const size_t slash = directory.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : directory.substr(0, slash);
}

absl::Status CheckFormat(rocksdb::Env* env, const std::string& directory) {
  const std::string path = absl::StrCat(directory, "/", kFormatName);
  std::string contents;
  const rocksdb::Status read = rocksdb::ReadFileToString(env, path, &contents);
  if (!read.ok()) {
    return FromRocksDb(read, absl::StrCat(Quoted(directory), ": cannot read ", path));
  }
  absl::string_view line = contents;
  int format = 0;
  if (!absl::ConsumePrefix(&line, kFormatWords) || !absl::ConsumeSuffix(&line, "\n") ||
      !absl::SimpleAtoi(line, &format) || format < 1 || absl::StrCat(format) != line) {
    return absl::DataLossError(
        absl::StrCat(Quoted(directory), ": ", path, " is not a line \"", kFormatWords, "N\""));
  }
  if (format != kStoreFormat) {
    return absl::FailedPreconditionError(absl::StrCat(
        Quoted(directory), " has store format ", format, " (", path,
        "); this dmemd reads store format ", kStoreFormat, ": use ",
        format > kStoreFormat ? "a newer dmemd" : "the dmemd that wrote it, or a new directory"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<DirectoryLock>> DirectoryLock::Acquire(
    const std::string& directory) {
  const std::string path = absl::StrCat(directory, "/", kLockName);
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(Quoted(directory), " is not writable: ", path, ": ", std::strerror(errno)));
  }
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    char pid[16] = {};
    const ssize_t read = ::pread(fd, pid, sizeof(pid) - 1, 0);
    ::close(fd);
    if (error != EWOULDBLOCK) {
      return absl::UnavailableError(
          absl::StrCat(Quoted(directory), ": cannot lock ", path, ": ", std::strerror(error)));
    }
    const absl::string_view holder = absl::StripSuffix(pid, "\n");
    return absl::FailedPreconditionError(absl::StrCat(
        Quoted(directory), " is in use by another dmemd",
        read > 0 && !holder.empty() ? absl::StrCat(", pid ", holder) : "", " (", path, ")"));
  }
  // For people only: that it cannot be written takes nothing from the lock.
  const std::string pid = absl::StrCat(::getpid(), "\n");
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, pid.data(), pid.size(), 0) < 0) errno = 0;
  return std::unique_ptr<DirectoryLock>(new DirectoryLock(fd));
}

DirectoryLock::~DirectoryLock() { ::close(fd_); }

absl::StatusOr<DirectoryState> InspectDirectory(rocksdb::Env* env, const std::string& directory) {
  std::vector<std::string> children;
  const rocksdb::Status listed = env->GetChildren(directory, &children);
  // RocksDB says "not found" of what may not be read, too: that must not pass for empty.
  if (listed.IsNotFound() && env->FileExists(directory).IsNotFound()) {
    return DirectoryState::kEmpty;
  }
  if (!listed.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat(Quoted(directory), " cannot be read: ", listed.ToString()));
  }
  const auto has = [&children](absl::string_view name) {
    return std::find(children.begin(), children.end(), name) != children.end();
  };
  if (has(kFormatName)) {
    absl::Status format = CheckFormat(env, directory);
    if (!format.ok()) return format;
    return DirectoryState::kStore;
  }
  if (has(kUnfinishedName)) return DirectoryState::kUnfinished;
  for (const std::string& child : children) {
    // A lock says nothing, and a freshly made file system has its lost+found.
    if (child == kLockName || child == "lost+found" || child == "." || child == "..") continue;
    return absl::FailedPreconditionError(
        absl::StrCat(Quoted(directory), " is not empty (it has \"", child, "\") and has no ",
                     kFormatName, " file: not a dmemd store, or a damaged one"));
  }
  return DirectoryState::kEmpty;
}

absl::Status MakeDirectory(rocksdb::Env* env, const std::string& directory) {
  rocksdb::Status status = env->CreateDirIfMissing(directory);
  if (status.ok()) status = SyncDirectory(env, ParentOf(directory));
  if (status.ok()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(Quoted(directory), " cannot be made: ", status.ToString()));
}

absl::Status BeginStore(rocksdb::Env* env, const std::string& directory) {
  rocksdb::Status status = WriteFileSynced(env, absl::StrCat(directory, "/", kUnfinishedName),
                                           absl::StrCat(kFormatWords, kStoreFormat, "\n"));
  if (status.ok()) status = SyncDirectory(env, directory);
  return FromRocksDb(status, absl::StrCat(Quoted(directory), ": cannot make a store"));
}

absl::Status FinishStore(rocksdb::Env* env, const std::string& directory) {
  rocksdb::Status status = env->RenameFile(absl::StrCat(directory, "/", kUnfinishedName),
                                           absl::StrCat(directory, "/", kFormatName));
  if (status.ok()) status = SyncDirectory(env, directory);
  return FromRocksDb(status, absl::StrCat(Quoted(directory), ": cannot make a store"));
}

}  // namespace dmem::server
