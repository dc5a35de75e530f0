// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/dmem_files/cgroup_files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace dmem::client {
namespace {

constexpr size_t kMaxFileBytes = 1 << 20;
constexpr char kSubtreeControl[] = "cgroup.subtree_control";

absl::Status SystemError(absl::string_view what, const std::string& path, int error) {
  const std::string text = absl::StrCat("cannot ", what, " ", path, ": ", strerror(error));
  switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ENODEV:  // A cgroup that is removed while one of its files is open.
      return absl::NotFoundError(text);
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(text);
    default:
      return absl::UnavailableError(text);
  }
}

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags)
      // Never waits: not for a pipe that somebody put there, and not for memory to be reclaimed.
      : fd_(::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  bool ok() const { return fd_ >= 0; }
  int fd() const { return fd_; }

 private:
  const int fd_;
};

absl::StatusOr<std::string> ReadAll(const Descriptor& file, const std::string& path) {
  std::string text;
  char buffer[16 << 10];
  while (true) {
    const ssize_t size = ::read(file.fd(), buffer, sizeof(buffer));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return SystemError("read", path, errno);
    if (size == 0) return text;
    text.append(buffer, static_cast<size_t>(size));
    if (text.size() > kMaxFileBytes) {
      return absl::UnavailableError(absl::StrCat(path, " has more than ", kMaxFileBytes, " bytes"));
    }
  }
}

// One write: the kernel parses each on its own.
absl::Status WriteOnce(const Descriptor& file, const std::string& path, absl::string_view text) {
  ssize_t size;
  do {
    size = ::pwrite(file.fd(), text.data(), text.size(), 0);
  } while (size < 0 && errno == EINTR);
  if (size < 0) return SystemError("write", path, errno);
  if (static_cast<size_t>(size) == text.size()) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("cannot write ", path, ": took ", size, " of ", text.size(), " bytes"));
}

class CgroupTree : public CgroupFiles {
 public:
  explicit CgroupTree(std::string root) : root_(std::move(root)) {}

  absl::StatusOr<std::string> Read(absl::string_view cgroup, absl::string_view file) override {
    const std::string path = PathOf(cgroup, file);
    const Descriptor opened(path, O_RDONLY);
    if (!opened.ok()) return SystemError("open", path, errno);
    return ReadAll(opened, path);
  }

  absl::Status WriteLimit(absl::string_view cgroup, absl::string_view file,
                          absl::string_view region, absl::string_view value) override {
    const std::string line = absl::StrCat(region, " ", value, "\n");
    if (IsKernels()) return Write(cgroup, file, line);
    return Rewrite(cgroup, file, [region, &line](absl::string_view text) {
      std::vector<std::string> lines;
      bool found = false;
      for (const absl::string_view old : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
        const bool same = absl::StartsWith(old, absl::StrCat(region, " "));
        if (same && found) continue;
        found |= same;
        lines.push_back(same ? line : absl::StrCat(old, "\n"));
      }
      if (!found) lines.push_back(line);
      return absl::StrJoin(lines, "");
    });
  }

  absl::Status EnableDmem(absl::string_view cgroup) override {
    if (IsKernels()) return Write(cgroup, kSubtreeControl, "+dmem");
    return Rewrite(cgroup, kSubtreeControl, [](absl::string_view text) {
      const absl::string_view others = absl::StripAsciiWhitespace(text);
      return absl::StrCat(others, others.empty() ? "" : " ", "dmem\n");
    });
  }

  absl::Status CheckCgroup(absl::string_view cgroup) override {
    const std::string path = PathOf(cgroup, "");
    struct stat info;
    if (::stat(path.c_str(), &info) != 0) return SystemError("look at", path, errno);
    return S_ISDIR(info.st_mode) ? absl::OkStatus() : SystemError("look at", path, ENOTDIR);
  }

  absl::Status CheckWritable(absl::string_view cgroup, absl::string_view file) override {
    const std::string path = PathOf(cgroup, file);
    if (::access(path.c_str(), W_OK) != 0) return SystemError("write", path, errno);
    return absl::OkStatus();
  }

 private:
  std::string PathOf(absl::string_view cgroup, absl::string_view file) const {
    return absl::StrCat(root_, cgroup == "/" ? "" : cgroup, "/", file);
  }

  // Asked every time: the tree may be mounted after this was made.
  bool IsKernels() const {
    struct statfs info;
    return ::statfs(root_.c_str(), &info) == 0 && info.f_type == CGROUP2_SUPER_MAGIC;
  }

  absl::Status Write(absl::string_view cgroup, absl::string_view file, absl::string_view text) {
    const std::string path = PathOf(cgroup, file);
    const Descriptor opened(path, O_WRONLY);
    if (!opened.ok()) return SystemError("open", path, errno);
    return WriteOnce(opened, path, text);
  }

  template <typename Edit>
  absl::Status Rewrite(absl::string_view cgroup, absl::string_view file, const Edit& edit) {
    const std::string path = PathOf(cgroup, file);
    const Descriptor opened(path, O_RDWR);
    if (!opened.ok()) return SystemError("open", path, errno);
    const absl::StatusOr<std::string> old = ReadAll(opened, path);
    if (!old.ok()) return old.status();
    const std::string text = edit(*old);
    if (absl::Status status = WriteOnce(opened, path, text); !status.ok()) return status;
    if (::ftruncate(opened.fd(), static_cast<off_t>(text.size())) != 0) {
      return SystemError("cut", path, errno);
    }
    return absl::OkStatus();
  }

  const std::string root_;
};

}  // namespace

std::unique_ptr<CgroupFiles> MakeCgroupFiles(std::string root) {
  return std::make_unique<CgroupTree>(std::move(root));
}

}  // namespace dmem::client
