// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "client/agent/write_file.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace dmem::client {
namespace {

absl::Status CannotWrite(const std::string& path, absl::string_view why) {
  return absl::UnavailableError(absl::StrCat("cannot write ", path, ": ", why));
}

}  // namespace

absl::Status WriteWholeFile(const std::string& path, absl::string_view text) {
  std::error_code error;
  const std::filesystem::path directory = std::filesystem::path(path).parent_path();
  if (!directory.empty()) std::filesystem::create_directories(directory, error);
  if (error) return CannotWrite(path, error.message());
  return ReplaceFile(path, path + ".new", text);
}

absl::Status ReplaceFile(const std::string& path, const std::string& next, absl::string_view text) {
  errno = 0;
  std::ofstream file(next, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) return CannotWrite(path, std::strerror(errno == 0 ? EIO : errno));
  std::error_code error;
  std::filesystem::rename(next, path, error);
  return error ? CannotWrite(path, error.message()) : absl::OkStatus();
}

}  // namespace dmem::client
