// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/read_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace dmem::client {
namespace {

constexpr size_t kBlockBytes = 16384;

}  // namespace

absl::StatusOr<std::string> ReadSmallFile(const std::string& path, size_t max_bytes) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  std::string text;
  size_t size = 0;
  int error = 0;
  while (size <= max_bytes) {
    text.resize(size + std::min(kBlockBytes, max_bytes + 1 - size));
    const ssize_t got = ::read(fd, &text[size], text.size() - size);
    if (got == 0) break;
    if (got > 0) {
      size += static_cast<size_t>(got);
    } else if (errno != EINTR) {
      error = errno;
      break;
    }
  }
  ::close(fd);
  if (error != 0) return absl::ErrnoToStatus(error, absl::StrCat("cannot read ", path));
  if (size > max_bytes) {
    return absl::OutOfRangeError(absl::StrCat(path, " has more than ", max_bytes, " bytes"));
  }
  text.resize(size);
  return text;
}

}  // namespace dmem::client
