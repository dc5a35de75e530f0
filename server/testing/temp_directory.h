// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef SERVER_TESTING_TEMP_DIRECTORY_H_
#define SERVER_TESTING_TEMP_DIRECTORY_H_

#include <stdlib.h>

#include <filesystem>
#include <string>
#include <system_error>

#include "core/check.h"

namespace dmem::server {

// A fresh directory, removed with all that is in it on destruction.
class TempDirectory {
 public:
  TempDirectory() {
    const char* base = getenv("TEST_TMPDIR");
    path_ = std::string(base != nullptr ? base : "/tmp") + "/dmemd-XXXXXX";
    DMEM_CHECK(mkdtemp(&path_[0]) != nullptr);
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  ~TempDirectory() {
    std::error_code ignored;  // What cannot be removed harms no later test.
    std::filesystem::remove_all(path_, ignored);
  }

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace dmem::server

#endif  // SERVER_TESTING_TEMP_DIRECTORY_H_
